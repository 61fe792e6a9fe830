"""How far an issue is on its way to the list, in a few words for a list of issues.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.sending.campaign import Campaign, CampaignState


def told_state(campaigns: Sequence[Campaign]) -> str:
    """What `campaigns` of one issue, the oldest first, come to: "planned", "sending 120 of 1,000", "sent 998 of 1,000".

    The one that is not finished counts, the last if there are several; if all are, their numbers are added.
    """
    begun = [one for one in campaigns if one.state is not CampaignState.FINISHED]
    counted = begun[-1:] or campaigns
    accepted = sum(one.counts.accepted for one in counted)
    numbers = f"{accepted:,} of {sum(one.counts.audience for one in counted):,}"
    if not begun:
        return f"sent {numbers}"
    match begun[-1].state:
        case CampaignState.DUE:
            return "planned"
        case CampaignState.STOPPED:
            return f"stopped at {numbers}"
        case _:
            return f"sending {numbers}" if begun[-1].owner else f"interrupted at {numbers}"

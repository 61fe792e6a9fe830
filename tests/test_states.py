"""How far an issue is, told in a few words."""

from __future__ import annotations

import pytest

from newsletter.sending.campaign import Campaign, CampaignState, Counts
from newsletter.web.states import told_state

DUE, SENDING, FINISHED, STOPPED = CampaignState


def campaign(state: CampaignState, accepted: int, audience: int, owner: str = "") -> Campaign:
    counts = Counts(audience, accepted, 0, 0, 0, 0, 0)
    return Campaign(
        1,
        "an-issue",
        "digest",
        "Subject",
        "",
        "",
        state,
        "",
        1,
        0,
        0,
        False,
        False,
        None,
        None,
        owner,
        0,
        counts,
    )


@pytest.mark.parametrize(
    ("campaigns", "told"),
    [
        ([campaign(DUE, 0, 1000)], "planned"),
        ([campaign(SENDING, 120, 1000, "pid 7 at here")], "sending 120 of 1,000"),
        ([campaign(SENDING, 120, 1000)], "interrupted at 120 of 1,000"),
        ([campaign(STOPPED, 120, 1000)], "stopped at 120 of 1,000"),
        ([campaign(FINISHED, 998, 1000)], "sent 998 of 1,000"),
        ([campaign(FINISHED, 998, 1000), campaign(FINISHED, 10, 10)], "sent 1,008 of 1,010"),
        ([campaign(FINISHED, 998, 1000), campaign(DUE, 0, 10)], "planned"),
        ([campaign(STOPPED, 1, 2), campaign(FINISHED, 10, 10)], "stopped at 1 of 2"),
    ],
)
def test_the_campaign_that_is_not_finished_counts(campaigns: list[Campaign], told: str) -> None:
    assert told_state(campaigns) == told

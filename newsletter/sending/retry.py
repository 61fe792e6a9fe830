"""When a message that was put off is tried again, and when it is given up.

    tried -> 5 min -> 15 -> 30 -> 60 -> 2 h -> 4 h -> 4 h ... 72 h after the first try: given up

RFC 5321, section 4.5.4.1 asks for 30 minutes between tries and for 4 to 5 days; a newsletter starts sooner, because most
4yz to one are greylisting, which lifts after 5 minutes, and ends sooner, because it is stale after three days.  Each delay
is up to a tenth shorter or longer, so that what was put off together does not come back together.

What a lost connection interrupted, or a server that said goodbye (421), nobody has refused: that is tried again after
seconds, twice, before it is treated like the rest.

Pure: the time and the jitter come in.
"""

from __future__ import annotations

#: Delays in seconds after the first, second ... try; the last one repeats.
DELAYS = (300, 900, 1800, 3600, 7200, 14400)
#: Delays after the first two tries that no reply to the message ended.
SOON = (5, 60)
#: How long after the first try the last one is.
GIVE_UP_SECONDS = 72 * 3600
#: The share of a delay by which it can be shorter or longer.
JITTER = 0.1


def retry_at(tries: int, *, first_at: int, now: int, jitter: float, soon: bool = False) -> int | None:
    """The second at which a message is tried again after `tries` tries, or None, if it is given up.

    `first_at` is when it was first tried, `jitter` a number from 0 to 1 (0.5: exactly the delay); `soon` says that no reply
    to the message ended the try.
    """
    last = first_at + GIVE_UP_SECONDS
    if now >= last:
        return None
    delays = SOON if soon and tries <= len(SOON) else DELAYS
    delay = delays[min(max(tries, 1), len(delays)) - 1] * (1 + JITTER * (2 * jitter - 1))
    return min(now + round(delay), max(last, now + 1))

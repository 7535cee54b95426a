"""What a charger has surely drawn from one word of its meter to the next.

What only the site's meter shows is the rest of what chargers draw. A word tells one instant, or the
mean of a while: whoever told 7 kW a minute ago may draw nothing since, and the rest would seem to
be 7 kW less than it is. So nothing counts but what two words agree on, and only for the time
between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from daemon.core.phases import flow, told_kw

if TYPE_CHECKING:
    from daemon.core.site_meter import SiteMeter
    from daemon.core.station import Evse, Station


@dataclass(slots=True, kw_only=True)
class Word:
    """The newest one: on which link and of which transaction it was told, when it was heard (in
    monotonic seconds), and the least that the EVSE may have drawn since, in kW as it is told:
    what it metered, and what it was ordered meanwhile. `mean` is from when to when the word was the
    mean, and the least that was drawn then by that: one more word has to bear it out."""

    session: int | None
    transaction: str
    heard_s: float
    least_kw: float
    mean: tuple[float, float, float] | None = None


def ordered(evse: Evse, now_s: float) -> None:
    """An order is under way, or what was lent is over."""
    if evse.word is not None:
        evse.word.least_kw = min(evse.word.least_kw, evse.least_kw(now_s))


def hear(
    meter: SiteMeter, station: Station, evse: Evse, *, taken_s: float, now_s: float, is_mean: bool
) -> None:
    """It has told `evse.power_kw`, of the instant `taken_s` or as the mean since its last word."""
    before, evse.word = evse.word, None
    if evse.transaction is None:
        return
    kw = told_kw(evse, evse.power_kw)
    evse.word = Word(
        session=station.session, transaction=evse.transaction, heard_s=now_s, least_kw=kw
    )
    if before is None or (before.session, before.transaction) != (
        station.session,
        evse.transaction,
    ):
        return
    if before.mean is not None:
        from_s, until_s, least_kw = before.mean
        meter.charged(from_s, until_s, flow(evse, min(least_kw, kw)))
    between = (before.heard_s, min(taken_s, now_s), min(before.least_kw, kw))
    if is_mean:
        evse.word.mean = between
    else:
        meter.charged(between[0], between[1], flow(evse, between[2]))

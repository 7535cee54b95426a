"""Accepted is a promise: what a station leaves stays booked until it has shown that it left it.

Two witnesses are heard, as far as a station has them. Its meter shows what is really drawn, but
not what a vehicle that takes little by itself could draw; the schedule that it reads back shows
what may be drawn, but is one more promise. Who has neither is believed when the time to settle is
over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

from daemon.core.lease import Lease, either

if TYPE_CHECKING:
    from daemon.core.station import Evse, Station

# Vehicles draw less within so many seconds of being told (IEC 61851-1, annex A).
FOLLOWED_S = 5.0
# A register wants two samples so far apart to show a power; who shows nothing is asked ever less.
AGAIN_S = 5.0
# Meters tell whole watts.
METER_KW = 0.005


@dataclass(slots=True, kw_only=True)
class Leaving:
    """What an EVSE has promised to leave: `lease` covers all that it may go on with. From
    `settled_s` on its vehicle has followed; `metered_kw` is what its meter has shown since, in kW
    as it is told, infinite while that is more than any meter errs by, and `read_back` whether what
    it reads back shows it left, None before it was read; `ask_s` is when it is asked next."""

    lease: Lease
    settled_s: float
    ask_s: float
    metered_kw: float = math.inf
    read_back: bool | None = None

    def is_awaited(self, now_s: float) -> bool:
        """Whether it is worth waiting for: who is honest has shown it by then."""
        return now_s < self.settled_s + 2 * AGAIN_S

    def read(self, now_s: float, settle_s: float, *, left: bool) -> None:
        """What it reads back has left what was to be left, or has not. Who has left it only since
        it was read before has a vehicle that follows yet: a lease that it kept against an order is
        over."""
        if left and self.read_back is False:
            self.settled_s, self.metered_kw = now_s + settle_s, math.inf
        self.read_back = left

    def asked(self, now_s: float) -> None:
        self.ask_s = now_s + max(AGAIN_S, now_s - self.settled_s)


def leave(evse: Evse, told: Lease, settled_s: float) -> None:
    """Notes what is left for `told`, which was accepted at this instant and is not yet held."""
    leaving = evse.leaving
    before = evse.leases() if leaving is None else [*evse.leases(), leaving.lease]
    above = [lease for lease in before if lease.kw > max(told.kw, evse.floor_kw)]
    if not above:
        evse.leaving = None
    elif leaving is None or any(lease.kw != told.kw for lease in evse.leases()):
        evse.leaving = Leaving(lease=reduce(either, above), settled_s=settled_s, ask_s=settled_s)


def due_s(evse: Evse) -> float | None:
    """When a round has to look at what is being left."""
    return None if evse.leaving is None else evse.leaving.ask_s


def remains(
    station: Station,
    evse: Evse,
    leaving: Leaving,
    now_s: float,
    *,
    slack_s: float,
    unheard_s: float,
) -> Lease | None:
    """What still has to be booked of what was left. A meter that has told nothing for `unheard_s`
    of a link is no witness; what was lent to a station that keeps leases is over by itself.

    What is metered above what was told, by no more than a meter errs by, stays booked: it may be
    drawn. A cut of that size shows only where it is followed.
    """
    if station.keeps_leases and leaving.lease.past_s(slack_s) <= now_s:
        return None
    if now_s < leaving.settled_s or not station.online:
        return leaving.lease
    if station.capabilities.reads_back and not leaving.read_back:
        return leaving.lease
    told_kw = max((lease.kw for lease in evse.leases()), default=evse.floor_kw)
    silent_since_s = evse.sampled_s
    if math.isfinite(silent_since_s) and station.online_since_s is not None:
        silent_since_s = max(silent_since_s, station.online_since_s)  # before, it had no link
    unheard = now_s > silent_since_s + unheard_s
    if unheard or leaving.metered_kw <= told_kw + METER_KW:
        return None
    return replace(leaving.lease, kw=min(leaving.lease.kw, leaving.metered_kw))

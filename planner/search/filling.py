"""One vehicle's charging for given routes, within what the others leave free.

Connectors are chosen visit by visit (`windows`). Then the cheapest steps before each departure are
taken until its need is met, the earliest departure first (`taking`): the best there is for one
vehicle at known prices, since each need counts all that is charged before it. Where connectors are
scarce, a visit's charging is drawn together in time, so that others can use the connector.
"""

from __future__ import annotations

from collections.abc import Sequence

from planner.search.instance import MARGIN_KWH, Instance
from planner.search.mover import Duty, Mover, Span
from planner.search.room import Booking, Room
from planner.search.taking import Taking
from planner.search.windows import Taste, windows

_EPS = 1e-6


class Filling:
    """`missing_kwh` is short at departures, `short_kwh` of the target at the end.

    Most fillings are only compared: their bookings are made when they are asked for.
    """

    __slots__ = ("_bookings", "_taking", "cost", "missing_kwh", "short_kwh", "spans")

    def __init__(
        self,
        spans: Sequence[Span],
        bookings: list[Booking] | Taking,
        missing_kwh: float,
        short_kwh: float,
        cost: float,
    ) -> None:
        self.spans, self.missing_kwh, self.short_kwh, self.cost = (
            spans,
            missing_kwh,
            short_kwh,
            cost,
        )
        self._taking = bookings if isinstance(bookings, Taking) else None
        self._bookings = bookings if isinstance(bookings, list) else []

    @property
    def lacks_kwh(self) -> float:
        """At departures and at the end together."""
        return self.missing_kwh + self.short_kwh

    @property
    def bookings(self) -> list[Booking]:
        if self._taking is not None:
            self._bookings, self._taking = self._taking.bookings(), None
        return self._bookings


def fill(
    instance: Instance,
    room: Room,
    mover: Mover,
    duty: Duty,
    taste: Taste,
    *,
    whole: bool,
) -> Filling | None:
    """The vehicle's filling; with `whole` None where a departure would be short."""
    drives, spans, checks = duty
    needs = [c.kwh + c.margin_kwh for c in checks]
    wanted = [
        c.spans
        for c, kwh in zip(checks, needs, strict=True)
        if kwh > _EPS and (c.due or taste.target)
    ]
    last = max(wanted, default=0)
    if last == 0:
        missing = sum(max(0.0, c.kwh) for c in checks if c.due)
        short = sum(max(0.0, c.kwh) for c in checks if not c.due)
        if whole and missing > _EPS:
            return None
        return Filling(spans, [], missing, short, 0.0)
    found = windows(instance, room, mover, spans[:last], checks, taste)
    taking = Taking(instance, mover, drives, spans, found, taste)
    taking.take(checks, needs)
    missing, short = taking.settle(checks)
    if whole and missing > _EPS:
        return None
    return Filling(spans, taking, missing, short, taking.cost())


def is_hopeless(room: Room, mover: Mover, duty: Duty, own: Sequence[Booking]) -> bool:
    """Whether a departure would be short at all the power that the limits leave and `own` takes, at
    whichever connector. Where energy is scarce that turns down 19 of 20 fillings that would be
    short, in a tenth of their time."""
    kw, battery_kwh, done = room.free_for(mover, own), 0.0, 0
    for check in duty.checks:
        if check.due:
            for span in duty.spans[done : check.spans]:
                drawn_kwh = float(kw[span.first_step : span.end_step] @ span.hours)
                battery_kwh += mover.vehicle.efficiency * drawn_kwh
            done = max(done, check.spans)
            if check.kwh > battery_kwh + 2 * MARGIN_KWH:
                return True
    return False

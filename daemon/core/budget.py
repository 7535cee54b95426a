"""What each charger may draw at worst, so that the sum holds.

Every limit that is sent passes here; the planner only proposes. A booking is the highest of what an
EVSE follows, was asked to follow, may follow for want of an answer, and falls back to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from daemon.core.curves import combine, lowest_from, minus
from daemon.core.station import Evse, Station
from planner.series import Point, Series
from planner.snapshot import Circuit

Key = tuple[str, int]
SITE = "site"
ROUNDING_KW = 1e-6


@dataclass(frozen=True, slots=True)
class Budget:
    """Room for charging by circuit, the whole site included, in kW over time."""

    room: Mapping[str, Series]
    parents: Mapping[str, str | None]

    def above(self, circuit: str | None) -> Iterator[str]:
        """The limits that a connector on `circuit` stands under, the nearest first."""
        while circuit is not None and circuit in self.parents:
            yield circuit
            circuit = self.parents[circuit]
        yield SITE


def budget_of(
    import_limit_kw: Series, base_load_kw: Series, pv_kw: Series, circuits: Iterable[Circuit]
) -> Budget:
    """Base load takes from the site's limit, sunshine adds to it (law 7)."""
    listed = list(circuits)
    room = {circuit.id: circuit.limit_kw for circuit in listed}
    room[SITE] = minus(combine(sum, import_limit_kw, pv_kw), base_load_kw)
    return Budget(room=room, parents={circuit.id: circuit.parent for circuit in listed})


def left(budget: Budget, stations: Iterable[Station], without: Iterable[Key] = ()) -> Budget:
    """The room that the bookings of all EVSEs but `without` leave; negative where they exceed."""
    excepted = set(without)
    taken: dict[str, list[Series]] = {}
    for station in stations:
        for evse in station.evses.values():
            if (station.id, evse.spec.connector) in excepted:
                continue
            booking = evse.booking()
            for limit in budget.above(evse.spec.circuit):
                taken.setdefault(limit, []).append(booking)
    room = {limit: minus(all_, *taken.get(limit, [])) for limit, all_ in budget.room.items()}
    return Budget(room=room, parents=budget.parents)


def available(budget: Budget, circuit: str | None) -> Series:
    """The least room of all limits above, never below 0."""
    return combine(lambda v: max(0.0, min(v)), *(budget.room[at] for at in budget.above(circuit)))


def fit(budget: Budget, wishes: Iterable[tuple[Evse, Series]]) -> list[Series]:
    """What each wish gets of the room, the first one first, none more than is left.

    Every floor is booked before the first wish is heard. A wish that would get less than its
    connector can charge with gets nothing for that time, so that the rest stays for others.
    """
    listed = list(wishes)
    for evse, _ in listed:
        budget = less(budget, evse, Series.constant(evse.floor_kw))
    granted: list[Series] = []
    for evse, wish in listed:
        budget = less(budget, evse, Series.constant(-evse.floor_kw))
        most = combine(min, wish, available(budget, evse.spec.circuit))
        grant = _usable(most, evse.spec.min_kw)
        granted.append(grant)
        budget = less(budget, evse, combine(max, grant, Series.constant(evse.floor_kw)))
    return granted


def less(budget: Budget, evse: Evse, kw: Series) -> Budget:
    """The room that is left when `evse` draws `kw`."""
    room = dict(budget.room)
    for limit in budget.above(evse.spec.circuit):
        room[limit] = minus(room[limit], kw)
    return Budget(room=room, parents=budget.parents)


def _usable(power: Series, min_kw: float) -> Series:
    return Series(
        points=tuple(
            Point(at=p.at, value=p.value if p.value >= min_kw - ROUNDING_KW else 0.0)
            for p in power.points
        )
    )


def overload_kw(budget: Budget, start: datetime) -> dict[str, float]:
    """By how much bookings exceed each limit at worst, from `start` on; empty when all hold."""
    lows = {name: lowest_from(room, start) for name, room in budget.room.items()}
    return {name: -low for name, low in lows.items() if low < -ROUNDING_KW}

"""Why a route is not driven: the law that binds, told by what would have to change.

Everything else stays as it is planned. A reason names a vehicle and an amount: with that much more
(energy, power, time, or a connector) the route could be driven by it, with less it could not. That
no vehicle at all could do with less is said only where every one was looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from planner.algorithms.reach import ALONE, ANYHOW, AS_PLANNED, Lack, Reach, World
from planner.drafts.choices import (
    Choices,
    Drive,
    clash,
    lawful,
    longest_shift_s,
    max_hours_on_routes,
    max_shift_hours,
    most_drivers,
)
from planner.drafts.draft import Draft
from planner.drafts.timeline import Timeline
from planner.series import MAX_NUMBER
from planner.snapshot import Snapshot

_LOOKS = 150
"""So many times a vehicle's energy is followed for all reasons of a plan: 0.1 ms each. Routes that
come after get one look, which tells what is lacking but not of what more would be enough."""

_CLOSEST = 4
"""Of the vehicles that are free so many are looked at, those with the most energy to spare."""


_Hindrance = tuple[float, Callable[[], str]]
"""The minutes that a law which keeps a vehicle from a drive is about, and how to say it."""


class _Option(NamedTuple):
    """A drive beside what its vehicle drives already. At its departure at least `short_kwh` are
    lacking, negative where there are more: in order, those come first that have most to spare."""

    short_kwh: float
    vehicle: str
    drive: Drive
    mine: list[Drive]

    @property
    def drives(self) -> list[Drive]:
        return [*self.mine, self.drive]


class Reasons:
    """For the unserved routes of one draft; clock times are UTC."""

    def __init__(self, snapshot: Snapshot, line: Timeline, chosen: Choices, draft: Draft) -> None:
        self._snapshot, self._line, self._chosen, self._draft = snapshot, line, chosen, draft
        self._reach = Reach(snapshot, line, draft)
        self._looks = _LOOKS
        self._able: str | None = None
        rules = snapshot.rules
        self._gap_s = rules.gap_minutes * 60
        limits_h = max_shift_hours(rules), max_hours_on_routes(rules)
        self._only_gaps = not rules.excluded_pairs and limits_h == (None, None)
        self._buffer_s = rules.departure_buffer_minutes * 60
        self._most_drivers = most_drivers(snapshot)
        self._rates: dict[str, tuple[float, float, float, float]] = {}
        self._pins = {r.id: r.vehicle for r in snapshot.routes if r.vehicle is not None}
        driven = {d.route for drives in draft.drives.values() for d in drives}
        self._options = {r: list(o) for r, o in chosen.options.items() if r not in driven}

    def reason(self, route: str) -> str:
        if route in self._chosen.hopeless:
            return self._chosen.hopeless[route]
        drives = self._options[route]
        who = f"its vehicle {self._pins[route]}" if route in self._pins else None
        if self._looks > 0 and not self._same_could_alone(drives):
            alone = self._fullest_first((d, []) for d in drives)
            short = self._too_little(alone, ANYHOW)
            if short:
                never = f"{who} never" if who else "no allowed vehicle"
                return self._alone(never, *short, ANYHOW)
        beside = [(d, self._draft.drives[d.vehicle]) for d in drives]
        free = self._fullest_first((d, mine) for d, mine in beside if self._fits(d, mine))
        if not free:
            busy = f"{who} is not free" if who else "no allowed vehicle is free"
            return f"{busy}: {self._busy(beside)}"
        short = self._too_little(free, ALONE)
        if short:
            never = f"{who} never" if who else "no vehicle that is free"
            return self._alone(never, *short, ALONE)
        return self._crowded(free[:_CLOSEST])

    def _same_could_alone(self, drives: Sequence[Drive]) -> bool:
        """Whether the vehicle that could drive the last route alone could drive this one: then
        the others need no look."""
        found = next((d for d in drives if d.vehicle == self._able), None)
        return found is not None and self._lack(self._option(found, []), ANYHOW) is None

    def _fullest_first(self, found: Iterable[tuple[Drive, list[Drive]]]) -> list[_Option]:
        return sorted(self._option(drive, mine) for drive, mine in found)

    def _option(self, drive: Drive, mine: list[Drive]) -> _Option:
        has_kwh, battery_kwh, kwh_a_s, at_s = self._rate(drive.vehicle)
        here_s = drive.depart_s - self._buffer_s - at_s
        for other in mine:
            if other.return_s <= drive.depart_s:
                here_s -= other.return_s - other.depart_s
                has_kwh -= other.energy_kwh
        most_kwh = max(0.0, has_kwh) + kwh_a_s * max(0.0, here_s)
        return _Option(drive.need_kwh - min(most_kwh, battery_kwh), drive.vehicle, drive, mine)

    def _rate(self, name: str) -> tuple[float, float, float, float]:
        """What the vehicle has, what it can hold, the most that it charges in a second, and from
        when on it is there."""
        found = self._rates.get(name)
        if found is None:
            vehicle = self._chosen.vehicles[name]
            kwh_a_s = vehicle.efficiency * self._reach.best_kw(vehicle) / 3600
            at_s = max(0.0, self._line.seconds(vehicle.available_from))
            found = vehicle.energy_kwh, vehicle.battery_kwh, kwh_a_s, at_s
            self._rates[name] = found
        return found

    def _lack(self, option: _Option, world: World) -> Lack | None:
        self._looks -= 1
        vehicle = self._chosen.vehicles[option.vehicle]
        return self._reach.lack(vehicle, option.drives, world)

    def _too_little(self, options: Sequence[_Option], world: World) -> tuple[_Option, Lack] | None:
        """The option that lacks least, if all lack energy even in `world`, alone at the depot.

        `options` are in order: from where one is sure to lack more than the best, none is followed.
        """
        best: tuple[_Option, Lack] | None = None
        for option in options:
            if best is not None and option.short_kwh >= best[1].kwh:
                break
            lack = self._lack(option, world) if self._looks > 0 else None
            if lack is None:
                self._able = option.vehicle
                return None
            if best is None or lack.kwh < best[1].kwh:
                best = option, lack
        return best

    def _alone(self, who: str, option: _Option, lack: Lack, world: World) -> str:
        """Too little time and power in `world`, whatever the others do."""
        places = range(len(self._line.limits))
        boundless = replace(world, raised=tuple((i, MAX_NUMBER) for i in places))
        if self._lack(option, boundless) is None:
            return f"{self._no_power(option, world)}, even alone"
        barred = world.preference and self._line.barred is not None
        if barred and self._lack(option, ANYHOW) is None:
            return self._left_alone(option, lack)
        drive, vehicle = lack.drive, self._chosen.vehicles[lack.drive.vehicle]
        missing = f"{_up(lack.kwh):.1f} kWh more needed"
        if drive.need_kwh > vehicle.battery_kwh:
            missing = f"its battery holds {vehicle.battery_kwh:.0f} kWh, {missing}"
        after = "" if drive is option.drive else f" for {drive.route}, which it drives after it"
        return (
            f"{who} has {drive.need_kwh:.0f} kWh before {self._clock(drive.depart_s)}{after}: "
            f"at most {lack.has_kwh:.0f} kWh in {vehicle.id}, {missing}"
        )

    def _left_alone(self, option: _Option, lack: Lack) -> str:
        """What the charger preference bars would be enough."""
        until, more_kwh = self._clock(lack.drive.depart_s), _up(lack.kwh)
        return (
            f"{option.vehicle} would have at most {lack.has_kwh:.1f} of {lack.drive.need_kwh:.1f} "
            f"kWh before {until}, {more_kwh:.1f} kWh more only from connectors that the charger "
            "preference leaves alone then"
        )

    def _crowded(self, closest: Sequence[_Option]) -> str:
        """The others leave too little: for the closest vehicle, what of it would be enough."""
        if self._looks <= 0:
            return self._lacking(closest[0])
        for option in closest:
            if self._lack(option, AS_PLANNED) is None:
                return f"{option.vehicle} could drive it as well: the search has ended before"
        for option in closest:
            if self._lack(option, World(connectors=False)) is None:
                return self._no_connector(option)
        for option in closest:
            if self._lack(option, World(power=False)) is None:
                return self._no_power(option, World())
        for option in closest:
            if self._lack(option, ALONE) is None:
                power = self._no_power(option, World(connectors=False))
                return f"no connector is free for long enough, and {power}"
        lack = self._lack(closest[0], ALONE)
        assert lack is not None
        return self._alone("of those looked at no vehicle", closest[0], lack, ALONE)

    def _lacking(self, option: _Option) -> str:
        """No more than a single look tells."""
        name, lack = option.vehicle, self._lack(option, AS_PLANNED)
        if lack is None:
            return f"{name} could drive it as well: the search has ended before"
        return (
            f"{name} would have {lack.has_kwh:.1f} of {lack.drive.need_kwh:.1f} kWh before "
            f"{self._clock(lack.drive.depart_s)}, with what the others' charging leaves"
        )

    def _no_connector(self, option: _Option) -> str:
        vehicle = self._chosen.vehicles[option.vehicle]
        lack = self._lack(option, AS_PLANNED)
        assert lack is not None
        return (
            f"no connector with {' or '.join(vehicle.plugs)} is free for long enough before "
            f"{self._clock(lack.drive.depart_s)}: {vehicle.id} would have {lack.has_kwh:.1f} of "
            f"{lack.drive.need_kwh:.1f} kWh, one connector more is needed"
        )

    def _no_power(self, option: _Option, world: World) -> str:
        """The limit that alone would have to be higher, else all of them, and by how much."""
        vehicle = self._chosen.vehicles[option.vehicle]
        above = self._reach.limits_above(vehicle)
        # Beside what fixed loads alone take above a limit.
        above_kw = max((float(-self._line.limits[i].room_kw.min()) for i in above), default=0.0)
        most_kw = self._reach.best_kw(vehicle) + max(0.0, above_kw)

        def enough(places: Sequence[int]) -> Callable[[float], bool]:
            def holds(kw: float) -> bool:
                raised = tuple((i, kw) for i in places)
                return self._lack(option, replace(world, raised=raised)) is None

            return holds

        lack = self._lack(option, world)
        until = self._clock((lack.drive if lack else option.drive).depart_s)
        beside = ", beside what others charge" if world.power else ""
        for places in (*([i] for i in above), above):
            names = " and ".join(self._limit(i) for i in places)
            kw = _least(enough(places), most_kw)
            if kw is not None:
                return f"{vehicle.id} would need {kw:.1f} kW more at {names} before {until}{beside}"
        names = " and ".join(self._limit(i) for i in above)
        return f"{vehicle.id} would need more than {most_kw:.0f} kW more at {names} before {until}"

    def _limit(self, place: int) -> str:
        name = self._line.limits[place].name
        return "the site's import limit" if place == 0 else name

    def _fits(self, drive: Drive, mine: Sequence[Drive]) -> bool:
        gap_s = self._gap_s
        for other in mine:
            # Most overlap, and that is seen without the other laws.
            if drive.depart_s < other.return_s + gap_s and other.depart_s < drive.return_s + gap_s:
                return False
        if self._kept_back(mine):
            return False
        if self._only_gaps:
            return len(mine) < self._snapshot.rules.max_routes_per_vehicle
        return lawful(sorted((*mine, drive), key=lambda d: d.depart_s), self._snapshot.rules)

    def _kept_back(self, mine: Sequence[Drive]) -> bool:
        """Whether a vehicle that drives nothing has to stay in reserve."""
        if self._most_drivers is None or mine:
            return False
        return sum(map(bool, self._draft.drives.values())) >= self._most_drivers

    def _busy(self, beside: Iterable[tuple[Drive, list[Drive]]]) -> str:
        """The vehicles with what keeps each from driving it, those first that are nearest."""
        found = [(*self._hindrance(drive, mine), drive.vehicle) for drive, mine in beside]
        found.sort(key=lambda f: (f[0], f[2]))
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        return ", ".join(f"{vehicle} {text()}" for _, text, vehicle in found[:3]) + more

    def _hindrance(self, drive: Drive, mine: Sequence[Drive]) -> _Hindrance:
        rules = self._snapshot.rules
        if self._kept_back(mine):
            return math.inf, lambda: "is kept in reserve"
        for other in mine:
            if clash(other, drive, rules):
                return self._clash(drive, other)
        if len(mine) >= rules.max_routes_per_vehicle:
            count = f"{len(mine)} routes" if len(mine) > 1 else "1 route"
            return math.inf, lambda: f"drives {count}, the most allowed"
        drives = sorted((*mine, drive), key=lambda d: d.depart_s)
        out_s, most_h = longest_shift_s(drives, rules), max_shift_hours(rules)
        if most_h is not None and out_s > most_h * 3600:
            shift = f"{out_s / 3600:.1f} h of {most_h:g} h allowed"
            return out_s / 60 - 60 * most_h, lambda: f"would have a shift of {shift}"
        out_s, most_h = sum(d.return_s - d.depart_s for d in drives), max_hours_on_routes(rules)
        if most_h is not None and out_s > most_h * 3600:
            hours = f"{out_s / 3600:.1f} h on routes, {most_h:g} h are allowed"
            return out_s / 60 - 60 * most_h, lambda: f"would be {hours}"
        names = " and ".join(d.route for d in mine)
        return math.inf, lambda: f"may not drive it{names and f' beside {names}'}"

    def _clash(self, drive: Drive, other: Drive) -> _Hindrance:
        pair = {drive.route, other.route}
        pinned = ", pinned to it too" if pair <= self._pins.keys() else ""
        if any(pair == set(x) for x in self._snapshot.rules.excluded_pairs):
            return math.inf, lambda: f"drives {other.route}, which is incompatible{pinned}"
        early = (drive.depart_s, drive.return_s) <= (other.depart_s, other.return_s)
        first, then = (drive, other) if early else (other, drive)
        over_min = (first.return_s - then.depart_s + self._gap_s) / 60
        overlaps = over_min > self._gap_s / 60
        what = "too much" if overlaps else "of the turnaround are missing"

        def text() -> str:
            starts = f"from {self._clock(other.depart_s)}"
            when = starts if first is drive else f"until {self._clock(other.return_s)}"
            return f"drives {other.route} {when}{pinned}, {over_min:.0f} minutes {what}"

        return over_min, text

    def _clock(self, seconds: float) -> str:
        return f"{self._line.instant(seconds):%H:%M} UTC"


def _least(holds: Callable[[float], bool], most: float) -> float | None:
    """The least amount, up to a tenth, for which `holds`; None where not even `most` does."""
    most = _up(most)
    if not holds(most):
        return None
    low, high = 0, round(10 * most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle / 10) else (middle, high)
    return high / 10


def _up(amount: float) -> float:
    """To a tenth, never less."""
    return math.ceil(10 * amount - 1e-6) / 10

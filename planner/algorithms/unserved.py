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

from planner.algorithms.reach import ALONE, AS_PLANNED, Lack, Reach, World
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
from planner.snapshot import Snapshot, Vehicle

_LOOKS = 150
"""So many times a vehicle's energy is followed for all reasons of a plan: 0.1 ms each. Routes that
come after are told less."""

_CLOSEST = 4
"""Of the vehicles that are free so many are looked at, those with the most energy to spare."""


class _Option(NamedTuple):
    """A drive beside what its vehicle drives already; `spare_kwh` is at most what it has above its
    need at departure."""

    drive: Drive
    mine: list[Drive]
    spare_kwh: float

    @property
    def drives(self) -> list[Drive]:
        return [*self.mine, self.drive]


class Reasons:
    """For the unserved routes of one draft; clock times are UTC."""

    def __init__(self, snapshot: Snapshot, line: Timeline, chosen: Choices, draft: Draft) -> None:
        self._snapshot, self._line, self._chosen, self._draft = snapshot, line, chosen, draft
        self._reach = Reach(snapshot, line, draft)
        self._looks = _LOOKS
        self._most_drivers = most_drivers(snapshot)
        self._rates: dict[str, tuple[Vehicle, float, float]] = {}
        self._pins = {r.id: r.vehicle for r in snapshot.routes if r.vehicle is not None}
        driven = {d.route for drives in draft.drives.values() for d in drives}
        self._options: dict[str, list[Drive]] = {}
        for drives in chosen.drives.values():
            for drive in drives:
                if drive.route not in driven:
                    self._options.setdefault(drive.route, []).append(drive)

    def reason(self, route: str) -> str:
        if route in self._chosen.hopeless:
            return self._chosen.hopeless[route]
        options = sorted(
            (self._option(d, []) for d in self._options[route]),
            key=lambda o: (-o.spare_kwh, o.drive.vehicle),
        )
        who = f"its vehicle {self._pins[route]}" if route in self._pins else None
        short = self._too_little(options)
        if short:
            return self._alone(who or "no allowed vehicle", *short)
        beside = [self._option(o.drive, self._draft.drives[o.drive.vehicle]) for o in options]
        free = [o for o in beside if self._fits(o)]
        if not free:
            busy = f"{who} is not free" if who else "no allowed vehicle is free"
            return f"{busy}: {self._busy(beside)}"
        free.sort(key=lambda o: (-o.spare_kwh, o.drive.vehicle))
        short = self._too_little(free)
        if short:
            return self._alone(who or "no vehicle that is free", *short)
        return self._crowded(free[:_CLOSEST])

    def _option(self, drive: Drive, mine: list[Drive]) -> _Option:
        vehicle, kwh_a_s, at_s = self._rate(drive.vehicle)
        here_s = drive.depart_s - 60 * self._snapshot.rules.departure_buffer_minutes - at_s
        most_kwh = vehicle.energy_kwh
        for other in mine:
            if other.return_s <= drive.depart_s:
                here_s -= other.return_s - other.depart_s
                most_kwh -= other.energy_kwh
        most_kwh = max(0.0, most_kwh) + kwh_a_s * max(0.0, here_s)
        return _Option(drive, mine, min(most_kwh, vehicle.battery_kwh) - drive.need_kwh)

    def _rate(self, name: str) -> tuple[Vehicle, float, float]:
        """The vehicle, the most that it charges in a second, and from when on it is there."""
        if name not in self._rates:
            vehicle = self._chosen.vehicles[name]
            kw = vehicle.efficiency * self._reach.best_kw(vehicle)
            at_s = max(0.0, self._line.seconds(vehicle.available_from))
            self._rates[name] = vehicle, kw / 3600, at_s
        return self._rates[name]

    def _lack(self, option: _Option, world: World) -> Lack | None:
        self._looks -= 1
        vehicle = self._chosen.vehicles[option.drive.vehicle]
        return self._reach.lack(vehicle, option.drives, world)

    def _too_little(self, options: Sequence[_Option]) -> tuple[_Option, Lack] | None:
        """The option that lacks least, if all lack energy even alone at the depot.

        `options` in order of `spare_kwh`: where that is below the best, none need be followed.
        """
        best: tuple[_Option, Lack] | None = None
        for option in options:
            if best is not None and -option.spare_kwh >= best[1].kwh:
                break
            lack = self._lack(option, ALONE) if self._looks > 0 else None
            if lack is None:
                return None
            if best is None or lack.kwh < best[1].kwh:
                best = option, lack
        return best

    def _alone(self, who: str, option: _Option, lack: Lack) -> str:
        """Too little time and power, whatever the others do."""
        places = range(len(self._line.limits))
        boundless = replace(ALONE, raised=tuple((i, MAX_NUMBER) for i in places))
        if self._lack(option, boundless) is None:
            return f"{self._no_power(option, ALONE)}, even alone"
        drive, vehicle = lack.drive, self._chosen.vehicles[lack.drive.vehicle]
        missing = f"{_up(lack.kwh):.1f} kWh more needed"
        if drive.need_kwh > vehicle.battery_kwh:
            missing = f"its battery holds {vehicle.battery_kwh:.0f} kWh, {missing}"
        after = "" if drive is option.drive else f" for {drive.route}, which it drives after it"
        return (
            f"{who} has {drive.need_kwh:.0f} kWh before {self._clock(drive.depart_s)}{after}: "
            f"at most {lack.has_kwh:.0f} kWh in {vehicle.id}, {missing}"
        )

    def _crowded(self, closest: Sequence[_Option]) -> str:
        """The others leave too little: for the closest vehicle, what of it would be enough."""
        if self._looks <= 0:
            name = closest[0].drive.vehicle
            return f"{name} is free, but what its charging lacks beside the others' is not known"
        for option in closest:
            if self._lack(option, AS_PLANNED) is None:
                return f"{option.drive.vehicle} could drive it as well: the search has ended before"
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
        return self._alone("of those looked at no vehicle", closest[0], lack)

    def _no_connector(self, option: _Option) -> str:
        vehicle = self._chosen.vehicles[option.drive.vehicle]
        lack = self._lack(option, AS_PLANNED)
        assert lack is not None
        return (
            f"no connector with {' or '.join(vehicle.plugs)} is free for long enough before "
            f"{self._clock(lack.drive.depart_s)}: {vehicle.id} would have {lack.has_kwh:.1f} of "
            f"{lack.drive.need_kwh:.1f} kWh, one connector more is needed"
        )

    def _no_power(self, option: _Option, world: World) -> str:
        """The limit that alone would have to be higher, else all of them, and by how much."""
        vehicle = self._chosen.vehicles[option.drive.vehicle]
        above = self._reach.limits_above(vehicle)
        most_kw = self._reach.best_kw(vehicle)

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

    def _fits(self, option: _Option) -> bool:
        rules, drive = self._snapshot.rules, option.drive
        if self._kept_back(option.mine) or any(clash(x, drive, rules) for x in option.mine):
            return False
        return lawful(sorted(option.drives, key=lambda d: d.depart_s), rules)

    def _kept_back(self, mine: Sequence[Drive]) -> bool:
        """Whether a vehicle that drives nothing has to stay in reserve."""
        if self._most_drivers is None or mine:
            return False
        return sum(map(bool, self._draft.drives.values())) >= self._most_drivers

    def _busy(self, options: Iterable[_Option]) -> str:
        """The vehicles with what keeps each from driving it, those first that are nearest."""
        found = []
        for option in options:
            minutes, text = self._hindrance(option.drive, option.mine)
            found.append((minutes, f"{option.drive.vehicle} {text}"))
        found.sort()
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        return ", ".join(text for _, text in found[:3]) + more

    def _hindrance(self, drive: Drive, mine: Sequence[Drive]) -> tuple[float, str]:
        """The law that keeps the vehicle of `mine` from `drive`, with the minutes it is about."""
        rules = self._snapshot.rules
        if self._kept_back(mine):
            return math.inf, "is kept in reserve"
        for other in mine:
            if clash(other, drive, rules):
                return self._clash(drive, other)
        if len(mine) >= rules.max_routes_per_vehicle:
            count = f"{len(mine)} routes" if len(mine) > 1 else "1 route"
            return math.inf, f"drives {count}, the most allowed"
        drives = sorted((*mine, drive), key=lambda d: d.depart_s)
        out_s, most_h = longest_shift_s(drives, rules), max_shift_hours(rules)
        if most_h is not None and out_s > most_h * 3600:
            hours = f"{out_s / 3600:.1f} h of {most_h:g} h allowed"
            return out_s / 60 - 60 * most_h, f"would have a shift of {hours}"
        out_s, most_h = sum(d.return_s - d.depart_s for d in drives), max_hours_on_routes(rules)
        if most_h is not None and out_s > most_h * 3600:
            hours = f"{out_s / 3600:.1f} h on routes, {most_h:g} h are allowed"
            return out_s / 60 - 60 * most_h, f"would be {hours}"
        names = " and ".join(d.route for d in mine)
        return math.inf, f"may not drive it beside {names}" if names else "may not drive it"

    def _clash(self, drive: Drive, other: Drive) -> tuple[float, str]:
        pair = {drive.route, other.route}
        pinned = ", pinned to it too" if pair <= self._pins.keys() else ""
        first, then = sorted((drive, other), key=lambda d: (d.depart_s, d.return_s))
        turnaround_min = self._snapshot.rules.gap_minutes
        over_min = (first.return_s - then.depart_s) / 60 + turnaround_min
        if any(pair == set(x) for x in self._snapshot.rules.excluded_pairs):
            return math.inf, f"drives {other.route}, which is incompatible{pinned}"
        if first is drive:
            text = f"drives {other.route} from {self._clock(other.depart_s)}"
        else:
            text = f"drives {other.route} until {self._clock(other.return_s)}"
        if over_min > turnaround_min:
            return over_min, f"{text}{pinned}, {over_min:.0f} minutes too much"
        text += f"{pinned}, {over_min:.0f} minutes of the turnaround are missing"
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

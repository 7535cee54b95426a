"""Why a vehicle waits and why a route is not driven, read from the problem and the draft itself."""

from __future__ import annotations

from collections.abc import Sequence

from planner.algorithms.reach import Reach
from planner.drafts.assemble import SITE, follow, full_steps
from planner.drafts.choices import Choices, Drive, clash, lawful
from planner.drafts.draft import Draft, Visit, plugged_at, sockets_with_plugs
from planner.drafts.timeline import Timeline
from planner.snapshot import Snapshot


class Words:
    """Reasons for one draft; clock times are UTC."""

    def __init__(self, snapshot: Snapshot, line: Timeline, chosen: Choices, draft: Draft) -> None:
        self._snapshot, self._line, self._chosen, self._draft = snapshot, line, chosen, draft
        self._full = [(limit, full_steps(limit, draft, line)) for limit in line.limits]
        self._reachable = Reach(snapshot, line)
        self._traces = follow(chosen, draft, line)

    def unserved(self, route: str) -> str:
        if route in self._chosen.hopeless:
            return self._chosen.hopeless[route]
        options = self._chosen.of_route(route)
        free = [d for d in options if self._fits(d)]
        able = {d.vehicle: self._reach(d, self._before(d)) for d in options}
        alone = {d.vehicle: self._reach(d, ()) for d in options}
        if all(alone[d.vehicle] < d.need_kwh - 1e-3 for d in options):
            return self._too_little(options, alone)
        if not free:
            return self._busy(options)
        if all(able[d.vehicle] < d.need_kwh - 1e-3 for d in free):
            return self._too_little(free, able)
        left = min((d for d in free if able[d.vehicle] >= d.need_kwh - 1e-3), key=_need)
        return (
            f"{left.vehicle} could have the {left.need_kwh:.0f} kWh by "
            f"{self._clock(left.depart_s)} only with power or a connector that "
            "other vehicles need"
        )

    def _fits(self, drive: Drive) -> bool:
        now = self._draft.drives.get(drive.vehicle, [])
        drives = sorted((*now, drive), key=lambda d: d.depart_s)
        return lawful(drives, self._snapshot.rules)

    def _before(self, drive: Drive) -> Sequence[Drive]:
        now = self._draft.drives.get(drive.vehicle, [])
        return [d for d in now if d.return_s <= drive.depart_s]

    def _reach(self, drive: Drive, before: Sequence[Drive]) -> float:
        vehicle = self._chosen.vehicles[drive.vehicle]
        return self._reachable.kwh(vehicle, before, drive)

    def _too_little(self, options: Sequence[Drive], able: dict[str, float]) -> str:
        best = min(options, key=lambda d: (d.need_kwh - able[d.vehicle], d.vehicle))
        return (
            f"no allowed vehicle has {best.need_kwh:.0f} kWh before "
            f"{self._clock(best.depart_s)}: at most {able[best.vehicle]:.0f} kWh in {best.vehicle}"
        )

    def _busy(self, options: Sequence[Drive]) -> str:
        found = []
        for drive in options:
            mine = self._draft.drives.get(drive.vehicle, [])
            other = next((d for d in mine if clash(d, drive, self._snapshot.rules)), None)
            if other is not None:
                found.append(f"{drive.vehicle} drives {other.route}")
            else:
                found.append(f"{drive.vehicle} has reached its routes or shift hours")
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        return "no allowed vehicle is free: " + ", ".join(found[:3]) + more

    def stay(self, visit: Visit) -> str:
        first = visit.charges[0]
        need = self._purpose(visit)
        if first.start_s <= visit.start_s + self._line.step_s / 2:
            limit = self._limited_until(visit)
            if limit is not None:
                return f"limited by {limit}; {need}"
            if self._pauses(visit):
                return f"charges at once and again when it is cheap; {need}"
            return f"charges at once: {need}"
        return f"{self._wait(visit, first.start_s)}; {need}"

    def _wait(self, visit: Visit, start_s: float) -> str:
        line = self._line
        clock = self._clock(start_s)
        waited = range(line.step_at(visit.start_s), max(line.step_at(start_s), 1))
        prices = [float(line.import_price[s]) for s in waited]
        paid = min(
            (float(line.import_price[line.step_at(c.start_s)]) for c in visit.charges), default=0.0
        )
        if prices and paid < min(prices) - 1e-9:
            return f"waits for the cheap hours from {clock}"
        if self._taken(visit, start_s):
            return f"waits for a free connector until {clock}"
        for limit, full in self._full:
            if visit.socket in limit.sockets and any(
                full[s] or limit.room_kw[s] <= 0 for s in waited
            ):
                name = "the site's import limit" if limit.name == SITE else limit.name
                return f"waits behind {name} until {clock}"
        if prices and paid < max(prices) - 1e-9:
            return f"waits for cheaper hours from {clock}"
        return f"has time, begins at {clock}"

    def _taken(self, visit: Visit, start_s: float) -> bool:
        """Whether every connector that fits is held by others when `visit` could begin."""
        plugs = sockets_with_plugs(self._snapshot)
        vehicle = self._chosen.vehicles[visit.vehicle]
        held = set()
        for other in self._draft.visits:
            plugged = plugged_at(self._chosen.vehicles[other.vehicle]) == other.socket
            hold = other.hold(plugged=plugged)
            if other is not visit and hold and hold[0] <= visit.start_s < hold[1] <= start_s + 1:
                held.add(other.socket)
        fitting = {s for s, kinds in plugs.items() if kinds & set(vehicle.plugs)}
        return bool(fitting) and fitting <= held

    def _limited_until(self, visit: Visit) -> str | None:
        """The limit that holds the visit below its own power, and until when."""
        vehicle = self._chosen.vehicles[visit.vehicle]
        connector = next(c for c in self._snapshot.connectors if c.key == visit.socket)
        most_kw = min(connector.max_kw, vehicle.max_charge_kw)
        for limit, full in self._full:
            if visit.socket not in limit.sockets:
                continue
            held = [
                c.end_s
                for c in visit.charges
                if c.kw < 0.95 * most_kw and full[self._line.step_at(c.start_s)]
            ]
            if held:
                name = "the site's import limit" if limit.name == SITE else limit.name
                return f"{name} until {self._clock(held[-1])}"
        return None

    def _pauses(self, visit: Visit) -> bool:
        pairs = zip(visit.charges, visit.charges[1:], strict=False)
        return any(b.start_s > a.end_s + self._line.step_s / 2 for a, b in pairs)

    def _purpose(self, visit: Visit) -> str:
        drives = self._draft.drives.get(visit.vehicle, [])
        after = [d for d in drives if d.depart_s >= visit.charges[-1].end_s - 1e-6]
        if after:
            drive = min(after, key=lambda d: d.depart_s)
            return f"departs at {self._clock(drive.depart_s)} on {drive.route}"
        vehicle = self._chosen.vehicles[visit.vehicle]
        end_kwh = self._traces[visit.vehicle].end_kwh
        if vehicle.target_kwh > 0:
            return f"has {end_kwh:.0f} of {vehicle.target_kwh:.0f} kWh wanted at the end"
        return "nothing is due"

    def _clock(self, seconds: float) -> str:
        return f"{self._line.instant(seconds):%H:%M} UTC"


def _need(drive: Drive) -> float:
    return drive.need_kwh

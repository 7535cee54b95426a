"""Why a vehicle waits and why a route is not driven, read from the problem and the draft itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise

import numpy as np

from planner.algorithms.unserved import Reasons
from planner.drafts.assemble import MISSING_KWH, SITE, follow, loads_of, site_import
from planner.drafts.choices import Choices, Drive
from planner.drafts.curve import curve, kw_at
from planner.drafts.draft import Charge, Draft, Trace, Visit, plugged_at
from planner.drafts.preference import barred
from planner.drafts.timeline import Floats, Limit, Socket, Timeline
from planner.snapshot import Connector, Snapshot

_PRICE = 1e-9
_KW = 0.01
"""A limit with less room than this is full; so much less than allowed is held back."""


class Words:
    """Reasons for one draft; clock times are UTC. Nothing is worked out before it is asked for."""

    def __init__(self, snapshot: Snapshot, line: Timeline, chosen: Choices, draft: Draft) -> None:
        self._snapshot, self._line, self._chosen, self._draft = snapshot, line, chosen, draft
        self._reached: dict[str, dict[float, float]] = {}

    def unserved(self, route: str) -> str:
        return self._reasons.reason(route)

    def stay(self, visit: Visit) -> str:
        """What the charging waits for, or is held back by, and what it is for."""
        purpose = self._purpose(visit)
        first = visit.charges[0]
        if first.start_s > visit.start_s + self._line.step_s / 2:
            return f"{self._wait(visit, visit.start_s, first.start_s)}; {purpose}"
        held = self._held_back(visit)
        if held is not None:
            return f"{held}; {purpose}"
        for before, after in pairwise(visit.charges):
            if after.start_s > before.end_s + self._line.step_s / 2:
                wait = self._wait(visit, before.end_s, after.start_s)
                return f"charges at once, then {wait}; {purpose}"
        return f"charges at once: {purpose}"

    @cached_property
    def _reasons(self) -> Reasons:
        return Reasons(self._snapshot, self._line, self._chosen, self._draft)

    @cached_property
    def _connectors(self) -> dict[Socket, Connector]:
        return {c.key: c for c in self._snapshot.connectors if c.controllable}

    @cached_property
    def loads_kw(self) -> list[Floats]:
        return loads_of(self._line, self._draft)

    @cached_property
    def _room_kw(self) -> list[tuple[Limit, Floats]]:
        """What charging leaves free of each limit."""
        pairs = zip(self._line.limits, self.loads_kw, strict=True)
        return [(limit, limit.room_kw - kw) for limit, kw in pairs]

    @cached_property
    def traces(self) -> dict[str, Trace]:
        return follow(self._chosen, self._draft, self._line)

    @cached_property
    def _holds(self) -> dict[Socket, list[tuple[float, float, str]]]:
        holds: dict[Socket, list[tuple[float, float, str]]] = {}
        for visit in self._draft.visits:
            plugged = plugged_at(self._chosen.vehicles[visit.vehicle]) == visit.socket
            hold = visit.hold(plugged=plugged)
            if visit.socket is not None and hold is not None:
                holds.setdefault(visit.socket, []).append((*hold, visit.vehicle))
        return holds

    @cached_property
    def _peak_steps(self) -> Floats:
        """1 where the import is the one that the peak price is paid for."""
        site, import_kw = self._snapshot.site, site_import(self._draft, self._line)
        peak_kw = float(import_kw.max(initial=0.0))
        if site.peak_price_per_kw <= 0 or peak_kw < site.peak_so_far_kw - _KW:
            return np.zeros(self._line.steps)
        return np.where(import_kw >= peak_kw - _KW, 1.0, 0.0)

    def _wait(self, visit: Visit, from_s: float, until_s: float) -> str:
        """What was different just before charging began at `until_s`, at the latest."""
        line, clock = self._line, self._clock(until_s)
        waited = range(line.step_at(from_s), max(line.step_at(until_s - 1), line.step_at(from_s)))
        waited = range(waited.start, waited.stop + 1)
        charged = [c.start_s for c in visit.charges if c.start_s >= until_s - 1e-6]
        paid = float(line.import_price[line.steps_at(charged)].max())
        prices = line.import_price[waited.start : waited.stop]
        cheap = np.flatnonzero(prices <= paid + _PRICE)
        if not len(cheap):
            least = float(prices.min())
            currency = self._snapshot.site.currency
            return f"waits for the cheap hours from {clock}, {paid:g} not {least:g} {currency}/kWh"
        last = self._last_holder(visit, from_s, until_s)
        if last is not None and self._all_taken(visit, from_s, until_s):
            return f"waits for a connector until {clock}, when {last}"
        just_before = waited.start + int(cheap[-1])
        full = self._full(visit, just_before)
        if full is not None:
            return f"waits behind {full} until {clock}"
        begins = f"begins at {clock}" + (f", when {last}" if last else "")
        if cheap[-1] < len(waited) - 1:
            return f"waits for cheaper hours from {clock}"
        if len(cheap) < len(waited):
            dear = np.setdiff1d(np.arange(len(waited)), cheap)
            since = self._clock((waited.start + int(dear[-1]) + 1) * line.step_s)
            return f"waits for cheaper hours from {since}, then has time, {begins}"
        return f"has time, {begins}"

    def _last_holder(self, visit: Visit, from_s: float, until_s: float) -> str | None:
        """Who leaves the visit's own connector just before charging begins."""
        assert visit.socket is not None
        before = max(
            (end_s, name)
            for _, end_s, name in (*self._holds[visit.socket], (0.0, 0.0, ""))
            if end_s <= until_s + 1 and name != visit.vehicle
        )
        if before[0] <= max(from_s, until_s - self._line.step_s):
            return None
        return f"{before[1]} leaves {visit.socket[0]}/{visit.socket[1]}"

    def _all_taken(self, visit: Visit, from_s: float, until_s: float) -> bool:
        """Whether others hold each connector that fits at some time before charging begins."""
        plugs = set(self._chosen.vehicles[visit.vehicle].plugs)
        return all(
            any(
                start_s < until_s and end_s > from_s and name != visit.vehicle
                for start_s, end_s, name in self._holds.get(c.key, ())
            )
            for c in self._connectors.values()
            if plugs & set(c.plugs)
        )

    def _full(self, visit: Visit, step: int) -> str | None:
        """The limit that leaves less than the connector's minimum in `step`, or the rule that bars
        it."""
        bar = barred(self._line, self._draft.drives.get(visit.vehicle, ()), visit.start_s)
        if bar is not None and bar.holds(visit.socket, step):
            return "the charger preference"
        least_kw = max(self._connector(visit).min_kw, _KW)
        for limit, room_kw in self._room_kw:
            if visit.socket in limit.sockets and room_kw[step] < least_kw:
                return _name(limit)
        return None

    def _held_back(self, visit: Visit) -> str | None:
        """What keeps the power below what connector, vehicle and curve allow, until when."""
        found: dict[str, list[Charge]] = {}
        for charge in self._slow(visit):
            step = self._line.step_at(charge.start_s)
            for limit, room_kw in self._room_kw:
                if visit.socket in limit.sockets and room_kw[step] <= _KW:
                    found.setdefault(f"limited by {_name(limit)}", []).append(charge)
                    break
            else:
                if self._peak_steps[step]:
                    found.setdefault("kept low for the site's peak", []).append(charge)
        if not found:
            return None
        what, charges = max(found.items(), key=lambda x: (len(x[1]), x[0]))
        least_kw = min(c.kw for c in charges)
        return f"{what} to {least_kw:.1f} kW until {self._clock(charges[-1].end_s)}"

    def _slow(self, visit: Visit) -> Iterator[Charge]:
        """The charges below the power allowed, but for a last one that ends with enough."""
        vehicle, connector = self._chosen.vehicles[visit.vehicle], self._connector(visit)
        pieces = curve(vehicle)
        most_kw = min(connector.max_kw, vehicle.max_charge_kw)
        for charge in visit.charges[:-1] if self._ends_with_enough(visit) else visit.charges:
            if charge.kw < 0.95 * most_kw:
                reached_kwh = self._reached_kwh(vehicle.id)[charge.start_s]
                if charge.kw < 0.95 * min(most_kw, kw_at(pieces, reached_kwh)):
                    yield charge

    def _ends_with_enough(self, visit: Visit) -> bool:
        """Whether the vehicle then lacks nothing for what it charges for."""
        trace, drive = self.traces[visit.vehicle], self._next(visit)
        if drive is None:
            lack_kwh = self._chosen.vehicles[visit.vehicle].target_kwh - trace.end_kwh
        else:
            lack_kwh = drive.need_kwh - dict(trace.departures)[drive]
        return lack_kwh <= MISSING_KWH

    def _reached_kwh(self, vehicle: str) -> dict[float, float]:
        """The energy at the end of each charge of a vehicle, by the charge's start."""
        if vehicle not in self._reached:
            visits = (x for x in self._draft.visits if x.vehicle == vehicle)
            starts = sorted(c.start_s for x in visits for c in x.charges)
            self._reached[vehicle] = dict(zip(starts, self.traces[vehicle].charged, strict=True))
        return self._reached[vehicle]

    def _connector(self, visit: Visit) -> Connector:
        assert visit.socket is not None
        return self._connectors[visit.socket]

    def _next(self, visit: Visit) -> Drive | None:
        """The first departure after the visit's charging."""
        drives = self._draft.drives.get(visit.vehicle, [])
        after = [d for d in drives if d.depart_s >= visit.charges[-1].end_s - 1e-6]
        return min(after, key=lambda d: d.depart_s, default=None)

    def _purpose(self, visit: Visit) -> str:
        drive = self._next(visit)
        if drive is not None:
            return f"departs at {self._clock(drive.depart_s)} on {drive.route}"
        vehicle = self._chosen.vehicles[visit.vehicle]
        end_kwh = self.traces[visit.vehicle].end_kwh
        if vehicle.target_kwh > 0:
            return f"has {end_kwh:.0f} of {vehicle.target_kwh:.0f} kWh wanted at the end"
        return "nothing is due"

    def _clock(self, seconds: float) -> str:
        return f"{self._line.instant(seconds):%H:%M} UTC"


def _name(limit: Limit) -> str:
    return "the site's import limit" if limit.name == SITE else limit.name

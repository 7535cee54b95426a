"""Vehicles that take turns within a step, so that bursts at minimum power fit below the limits.

A mean below a connector's minimum power is drawn as a burst, for which a step that is full to a
limit has no room; but what the burst draws too much it draws too little in the rest of the step.
So bursts come one after the other, others draw less meanwhile and more afterwards, and each has the
energy it had. That costs nothing, where another linear program with the burst rounded costs time,
and money too.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from planner.drafts.assemble import follow, load_kw
from planner.drafts.curve import curve, kw_at
from planner.drafts.draft import Charge, Draft, Visit, charges_of
from planner.drafts.timeline import Floats
from planner.linear.scope import Part, Scope

_EPS_KW: Final = 1e-6
_EPS_S: Final = 1e-3


@dataclass(slots=True, kw_only=True)
class _Draw:
    """What one vehicle draws in a part of the step; a burst is over before the part is."""

    visit: int
    charge: Charge
    start_s: float
    end_s: float
    least_kw: float
    most_kw: float
    fallback_kw: float
    limits: tuple[int, ...]

    @property
    def length_s(self) -> float:
        return self.charge.end_s - self.charge.start_s

    @property
    def is_burst(self) -> bool:
        return self.end_s - self.start_s > self.length_s + _EPS_S

    @property
    def mean_kw(self) -> float:
        return self.charge.kwh * 3600 / (self.end_s - self.start_s)

    def beyond_kw(self, kw: float) -> float:
        return max(0.0, kw - self.fallback_kw)


def in_turn(scope: Scope, draft: Draft) -> Draft:
    """The draft with the same energies in each part, and its overloads mended step by step where
    that can be done."""
    line = scope.line
    over = np.zeros(line.steps, dtype=np.bool_)
    for limit in line.limits:
        over |= load_kw(limit, draft, line) > np.maximum(limit.room_kw, 0.0) + _EPS_KW
    steps = set(np.flatnonzero(over).tolist())
    if not steps:
        return draft
    changed: dict[int, dict[Charge, list[Charge]]] = {}
    for step, draws in _draws(scope, draft, steps).items():
        room_kw = [max(float(limit.room_kw[step]), 0.0) for limit in line.limits]
        if draft.battery_kw is not None:
            room_kw[0] -= float(draft.battery_kw[step])
        for draw, charges in _taken_in_turn(draws, room_kw):
            changed.setdefault(draw.visit, {})[draw.charge] = charges
    visits = [
        _changed(visit, changed[i]) if i in changed else visit
        for i, visit in enumerate(draft.visits)
    ]
    return replace(draft, visits=visits)


def _changed(visit: Visit, charges: dict[Charge, list[Charge]]) -> Visit:
    return replace(visit, charges=[c for own in visit.charges for c in charges.get(own, [own])])


def _draws(scope: Scope, draft: Draft, steps: set[int]) -> dict[int, list[_Draw]]:
    """All that charges in each of the steps, as `extract` leaves it: one charge a part."""
    found: dict[int, list[_Draw]] = {step: [] for step in sorted(steps)}
    group_of = {s: i for i, g in enumerate(scope.groups) for s in g.sockets}
    traces, charges = follow(scope.chosen, draft, scope.line), charges_of(draft.visits)
    for i, visit in enumerate(draft.visits):
        name, vehicle = visit.vehicle, scope.chosen.vehicles[visit.vehicle]
        assert visit.socket is not None
        g = group_of[visit.socket]
        group, own = scope.groups[g], charges[name]
        for charge in visit.charges:
            step = scope.line.step_at(charge.start_s)
            if step not in steps:
                continue
            part = _part(scope, name, charge)
            reached_kwh = traces[name].charged[own.index(charge)]
            faded_kw = kw_at(curve(vehicle), min(reached_kwh, vehicle.battery_kwh))
            found[step].append(
                _Draw(
                    visit=i,
                    charge=charge,
                    start_s=part.start_s,
                    end_s=part.end_s,
                    least_kw=group.min_kw,
                    most_kw=min(scope.most_kw(name, g, step), faded_kw),
                    fallback_kw=group.fallback_kw,
                    limits=group.limits,
                )
            )
    return found


def _part(scope: Scope, name: str, charge: Charge) -> Part:
    middle_s = (charge.start_s + charge.end_s) / 2
    return scope.parts[name][bisect_right(scope.points[name], middle_s) - 1]


def _taken_in_turn(
    draws: Sequence[_Draw], room_kw: Sequence[float]
) -> list[tuple[_Draw, list[Charge]]]:
    """The new charges of each draw of one step; none where that does not mend it."""
    step = _Step(draws, _one_by_one(draws, _pairs(draws, room_kw)), room_kw)
    return list(zip(draws, step.charges(), strict=True)) if step.mend() else []


def _pairs(draws: Sequence[_Draw], room_kw: Sequence[float]) -> dict[int, Charge]:
    """A burst and another that is not at its highest power share what both take: first one has it
    alone, then the other."""
    left_kw = np.array(room_kw)
    for d in draws:
        left_kw[list(d.limits)] -= d.beyond_kw(d.mean_kw)
    shared: dict[int, Charge] = {}
    for burst in sorted((d for d in draws if d.is_burst), key=lambda d: -d.mean_kw):
        if id(burst) in shared:
            continue
        others = [d for d in draws if id(d) not in shared and d is not burst]
        for other in sorted(others, key=lambda d: (not d.is_burst, d.mean_kw)):
            kw = _shared_kw(burst, other)
            more_kw = np.zeros(len(left_kw))
            more_kw[list({*burst.limits, *other.limits})] = kw
            more_kw[list(burst.limits)] -= burst.mean_kw
            more_kw[list(other.limits)] -= other.mean_kw
            if kw > 0 and (left_kw >= more_kw - _EPS_KW).all():
                left_kw -= more_kw
                turn_s = burst.start_s + burst.charge.kwh * 3600 / kw
                shared[id(burst)] = Charge(burst.start_s, turn_s, kw)
                shared[id(other)] = Charge(turn_s, turn_s + other.charge.kwh * 3600 / kw, kw)
                break
    return shared


def _shared_kw(one: _Draw, other: _Draw) -> float:
    """The power at which they take turns; 0 where that cannot be."""
    kw = max(one.mean_kw + other.mean_kw, one.least_kw, other.least_kw)
    alike = (one.start_s, one.end_s) == (other.start_s, other.end_s)
    kept = one.fallback_kw > 0 or other.fallback_kw > 0
    return kw if alike and not kept and kw <= min(one.most_kw, other.most_kw) else 0.0


def _one_by_one(draws: Sequence[_Draw], shared: Mapping[int, Charge]) -> list[Charge]:
    """The charges with the other bursts one after the other, from the beginning again once the step
    is full."""
    placed = {id(d): shared.get(id(d), d.charge) for d in draws}
    until_s = 0.0
    alone = [d for d in draws if d.is_burst and id(d) not in shared]
    for d in sorted(alone, key=lambda d: (d.end_s, d.visit)):
        start_s = max(d.start_s, until_s)
        if start_s + d.length_s > d.end_s:
            start_s = d.start_s
        until_s = start_s + d.length_s
        placed[id(d)] = Charge(start_s, until_s, d.charge.kw)
    return [placed[id(d)] for d in draws]


class _Step:
    """`kw[d, s]` is what draw `d` takes in slot `s`, over which all powers are constant."""

    def __init__(
        self, draws: Sequence[_Draw], charges: Sequence[Charge], room_kw: Sequence[float]
    ) -> None:
        self._draws, self._room_kw = draws, np.array(room_kw)
        self._fallback_kw = np.array([d.fallback_kw for d in draws])
        edges_s = {s for d in draws for s in (d.start_s, d.end_s)}
        edges_s |= {s for c in charges for s in (c.start_s, c.end_s)}
        self._slots = list(pairwise(sorted(edges_s)))
        self._lengths_s = np.array([end_s - start_s for start_s, end_s in self._slots])
        begins_s = np.array([start_s for start_s, _ in self._slots])
        starts_s, ends_s, kw = np.array(charges).T[:, :, np.newaxis]
        self._kw = np.where((starts_s <= begins_s) & (begins_s < ends_s), kw, 0.0)
        windows = np.array([(d.start_s, d.end_s) for d in draws])
        self._inside = (windows[:, :1] <= begins_s) & (begins_s < windows[:, 1:])
        self._below = np.array([[i in d.limits for d in draws] for i in range(len(room_kw))])

    def mend(self) -> bool:
        """Whether every limit is kept at last."""
        for slot in range(len(self._slots)):
            for i, over in enumerate(self._below):
                for d in np.flatnonzero(over & (self._kw[:, slot] > 0)).tolist():
                    over_kw = -self._left_kw(slot)[i]
                    if over_kw <= _EPS_KW:
                        break
                    if self._is_steady(d):
                        self._shift(d, slot, over_kw)
        return all((self._left_kw(s) >= -_EPS_KW).all() for s in range(len(self._slots)))

    def _is_steady(self, d: int) -> bool:
        return bool((self._kw[d, self._inside[d]] > 0).all())

    def _left_kw(self, slot: int) -> Floats:
        beyond_kw = np.maximum(self._kw[:, slot] - self._fallback_kw, 0.0)
        left: Floats = self._room_kw - self._below @ beyond_kw
        return left

    def _shift(self, d: int, slot: int, over_kw: float) -> None:
        """Takes up to `over_kw` from a slot to where there is room."""
        draw, lengths_s = self._draws[d], self._lengths_s
        room_kw = np.zeros(len(self._slots))
        for s in np.flatnonzero(self._kw[d] > 0).tolist():
            left_kw = self._left_kw(s)[self._below[:, d]].min()
            room_kw[s] = max(0.0, min(left_kw, draw.most_kw - self._kw[d, s]))
        room_kw[slot] = 0.0
        room = float(room_kw @ lengths_s)
        spare_kw = self._kw[d, slot] - max(draw.least_kw, draw.fallback_kw)
        moved = min(over_kw, spare_kw, room / lengths_s[slot])
        if moved > _EPS_KW:
            self._kw[d] += room_kw * (moved * lengths_s[slot] / room)
            self._kw[d, slot] -= moved

    def charges(self) -> list[list[Charge]]:
        """Those of each draw, slots of one power in a row as one."""
        found = []
        for kw in self._kw.tolist():
            own: list[Charge] = []
            for (start_s, end_s), x in zip(self._slots, kw, strict=True):
                if x <= 0:
                    continue
                if own and own[-1].end_s == start_s and abs(own[-1].kw - x) < _EPS_KW:
                    own[-1] = own[-1]._replace(end_s=end_s)
                else:
                    own.append(Charge(start_s, end_s, x))
            found.append(own)
        return found

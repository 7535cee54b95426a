"""What each vehicle drives, as arrays: which vehicles could likely take one more route."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray

from planner.drafts.choices import Drive
from planner.search.instance import Instance

_MISJUDGED_KWH = 4.0
"""By so much what a vehicle has to buy is misjudged where chance is wanted."""


class Roster:
    """One row a vehicle: when its routes depart and return, what those within the horizon take,
    what is owed at the end unless it is away then, and how many there are."""

    def __init__(self, instance: Instance) -> None:
        movers = instance.movers
        self._instance = instance
        self._departs_s = np.full((len(movers), 4), np.inf)
        self._returns_s = np.full((len(movers), 4), -np.inf)
        self._has_kwh = np.array([m.energy_kwh for m in movers], dtype=np.float64)
        self._owed_kwh = np.array([m.target_kwh for m in movers], dtype=np.float64)
        self._driven_kwh = np.zeros(len(movers))
        self._count = np.zeros(len(movers))

    def give(self, v: int, drives: Sequence[Drive]) -> None:
        """`drives` are from here on all that `v` drives."""
        end_s = self._instance.line.end_s
        more = len(drives) - self._departs_s.shape[1]
        if more > 0:
            wide = ((0, 0), (0, more))
            self._departs_s = np.pad(self._departs_s, wide, constant_values=np.inf)
            self._returns_s = np.pad(self._returns_s, wide, constant_values=-np.inf)
        self._departs_s[v], self._returns_s[v] = np.inf, -np.inf
        driven_kwh, owed_kwh = 0.0, self._instance.movers[v].target_kwh
        for i, drive in enumerate(drives):
            self._departs_s[v, i], self._returns_s[v, i] = drive.depart_s, drive.return_s
            if drive.return_s <= end_s:
                driven_kwh += drive.energy_kwh
            else:
                owed_kwh = 0.0
        self._driven_kwh[v], self._owed_kwh[v] = driven_kwh, owed_kwh
        self._count[v] = len(drives)

    def likely(self, route: int, rng: Random | None) -> Iterator[tuple[float, int, Drive]]:
        """The vehicles that are free then, those first that have to buy least for all they drive:
        so many kWh more. With `rng` that is misjudged."""
        options = self._instance.options[route]
        if not options:
            return
        depart_s, return_s = options[0].depart_s, options[0].return_s
        v, energy_kwh, need_kwh = self._instance.wants(route)
        beside = (self._departs_s < return_s) & (depart_s < self._returns_s)
        free: NDArray[np.bool_] = ~np.logical_or.reduce(beside, axis=1)[v]
        v, energy_kwh, need_kwh = v[free], energy_kwh[free], need_kwh[free]
        has, driven = self._has_kwh[v], self._driven_kwh[v]
        before = driven + self._owed_kwh[v]
        after = driven + need_kwh
        if return_s <= self._instance.line.end_s:
            after = np.maximum(before + energy_kwh, after)
        more = after - has
        key = np.maximum(more, 0.0) - np.maximum(before - has, 0.0)
        key += 0.001 * more + 0.01 * self._count[v]
        if rng is not None:
            key += [rng.gauss(0.0, _MISJUDGED_KWH) for _ in range(len(key))]
        order = np.argsort(key, kind="stable")
        which = np.flatnonzero(free)[order].tolist()
        for x, i, own in zip(key[order].tolist(), which, v[order].tolist(), strict=True):
            yield x, own, options[i]

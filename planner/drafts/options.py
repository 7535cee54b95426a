"""Who could drive what, kept as arrays: a large depot has 2,000,000 pairs of a vehicle and a route,
and few of them are ever looked at one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from planner.drafts.timeline import Floats
from planner.uncollected import uncollected


class Drive(NamedTuple):
    """A route as one vehicle would drive it; `need_kwh` is wanted at departure (law 3).

    A tuple is made in a quarter of a frozen dataclass's time.
    """

    route: str
    vehicle: str
    depart_s: float
    return_s: float
    energy_kwh: float
    need_kwh: float
    priority: float


class Options(Sequence[Drive]):
    """A route as each vehicle that can would drive it, in the order of the vehicles; a drive is
    made when it is asked for.

    `which` are the vehicles' positions in `names`, rising; `energy_kwh` and `need_kwh` have one
    value each.
    """

    __slots__ = ("_ends", "_names", "_route", "energy_kwh", "need_kwh", "which")

    def __init__(
        self,
        route: str,
        ends: tuple[float, float, float],
        names: Sequence[str],
        which: NDArray[np.int64],
        energy_kwh: Floats,
        need_kwh: Floats,
    ) -> None:
        """`ends`: departure and return in seconds, and the route's priority."""
        self._route, self._ends, self._names = route, ends, names
        self.which, self.energy_kwh, self.need_kwh = which, energy_kwh, need_kwh

    def __len__(self) -> int:
        return len(self.which)

    @overload
    def __getitem__(self, i: int) -> Drive: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Drive]: ...
    def __getitem__(self, i: int | slice) -> Drive | Sequence[Drive]:
        if isinstance(i, slice):
            return list(self)[i]
        depart_s, return_s, priority = self._ends
        name, kwh = self._names[self.which[i]], float(self.energy_kwh[i])
        need_kwh = float(self.need_kwh[i])
        return Drive(self._route, name, depart_s, return_s, kwh, need_kwh, priority)

    def __iter__(self) -> Iterator[Drive]:
        depart_s, return_s, priority = self._ends
        return map(
            Drive,
            repeat(self._route),
            map(self._names.__getitem__, self.which.tolist()),
            repeat(depart_s),
            repeat(return_s),
            self.energy_kwh.tolist(),
            self.need_kwh.tolist(),
            repeat(priority),
        )

    def by(self, v: int) -> Drive | None:
        """As the vehicle at position `v` would drive it."""
        i = int(self.which.searchsorted(v))
        return self[i] if i < len(self.which) and self.which[i] == v else None


class Possible(Mapping[str, tuple[Drive, ...]]):
    """By vehicle its possible drives, in order of the routes; all are made when the first is asked
    for."""

    def __init__(self, names: Sequence[str], by_route: Mapping[str, Options]) -> None:
        self._names, self.by_route = names, by_route
        self._drives: dict[str, tuple[Drive, ...]] | None = None

    def __getitem__(self, name: str) -> tuple[Drive, ...]:
        if self._drives is None:
            drives: dict[str, list[Drive]] = {v: [] for v in self._names}
            with uncollected():
                for drive in (d for options in self.by_route.values() for d in options):
                    drives[drive.vehicle].append(drive)
                self._drives = {v: tuple(own) for v, own in drives.items()}
        return self._drives[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

"""The columns of a linear model in named blocks, each column found by its key.

Blocks (v a vehicle, k one of its parts or points, g a group of connectors, t a step):
drive[v, route] · rest[v, route] a shift ends after it · hold[v, g, k] · begin[v, g, k] ·
armed[v, k] a hold may begin · kw[v, g, k] mean over the part · on[v, k] · burst[v, k] highest power
in the part · beyond[v, g, k] what of it is above the fallback · energy[v, k] at point k before
routes returning there are paid, at the points where a law looks at it · region[v, k, i] · lift[v,
k] and empty[v, k] where a route takes more than there is · short[v, route or None] · share[0] the
smallest · buy[t] sell[t] selling[t] curtail[t] curtailing[t] · charge[t] discharge[t] charging[t]
stored[t] · peak[0] · soft[rule, ...] a penalty · out[v] drives anything.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.drafts.timeline import Floats
from planner.linear.scope import Place, Scope

Weights = tuple[NDArray[np.int64], Floats]
"""Columns and what one of each counts, as arrays of one length; a column named twice counts with
the sum."""


@dataclass(frozen=True, kw_only=True)
class Powers:
    """The block `kw` as arrays of one length, in the order of its columns. `begins`: it is the
    first of the vehicle's in that part, where there may be one for each of several groups."""

    column: NDArray[np.int64]
    part: NDArray[np.int64]
    begins: NDArray[np.bool_]
    group: NDArray[np.int64]
    step: NDArray[np.int64]
    start_s: Floats
    end_s: Floats
    hours: Floats
    spans: Mapping[str, slice]

    def of(self, vehicle: str) -> slice:
        """Where the vehicle's own are."""
        return self.spans.get(vehicle, slice(0, 0))

    @cached_property
    def places(self) -> Sequence[Place]:
        """Made when they are asked for: a linear program without minimum powers wants none."""
        groups, parts = self.group.tolist(), self.part.tolist()
        names = chain.from_iterable(repeat(v, x.stop - x.start) for v, x in self.spans.items())
        return list(zip(names, groups, parts, strict=True))


class Columns:
    """`most_kwh[v][k]` is what the vehicle may have at most at point `k`, before routes are paid;
    the energy has a column at the points `levels[v]` only, between which it can only rise."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.lower, self.upper = array("d"), array("d")
        self.integral: list[bool] = []
        self.most_kwh: dict[str, Sequence[float]] = {}
        self.levels: dict[str, list[int]] = {}
        self._blocks: dict[str, dict[Any, int]] = {}
        self._powers: dict[str, tuple[int, NDArray[np.int64], NDArray[np.int64]]] = {}
        """By vehicle the first column, the groups and the parts of its powers."""

    def add(
        self, block: str, key: Hashable, lower: float, upper: float, *, integral: bool = False
    ) -> int:
        number = len(self.lower)
        self._blocks.setdefault(block, {})[key] = number
        self.lower.append(lower)
        self.upper.append(upper)
        self.integral.append(integral)
        return number

    def extend(
        self,
        vehicle: str,
        groups: NDArray[np.int64],
        parts: NDArray[np.int64],
        upper_kw: Floats,
    ) -> None:
        """Adds all powers of a vehicle that has some, the block `kw`, in order of their parts."""
        self._powers[vehicle] = len(self.lower), groups, parts
        self.lower.extend([0.0] * len(parts))
        self.upper.frombytes(upper_kw.astype(np.float64).tobytes())
        self.integral += [False] * len(parts)

    def numbers(self, block: str) -> NDArray[np.int64]:
        """The block's columns in the order they were added."""
        return np.fromiter(self[block].values(), np.int64, len(self[block]))

    def __getitem__(self, block: str) -> Mapping[Any, int]:
        """The block's columns by key, in the order they were added; empty if there are none."""
        if block == "kw" and block not in self._blocks:
            powers = self.powers
            self._blocks[block] = dict(zip(powers.places, powers.column.tolist(), strict=True))
        return self._blocks.get(block, {})

    def __len__(self) -> int:
        return len(self.lower)

    @cached_property
    def powers(self) -> Powers:
        """To be asked for when all powers are declared; a vehicle's own follow each other."""
        spans, end = dict[str, slice](), 0
        none = np.zeros(0, dtype=np.int64)
        column, group, part = [none], [none], [none]
        for name, (first, groups, parts) in self._powers.items():
            spans[name] = slice(end, end + len(parts))
            end += len(parts)
            column.append(np.arange(first, first + len(parts)))
            group.append(groups)
            part.append(parts)
        own = list(zip(map(self.scope.parts.__getitem__, spans), part[1:], strict=True))
        start_s = np.concatenate([np.zeros(0), *(parts.start_s[k] for parts, k in own)])
        end_s = np.concatenate([np.zeros(0), *(parts.end_s[k] for parts, k in own)])
        steps = [none, *(parts.step[k] for parts, k in own)]
        begins = np.diff(np.concatenate(part), prepend=-1) != 0
        begins[[span.start for span in spans.values()]] = True
        return Powers(
            column=np.concatenate(column),
            part=np.concatenate(part),
            begins=begins,
            group=np.concatenate(group),
            step=np.concatenate(steps),
            start_s=start_s,
            end_s=end_s,
            hours=(end_s - start_s) / 3600,
            spans=spans,
        )

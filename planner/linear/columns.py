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

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.drafts.timeline import Floats
from planner.linear.scope import Place, Scope

Weights = tuple[NDArray[np.int64], Floats]
"""Columns and what one of each counts, as arrays of one length; a column named twice counts with
the sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Powers:
    """The block `kw` as arrays of one length, in the order of its columns. `begins`: it is the
    first of the vehicle's in that part, where there may be one for each of several groups."""

    places: Sequence[Place]
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


class Columns:
    """`most_kwh[v][k]` is what the vehicle may have at most at point `k`, before routes are paid;
    the energy has a column at the points `levels[v]` only, between which it can only rise."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.integral: list[bool] = []
        self.most_kwh: dict[str, Sequence[float]] = {}
        self.levels: dict[str, list[int]] = {}
        self._blocks: dict[str, dict[Any, int]] = {}
        self._powers: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        """By vehicle the groups and the parts of its powers."""

    def add(
        self, block: str, key: Hashable, lower: float, upper: float, *, integral: bool = False
    ) -> int:
        number = len(self.lower)
        self._blocks.setdefault(block, {})[key] = number
        self.lower.append(lower)
        self.upper.append(upper)
        self.integral.append(integral)
        return number

    def extend(self, block: str, keys: Sequence[Hashable], upper: Sequence[float]) -> None:
        """Adds many columns from 0 on that need not be integral."""
        first, number = len(self.lower), len(keys)
        columns = range(first, first + number)
        self._blocks.setdefault(block, {}).update(zip(keys, columns, strict=True))
        self.lower += [0.0] * number
        self.upper += upper
        self.integral += [False] * number

    def extend_powers(
        self,
        vehicle: str,
        groups: NDArray[np.int64],
        parts: NDArray[np.int64],
        upper_kw: Floats,
    ) -> list[Place]:
        """Adds all powers of a vehicle, which has some, by its parts; returns their keys."""
        places = list(zip(repeat(vehicle), groups.tolist(), parts.tolist(), strict=False))
        self.extend("kw", places, upper_kw.tolist())
        self._powers[vehicle] = groups, parts
        return places

    def numbers(self, block: str) -> NDArray[np.int64]:
        """The block's columns in the order they were added."""
        return np.fromiter(self[block].values(), np.int64, len(self[block]))

    def __getitem__(self, block: str) -> Mapping[Any, int]:
        """The block's columns by key, in the order they were added; empty if there are none."""
        return self._blocks.get(block, {})

    def __len__(self) -> int:
        return len(self.lower)

    @cached_property
    def powers(self) -> Powers:
        """To be asked for when all powers are declared; a vehicle's own follow each other."""
        spans, end = dict[str, slice](), 0
        for name, (_, own_parts) in self._powers.items():
            spans[name] = slice(end, end + len(own_parts))
            end += len(own_parts)
        none = np.zeros(0, dtype=np.int64)
        group = np.concatenate([none, *(groups for groups, _ in self._powers.values())])
        part = np.concatenate([none, *(parts for _, parts in self._powers.values())])
        own = [(self.scope.parts[name], parts) for name, (_, parts) in self._powers.items()]
        start_s = np.concatenate([np.zeros(0), *(parts.start_s[k] for parts, k in own)])
        end_s = np.concatenate([np.zeros(0), *(parts.end_s[k] for parts, k in own)])
        steps = [none, *(parts.step[k] for parts, k in own)]
        begins = np.diff(part, prepend=-1) != 0
        begins[[span.start for span in spans.values()]] = True
        return Powers(
            places=list(self["kw"]),
            column=self.numbers("kw"),
            part=part,
            begins=begins,
            group=group,
            step=np.concatenate(steps),
            start_s=start_s,
            end_s=end_s,
            hours=(end_s - start_s) / 3600,
            spans=spans,
        )

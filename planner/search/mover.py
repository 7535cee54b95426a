"""A vehicle as a search sees it: where it may charge, when it is there, what it needs by when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from planner.drafts.choices import Drive
from planner.drafts.curve import Piece
from planner.drafts.timeline import Floats
from planner.snapshot import Vehicle


@dataclass(frozen=True, slots=True)
class Fit:
    """A group at which a vehicle may charge, at `most_kw` and up to `full_kwh`; up to `flat_kwh`
    its charge curve allows `most_kw`."""

    group: int
    min_kw: float
    least_kw: float
    most_kw: float
    flat_kwh: float
    full_kwh: float


class Charging(TypedDict):
    """What vehicles of one kind have in common of a `Mover`."""

    fits: tuple[tuple[Fit, ...], tuple[Fit, ...]]
    pieces: tuple[Piece, ...]
    best_kw: float
    least_kw: float
    above: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Mover:
    """A vehicle: `energy_kwh` is what it has, `target_kwh` what it owes if it is there at the end.

    `fits` has the weakest first, equal ones in either order, `best_kw` and `least_kw` are their
    highest and least power, and `above` has one of their groups for each chain of limits; `own` is
    the socket it is plugged in at, `stuck` says that this cannot be controlled. `places`: from when
    to when the plan in force has it at which socket.
    """

    vehicle: Vehicle
    energy_kwh: float
    target_kwh: float
    free_s: float
    fits: tuple[tuple[Fit, ...], tuple[Fit, ...]]
    pieces: tuple[Piece, ...]
    own: int | None
    stuck: bool
    best_kw: float
    least_kw: float
    above: tuple[int, ...]
    places: tuple[tuple[float, float, int], ...] = ()

    def usual(self, span: Span) -> int | None:
        """The socket of the first of `places` within a visit."""
        for start_s, end_s, socket in self.places:
            if start_s < span.end_s and span.start_s < end_s:
                return socket
        return None


@dataclass(frozen=True, slots=True)
class Span:
    """A vehicle's time at the depot in seconds and in steps `[first_step, end_step)`, with the
    hours that it is there in each of them. `barred`: in which of them groups that are `barred` give
    it nothing; None: in none."""

    start_s: float
    end_s: float
    first_step: int
    end_step: int
    hours: Floats
    first: bool
    barred: NDArray[np.bool_] | None = None


class Check(NamedTuple):
    """By the end of the spans before `spans` so much must have been charged, as battery energy;
    `due` at a departure, else at the horizon's end. `draws_kwh` is what the route then takes,
    `margin_kwh` what to charge beyond, where the battery holds it."""

    spans: int
    kwh: float
    due: bool
    draws_kwh: float = 0.0
    margin_kwh: float = 0.0


class Duty(NamedTuple):
    """What a vehicle drives, when it is at the depot, and what it must have charged by when."""

    drives: Sequence[Drive]
    spans: Sequence[Span]
    checks: Sequence[Check]

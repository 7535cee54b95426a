"""The power that a vehicle takes at an energy: law 6's charge curve, piece by piece."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from planner.snapshot import Vehicle

_EPS = 1e-9


@dataclass(frozen=True, slots=True)
class Piece:
    """`kw <= slope * energy_kwh + kw_at_zero` for an energy within `[low_kwh, high_kwh]`."""

    low_kwh: float
    high_kwh: float
    slope: float
    kw_at_zero: float

    def kw(self, energy_kwh: float) -> float:
        return self.slope * energy_kwh + self.kw_at_zero


def curve(vehicle: Vehicle) -> tuple[Piece, ...]:
    """The curve over `[0, battery_kwh]`, in order; flat before the first point, after the last."""
    return _pieces(vehicle.charge_curve, vehicle.battery_kwh, vehicle.max_charge_kw)


@lru_cache(maxsize=4096)
def _pieces(
    points: tuple[tuple[float, float], ...], size: float, power: float
) -> tuple[Piece, ...]:
    """Cached: a search asks for the same few curves thousands of times a second."""
    if not points:
        return (Piece(0.0, size, 0.0, power),)
    shares, powers = [p[0] for p in points], [p[1] for p in points]
    edges = sorted({0.0, 1.0, *(s for s in shares if 0 < s < 1)})
    pieces: list[Piece] = []
    for a, b in itertools.pairwise(edges):
        ka, kb = (float(np.interp(x, shares, powers)) * power for x in (a, b))
        slope = (kb - ka) / ((b - a) * size)
        pieces.append(Piece(a * size, b * size, slope, ka - slope * a * size))
    return tuple(pieces)


def concave_runs(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The curve cut where it bends upwards: within a run the pieces' lines bound it from above."""
    runs: list[list[Piece]] = []
    for piece in pieces:
        joined = bool(runs) and runs[-1][-1].slope >= piece.slope - _EPS
        if joined:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return runs


def fading_kwh(pieces: Sequence[Piece], min_kw: float) -> float:
    """The energy from which on the curve is below `min_kw`; the battery's size if never."""
    for piece in reversed(pieces):
        if piece.kw(piece.high_kwh) >= min_kw - _EPS:
            return piece.high_kwh
        if piece.kw(piece.low_kwh) >= min_kw - _EPS:
            return (min_kw - piece.kw_at_zero) / piece.slope
    return 0.0


def flat_kwh(pieces: Sequence[Piece], kw: float) -> float:
    """The energy up to which the curve allows `kw` everywhere."""
    for piece in pieces:
        if piece.kw(piece.low_kwh) < kw - _EPS:
            return piece.low_kwh
        if piece.kw(piece.high_kwh) < kw - _EPS:
            return (kw - piece.kw_at_zero) / piece.slope
    return pieces[-1].high_kwh


def highest_kw(pieces: Sequence[Piece], energy_kwh: float, kwh_per_kw: float) -> float:
    """The highest constant power whose curve value at the energy it ends at allows it.

    `kwh_per_kw` is efficiency times hours: what one kW adds until then.
    """
    best = 0.0
    for piece in pieces:
        if piece.high_kwh < energy_kwh - _EPS or kwh_per_kw <= 0:
            continue
        until = (piece.high_kwh - energy_kwh) / kwh_per_kw
        rise = 1 - piece.slope * kwh_per_kw
        within = piece.kw(energy_kwh) / rise if rise > _EPS else until
        kw = min(until, within)
        if energy_kwh + kw * kwh_per_kw >= piece.low_kwh - _EPS:
            best = max(best, kw)
    return best


def kw_at(pieces: Sequence[Piece], energy_kwh: float) -> float:
    """The curve's value in kW."""
    for piece in pieces:
        if energy_kwh <= piece.high_kwh + _EPS:
            return piece.kw(energy_kwh)
    return 0.0

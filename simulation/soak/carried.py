"""What vehicles could draw at once: the most that a guard could lend who knows everything."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog

if TYPE_CHECKING:
    from simulation.soak.ledger import Line

PHASES = 3
ROUNDING_KW = 1e-9


def carried_kw(lines: Sequence[Line]) -> float:
    """The most, in kW, that all vehicles together can take within every one of `lines`, each on the
    phases it stands on. That none of them takes less than 6 A is left out: no less is told by it.

    `lines` are the limit that holds for all, as a whole and on each phase, and after it the
    circuits below it in the same way.
    """
    places = sorted({place for line in lines for place, kw in line.wishes.items() if kw > 0})
    if not places:
        return 0.0
    wishes_kw = [[line.wishes.get(place, 0.0) for line in lines] for place in places]
    rooms_kw = [_room_kw(line) for line in lines]
    # The most in all but 2 of 615 cases (five site-hours of 4 and 8 stations), without a solver.
    filled_kw = _filled_kw(wishes_kw, rooms_kw)
    if filled_kw >= _ceiling_kw(lines) - ROUNDING_KW:
        return filled_kw
    return _solved_kw(tuple(map(tuple, wishes_kw)), tuple(rooms_kw))


@lru_cache(maxsize=256)
def _solved_kw(wishes_kw: tuple[tuple[float, ...], ...], rooms_kw: tuple[float, ...]) -> float:
    """Vehicles come back to the same limits: of 101 in four site-hours 26 were different."""
    most_kw = np.max(wishes_kw, axis=1)
    solved = linprog(-most_kw, A_ub=np.transpose(wishes_kw), b_ub=rooms_kw, bounds=(0.0, 1.0))
    assert solved.fun is not None, f"to draw nothing is within every limit: {solved.message}"
    return -solved.fun


def _room_kw(line: Line) -> float:
    return max(0.0, line.could_kw - line.base_kw)


def _filled_kw(wishes_kw: Sequence[Sequence[float]], rooms_kw: Sequence[float]) -> float:
    """What fits when one vehicle after the other takes all that is left for it, those on most
    phases first: what is left on one phase alone is of use to the others only. By place and line
    what is wished for."""
    left_kw, filled_kw = list(rooms_kw), 0.0
    for wish_kw in sorted(wishes_kw, key=lambda row: row.count(0.0)):
        fits = [have / want for have, want in zip(left_kw, wish_kw, strict=True) if want > 0]
        share = min(1.0, *fits)
        left_kw = [have - share * want for have, want in zip(left_kw, wish_kw, strict=True)]
        filled_kw += share * max(wish_kw)
    return filled_kw


def _ceiling_kw(lines: Sequence[Line]) -> float:
    """More cannot be: by phase the room of the limit above all, or what circuits let through."""
    above, below = lines[1 : 1 + PHASES], lines[1 + PHASES :]
    ceiling_kw = 0.0
    for top in above:
        circuits = [line for line in below if line.phase == top.phase]
        through_kw = sum(min(_room_kw(line), sum(line.wishes.values())) for line in circuits)
        in_circuits = {place for line in circuits for place in line.wishes}
        direct_kw = sum(kw for place, kw in top.wishes.items() if place not in in_circuits)
        ceiling_kw += min(_room_kw(top), through_kw + direct_kw)
    return ceiling_kw

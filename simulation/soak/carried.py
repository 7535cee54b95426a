"""What vehicles could draw at once: the most that a guard could lend who knows everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog

if TYPE_CHECKING:
    from simulation.soak.ledger import Line


def carried_kw(lines: Sequence[Line]) -> float:
    """The most, in kW, that all vehicles together can take within every one of `lines`, each on the
    phases it stands on. That none of them takes less than 6 A is left out: no less is told by it.
    """
    places = sorted({place for line in lines for place, kw in line.wishes.items() if kw > 0})
    if not places:
        return 0.0
    wishes_kw = np.array([[line.wishes.get(place, 0.0) for place in places] for line in lines])
    rooms_kw = [max(0.0, line.limit_kw - line.base_kw) for line in lines]
    most_kw = wishes_kw.max(axis=0)
    solved = linprog(-most_kw, A_ub=wishes_kw, b_ub=rooms_kw, bounds=(0.0, 1.0))
    assert solved.fun is not None, f"to draw nothing is within every limit: {solved.message}"
    return -solved.fun

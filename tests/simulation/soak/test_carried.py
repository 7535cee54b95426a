"""The most that vehicles could draw at once, beside a solver."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from scipy.optimize import linprog

from simulation.soak.carried import carried_kw
from simulation.soak.ledger import Line, Place

PHASES_OF_A_VEHICLE = [(1,), (2,), (3,), (1, 2), (2, 3), (1, 3), (1, 2, 3), (1, 2, 3)]


@pytest.mark.parametrize("seed", range(40))
def test_what_is_carried_is_what_a_solver_finds(seed: int) -> None:
    rng = Random(seed)
    lines = _depot(rng)
    places = sorted(lines[0].wishes)
    wishes_kw = np.array([[line.wishes.get(place, 0.0) for place in places] for line in lines])
    solved = linprog(
        -wishes_kw[0],
        A_ub=wishes_kw,
        b_ub=[max(0.0, line.limit_kw - line.base_kw) for line in lines],
        bounds=(0.0, 1.0),
    )
    assert solved.fun is not None, f"seed {seed}"
    assert carried_kw(lines) == pytest.approx(-solved.fun, abs=1e-6), f"seed {seed}"


def test_nothing_is_carried_where_the_base_load_is_above_the_limit() -> None:
    lines = _limit(20.0, {("CP01", 1): (22.0, (1, 2, 3))}, base_kw=30.0)
    assert carried_kw(lines) == 0.0


def _depot(rng: Random) -> list[Line]:
    """A site with two circuits, and vehicles below these or straight below the site."""
    below: dict[str, dict[Place, tuple[float, tuple[int, ...]]]] = {"a": {}, "b": {}, "site": {}}
    for number in range(rng.randint(1, 8)):
        vehicle = (rng.choice([7.4, 11.0, 22.0]), rng.choice(PHASES_OF_A_VEHICLE))
        below[rng.choice(sorted(below))]["CP", number] = vehicle
    everybody = below["a"] | below["b"] | below["site"]
    site = _limit(rng.uniform(10, 80), everybody, base_kw=rng.uniform(0, 8))
    circuits = [*_limit(rng.uniform(8, 50), below["a"]), *_limit(rng.uniform(8, 50), below["b"])]
    return [*site, *circuits]


def _limit(
    kw: float, vehicles: dict[Place, tuple[float, tuple[int, ...]]], base_kw: float = 0.0
) -> list[Line]:
    lines = [Line(name="limit", limit_kw=kw, base_kw=base_kw)]
    lines += [Line(name="limit", limit_kw=kw / 3, base_kw=base_kw / 3, phase=n) for n in (1, 2, 3)]
    for place, (wish_kw, phases) in vehicles.items():
        lines[0].wishes[place] = wish_kw
        for line in lines[1:]:
            line.wishes[place] = wish_kw / len(phases) if line.phase in phases else 0.0
    return lines

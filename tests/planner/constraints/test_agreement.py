"""What a linear model's taste says of a solution, a draft of the same solution says too."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from planner.constraints import SOFT, charger_preference
from planner.drafts.assemble import taste
from planner.drafts.choices import choices
from planner.drafts.timeline import Floats, Timeline, timeline
from planner.linear.extract import extract
from planner.linear.model import Model
from planner.linear.scopes import open_scope
from planner.linear.solver import solve_milp
from planner.objectives import SHORTFALL, TASTE
from planner.snapshot import Allocation, Mode, Previous, Snapshot
from planner.soft import (
    ChargerPreference,
    EnergyFeasibility,
    EnergyMargin,
    IncompatibleRoutes,
    MinimumSoonness,
    PreferredTurnaround,
    ReserveVehicles,
    RouteSequenceBuffer,
    ShiftHours,
    Soft,
    Swaps,
    Triad,
)
from tests.planner.depots import T0, after
from tests.planner.tiny import tiny_depot

RULES: dict[str, Any] = {
    "energy_feasibility": EnergyFeasibility(),
    "energy_margin": EnergyMargin(margins=(0.3, 0.6, 2.0), penalties=(0.1, 0.4, 2.0)),
    "preferred_turnaround": PreferredTurnaround(),
    "route_sequence_buffer": RouteSequenceBuffer(minutes=60),
    "shift_hours": ShiftHours(hours=3.3),
    "cumulative": ShiftHours(hours=2.7, kind="cumulative", penalty=0.7),
    "charger_preference": ChargerPreference(costs={"CP0": 3}, window=("19:30", "18:10")),
    "first": ChargerPreference(costs={"CP0/1": 3, "CP1": 1}, routes="first"),
    "longest": ChargerPreference(
        costs={"CP0": 3}, window=("17:45", "20:20"), timezone="Europe/Berlin", routes="longest"
    ),
    "triad": Triad(window=("18:10", "19:40"), penalty=0.3),
    "minimum_soonness": MinimumSoonness(hours=2.5),
    "swaps": Swaps(),
    "incompatible_routes": IncompatibleRoutes(pairs=(("R1", "R0"), ("R2", "R0"), ("R0", "R1"))),
    "reserve_vehicles": ReserveVehicles(count=1),
    "named": ReserveVehicles(vehicles=("V1", "V9"), penalty=0.3),
}
OF = {"cumulative": "shift_hours", "first": "charger_preference", "longest": "charger_preference"}
OF["named"] = "reserve_vehicles"


def wishful(name: str, seed: int, mode: Mode) -> Snapshot:
    rng = Random(f"{name}{seed}")
    snapshot = tiny_depot(rng, mode=mode, routes=4)
    rules = replace(
        snapshot.rules,
        turnaround_minutes=rng.choice((0, 30)),
        max_routes_per_vehicle=4,
        rest_hours=rng.choice((None, 1.0)),
        soft=Soft(**{OF.get(name, name): RULES[name]}),
    )
    before = tuple(
        Allocation(route=r.id, vehicle=rng.choice(("V0", "V1"))) for r in snapshot.routes[:3]
    )
    full = tuple(replace(v, energy_kwh=rng.choice((25.0, 40.0))) for v in snapshot.vehicles)
    if mode == "charging":
        full = snapshot.vehicles
    hourly = tuple(
        replace(r, depart=after(60 * i), return_=after(60 * i + rng.choice((30, 60, 120))))
        for i, r in enumerate(snapshot.routes, 1)
    )
    previous = Previous(allocations=before, at=T0)
    return replace(snapshot, vehicles=full, routes=hourly, rules=rules, previous=previous)


CHARGING = (
    "energy_feasibility",
    "energy_margin",
    "charger_preference",
    "first",
    "longest",
    "triad",
)
"""What is judged where routes are given, too."""


def any_solution(snapshot: Snapshot, line: Timeline, seed: int) -> tuple[Model, Floats]:
    """Any at all: what is driven and charged where is left to chance."""
    chosen = choices(snapshot, line)
    model = Model(open_scope(snapshot, line, chosen, fixed=chosen.given))
    columns, rng = model.columns, np.random.default_rng(seed)
    cost = np.zeros(len(columns))
    for block, least in (("drive", -3.0), ("kw", -1.0)):
        for column in columns[block].values():
            cost[column] = rng.uniform(least, 0.5)
    some = solve_milp(columns, model.rows, cost, time_s=20, gap=0.1)
    assert some.x is not None, f"seed {seed}"
    return model, some.x


@pytest.mark.parametrize(
    ("name", "mode"),
    [*((name, "integrated") for name in RULES), *((name, "charging") for name in CHARGING)],
)
def test_a_model_and_a_draft_agree_on_taste(name: str, mode: Mode) -> None:
    counted = 0.0
    for seed in range(8):
        snapshot = wishful(name, seed, mode)
        line = timeline(snapshot)
        model, some = any_solution(snapshot, line, seed)
        columns, draft = model.columns, extract(model.columns, some)
        if draft is None:
            continue
        decided = {c for block in ("drive", "kw", "hold") for c in columns[block].values()}
        fixed = {c: float(some[c]) for c in decided}
        short = model.solve(SHORTFALL, time_s=20, gap=0.0, fixed=fixed)
        model.keep(SHORTFALL, short.objective, allowed=1e-6)
        told = model.solve(TASTE, time_s=20, gap=0.0, fixed=fixed)
        assert told.objective == pytest.approx(taste(snapshot, line, draft), abs=2e-3), f"{seed}"
        counted += sum(r.cost(snapshot, line, draft) for r in SOFT if r.applies(snapshot))
    assert counted > 0 or name == "swaps", "no solution broke the rule"


@pytest.mark.parametrize("mode", ["integrated", "charging"])
@pytest.mark.parametrize("name", ["first", "longest"])
def test_no_solution_of_a_model_has_what_a_hard_preference_counts(name: str, mode: Mode) -> None:
    counted = 0.0
    for seed in range(6):
        free = wishful(name, seed, mode)
        wish = replace(RULES[name], hard=True)
        strict = replace(free, rules=replace(free.rules, soft=Soft(charger_preference=wish)))
        line = timeline(free)
        for snapshot in (free, strict):
            model, some = any_solution(snapshot, timeline(snapshot), seed)
            draft = extract(model.columns, some)
            found = 0.0 if draft is None else charger_preference.cost(free, line, draft)
            assert snapshot is free or found == 0, f"seed {seed}"
            counted += found
    assert counted > 0, "no solution would break the rule"

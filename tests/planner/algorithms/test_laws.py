"""Every algorithm's plans pass the audit, whatever the depot."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from planner.algorithms import ALGORITHMS
from planner.check import audit
from planner.params import Params
from planner.snapshot import Mode
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
    Triad,
)
from tests.planner.depots import random_depot

BASELINES = ("edf", "llf", "uncontrolled", "fair")
MODELS = ("on_off", "max_min", "sequential")
STRICT = Soft(
    energy_feasibility=EnergyFeasibility(hard=True, dc_allowed=False),
    route_sequence_buffer=RouteSequenceBuffer(hard=True),
    shift_hours=ShiftHours(hours=8, hard=True),
    minimum_soonness=MinimumSoonness(hours=2, hard=True),
    reserve_vehicles=ReserveVehicles(count=1, hard=True),
    energy_margin=EnergyMargin(margins=(0.1,), penalties=(1,), hard=True),
    preferred_turnaround=PreferredTurnaround(hard=True),
    charger_preference=ChargerPreference(
        costs={"CP01/1": 1, "CP02": 2}, window=("18:10", "20:20"), hard=True
    ),
    incompatible_routes=IncompatibleRoutes(pairs=(("R01", "R04"),), hard=True),
    triad=Triad(window=("21:20", "22:10"), hard=True),
)
FAMILIES: dict[str, dict[str, Any]] = {
    "tight": {"tight": 0.3},
    "scarce": {"connectors": 2, "vehicles": 6, "routes": 6},
    "sunny": {"battery": True, "pv": True},
    "fixed": {"fixed_loads": True},
    "fallbacks": {"fallbacks": True, "tight": 0.4},
    "long": {"hours": 24, "step_minutes": 30},
    "strict": {"soft": STRICT, "routes": 8},
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mode", ["integrated", "allocation", "charging"])
@pytest.mark.parametrize("name", BASELINES)
def test_plans_of_baselines_break_no_law(name: str, mode: Mode, family: str) -> None:
    for seed in range(8):
        snapshot = random_depot(Random(f"{family}{seed}"), mode=mode, **FAMILIES[family])
        plan = ALGORITHMS[name](snapshot, Params(), 0.05, 3)
        assert audit(snapshot, plan) == [], f"seed {seed}"
        assert (plan.algorithm, plan.seed, plan.status) == (name, 3, "feasible")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mode", ["integrated", "charging"])
@pytest.mark.parametrize("name", MODELS)
def test_plans_of_models_break_no_law(name: str, mode: Mode, family: str) -> None:
    for seed in range(2):
        snapshot = random_depot(Random(f"{family}{seed}"), mode=mode, **FAMILIES[family])
        plan = ALGORITHMS[name](snapshot, Params(), 0.8, 3)
        assert audit(snapshot, plan) == [], f"seed {seed}"
        assert (plan.algorithm, plan.seed) == (name, 3)


@pytest.mark.parametrize("name", [*BASELINES, *MODELS])
def test_the_same_snapshot_gives_the_same_plan(name: str) -> None:
    snapshot = random_depot(Random(4), vehicles=3, routes=3, connectors=2, hours=6)
    one, other = (ALGORITHMS[name](snapshot, Params(), 20.0, 0) for _ in range(2))
    assert one == other

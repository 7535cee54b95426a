from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from planner.algorithms.at_hand import AtHand, finish
from planner.check import audit
from planner.drafts.choices import choices
from planner.drafts.timeline import timeline
from planner.search.construct import constructed
from planner.search.instance import Instance
from planner.search.moves import Builder
from planner.search.ruin import pick
from planner.search.search import Search
from planner.search.state import State
from planner.search.windows import Taste
from planner.snapshot import Mode, Snapshot
from tests.planner.depots import random_depot

KINDS: dict[str, dict[str, Any]] = {
    "tight": {"tight": 0.3},
    "scarce": {"connectors": 2, "vehicles": 6, "routes": 8},
    "sunny": {"battery": True, "pv": True},
    "fixed": {"fixed_loads": True},
    "long": {"hours": 24, "step_minutes": 30},
}


def depot(kind: str, seed: int, mode: Mode = "integrated") -> Snapshot:
    return random_depot(Random(f"search {kind} {seed}"), mode=mode, **KINDS[kind])


def instance_of(snapshot: Snapshot) -> Instance:
    line = timeline(snapshot)
    return Instance(snapshot, line, choices(snapshot, line))


def assert_lawful(instance: Instance, state: State, where: str) -> None:
    draft = state.draft()
    hand = AtHand(
        snapshot=instance.snapshot, line=instance.line, chosen=instance.chosen, draft=draft
    )
    assert audit(instance.snapshot, finish(hand, draft, algorithm="x", seed=0)) == [], where


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["integrated", "charging"])
def test_after_any_number_of_steps_the_plan_breaks_no_law(kind: str, mode: Mode) -> None:
    for seed in range(4):
        instance = instance_of(depot(kind, seed, mode))
        state = constructed(instance)
        search = Search(state, seed)
        for step in range(30):
            search.step()
            if step % 10 == 0:
                assert_lawful(instance, state, f"{kind} {mode} seed {seed} step {step}")


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_taken_apart_in_vain_is_put_back_as_it_was(kind: str) -> None:
    instance = instance_of(depot(kind, 7))
    state = constructed(instance)
    before, room = state.copy(), [kw.copy() for kw in state.room.free_kw]
    busy, bank, cost = list(state.room.busy), set(state.bank), state.cost()
    rng = Random(1)
    for _ in range(20):
        builder = Builder(state, rng, Taste(), blink=0.2)
        for v, routes in pick(state, rng, 3).items():
            builder.strip(v, routes)
        for route in sorted(state.bank):
            builder.insert(route)
        builder.undo()
        state.bank = set(bank)
    assert state.drives == before.drives
    assert state.cost() == pytest.approx(cost)
    assert state.room.busy == busy
    for kw, expected in zip(state.room.free_kw, room, strict=True):
        np.testing.assert_allclose(kw, expected, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_draft_and_the_state_made_of_it_mean_the_same(kind: str) -> None:
    instance = instance_of(depot(kind, 3))
    state = constructed(instance)
    again = State.of(instance, state.draft())
    assert again.bank == state.bank
    assert again.money() == pytest.approx(state.money(), abs=1e-2)
    hand = AtHand(
        snapshot=instance.snapshot,
        line=instance.line,
        chosen=instance.chosen,
        draft=state.draft(),
    )
    assert hand.tiers(again.draft()).shortfall_kwh == pytest.approx(
        hand.tiers(state.draft()).shortfall_kwh, abs=1e-2
    )


def test_a_seed_replays_a_search_and_another_one_finds_another_plan() -> None:
    def searched(seed: int) -> list[object]:
        search = Search(constructed(instance_of(depot("scarce", 5))), seed)
        found: list[object] = []
        for _ in range(40):
            search.step()
            found.append(search.best().drives)
        return found

    assert searched(1) == searched(1)
    assert searched(1) != searched(2)


def test_searching_finds_what_building_alone_does_not() -> None:
    found = 0
    for seed in range(6):
        state = constructed(instance_of(depot("scarce", seed)))
        before = state.cost()
        search = Search(state, 0)
        for _ in range(60):
            search.step()
        found += State.of(state.instance, search.best()).cost() < before - 1e-3
    assert found >= 3

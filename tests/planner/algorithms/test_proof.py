"""The whole model, where it is small enough."""

from __future__ import annotations

from random import Random

import pytest

from planner.algorithms import proof
from planner.algorithms.at_hand import AtHand
from planner.algorithms.best import Best
from planner.algorithms.proof import whole_model
from planner.linear.model import Model
from planner.snapshot import Snapshot
from tests.planner.depots import random_depot


def best_of(snapshot: Snapshot) -> Best:
    hand = AtHand.greedy(snapshot)
    return Best(hand, hand.tiers(hand.draft))


def test_a_small_problem_has_a_whole_model() -> None:
    snapshot = random_depot(Random(0), vehicles=3, routes=3, connectors=2, hours=4)
    assert isinstance(whole_model(snapshot, best_of(snapshot)), Model)


def test_no_rows_are_made_for_a_model_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: object) -> Model:
        raise AssertionError("its rows take seconds")

    monkeypatch.setattr(proof, "Model", made)
    snapshot = random_depot(Random(0), vehicles=10, routes=12, connectors=8, hours=18)
    assert whole_model(snapshot, best_of(snapshot)) is None

"""Random depots: the same for the same seed, readable, and with something to plan."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks import sessions
from benchmarks.families import FAMILIES, again, depot, digest, size
from planner.codec import dump_snapshot, load_snapshot
from planner.drafts.choices import choices
from planner.drafts.timeline import timeline


@pytest.mark.parametrize("family", FAMILIES)
def test_a_depot_is_a_lawful_snapshot_with_work_for_most_routes(family: str) -> None:
    snapshot = depot(family, 20, 30, 3)
    assert load_snapshot(dump_snapshot(snapshot)) == snapshot
    assert snapshot.steps == 72
    assert len(snapshot.vehicles) == 20
    chosen = choices(snapshot, timeline(snapshot))
    assert len(chosen.routes) == len(snapshot.routes) >= 15
    assert len(chosen.hopeless) <= len(snapshot.routes) / 10


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    code = (
        "from benchmarks.families import *\n"
        "print(*(digest(depot(f, 20, 30, s)) for f in FAMILIES for s in (0, 7)))"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    here = [digest(depot(f, 20, 30, s)) for f in FAMILIES for s in (0, 7)]
    assert elsewhere.stdout.split() == here
    assert len(set(here)) == len(here)


def test_results_of_another_depot_are_refused() -> None:
    told = digest(depot("tight-grid", 4, 5, 0))
    assert again("tight-grid", "4/5", 0, told) == depot("tight-grid", 4, 5, 0)
    with pytest.raises(ValueError, match="another depot"):
        again("tight-grid", "4/5", 1, told)


@pytest.mark.parametrize("text", ["20", "20/", "a/b", "0/5", "-1/3", "20/30/40"])
def test_a_size_is_vehicles_and_routes(text: str) -> None:
    with pytest.raises(ValueError, match="vehicles/routes"):
        size(text)


def test_sessions_can_be_charged_but_not_all_of_them() -> None:
    lot = sessions.lot(40, 0)
    assert sessions.lot(40, 0) == lot
    assert lot.limit_kw * sessions.HOURS == pytest.approx(0.8 * lot.wanted_kwh, rel=0.01)
    for s in lot.sessions:
        assert s.wants_kwh <= s.max_kw * (s.leave - s.arrive) / 60
    snapshot = sessions.snapshot(lot)
    assert load_snapshot(dump_snapshot(snapshot)) == snapshot

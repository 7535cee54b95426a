from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from daemon.cli import main
from daemon.commands.picture import page
from planner.codec import dump_snapshot, load_plan
from tests.planner.depots import random_depot

DEPOT = random_depot(Random(7), vehicles=2, routes=2, connectors=2, hours=6)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    file = tmp_path / "snapshot.json"
    file.write_text(dump_snapshot(DEPOT), encoding="utf-8")
    return file


def test_a_plan_is_printed_and_passes_its_audit(
    snapshot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(snapshot)]) == 0

    told = capsys.readouterr()
    assert load_plan(told.out).revision == DEPOT.revision
    assert told.err == ""
    plan = tmp_path / "plan.json"
    plan.write_text(told.out, encoding="utf-8")
    assert main(["check", str(snapshot), str(plan)]) == 0


def test_a_plan_may_be_written_to_a_file(
    snapshot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.json"

    assert main(["plan", str(snapshot), "--out", str(plan), "--algorithm", "greedy"]) == 0

    assert load_plan(plan.read_bytes()).revision == DEPOT.revision
    assert capsys.readouterr().out == ""


def test_a_plan_may_be_drawn_beside_being_printed(
    snapshot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "plan.html"

    assert main(["plan", str(snapshot), "--html", str(picture), "--algorithm", "greedy"]) == 0

    plan = load_plan(capsys.readouterr().out)
    assert picture.read_text(encoding="utf-8") == page(DEPOT, plan)


def test_the_picture_has_the_mode_that_was_asked_for(snapshot: Path, tmp_path: Path) -> None:
    picture = tmp_path / "plan.html"
    wanted = ["--html", str(picture), "--mode", "charging", "--algorithm", "greedy"]

    assert main(["plan", str(snapshot), *wanted]) == 0

    assert "charging mode" in picture.read_text(encoding="utf-8")


def test_the_mode_may_be_another_than_the_snapshots(
    snapshot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert DEPOT.mode == "integrated"

    assert main(["plan", str(snapshot), "--mode", "charging", "--algorithm", "greedy"]) == 0

    plan: dict[str, Any] = json.loads(capsys.readouterr().out)
    given = {route.id for route in DEPOT.routes if route.vehicle is not None}
    assert {allocation["route"] for allocation in plan["allocations"]} <= given


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--budget-s", "0"], "--budget-s 0: wants a positive number of seconds"),
        (["--budget-s", "nan"], "--budget-s nan: wants a positive number of seconds"),
        (["--seed", "-1"], "--seed -1: wants 0 or more"),
        (["--html", "/nowhere/p.html", "--algorithm", "greedy"], "/nowhere/p.html: cannot be"),
        (["--solutions", "0"], "--solutions 0: wants 1 or more"),
        (["--solutions", "2", "--html", "p.html"], "--html: draws one plan"),
        (["--out", "/nowhere/plan.json", "--algorithm", "greedy"], "/nowhere/plan.json: cannot be"),
    ],
)
def test_options_that_make_no_sense_are_wrong_usage(
    snapshot: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert main(["plan", str(snapshot), *options]) == 2

    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert said in told.err


def test_a_mode_that_is_none_is_wrong_usage(snapshot: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["plan", str(snapshot), "--mode", "night"])
    assert caught.value.code == 2


def test_an_algorithm_that_is_none_is_wrong_usage(
    snapshot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(snapshot), "--algorithm", "guess"]) == 2
    assert "--algorithm guess: wants one of edf, fair" in capsys.readouterr().err


def test_several_plans_are_an_array_best_first_and_what_is_missing_is_told(
    snapshot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plans.json"
    options = ["--solutions", "50", "--algorithm", "greedy", "--out", str(file)]

    assert main(["plan", str(snapshot), *options]) == 0

    plans = [load_plan(json.dumps(plan)) for plan in json.loads(file.read_bytes())]
    told = capsys.readouterr()
    assert told.out == ""
    assert f"{len(plans)} of 50 plans" in told.err
    assert {plan.revision for plan in plans} == {DEPOT.revision}

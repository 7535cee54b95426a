"""`depotd simulate`: what it prints, and what it refuses."""

from __future__ import annotations

import json

import pytest

from daemon.cli import main
from tests.simulation.soak.bugs import BUGS


def test_a_run_is_told_as_json_with_seconds_over_each_limit_and_faults_by_kind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    argv = [
        "simulate",
        "--faults",
        "cut,reboot,limit,-limit",
        "--site-hours",
        "0.2",
        "--stations",
        "3",
    ]
    assert main([*argv, "--rate", "30", "--seed", "5", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["holds"] is True
    assert set(told["seconds_over"].values()) == {0}
    assert set(told["faults"]) == {"cut", "reboot"}
    assert told["site_hours"] == 0.2


def test_a_limit_that_is_exceeded_ends_in_1_and_names_the_command_that_shows_it_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (amperes,) = (bug for bug in BUGS if bug.name == "amperes of one phase")
    argv = ["simulate", "--faults", "planner-wild", "--site-hours", "0.1", "--stations", "3"]
    argv += ["--rate", "30", "--seed", "3"]
    with amperes.broken():
        assert main(argv) == 1
    told = capsys.readouterr().out
    assert "BREACH of site at" in told
    again = next(line for line in told.splitlines() if "again: depotd " in line)
    assert main(again.partition("depotd ")[2].split()) == 0, "with the rule kept"
    with amperes.broken():
        assert main(again.partition("depotd ")[2].split()) == 1


def test_the_faults_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--list"]) == 0
    assert "half-open" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--faults", "earthquake"], "--faults: 'earthquake', wants all, none, or some of"),
        (["--faults=-cut"], "--faults: '-cut' leaves no fault, wants all,-NAME or none"),
        (["--site-hours", "0"], "--site-hours: 0, wants a positive number"),
        (["--rate", "nan"], "--rate: nan, wants a positive number"),
        (["--stations", "0"], "--stations: 0, wants 1 to 1000"),
        (["--classes", "AX"], "--classes: 'AX', wants some of the letters A, B and C"),
        (["--jobs", "-1"], "--jobs: -1, wants at least 0"),
        (["--algorithm", "nobody"], "--algorithm: "),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *argv]) == 2
    assert told in capsys.readouterr().err

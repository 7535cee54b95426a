"""The daemon under faults: the limit holds, and a seed tells the whole run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from simulation.soak.faults import FAULTS
from simulation.soak.report import Total, as_json, lines
from simulation.soak.run import Outcome, run, run_all
from simulation.soak.scenario import Setup, scenario
from tests.simulation.soak.bugs import BUGS, Bug
from tests.simulation.soak.seeds import SEEDS

SHORT = Setup(seed=7, hours=0.4, stations=4, faults=frozenset(FAULTS), rate=10.0)
DIGEST = """
import sys
from tests.simulation.soak.test_run import SHORT
from simulation.soak.run import run
print(run(SHORT).digest)
"""


def told(outcome: Outcome) -> str:
    total = Total()
    total.add(outcome)
    return "\n".join(lines(total))


@pytest.mark.parametrize("name", SEEDS)
def test_what_once_went_wrong_does_not_any_more(name: str) -> None:
    outcome = run(SEEDS[name])
    assert outcome.holds, told(outcome)


def test_the_limit_holds_whatever_stations_links_and_machines_do() -> None:
    faults: Counter[str] = Counter()
    for seed in (21, 22):
        setup = Setup(seed=seed, hours=0.5, stations=5, faults=frozenset(FAULTS), rate=10.0)
        outcome = run(setup)
        assert outcome.holds, told(outcome)
        faults += outcome.faults
    assert len(faults) > 15


def test_one_seed_is_one_run_in_any_process() -> None:
    """Strings hash differently in each process: nothing may depend on it."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    other = run(Setup(seed=8, hours=0.4, stations=4, faults=frozenset(FAULTS), rate=10.0))
    assert other.digest not in digests.pop()


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_broken_rule_of_the_guard_breaks_a_limit(bug: Bug) -> None:
    with bug.broken():
        assert run(bug.setup).over_s > 0


def test_a_report_names_seed_instant_culprit_and_what_came_before() -> None:
    bug = BUGS[0]
    with bug.broken():
        outcome = run(bug.setup)
    total = Total()
    total.add(outcome)
    text = "\n".join(lines(total))
    assert f"seed {bug.setup.seed}" in text
    assert f"--seed {bug.setup.seed} " in text
    first = json.loads(json.dumps(as_json(total)))["first_breaches"][0]
    assert first["at_s"] > 0
    assert first["draw_kw"] > first["limit_kw"]
    assert any("SetChargingProfile" in line for line in first["before"])


def test_every_scenario_is_lawful_at_its_worst() -> None:
    """What cannot be lowered fits every limit: a breach is then the guard's."""
    for seed in range(200):
        made = scenario(Setup(seed=seed, hours=1.0, stations=1 + seed % 30, kinds="ABC"))
        assert made.sure_kw <= made.site.import_limit_kw


def test_runs_side_by_side_in_processes_are_the_same_runs() -> None:
    setups = [
        Setup(seed=seed, hours=0.1, stations=3, faults=frozenset({"surge", "cut"}), rate=30.0)
        for seed in (1, 2)
    ]
    apart, here = run_all(setups, 2), run_all(setups, 1)
    assert [outcome.digest for outcome in apart] == [outcome.digest for outcome in here]

"""Algorithms of other distributions; the how-to's own example among them."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import invalidate_caches
from pathlib import Path
from random import Random

import pytest

from planner.algorithms import ALGORITHMS
from planner.algorithms.plugins import PluginError, find, names
from planner.check import audit
from planner.params import Params
from planner.solve import solve_with_report
from tests.planner.depots import random_depot

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "add-an-algorithm.md"
SMALL = random_depot(Random(3), vehicles=3, routes=4, connectors=2, hours=5)


class Site:
    """A folder on the path where distributions are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, distribution: str, points: dict[str, str], **modules: str) -> None:
        for name, source in modules.items():
            (self.folder / f"{name}.py").write_text(source, encoding="utf-8")
        info = self.folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        lines = "\n".join(f"{name} = {target}" for name, target in points.items())
        (info / "entry_points.txt").write_text(f"[depotd.algorithms]\n{lines}\n", encoding="utf-8")
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    known = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield Site(tmp_path)
    for name in set(sys.modules) - known:
        file = getattr(sys.modules[name], "__file__", None)
        if file is not None and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]


def test_the_how_to_s_example_is_found_by_its_entry_point_and_its_plan_is_audited(
    site: Site,
) -> None:
    text = HOW_TO.read_text(encoding="utf-8")
    blocks = dict(re.findall(r"```(python|toml)\n(.*?)```", text, re.DOTALL))
    project = tomllib.loads(blocks["toml"])["project"]
    points = project["entry-points"]["depotd.algorithms"]
    site.install(project["name"], points, depot_emptiest=blocks["python"])

    assert "emptiest_first" in names()
    assert "depot_emptiest" not in sys.modules, "listing names loads nothing"
    solved = solve_with_report(SMALL, Params(algorithm="emptiest_first"), 5.0, 0)
    assert solved.plan.algorithm == "emptiest_first"
    assert solved.steps_down == ()
    assert audit(SMALL, solved.plan) == []


ODD = """
from dataclasses import replace
from planner.algorithms.greedy import greedy

def over(snapshot, params, budget_s, seed):
    plan = greedy(snapshot, params, budget_s, seed)
    stays = tuple(
        replace(s, periods=tuple(replace(p, kw=p.kw * 10) for p in s.periods)) for s in plan.stays
    )
    return replace(plan, stays=stays)

def older(snapshot, params, budget_s, seed):
    return replace(greedy(snapshot, params, budget_s, seed), revision=snapshot.revision + 1)

def text(snapshot, params, budget_s, seed):
    return "charge them all"

def fails(snapshot, params, budget_s, seed):
    raise TypeError("what is a vehicle")

number = 7
"""


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("over", "over failed its audit: law"),
        ("older", f"answers for revision {SMALL.revision + 1}, wants {SMALL.revision}"),
        ("text", "the plug-in 'text' of odd-ones answers with str, wants a Plan"),
        ("fails", "the plug-in 'fails' of odd-ones: TypeError: what is a vehicle"),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_step_down_to_greedy(
    site: Site, function: str, told: str
) -> None:
    site.install("odd-ones", {function: f"odd:{function}"}, odd=ODD)
    solved = solve_with_report(SMALL, Params(algorithm=function), 5.0, 0)
    assert solved.plan.algorithm == "greedy"
    assert len(solved.steps_down) == 1
    assert told in solved.steps_down[0]


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("broken:run", r"'bad' of bad-one cannot be loaded from broken:run: ZeroDivisionError"),
        ("absent:run", r"'bad' of bad-one cannot be loaded from absent:run: ModuleNotFoundError"),
        ("odd:gone", r"'bad' of bad-one cannot be loaded from odd:gone: AttributeError"),
        ("odd:number", r"'bad' of bad-one is no algorithm: odd:number cannot be called"),
    ],
)
def test_a_broken_plug_in_is_one_clear_error(site: Site, target: str, told: str) -> None:
    site.install("bad-one", {"bad": target}, broken="1 / 0\n", odd=ODD)
    with pytest.raises(PluginError, match=told):
        find("bad")
    with pytest.raises(ValueError, match=rf"params\.algorithm: the plug-in {told}"):
        solve_with_report(SMALL, Params(algorithm="bad"), 5.0, 0)
    assert solve_with_report(SMALL, Params(algorithm="edf"), 5.0, 0).steps_down == ()


def test_a_name_that_two_distributions_offer_is_refused(site: Site) -> None:
    site.install("one", {"twice": "odd:text"}, odd=ODD)
    site.install("two", {"twice": "odd:fails"})
    with pytest.raises(PluginError, match="'twice' is offered by one and two"):
        find("twice")


def test_our_own_names_cannot_be_taken_over(site: Site) -> None:
    site.install("taker", {"joint": "odd:text"}, odd=ODD)
    assert find("joint") is ALGORITHMS["joint"]
    assert names().count("joint") == 1

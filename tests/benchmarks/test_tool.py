"""The tool from end to end on a tiny depot, and what it does with what went wrong."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import charging_only
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.apart import ROOT, run_apart
from benchmarks.cases import Case, Result, append, load, to_do
from benchmarks.drawing import Curve, drawing
from benchmarks.families import depot, digest
from benchmarks.markdown import put
from benchmarks.runs import Outcome, at, best, outcomes, reaches


def marked(folder: Path) -> Path:
    page = folder / "benchmarks.md"
    marks = (f"<!-- {n}: begin -->\nSTALE\n<!-- {n}: end -->\n" for n in BENCHMARKS)
    page.write_text("# Benchmarks\n" + "".join(marks), encoding="utf-8")
    return page


def test_a_tiny_depot_is_measured_once_and_comes_out_as_a_table(tmp_path: Path) -> None:
    page, results = marked(tmp_path), str(tmp_path / "results")
    tiny = ["--families", "overnight-peak", "--sizes", "2/2", "--results", results]
    ways = ["--budgets-s", "1", "--reference-s", "1", "--opponents", "greedy", "--grace-s", "600"]

    assert main(["tiers", *tiny, *ways]) == 0
    measured = load([Path(results, "tiers.jsonl")])
    assert [r.arguments["algorithm"] for r in measured] == ["joint", "greedy"]
    assert [r.trouble for r in measured] == ["", ""]
    assert all("end_s" in r.lines[-1] for r in measured)

    assert main(["tiers", *tiny, *ways]) == 0
    assert load([Path(results, "tiers.jsonl")]) == measured

    assert main(["table", "--results", results, "--docs", str(tmp_path)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "| overnight-peak | 2/2 " in text
    assert measured[0].machine in text
    assert "STALE" not in text


@pytest.mark.parametrize("command", [[], *([name] for name in BENCHMARKS)])
def test_it_says_what_there_is_to_measure(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([*command, "--help"])
    assert left.value.code == 0
    assert "2 %% of" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "options", "found"),
    [
        ("first-plan", ["--families", "tight-grid", "--sizes", "2/2"], ["tight-grid", "1/"]),
        (
            "replan",
            ["--families", "double-shift", "--sizes", "3/4", "--budget-s", "0.5"],
            ["double-shift", " of "],
        ),
        (
            "charging-only",
            ["--sizes", "2x480,3x72", "--who", "lp,max_min"],
            ["| 2x480", "| 3x72", "%", "integers"],
        ),
        ("growth", ["--vehicles", "2,3", "--budget-s", "0.5"], ["mixed-fleet | 2 ", "growth.svg"]),
    ],
)
def test_every_benchmark_makes_a_table_of_what_it_measures(
    name: str, options: list[str], found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charging_only, "REPEATS", 1)
    module, parser = BENCHMARKS[name], argparse.ArgumentParser()
    module.add_arguments(parser)
    results = [
        Result(
            module=case.module,
            arguments=case.arguments,
            lines=tuple(json.loads(json.dumps(line)) for line in module.measure(**case.arguments)),
            trouble="",
            at="2026-11-21T00:00:00+00:00",
            commit="none",
            machine="none",
        )
        for case in module.cases(parser.parse_args(options))
    ]
    text = "\n".join(module.tables(results))
    for part in found:
        assert part in text


def test_the_page_in_the_docs_has_all_marks() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    for name in BENCHMARKS:
        assert f"`{name}`" in page or f"## {name}" in page
        put(page, name, "")


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="wants the marks"):
        put("# Benchmarks\n<!-- tiers: end -->\n<!-- tiers: begin -->", "tiers", "")


def arguments(**others: Any) -> dict[str, Any]:
    told = digest(depot("tight-grid", 2, 2, 0))
    chosen = {"family": "tight-grid", "size": "2/2", "seed": 0, "digest": told}
    return {**chosen, "algorithm": "greedy", "budget_s": 1.0, **others}


def apart(case: Case, limit_s: float) -> Result:
    return asyncio.run(run_apart(case, limit_s=limit_s, memory_gb=4.0))


def test_a_process_that_overstays_is_killed_and_the_result_says_so() -> None:
    result = apart(Case(module="tiers", arguments=arguments()), 0.05)
    assert (result.trouble, result.lines) == ("killed after 0.05 s", ())


def test_a_process_that_breaks_tells_why_and_is_measured_again(tmp_path: Path) -> None:
    case = Case(module="tiers", arguments=arguments(digest="another"))
    result = apart(case, 60.0)
    assert "ended with status 1" in result.trouble
    assert "another depot" in result.trouble
    path = tmp_path / "tiers.jsonl"
    append(path, result)
    assert to_do([case], load([path])) == [case]


def test_a_line_that_is_no_result_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tiers.jsonl"
    path.write_text('{"module": "tiers"\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"tiers\.jsonl, line 1: wants a result"):
        load([path])


@pytest.mark.parametrize(
    "options", [["--families", "none"], ["--sizes", "20"], ["--reference-s", "0"]]
)
def test_wrong_usage_ends_with_status_2(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["tiers", *options])
    assert ended.value.code == 2
    assert "wants" in capsys.readouterr().err


def outcome(at_s: float, unserved: float, shortfall_kwh: float, money: float) -> Outcome:
    tiers = {"unserved": unserved, "shortfall_kwh": shortfall_kwh, "money": money}
    line = {"at_s": at_s, "algorithm": "joint", "status": "feasible", "cpu_s": at_s, **tiers}
    (found,) = outcomes([{**line, "bound_money": None, "gap": None, "steps_down": []}])
    return found


def test_outcomes_compare_tier_by_tier() -> None:
    assert outcome(0, 1, 9, 9).beats(outcome(0, 2, 0, 0))
    assert outcome(0, 1, 1, 9).beats(outcome(0, 1, 2, 0))
    assert not outcome(0, 1, 1.005, 9).beats(outcome(0, 1, 1, 9))
    found = [outcome(1, 2, 0, 50), outcome(2, 1, 3, 90), outcome(3, 1, 0, 80), outcome(4, 1, 0, 79)]
    assert best(found) is found[3]
    assert at(found, 0.5) is None
    assert at(found, 3.5) is found[2]
    assert reaches(found, found[3], 0.02) == 3
    assert reaches(found, found[3], 0.0) == 4
    assert reaches(found[:2], found[3], 0.02) is None


def test_a_drawing_keeps_every_point_on_the_page() -> None:
    curves = [Curve(name="a & b", points=((10.0, 0.02), (320.0, 45.0)))]
    text = drawing(curves, title="t", x_name="vehicles", y_name="s")
    assert "a &amp; b" in text
    assert "prefers-color-scheme: dark" in text
    xs = [float(x) for x in text.split('points="')[1].split('"')[0].replace(",", " ").split()]
    assert all(0 < x < 720 for x in xs)

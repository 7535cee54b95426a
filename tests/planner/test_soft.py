"""What the page about rules says is what the types say."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from planner.snapshot import Rules
from planner.soft import ChargerPreference, PreferredTurnaround, RouteSequenceBuffer, Soft, Swaps

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
KINDS = {name: get_args(hint)[0] for name, hint in get_type_hints(Soft).items()}


@pytest.mark.parametrize("name", KINDS)
def test_the_page_tells_every_key_and_default(name: str) -> None:
    rows = [row for row in PAGE.splitlines() if row.startswith("|")]
    first = next(i for i, row in enumerate(rows) if row.startswith(f"| `{name}`"))
    told = rows[first] + "".join(row for row in rows[first + 1 : first + 2] if row[:3] == "| |")
    for key in fields(KINDS[name]):
        if key.name == "hard":
            continue
        plain = isinstance(key.default, bool | int | float)
        value = json.dumps(key.default).removesuffix(".0") if plain else ""
        assert (f"`{key.name} = {value}`" if plain else f"`{key.name}") in told, key.name
        assert key.default is not MISSING or name in ("charger_preference", "incompatible_routes")


def test_a_hard_buffer_is_part_of_the_gap_between_two_routes() -> None:
    rules = Rules(turnaround_minutes=30)
    assert rules.gap_minutes == 30
    soft = replace(rules, soft=Soft(route_sequence_buffer=RouteSequenceBuffer()))
    assert soft.gap_minutes == 30
    hard = replace(rules, soft=Soft(route_sequence_buffer=RouteSequenceBuffer(hard=True)))
    assert hard.gap_minutes == 45
    rule = PreferredTurnaround(hard=True)
    assert replace(rules, soft=Soft(preferred_turnaround=rule)).gap_minutes == 90
    assert replace(hard, soft=replace(hard.soft, preferred_turnaround=rule)).gap_minutes == 90


def test_a_rule_built_in_python_is_judged_as_one_that_is_read() -> None:
    assert replace(Soft(swaps=Swaps()), swaps=None) == Soft()
    with pytest.raises(ValueError, match="wants a name such as"):
        ChargerPreference(costs={}, timezone="Berlin", hard=True)


def test_every_rule_may_be_a_law() -> None:
    assert all("hard" in {key.name for key in fields(kind)} for kind in KINDS.values())

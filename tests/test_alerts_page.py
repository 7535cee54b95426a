"""docs/alerts.md has a row for each kind of alert there is, and for no other."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
RAISED_BY = {"alert": 2, "Noticed": "kind"}


def kinds_in_the_code() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "daemon").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            where = RAISED_BY.get(node.func.id)
            values = [k.value for k in node.keywords if k.arg == where]
            if isinstance(where, int):
                values = node.args[where : where + 1]
            found |= {
                v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)
            }
    return found


def kinds_on_the_page() -> list[str]:
    lines = (ROOT / "docs" / "alerts.md").read_text().splitlines()
    return [line.split("`")[1] for line in lines if line.startswith("| `")]


def test_each_kind_of_alert_has_one_row_in_the_order_of_the_alphabet() -> None:
    page = kinds_on_the_page()
    assert set(page) == kinds_in_the_code()
    assert page == sorted(set(page))

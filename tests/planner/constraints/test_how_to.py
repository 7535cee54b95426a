"""docs/how-to/add-a-constraint.md, followed to the letter on a copy of the planner."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HOW_TO = ROOT / "docs" / "how-to" / "add-a-constraint.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)


def insert(folder: Path, diff: str) -> None:
    """Lines with a plus go where the lines without one stand, which must be one place."""
    head, *lines = diff.splitlines()
    file = folder / head.removeprefix("--- ")
    source = file.read_text(encoding="utf-8")
    known = "\n".join(x[1:] for x in lines if not x.startswith("+"))
    assert source.count(known) == 1, f"{file.name} has not one place that reads:\n{known}"
    made = "\n".join(x[1:] for x in lines)
    file.write_text(source.replace(known, made), encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("how-to")
    for part in ("planner", "tests/planner"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    shutil.copy(ROOT / "tests" / "__init__.py", folder / "tests")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for diff in blocks("diff"):
        insert(folder, diff)
    (folder / "planner" / "constraints" / "preferred_routes.py").write_text(
        blocks("python")[0], encoding="utf-8"
    )
    (folder / "try_it.py").write_text(blocks("python")[1], encoding="utf-8")
    return folder


def run(copy: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=copy, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_following_the_page_makes_a_rule_that_does_what_the_page_says(copy: Path) -> None:
    assert run(copy, "try_it.py") == blocks("console")[0]


def test_what_the_page_adds_is_formatted_and_typed_as_ours(copy: Path) -> None:
    run(copy, "-m", "ruff", "format", "--check", "planner")
    run(copy, "-m", "ruff", "check", "planner")

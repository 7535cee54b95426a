"""What is measured, once: a case, its result, and the files of results that a run appends to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Line = dict[str, Any]
"""One JSON object that a measurement tells while it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`arguments` are those of `measure` in `benchmarks.MODULE`; `budget_s` is what the measured
    algorithms are given in all, None where they have no budget to keep."""

    module: str
    arguments: Mapping[str, Any]
    budget_s: float | None = None

    @property
    def key(self) -> str:
        return json.dumps([self.module, dict(self.arguments)], sort_keys=True)

    def __str__(self) -> str:
        told = (str(v) for k, v in self.arguments.items() if k != "digest")
        return f"{self.module} {' '.join(told)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`trouble` is empty where the measurement came to its end by itself."""

    module: str
    arguments: Mapping[str, Any]
    lines: tuple[Line, ...]
    trouble: str
    at: str
    commit: str
    machine: str

    @property
    def key(self) -> str:
        return Case(module=self.module, arguments=self.arguments).key


def append(path: Path, result: Result) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(result)) + "\n")


def load(paths: Iterable[Path]) -> list[Result]:
    """The results of all files that are there, the last one of each case.

    Raises ValueError for a line that is no result: a run that was killed while it wrote leaves one.
    """
    found: dict[str, Result] = {}
    for path in paths:
        if not path.exists():
            continue
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                data = json.loads(text)
                result = Result(**{**data, "lines": tuple(data["lines"])})
            except (TypeError, KeyError, ValueError) as error:
                raise ValueError(f"{path}, line {number}: wants a result, {error}") from error
            found[result.key] = result
    return list(found.values())


def to_do(cases: Iterable[Case], results: Iterable[Result]) -> list[Case]:
    """The cases without a result; one whose process broke before its first line has none."""
    done = {r.key for r in results if r.lines}
    return [case for case in cases if case.key not in done]

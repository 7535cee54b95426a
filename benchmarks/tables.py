"""Writes what was measured into docs/benchmarks.md, between the marks of each benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

from benchmarks.cases import Result, load
from benchmarks.markdown import put

PAGE: Final = "benchmarks.md"
NOTHING: Final = "Not measured."


def write(benchmarks: Mapping[str, ModuleType], results: Path, docs: Path) -> None:
    """Raises ValueError for results or a page that cannot be read as such."""
    page = docs / PAGE
    text = page.read_text(encoding="utf-8")
    for name, module in benchmarks.items():
        found = load([results / f"{name}.jsonl"])
        text = put(text, name, "\n\n".join(_section(module, found)) if found else NOTHING)
        if hasattr(module, "draw"):
            module.draw(found, docs)
    page.write_text(text, encoding="utf-8")


def _section(module: ModuleType, results: Sequence[Result]) -> Iterator[str]:
    yield from module.tables(results)
    dates = sorted(r.at[:10] for r in results)
    days = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    machines = "; ".join(sorted({r.machine for r in results}))
    commits = ", ".join(sorted({r.commit for r in results}))
    yield f"{days}, {machines}, commit {commits}."

"""Snapshots and plans, from files or standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from daemon.commands import Refused
from planner.codec import MAX_BYTES, InputError, load_plan, load_snapshot
from planner.plan import Plan
from planner.snapshot import Snapshot

STDIN: Final = "-"
_T = TypeVar("_T")


def read_snapshot(name: str) -> Snapshot:
    """Raises Refused, which names the file too."""
    return _read(name, load_snapshot)


def read_plan(name: str) -> Plan:
    """Raises Refused, which names the file too."""
    return _read(name, load_plan)


def write(file: Path, text: str) -> None:
    """Raises Refused where the file cannot be written."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise Refused(f"{file}: cannot be written: {problem.strerror}") from problem


def _read(name: str, load: Callable[[bytes], _T]) -> _T:
    place = "standard input" if name == STDIN else name
    try:
        with sys.stdin.buffer if name == STDIN else Path(name).open("rb") as file:
            # One byte more than is taken: the refusal is the codec's, whatever follows.
            return load(file.read(MAX_BYTES + 1))
    except OSError as problem:
        raise Refused(f"{place}: cannot be read: {problem.strerror}") from problem
    except InputError as problem:
        raise Refused(f"{place}: {problem}") from problem

"""One case in a process of its own, killed when it stays too long.

HiGHS may pass its time limit by minutes and cannot be interrupted from within, and what one
measurement leaves in memory must not help or hurt the next. `python -m benchmarks.apart MODULE`
reads the arguments of that module's `measure` as JSON and prints what it tells, a line each.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import platform
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from benchmarks.cases import Case, Result

ROOT = Path(__file__).resolve().parent.parent


async def run_apart(case: Case, *, limit_s: float, memory_gb: float) -> Result:
    """What the case told until it ended or `limit_s` had passed, start-up included."""
    with _files(case.arguments) as (given, told, wrong):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.apart", case.module, str(memory_gb)),
            stdin=given,
            stdout=told,
            stderr=wrong,
            cwd=ROOT,
            start_new_session=True,
        )
        trouble = await _wait(process, limit_s)
        lines, errors = _read(told), _read(wrong)
    if process.returncode and process.returncode > 0 and errors:
        trouble = f"{trouble}: {errors[-1].strip()}"
    return Result(
        module=case.module,
        arguments=case.arguments,
        lines=tuple(json.loads(line) for line in lines if line.endswith("\n")),
        trouble=trouble,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=_commit(),
        machine=machine(),
    )


@contextmanager
def _files(arguments: Mapping[str, Any]) -> Iterator[tuple[IO[str], IO[str], IO[str]]]:
    """Standard input, output and errors: files keep what was written before a kill."""
    with TemporaryFile("w+") as given, TemporaryFile("w+") as told, TemporaryFile("w+") as wrong:
        json.dump(dict(arguments), given)
        given.flush()
        given.seek(0)
        yield given, told, wrong


def _read(file: IO[str]) -> list[str]:
    """A last line that was cut short by a kill has no end."""
    file.seek(0)
    return file.readlines()


async def _wait(process: asyncio.subprocess.Process, limit_s: float) -> str:
    """Kills the process and all that it started when time is up, or when this task is cancelled."""
    try:
        status = await asyncio.wait_for(process.wait(), limit_s)
    except TimeoutError:
        return f"killed after {limit_s:g} s"
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return f"ended with status {status}" if status else ""


def machine() -> str:
    """The processor, its cores, and what the time depends on most."""
    name = platform.processor() or platform.machine()
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(x for x in lines if x.startswith("model name")).split(":")[1].strip()
    versions = f"Python {platform.python_version()}, SciPy {version('scipy')}"
    return f"{os.cpu_count()} cores of {name}, {versions}"


def _commit() -> str:
    """Of the code that was measured; with a `+` if it was changed since."""
    git = ("git", "describe", "--always", "--dirty=+", "--exclude=*")
    try:
        found = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def _measure(module: str, arguments: dict[str, Any], memory_gb: float) -> None:
    """Prints to a copy of standard output, for libraries write to the original as they like."""
    limit = round(memory_gb * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    measure = importlib.import_module(f"benchmarks.{module}").measure
    gc.freeze()  # as the daemon's planner process does
    for line in measure(**arguments):
        channel.write(json.dumps(line) + "\n")
        channel.flush()


if __name__ == "__main__":
    _measure(sys.argv[1], json.load(sys.stdin), float(sys.argv[2]))

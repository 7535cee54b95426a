"""The planner process's own side: requests in, plans out, one line of JSON each.

In: `{"snapshot", "params", "budget_s", "seed"}`, snapshot and params as texts. Out, for each
request: `{"plan"}` for each that is new, also as text, then `{"steps_down"}`, or in its place
`{"failed", "healthy"}`.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import multiprocessing
import os
import resource
import signal
import socket
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter

from planner.codec import dump_plan, load_snapshot
from planner.params import Params
from planner.snapshot import Snapshot

if TYPE_CHECKING:
    from planner.solve import Solved

    Solver = Callable[[Snapshot, Params, float, int], Iterable[Solved]]

_PARAMS: Final = TypeAdapter(Params)


def serve(connection: socket.socket, solver: str, memory_limit_bytes: int) -> None:
    """Answers requests until the other side closes `connection`."""
    # Ctrl-C goes to every process of a terminal; the daemon ends this one when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    # A hardened unit refuses it; planning is then as urgent as the rest, not wrong.
    with contextlib.suppress(PermissionError):
        os.nice(5)
    resource.setrlimit(resource.RLIMIT_AS, (memory_limit_bytes, memory_limit_bytes))
    module, _, function = solver.partition(":")
    solve: Solver = getattr(importlib.import_module(module), function)
    # What is imported stays: to search it for garbage took 40 ms, a fifth of a plan for charging.
    gc.freeze()
    with connection, connection.makefile("rwb") as stream:
        for line in stream:
            for answer in _answers(solve, json.loads(line), memory_limit_bytes):
                stream.write(json.dumps(answer).encode() + b"\n")
                stream.flush()


def _answers(
    solve: Solver, request: dict[str, Any], memory_limit_bytes: int
) -> Iterator[dict[str, object]]:
    try:
        snapshot = load_snapshot(request["snapshot"])
        params = _PARAMS.validate_json(request["params"])
        last: Solved | None = None
        for solved in solve(snapshot, params, request["budget_s"], request["seed"]):
            if last is None or solved.plan is not last.plan:
                yield {"plan": dump_plan(solved.plan)}
            last = solved
    except MemoryError:
        # What it left behind is anyone's guess.
        reason = f"out of memory: {memory_limit_bytes / 2**20:.0f} MiB were given"
        yield {"failed": reason, "healthy": False}
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(place.filename)}, line {place.lineno}"
        yield {"failed": f"{type(error).__name__}: {error} ({where})", "healthy": True}
    else:
        yield {"steps_down": last.steps_down if last is not None else ()}


def _end_with_parent() -> None:
    """Has the kernel end this process with the daemon, also in the middle of a solver's C code.

    Our parent by pid is the fork server, which lives as long as we do, so PR_SET_PDEATHSIG is no
    help. The sentinel is a pipe whose other end the daemon alone holds: when it closes, SIGIO comes
    (fcntl(2), O_ASYNC), and SIGIO ends a process.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    sentinel = parent.sentinel
    fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(sentinel, fcntl.F_SETFL, fcntl.fcntl(sentinel, fcntl.F_GETFL) | os.O_ASYNC)
    if multiprocessing.connection.wait([sentinel], timeout=0):
        raise SystemExit("the daemon ended before its planner began")

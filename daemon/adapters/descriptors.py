"""File descriptors: as many as the system lets us have, and servers that outlive their lack."""

from __future__ import annotations

import os
import resource
import socket
import sys
from collections.abc import Iterable
from typing import Final, Protocol

# What a server of asyncio is to be given as its backlog; `let_queue` then sets the kernel's. When
# no descriptor is left, asyncio tries as often as its backlog says, tells of each with a traceback
# and sets a timer for each, and each timer does the same again: with 1,024 the loop had time for
# nothing else.
ACCEPT_AT_ONCE: Final = 1


class _Listening(Protocol):
    def fileno(self) -> int: ...


def take_all() -> None:
    """A shell gives 1,024 of them, which a depot of 1,000 stations has used up."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def left() -> int:
    """How many more this process may open; 0 also where the whole system has none."""
    try:
        held = len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if most == resource.RLIM_INFINITY else max(0, most - held)


def let_queue(sockets: Iterable[_Listening], backlog: int) -> None:
    """So many may knock at once at sockets that listen already."""
    for listening in sockets:
        with socket.socket(fileno=os.dup(listening.fileno())) as same:
            same.listen(backlog)

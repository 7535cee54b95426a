"""Starts a program that ends when its parent does, and never twice over one lock file.

Run as a script by an isolated interpreter: PARENT LOCK PROGRAM [ARGUMENT ...]. It becomes PROGRAM.
A process of its own does what `preexec_fn` would do after a fork of the daemon, where another
thread may hold a lock for ever.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1


def command(parent: int, lock: Path, program: Path, *arguments: str) -> tuple[str, ...]:
    """To be started from the parent's main thread: the kernel watches the thread that forks."""
    own = (sys.executable, "-I", "-S", __file__)
    return (*own, str(parent), str(lock), str(program), *arguments)


def is_locked(lock: Path) -> bool:
    """Whether a program that was started over this lock file still lives."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def become(parent: int, lock: str, arguments: list[str]) -> None:
    """The lock is inherited, so it is held for as long as the program lives; one left behind by a
    daemon that was killed is waited for."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        raise SystemExit("the parent has ended before its child began")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.set_inheritable(descriptor, True)
    os.execv(arguments[0], arguments)  # noqa: S606  (no shell is wanted)


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2], sys.argv[3:])

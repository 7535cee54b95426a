"""Keeps a C library's chatter off standard output, where a command may be printing JSON.

HiGHS 1.12 prints a line of debugging from its MIP heuristics past all its settings.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_stdout() -> Iterator[None]:
    """Sends file descriptor 1 nowhere meanwhile, for the whole process; a closed one stays so."""
    try:
        saved = os.dup(1)
    except OSError:
        yield
        return
    libc = ctypes.CDLL(None)
    if sys.stdout is not None:
        sys.stdout.flush()
    libc.fflush(None)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        # What C still buffers would otherwise come out after the descriptor is back.
        libc.fflush(None)
        os.dup2(saved, 1)
        os.close(nowhere)
        os.close(saved)

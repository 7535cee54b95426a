"""The garbage collector rests while many small objects are made, none of which can be garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """It would look at those there are again and again: a third of the 6 s of CPU that the choices
    of 1000 vehicles and 2000 routes take with it, a twentieth of a call of `lp`."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

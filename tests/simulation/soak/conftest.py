"""A virtual loop for tests that want nothing but time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import TypeVar

import pytest

from simulation.soak.loop import VirtualLoop

ResultT = TypeVar("ResultT")
Live = Callable[[Coroutine[None, None, ResultT]], ResultT]


@pytest.fixture
def virtual_loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.close()

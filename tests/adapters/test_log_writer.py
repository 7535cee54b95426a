"""Log lines to a pipe that nobody reads, that nobody holds any more, and to a full disk."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.adapters.log_writer import LogWriter

MOST_BYTES = 256 * 1024


class Pipe:
    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def read_until(self, last: bytes) -> bytes:
        heard = b""
        while last not in heard:
            heard += os.read(self.reader, 65536)
        return heard


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    for descriptor in (pipe.reader, pipe.writer):
        try:
            os.close(descriptor)
        except OSError:
            continue  # the test has closed it


def test_lines_come_whole_and_in_order_and_all_before_the_end(pipe: Pipe) -> None:
    with LogWriter(pipe.writer) as log:
        for i in range(1000):
            log.write(f"line {i} \N{GREEK SMALL LETTER OMEGA}\n")
    heard = pipe.read_until(b"line 999").decode().splitlines()
    assert heard == [f"line {i} \N{GREEK SMALL LETTER OMEGA}" for i in range(1000)]
    assert log.dropped == 0


def test_who_does_not_read_makes_nobody_wait_and_is_told_what_was_dropped(pipe: Pipe) -> None:
    log = LogWriter(pipe.writer, MOST_BYTES)
    told: list[int] = []
    all_told = threading.Event()

    def tell(lines: int) -> None:
        told.append(lines)
        if sum(told) == log.dropped:
            all_told.set()

    log.on_dropped = tell
    line = "x" * 1023 + "\n"
    for _ in range(1000):
        log.write(line)
    # The pipe has room for 64 KiB and the line under way, what waits is bounded, the rest is gone.
    assert 1000 - (MOST_BYTES + 65536) // 1024 - 1 <= log.dropped < 1000
    log_all = threading.Thread(target=pipe.read_until, args=(b"the end\n",))
    log_all.start()
    all_told.wait(60)
    log.write("the end\n")
    log_all.join(60)
    assert sum(told) == log.dropped
    log.__exit__(None, None, None)


def test_a_reader_that_is_gone_ends_nothing(pipe: Pipe) -> None:
    os.close(pipe.reader)
    with LogWriter(pipe.writer) as log:
        for _ in range(10):
            log.write("nobody hears this\n")
    assert log.dropped == 10


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.fault(53)
def test_a_full_disk_below_the_log_ends_nothing() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    with LogWriter(descriptor) as log:
        for _ in range(10):
            log.write("there is no room for this\n")
    os.close(descriptor)
    assert log.dropped == 10


def test_a_descriptor_made_non_blocking_by_others_loses_nothing(pipe: Pipe) -> None:
    os.set_blocking(pipe.writer, False)
    with LogWriter(pipe.writer) as log:
        reading = threading.Thread(target=pipe.read_until, args=(b"the end\n",))
        for _ in range(200):
            log.write("x" * 1023 + "\n")
        log.write("the end\n")
        reading.start()
        reading.join(60)
    assert log.dropped == 0

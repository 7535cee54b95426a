"""sd_notify against a real datagram socket, in the file system and abstract."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.adapters.notify import Notifier


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.settimeout(60)
        yield server


@pytest.fixture
def notifier(systemd: socket.socket) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": systemd.getsockname()})


def heard(systemd: socket.socket) -> dict[str, str]:
    lines = systemd.recv(4096).decode().split("\n")
    return dict(line.split("=", 1) for line in lines)


def test_each_message_is_one_datagram_in_systemds_words(
    notifier: Notifier, systemd: socket.socket
) -> None:
    notifier.ready("8 stations known")
    notifier.watchdog()
    notifier.status("planning")
    notifier.stopping("draining")
    notifier.stopping()
    assert [heard(systemd) for _ in range(5)] == [
        {"READY": "1", "STATUS": "8 stations known"},
        {"WATCHDOG": "1"},
        {"STATUS": "planning"},
        {"STOPPING": "1", "STATUS": "draining"},
        {"STOPPING": "1"},
    ]


def test_a_reload_carries_the_kernels_monotonic_time(
    notifier: Notifier, systemd: socket.socket
) -> None:
    before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifier.reloading()
    after_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    message = heard(systemd)
    assert message["RELOADING"] == "1"
    assert before_us <= int(message["MONOTONIC_USEC"]) <= after_us


def test_a_status_cannot_bring_a_field_of_its_own(
    notifier: Notifier, systemd: socket.socket
) -> None:
    notifier.status("station\nMAINPID=1\n lost")
    assert heard(systemd) == {"STATUS": "station MAINPID=1 lost"}


def test_an_abstract_socket_is_reached() -> None:
    name = f"depotd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("\0" + name)
        server.settimeout(60)
        Notifier({"NOTIFY_SOCKET": "@" + name}).ready()
        assert heard(server) == {"READY": "1"}


def test_without_systemd_nothing_is_said_and_nothing_watches() -> None:
    notifier = Notifier({"WATCHDOG_USEC": "30000000"})
    notifier.ready("fine")
    notifier.reloading()
    assert notifier.watchdog_s is None


def test_a_start_that_systemd_cannot_hear_of_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


def test_a_systemd_that_has_gone_ends_nobody_and_is_heard_of_again(
    notifier: Notifier, systemd: socket.socket
) -> None:
    notifier.ready()
    place = Path(systemd.getsockname())
    place.rename(place.with_name("away"))
    said = [notifier.watchdog(), notifier.reloading(), notifier.reloaded(), notifier.stopping()]
    assert said == [False] * 4
    place.with_name("away").rename(place)
    assert notifier.watchdog()
    assert [heard(systemd) for _ in range(2)] == [{"READY": "1"}, {"WATCHDOG": "1"}]


def test_a_systemd_that_does_not_read_makes_nobody_wait(
    notifier: Notifier, systemd: socket.socket
) -> None:
    fed = 0
    while notifier.watchdog():
        fed += 1
    assert fed > 0
    systemd.recv(4096)
    assert notifier.watchdog()


@pytest.mark.fault(71)
def test_the_watchdog_is_fed_without_another_descriptor(
    notifier: Notifier, systemd: socket.socket
) -> None:
    notifier.ready()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        fed = notifier.watchdog()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert fed


@pytest.mark.parametrize(
    ("environment", "expected_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "43"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_watchdog_is_ours_only_when_meant_for_us(
    environment: dict[str, str], expected_s: float | None
) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/run/x", **environment}, pid=42).watchdog_s == expected_s

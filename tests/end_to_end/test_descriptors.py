"""The real daemon when strangers have taken all of its file descriptors."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.end_to_end.running import Daemon, RawStation
from tests.end_to_end.test_store_disasters import alerted, alerts

STRANGERS = 100


@pytest.mark.fault(36, 71, 73)
async def test_who_is_connected_is_served_and_the_watchdog_fed_without_a_descriptor_left(
    tmp_path: Path,
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}
        daemon = Daemon(tmp_path, told)
        await daemon.start()
        try:
            async with RawStation.connected(daemon, "CP01") as station:
                await station.call("Heartbeat", {})
                await _without_descriptors(daemon, station, systemd)
                await alerted(daemon, "descriptors_left", times=1)
                assert (await alerts(daemon)).count("descriptors_scarce") == 1
                assert "currentTime" in await station.call("Heartbeat", {})
            async with RawStation.connected(daemon, "CP02") as station:
                assert "currentTime" in await station.call("Heartbeat", {})
        finally:
            assert await daemon.stop() == 0


async def _without_descriptors(daemon: Daemon, station: RawStation, systemd: socket.socket) -> None:
    """Until the watchdog was fed with none left, and the daemon had said so."""
    assert daemon.process is not None
    pid = daemon.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    assert soft == hard, "not all were taken that the system lets it have"
    most = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, hard))
    address = urlsplit(daemon.ocpp)
    strangers = [socket.socket() for _ in range(STRANGERS)]
    for stranger in strangers:
        stranger.setblocking(False)
        stranger.connect_ex((address.hostname, address.port))
    async with asyncio.timeout(60):
        while "out of system resource" not in daemon.log():
            await station.call("Heartbeat", {})
        _heard(systemd)
        while b"WATCHDOG=1" not in _heard(systemd):
            await station.call("Heartbeat", {})
            await asyncio.sleep(0.1)
    for stranger in strangers:
        stranger.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))


def _heard(systemd: socket.socket) -> list[bytes]:
    messages = []
    try:
        while True:
            messages.append(systemd.recv(4096))
    except BlockingIOError:
        return messages

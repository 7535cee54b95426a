"""The real daemon told to stop while it waits for something that does not come."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.running import Daemon

# Loaded by every interpreter that finds it: a resolver that nobody answers.
NAMES_THAT_HANG = """
import socket, time
found = socket.getaddrinfo
def getaddrinfo(host, *rest, **options):
    if host == "broker.invalid":
        time.sleep(3600)
    return found(host, *rest, **options)
socket.getaddrinfo = getaddrinfo
"""


@pytest.mark.fault(74)
async def test_a_name_that_is_looked_up_for_ever_does_not_hold_the_stop(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NAMES_THAT_HANG)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", ""), os.getcwd()])
    settings = {"PYTHONPATH": path, "DEPOTD_MQTT__URL": "mqtt://broker.invalid:1883"}
    daemon = Daemon(tmp_path, settings)
    await daemon.start()
    async with asyncio.timeout(300):
        assert await daemon.stop() == 0
    assert "stop_forced" in daemon.log()


@pytest.mark.fault(74)
@pytest.mark.fault(58)
async def test_a_store_that_takes_its_time_is_told_to_systemd_and_does_not_hold_the_stop(
    tmp_path: Path,
) -> None:
    """As a large one does that is searched for damage, copied and migrated."""
    with (
        closing(sqlite3.connect(tmp_path / "depotd.sqlite", isolation_level=None)) as other,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
    ):
        other.execute("BEGIN EXCLUSIVE")
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(300)
        daemon = Daemon(tmp_path, {"NOTIFY_SOCKET": systemd.getsockname()})
        await daemon.spawn()
        heard = await asyncio.to_thread(systemd.recv, 4096)
        assert await daemon.stop() == 0
    assert heard.startswith(b"EXTEND_TIMEOUT_USEC=")
    assert "stopped" in daemon.log()
    assert "Traceback" not in daemon.log()

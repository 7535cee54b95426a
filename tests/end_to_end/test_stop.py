"""The real daemon told to stop while it waits for something that does not come."""

from __future__ import annotations

import asyncio
import os
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

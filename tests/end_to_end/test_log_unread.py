"""The real daemon while nobody reads its log, and when whoever did is gone."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.end_to_end.running import START_S, Daemon, RawStation

# A pipe holds 64 KiB, and a line about a strike has some 150 bytes.
STRIKES = 1500
SETTINGS = {
    "DEPOTD_MQTT__URL": "off",
    "DEPOTD_OCPP__PORT": "0",
    "DEPOTD_HTTP__PORT": "0",
    "DEPOTD_OCPP__STRIKES_PER_MINUTE": "100000",
    "DEPOTD_OCPP__MESSAGES_PER_S": "10000",
}


async def started_into_a_pipe(directory: Path) -> tuple[Daemon, int]:
    """A daemon, and the end of the pipe that its log was read from until it had started."""
    reader, writer = os.pipe()
    daemon = Daemon(directory)
    daemon.process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "daemon.cli", "run"),
        env=dict(os.environ) | SETTINGS | {"DEPOTD_STORE__DIRECTORY": str(directory)},
        stderr=writer,
    )
    os.close(writer)
    said = b""
    async with asyncio.timeout(START_S):
        while b'"started"' not in said or not said.endswith(b"\n"):
            more = await asyncio.to_thread(os.read, reader, 65536)
            assert more, said
            said += more
    started = next(json.loads(line) for line in said.splitlines() if b'"started"' in line)
    daemon.ocpp, daemon.http = started["ocpp"], started["http"]
    return daemon, reader


async def lines_dropped(daemon: Daemon) -> float:
    metrics = (await daemon.text("/metrics")).splitlines()
    (value,) = [line.split()[1] for line in metrics if line.startswith("depotd_log_lines_dropped")]
    return float(value)


@pytest.mark.fault(71)
@pytest.mark.parametrize("gone", [False, True], ids=["unread", "gone"])
async def test_control_goes_on_though_nobody_reads_the_log(tmp_path: Path, gone: bool) -> None:
    daemon, reader = await started_into_a_pipe(tmp_path)
    try:
        if gone:
            os.close(reader)
        async with RawStation.connected(daemon, "CP01") as station:
            for _ in range(STRIKES):
                await station.link.send('[3,"nobody asked",{}]')
            assert "currentTime" in await station.call("Heartbeat", {})
        assert (await lines_dropped(daemon) > 0) == gone
        assert await daemon.stop() == 0
    finally:
        await daemon.stop()
        if not gone:
            os.close(reader)

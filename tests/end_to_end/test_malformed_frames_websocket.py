"""Every kind of malformed frame, over a real WebSocket to the real daemon, beside a station that
charges on."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.end_to_end.running import Daemon, RawStation, running

DEEP = "[" * 2000 + "]" * 2000
# Frame, then what it gets: an error's code by version, "" for no answer, or a close code.
FRAMES: list[tuple[str, str | bytes, str | int, str | int]] = [
    ("no JSON", "hello", "FormationViolation", "RpcFrameworkError"),
    ("empty text", "", "FormationViolation", "RpcFrameworkError"),
    ("half a frame", '[2,"1","Heartbeat"', "FormationViolation", "RpcFrameworkError"),
    ("no array", '{"a":1}', "FormationViolation", "RpcFrameworkError"),
    ("too short", '[2,"1"]', "FormationViolation", "RpcFrameworkError"),
    ("nested too deep", f'[2,"1","Heartbeat",{DEEP}]', "FormationViolation", "RpcFrameworkError"),
    ("integer too long", f'[2,"1","Heartbeat",{{"a":{"9" * 5000}}}]', "FormationViolation",
     "RpcFrameworkError"),
    ("not a number", '[2,"1","Heartbeat",{"a":NaN}]', "FormationViolation", "RpcFrameworkError"),
    ("id is a number", '[2,17,"Heartbeat",{}]', "FormationViolation", "RpcFrameworkError"),
    ("id too long", f'[2,"{"x" * 37}","Heartbeat",{{}}]', "FormationViolation",
     "RpcFrameworkError"),
    ("unknown message type", '[9,"1","Heartbeat",{}]', "", "MessageTypeNotSupported"),
    ("action is a list", '[2,"1",["Heartbeat"],{}]', "FormationViolation", "RpcFrameworkError"),
    ("action is an object", '[2,"1",{"a":1},{}]', "FormationViolation", "RpcFrameworkError"),
    ("unknown action", '[2,"1","Fly",{}]', "NotImplemented", "NotImplemented"),
    ("payload is a list", '[2,"1","Heartbeat",[]]', "FormationViolation", "*"),
    ("wrong type", '[2,"1","Authorize",{"idTag":17,"idToken":17}]', "TypeConstraintViolation", "*"),
    ("unasked-for result", '[3,"nobody",{}]', "", ""),
    ("unasked-for error", '[4,"nobody","GenericError","",{}]', "", ""),
    ("binary", b"\x00\x01", 1003, 1003),
    ("over 64 KiB", '[2,"1","Heartbeat",{"a":"' + "x" * 70_000 + '"}]', 1009, 1009),
]  # fmt: skip


@pytest.mark.fault(37, 38)
@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_malformed_frames_are_answered_or_closed_while_another_station_charges_on(
    tmp_path: Path, version: str
) -> None:
    async with running(tmp_path, OCPP__STRIKES_PER_MINUTE="1000") as daemon:
        over = asyncio.Event()
        charging = asyncio.create_task(_charge_on(daemon, over))
        for name, frame, of_16, of_201 in FRAMES:
            outcome = await _outcome(daemon, version, frame)
            wanted = of_16 if version == "ocpp1.6" else of_201
            if wanted == "*":
                assert outcome != "", name
            else:
                assert outcome == wanted, f"{name}: {outcome}, wanted {wanted}"
        over.set()
        answered = await charging
        assert answered > len(FRAMES)
        assert '"level": "error"' not in daemon.log()


async def _outcome(daemon: Daemon, version: str, frame: str | bytes) -> str | int:
    """The error code that answers `frame`, the code that closes, or "" when the next Heartbeat is
    answered as if nothing had been."""
    async with RawStation.connected(daemon, "BAD", version) as station:
        try:
            await station.link.send(frame)
            await station.link.send(json.dumps([2, "beat", "Heartbeat", {}]))
            async with asyncio.timeout(60):
                while True:
                    answer = json.loads(await station.link.recv())
                    if answer[0] == 4:
                        return str(answer[2])
                    if answer[0] == 3 and answer[1] == "beat":
                        return ""
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else "cut without a close frame"


async def _charge_on(daemon: Daemon, over: asyncio.Event) -> int:
    """A transaction that goes on; returns how many meter values were answered."""
    answered = 0
    async with RawStation.connected(daemon, "GOOD") as station:
        start = {
            "connectorId": 1,
            "idTag": "T",
            "meterStart": 0,
            "timestamp": "2026-11-20T16:00:00Z",
        }
        number = (await station.call("StartTransaction", start))["transactionId"]
        while not over.is_set() or answered <= len(FRAMES):
            value = {
                "timestamp": "2026-11-20T16:00:00Z",
                "sampledValue": [{"value": str(answered)}],
            }
            meter = {"connectorId": 1, "transactionId": number, "meterValue": [value]}
            assert await station.call("MeterValues", meter) == {}
            answered += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), 0.06)
        return answered

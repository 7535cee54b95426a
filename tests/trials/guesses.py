"""Somebody guesses a station's password, over and over, while the station charges on.

Against the real daemon in a process of its own, over real sockets: wrong logins from one address,
several at a time, and the station's own session from another. What counts is that hardly any guess
is looked at, that each call of the station is answered on the one link it has, and that it comes
back at once when it has hung up itself.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.end_to_end.running import Daemon, RawStation, running

STATION, PASSWORD = "CP01", "a-good-password-16"
GUESSER = "127.0.0.2"
AT_ONCE = 20
BEAT_EVERY_S = 0.2
PATIENCE_S = 120.0


@dataclass
class Result:
    """`statuses` of the tries, which took `took_s`; `beats` that the station's link answered, the
    slowest in `slowest_s`; `back` whether it could come back afterwards."""

    statuses: Counter[int] = field(default_factory=Counter)
    took_s: float = 0.0
    beats: int = 0
    slowest_s: float = 0.0
    back: bool = False
    alerts: int = 0


async def run(folder: Path, tries: int) -> Result:
    result = Result()
    stations = json.dumps([{"id": STATION, "password": PASSWORD}])
    async with running(folder, OCPP__SECURITY_PROFILE="1", STATIONS=stations) as daemon:
        async with _connected(daemon) as station:
            beating = asyncio.create_task(_beat(station, result))
            passwords = (f"guess-{n:012}" for n in range(tries))
            began_s = time.perf_counter()
            await asyncio.gather(*(_guess(daemon, passwords, result) for _ in range(AT_ONCE)))
            result.took_s = time.perf_counter() - began_s
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            await station.call("Heartbeat", {})
        async with _connected(daemon) as station:
            result.back = "currentTime" in await station.call("Heartbeat", {})
        result.alerts = daemon.log().count('"login_guessed"')
    return result


@asynccontextmanager
async def _connected(daemon: Daemon) -> AsyncIterator[RawStation]:
    async with connect(
        f"{daemon.ocpp}/{STATION}",
        subprotocols=[Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": _login(PASSWORD)},
    ) as link:
        yield RawStation(link)


async def _beat(station: RawStation, result: Result) -> None:
    while True:
        began_s = time.perf_counter()
        await station.call("Heartbeat", {})
        result.slowest_s = max(result.slowest_s, time.perf_counter() - began_s)
        result.beats += 1
        await asyncio.sleep(BEAT_EVERY_S)


async def _guess(daemon: Daemon, passwords: Iterator[str], result: Result) -> None:
    address = urlsplit(daemon.ocpp)
    for password in passwords:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(
                address.hostname, address.port, local_addr=(GUESSER, 0)
            )
            head = (
                f"GET {address.path}/{STATION} HTTP/1.1\r\nHost: {address.netloc}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                "Sec-WebSocket-Protocol: ocpp1.6\r\n"
                f"Authorization: {_login(password)}\r\n\r\n"
            )
            writer.write(head.encode())
            answer = await reader.readline()
            writer.close()
        result.statuses[int(answer.split()[1])] += 1


def _login(password: str) -> str:
    return "Basic " + base64.b64encode(f"{STATION}:{password}".encode()).decode()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=10_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(run(Path(folder), args.tries))
    statuses = ", ".join(f"{n} times {status}" for status, n in sorted(result.statuses.items()))
    print(
        f"{args.tries} wrong logins in {result.took_s:.0f} s: {statuses}; {result.alerts} alerts; "
        f"the station's link answered {result.beats} heartbeats, the slowest after "
        f"{result.slowest_s:.2f} s; it {'came' if result.back else 'did not come'} back at once"
    )
    return 0 if set(result.statuses) == {401, 429} and result.beats and result.back else 1


if __name__ == "__main__":
    raise SystemExit(main())

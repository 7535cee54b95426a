"""The embedded broker as a process: what it keeps, whom it lets in, and that it ends."""

from __future__ import annotations

import asyncio
import os
import re
import select
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest
from aiomqtt.exceptions import MqttConnectError

from daemon.adapters.broker import BrokerError, EmbeddedBroker
from daemon.adapters.mqtt_client import CancellableClient
from tests.adapters.brokers import NO_DELAY, log_to, until

EVERYWHERE = "0.0.0.0"

DAEMON = """
import asyncio, sys, structlog
from pathlib import Path
from daemon.adapters.broker import EmbeddedBroker

async def main():
    broker = EmbeddedBroker(
        port=int(sys.argv[2]), state_dir=Path(sys.argv[1]),
        log=structlog.wrap_logger(structlog.ReturnLogger()),
    )
    await broker.start()
    print(broker.pid, broker.port, flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


@pytest.fixture
def entries() -> list[dict[str, object]]:
    return []


@pytest.fixture
async def broker(tmp_path: Path, entries: list[dict[str, object]]) -> AsyncIterator[EmbeddedBroker]:
    broker = EmbeddedBroker(port=0, state_dir=tmp_path, log=log_to(entries))
    await broker.start()
    yield broker
    await broker.stop()


def client(broker: EmbeddedBroker, identifier: str, **options: object) -> aiomqtt.Client:
    return CancellableClient(
        "127.0.0.1",
        broker.port,
        identifier=identifier,
        socket_options=NO_DELAY,
        **options,  # type: ignore[arg-type]  # options by name
    )


async def test_a_message_published_is_delivered(broker: EmbeddedBroker) -> None:
    async with client(broker, "one") as one, client(broker, "two") as two:
        await one.subscribe("depotd/north/#", qos=1)
        await two.publish("depotd/north/commands/replan", b"{}", qos=1)
        message = await anext(aiter(one.messages))
    assert (str(message.topic), message.payload) == ("depotd/north/commands/replan", b"{}")


@pytest.mark.fault(60)
async def test_after_a_kill_it_is_started_again_with_what_was_retained_and_queued(
    broker: EmbeddedBroker, entries: list[dict[str, object]]
) -> None:
    async with client(broker, "away", clean_session=False) as away:
        await away.subscribe("depotd/north/commands/+", qos=1)
    async with client(broker, "fleet") as fleet:
        await fleet.publish("depotd/north/fleet/vehicles/V01", b"{}", qos=1, retain=True)
        await fleet.publish("depotd/north/commands/replan", b"queued", qos=1)

    keeping = asyncio.create_task(broker.run())
    killed, port = broker.pid, broker.port
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await until(lambda: sum(entry["event"] == "broker_started" for entry in entries) == 2)

    assert broker.port == port
    assert broker.pid != killed
    async with client(broker, "away", clean_session=False) as away:
        await away.subscribe("depotd/north/fleet/vehicles/+", qos=1)
        messages = aiter(away.messages)
        heard = {(m := await anext(messages)).payload: m.retain for _ in range(2)}
    assert heard == {b"queued": False, b"{}": True}
    await broker.stop()
    await keeping


async def test_a_client_with_an_endless_name_neither_deafens_us_nor_stops_it(
    broker: EmbeddedBroker, entries: list[dict[str, object]]
) -> None:
    """The server repeats a name in what it says, and stops at a pipe that nobody reads."""
    name = b"\x01" * 65_000
    connect = b"\x00\x04MQTT\x04\x02\x00\x3c" + len(name).to_bytes(2, "big") + name
    # CONNECT and its length of three bytes, then a SUBSCRIBE that breaks the protocol.
    length = bytes((len(connect) % 128 | 128, len(connect) // 128 % 128 | 128, len(connect) >> 14))
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
        writer.write(b"\x10" + length + connect + b"\x80\x02\x00\x00")
        await reader.read()
        writer.close()
    await until(lambda: sum("too long" in str(entry.get("text")) for entry in entries) >= 3)
    async with client(broker, "fleet") as fleet:
        await fleet.publish("depotd/north/fleet/vehicles/V01", b"{}", qos=1)


@pytest.mark.fault(53, 60)
async def test_what_hinders_its_restart_is_told_and_it_is_tried_again(
    broker: EmbeddedBroker, entries: list[dict[str, object]], tmp_path: Path
) -> None:
    keeping = asyncio.create_task(broker.run())
    settings = tmp_path / "broker" / "nats-server.conf"
    settings.unlink()
    # Nobody can write a file there, root no more than others.
    settings.mkdir()
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)
    await until(lambda: any(entry["event"] == "broker_not_started" for entry in entries))
    settings.rmdir()
    await until(lambda: sum(entry["event"] == "broker_started" for entry in entries) == 2)
    await broker.stop()
    await keeping


async def test_stopped_it_is_gone_and_its_port_is_free(broker: EmbeddedBroker) -> None:
    assert broker.pid is not None
    gone = os.pidfd_open(broker.pid)
    await broker.stop()
    assert select.select([gone], [], [], 0)[0]
    os.close(gone)
    socket.create_server(("127.0.0.1", broker.port)).close()


async def test_it_dies_with_a_daemon_that_is_killed_and_the_next_daemon_starts_at_once(
    tmp_path: Path,
) -> None:
    async def daemon(port: str) -> tuple[asyncio.subprocess.Process, int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", DAEMON, str(tmp_path), port, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        pid, port = (await process.stdout.readline()).decode().split()
        return process, int(pid), port

    first, orphan, port = await daemon("0")
    ended = os.pidfd_open(orphan)
    first.kill()
    second, successor, _ = await daemon(port)
    assert select.select([ended], [], [], 0)[0], "two brokers at once on the same files"
    os.close(ended)

    ended = os.pidfd_open(successor)
    second.kill()
    await asyncio.to_thread(select.select, [ended], [], [])
    os.close(ended)
    await asyncio.gather(first.wait(), second.wait())


@pytest.mark.parametrize("host", [EVERYWHERE, "192.0.2.7", "::", "depot.example"])
def test_outside_loopback_it_wants_credentials(tmp_path: Path, host: str) -> None:
    with pytest.raises(ValueError, match=r"wants mqtt\.user and mqtt\.password"):
        EmbeddedBroker(host=host, state_dir=tmp_path, log=log_to([]))


@pytest.mark.fault(20, 63)
async def test_with_credentials_only_their_owner_is_let_in(tmp_path: Path) -> None:
    password = "p\"a\\s$s{}ü'#;x"
    broker = EmbeddedBroker(
        host=EVERYWHERE, port=0, state_dir=tmp_path, log=log_to([]), user="fleet", password=password
    )
    await broker.start()
    try:
        async with client(broker, "right", username="fleet", password=password):
            pass
        for wrong in ({}, {"username": "fleet", "password": "guessed"}):
            with pytest.raises(MqttConnectError):
                async with client(broker, "wrong", **wrong):
                    pass
    finally:
        await broker.stop()
    settings = tmp_path / "broker" / "nats-server.conf"
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600


async def test_a_nats_client_is_not_let_in(
    broker: EmbeddedBroker, entries: list[dict[str, object]]
) -> None:
    """The server has no way not to listen for them."""
    said = "\n".join(str(entry.get("text")) for entry in entries)
    port = re.search(r"client connections on 127\.0\.0\.1:(\d+)", said)
    assert port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port[1]))
    assert (await reader.readline()).startswith(b"INFO ")
    writer.write(b'CONNECT {"verbose": false}\r\nPING\r\n')
    assert (await reader.readline()).startswith(b"-ERR 'Authorization Violation'")
    writer.close()
    await writer.wait_closed()


async def test_a_port_that_somebody_else_has_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        broker = EmbeddedBroker(port=port, state_dir=tmp_path, log=log_to([]))
        with pytest.raises(BrokerError, match=f"127.0.0.1:{port}: the port is taken"):
            await broker.start()


async def test_what_the_server_says_when_it_cannot_start_is_repeated(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "jetstream").write_text("in the way")
    broker = EmbeddedBroker(port=0, state_dir=tmp_path, log=log_to([]))
    with pytest.raises(
        BrokerError, match=r"ended while it was starting, and said: .*storage directory"
    ):
        await broker.start()

"""The MQTT link against real brokers: the embedded one, and mosquitto where the machine has it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import random
import shutil
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from daemon.adapters.broker import EmbeddedBroker
from daemon.adapters.mqtt import MOST_REMEMBERED, MqttLink
from daemon.adapters.mqtt_boxes import Arrival
from daemon.adapters.mqtt_client import BrokerAddress, MqttClient, correlated
from daemon.adapters.store import Reader, Store, StoreFull
from daemon.core.events import (
    BrokerConnected,
    Event,
    MessageReceived,
    MessageRefused,
    Noticed,
)
from daemon.core.records import OutboxRecord
from protocol.mqtt.messages import CommandMessage, SeriesMessage, VehicleMessage
from tests.adapters.brokers import (
    Broker,
    Embedded,
    FleetClient,
    Mosquitto,
    fleet_client,
    log_to,
    until,
)
from tests.conftest import RequireTool

ROOT = Path(__file__).resolve().parents[2]
SITE = "depotd/north"
NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)
ONLINE, OFFLINE = b'{"status": "online"}', b'{"status": "offline"}'

E = TypeVar("E", bound=Event)


@pytest.fixture(params=["embedded", pytest.param("mosquitto", marks=pytest.mark.mosquitto)])
async def broker(
    request: pytest.FixtureRequest, tmp_path: Path, require_tool: RequireTool
) -> AsyncIterator[Broker]:
    broker: Broker
    if request.param == "embedded":
        broker = Embedded(tmp_path)
    else:
        broker = Mosquitto(require_tool("mosquitto"), tmp_path)
    await broker.start()
    yield broker
    await broker.stop()


@pytest.fixture
async def mosquitto(tmp_path: Path, require_tool: RequireTool) -> AsyncIterator[Broker]:
    broker = Mosquitto(require_tool("mosquitto"), tmp_path)
    await broker.start()
    yield broker
    await broker.stop()


@pytest.fixture
async def fleet(broker: Broker) -> AsyncIterator[FleetClient]:
    async with fleet_client(broker) as client:
        yield client


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    with Store.open(sqlite_url) as opened:
        yield opened


class Ear:
    """What the controller would hear. `also` is done about each event, as the controller would."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.also: Callable[[Event], Awaitable[None]] | None = None

    async def __call__(self, event: Event) -> None:
        if self.also is not None:
            await self.also(event)
        await self.events.put(event)

    async def next(self, kind: type[E]) -> E:
        """The next event of a kind, passing over the others."""
        while True:
            event = await self.events.get()
            if isinstance(event, kind):
                return event


@pytest.fixture
def ear() -> Ear:
    return Ear()


def make_link(url: str, store: Store, ear: Ear, **options: object) -> MqttLink:
    return MqttLink(
        url=url,
        site="north",
        inbox=store,
        outbox=store,
        emit=ear,
        rng=random.Random(0),
        **{"log": log_to([]), **options},  # type: ignore[arg-type]  # options by name
    )


@contextlib.asynccontextmanager
async def running(link: MqttLink) -> AsyncIterator[MqttLink]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(link.run())
        yield link
        task.cancel()


@contextlib.asynccontextmanager
async def linked(
    broker: Broker, store: Store, ear: Ear, **options: object
) -> AsyncIterator[MqttLink]:
    """A link that has been told that it is connected."""
    url = f"mqtt://127.0.0.1:{broker.port}"
    link = make_link(url, store, ear, protocol_version=broker.version, **options)
    async with running(link):
        await ear.next(BrokerConnected)
        yield link


def command(id: str, args: dict[str, object] | None = None) -> str:
    times = {"issued_at": "2026-11-20T16:00:00Z", "expires_at": "2026-11-20T16:05:00Z"}
    return json.dumps({"id": id, **times, "args": args or {}})


async def receiver(
    broker: Broker, url: str, fatal: int, where: str = "controller"
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.adapters.mqtt_receiver",
        *(str(broker.port), broker.version, url, str(fatal), where),
        cwd=ROOT,
    )


async def test_a_message_is_in_the_inbox_when_it_is_told(
    broker: Broker, fleet: FleetClient, store: Store, ear: Ear
) -> None:
    async with linked(broker, store, ear):
        await fleet.publish(f"{SITE}/fleet/vehicles/V01", '{"energy_kwh": 31}', retain=True)
        event = await ear.next(MessageReceived)
    assert event.message == VehicleMessage(
        topic=f"{SITE}/fleet/vehicles/V01", id="V01", values={"energy_kwh": 31}, at=None
    )
    assert [row.id for row in store.inbox()] == [event.inbox_id]


@pytest.mark.fault(61)
async def test_of_50_messages_none_is_lost_when_we_are_killed_while_handling_them(
    broker: Broker, fleet: FleetClient, sqlite_url: str
) -> None:
    await fleet.hears(f"{SITE}/state/daemon")
    process = await receiver(broker, sqlite_url, 15, "inbox")
    await fleet.until(f"{SITE}/state/daemon", ONLINE)
    for number in range(50):
        await fleet.publish(f"{SITE}/commands/replan", command(f"c{number}"))
    assert await process.wait() == -signal.SIGKILL
    process = await receiver(broker, sqlite_url, 15)
    assert await process.wait() == -signal.SIGKILL
    process = await receiver(broker, sqlite_url, 0)
    with Reader.open(sqlite_url) as reader:
        await until(lambda: len(reader.memory(NOW).facts) == 50 and not reader.inbox())
    process.terminate()
    await process.wait()


async def test_when_we_are_killed_the_broker_says_that_we_are_offline(
    broker: Broker, fleet: FleetClient, sqlite_url: str
) -> None:
    await fleet.hears(f"{SITE}/state/daemon")
    process = await receiver(broker, sqlite_url, 0)
    await fleet.until(f"{SITE}/state/daemon", ONLINE)
    process.kill()
    await fleet.until(f"{SITE}/state/daemon", OFFLINE)
    await process.wait()


async def test_stopped_we_say_that_we_are_offline(
    broker: Broker, fleet: FleetClient, store: Store, ear: Ear
) -> None:
    await fleet.hears(f"{SITE}/state/daemon")
    async with linked(broker, store, ear) as link:
        await fleet.until(f"{SITE}/state/daemon", ONLINE)
        assert link.connected
    await fleet.until(f"{SITE}/state/daemon", OFFLINE)
    assert not link.connected


@pytest.mark.fault(60)
async def test_a_killed_broker_that_comes_back_gets_state_and_outbox_and_is_heard_again(
    broker: Broker, store: Store, ear: Ear
) -> None:
    async with linked(broker, store, ear) as link:
        await broker.kill()
        link.publish("state/plan", {"revision": 1})
        link.publish("state/plan", {"revision": 2})
        await store.commit([OutboxRecord(topic="alerts", payload=f"{i}") for i in range(5)])
        await broker.start()
        await ear.next(BrokerConnected)
        async with fleet_client(broker) as fleet:
            await fleet.hears(f"{SITE}/state/plan")
            assert (await fleet.next()).payload == b'{"revision": 2}'
            await fleet.publish(f"{SITE}/site/pv_kw", "7", retain=True)
            event = await ear.next(MessageReceived)
            assert event.message == SeriesMessage(topic=f"{SITE}/site/pv_kw", key="pv_kw", value=7)
        await until(lambda: store.outbox() == [])


async def test_the_outbox_leaves_in_its_order_also_what_was_there_before(
    broker: Broker, fleet: FleetClient, store: Store, ear: Ear
) -> None:
    await fleet.hears(f"{SITE}/alerts")
    await store.commit([OutboxRecord(topic="alerts", payload=f"{i}") for i in range(3)])
    async with linked(broker, store, ear):
        assert [(await fleet.next()).payload for _ in range(3)] == [b"0", b"1", b"2"]
        await store.commit([OutboxRecord(topic="alerts", payload="3")])
        heard = await fleet.next()
    assert (heard.payload, heard.retained) == (b"3", False)


async def test_state_is_retained_and_none_removes_it(
    broker: Broker, fleet: FleetClient, store: Store, ear: Ear
) -> None:
    await fleet.hears(f"{SITE}/state/vehicles/+")
    async with linked(broker, store, ear) as link:
        link.publish("state/vehicles/V01", {"energy_kwh": 1})
        link.publish("state/vehicles/V02", {"energy_kwh": 2})
        await fleet.until(f"{SITE}/state/vehicles/V02")
        link.publish("state/vehicles/V01", None)
        await fleet.until(f"{SITE}/state/vehicles/V01", b"")
    async with fleet_client(broker, "later") as later:
        await later.hears(f"{SITE}/state/vehicles/+")
        heard = await later.next()
    assert (heard.topic, heard.retained) == (f"{SITE}/state/vehicles/V02", True)


async def test_an_id_that_no_topic_can_carry_is_told_percent_encoded(
    broker: Broker, fleet: FleetClient, store: Store, ear: Ear
) -> None:
    await fleet.hears(f"{SITE}/state/#")
    async with linked(broker, store, ear) as link:
        link.publish("state/stations/CP 1#+", {"online": True})
        await fleet.until(f"{SITE}/state/stations/CP%201%23%2B")


async def test_a_refused_message_is_told_with_its_reason_and_the_next_one_is_heard(
    broker: Broker, fleet: FleetClient, store: Store, ear: Ear
) -> None:
    topic = f"{SITE}/commands/replan"
    async with linked(broker, store, ear):
        await fleet.publish(topic, '{"id": "c1", "args": NaN}')
        unread = await ear.next(MessageRefused)
        await fleet.publish(topic, '{"id": "c1", "issued_at": "now"}')
        refused = await ear.next(MessageRefused)
        await fleet.publish(topic, command("c2"))
        received = await ear.next(MessageReceived)
    assert (unread.topic, unread.command_id) == (topic, None)
    assert "NaN" in unread.reason
    assert (refused.topic, refused.command_id) == (topic, "c1")
    assert refused.reason.startswith("issued_at: 'now' wants an instant")
    inbox = [unread.inbox_id, refused.inbox_id, received.inbox_id]
    assert [row.id for row in store.inbox()] == inbox


@pytest.mark.fault(63)
async def test_an_oversized_message_is_refused_without_a_place_in_the_inbox(
    broker: Broker, fleet: FleetClient, store: Store, ear: Ear
) -> None:
    async with linked(broker, store, ear):
        await fleet.publish(f"{SITE}/fleet/routes/R1", b" " * (64 * 1024 + 1), retain=True)
        refused = await ear.next(MessageRefused)
        await fleet.publish(f"{SITE}/commands/replan", command("c1"))
        await ear.next(MessageReceived)
    assert refused.reason == "too many bytes, wants at most 65536"
    assert refused.inbox_id is None
    assert len(store.inbox()) == 1


@pytest.mark.fault(63)
async def test_of_an_oversized_message_no_more_is_held_than_shows_that_it_is(
    broker: Broker, fleet: FleetClient
) -> None:
    """A thousand may wait, and the embedded broker takes 8 MiB each."""
    address = BrokerAddress(host="127.0.0.1", port=broker.port, version=broker.version)
    client = MqttClient(address, "north", log_to([]))
    await client.connect()
    try:
        await client.listen("north")
        for qos in (0, 1):
            await fleet.mqtt.publish(f"{SITE}/fleet/routes/R1", b" " * 1_000_000, qos=qos)
            message = await anext(aiter(client.messages))
            assert len(bytes(message.payload)) == 64 * 1024 + 1
    finally:
        await client.leave()


async def test_topics_are_remembered_up_to_a_bound(store: Store, ear: Ear) -> None:
    link = make_link("mqtt://broker.invalid", store, ear)
    for number in range(MOST_REMEMBERED + 1):
        arrival = Arrival(
            topic=f"{SITE}/fleet/vehicles/{number}",
            payload=b"{",
            retained=True,
            response_topic=None,
            correlation_data=None,
        )
        link._remember(arrival)
    assert len(link._last_heard) == MOST_REMEMBERED
    assert arrival.topic in link._last_heard


async def test_a_route_that_is_removed_is_not_remembered(
    broker: Broker, fleet: FleetClient, store: Store, ear: Ear
) -> None:
    """A fleet has new ones every day, for years."""
    async with linked(broker, store, ear) as link:
        for payload in ('{"priority": 2}', ""):
            await fleet.publish(f"{SITE}/fleet/routes/R1", payload, retain=True)
            await ear.next(MessageReceived)
            assert (f"{SITE}/fleet/routes/R1" in link._last_heard) == bool(payload)


@pytest.mark.fault(64)
async def test_what_was_left_in_the_inbox_is_told_first_and_with_no_broker_in_reach(
    store: Store, ear: Ear
) -> None:
    inbox_id = await store.receive(f"{SITE}/site/pv_kw", b"7", retained=True)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"mqtt://127.0.0.1:{gone.getsockname()[1]}"
    async with running(make_link(url, store, ear)) as link:
        event = await ear.next(MessageReceived)
        assert not link.connected
    assert event.inbox_id == inbox_id


@pytest.mark.fault(53, 61)
async def test_a_message_that_could_not_be_kept_is_not_acknowledged_and_comes_again(
    broker: Broker, fleet: FleetClient, sqlite_url: str, ear: Ear
) -> None:
    class FullOnce(Store):
        full = True

        async def receive(self, *args: object, **named: object) -> int:
            if self.full:
                self.full = False
                raise StoreFull("no room on the disk")
            return await super().receive(*args, **named)  # type: ignore[arg-type]  # passed on

    entries: list[dict[str, object]] = []
    with FullOnce.open(sqlite_url) as store:
        async with linked(broker, store, ear, log=log_to(entries)):
            await fleet.publish(f"{SITE}/commands/replan", command("c1"))
            event = await ear.next(MessageReceived)
    assert isinstance(event.message, CommandMessage)
    assert event.message.id == "c1"
    assert ["no room on the disk" in str(e["reason"]) for e in entries if "reason" in e] == [True]


async def test_what_is_retained_is_news_once_and_what_is_sent_is_news_each_time(
    broker: Broker, fleet: FleetClient, store: Store, ear: Ear
) -> None:
    topic = f"{SITE}/fleet/vehicles/V01"
    async with linked(broker, store, ear):
        for _ in range(2):
            await fleet.publish(topic, '{"energy_kwh": 31}', retain=True)
            await ear.next(MessageReceived)
        # When this is told, what was told before is acknowledged.
        await fleet.publish(f"{SITE}/commands/replan", command("c0"))
        await ear.next(MessageReceived)
        await broker.stop()
        await broker.start()
        await ear.next(BrokerConnected)
        async with fleet_client(broker) as again:
            await again.publish(f"{SITE}/commands/replan", command("c1"))
        event = await ear.next(MessageReceived)
    assert isinstance(event.message, CommandMessage)


async def test_a_connection_taken_over_leaves_us_online(
    broker: Broker, fleet: FleetClient, store: Store, ear: Ear
) -> None:
    """We lose the connection and come back before the broker has noticed."""
    ends: list[asyncio.StreamWriter] = []

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)

    async def pass_on(ours: asyncio.StreamReader, to_us: asyncio.StreamWriter) -> None:
        theirs, to_them = await asyncio.open_connection("127.0.0.1", broker.port)
        ends.extend((to_us, to_them))
        await asyncio.gather(copy(ours, to_them), copy(theirs, to_us), return_exceptions=True)

    proxy = await asyncio.start_server(pass_on, "127.0.0.1", 0)
    url = f"mqtt://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    await fleet.hears(f"{SITE}/state/+")
    async with running(make_link(url, store, ear, protocol_version=broker.version)) as link:
        await ear.next(BrokerConnected)
        ends[0].transport.abort()
        await ear.next(BrokerConnected)
        ends[1].transport.abort()
        link.publish("state/plan", {})
        said = []
        while (heard := await fleet.next()).topic != f"{SITE}/state/plan":
            said.append(heard.payload)
        assert said.count(ONLINE) == 2
        assert said[-1] == ONLINE
    proxy.close()
    for end in ends:
        end.transport.abort()


async def test_wrong_credentials_are_told_without_the_password(
    tmp_path: Path, store: Store, ear: Ear
) -> None:
    broker = EmbeddedBroker(
        port=0, state_dir=tmp_path, log=log_to([]), user="daemon", password="right"
    )
    await broker.start()
    entries: list[dict[str, object]] = []
    address = broker.url.replace("://", "://daemon:guessed@")
    link = make_link(address, store, ear, log=log_to(entries), protocol_version="3.1.1")
    async with running(link):
        await until(lambda: bool(entries))
    await broker.stop()
    assert entries[0]["event"] == "mqtt_lost"
    assert "Not authorized" in str(entries[0]["reason"])
    assert "guessed" not in str(entries)


@pytest.mark.mosquitto
# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.fault(63)
async def test_over_tls_the_brokers_certificate_is_checked(
    tmp_path: Path, require_tool: RequireTool, store: Store, ear: Ear
) -> None:
    certificate, key = tmp_path / "broker.pem", tmp_path / "broker.key"
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    made = await asyncio.create_subprocess_exec(
        *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-nodes", "-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", str(key), "-out", str(certificate)),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await made.wait() == 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    secure = (f"listener {port} 127.0.0.1", f"certfile {certificate}", f"keyfile {key}")
    broker = Mosquitto(require_tool("mosquitto"), tmp_path, *secure)
    await broker.start()
    url, entries = f"mqtts://127.0.0.1:{port}", list[dict[str, object]]()
    async with running(make_link(url, store, ear, log=log_to(entries))):
        await until(lambda: bool(entries))
    trusted = ssl.create_default_context(cafile=certificate)
    async with running(make_link(url, store, ear, tls=trusted)):
        await ear.next(BrokerConnected)
    await broker.stop()
    assert "certificate verify failed" in str(entries[0]["reason"])
    gc.collect()


@pytest.mark.mosquitto
async def test_a_request_is_answered_on_its_response_topic_with_its_correlation_data(
    mosquitto: Broker, store: Store, ear: Ear
) -> None:
    async def answer(event: Event) -> None:
        if isinstance(event, MessageReceived) and isinstance(event.message, CommandMessage):
            asked = event.message
            await store.commit(
                [
                    OutboxRecord(
                        topic=f"replies/{asked.id}",
                        payload='{"ok": true}',
                        response_topic=asked.response_topic,
                        correlation_data=asked.correlation_data,
                    )
                ]
            )

    ear.also = answer
    properties = correlated(b"\x00\x01")
    properties.ResponseTopic = "desk/7/answers"
    async with linked(mosquitto, store, ear), fleet_client(mosquitto) as desk:
        await desk.hears(f"{SITE}/replies/c1")
        await desk.hears("desk/7/answers")
        await desk.mqtt.publish(
            f"{SITE}/commands/replan", command("c1"), qos=1, properties=properties
        )
        general, own = await desk.next(), await desk.next()
    assert (general.topic, general.payload) == (f"{SITE}/replies/c1", b'{"ok": true}')
    assert (own.topic, own.payload) == ("desk/7/answers", b'{"ok": true}')
    assert own.correlation_data == b"\x00\x01"


@pytest.mark.mosquitto
async def test_an_answer_that_the_broker_hangs_up_on_is_given_up_and_the_next_one_leaves(
    mosquitto: Broker, store: Store, ear: Ear
) -> None:
    """mosquitto hands on a response topic of 251 levels, and takes nothing on it."""
    answers = [
        OutboxRecord(topic="replies/c1", payload="1", response_topic="desk/" * 250 + "7"),
        OutboxRecord(topic="replies/c2", payload="2", response_topic="desk/7"),
    ]
    async with linked(mosquitto, store, ear) as link, fleet_client(mosquitto) as desk:
        link._pause_s = lambda failures: 0.0  # type: ignore[method-assign]
        await desk.hears("desk/7")
        await store.commit(answers)
        heard = await desk.next()
        told = await ear.next(Noticed)
    assert heard.payload == b"2"
    assert "1 bytes on desk/desk/desk/" in told.text
    assert store.outbox() == []


@pytest.mark.mosquitto
async def test_a_state_too_large_for_the_broker_is_given_up_once_and_a_smaller_one_is_told(
    tmp_path: Path, require_tool: RequireTool, store: Store, ear: Ear
) -> None:
    async def tell_all(event: Event) -> None:
        if isinstance(event, BrokerConnected):
            link.publish("state/plan", "x" * 4000)

    small = Mosquitto(require_tool("mosquitto"), tmp_path, "max_packet_size 3000")
    await small.start()
    link = make_link(f"mqtt://127.0.0.1:{small.port}", store, ear)
    link._pause_s = lambda failures: 0.0  # type: ignore[method-assign]
    ear.also = tell_all
    async with running(link), fleet_client(small) as desk:
        await desk.hears(f"{SITE}/state/plan")
        told = await ear.next(Noticed)
        link.publish("state/plan", "y")
        assert (await desk.next()).payload == b'"y"'
    await small.stop()
    assert "4002 bytes" in told.text


@pytest.mark.fault(62)
@pytest.mark.mosquitto
async def test_a_command_sent_with_the_retain_flag_is_marked(
    mosquitto: Broker, store: Store, ear: Ear
) -> None:
    async with linked(mosquitto, store, ear), fleet_client(mosquitto) as desk:
        await desk.publish(f"{SITE}/commands/replan", command("c1"), retain=True)
        await desk.publish(f"{SITE}/commands/replan", command("c2"))
        first, second = await ear.next(MessageReceived), await ear.next(MessageReceived)
    assert isinstance(first.message, CommandMessage)
    assert isinstance(second.message, CommandMessage)
    assert (first.message.retained, second.message.retained) == (True, False)


@pytest.mark.fault(62)
async def test_a_command_that_the_embedded_broker_retained_is_marked_when_we_come_back(
    tmp_path: Path, store: Store, ear: Ear
) -> None:
    """MQTT 3.1.1 delivers the first copy without the flag (3.3.1.3)."""
    broker = Embedded(tmp_path)
    await broker.start()
    marks: list[bool] = []
    async with fleet_client(broker) as desk:
        for _ in range(2):
            async with linked(broker, store, ear):
                if not marks:
                    await desk.publish(f"{SITE}/commands/replan", command("c1"), retain=True)
                event = await ear.next(MessageReceived)
                assert isinstance(event.message, CommandMessage)
                marks.append(event.message.retained)
    await broker.stop()
    assert marks == [False, True]


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://broker", "wants mqtt or mqtts"),
        ("mqtt://", "wants a host"),
        ("mqtt://broker/depot", "nothing after the port"),
        ("mqtt://user:secret@broker:port", "cannot be read"),
        ("mqtt://user:secret@a..b", "is no host name"),
    ],
)
def test_an_unusable_url_is_refused_without_its_password(url: str, wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted) as refused:
        BrokerAddress.parse(url)
    assert "secret" not in str(refused.value)


def test_an_address_holds_what_its_url_says_and_does_not_show_the_password() -> None:
    address = BrokerAddress.parse("mqtts://daemon:s%40fe@broker.example")
    assert (address.host, address.port) == ("broker.example", 8883)
    assert (address.user, address.password) == ("daemon", "s@fe")
    assert address.tls is not None
    assert "s@fe" not in repr(address)
    assert BrokerAddress.parse("mqtt://broker.example").port == 1883

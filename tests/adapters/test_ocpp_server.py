"""The server over real WebSockets, with clients and stations of others' making."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from ocpp.v201.datatypes import ChargingStationType
from ocpp.v201.enums import BootReasonEnumType
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from daemon.adapters.ocpp import OcppServer, pace, session
from daemon.adapters.ocpp import server as server_module
from daemon.core.events import (
    CommandAnswered,
    Event,
    Noticed,
    StationCalled,
    StationClaimed,
    StationConnected,
    StationLost,
)
from protocol.ocpp.commands import (
    Answered,
    Lost,
    Refused,
    ResetStation,
    SetChargingProfile,
    TimedOut,
    TriggerMessage,
)
from protocol.ocpp.events import (
    BootReply,
    EmptyReply,
    ErrorReply,
    Heartbeat,
    HeartbeatReply,
    StationBooted,
)
from protocol.ocpp.model import (
    ChargingProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
    Version,
)

V16, V201 = Subprotocol("ocpp1.6"), Subprotocol("ocpp2.0.1")
NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)
PATIENCE_S = 60.0


class Depot:
    """Takes every event; answers heartbeats and boots by itself when told to."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.server: OcppServer | None = None

    async def emit(self, event: Event) -> None:
        if isinstance(event, StationCalled) and self.server is not None:
            reply = (
                HeartbeatReply(now=NOW)
                if isinstance(event.event, Heartbeat)
                else BootReply(now=NOW, interval_s=60)
            )
            await self.server.reply(event.station, event.session, event.call_id, reply)
        self.events.put_nowait(event)

    async def next(self) -> Event:
        async with asyncio.timeout(PATIENCE_S):
            return await self.events.get()


def drained(depot: Depot) -> list[Event]:
    """What has been told and nobody has looked at yet."""
    return [depot.events.get_nowait() for _ in range(depot.events.qsize())]


Serve = Callable[..., Awaitable[OcppServer]]


@pytest.fixture
def depot() -> Depot:
    return Depot()


@pytest.fixture
async def serve(depot: Depot) -> AsyncIterator[Serve]:
    started: list[OcppServer] = []

    async def start(*, answers: bool = False, **changes: Any) -> OcppServer:
        settings: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": 0,
            "security_profile": 0,
            "passwords": {},
            "known_stations": frozenset({"CP01", "CP02"}),
            "accept_unknown": False,
            "emit": depot.emit,
            "messages_per_s": 1000.0,
            "strikes_per_minute": 1000,
            "log": structlog.get_logger(),
        }
        server = OcppServer(**(settings | changes))
        await server.start()
        started.append(server)
        if answers:
            depot.server = server
        return server

    yield start
    for server in started:
        await server.stop()


@asynccontextmanager
async def station(
    server: OcppServer,
    station_id: str = "CP01",
    *subprotocols: Subprotocol,
    **options: Any,
) -> AsyncIterator[ClientConnection]:
    url = f"{server.url}/{station_id}"
    offered = list(subprotocols) or [V16]
    async with connect(url, subprotocols=offered, proxy=None, **options) as client:
        yield client


async def ask(client: ClientConnection, frame: str) -> Any:
    await client.send(frame)
    return await hear(client)


async def hear(client: ClientConnection) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        return json.loads(await client.recv())


async def closing(client: ClientConnection) -> int | None:
    """The code that the server closed with; what it still says before is passed over."""
    with suppress(ConnectionClosed):
        while True:
            async with asyncio.timeout(PATIENCE_S):
                await client.recv()
    return client.close_code


async def test_a_session_from_connecting_to_leaving(serve: Serve, depot: Depot) -> None:
    server = await serve()
    async with station(server) as client:
        assert await depot.next() == StationConnected(
            station="CP01", session=1, version=Version.V16
        )
        await client.send('[2,"h","Heartbeat",{}]')
        assert await depot.next() == StationCalled(
            station="CP01", session=1, call_id="h", event=Heartbeat()
        )
        await server.reply("CP01", 1, "h", HeartbeatReply(now=NOW))
        assert await hear(client) == [3, "h", {"currentTime": "2026-11-20T16:00:00Z"}]
    lost = await depot.next()
    assert isinstance(lost, StationLost)
    assert (lost.station, lost.session) == ("CP01", 1)


@pytest.mark.fault(50)
@pytest.mark.parametrize(
    ("offered", "spoken"),
    [([V16], V16), ([V201], V201), ([V16, V201], V201), ([V201, V16], V201)],
)
async def test_the_newest_subprotocol_offered_is_spoken(
    offered: list[Subprotocol], spoken: Subprotocol, serve: Serve
) -> None:
    async with station(await serve(), "CP01", *offered) as client:
        assert client.subprotocol == spoken


@pytest.mark.fault(50)
@pytest.mark.parametrize("offered", [None, [Subprotocol("ocpp1.5")]])
async def test_without_a_subprotocol_of_ours_the_socket_opens_without_one_and_closes(
    offered: list[Subprotocol] | None, serve: Serve, depot: Depot
) -> None:
    server = await serve()
    async with connect(f"{server.url}/CP01", subprotocols=offered, proxy=None) as client:
        assert client.response is not None
        assert "Sec-WebSocket-Protocol" not in client.response.headers
        assert await closing(client) == 1002
    assert depot.events.empty()


@pytest.mark.parametrize(("version", "compressed"), [(V16, False), (V201, True)])
async def test_only_2_0_1_is_compressed(
    version: Subprotocol, compressed: bool, serve: Serve
) -> None:
    async with station(await serve(), "CP01", version) as client:
        assert client.response is not None
        assert ("Sec-WebSocket-Extensions" in client.response.headers) is compressed


@pytest.mark.parametrize(
    "path", ["/ocpp/CP99", "/ocpp/CP01/", "/ocpp/CP01/x", "/ocpp/", "/", "/ocpp/CP01?a=b"]
)
async def test_what_is_not_here_is_404(path: str, serve: Serve) -> None:
    server = await serve()
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://127.0.0.1:{server.port}{path}", subprotocols=[V16], proxy=None):
            pass
    assert refused.value.response.status_code == 404


async def test_an_unknown_station_comes_in_by_setting(serve: Serve, depot: Depot) -> None:
    server = await serve(accept_unknown=True)
    async with station(server, "new%3A1"):
        connected = await depot.next()
    assert isinstance(connected, StationConnected)
    assert connected.station == "new:1"


@pytest.mark.fault(30)
@pytest.mark.parametrize(
    ("login", "status"),
    [("CP01:right", None), ("CP01:wrong", 401), ("CP02:right", 401), (None, 401)],
)
async def test_a_password_is_wanted_from_profile_1_on(
    login: str | None, status: int | None, serve: Serve
) -> None:
    server = await serve(security_profile=1, passwords={"CP01": "right"})
    headers = {}
    if login is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    if status is None:
        async with station(server, additional_headers=headers) as client:
            assert client.subprotocol == V16
        return
    with pytest.raises(InvalidStatus) as refused:
        async with station(server, additional_headers=headers):
            pass
    assert refused.value.response.status_code == status
    assert "Basic" in refused.value.response.headers["WWW-Authenticate"]


BAD_FRAMES = [
    "",
    "hello",
    '[2,"a","Heartbeat",{',
    "{}",
    "[]",
    "[2]",
    '[2,17,"Heartbeat",{}]',
    f'[2,"{"i" * 37}","Heartbeat",{{}}]',
    '[2,"a","Heartbeat"]',
    '[2,"a",["Heartbeat"],{}]',
    '[2,"a",{"Heartbeat":1},{}]',
    '[2,"a","Teleport",{}]',
    '[2,"a","SetChargingProfile",{}]',
    '[2,"a","Heartbeat",[]]',
    '[2,"a","Heartbeat",{"x":1}]',
    '[2,"a","Heartbeat",{"x":NaN}]',
    '[2,"a","Heartbeat",{"x":' + "9" * 5000 + "}]",
    "[" * 2000 + "]" * 2000,
    r'[2,"a","Heartbeat",{"x":"\ud800"}]',
]


@pytest.mark.parametrize("version", [V16, V201])
async def test_every_bad_frame_is_answered_while_another_station_goes_on(
    version: Subprotocol, serve: Serve
) -> None:
    server = await serve(answers=True)
    async with (
        station(server, "CP01", version) as bad,
        station(server, "CP02", version) as good,
    ):
        for number, frame in enumerate(BAD_FRAMES):
            answer = await ask(bad, frame)
            assert answer[0] == 4, frame
            alive = await ask(good, f'[2,"{number}","Heartbeat",{{}}]')
            assert alive[:2] == [3, str(number)]
        answer = await ask(bad, '[2,"still here","Heartbeat",{}]')
        assert answer[:2] == [3, "still here"]


@pytest.mark.parametrize("kind", [5, 6, 9])
async def test_an_unknown_message_type_is_ignored_by_1_6_and_answered_by_2_0_1(
    kind: int, serve: Serve
) -> None:
    server = await serve(answers=True)
    frame = f'[{kind},"a","Heartbeat",{{}}]'
    async with station(server, "CP01", V16) as client:
        await client.send(frame)
        assert (await ask(client, '[2,"h","Heartbeat",{}]'))[:2] == [3, "h"]
    async with station(server, "CP02", V201) as client:
        assert (await ask(client, frame))[:3] == [4, "a", "MessageTypeNotSupported"]


@pytest.mark.fault(36)
@pytest.mark.parametrize(
    ("frame", "code"),
    [(b'[2,"a","Heartbeat",{}]', 1003), ("x" * 65_537, 1009), ("x" * 200_000, 1009)],
)
@pytest.mark.parametrize("version", [V16, V201])
async def test_binary_and_oversized_messages_close_the_socket(
    frame: str | bytes, code: int, version: Subprotocol, serve: Serve, depot: Depot
) -> None:
    async with station(await serve(), "CP01", version) as client:
        await client.send(frame)
        assert await closing(client) == code
    assert isinstance(await depot.next(), StationConnected)
    assert isinstance(await depot.next(), StationLost)


@pytest.mark.fault(40)
async def test_the_same_call_twice_is_done_once_and_answered_twice(
    serve: Serve, depot: Depot
) -> None:
    async with station(await serve(answers=True)) as client:
        first = await ask(client, '[2,"h","Heartbeat",{}]')
        assert await ask(client, '[2,"h","Heartbeat",{}]') == first
    events = [await depot.next() for _ in range(3)]
    assert [type(event) for event in events] == [StationConnected, StationCalled, StationLost]


@pytest.mark.fault(37)
async def test_too_many_strikes_close_with_1008(serve: Serve) -> None:
    async with station(await serve(strikes_per_minute=5)) as client:
        for _ in range(6):
            await client.send("nonsense")
        assert await closing(client) == 1008


@pytest.mark.fault(47)
async def test_too_many_messages_are_slowed_and_then_close_with_1008(
    serve: Serve, depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "CLOSE_TIMEOUT_S", 0.2)
    server = await serve(answers=True, messages_per_s=50.0, slowed_at_most_s=0.2)
    async with station(server) as client:
        for number in range(400):
            await client.send(f'[2,"{number}","Heartbeat",{{}}]')
        assert await closing(client) == 1008
    calls = 0
    while not isinstance(event := await depot.next(), StationLost):
        calls += isinstance(event, StationCalled)
    assert calls < 130


@pytest.mark.fault(47)
async def test_who_comes_back_has_used_what_it_has_used(serve: Serve) -> None:
    server = await serve(answers=True, strikes_per_minute=5)
    for count in range(6):
        async with station(server, "CP02") as other:
            assert "currentTime" in (await ask(other, '[2,"h","Heartbeat",{}]'))[2]
        async with station(server) as client:
            await client.send("nonsense")
            if count == 5:
                assert await closing(client) == 1008


@pytest.mark.fault(47)
async def test_who_connects_again_and_again_waits_and_then_gets_429_and_is_told_of(
    serve: Serve, depot: Depot
) -> None:
    # Four connections at once, and one more in each 2 s, where it need not wait for longer than 3.
    server = await serve(answers=True, messages_per_s=5.0)
    statuses = []
    async with station(server, "CP02") as other, AsyncExitStack() as links:

        async def open_one() -> None:
            try:
                link = await links.enter_async_context(station(server))
            except InvalidStatus as refused:
                statuses.append(refused.response.status_code)
            else:
                assert link.response is not None
                statuses.append(link.response.status_code)

        await asyncio.gather(*(open_one() for _ in range(12)))
        assert (await ask(other, '[2,"h","Heartbeat",{}]'))[:2] == [3, "h"]
    assert sorted(statuses[:4]) == [101] * 4
    assert statuses[4:] == [429] * 7 + [101]
    told = [event for event in drained(depot) if isinstance(event, Noticed)]
    assert [(notice.kind, notice.station) for notice in told] == [
        ("station_connects_often", "CP01")
    ]


async def test_a_command_and_its_answer(serve: Serve, depot: Depot) -> None:
    server = await serve()
    command = ResetStation()
    async with station(server) as client:
        await depot.next()
        await server.send("CP01", 1, 4711, command)
        kind, call_id, action, payload = await hear(client)
        assert (kind, action, payload) == (2, "Reset", {"type": "Soft"})
        await client.send(json.dumps([3, call_id, {"status": "Accepted"}]))
        assert await depot.next() == CommandAnswered(
            station="CP01",
            session=1,
            generation=4711,
            command=command,
            result=Answered(status="Accepted"),
        )


@pytest.mark.fault(48)
async def test_a_silent_station_times_out_and_the_next_command_goes(
    serve: Serve, depot: Depot
) -> None:
    server = await serve(call_timeout_s=0.05)
    async with station(server) as client:
        await depot.next()
        await server.send("CP01", 1, 1, ResetStation())
        await hear(client)
        timed_out = await depot.next()
        assert isinstance(timed_out, CommandAnswered)
        assert timed_out.result == TimedOut()
        await server.send("CP01", 1, 2, ResetStation())
        assert (await hear(client))[2] == "Reset"


async def test_a_lost_link_answers_every_command_before_the_loss_is_told(
    serve: Serve, depot: Depot
) -> None:
    server = await serve()
    async with station(server) as client:
        await depot.next()
        await server.send("CP01", 1, 1, ResetStation())
        await hear(client)
    answered, lost = await depot.next(), await depot.next()
    assert isinstance(answered, CommandAnswered)
    assert (answered.generation, answered.result) == (1, Lost())
    assert isinstance(lost, StationLost)


@pytest.mark.parametrize(("name", "number"), [("CP02", 1), ("CP01", 99)])
async def test_a_command_for_a_session_that_is_over_is_lost(
    name: str, number: int, serve: Serve, depot: Depot
) -> None:
    server = await serve()
    async with station(server):
        await depot.next()
        await server.send(name, number, 7, ResetStation())
        answered = await depot.next()
        assert isinstance(answered, CommandAnswered)
        assert (answered.session, answered.generation, answered.result) == (number, 7, Lost())
        await server.reply(name, number, "x", EmptyReply())
        await server.disconnect(name, number, "over")


async def test_a_command_that_cannot_be_written_is_refused_and_the_link_stays(
    serve: Serve, depot: Depot
) -> None:
    server = await serve()
    async with station(server) as client:
        await depot.next()
        await server.send("CP01", 1, 1, TriggerMessage(message="Dance"))
        answered = await depot.next()
        assert isinstance(answered, CommandAnswered)
        assert isinstance(answered.result, Refused)
        await server.send("CP01", 1, 2, ResetStation())
        assert (await hear(client))[2] == "Reset"


async def test_a_reply_that_does_not_fit_still_answers_the_station(
    serve: Serve, depot: Depot
) -> None:
    server = await serve()
    async with station(server) as client:
        await depot.next()
        await client.send('[2,"h","Heartbeat",{}]')
        await depot.next()
        await server.reply("CP01", 1, "h", EmptyReply())
        assert (await hear(client))[:3] == [4, "h", "InternalError"]
        await server.reply("CP01", 1, "unknown", ErrorReply())
        await client.send('[2,"h2","Heartbeat",{}]')
        await depot.next()
        await server.reply("CP01", 1, "h2", HeartbeatReply(now=NOW))
        assert (await hear(client))[:2] == [3, "h2"]


@pytest.mark.fault(32, 33)
async def test_the_newest_connection_of_a_station_wins_and_stays(
    serve: Serve, depot: Depot
) -> None:
    server = await serve()
    async with station(server) as old:
        await depot.next()
        async with station(server) as new:
            assert await closing(old) == 1008
            connected, lost = await depot.next(), await depot.next()
            assert isinstance(connected, StationConnected)
            assert isinstance(lost, StationLost)
            assert (connected.session, lost.session) == (2, 1)
            await server.send("CP01", 2, 1, ResetStation())
            assert (await hear(new))[2] == "Reset"


@pytest.mark.fault(32)
async def test_two_sockets_that_replace_each_other_end_with_the_one_that_is_alive(
    serve: Serve, depot: Depot
) -> None:
    server = await serve(answers=True)
    async with AsyncExitStack() as links:
        for _ in range(1 + pace.REPLACEMENTS_PER_MINUTE):
            latest = await links.enter_async_context(station(server))
            reading = asyncio.create_task(hear(latest))
            while not isinstance(await depot.next(), StationConnected):
                pass
            reading.cancel()
        for _ in range(3):
            stranger = await links.enter_async_context(station(server))
            assert await closing(stranger) == 1008
        assert (await ask(latest, '[2,"h","Heartbeat",{}]'))[:2] == [3, "h"]
    told = [event for event in drained(depot) if isinstance(event, StationClaimed)]
    assert told == [StationClaimed(station="CP01")]


@pytest.mark.fault(32, 34)
async def test_a_half_open_socket_is_replaced_at_once_however_often(
    serve: Serve, depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ALIVE_S", 0.05)
    server = await serve(answers=True)
    async with AsyncExitStack() as links:
        for _ in range(3 + pace.REPLACEMENTS_PER_MINUTE):
            newest = await links.enter_async_context(
                station(server, ping_interval=None, close_timeout=0.1)
            )
            while not isinstance(await depot.next(), StationConnected):
                pass
            # Its kernel acknowledges, nobody reads: as a modem that has lost its station.
            newest.transport.pause_reading()
        for event in drained(depot):
            assert not isinstance(event, Noticed)
        newest.transport.resume_reading()
        assert (await ask(newest, '[2,"h","Heartbeat",{}]'))[:2] == [3, "h"]


@pytest.mark.fault(31)
async def test_a_live_session_goes_on_while_its_password_is_guessed(
    serve: Serve, depot: Depot
) -> None:
    server = await serve(answers=True, security_profile=1, passwords={"CP01": "right"})

    def login(password: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(f"CP01:{password}".encode()).decode()}

    statuses = []
    async with station(server, additional_headers=login("right")) as client:
        for guess in range(60):
            with pytest.raises(InvalidStatus) as refused:
                async with station(server, additional_headers=login(str(guess))):
                    pass
            statuses.append(refused.value.response.status_code)
            if guess % 20 == 0:
                assert (await ask(client, f'[2,"{guess}","Heartbeat",{{}}]'))[1] == str(guess)
    assert statuses[:10] == [401] * 10
    assert set(statuses[20:]) == {429}
    told = [event for event in drained(depot) if isinstance(event, Noticed)]
    assert [(notice.kind, notice.station) for notice in told] == [("login_guessed", "CP01")]
    assert "right" not in told[0].text


async def test_disconnect_closes_with_the_reason(serve: Serve, depot: Depot) -> None:
    server = await serve()
    async with station(server) as client:
        await depot.next()
        await server.disconnect("CP01", 1, "ä" * 100)
        assert await closing(client) == 1008


async def test_stop_closes_with_1001_and_tells_of_no_loss(serve: Serve, depot: Depot) -> None:
    server = await serve()
    async with station(server) as client:
        await depot.next()
        await server.stop()
        assert await closing(client) == 1001
    assert depot.events.empty()
    with pytest.raises(OSError, match="Connect call failed"):
        async with station(server):
            pass


@pytest.mark.fault(35)
async def test_a_peer_that_never_reads_is_cut_off(
    serve: Serve, depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SEND_S", 0.1)
    server = await serve(call_timeout_s=0.01)
    periods = tuple(SchedulePeriod(start_s=second, limit=6.0) for second in range(20_000))
    profile = ChargingProfile(
        profile_id=1,
        stack_level=0,
        purpose=ProfilePurpose.TX_DEFAULT,
        kind=ProfileKind.RELATIVE,
        unit=RateUnit.AMPERES,
        periods=periods,
    )
    async with station(server) as client:
        await depot.next()
        client.transport.pause_reading()
        generation = 0
        while not isinstance(event := await told(server, depot, generation, profile), StationLost):
            generation += 1
        assert "did not read" in event.reason
        client.transport.abort()


async def told(
    server: OcppServer, depot: Depot, generation: int, profile: ChargingProfile
) -> Event:
    await server.send("CP01", 1, generation, SetChargingProfile(evse_id=1, profile=profile))
    return await depot.next()


@pytest.mark.fault(34)
async def test_a_peer_that_falls_silent_is_given_up(
    serve: Serve, depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "PING_EVERY_S", 0.02)
    monkeypatch.setattr(session, "SILENT_S", 0.1)
    async with station(await serve(), ping_interval=None) as client:
        await depot.next()
        await asyncio.sleep(0.2)
        assert depot.events.empty()
        client.transport.pause_reading()
        lost = await depot.next()
        assert isinstance(lost, StationLost)
        assert "nothing was heard" in lost.reason
        client.transport.abort()


def obedient(base: type, reset: Callable[..., Any]) -> Callable[[str, ClientConnection], Any]:
    """A station of the `ocpp` package that accepts every Reset."""

    def on_reset(self: Any, **_: Any) -> Any:
        return reset(status="Accepted")

    return type("Station", (base,), {"on_reset": on("Reset")(on_reset)})


@pytest.mark.parametrize(
    ("subprotocol", "new_station", "boot"),
    [
        (
            V16,
            obedient(ChargePoint16, result16.Reset),
            call16.BootNotification(charge_point_model="M", charge_point_vendor="V"),
        ),
        (
            V201,
            obedient(ChargePoint201, result201.Reset),
            call201.BootNotification(
                charging_station=ChargingStationType(model="M", vendor_name="V"),
                reason=BootReasonEnumType.power_up,
            ),
        ),
    ],
)
async def test_someone_elses_station_boots_and_obeys(
    subprotocol: Subprotocol,
    new_station: Callable[[str, ClientConnection], Any],
    boot: Any,
    serve: Serve,
    depot: Depot,
) -> None:
    server = await serve(answers=True)
    async with station(server, "CP01", subprotocol) as client:
        point = new_station("CP01", client)
        running = asyncio.create_task(point.start())
        answer = await point.call(boot)
        assert (answer.status, answer.interval) == ("Accepted", 60)
        await assert_booted_and_obeys(server, depot)
        running.cancel()


async def assert_booted_and_obeys(server: OcppServer, depot: Depot) -> None:
    connected, booted = await depot.next(), await depot.next()
    assert isinstance(connected, StationConnected)
    assert isinstance(booted, StationCalled)
    assert isinstance(booted.event, StationBooted)
    assert (booted.event.vendor, booted.event.model) == ("V", "M")
    await server.send("CP01", 1, 1, ResetStation())
    answered = await depot.next()
    assert isinstance(answered, CommandAnswered)
    assert answered.result == Answered(status="Accepted")

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator

import pytest
import structlog

from daemon.adapters.addresses import is_loopback
from daemon.adapters.http.guard import Login
from daemon.adapters.http.server import HttpServer
from daemon.adapters.metrics import Metrics
from daemon.core.events import Event, Noticed
from tests.adapters.http_sample import SampleView, exchange, get, served_in_background, serving

LOGIN = Login(user="operator", password="pässword:1")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server that none of its tests changes."""
    with served_in_background(SampleView()) as port:
        yield port


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.4", False),
        ("depot.example", False),
        ("", False),
    ],
)
def test_only_addresses_of_this_machine_are_loopback(host: str, inside: bool) -> None:
    assert is_loopback(host) is inside


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "depot.example"])
def test_an_address_that_others_reach_wants_a_login(host: str) -> None:
    with pytest.raises(ValueError, match=r"http\.host: .* http\.user and http\.password"):
        HttpServer(
            view=SampleView(),
            metrics=Metrics(),
            host=host,
            port=0,
            login=None,
            log=structlog.get_logger(),
        )


async def test_our_own_names_are_served(port: int) -> None:
    for host in ("localhost", f"LOCALHOST:{port}", f"[::1]:{port}", "127.0.0.1"):
        assert (await get(port, "/readyz", host=host)).status == 200, host


@pytest.mark.fault(70)
async def test_another_host_name_is_refused_and_counted() -> None:
    metrics = Metrics()
    hosts = [
        *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.1.4"),
        *("localhost@evil.example", "localhost/", "localhost:80:80", "", "127.0.0.1 ,x"),
    ]
    async with serving(SampleView(), metrics=metrics) as server:
        for host in hosts:
            answer = await get(server.port, "/api/v1/state", host=host)
            assert answer.status == 421, host
            assert b"north" not in answer.body
    assert f'depotd_http_refused_total{{reason="host"}} {len(hosts)}.0'.encode() in metrics.text()


async def test_a_request_without_a_host_is_refused(port: int) -> None:
    assert (await exchange(port, "GET /api/v1/state HTTP/1.0")).status == 421


async def test_a_configured_name_is_served() -> None:
    async with serving(SampleView(), hosts=["Depot.example"]) as server:
        assert (await get(server.port, "/readyz", host="depot.example:80")).status == 200


async def test_beyond_loopback_any_address_but_no_other_name_is_served() -> None:
    async with serving(SampleView(), host="0.0.0.0", login=LOGIN) as server:
        right = basic("operator", "pässword:1")
        by_address = await get(server.port, "/readyz", host="10.1.2.3", authorization=right)
        by_name = await get(server.port, "/readyz", host="evil.example", authorization=right)
    assert (by_address.status, by_name.status) == (200, 421)


@pytest.mark.fault(69)
async def test_another_origin_is_refused(port: int) -> None:
    for origin in ("https://evil.example", "null", "http://localhost:1"):
        answer = await get(port, "/events", origin=origin)
        assert answer.status == 403, origin
        assert "access-control-allow-origin" not in answer.headers


async def test_our_own_origin_is_served(port: int) -> None:
    own = f"127.0.0.1:{port}"
    answer = await get(port, "/readyz", host=own, origin=f"http://{own}")
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


async def test_without_the_right_login_nothing_is_told() -> None:
    wrong = [
        *("", "Basic", "Basic !!!", "Basic ====", "Bearer pässword:1"),
        basic("operator", "wrong"),
        basic("other", "pässword:1"),
        basic("operator", ""),
        basic("operator", "pässword:1") + "AAAA",
    ]
    given = [{}, *({"authorization": value} for value in wrong)]
    paths = ["/", "/api/v1/state", "/events", "/healthz", "/metrics", "/nothing"]
    for path in paths:
        async with serving(SampleView(), login=LOGIN) as server:
            for headers in given:
                answer = await get(server.port, path, **headers)
                assert answer.status == 401, (path, headers)
                assert answer.headers["www-authenticate"].startswith("Basic realm=")
                assert answer.json() == {"detail": "user and password are wanted"}


async def test_the_right_login_is_served() -> None:
    async with serving(SampleView(), login=LOGIN) as server:
        authorization = basic("operator", "pässword:1")
        answer = await get(server.port, "/api/v1/state", authorization=authorization)
    assert answer.status == 200


@pytest.mark.fault(31)
async def test_who_guesses_the_login_is_no_longer_listened_to_and_the_operator_is_told() -> None:
    told: list[Event] = []

    async def emit(event: Event) -> None:
        told.append(event)

    async with serving(SampleView(), login=LOGIN, emit=emit) as server:
        statuses = []
        for guess in range(15):
            wrong = basic("operator", str(guess))
            statuses.append((await get(server.port, "/", authorization=wrong)).status)
        right = basic("operator", "pässword:1")
        answer = await get(server.port, "/healthz", authorization=right)
    assert statuses == [401] * 10 + [429] * 5
    assert answer.status == 429, "the right one came too late from a place that guesses"
    assert int(answer.headers["retry-after"]) > 0
    assert [event.kind for event in told if isinstance(event, Noticed)] == ["login_guessed"]


def test_a_login_does_not_show_its_password() -> None:
    assert "pässword" not in repr(LOGIN)


async def test_every_answer_forbids_the_page_what_is_not_its_own(port: int) -> None:
    paths = ["/", "/docs", "/api/v1/state", "/nothing", "/assets/main.js"]
    answers = [await get(port, path) for path in paths]
    answers.append(await get(port, "/", host="evil.example"))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] in ("no-store", "no-cache")
        assert "server" not in answer.headers


async def test_a_body_that_is_too_large_or_of_unknown_size_is_refused_unread(port: int) -> None:
    for header, status in (("content-length: 65537", 413), ("transfer-encoding: chunked", 411)):
        head = f"GET /api/v1/state HTTP/1.1\r\nhost: localhost\r\n{header}"
        assert (await exchange(port, head)).status == status


async def test_a_malformed_request_ends_only_its_own_connection(port: int) -> None:
    for head in (
        "GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1",
        "GET / HTTP/1.1\r\nhost: localhost\r\nhost: evil.example",
        "GET / HTTP/1.1",
        "\x16\x03\x01",
    ):
        assert (await exchange(port, head)).status == 400, head
    assert (await get(port, "/readyz")).status == 200


async def test_a_head_without_an_end_is_refused_before_it_fills_the_memory(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nx: " + b"a" * 17_000)
    assert (await reader.read()).startswith(b"HTTP/1.1 4")
    writer.close()
    await writer.wait_closed()

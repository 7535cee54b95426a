"""Buckets against guessing: who guesses waits, whom he guesses at does not."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from daemon.adapters import guesses as module
from daemon.adapters.guesses import BURST, PER_S, Guesses
from daemon.adapters.ocpp.handshake import MOST_STRANGERS, Gate, RefusedError
from tests.adapters.test_ocpp_handshake import basic

HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"


def gate() -> Gate:
    return Gate(
        security_profile=1,
        known_stations=frozenset({"CP01", "CP02"}),
        accept_unknown=False,
        passwords={"CP01": "right", "CP02": "right too"},
    )


def status(gate: Gate, password: str, address: str, now_s: float, station: str = "CP01") -> int:
    try:
        login = basic(f"{station}:{password}")
        gate.admit(f"/ocpp/{station}", login, None, address=address, now_s=now_s)
    except RefusedError as refused:
        return int(refused.status)
    return 101


@pytest.mark.fault(31)
def test_of_10_000_tries_hardly_any_are_looked_at_and_the_station_comes_back_meanwhile() -> None:
    tried = gate()
    assert status(tried, "right", HOME, 0.0) == 101
    statuses = []
    for i in range(10_000):
        statuses.append(status(tried, str(i), ELSEWHERE, i * 0.01))
        if i % 1000 == 0:
            assert status(tried, "right", HOME, i * 0.01) == 101
    assert statuses.count(401) <= BURST + 100 * PER_S
    assert statuses.count(429) == 10_000 - statuses.count(401)


@pytest.mark.fault(31)
def test_tries_from_many_addresses_meet_the_bucket_of_the_name() -> None:
    tried = gate()
    statuses = [status(tried, str(i), f"10.0.{i // 250}.{i % 250}", 1.0) for i in range(1000)]
    assert statuses.count(401) == BURST


@pytest.mark.fault(31)
def test_tries_at_many_names_meet_the_bucket_of_the_address() -> None:
    guesses = Guesses()
    for i in range(int(BURST)):
        assert guesses.wait_s(f"CP{i}", ELSEWHERE, 1.0) == 0.0
        guesses.wrong(f"CP{i}", ELSEWHERE, 1.0)
    assert guesses.wait_s("CP99", ELSEWHERE, 1.0) == pytest.approx(1 / PER_S)
    assert guesses.wait_s("CP99", HOME, 1.0) == 0.0


def test_an_address_of_the_same_ipv6_network_is_the_same_address() -> None:
    guesses = Guesses()
    for i in range(int(BURST)):
        guesses.wrong(f"CP{i}", f"2001:db8::{i:x}", 1.0)
    assert guesses.wait_s("CP99", "2001:db8::ffff:1", 1.0) > 0
    assert guesses.wait_s("CP99", "2001:db8:0:1::1", 1.0) == 0.0


@pytest.mark.fault(31)
def test_who_shares_the_stations_address_cannot_try_for_ever_either() -> None:
    tried = gate()
    assert status(tried, "right", HOME, 0.0) == 101
    statuses = [status(tried, str(i), HOME, 1.0) for i in range(100)]
    assert statuses.count(401) == BURST
    assert status(tried, "right", HOME, 1.0 + 2 / PER_S) == 101
    assert status(tried, "right too", HOME, 1.0, station="CP02") == 101, "another's bucket"


def test_a_request_without_a_login_is_no_guess() -> None:
    tried = gate()
    for _ in range(100):
        with pytest.raises(RefusedError) as refused:
            tried.admit("/ocpp/CP01", None, None, address=HOME, now_s=1.0)
        assert refused.value.status is HTTPStatus.UNAUTHORIZED
    assert status(tried, "right", HOME, 1.0) == 101


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 10)
    guesses = Guesses()
    for i in range(1000):
        guesses.wrong(f"CP{i}", f"10.0.{i // 250}.{i % 250}", 1.0)
        guesses.right(f"OK{i}", HOME)
    assert len(guesses._buckets) == len(guesses._at_home) == 10


def test_the_operator_is_told_once_a_minute_how_many_there_were() -> None:
    guesses = Guesses()
    told = []
    for second in range(150):
        guesses.wrong("CP01", ELSEWHERE, float(second))
        told.append(guesses.to_tell("CP01", ELSEWHERE, float(second)))
    assert [second for second, text in enumerate(told) if text] == [0, 60, 120]
    assert told[60] is not None
    assert told[60].startswith("60 wrong logins, the last one as CP01 from 198.51.100.7")


def test_strangers_are_bounded_and_those_that_came_may_come_again() -> None:
    opened = Gate(security_profile=0, known_stations=frozenset(), accept_unknown=True, passwords={})
    for i in range(MOST_STRANGERS):
        assert opened.admit(f"/ocpp/S{i}", None, None) == f"S{i}"
    with pytest.raises(RefusedError, match="no such station"):
        opened.admit("/ocpp/one-more", None, None)
    assert opened.admit("/ocpp/S0", None, None) == "S0"

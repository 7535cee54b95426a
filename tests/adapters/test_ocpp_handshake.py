from __future__ import annotations

import base64
from http import HTTPStatus
from typing import Any

import pytest

from daemon.adapters.ocpp.handshake import (
    MOST_STRANGERS,
    Gate,
    RefusedError,
    newest,
    offered_in,
    station_of,
)
from protocol.ocpp.model import Version


def gate(profile: int = 0, accept_unknown: bool = False) -> Gate:
    return Gate(
        security_profile=profile,
        known_stations=frozenset({"CP01", "a:b"}),
        accept_unknown=accept_unknown,
        passwords={"CP01": "pässword", "a:b": "c:d"},
    )


def basic(login: str) -> str:
    return "Basic " + base64.b64encode(login.encode()).decode()


@pytest.mark.parametrize(
    ("path", "station"),
    [
        ("/ocpp/CP01", "CP01"),
        ("/ocpp/CP%30%31", "CP01"),
        ("/ocpp/a%3Ab", "a:b"),
        ("/ocpp/" + "x" * 48, "x" * 48),
        ("/ocpp/" + "x" * 49, None),
        ("/ocpp/", None),
        ("/ocpp", None),
        ("/", None),
        ("//CP01", None),
        ("/ocpp//CP01", None),
        ("/ocpp/CP01/", None),
        ("/ocpp/CP01/more", None),
        ("/ocpp/CP01?cpid=X", None),
        ("/ocpp/CP01%2Fmore", None),
        ("/ocpp/CP%2001", None),
        ("/ocpp/CP%0A01", None),
        ("/ocpp/%FF", None),
        ("/ocpp/caf%C3%A9", None),
        ("/ocpp/#", None),
        ("/OCPP/CP01", None),
    ],
)
def test_the_path_names_the_station_and_nothing_else(path: str, station: str | None) -> None:
    assert station_of(path) == station


def refusal(gate: Gate, path: str, login: str | None, certificate: Any = None) -> HTTPStatus:
    with pytest.raises(RefusedError) as refused:
        gate.admit(path, login, certificate)
    return refused.value.status


def test_without_security_a_known_station_comes_in_and_an_unknown_one_by_setting() -> None:
    assert gate().admit("/ocpp/CP01", None, None) == "CP01"
    assert refusal(gate(), "/ocpp/CP02", None) is HTTPStatus.NOT_FOUND
    assert gate(accept_unknown=True).admit("/ocpp/CP02", None, None) == "CP02"


@pytest.mark.parametrize("profile", [1, 2])
@pytest.mark.parametrize(
    ("path", "login"),
    [("/ocpp/CP01", basic("CP01:pässword")), ("/ocpp/a:b", basic("a:b:c:d"))],
)
def test_the_right_password_comes_in(profile: int, path: str, login: str) -> None:
    assert gate(profile).admit(path, login, None) == station_of(path)


@pytest.mark.fault(30)
@pytest.mark.parametrize("profile", [1, 2])
@pytest.mark.parametrize(
    "login",
    [
        None,
        "",
        "Basic",
        "Basic !!!!",
        "Basic ä",
        "Bearer " + basic("CP01:pässword")[6:],
        basic("CP01:wrong"),
        basic("CP01:"),
        basic("CP01"),
        basic("a:b:c:d"),
        basic("CP02:pässword"),
    ],
)
def test_anything_else_is_401(profile: int, login: str | None) -> None:
    assert refusal(gate(profile), "/ocpp/CP01", login) is HTTPStatus.UNAUTHORIZED


def test_an_unknown_station_has_no_password_to_prove_itself_with() -> None:
    status = refusal(gate(1, accept_unknown=True), "/ocpp/CP02", basic("CP02:"))
    assert status is HTTPStatus.UNAUTHORIZED


@pytest.mark.fault(30)
def test_profile_3_wants_the_stations_own_certificate() -> None:
    def named(name: str) -> dict[str, Any]:
        return {"subject": ((("organizationName", "CP01"),), (("commonName", name),))}

    assert gate(3).admit("/ocpp/CP01", None, named("CP01")) == "CP01"
    assert refusal(gate(3), "/ocpp/CP01", None, named("CP02")) is HTTPStatus.UNAUTHORIZED
    assert refusal(gate(3), "/ocpp/CP01", basic("CP01:pässword")) is HTTPStatus.UNAUTHORIZED


@pytest.mark.fault(30)
def test_who_comes_under_names_that_are_not_its_own_takes_no_strangers_place() -> None:
    def named(name: str) -> dict[str, Any]:
        return {"subject": ((("commonName", name),),)}

    strict = gate(3, accept_unknown=True)
    for i in range(MOST_STRANGERS + 1):
        other = refusal(strict, f"/ocpp/other-{i}", None, named("CP01"))
        assert other is HTTPStatus.UNAUTHORIZED
    assert strict.admit("/ocpp/NEW", None, named("NEW")) == "NEW"


def test_passwords_are_not_shown() -> None:
    assert "pässword" not in repr(gate())


def test_the_newest_version_offered_is_taken() -> None:
    assert newest(["ocpp1.6", "ocpp2.0.1", "ocpp9"]) is Version.V201
    assert newest(["ocpp1.6"]) is Version.V16
    assert newest(["ocpp1.5", "soap"]) is None
    assert offered_in(["ocpp1.6, ocpp2.0.1", "x"]) == ["ocpp1.6", "ocpp2.0.1", "x"]

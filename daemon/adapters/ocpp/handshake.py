"""Who may come in: what is decided on an HTTP request before it becomes a WebSocket."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from protocol.ocpp.model import Version

PATH_PREFIX = "/ocpp/"
# identifierString, at most 48 of them (OCPP 2.0.1 part 4, 3.1.1).
_STATION_ID = re.compile(r"[A-Za-z0-9*\-_=:+|@.]{1,48}")


class RefusedError(Exception):
    """A request that gets an HTTP error instead of a socket."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Security profiles as in OCPP 2.0.1 A00: 1 and 2 want a password, 3 a client certificate."""

    security_profile: int
    known_stations: frozenset[str]
    accept_unknown: bool
    passwords: Mapping[str, str] = field(repr=False)

    def admit(
        self, path: str, authorization: str | None, certificate: Mapping[str, Any] | None
    ) -> str:
        """The station's id; RefusedError with 404 for a place or station that is not here, 401 for
        one that cannot prove who it is."""
        station = station_of(path)
        if station is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "wants /ocpp/ and a station's id")
        if station not in self.known_stations and not self.accept_unknown:
            raise RefusedError(HTTPStatus.NOT_FOUND, "no such station")
        if self.security_profile in (1, 2) and not self._knows_password(station, authorization):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "wants the station's id and password")
        if self.security_profile == 3 and station not in _common_names(certificate):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "wants the station's own certificate")
        return station

    def _knows_password(self, station: str, authorization: str | None) -> bool:
        """Both halves at once, as an id may hold the colon that parts them."""
        password = self.passwords.get(station)
        scheme, _, encoded = (authorization or "").partition(" ")
        if password is None or scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(given, f"{station}:{password}".encode())


def station_of(path: str) -> str | None:
    """The id in `/ocpp/{id}`, None where anything else stands before, in or after it."""
    if not path.startswith(PATH_PREFIX):
        return None
    station = unquote(path.removeprefix(PATH_PREFIX))
    return station if _STATION_ID.fullmatch(station) else None


def newest(offered: Iterable[str]) -> Version | None:
    """The newest version that is among the subprotocols offered."""
    spoken = set(offered)
    return next((version for version in reversed(Version) if version.value in spoken), None)


def offered_in(headers: Sequence[str]) -> list[str]:
    """The subprotocols in all Sec-WebSocket-Protocol headers of a request."""
    return [name.strip() for header in headers for name in header.split(",")]


def _common_names(certificate: Mapping[str, Any] | None) -> list[str]:
    subject = (certificate or {}).get("subject", ())
    return [value for names in subject for key, value in names if key == "commonName"]

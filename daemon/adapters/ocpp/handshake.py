"""Who may come in: what is decided on an HTTP request before it becomes a WebSocket."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from structlog.typing import FilteringBoundLogger
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from daemon.adapters import basic_auth
from daemon.adapters.guesses import Guesses
from daemon.adapters.ocpp.pace import OnceAMinute, Pace
from daemon.core.events import Noticed
from protocol.ocpp.model import Version

PATH_PREFIX = "/ocpp/"
# A depot that names no station in its settings still has an end.
MOST_STRANGERS = 1000
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
    guesses: Guesses = field(default_factory=Guesses, repr=False)
    _strangers: set[str] = field(default_factory=set, repr=False)

    def admit(
        self,
        path: str,
        authorization: str | None,
        certificate: Mapping[str, Any] | None,
        *,
        address: str = "",
        now_s: float = 0.0,
    ) -> str:
        """The station's id; RefusedError with 404 for a place or station that is not here, 401 for
        one that cannot prove who it is, 429 for one that guesses."""
        station = station_of(path)
        if station is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "wants /ocpp/ and a station's id")
        if station not in self.known_stations and not self._has_room_for(station):
            raise RefusedError(HTTPStatus.NOT_FOUND, "no such station")
        if self.security_profile in (1, 2):
            self._check_password(station, authorization, address, now_s)
        if self.security_profile == 3 and station not in _common_names(certificate):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "wants the station's own certificate")
        if station not in self.known_stations:
            # Not before it has proven itself: one certificate would use up every place.
            self._strangers.add(station)
        return station

    def _has_room_for(self, stranger: str) -> bool:
        """Every station that came in is remembered, and told of: strangers are bounded."""
        return self.accept_unknown and (
            stranger in self._strangers or len(self._strangers) < MOST_STRANGERS
        )

    def _check_password(
        self, station: str, authorization: str | None, address: str, now_s: float
    ) -> None:
        """A request without any login is no guess: some stations ask first if one is wanted."""
        if authorization is not None and self.guesses.wait_s(station, address, now_s) > 0:
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "too many wrong logins")
        if self._knows_password(station, authorization):
            self.guesses.right(station, address)
            return
        if authorization is not None:
            self.guesses.wrong(station, address, now_s)
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "wants the station's id and password")

    def _knows_password(self, station: str, authorization: str | None) -> bool:
        """A station without a password is compared too, so that the time does not tell of it."""
        password = self.passwords.get(station)
        same = basic_auth.admits(authorization, station, password or "")
        return same and password is not None


class Handshake:
    """The answer to a request for a WebSocket: whoever may come in waits where it comes again and
    again, and is refused with 429 where that would be for too long."""

    def __init__(
        self,
        gate: Gate,
        *,
        paces: Mapping[str, Pace],
        tell: Callable[[Noticed], None],
        log: FilteringBoundLogger,
    ) -> None:
        """`paces` has one for each station that the gate lets in."""
        self._gate = gate
        self._paces = paces
        self._tell = tell
        self._log = log
        self._too_often = OnceAMinute()

    async def __call__(self, socket_: ServerConnection, request: Request) -> Response | None:
        try:
            wait_s = self._admit(socket_, request)
        except RefusedError as refused:
            self._log.warning(
                "station_refused",
                path=request.path[:200],
                status=int(refused.status),
                reason=refused.reason,
            )
            response = socket_.respond(refused.status, f"{refused.reason}\n")
            if refused.status is HTTPStatus.UNAUTHORIZED:
                response.headers["WWW-Authenticate"] = 'Basic realm="depotd", charset="UTF-8"'
            return response
        # 2.0.1 part 4 wants compression of us; a 1.6 socket is four times as large
        # with it.
        offered = offered_in(request.headers.get_all("Sec-WebSocket-Protocol"))
        if newest(offered) is not Version.V201:
            socket_.protocol.available_extensions = None
        await asyncio.sleep(wait_s)
        return None

    def _admit(self, socket_: ServerConnection, request: Request) -> float:
        """Seconds to wait before the socket is opened; RefusedError as the gate's."""
        tls = socket_.transport.get_extra_info("ssl_object")
        peer = socket_.remote_address
        address = peer[0] if peer else "?"
        now_s = asyncio.get_running_loop().time()
        logins = request.headers.get_all("Authorization")
        try:
            station = self._gate.admit(
                request.path,
                logins[0] if len(logins) == 1 else None,
                tls.getpeercert() if tls is not None else None,
                address=address,
                now_s=now_s,
            )
        except RefusedError as refused:
            if refused.status is HTTPStatus.TOO_MANY_REQUESTS:
                self._tell_of_guesses(station_of(request.path) or "?", address, now_s)
            raise
        return self._wait_s(station, address, now_s)

    def _wait_s(self, station: str, address: str, now_s: float) -> float:
        wait_s = self._paces[station].connection(now_s)
        if wait_s != 0 and self._too_often.is_due(station, now_s):
            text = f"{station} connects again and again, from {address} now; it is made to wait"
            self._tell(
                Noticed(
                    kind="station_connects_often", severity="warning", station=station, text=text
                )
            )
        if wait_s is None:
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "too many connections")
        return wait_s

    def _tell_of_guesses(self, station: str, address: str, now_s: float) -> None:
        if text := self._gate.guesses.to_tell(station, address, now_s):
            self._tell(
                Noticed(kind="login_guessed", severity="warning", station=station, text=text)
            )


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

"""What stands between the network and the application: who may ask, and what a browser may do.

A browser on the operator's desk opens strange pages too. So a request must name a host that is ours
(against DNS rebinding), must not come from another origin, and every answer forbids the page
anything but its own files.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daemon.adapters import basic_auth
from daemon.adapters.addresses import is_loopback
from daemon.adapters.guesses import Guesses

MAX_BODY_BYTES = 64 * 1024
SEND_S = 20.0
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    user: str
    password: str = field(repr=False)

    def admits(self, authorization: str | None) -> bool:
        """Whether an `Authorization` header is HTTP Basic with this user and password."""
        return basic_auth.admits(authorization, self.user, self.password)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


class Guard:
    """ASGI middleware around the whole application, errors included.

    `refused` is told a fixed word (host, origin, login, body) and the peer for each refusal,
    `guessed` a sentence, once a minute, while somebody guesses the login.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        hosts: Collection[str],
        login: Login | None,
        refused: Callable[[str, str], None],
        guessed: Callable[[str], None] = lambda text: None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._names = LOOPBACK_NAMES | {host.lower()} | {name.lower() for name in hosts}
        # A rebound name is never an address; addresses of our own interfaces need not be listed.
        self._any_address = not is_loopback(host)
        self._login = login
        self._refused = refused
        self._guessed = guessed
        self._clock_s = clock_s
        self._guesses = Guesses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        peer = scope.get("client")
        address = peer[0] if peer else "?"
        refusal = self._refusal(Headers(scope=scope), address)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_SECURITY_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            # A client that acknowledges and never reads would hold its place for ever.
            async with asyncio.timeout(SEND_S):
                await send(message)

        if refusal is None:
            await self._app(scope, receive, send_guarded)
            return
        word, response = refusal
        self._refused(word, address)
        await response(scope, receive, send_guarded)

    def _refusal(self, headers: Headers, address: str) -> tuple[str, JSONResponse] | None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            return "host", _refuse(421, "this host name is not served here: see http.hosts")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return "origin", _refuse(403, "requests of other origins are refused")
        if self._login and (refusal := self._login_refusal(self._login, headers, address)):
            return "login", refusal
        if "transfer-encoding" in headers:
            return "body", _refuse(411, "a body wants its Content-Length")
        # h11 has refused any Content-Length that is not a number of at most 20 digits.
        if int(headers.get("content-length", "0")) > MAX_BODY_BYTES:
            return "body", _refuse(413, f"a body may have {MAX_BODY_BYTES} bytes")
        return None

    def _login_refusal(self, login: Login, headers: Headers, address: str) -> JSONResponse | None:
        """A request without any login is no guess: a browser asks once before it asks its user."""
        given, now_s = headers.get("authorization"), self._clock_s()
        if given is not None and (wait_s := self._guesses.wait_s(login.user, address, now_s)):
            if text := self._guesses.to_tell(login.user, address, now_s):
                self._guessed(text)
            return _refuse(429, "too many wrong logins", {"Retry-After": str(math.ceil(wait_s))})
        if login.admits(given):
            self._guesses.right(login.user, address)
            return None
        if given is not None:
            self._guesses.wrong(login.user, address, now_s)
        challenge = {"WWW-Authenticate": 'Basic realm="depotd", charset="UTF-8"'}
        return _refuse(401, "user and password are wanted", challenge)

    def _is_ours(self, host: str) -> bool:
        match = _HOST.fullmatch(host.lower())
        if match is None:
            return False
        name = match["name"]
        return name in self._names or (self._any_address and _is_address(name))


def _refuse(status: int, why: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": why}, status, {"Connection": "close", **(headers or {})})

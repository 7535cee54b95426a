"""The certificate that stations are shown, and the authority of theirs: taken anew when their files
change, told before the end.

With the standard library alone. Connections that are open keep what they were shown.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from daemon.core.events import Noticed

LOOK_EVERY_S: Final = 5.0
# Days before the end at which it is told, the last of them as critical.
TOLD_DAYS: Final = (30, 7, 1)

# What tells a file from the one that was there before.
_Stamp = tuple[int, int, int] | None


class ServerTls:
    """`context` is for the server. OCPP 2.0.1 part 2, A00: profile 2 shows our certificate, with
    `client_ca` (profile 3) the station's is wanted too.

    Raises OSError where a file cannot be read, ssl.SSLError where they do not fit."""

    def __init__(self, certificate: Path, private_key: Path, client_ca: Path | None = None) -> None:
        self._certificate, self._private_key, self._client_ca = certificate, private_key, client_ca
        self.context = self._shown = self._context()
        # A context cannot forget an authority, nor a server be given another context: each
        # handshake is handed on to the newest one (SSL_set_SSL_CTX).
        self.context.sni_callback = self._hand_on
        self._taken = self._seen = self._stamps()
        self._end = self._end_of_files()
        self._told_days: int | None = None

    async def watch(
        self, emit: Callable[[Noticed], Awaitable[None]], utc: Callable[[], datetime]
    ) -> None:
        """Until cancelled."""
        while True:
            for notice in self.look(utc()):
                await emit(notice)
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self, now: datetime) -> Iterator[Noticed]:
        """Takes files that have changed and lain still since the last look: certificate and key are
        written one after the other. What cannot be used is told of once, and what was taken before
        goes on."""
        stamps = self._stamps()
        still, self._seen = stamps == self._seen, stamps
        if still and stamps != self._taken:
            changed = [str(path) for path in stamps if stamps[path] != self._taken[path]]
            self._taken = stamps
            yield self._take(", ".join(changed))
        yield from self._tell_end(now)

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # The standard's RSA key exchange suites, which the defaults leave out (A00.FR.317).
        context.set_ciphers("DEFAULT:AES128-GCM-SHA256:AES256-GCM-SHA384")
        context.load_cert_chain(self._certificate, self._private_key)
        if self._client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self._client_ca)
            # A resumed session shows no certificate that an authority could be asked about.
            context.options |= ssl.OP_NO_TICKET
            context.num_tickets = 0
        return context

    def _hand_on(self, tls: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        if self._shown is not context:
            tls.context = self._shown

    def _take(self, changed: str) -> Noticed:
        try:
            end = expiry_of(self._certificate, self._private_key)
            self._shown, self._end = self._context(), end
        except (OSError, ssl.SSLError) as error:
            text = (
                f"{changed} was changed and cannot be used, what was there before is used on: "
                f"{reason_of(error)}"
            )
            return Noticed(kind="certificate_refused", severity="critical", text=text)
        self._told_days = None
        text = f"{changed} was taken for new connections; ours is good until {end:%Y-%m-%d}"
        return Noticed(kind="certificate_taken", severity="info", text=text)

    def _tell_end(self, now: datetime) -> Iterator[Noticed]:
        left = timedelta() if self._end is None else self._end - now
        days = min((d for d in TOLD_DAYS if left <= timedelta(days=d)), default=None)
        if days is None or days == self._told_days:
            return
        self._told_days = days
        text = f"certificate {self._certificate} is not valid now: stations refuse it"
        if self._end is not None and left > timedelta():
            text = f"certificate {self._certificate} ends on {self._end:%Y-%m-%d %H:%M} UTC"
        severity = "critical" if days == TOLD_DAYS[-1] else "warning"
        yield Noticed(kind="certificate_ends", severity=severity, text=text)

    def _end_of_files(self) -> datetime | None:
        """None where the certificate is not valid now."""
        try:
            return expiry_of(self._certificate, self._private_key)
        except ssl.SSLError:
            return None

    def _stamps(self) -> dict[Path, _Stamp]:
        files = (self._certificate, self._private_key, self._client_ca)
        return {path: _stamp(path) for path in files if path is not None}


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def reason_of(error: OSError) -> str:
    """Of an ssl.SSLError too, which says most in `verify_message` where it has one."""
    return getattr(error, "verify_message", None) or error.strerror or str(error)


def expiry_of(certificate: Path, private_key: Path) -> datetime:
    """The end of validity of the first certificate in a PEM file.

    The standard library reads certificates only as a peer's: so one handshake is held in memory,
    with the certificate itself as the anchor of trust. Raises OSError where a file cannot be read,
    ssl.SSLError where they do not fit or the certificate is not valid now.
    """
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, private_key)
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client_context.load_verify_locations(certificate)

    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server)
    # The client is done after it has heard the server once: hello, the server's answer, finished.
    for side in (client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    client.do_handshake()
    peer = client.getpeercert()
    assert peer is not None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(peer["notAfter"])), UTC)

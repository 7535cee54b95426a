"""The certificate of the stations' server: changed under a running one, and told before it ends."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidMessage

from daemon.adapters.certificate import ServerTls
from daemon.core.events import Noticed
from tests.adapters.test_ocpp_server import Serve, ask, depot, serve, station

__all__ = ["depot", "serve"]

pytestmark = pytest.mark.openssl
NAME = "127.0.0.1"


class Files:
    """A certificate that signs itself, and its key; `make` writes both anew."""

    def __init__(self, openssl: Path, folder: Path) -> None:
        self._openssl = openssl
        self.certificate, self.key = folder / "depot.crt", folder / "depot.key"

    def make(self, *, days: int = 90) -> None:
        run = [str(self._openssl), "req", "-x509", "-newkey", "ec", "-nodes", "-days", str(days)]
        run += ["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=depot", "-addext"]
        run += [f"subjectAltName=IP:{NAME}", "-keyout", str(self.key), "-out"]
        subprocess.run([*run, str(self.certificate)], check=True, capture_output=True)

    def trusted(self) -> ssl.SSLContext:
        """Of a client that trusts what the files hold now and nothing else."""
        return ssl.create_default_context(cafile=str(self.certificate))


@pytest.fixture
def files(tmp_path: Path, require_tool: Callable[[str], Path]) -> Files:
    made = Files(require_tool("openssl"), tmp_path)
    made.make()
    return made


def looks(tls: ServerTls, now: datetime | None = None) -> list[Noticed]:
    """What two looks tell: the first sees a change, the second that it is over."""
    return [notice for _ in range(2) for notice in tls.look(now or datetime.now(UTC))]


def serial(client: ClientConnection) -> str:
    shown = client.transport.get_extra_info("ssl_object").getpeercert()
    return str(shown["serialNumber"])


@pytest.mark.fault(77)
async def test_a_new_certificate_is_shown_to_new_connections_and_old_ones_stay(
    files: Files, serve: Serve
) -> None:
    tls = ServerTls(files.certificate, files.key)
    server = await serve(answers=True, tls=tls.context)
    async with AsyncExitStack() as links:
        old = await links.enter_async_context(station(server, ssl=files.trusted()))
        files.make()
        assert [notice.kind for notice in looks(tls)] == ["certificate_taken"]
        assert looks(tls) == []
        new = await links.enter_async_context(station(server, "CP02", ssl=files.trusted()))
        assert serial(new) != serial(old)
        for client in (old, new):
            assert (await ask(client, '[2,"h","Heartbeat",{}]'))[:2] == [3, "h"]


@pytest.mark.fault(77)
async def test_a_pair_that_cannot_be_used_is_told_of_once_and_the_old_one_is_shown_on(
    files: Files, serve: Serve
) -> None:
    tls = ServerTls(files.certificate, files.key)
    server = await serve(tls=tls.context)
    trusted = files.trusted()
    shutil.copy(files.key, kept := files.key.with_suffix(".kept"))
    files.make()
    kept.replace(files.key)
    (notice,) = looks(tls)
    assert (notice.kind, notice.severity) == ("certificate_refused", "critical")
    assert str(files.certificate) in notice.text
    files.certificate.unlink()
    assert [notice.kind for notice in looks(tls)] == ["certificate_refused"]
    assert looks(tls) == []
    async with station(server, ssl=trusted):
        pass
    files.make()
    assert [notice.kind for notice in looks(tls)] == ["certificate_taken"]


@pytest.fixture
def stations(tmp_path: Path, require_tool: Callable[[str], Path]) -> dict[str, Files]:
    """Two that sign their own certificate, and so are their own authority."""
    found = {}
    for name in ("old", "new"):
        (folder := tmp_path / name).mkdir()
        found[name] = Files(require_tool("openssl"), folder)
        found[name].make()
    return found


def shows(files: Files, own: Files, newest: ssl.TLSVersion) -> ssl.SSLContext:
    context = files.trusted()
    context.load_cert_chain(own.certificate, own.key)
    context.maximum_version = newest
    return context


@pytest.mark.fault(77)
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_another_authority_is_asked_of_new_connections_and_the_one_before_is_forgotten(
    files: Files, stations: dict[str, Files], serve: Serve, newest: ssl.TLSVersion
) -> None:
    authority = files.certificate.with_name("authority.pem")
    shutil.copy(stations["old"].certificate, authority)
    tls = ServerTls(files.certificate, files.key, authority)
    server = await serve(answers=True, tls=tls.context)
    contexts = {name: shows(files, own, newest) for name, own in stations.items()}
    async with AsyncExitStack() as links:
        old = await links.enter_async_context(station(server, ssl=contexts["old"]))
        with pytest.raises((ssl.SSLError, InvalidMessage, ConnectionError)):
            await links.enter_async_context(station(server, "CP02", ssl=contexts["new"]))
        shutil.copy(stations["new"].certificate, authority)
        (notice,) = looks(tls)
        assert (notice.kind, str(authority) in notice.text) == ("certificate_taken", True)
        new = await links.enter_async_context(station(server, "CP02", ssl=contexts["new"]))
        with pytest.raises((ssl.SSLError, InvalidMessage, ConnectionError)):
            await links.enter_async_context(station(server, "CP02", ssl=contexts["old"]))
        for client in (old, new):
            assert (await ask(client, '[2,"h","Heartbeat",{}]'))[:2] == [3, "h"]
        authority.write_text("no certificate")
        assert [notice.kind for notice in looks(tls)] == ["certificate_refused"]
        await links.enter_async_context(station(server, "CP02", ssl=contexts["new"]))


@pytest.mark.fault(77)
def test_the_end_is_told_thirty_seven_and_one_day_before(files: Files) -> None:
    tls = ServerTls(files.certificate, files.key)
    end = datetime.now(UTC) + timedelta(days=90)
    severities = {
        days: [notice.severity for notice in looks(tls, end - timedelta(days=days))]
        for days in (40.0, 29.0, 20.0, 6.0, 0.9, 0.1)
    }
    told = {days: found for days, found in severities.items() if found}
    assert told == {29.0: ["warning"], 6.0: ["warning"], 0.9: ["critical"]}
    files.make(days=5)
    assert [n.kind for n in looks(tls)] == ["certificate_taken", "certificate_ends"]


def test_a_half_written_pair_is_not_looked_at(files: Files) -> None:
    tls = ServerTls(files.certificate, files.key)
    files.make()
    files.key.write_text("")
    assert list(tls.look(datetime.now(UTC))) == []
    files.make()
    assert list(tls.look(datetime.now(UTC))) == []
    assert [notice.kind for notice in tls.look(datetime.now(UTC))] == ["certificate_taken"]

"""Security profiles 2 and 3 over real TLS, with certificates made by the real openssl."""

from __future__ import annotations

import base64
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage, InvalidStatus
from websockets.typing import Subprotocol

from tests.end_to_end.running import RawStation, running

pytestmark = pytest.mark.openssl

BOOT = {"chargePointVendor": "Raw", "chargePointModel": "R1"}


class Authority:
    """A certificate authority in a folder, and the certificates it gave out."""

    def __init__(self, openssl: Path, folder: Path) -> None:
        self._openssl, self._folder = openssl, folder
        self._run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Test CA",
                  "-keyout", "ca.key", "-out", "ca.pem", "-days", "2")  # fmt: skip

    def issue(self, name: str, common_name: str, *, algorithm: str = "rsa:2048") -> None:
        """`name`.pem and `name`.key, for the loopback address too."""
        key = [algorithm] if algorithm.startswith("rsa") else ["ec", "-pkeyopt", algorithm]
        self._run("req", "-newkey", *key, "-nodes", "-subj", f"/CN={common_name}",
                  "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
        (self._folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
        self._run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                  "-CAcreateserial", "-extfile", "san", "-days", "2",
                  "-out", f"{name}.pem")  # fmt: skip

    def path(self, file: str) -> str:
        return str(self._folder / file)

    def client_context(self, name: str | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        if name is not None:
            context.load_cert_chain(self.path(f"{name}.pem"), self.path(f"{name}.key"))
        return context

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            [self._openssl, *arguments], cwd=self._folder, check=True, capture_output=True
        )


@pytest.fixture
def authority(require_tool: Callable[[str], Path], tmp_path: Path) -> Authority:
    made = Authority(require_tool("openssl"), tmp_path)
    made.issue("server", "depot.test")
    return made


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def profile(authority: Authority, number: int) -> dict[str, str]:
    return {
        "OCPP__SECURITY_PROFILE": str(number),
        "OCPP__CERTIFICATE": authority.path("server.pem"),
        "OCPP__PRIVATE_KEY": authority.path("server.key"),
        "OCPP__CLIENT_CA": authority.path("ca.pem"),
        "STATIONS": '[{"id": "CP01", "password": "a-good-password-16"}]',
        "OCPP__UNKNOWN_STATIONS": "reject",
    }


@pytest.mark.fault(30)
async def test_profile_2_wants_tls_and_the_stations_password(
    tmp_path: Path, authority: Authority
) -> None:
    async with running(tmp_path, **profile(authority, 2)) as daemon:
        context = authority.client_context()
        address = f"{daemon.ocpp}/CP01"
        assert address.startswith("wss://")
        protocols = [Subprotocol("ocpp1.6")]
        right = basic("CP01", "a-good-password-16")
        async with connect(
            address, ssl=context, subprotocols=protocols, additional_headers=right
        ) as link:
            boot = await RawStation(link).call("BootNotification", BOOT)
        assert boot["status"] == "Accepted"
        for wrong in ({}, basic("CP01", "no"), basic("CP02", "a-good-password-16")):
            with pytest.raises(InvalidStatus) as refused:
                await connect(
                    address, ssl=context, subprotocols=protocols, additional_headers=wrong
                )
            assert refused.value.response.status_code == 401
        assert "a-good-password-16" not in daemon.log()


async def test_a_station_that_knows_only_the_standards_rsa_suites_gets_in(
    tmp_path: Path, authority: Authority
) -> None:
    async with running(tmp_path, **profile(authority, 2)) as daemon:
        context = authority.client_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES128-GCM-SHA256:AES256-GCM-SHA384")
        async with connect(
            f"{daemon.ocpp}/CP01",
            ssl=context,
            subprotocols=[Subprotocol("ocpp1.6")],
            additional_headers=basic("CP01", "a-good-password-16"),
        ) as link:
            boot = await RawStation(link).call("BootNotification", BOOT)
    assert boot["status"] == "Accepted"


@pytest.mark.fault(30)
async def test_profile_3_wants_a_certificate_that_names_the_station(
    tmp_path: Path, authority: Authority
) -> None:
    authority.issue("cp01", "CP01", algorithm="ec_paramgen_curve:prime256v1")
    authority.issue("other", "CP99")
    async with running(tmp_path, **profile(authority, 3)) as daemon:
        address = f"{daemon.ocpp}/CP01"
        protocols = [Subprotocol("ocpp1.6")]
        mine = authority.client_context("cp01")
        async with connect(address, ssl=mine, subprotocols=protocols) as link:
            boot = await RawStation(link).call("BootNotification", BOOT)
        assert boot["status"] == "Accepted"
        with pytest.raises(InvalidStatus) as refused:
            await connect(address, ssl=authority.client_context("other"), subprotocols=protocols)
        assert refused.value.response.status_code == 401
        # TLS 1.3 lets the client finish before the server has missed its certificate.
        with pytest.raises((ssl.SSLError, InvalidMessage)):
            await connect(address, ssl=authority.client_context(), subprotocols=protocols)

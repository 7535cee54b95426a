"""The doctor's checks: each looks at one thing outside and says what it found."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from config.services import StoreSection
from config.settings import Settings
from daemon.adapters.certificate import expiry_of, reason_of
from daemon.core.arming import worst_cases
from daemon.core.clocks import EARLIEST
from daemon.core.fleet import believe
from daemon.site_of import site_of

EXPIRES_SOON: Final = timedelta(days=30)
PATIENCE_S: Final = 3.0
LEAST_FREE_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    status: Literal["ok", "fails", "unknown"]
    text: str


def examine(settings: Settings, now: datetime) -> list[Finding]:
    """All checks, in the order of the daemon's own start."""
    return [
        *_clock(now),
        *_worst_cases(settings),
        *_vehicles(settings),
        _algorithm(settings.planner.algorithm),
        *_ports(settings),
        _store(settings.store),
        _broker(settings),
        *_certificates(settings, now),
    ]


def _clock(now: datetime) -> Iterator[Finding]:
    status: Literal["ok", "fails"] = "ok" if now >= EARLIEST else "fails"
    yield Finding("clock", status, f"it is {now:%Y-%m-%d %H:%M:%S} UTC")
    timedatectl = shutil.which("timedatectl")
    if timedatectl is None:
        yield Finding("time synchronisation", "unknown", "there is no timedatectl to ask")
        return
    command = [timedatectl, "show", "--property=NTPSynchronized", "--value"]
    try:
        asked = subprocess.run(  # noqa: S603 (a fixed command at a path that was looked up)
            command, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        yield Finding("time synchronisation", "unknown", "timedatectl does not answer")
        return
    match asked.stdout.strip():
        case "yes":
            yield Finding("time synchronisation", "ok", "the clock follows a time server")
        case "no":
            yield Finding("time synchronisation", "fails", "the clock follows no time server")
        case _:
            yield Finding("time synchronisation", "unknown", "timedatectl does not say")


def _worst_cases(settings: Settings) -> Iterator[Finding]:
    for case in worst_cases(site_of(settings)):
        yield Finding(
            f"worst case of {case.place}", "ok" if case.holds else "fails", case.arithmetic()
        )
    for station in settings.stations:
        for connector in station.connectors:
            share_kw = settings.fallback_kw_of(station) / len(station.connectors)
            least_kw = settings.min_kw_of(connector)
            if 0 < share_kw < least_kw:
                text = f"{share_kw:g} kW is below the least power of {least_kw:g} kW: it will be 0"
                yield Finding(f"fallback of {station.id}/{connector.id}", "ok", text)
    if settings.ocpp.unknown_stations == "accept" and settings.ocpp.default_fallback_kw:
        kw = settings.ocpp.default_fallback_kw
        yield Finding("unknown stations", "ok", f"each adds {kw:g} kW to the worst case")


def _vehicles(settings: Settings) -> Iterator[Finding]:
    for vehicle in site_of(settings).vehicles:
        missing = believe({**vehicle.values, "id": vehicle.id}, None).missing
        if not missing:
            continue
        status: Literal["ok", "fails"] = "fails" if settings.mqtt.url == "off" else "ok"
        text = f"is not planned before MQTT tells its {', '.join(missing)}"
        yield Finding(f"vehicle {vehicle.id}", status, text)


def _algorithm(name: str) -> Finding:
    from planner.algorithms.plugins import find

    try:
        find(name)
    except ValueError as error:
        return Finding("planner.algorithm", "fails", str(error))
    return Finding("planner.algorithm", "ok", f"{name} is there")


def _ports(settings: Settings) -> Iterator[Finding]:
    listeners = [
        ("OCPP", settings.ocpp.host, settings.ocpp.port),
        ("HTTP", settings.http.host, settings.http.port),
    ]
    if settings.mqtt.url == "embedded":
        listeners.append(("MQTT", settings.mqtt.host, settings.mqtt.port))
    for name, host, port in listeners:
        place = f"{host}:{port}"
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family, kind, protocol) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(address)
        except OSError as problem:
            yield Finding(f"port of {name}", "fails", f"{place}: {problem.strerror}")
        else:
            yield Finding(f"port of {name}", "ok", f"{place} is free")


def _store(store: StoreSection) -> Finding:
    from daemon.adapters.store.engine import parse_url, place

    url = parse_url(store.sqlalchemy_url)
    if url.drivername == "sqlite":
        return _folder(Path(url.database or "").absolute().parent)
    import psycopg

    try:
        address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, connect_timeout=round(PATIENCE_S)):
            return Finding("store", "ok", f"{place(url)} answers")
    except psycopg.Error as problem:
        reason = " ".join(str(problem).split())
        return Finding("store", "fails", f"{place(url)} does not answer: {reason}")


def _folder(folder: Path) -> Finding:
    """Whether files can be made in `folder`, or in the nearest of its parents that is there."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as problem:
        return Finding("store", "fails", f"{there} takes no files: {problem.strerror}")
    text = f"{folder} can be written, {free / 1e9:.1f} GB are free"
    return Finding("store", "ok" if free >= LEAST_FREE_BYTES else "fails", text)


def _broker(settings: Settings) -> Finding:
    url = settings.mqtt.url
    if url == "off":
        return Finding("broker", "ok", "none is wanted")
    if url == "embedded":
        return _embedded_broker()
    parts = urlsplit(url)
    port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    place = f"{parts.hostname}:{port}"
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=PATIENCE_S):
            return Finding("broker", "ok", f"{place} takes connections")
    except OSError as problem:
        return Finding("broker", "fails", f"{place}: {problem.strerror or problem}")


def _embedded_broker() -> Finding:
    from daemon.adapters.broker import BrokerError, program

    try:
        return Finding("broker", "ok", f"embedded: {program()}")
    except BrokerError as problem:
        return Finding("broker", "fails", str(problem))


def _certificates(settings: Settings, now: datetime) -> Iterator[Finding]:
    ocpp = settings.ocpp
    if ocpp.certificate is None or ocpp.private_key is None:
        yield Finding("certificates", "ok", "none is wanted")
        return
    try:
        expiry = expiry_of(ocpp.certificate, ocpp.private_key)
    except (OSError, ssl.SSLError) as problem:
        yield Finding("certificates", "fails", f"{ocpp.certificate}: {reason_of(problem)}")
        return
    left = expiry - now
    text = f"{ocpp.certificate} is good until {expiry:%Y-%m-%d}, {left.days} days from now"
    yield Finding("certificates", "ok" if left > EXPIRES_SOON else "fails", text)

"""The daemon's parts as the settings want them; each is started and stopped by `daemon.app`."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from config.services import Register
from config.settings import Settings
from daemon.adapters.broker import EmbeddedBroker
from daemon.adapters.certificate import ServerTls
from daemon.adapters.http.server import HttpServer, Login
from daemon.adapters.metrics import Metrics
from daemon.adapters.mqtt import MqttLink
from daemon.adapters.muted import MutedLink
from daemon.adapters.ocpp import OcppServer
from daemon.adapters.planner import PlannerProcess
from daemon.adapters.store import Store
from daemon.core.events import Event
from daemon.view import DepotView

Emit = Callable[[Event], Awaitable[None]]


class Runs(Protocol):
    async def run(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Each method makes one part; `emit` is where a part's events go. None for what is off."""

    settings: Settings
    metrics: Metrics
    emit: Emit
    rng: random.Random
    log: FilteringBoundLogger

    def planner(self) -> PlannerProcess:
        limit_bytes = self.settings.planner.memory_limit_mb * 1024 * 1024
        return PlannerProcess(
            emit=self.emit,
            memory_limit_bytes=limit_bytes,
            planned=self.metrics.planned,
        )

    def stations(self, tls: ServerTls | None) -> OcppServer:
        ocpp = self.settings.ocpp
        passwords = {
            station.id: station.password.get_secret_value()
            for station in self.settings.stations
            if station.password is not None
        }
        return OcppServer(
            host=ocpp.host,
            port=ocpp.port,
            security_profile=ocpp.security_profile,
            passwords=passwords,
            known_stations=frozenset(station.id for station in self.settings.stations),
            accept_unknown=ocpp.unknown_stations == "accept",
            emit=self.emit,
            messages_per_s=ocpp.messages_per_s,
            strikes_per_minute=ocpp.strikes_per_minute,
            log=self.log,
            tls=tls.context if tls is not None else None,
        )

    def tls(self) -> ServerTls | None:
        """Raises OSError for a certificate that cannot be used (ssl.SSLError is one)."""
        ocpp = self.settings.ocpp
        if ocpp.security_profile < 2 or ocpp.certificate is None or ocpp.private_key is None:
            return None
        client_ca = ocpp.client_ca if ocpp.security_profile == 3 else None
        return ServerTls(ocpp.certificate, ocpp.private_key, client_ca)

    def broker(self) -> EmbeddedBroker | None:
        mqtt = self.settings.mqtt
        if mqtt.url != "embedded":
            return None
        return EmbeddedBroker(
            host=mqtt.host,
            port=mqtt.port,
            state_dir=Path(self.settings.store.directory),
            log=self.log,
            user=mqtt.user,
            password=mqtt.password.get_secret_value() if mqtt.password is not None else None,
        )

    def link(self, store: Store, broker: EmbeddedBroker | None) -> MqttLink | MutedLink:
        mqtt = self.settings.mqtt
        if mqtt.url == "off":
            return MutedLink(store)
        return MqttLink(
            url=broker.url if broker is not None else mqtt.url,
            site=self.settings.site.id,
            inbox=store,
            outbox=store,
            emit=self.emit,
            rng=self.rng,
            log=self.log,
            protocol_version="3.1.1" if broker is not None else "5",
            user=mqtt.user,
            password=mqtt.password.get_secret_value() if mqtt.password is not None else None,
        )

    def meter(self) -> Runs | None:
        """Raises OSError where pymodbus is wanted and not installed."""
        meter = self.settings.meter
        if meter.source != "modbus" or meter.host is None or meter.import_kw is None:
            return None
        try:
            from daemon.adapters.modbus import ModbusMeter, Quantity
        except ImportError as error:
            text = "[meter] source: modbus wants the extra depotd[modbus], which is not installed"
            raise OSError(text) from error

        def quantity(at: Register) -> Quantity:
            return Quantity(address=at.address, type=at.type, scale=at.scale)

        return ModbusMeter(
            host=meter.host,
            port=meter.port,
            unit=meter.unit,
            function=meter.function,
            period_s=meter.period_s,
            import_kw=quantity(meter.import_kw),
            phases_a=tuple(map(quantity, meter.phases_a)) if meter.phases_a else None,
            emit=self.emit,
            log=self.log,
        )

    def http(self, view: DepotView) -> HttpServer:
        http = self.settings.http
        login = None
        if http.user is not None and http.password is not None:
            login = Login(user=http.user, password=http.password.get_secret_value())
        return HttpServer(
            view=view,
            metrics=self.metrics,
            host=http.host,
            port=http.port,
            login=login,
            log=self.log,
            hosts=http.hosts,
            emit=self.emit,
        )

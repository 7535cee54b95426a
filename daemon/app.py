"""The composition root: builds the parts, runs them in one task group, stops them in stages."""

from __future__ import annotations

import asyncio
import os
import random
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from structlog.typing import FilteringBoundLogger

from config.services import Register
from config.settings import Settings
from daemon.adapters.broker import EmbeddedBroker
from daemon.adapters.clock import Clock, ScaledClock
from daemon.adapters.http.server import HttpServer, Login
from daemon.adapters.metrics import Metrics
from daemon.adapters.mqtt import MqttLink
from daemon.adapters.muted import MutedLink
from daemon.adapters.notify import Notifier
from daemon.adapters.ocpp import OcppServer
from daemon.adapters.planner import PlannerProcess
from daemon.adapters.store import RESERVE_BYTES, Store, StoreCorrupt, set_aside
from daemon.controller import Controller
from daemon.core.depot import Depot
from daemon.core.instant import Now
from daemon.core.keeping import restore, without_memory
from daemon.site_of import site_of
from daemon.upkeep import Upkeep
from daemon.view import DepotView

# A stop has 10 s in all: each part gets its share, and what has not ended by then is cancelled.
STOP_S = 8.0


class _Part(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class Runs(Protocol):
    async def run(self) -> None: ...


_PartT = TypeVar("_PartT", bound=_Part)


@dataclass(slots=True)
class Addresses:
    """Where the daemon listens, once it does; None for what is off."""

    ocpp: str
    http: str
    mqtt: str | None


@dataclass(slots=True, kw_only=True)
class App:
    """One daemon: `run` starts everything, serves until `stop` is set, and ends within 10 s.

    Raises what refuses the start: SettingsError, StoreError, BrokerError, OSError.
    """

    settings: Settings
    clock: Clock
    log: FilteringBoundLogger
    rng: random.Random
    notifier: Notifier
    metrics: Metrics = field(default_factory=Metrics)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    addresses: Addresses | None = None
    view: DepotView | None = None

    def read_clock(self) -> Now:
        return Now(utc=self.clock.utc(), monotonic_s=self.clock.monotonic_s())

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            store, depot = await self._remember(stack)
            controller = self._controller(depot)
            view = self.view = DepotView(
                controller.depot,
                timezone=self.settings.site.timezone,
                read_clock=self.read_clock,
                store=store,
                progress_s=lambda: controller.last_progress_s,
            )
            controller.on_progress = view.bump
            self.metrics.watch_state(view.state)
            self.metrics.watch_queue(controller.waiting)
            planner = await self._started(stack, self._planner(controller))
            stations = await self._started(stack, self._stations(controller))
            broker = await self._started_broker(stack)
            link = self._link(controller, store, broker)
            http = await self._started(stack, self._http(view, controller))
            self.addresses = Addresses(
                ocpp=stations.url, http=http.url, mqtt=broker.url if broker else self._mqtt_url()
            )
            upkeep = Upkeep(
                controller=controller,
                store=store,
                planner=planner,
                notifier=self.notifier,
                emit=controller.put,
                lagged=self.metrics.lagged,
                log=self.log,
            )
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(
                        controller.run(
                            store=store, stations=stations, planner=planner, broker=link
                        ),
                        name="controller",
                    ),
                    tasks.create_task(http.run(), name="http"),
                    tasks.create_task(link.run(), name="mqtt"),
                    tasks.create_task(planner.run(), name="planner"),
                    tasks.create_task(upkeep.watch(), name="watchdog"),
                    tasks.create_task(upkeep.watch_lag(), name="lag"),
                    tasks.create_task(upkeep.watch_room(), name="room"),
                    tasks.create_task(upkeep.tidy(), name="tidy"),
                ]
                if (meter := self._meter(controller)) is not None:
                    running.append(tasks.create_task(meter.run(), name="meter"))
                if broker is not None:
                    running.append(tasks.create_task(broker.run(), name="broker"))
                self.notifier.ready()
                self.started.set()
                self.log.info("started", pid=os.getpid(), ocpp=stations.url, http=http.url)
                await self.stop.wait()
                await self._stop_in_stages(stations, http, controller)
                for task in running:
                    task.cancel()
        self.log.info("stopped")

    async def _stop_in_stages(
        self, stations: OcppServer, http: HttpServer, controller: Controller
    ) -> None:
        """No new events first, then what is queued is acted on, then the rest may go. Stations
        keep the profiles they have: each ends in its fallback."""
        self.notifier.stopping()
        self.log.info("stopping")
        try:
            async with asyncio.timeout(STOP_S):
                await stations.stop()
                await controller.drained()
                await http.stop()
        except TimeoutError:
            self.log.error("stop_forced", after_s=STOP_S)

    async def _remember(self, stack: AsyncExitStack) -> tuple[Store, Depot]:
        """The store, and what was believed when the last run ended. A database that cannot be read
        is set aside: the chargers must be controlled, with or without their past."""
        directory = self.settings.store.directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            store, depot = await asyncio.to_thread(self._open_store)
        except StoreCorrupt as error:
            aside = await asyncio.to_thread(
                set_aside, self.settings.store.sqlalchemy_url, self.clock.utc()
            )
            if aside is None:
                raise
            self.log.error("store_set_aside", reason=str(error), kept_as=str(aside))
            store, _ = await asyncio.to_thread(self._open_store)
            why = f"the database could not be read and was set aside as {aside.name}: {error}"
            depot = without_memory(site_of(self.settings), why)
        stack.push_async_callback(asyncio.to_thread, store.close)
        return store, depot

    def _open_store(self) -> tuple[Store, Depot]:
        """Raises StoreError; StoreCorrupt also for rows that SQLite can read and we cannot."""
        url = self.settings.store.sqlalchemy_url
        store = Store.open(url, utc=self.clock.utc, reserve_bytes=RESERVE_BYTES)
        try:
            memory = store.load()
            try:
                return store, restore(site_of(self.settings), memory)
            except (ValueError, TypeError, LookupError, AttributeError) as error:
                text = f"store {store.place}: what it holds makes no sense: {error!r}"
                raise StoreCorrupt(text) from error
        except BaseException:
            store.close()
            raise

    def _controller(self, depot: Depot) -> Controller:
        return Controller(
            depot,
            read_clock=self.read_clock,
            sleep_factor=1.0 / self.clock.speed if isinstance(self.clock, ScaledClock) else 1.0,
            log=self.log,
            metrics=self.metrics,
        )

    def _planner(self, controller: Controller) -> PlannerProcess:
        limit_bytes = self.settings.planner.memory_limit_mb * 1024 * 1024
        return PlannerProcess(
            emit=controller.put,
            memory_limit_bytes=limit_bytes,
            planned=self.metrics.planned,
        )

    def _stations(self, controller: Controller) -> OcppServer:
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
            emit=controller.put,
            messages_per_s=ocpp.messages_per_s,
            strikes_per_minute=ocpp.strikes_per_minute,
            log=self.log,
            tls=self._server_tls(),
        )

    def _server_tls(self) -> ssl.SSLContext | None:
        """Profile 2: our certificate; profile 3: the station's too (OCPP 2.0.1 part 2, A00)."""
        ocpp = self.settings.ocpp
        if ocpp.security_profile < 2 or ocpp.certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # The standard's RSA key exchange suites, which the defaults leave out (A00.FR.317).
        context.set_ciphers("DEFAULT:AES128-GCM-SHA256:AES256-GCM-SHA384")
        context.load_cert_chain(ocpp.certificate, ocpp.private_key)
        if ocpp.security_profile == 3:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(ocpp.client_ca)
        return context

    async def _started_broker(self, stack: AsyncExitStack) -> EmbeddedBroker | None:
        mqtt = self.settings.mqtt
        if mqtt.url != "embedded":
            return None
        password = mqtt.password.get_secret_value() if mqtt.password is not None else None
        broker = EmbeddedBroker(
            host=mqtt.host,
            port=mqtt.port,
            state_dir=Path(self.settings.store.directory),
            log=self.log,
            user=mqtt.user,
            password=password,
        )
        await broker.start()
        stack.push_async_callback(broker.stop)
        return broker

    def _link(
        self, controller: Controller, store: Store, broker: EmbeddedBroker | None
    ) -> MqttLink | MutedLink:
        mqtt = self.settings.mqtt
        if mqtt.url == "off":
            return MutedLink(store)
        return MqttLink(
            url=broker.url if broker is not None else mqtt.url,
            site=self.settings.site.id,
            inbox=store,
            outbox=store,
            emit=controller.put,
            rng=self.rng,
            log=self.log,
            protocol_version="3.1.1" if broker is not None else "5",
            user=mqtt.user,
            password=mqtt.password.get_secret_value() if mqtt.password is not None else None,
        )

    def _meter(self, controller: Controller) -> Runs | None:
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
            emit=controller.put,
            log=self.log,
        )

    def _mqtt_url(self) -> str | None:
        return None if self.settings.mqtt.url == "off" else self.settings.mqtt.url

    def _http(self, view: DepotView, controller: Controller) -> HttpServer:
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
            emit=controller.put,
        )

    @staticmethod
    async def _started(stack: AsyncExitStack, part: _PartT) -> _PartT:
        await part.start()
        stack.push_async_callback(part.stop)
        return part

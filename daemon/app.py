"""The composition root: builds the parts, runs them in one task group, stops them in stages."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from daemon.adapters.clock import Clock, ScaledClock
from daemon.adapters.http.server import HttpServer
from daemon.adapters.metrics import Metrics
from daemon.adapters.notify import Notifier
from daemon.adapters.ocpp import OcppServer
from daemon.adapters.planner import PlannerProcess
from daemon.adapters.store import RESERVE_BYTES, Store, StoreCorrupt, set_aside
from daemon.controller import Controller
from daemon.core.depot import Depot
from daemon.core.instant import Now
from daemon.core.keeping import restore, without_memory
from daemon.parts import Parts
from daemon.site_of import site_of
from daemon.upkeep import Upkeep
from daemon.view import DepotView

# A stop has 10 s in all: each part gets its share, and what has not ended by then is cancelled.
STOP_S = 8.0
# How often systemd is told that the store is still being opened; for half an hour, as a disk that
# needs longer is none.
OPENING_S = 15.0
OPENINGS = 120


class _Part(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


_PartT = TypeVar("_PartT", bound=_Part)


@dataclass(slots=True)
class Addresses:
    """Where the daemon listens, once it does; None for what is off."""

    ocpp: str
    http: str
    mqtt: str | None


@dataclass(slots=True, kw_only=True)
class App:
    """One daemon: `run` starts everything, serves until `stop` is set, and ends within 10 s. Before
    `started` is set it is cancelled instead.

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
            view = self.view = self._view(controller, store)
            parts = Parts(
                settings=self.settings,
                metrics=self.metrics,
                emit=controller.put,
                rng=self.rng,
                log=self.log,
            )
            planner = await self._started(stack, parts.planner())
            tls = parts.tls()
            stations = await self._started(stack, parts.stations(tls))
            broker = parts.broker()
            if broker is not None:
                await self._started(stack, broker)
            link = parts.link(store, broker)
            http = await self._started(stack, parts.http(view))
            self.addresses = Addresses(
                ocpp=stations.url, http=http.url, mqtt=broker.url if broker else self._mqtt_url()
            )
            upkeep = self._upkeep(controller, store, planner)
            meter = parts.meter()
            work = {
                "controller": controller.run(
                    store=store, stations=stations, planner=planner, broker=link
                ),
                "http": http.run(),
                "mqtt": link.run(),
                "planner": planner.run(),
                "watchdog": upkeep.watch(),
                "lag": upkeep.watch_lag(),
                "room": upkeep.watch_room(),
                "descriptors": upkeep.watch_descriptors(),
                "tidy": upkeep.tidy(),
                "certificate": tls and tls.watch(controller.put, self.clock.utc),
                "meter": meter and meter.run(),
                "broker": broker and broker.run(),
            }
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(w, name=name) for name, w in work.items() if w]
                self.notifier.ready()
                self.started.set()
                self.log.info("started", pid=os.getpid(), ocpp=stations.url, http=http.url)
                await self.stop.wait()
                await self._stop_in_stages(stations, http, controller)
                for task in running:
                    task.cancel()
        self.log.info("stopped")

    def _view(self, controller: Controller, store: Store) -> DepotView:
        view = DepotView(
            controller.depot,
            timezone=self.settings.site.timezone,
            read_clock=self.read_clock,
            store=store,
            progress_s=lambda: controller.last_progress_s,
        )
        controller.on_progress = view.bump
        self.metrics.watch_state(view.state)
        self.metrics.watch_queue(controller.waiting)
        return view

    def _upkeep(self, controller: Controller, store: Store, planner: PlannerProcess) -> Upkeep:
        return Upkeep(
            controller=controller,
            store=store,
            planner=planner,
            notifier=self.notifier,
            emit=controller.put,
            lagged=self.metrics.lagged,
            log=self.log,
        )

    async def _stop_in_stages(
        self, stations: OcppServer, http: HttpServer, controller: Controller
    ) -> None:
        """No new events first, then what is queued is acted on, then the rest may go. Stations
        keep the profiles they have: each ends in its fallback."""
        if not self.notifier.stopping():
            self.log.warning("systemd_unheard", message="stopping")
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
            store, depot = await self._opened()
        except StoreCorrupt as error:
            aside = await asyncio.to_thread(
                set_aside, self.settings.store.sqlalchemy_url, self.clock.utc()
            )
            if aside is None:
                raise
            self.log.error("store_set_aside", reason=str(error), kept_as=str(aside))
            store, _ = await self._opened()
            why = f"the database could not be read and was set aside as {aside.name}: {error}"
            depot = without_memory(site_of(self.settings), why)
        stack.push_async_callback(asyncio.to_thread, store.close)
        return store, depot

    async def _opened(self) -> tuple[Store, Depot]:
        """A large database is searched for damage, copied and migrated for minutes."""
        opening = asyncio.create_task(asyncio.to_thread(self._open_store))
        for _ in range(OPENINGS):
            self.notifier.starting(2 * OPENING_S)
            if (await asyncio.wait({opening}, timeout=OPENING_S))[0]:
                break
            self.log.info("store_opening")
        return await opening

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

    def _mqtt_url(self) -> str | None:
        return None if self.settings.mqtt.url == "off" else self.settings.mqtt.url

    @staticmethod
    async def _started(stack: AsyncExitStack, part: _PartT) -> _PartT:
        await part.start()
        stack.push_async_callback(part.stop)
        return part

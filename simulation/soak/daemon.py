"""One life of the daemon: its own controller, core, sessions and protocol code, put together on a
memory store, cables and a virtual planner as `daemon.app` puts it together on real ones."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any, cast

import structlog
from structlog.typing import FilteringBoundLogger

from daemon.adapters.ocpp.server import OcppServer
from daemon.controller import Controller
from daemon.core.events import Event
from daemon.core.keeping import restore
from daemon.core.records import Json
from daemon.core.site import SiteSpec
from protocol.ocpp.model import Version
from simulation.soak.cable import Cable
from simulation.soak.journal import Journal
from simulation.soak.loop import VirtualClock
from simulation.soak.memory import MemoryStore
from simulation.soak.planner import VirtualPlanner


class Deaf:
    """No broker: what would be published is of no use here."""

    def publish(self, topic: str, payload: Json) -> None:
        pass


class Daemon:
    """From the start to the kill. `failure` is what ended it by itself: a defect."""

    def __init__(
        self,
        site: SiteSpec,
        store: MemoryStore,
        planner: VirtualPlanner,
        clock: VirtualClock,
        journal: Journal,
        run_id: str,
    ) -> None:
        log = logger(journal)
        self._store = store.open(run_id)
        self.controller = Controller(
            restore(site, self._store.load()), read_clock=clock.read, log=log, metrics=journal
        )
        self._planner = planner
        planner.emit = self.controller.put
        self._server = OcppServer(
            host="memory",
            port=0,
            security_profile=0,
            passwords={},
            known_stations=frozenset(),
            accept_unknown=True,
            emit=self.controller.put,
            messages_per_s=20.0,
            strikes_per_minute=20,
            log=log,
            run_id=run_id,
        )
        self._tasks: dict[asyncio.Task[None], None] = {}
        running = self.controller.run(
            store=self._store, stations=self._server, planner=planner, broker=Deaf()
        )
        self.main = self._spawn(running)

    @property
    def failure(self) -> BaseException | None:
        if not self.main.done() or self.main.cancelled():
            return None
        return self.main.exception()

    def accept(self, cable: Cable, station: str, version: Version) -> None:
        self._spawn(self._server.converse(cable.daemon, station, version))

    def hear(self, event: Event) -> None:
        """What another adapter would tell the controller."""
        self._spawn(self.controller.put(event))

    async def kill(self) -> None:
        """Ends in the middle of whatever it does, without a word to anybody."""
        self._planner.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        self._store.close()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _spawn(self, coroutine: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(coroutine)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task


def logger(journal: Journal) -> FilteringBoundLogger:
    """The daemon's log as lines of the journal; DEBUG is left out, as in production."""

    def write(_: object, level: str, event: MutableMapping[str, Any]) -> str:
        if (error := event.pop("exc_info", None)) is not None:
            journal.note("traceback", "error")
            event["error"] = repr(error)
        fields = " ".join(f"{key}={event[key]}" for key in sorted(event) if key != "event")
        journal.write(str(event.get("station") or "daemon"), f"{event['event']} {fields}")
        raise structlog.DropEvent

    wrapper = structlog.make_filtering_bound_logger(20)
    return cast(
        FilteringBoundLogger, structlog.wrap_logger(None, processors=[write], wrapper_class=wrapper)
    )

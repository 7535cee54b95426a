"""What runs beside control: proof of progress for systemd, the loop's lag, room on the disk, file
descriptors, old rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from structlog.typing import FilteringBoundLogger

from daemon.adapters import descriptors
from daemon.adapters.notify import Notifier
from daemon.adapters.planner import PlannerProcess
from daemon.adapters.store import Retention, Store, StoreError
from daemon.controller import Controller
from daemon.core.events import Event, Noticed

WATCH_S: Final = 5.0
# Ten timers a second cost about a thousandth of a core.
LAG_EVERY_S: Final = 0.1
# One commit: a disk that needs longer does not come back, a start on it may.
WRITER_STUCK_S: Final = 60.0
# Beyond its deadline, its grace, and the making of a new process.
PLANNER_STUCK_S: Final = 180.0
# File descriptors: a round of stations, and what the store and the planner open now and then.
SCARCE_DESCRIPTORS: Final = 64
TIDY_EVERY_S: Final = 3600.0
# Between two small deletes: what control writes comes first.
TIDY_PAUSE_S: Final = 0.2


@dataclass(slots=True, kw_only=True)
class Upkeep:
    """Each method is a task that runs until it is cancelled."""

    controller: Controller
    store: Store
    planner: PlannerProcess
    notifier: Notifier
    emit: Callable[[Event], Awaitable[None]]
    lagged: Callable[[float], None]
    log: FilteringBoundLogger
    retention: Retention = Retention()  # noqa: RUF009  (frozen)

    async def watch(self) -> None:
        """Feeds systemd's watchdog by proof of progress: an event goes through the queue, the guard
        of the limit and what keeps it, and neither writer nor planner is stuck."""
        while True:
            await self.controller.prove_progress()
            stuck = self._stuck()
            if stuck is not None:
                self.log.error("no_progress", where=stuck)
            elif not self.notifier.watchdog():
                self.log.warning("systemd_unheard", message="watchdog")
            await asyncio.sleep(WATCH_S)

    async def watch_lag(self) -> None:
        """Tells how late the loop's timers are."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self.lagged(loop.time() - due_s)

    async def watch_room(self) -> None:
        """Tells when the reserve had to be given up, and takes it back when there is room."""
        reserve = self.store.reserve
        held = reserve.held or reserve.given_up
        while True:
            await asyncio.sleep(WATCH_S)
            if held and not reserve.held:
                held = False
                text = "the disk is full: the room kept in reserve was given up, make more"
                await self.emit(Noticed(kind="disk_full", severity="critical", text=text))
            elif not held and await asyncio.to_thread(reserve.hold):
                held = True
                text = "there is room on the disk again, the reserve is held"
                await self.emit(Noticed(kind="disk_has_room", severity="info", text=text))

    async def watch_descriptors(self) -> None:
        """Tells when hardly a file descriptor is left, and when there are again."""
        scarce = False
        while True:
            await asyncio.sleep(WATCH_S)
            left = await asyncio.to_thread(descriptors.left)
            if not scarce and left < SCARCE_DESCRIPTORS:
                scarce = True
                text = f"{left} more connections can be opened: no other station may get in"
                await self.emit(Noticed(kind="descriptors_scarce", severity="critical", text=text))
            elif scarce and left >= 2 * SCARCE_DESCRIPTORS:
                scarce = False
                text = "connections can be opened again"
                await self.emit(Noticed(kind="descriptors_left", severity="info", text=text))

    async def tidy(self) -> None:
        """Deletes what is older than it is to be kept."""
        while True:
            try:
                while rows := await self.store.tidy(self.retention):
                    self.log.info("store_tidied", rows=rows)
                    await asyncio.sleep(TIDY_PAUSE_S)
            except StoreError as error:
                self.log.warning("store_not_tidied", reason=str(error))
            await asyncio.sleep(TIDY_EVERY_S)

    def _stuck(self) -> str | None:
        if self.store.stuck_s() > WRITER_STUCK_S:
            return f"the store's writer, for {self.store.stuck_s():.0f} s"
        if self.planner.overdue_s() > PLANNER_STUCK_S:
            return f"the planner, for {self.planner.overdue_s():.0f} s"
        return None

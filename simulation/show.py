"""What is seen while a demonstration runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from rich.console import Console
from rich.live import Live

from daemon.adapters.clock import Clock
from simulation.report import live_table, status_line
from simulation.station import VirtualStation
from simulation.world import World

_REFRESH_S: Final = 0.5
_LINE_EVERY: Final = timedelta(hours=1)


class Show:
    """A live table on a terminal; in a pipe one line for each hour of the scenario; nothing where
    `quiet`."""

    def __init__(
        self,
        world: World,
        stations: Sequence[VirtualStation],
        clock: Clock,
        console: Console,
        *,
        quiet: bool,
    ) -> None:
        self._world = world
        self._stations = stations
        self._clock = clock
        self._console = console
        self._quiet = quiet
        self._base_load = world.scenario.of("base_load_kw")
        self._limit = world.scenario.of("import_limit_kw")
        self._line_at = world.scenario.start

    async def until(self, end: datetime, ended: asyncio.Event) -> None:
        """Returns at `end`, or when `ended` is set."""
        live = Live(console=self._console, auto_refresh=False, transient=True)
        seen = self._console.is_terminal and not self._quiet
        with live if seen else contextlib.nullcontext():
            while (now := self._clock.utc()) < end and not ended.is_set():
                for station in self._stations:
                    station.charger.advance()
                if seen:
                    live.update(
                        live_table(
                            self._world,
                            self._stations,
                            at=now,
                            base_load=self._base_load,
                            limit=self._limit,
                        ),
                        refresh=True,
                    )
                elif not self._quiet and now >= self._line_at:
                    self._line(now)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_REFRESH_S):
                        await ended.wait()

    def _line(self, now: datetime) -> None:
        self._line_at = now + _LINE_EVERY
        line = status_line(
            self._world, self._stations, at=now, base_load=self._base_load, limit=self._limit
        )
        self._console.print(line, highlight=False)

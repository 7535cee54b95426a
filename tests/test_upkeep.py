"""The watchdog is fed by progress alone, and a task that dies ends the daemon."""

from __future__ import annotations

import asyncio
import random
import socket
from pathlib import Path
from typing import Any

import pytest
from structlog.typing import FilteringBoundLogger

import daemon.app
from config.settings import Settings
from daemon import upkeep
from daemon.adapters.clock import SystemClock
from daemon.adapters.http.server import HttpServer
from daemon.adapters.muted import MutedLink
from daemon.adapters.notify import Notifier
from daemon.adapters.planner import PlannerProcess
from daemon.adapters.store import Store
from daemon.app import App
from daemon.commands import run
from daemon.controller import Controller
from daemon.core.events import Event, Noticed
from daemon.keeper import Keeper
from daemon.upkeep import Upkeep
from tests.adapters.brokers import log_to
from tests.waiting import until


def app(
    tmp_path: Path,
    notifier: Notifier | None = None,
    log: FilteringBoundLogger | None = None,
) -> App:
    sections: dict[str, Any] = {
        "store": {"directory": tmp_path},
        "mqtt": {"url": "off"},
        "ocpp": {"port": 0},
        "http": {"port": 0},
    }
    return App(
        settings=Settings(**sections),
        clock=SystemClock(),
        log=log or log_to([]),
        rng=random.Random(0),
        notifier=notifier or Notifier({}),
    )


class TaskDied(Exception):
    pass


async def die(*_: object) -> None:
    raise TaskDied


@pytest.mark.fault(72)
async def test_whichever_task_dies_the_daemon_ends_and_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd starts it anew; a daemon that goes on without one of its parts would look alive."""
    # One process serves all the runs: what is shown is the group of tasks around it.
    monkeypatch.setattr(PlannerProcess, "_spawn", _no_process)
    for owner, name in (
        (Upkeep, "watch"),
        (Upkeep, "watch_lag"),
        (Upkeep, "watch_room"),
        (Upkeep, "watch_descriptors"),
        (Upkeep, "tidy"),
        (Keeper, "run"),
        (Controller, "_consume"),
        (HttpServer, "run"),
        (MutedLink, "run"),
        (PlannerProcess, "run"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, die)
            with pytest.raises(ExceptionGroup) as ended:
                async with asyncio.timeout(60):
                    await app(tmp_path).run()
            assert ended.group_contains(TaskDied), name


async def _no_process(self: PlannerProcess) -> Any:
    return None


@pytest.mark.fault(74)
async def test_a_part_that_does_not_stop_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(self: Controller) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(daemon.app, "STOP_S", 0.2)
    monkeypatch.setattr(PlannerProcess, "_spawn", _no_process)
    monkeypatch.setattr(Controller, "drained", never)
    said: list[dict[str, object]] = []
    made = app(tmp_path, log=log_to(said))
    async with asyncio.timeout(60):
        running = asyncio.create_task(made.run())
        await made.started.wait()
        made.stop.set()
        await running
    assert "stop_forced" in [line["event"] for line in said]


@pytest.mark.fault(71)
async def test_the_watchdog_is_fed_by_progress_and_not_while_a_part_is_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "WATCH_S", 0.02)
    monkeypatch.setattr(PlannerProcess, "_spawn", _no_process)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        notifier = Notifier(
            {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}
        )
        running = app(tmp_path, notifier)
        task = asyncio.create_task(running.run())
        try:
            await until(lambda: task.done() or b"READY=1" in heard(systemd))
            assert not task.done(), task
            await until(lambda: b"WATCHDOG=1" in heard(systemd))
            parts: list[tuple[type, str]] = [(Store, "stuck_s"), (PlannerProcess, "overdue_s")]
            for owner, name in parts:
                with monkeypatch.context() as patch:
                    patch.setattr(owner, name, lambda self: 1e6)
                    await asyncio.sleep(0.1)
                    heard(systemd)
                    await asyncio.sleep(0.2)
                    assert b"WATCHDOG=1" not in heard(systemd)
                await until(lambda: b"WATCHDOG=1" in heard(systemd))
            with monkeypatch.context() as patch:
                patch.setattr(Controller, "prove_progress", _never)
                await asyncio.sleep(0.1)
                heard(systemd)
                await asyncio.sleep(0.2)
                assert b"WATCHDOG=1" not in heard(systemd)
        finally:
            running.stop.set()
            await task


async def _never(self: Controller) -> None:
    await asyncio.Event().wait()


def heard(systemd: socket.socket) -> list[bytes]:
    """All that was told since the last look."""
    messages = []
    try:
        while True:
            messages.append(systemd.recv(4096))
    except BlockingIOError:
        return messages


@pytest.mark.fault(53)
async def test_a_reserve_given_up_and_taken_back_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "WATCH_S", 0.01)
    told: list[Event] = []

    async def emit(event: Event) -> None:
        told.append(event)

    with Store.open(f"sqlite:///{tmp_path}/d.db", reserve_bytes=10_000) as store:
        keeping = Upkeep(
            controller=absent(),
            store=store,
            planner=absent(),
            notifier=Notifier({}),
            emit=emit,
            lagged=absent(),
            log=log_to([]),
        )
        task = asyncio.create_task(keeping.watch_room())
        await asyncio.sleep(0.05)
        with monkeypatch.context() as patch:
            patch.setattr(store.reserve, "hold", lambda: False)
            store.reserve.give_up()
            await until(lambda: len(told) == 1)
        await until(lambda: len(told) == 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert store.reserve.held
    assert [e.kind for e in told if isinstance(e, Noticed)] == ["disk_full", "disk_has_room"]


def absent() -> Any:
    """A part that is not looked at here."""
    return None


def test_a_reload_before_the_start_tells_systemd_of_none(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        starting = app(tmp_path, Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}))
        run._reload(starting, None, starting.log)
        assert heard(systemd) == []
        starting.started.set()
        run._reload(starting, None, starting.log)
        assert [message.split(b"\n")[0] for message in heard(systemd)] == [
            b"RELOADING=1",
            b"READY=1",
        ]

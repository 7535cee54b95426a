"""`depotd run`: the daemon, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO, cast

from daemon.cli import DEFECT, DONE
from daemon.commands import Refused

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from daemon.adapters.log_writer import LogWriter
    from daemon.app import App

# What still waits for the world when all parts have stopped.
THREADS_S: Final = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="TOML; none: loopback only, defaults",
    )
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info"
    )


def run(args: argparse.Namespace) -> int:
    """Raises SettingsError, or Refused for a store, a port or a broker that cannot be had."""
    from config.sources import load
    from daemon.adapters import descriptors
    from daemon.adapters.broker import BrokerError
    from daemon.adapters.clock import SystemClock
    from daemon.adapters.log import configure
    from daemon.adapters.log_writer import LogWriter
    from daemon.adapters.notify import Notifier
    from daemon.adapters.store import StoreError
    from daemon.app import App

    settings = load(args.config, os.environ)
    descriptors.take_all()
    with LogWriter(_stderr()) as lines:
        log = configure(level=args.log_level, stream=cast(TextIO, lines))
        lines.on_dropped = lambda count: log.warning("log_lines_dropped", lines=count)
        app = App(
            settings=settings,
            clock=SystemClock(),
            log=log,
            rng=random.Random(),
            notifier=Notifier(os.environ),
        )
        app.metrics.watch_log(lambda: lines.dropped)
        forced = threading.Timer(THREADS_S, _leave, [app, lines, log])
        forced.daemon = True
        try:
            asyncio.run(_serve(app, args.config, log, ended=forced.start))
        except (StoreError, BrokerError, OSError) as error:
            raise Refused(str(error)) from error
        finally:
            forced.cancel()
    return 0


def _leave(app: App, lines: LogWriter, log: FilteringBoundLogger) -> None:
    """A thread that waits for the world cannot be cancelled, and Python would wait with it: the
    name of a broker was looked up for a minute."""
    log.error("stop_forced", after_s=THREADS_S, waiting="a thread")
    lines.close()
    os._exit(DONE if app.stop.is_set() else DEFECT)


def _stderr() -> int:
    """Python has no stderr where its parent has closed it."""
    return os.open(os.devnull, os.O_WRONLY) if sys.stderr is None else sys.stderr.fileno()


async def _serve(
    app: App, config: Path | None, log: FilteringBoundLogger, ended: Callable[[], None]
) -> None:
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(app.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, app, running)
    loop.add_signal_handler(signal.SIGHUP, _reload, app, config, log)
    try:
        await running
    except asyncio.CancelledError:
        if not app.stop.is_set():
            raise
        log.info("stopped", before="it had started")
    finally:
        ended()


def _stop(app: App, running: asyncio.Task[None]) -> None:
    app.stop.set()
    if not app.started.is_set():
        running.cancel()


def _reload(app: App, config: Path | None, log: FilteringBoundLogger) -> None:
    """`systemctl reload` reads the settings and says whether the next start will take them: what
    chargers were promised under the running ones is not changed under them."""
    from config.errors import SettingsError
    from config.sources import load

    if not app.started.is_set() or app.stop.is_set():
        return  # it would tell systemd that we are ready
    app.notifier.reloading()
    try:
        load(config, os.environ)
        log.info("settings_read_again", takes_effect="at the next start")
    except SettingsError as error:
        log.error("settings_wrong", reason=str(error))
    finally:
        # A reload that does not end is one that hangs.
        app.notifier.reloaded()

"""`depotd demo`: the daemon with virtual stations and a virtual fleet, on this machine only."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.commands import Refused

if TYPE_CHECKING:
    from simulation.scenario import Scenario

DEFAULT_STATIONS = 8
DEFAULT_SESSION_STATIONS = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML; none: free ports")
    parser.add_argument("--stations", type=int, metavar="N", help="8, or 30 with --sessions")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long it takes, 120 s")
    parser.add_argument("--speed", type=float, metavar="X", help="times as fast as real time")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--sessions", type=Path, metavar="FILE", help="CSV of charging sessions")
    parser.add_argument(
        "--day", type=_day, metavar="DATE", help="of the sessions; none: the file's busiest"
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="the daemon's log")
    parser.add_argument("--json", action="store_true", help="the outcome as JSON")


def run(args: argparse.Namespace) -> int:
    """Raises SettingsError, or Refused for what else cannot be used."""
    from rich.console import Console

    from config.sources import load
    from daemon.adapters.broker import BrokerError
    from daemon.adapters.log import configure
    from daemon.adapters.store import StoreError
    from simulation.demo import Pace, demo
    from simulation.demo_settings import demo_settings

    _check(args)
    base = load(args.config, os.environ)
    if base.mqtt.url == "off":
        raise Refused('mqtt.url: "off", wants a broker: the demonstration\'s fleet speaks MQTT')
    scenario = _scenario(args)
    pace = Pace.of(scenario.span_s, seconds=args.seconds, speed=args.speed)
    with (
        tempfile.TemporaryDirectory(prefix="depotd-demo-") as state,
        (args.log or Path(state) / "log").open("w", encoding="utf-8") as stream,
    ):
        settings = demo_settings(base, scenario, speed=pace.speed, state=Path(state))
        try:
            return asyncio.run(
                demo(
                    settings,
                    scenario,
                    pace=pace,
                    seed=args.seed,
                    log=configure(stream=stream),
                    console=Console(file=sys.stdout),
                    json_output=args.json,
                )
            )
        except ExceptionGroup as group:
            known, unknown = group.split((StoreError, BrokerError, OSError))
            if known is None or unknown is not None:
                raise
            raise Refused(str(_first(known))) from group


def _first(group: ExceptionGroup[Exception]) -> Exception:
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _check(args: argparse.Namespace) -> None:
    for key in ("seconds", "speed"):
        value = getattr(args, key)
        if value is not None and not 0 < value < float("inf"):
            raise Refused(f"--{key}: {value:g}, wants a positive number")
    if args.stations is not None and args.stations < 1:
        raise Refused(f"--stations: {args.stations}, wants at least 1")
    if args.day is not None and args.sessions is None:
        raise Refused("--day: wants --sessions FILE, out of which the day is taken")


def _scenario(args: argparse.Namespace) -> Scenario:
    from simulation.fleet import small_depot
    from simulation.sessions import SessionsError, busiest_day, of_day, read_sessions, scenario_of

    if args.sessions is None:
        return small_depot(args.seed, args.stations or DEFAULT_STATIONS)
    try:
        sessions = read_sessions(args.sessions)
        day = args.day or busiest_day(sessions)
        chosen = of_day(sessions, day, args.stations or DEFAULT_SESSION_STATIONS)
    except SessionsError as error:
        raise Refused(str(error)) from error
    return scenario_of(chosen, f"{args.sessions.name} on {day}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}, wants a date such as 2019-05-07") from error

"""`depotd config`: check a settings file, print the schema, print an example."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from daemon.commands import Refused


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="read settings as the daemon would, and say what came")
    check.add_argument("file", type=Path, nargs="?", metavar="FILE", help="TOML; none: defaults")
    check.add_argument("--json", action="store_true", help="the answer as JSON")
    actions.add_parser("schema", help="print the JSON schema of the settings")
    actions.add_parser("example", help="print a complete, commented example")


def run(args: argparse.Namespace) -> int:
    match args.action:
        case "check":
            return _check(args.file, as_json=args.json)
        case "schema":
            from config.schema import schema

            print(json.dumps(schema(), indent=2))
        case "example":
            from config.example import text

            sys.stdout.write(text())
    return 0


def _check(file: Path | None, *, as_json: bool) -> int:
    """1 where the daemon would let nothing charge. Raises SettingsError for settings that cannot be
    used at all, Refused for an algorithm that nobody has."""
    from config.sources import load
    from daemon.core.arming import refusal, worst_cases
    from daemon.site_of import site_of
    from planner.algorithms.plugins import find

    settings = load(file, os.environ)
    try:
        find(settings.planner.algorithm)
    except ValueError as error:
        raise Refused(f"{file or 'defaults'}: planner.algorithm: {error}") from error
    site, refused = worst_cases(site_of(settings))[0], refusal(site_of(settings))
    if as_json:
        summary = {
            "site": settings.site.id,
            "import_limit_kw": site.limit_kw,
            "worst_case_kw": site.sum_kw,
            "stations": len(settings.stations),
            "vehicles": len(settings.vehicles),
            "refused": refused,
        }
        print(json.dumps(summary))
        return 0 if refused is None else 1
    if refused is not None:
        print(f"{file or 'defaults'}: {refused}")
        return 1
    print(
        f"{file or 'defaults'}: fine: site {settings.site.id}, {len(settings.stations)} stations, "
        f"{len(settings.vehicles)} vehicles"
    )
    print(f"worst case, hearing nothing from us: {site.arithmetic()}")
    return 0

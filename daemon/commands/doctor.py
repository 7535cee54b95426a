"""`depotd doctor`: what would keep the daemon from running well, before it is started."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings, TOML")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")


def run(args: argparse.Namespace) -> int:
    """1 where a check fails; one that cannot be made is told and fails nothing."""
    from config.sources import load
    from daemon.adapters.clock import SystemClock
    from daemon.commands.examine import examine

    findings = examine(load(args.config, os.environ), SystemClock().utc())
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{finding.status:8}{finding.check}: {finding.text}")
    return int(any(finding.status == "fails" for finding in findings))

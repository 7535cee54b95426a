"""`depotd replay`: solve a stored snapshot again, and say what differs from the plan made then."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from daemon.commands import Refused

if TYPE_CHECKING:
    from daemon.core.records import PlanRecord, SnapshotRecord
    from planner.plan import Plan


# A budget that did not bind then must not bind now, on a desk that is slower or busy: on two loaded
# cores 7 of 139 plans of one day were cut short that had not been.
PATIENCE = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """`then` and `now`: None where the plan has no such thing."""

    what: str
    then: str | float | None
    now: str | float | None

    def __str__(self) -> str:
        then, now = ("none" if x is None else str(x) for x in (self.then, self.now))
        return f"{self.what}: then {then}, now {now}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "revision", type=int, nargs="?", metavar="REVISION", help="default: the last one planned"
    )
    parser.add_argument("--all", action="store_true", help="every revision, a line each")
    parser.add_argument("--store", metavar="URL", help="default: the store of the settings")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings, TOML")
    parser.add_argument("--json", action="store_true", help="the differences as JSON")


def run(args: argparse.Namespace) -> int:
    url = args.store
    if url is None:
        from config.sources import load

        url = load(args.config, os.environ).store.sqlalchemy_url
    if args.all and args.revision is not None:
        raise Refused("replay: wants a REVISION or --all, not both")
    if args.all:
        return replay_all(url, as_json=args.json, out=sys.stdout)
    return run_replay(args.revision, url, as_json=args.json, out=sys.stdout)


def replay_all(store_url: str, *, as_json: bool, out: TextIO) -> int:
    """Every revision that a plan came of, in order: 0 where all are the same to the letter.

    Raises Refused for a store that cannot be read or holds no plan.
    """
    from daemon.adapters.store import Reader, StoreError

    try:
        with Reader.open(store_url) as store:
            revisions = [r for r in store.revisions() if store.plan(r) is not None]
            if not revisions:
                raise Refused(f"store {store.place}: holds no plan yet")
    except StoreError as problem:
        raise Refused(str(problem)) from problem
    differ = sum(run_replay(r, store_url, as_json=as_json, out=out) for r in revisions)
    if not as_json:
        out.write(f"{len(revisions) - differ} of {len(revisions)} revisions give the same plan\n")
    return int(differ > 0)


def run_replay(revision: int | None, store_url: str, *, as_json: bool, out: TextIO) -> int:
    """0 where the plan made now is the stored one to the letter, 1 where it differs.

    The last revision with a plan where none is named. Raises Refused for a store that cannot be
    read and a revision that is not in it.
    """
    from planner.codec import InputError, dump_plan, load_plan

    snapshot, stored = _records(revision, store_url)
    try:
        then = load_plan(stored.plan_json)
        now = _solve(snapshot, then)
    except InputError as problem:
        raise Refused(f"revision {snapshot.revision}: cannot be read: {problem}") from problem
    differences = list(_differences(then, now))
    text = dump_plan(now)
    if not differences and text != stored.plan_json:
        differences.append(_first_words(stored.plan_json, text))
    _tell(snapshot, differences, as_json=as_json, out=out)
    return int(bool(differences))


def _records(revision: int | None, store_url: str) -> tuple[SnapshotRecord, PlanRecord]:
    from daemon.adapters.store import Reader, StoreError

    try:
        with Reader.open(store_url) as store:
            wanted = [revision] if revision is not None else reversed(store.revisions())
            for candidate in wanted:
                snapshot, plan = store.snapshot(candidate), store.plan(candidate)
                if snapshot is not None and plan is not None:
                    return snapshot, plan
                if revision is not None and snapshot is not None:
                    raise Refused(f"revision {revision}: no plan came of it that could be compared")
            where = store.place
    except StoreError as problem:
        raise Refused(str(problem)) from problem
    if revision is None:
        raise Refused(f"store {where}: holds no plan yet")
    raise Refused(f"revision {revision}: is not in store {where}")


def _solve(record: SnapshotRecord, then: Plan) -> Plan:
    """By the algorithm whose plan it was, and with as many steps as its search made. A bound says
    how well a plan is known to be, in the time there was: it is no part of what is compared."""
    from pydantic import TypeAdapter

    from planner.algorithms.plugins import names
    from planner.codec import load_snapshot
    from planner.params import Params
    from planner.solve import solve

    params = TypeAdapter(Params).validate_json(record.params_json)
    if then.algorithm in names():
        params = replace(params, algorithm=then.algorithm, iterations=then.iterations)
    budget_s = record.budget_s * PATIENCE
    now = solve(load_snapshot(record.snapshot_json), params, budget_s, record.seed)
    return replace(now, bound=then.bound)


def _differences(then: Plan, now: Plan) -> Iterator[Difference]:
    yield from _changes(_made(then), _made(now))
    yield from _changes(_allocations(then), _allocations(now))
    yield from _changes(_energies(then), _energies(now))
    yield from _changes(_tiers(then), _tiers(now))


def _changes(
    then: dict[str, str] | dict[str, float], now: dict[str, str] | dict[str, float]
) -> Iterator[Difference]:
    for what in dict.fromkeys((*then, *now)):
        if then.get(what) != now.get(what):
            yield Difference(what, then.get(what), now.get(what))


def _made(plan: Plan) -> dict[str, str]:
    return {"status": plan.status, "algorithm": plan.algorithm}


def _allocations(plan: Plan) -> dict[str, str]:
    return {f"vehicle of route {a.route}": a.vehicle for a in plan.allocations}


def _energies(plan: Plan) -> dict[str, float]:
    from planner.series import format_instant

    return {
        f"kWh of {stay.vehicle} at {stay.station}/{stay.connector}"
        f" from {format_instant(stay.start)}": stay.energy_kwh
        for stay in plan.stays
    }


def _tiers(plan: Plan) -> dict[str, float]:
    tiers = plan.objective
    return {
        "unserved": tiers.unserved,
        "shortfall_kwh": tiers.shortfall_kwh,
        "money": tiers.money,
        "taste": tiers.taste,
    }


def _first_words(then: str, now: str) -> Difference:
    """Where two texts part, with a little of each."""
    parted = (i for i, (a, b) in enumerate(zip(then, now, strict=False)) if a != b)
    at = next(parted, min(len(then), len(now)))
    start = max(at - 20, 0)
    return Difference(f"the text at character {at}", then[start : at + 40], now[start : at + 40])


def _tell(
    snapshot: SnapshotRecord, differences: list[Difference], *, as_json: bool, out: TextIO
) -> None:
    if as_json:
        answer = {
            "revision": snapshot.revision,
            "same": not differences,
            "differences": [{"what": d.what, "then": d.then, "now": d.now} for d in differences],
        }
        out.write(json.dumps(answer, indent=2) + "\n")
        return
    how = f"seed {snapshot.seed}, {snapshot.budget_s:g} s, planned because: {snapshot.trigger}"
    plural = "" if len(differences) == 1 else "s"
    verdict = f"{len(differences)} difference{plural}" if differences else "the same plan"
    out.write(f"revision {snapshot.revision}: {verdict} ({how})\n")
    for difference in differences:
        out.write(f"  {difference}\n")

"""`depotd replay` on a real store and the real solver."""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from pydantic import TypeAdapter

from daemon.adapters.store import Store
from daemon.commands import Refused
from daemon.commands.replay import replay_all, run_replay
from daemon.core.records import PlanRecord, Record, SnapshotRecord
from planner.codec import dump_plan, dump_snapshot
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Allocation
from planner.solve import solve
from tests.planner.depots import T0, random_depot

DEPOT = random_depot(Random(7), vehicles=2, routes=2, connectors=2, hours=6)
PARAMS = Params()
BUDGET_S = 60.0

Keep = Callable[..., Awaitable[None]]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return solve(DEPOT, PARAMS, BUDGET_S, 3)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/depot.db"


@pytest.fixture
def keep(url: str) -> Keep:
    """Keeps records in a store, as the daemon would have."""

    async def commit(*records: Record) -> None:
        with Store.open(url) as store:
            await store.commit(records)

    return commit


def snapshot_record(revision: int) -> SnapshotRecord:
    return SnapshotRecord(
        revision=revision,
        taken_at=T0,
        snapshot_json=dump_snapshot(replace(DEPOT, revision=revision)),
        params_json=TypeAdapter(Params).dump_json(PARAMS).decode(),
        budget_s=BUDGET_S,
        seed=3,
        trigger="V01 plugged in",
    )


def plan_record(plan: Plan, revision: int) -> PlanRecord:
    text = dump_plan(replace(plan, revision=revision))
    return PlanRecord(
        revision=revision, made_at=T0, plan_json=text, status=plan.status, applied=True
    )


def replayed(revision: int | None, url: str) -> tuple[int, dict[str, object]]:
    out = io.StringIO()
    status = run_replay(revision, url, as_json=True, out=out)
    return status, json.loads(out.getvalue())


async def test_a_stored_plan_is_found_again_to_the_letter(plan: Plan, url: str, keep: Keep) -> None:
    await keep(snapshot_record(4711), plan_record(plan, 4711))
    assert replayed(4711, url) == (0, {"revision": 4711, "same": True, "differences": []})
    out = io.StringIO()
    assert run_replay(4711, url, as_json=False, out=out) == 0
    assert out.getvalue() == (
        "revision 4711: the same plan (seed 3, 60 s, planned because: V01 plugged in)\n"
    )


async def test_the_last_revision_that_has_a_plan_is_taken_where_none_is_named(
    plan: Plan, url: str, keep: Keep
) -> None:
    for revision in (1, 2):
        await keep(snapshot_record(revision), plan_record(plan, revision))
    await keep(snapshot_record(3))
    assert replayed(None, url)[1]["revision"] == 2


async def test_another_allocation_energy_and_tier_are_each_named(
    plan: Plan, url: str, keep: Keep
) -> None:
    assert plan.allocations
    assert plan.stays
    first, *others = plan.stays
    other = replace(
        plan,
        allocations=(Allocation(route="R9", vehicle="V9"), *plan.allocations[1:]),
        stays=(replace(first, energy_kwh=first.energy_kwh + 1), *others),
        objective=replace(plan.objective, money=plan.objective.money + 5),
    )
    await keep(snapshot_record(1), plan_record(other, 1))
    status, answer = replayed(1, url)
    assert status == 1
    differences = answer["differences"]
    assert isinstance(differences, list)
    found = {d["what"]: (d["then"], d["now"]) for d in differences}
    lost = plan.allocations[0]
    assert found.pop("vehicle of route R9") == ("V9", None)
    assert found.pop(f"vehicle of route {lost.route}") == (None, lost.vehicle)
    assert found.pop("money") == (plan.objective.money + 5, plan.objective.money)
    ((what, energies),) = found.items()
    assert what.startswith(f"kWh of {first.vehicle} at {first.station}/{first.connector} from ")
    assert energies == (first.energy_kwh + 1, first.energy_kwh)


async def test_a_difference_in_words_alone_is_shown_where_it_begins(
    plan: Plan, url: str, keep: Keep
) -> None:
    first, *others = plan.stays
    await keep(
        snapshot_record(1),
        plan_record(replace(plan, stays=(replace(first, why="because"), *others)), 1),
    )
    out = io.StringIO()
    assert run_replay(1, url, as_json=False, out=out) == 1
    assert "revision 1: 1 difference (" in out.getvalue()
    assert "the text at character" in out.getvalue()
    assert "because" in out.getvalue()


async def test_an_unknown_revision_and_one_without_a_plan_are_refused(url: str, keep: Keep) -> None:
    await keep(snapshot_record(1))
    with pytest.raises(Refused, match="revision 2: is not in store"):
        run_replay(2, url, as_json=False, out=io.StringIO())
    with pytest.raises(Refused, match="revision 1: no plan came of it"):
        run_replay(1, url, as_json=False, out=io.StringIO())
    with pytest.raises(Refused, match="holds no plan yet"):
        run_replay(None, url, as_json=False, out=io.StringIO())


def test_a_store_that_is_not_there_is_refused_and_not_made(url: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no such file"):
        run_replay(None, url, as_json=False, out=io.StringIO())
    assert list(tmp_path.iterdir()) == []


async def test_a_stored_text_that_cannot_be_read_is_refused_with_its_place(
    plan: Plan, url: str, keep: Keep
) -> None:
    broken = replace(snapshot_record(1), snapshot_json='{"format": "depotd.snapshot/9"}')
    await keep(broken, plan_record(plan, 1))
    with pytest.raises(Refused, match="revision 1: cannot be read: format: wants"):
        run_replay(1, url, as_json=False, out=io.StringIO())


async def test_all_revisions_are_replayed_and_one_that_differs_is_a_no(
    plan: Plan, url: str, keep: Keep
) -> None:
    for revision in (1, 2):
        await keep(snapshot_record(revision), plan_record(plan, revision))
    await keep(snapshot_record(3))
    out = io.StringIO()
    assert replay_all(url, as_json=False, out=out) == 0
    assert out.getvalue().endswith("2 of 2 revisions give the same plan\n")
    dearer = replace(plan, objective=replace(plan.objective, money=plan.objective.money + 5))
    await keep(plan_record(dearer, 3))
    out = io.StringIO()
    assert replay_all(url, as_json=False, out=out) == 1
    assert out.getvalue().endswith("2 of 3 revisions give the same plan\n")

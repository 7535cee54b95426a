"""What the store promises, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import inspect

from daemon.adapters.store import (
    Reader,
    Store,
    StoreBusy,
    StoreError,
    StoreInUse,
    StoreRefused,
    StoreWrong,
)
from daemon.adapters.store.engine import make_engine, parse_url
from daemon.adapters.store.tables import REVISION, metadata
from daemon.core.records import (
    AlertRecord,
    Fact,
    InboxDone,
    MeterRecord,
    OutboxRecord,
    PlanRecord,
    SnapshotRecord,
    TransactionRecord,
)

NOW = datetime(2026, 11, 20, 16, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url, utc=lambda: NOW) as opened:
        yield opened


def transaction(id: str = "t1", **changes: object) -> TransactionRecord:
    values: dict[str, object] = {
        "id": id,
        "station": "CP01",
        "connector": 1,
        "station_transaction_id": "77",
        "vehicle": "V01",
        "id_token": "04A2",
        "started_at": NOW,
        "stopped_at": None,
        "meter_start_wh": 1000.5,
        "meter_stop_wh": None,
        "energy_kwh": None,
    }
    return TransactionRecord(**(values | changes))  # type: ignore[arg-type]  # values by name


def snapshot(revision: int) -> SnapshotRecord:
    return SnapshotRecord(
        revision=revision,
        taken_at=NOW,
        snapshot_json='{"revision": 1}',
        params_json="{}",
        budget_s=9.5,
        seed=2**40,
        trigger="period",
    )


def plan(revision: int, *, applied: bool) -> PlanRecord:
    return PlanRecord(
        revision=revision, made_at=NOW, plan_json="{}", status="optimal", applied=applied
    )


async def test_every_kind_of_record_comes_back_as_it_went_after_a_new_start(url: str) -> None:
    facts = (
        Fact(kind="site", key="limit", value={"kw": 70.5, "names": ["ä", "\x00", None, True]}),
        Fact(kind="site", key="zero", value=0),
    )
    meter = MeterRecord(
        station="CP01",
        connector=1,
        transaction="t1",
        at=None,
        received_at=NOW,
        energy_wh=1200.0,
        power_w=None,
    )
    alert = AlertRecord(at=NOW, kind="limit", severity="warning", station=None, text="clamped")
    outgoing = OutboxRecord(topic="replies/1", payload="{}", correlation_data=b"\x00\xff")
    with Store.open(url, utc=lambda: NOW) as store:
        await store.commit([*facts, transaction(), meter, snapshot(4711)])
        await store.commit([plan(4711, applied=True), alert, outgoing])
    with Store.open(url, utc=lambda: NOW) as store:
        memory = store.load()
        assert sorted(memory.facts, key=lambda fact: fact.key) == list(facts)
        assert memory.transactions == (transaction(),)
        assert memory.last_revision == 4711
        assert memory.applied == (snapshot(4711), plan(4711, applied=True))
        assert store.meters("t1") == [meter]
        assert store.alerts(10) == [alert]
        (row,) = store.outbox()
        assert (row.topic, row.payload, row.correlation_data) == ("replies/1", "{}", b"\x00\xff")
        assert (store.snapshot(4711), store.plan(4711)) == (
            snapshot(4711),
            plan(4711, applied=True),
        )
        assert (store.snapshot(4712), store.plan(4712)) == (None, None)
        assert store.revisions() == [4711]


async def test_an_empty_store_remembers_nothing(store: Store) -> None:
    memory = store.load()
    assert (memory.facts, memory.transactions, memory.last_revision) == ((), (), 0)
    assert memory.applied is None


async def test_a_record_saved_again_replaces_the_one_before(store: Store) -> None:
    stopped = transaction(stopped_at=NOW, meter_stop_wh=4000.0, energy_kwh=2.9995)
    await store.commit([Fact(kind="pin", key="R1", value="V01"), transaction(), snapshot(1)])
    await store.commit([Fact(kind="pin", key="R1", value="V02"), stopped, plan(1, applied=False)])
    await store.commit([plan(1, applied=True)])
    memory = store.load()
    assert memory.facts == (Fact(kind="pin", key="R1", value="V02"),)
    assert memory.transactions == (stopped,)
    assert store.plan(1) == plan(1, applied=True)


async def test_a_fact_without_a_value_is_forgotten(store: Store) -> None:
    await store.commit(
        [Fact(kind="pin", key="R1", value="V01"), Fact(kind="pin", key="R2", value=1)]
    )
    await store.commit([Fact(kind="pin", key="R1", value=None)])
    assert store.load().facts == (Fact(kind="pin", key="R2", value=1),)


async def test_instants_come_back_aware_and_in_utc_whatever_zone_they_came_in(store: Store) -> None:
    local = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    await store.commit([transaction(started_at=local)])
    (read,) = store.transactions(1)
    assert read.started_at == NOW
    assert read.started_at.tzinfo is UTC


async def test_a_start_finds_open_transactions_and_those_closed_within_a_week(store: Store) -> None:
    old = NOW - timedelta(days=30)
    await store.commit(
        [
            transaction("open since long", started_at=old),
            transaction("just closed", started_at=old, stopped_at=NOW - timedelta(days=6)),
            transaction("long closed", started_at=old, stopped_at=NOW - timedelta(days=8)),
        ]
    )
    assert {t.id for t in store.load().transactions} == {"open since long", "just closed"}


async def test_the_last_applied_plan_is_found_behind_later_ones_that_were_not(store: Store) -> None:
    for revision in (1, 2, 3):
        await store.commit([snapshot(revision), plan(revision, applied=revision < 3)])
    await store.commit([snapshot(4)])
    memory = store.load()
    assert memory.applied == (snapshot(2), plan(2, applied=True))
    assert memory.last_revision == 4


async def test_transactions_are_paged_newest_first(store: Store) -> None:
    hours = [timedelta(hours=h) for h in range(5)]
    await store.commit([transaction(f"t{h}", started_at=NOW + h) for h in hours])
    first = store.transactions(2)
    assert [t.started_at - NOW for t in first] == [hours[4], hours[3]]
    rest = store.transactions(10, before=first[-1].started_at)
    assert [t.started_at - NOW for t in rest] == [hours[2], hours[1], hours[0]]


async def test_a_message_waits_in_the_inbox_until_a_commit_says_it_is_done(store: Store) -> None:
    first = await store.receive(
        "commands/replan",
        b"\xff\x00",
        retained=False,
        response_topic="replies/x",
        correlation_data=b"\x01",
    )
    second = await store.receive("site/pv_kw", b"7", retained=True)
    one, two = store.inbox()
    assert (one.id, one.topic, one.payload, one.retained) == (
        first,
        "commands/replan",
        b"\xff\x00",
        False,
    )
    assert (one.response_topic, one.correlation_data, one.received_at) == (
        "replies/x",
        b"\x01",
        NOW,
    )
    assert (two.id, two.payload, two.retained, two.response_topic) == (second, b"7", True, None)
    await store.commit([Fact(kind="reply", key="x", value={"ok": True}), InboxDone(inbox_id=first)])
    assert [row.id for row in store.inbox()] == [second]


async def test_the_id_of_a_message_is_never_given_again(store: Store) -> None:
    first = await store.receive("a", b"", retained=False)
    await store.commit([InboxDone(inbox_id=first)])
    assert await store.receive("b", b"", retained=False) > first


async def test_who_sends_is_woken_by_a_new_message_and_forgets_it_once_sent(store: Store) -> None:
    assert not store.outbox_changed.is_set()
    await store.commit([Fact(kind="site", key="limit", value=1)])
    assert not store.outbox_changed.is_set()
    waiting = asyncio.create_task(store.outbox_changed.wait())
    await store.commit([OutboxRecord(topic="alerts", payload="1", response_topic="r")])
    await waiting
    await store.commit([OutboxRecord(topic="alerts", payload="2")])
    first, second = store.outbox()
    assert (first.payload, first.response_topic) == ("1", "r")
    await store.outbox_sent(first.id)
    assert store.outbox() == [second]


async def test_commits_asked_for_together_all_arrive_in_their_order(store: Store) -> None:
    await asyncio.gather(
        *(
            store.commit([Fact(kind="n", key="last", value=i), transaction(f"t{i}")])
            for i in range(600)
        )
    )
    assert store.load().facts == (Fact(kind="n", key="last", value=599),)
    assert len(store.transactions(1000)) == 600


async def test_a_batch_that_the_schema_refuses_fails_alone_and_whole(store: Store) -> None:
    results = await asyncio.gather(
        store.commit([Fact(kind="n", key="before", value=1)]),
        store.commit([Fact(kind="n", key="beside", value=1), plan(99, applied=True)]),
        store.commit([transaction(connector=2**80)]),
        store.commit([transaction(started_at=NOW.replace(tzinfo=None))]),
        store.commit([Fact(kind="n", key="after", value=1)]),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [
        type(None),
        StoreRefused,
        StoreRefused,
        StoreRefused,
        type(None),
    ]
    assert {fact.key for fact in store.load().facts} == {"before", "after"}
    assert store.transactions(10) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
async def test_a_number_that_is_not_finite_is_refused_by_name(store: Store, value: float) -> None:
    with pytest.raises(StoreRefused, match=r"TransactionRecord\.energy_kwh"):
        await store.commit([transaction(energy_kwh=value)])
    with pytest.raises(StoreRefused, match="Fact site/limit"):
        await store.commit([Fact(kind="site", key="limit", value=value)])


async def test_a_store_that_is_closed_says_so(url: str) -> None:
    store = Store.open(url)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.commit([Fact(kind="n", key="k", value=1)])


async def test_what_was_submitted_before_a_close_is_kept(url: str) -> None:
    store = Store.open(url)
    commits = [
        asyncio.ensure_future(store.commit([Fact(kind="n", key=str(i), value=i)]))
        for i in range(50)
    ]
    await asyncio.sleep(0)
    store.close()
    await asyncio.gather(*commits)
    with Reader.open(url) as reader:
        assert len(reader.memory(NOW).facts) == 50


async def test_the_writer_answers_a_probe(store: Store) -> None:
    await store.probe()


@pytest.mark.fault(21)
def test_a_second_daemon_is_refused_while_the_first_runs(url: str) -> None:
    with Store.open(url), pytest.raises(StoreInUse, match="another depotd has it open"):
        Store.open(url)
    Store.open(url).close()


async def test_a_reader_sees_what_the_running_daemon_committed(store: Store, url: str) -> None:
    with Reader.open(url) as reader:
        await store.commit([Fact(kind="n", key="k", value=1)])
        assert reader.memory(NOW).facts == (Fact(kind="n", key="k", value=1),)


def test_a_reader_refuses_a_store_that_was_never_filled(postgresql_url: str) -> None:
    with pytest.raises(StoreWrong, match="empty"):
        Reader.open(postgresql_url)


def test_migrations_of_an_empty_database_give_the_tables_that_the_code_knows(url: str) -> None:
    Store.open(url).close()
    engine = make_engine(parse_url(url), "read")
    try:
        found = inspect(engine)
        assert set(found.get_table_names()) == {*metadata.tables, "alembic_version"}
        for name, table in metadata.tables.items():
            columns = {c["name"]: c for c in found.get_columns(name)}
            assert list(columns) == [c.name for c in table.columns]
            for column in table.columns:
                assert columns[column.name]["nullable"] == column.nullable, column
                wanted = column.type.compile(engine.dialect)
                assert columns[column.name]["type"].compile(engine.dialect) == wanted, column
            assert found.get_pk_constraint(name)["constrained_columns"] == [
                c.name for c in table.primary_key
            ]
            assert {i["name"] for i in found.get_indexes(name)} == {i.name for i in table.indexes}
            assert {tuple(f["constrained_columns"]) for f in found.get_foreign_keys(name)} == {
                tuple(c.name for c in f.columns) for f in table.foreign_key_constraints
            }
    finally:
        engine.dispose()


def test_a_store_of_a_newer_version_is_refused(url: str) -> None:
    Store.open(url).close()
    engine = make_engine(parse_url(url), "own")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    for opened in (Store.open, Reader.open):
        with pytest.raises(StoreWrong, match=f"version 9999, this depotd wants {REVISION}"):
            opened(url)


@pytest.mark.parametrize(
    "address", ["", "depot.db", "sqlite://", "sqlite:///:memory:", "mysql://u:secret@h/d"]
)
def test_an_address_that_is_no_store_is_refused_with_what_is_wanted(address: str) -> None:
    with pytest.raises(StoreWrong, match='wants "sqlite:///PATH" or') as refused:
        Store.open(address)
    assert "secret" not in str(refused.value)


@pytest.mark.fault(54)
async def test_more_waiting_commits_than_allowed_are_refused_not_dropped(url: str) -> None:
    with Store.open(url, waiting=1) as store:
        busy, may_go_on = threading.Event(), threading.Event()
        require = store._writer._require

        def wait() -> None:
            busy.set()
            may_go_on.wait()
            require()

        store._writer._require = wait
        first = asyncio.create_task(store.commit([Fact(kind="n", key="first", value=0)]))
        await asyncio.to_thread(busy.wait)
        others = [
            asyncio.create_task(store.commit([Fact(kind="n", key=str(i), value=i)]))
            for i in range(3)
        ]
        await asyncio.wait(others, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        may_go_on.set()
        results = await asyncio.gather(first, *others, return_exceptions=True)
        assert [type(r) for r in results] == [type(None), type(None), StoreBusy, StoreBusy]
        assert {fact.key for fact in store.load().facts} == {"first", "0"}

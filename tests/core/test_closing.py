"""Transactions whose end, or whose beginning, is not what it should be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.core import closing
from daemon.core.events import StationConnected
from daemon.core.keeps import Keeps
from daemon.core.records import MeterRecord, TransactionRecord
from daemon.core.site import EvseSpec
from daemon.core.station import DISOBEYS, REFUSES, STUCK
from protocol.ocpp.events import (
    MeterValuesReported,
    StatusNotified,
    TransactionEnded,
    TransactionReply,
    TransactionStarted,
)
from protocol.ocpp.model import ConnectorStatus, Version
from tests.core.bench import START, Bench, site
from tests.core.test_transactions import bench16, open_transactions, register, running, start16


def stop16(number: str, **changes: object) -> TransactionEnded:
    values = {"transaction_id": number, "at": START, "meter_stop_wh": 9000.0, "id_token": "TAG-V01"}
    return TransactionEnded(**(values | changes))  # type: ignore[arg-type]  # by field name


def kept(bench: Bench) -> dict[str, TransactionRecord]:
    """The newest record of each transaction that was to be kept."""
    return {r.id: r for r in bench.saved if isinstance(r, TransactionRecord)}


@pytest.mark.fault(42)
@pytest.mark.parametrize("number", ["-1", str(2**63 - 1), "77"])
def test_a_stop_of_an_unknown_transaction_is_kept_as_an_orphan_however_often_it_is_told(
    number: str,
) -> None:
    bench = bench16()
    replies = [bench.call("CP01", stop16(number)) for _ in range(3)]
    assert all(isinstance(reply, TransactionReply) for reply in replies)
    (orphan,) = kept(bench).values()
    assert (orphan.station, orphan.connector, orphan.vehicle) == ("CP01", 1, "V01")
    assert (orphan.meter_start_wh, orphan.meter_stop_wh, orphan.energy_kwh) == (None, 9000.0, None)
    assert orphan.stopped_at == START
    assert bench.depot.trigger.reasons == ["station connected"]


@pytest.mark.fault(42)
def test_two_sessions_that_began_offline_under_the_same_id_are_two_orphans() -> None:
    bench = bench16()
    bench.call("CP01", stop16("-1"))
    bench.call("CP01", stop16("-1", at=START + timedelta(hours=3), meter_stop_wh=20_000.0))
    assert len(kept(bench)) == 2


@pytest.mark.fault(42)
def test_a_stop_of_another_stations_transaction_touches_only_the_one_that_sent_it() -> None:
    bench = bench16()
    bench.connect("CP02", Version.V16)
    bench.call("CP01", start16())
    victim = running(bench)
    bench.call("CP02", stop16(victim))
    assert running(bench) == victim
    assert bench.depot.transactions[f"CP01/{victim}"].stopped_at is None
    assert bench.depot.transactions[f"CP02/{victim}"].station == "CP02"
    assert bench.depot.vehicles["V01"].plugged == ("CP01", 1)


@pytest.mark.fault(42)
def test_an_orphan_is_not_opened_again_by_its_late_meter_values() -> None:
    bench = bench16()
    bench.call("CP01", stop16("77"))
    sample = register(bench, 8000.0)
    bench.call("CP01", MeterValuesReported(evse_id=1, transaction_id="77", samples=(sample,)))
    assert open_transactions(bench) == []
    assert any(isinstance(r, MeterRecord) and r.energy_wh == 8000.0 for r in bench.saved)


@pytest.mark.fault(42)
def test_an_orphan_has_the_energy_that_its_own_samples_tell() -> None:
    bench = bench16()
    begin = register(bench, 4000.0, context="Transaction.Begin", at=START - timedelta(hours=1))
    end = register(bench, 9000.0, context="Transaction.End")
    bench.call("CP01", stop16("77", samples=(begin, end)))
    (orphan,) = kept(bench).values()
    assert orphan.energy_kwh == pytest.approx(5.0)
    assert orphan.started_at == START - timedelta(hours=1)


@pytest.mark.fault(41)
def test_an_end_told_after_it_was_guessed_corrects_the_record_and_unplugs_nobody() -> None:
    bench = bench16()
    bench.call("CP01", start16())
    first = running(bench)
    bench.wait(60)
    bench.call("CP01", start16(at=bench.utc, meter_start_wh=4500.0))
    bench.call("CP01", stop16(first, meter_stop_wh=4500.0, at=bench.utc))
    record = bench.depot.transactions[f"CP01/{first}"]
    assert (record.estimated, record.energy_kwh) == (False, 4.0)
    assert bench.depot.vehicles["V01"].plugged == ("CP01", 1)
    assert len(open_transactions(bench)) == 1


@pytest.mark.fault(41)
def test_a_number_is_not_given_again_after_the_store_was_lost() -> None:
    before = bench16()
    before.call("CP01", start16())
    after = Bench.of(site(2))
    after.wait(3600)
    after.connect("CP01", Version.V16)
    after.call("CP01", start16(at=after.utc))
    assert int(running(after)) > int(running(before))


@pytest.mark.fault(40)
def test_a_start_whose_time_cannot_be_read_is_one_transaction_however_often_it_is_told() -> None:
    bench = bench16()
    replies = [bench.call("CP01", start16(at=None)) for _ in range(3)]
    assert len(set(replies)) == 1
    bench.call("CP01", stop16(running(bench), meter_stop_wh=500.0))
    assert bench.call("CP01", start16(at=None)) != replies[0], "the first one was stopped"


@pytest.mark.fault(44)
@pytest.mark.parametrize("year", [1, 1969, 1970, 2099, 9999])
def test_a_start_and_stop_of_another_century_are_dated_by_receipt_and_kept_as_told(
    year: int,
) -> None:
    bench = bench16()
    told = datetime(year, 1, 1, tzinfo=UTC)
    replies = [bench.call("CP01", start16(at=told)) for _ in range(3)]
    assert len(set(replies)) == 1
    bench.wait(600)
    bench.call("CP01", stop16(running(bench), at=told))
    (record,) = kept(bench).values()
    assert (record.device_started_at, record.device_stopped_at) == (told, told)
    assert START <= record.started_at < record.stopped_at <= bench.utc  # type: ignore[operator]


def test_transactions_of_last_week_are_forgotten_and_open_ones_never() -> None:
    bench = bench16()
    bench.call("CP01", start16())
    old = running(bench)
    bench.call("CP01", stop16(old))
    bench.connect("CP02", Version.V16)
    bench.call("CP02", start16(id_token="TAG-V02"))
    bench.wait(8 * 86400)
    bench.call("CP01", start16(at=bench.utc))
    assert f"CP01/{old}" not in bench.depot.transactions
    assert len(open_transactions(bench)) == 2


@pytest.mark.fault(3)
def test_an_adopted_transaction_is_booked_at_the_maximum_until_it_has_taken_a_profile() -> None:
    """It may follow any profile of a run whose store is lost."""
    bench = bench16()
    bench.call(
        "CP01",
        MeterValuesReported(evse_id=1, transaction_id="42", samples=(register(bench, 7000.0),)),
    )
    evse = bench.depot.stations["CP01"].evses[1]
    assert evse.held_kw(bench.monotonic_s, keeps_leases=False) == evse.spec.max_kw
    bench.answer_all("CP01")
    bench.wait(bench.depot.site.settle_s + 1)
    bench.answer_all("CP01")
    assert evse.held_kw(bench.monotonic_s, keeps_leases=False) < evse.spec.max_kw


def test_a_transaction_id_of_none_in_meter_values_opens_nothing() -> None:
    bench = bench16()
    sample = register(bench, 7000.0)
    bench.call("CP01", MeterValuesReported(evse_id=1, transaction_id=None, samples=(sample,)))
    assert bench.depot.transactions == {}


def test_a_start_reply_names_the_number_that_meter_values_then_use() -> None:
    bench = bench16()
    reply = bench.call(
        "CP01",
        TransactionStarted(
            evse_id=1, transaction_id=None, id_token="TAG-V01", at=START, meter_start_wh=1.0
        ),
    )
    assert isinstance(reply, TransactionReply)
    assert reply.transaction_id == running(bench)


def test_an_adopted_transaction_of_one_that_keeps_leases_may_follow_a_profile_without_end() -> None:
    spec = site(1)
    pinned = replace(spec.stations[0], pinned=Keeps.LEASES)
    bench = Bench.of(replace(spec, stations=(pinned,)))
    bench.connect("CP01")
    sample = register(bench, 7000.0)
    bench.call("CP01", MeterValuesReported(evse_id=1, transaction_id="T9", samples=(sample,)))
    bench.lose("CP01")
    bench.wait(200)
    bench.apply(StationConnected(station="CP01", session=2, version=Version.V201))
    in_time = StatusNotified(evse_id=1, status=ConnectorStatus.OCCUPIED, at=bench.utc)
    bench.call("CP01", in_time)
    assert bench.depot.stations["CP01"].keeps_leases
    assert bench.booked_kw("CP01") == 22.0


@pytest.mark.fault(7)
@pytest.mark.parametrize("why", [REFUSES, STUCK, DISOBEYS])
def test_the_pause_of_who_could_not_be_told_ends_with_its_transaction(why: str) -> None:
    """The next vehicle would else have to do without a power of its own for ten minutes."""
    bench = Bench.of(site(1))
    bench.connect("CP01")
    bench.plug_in("CP01", "V01")
    bench.answer_all("CP01")
    evse = bench.depot.stations["CP01"].evses[1]
    evse.fixed, evse.retry_s = why, bench.monotonic_s + 600
    end = TransactionEnded(transaction_id="T1", at=bench.utc, meter_stop_wh=9000.0)
    bench.call("CP01", end)
    bench.plug_in("CP01", "V01", transaction="T2")
    bench.follow({("V01", "CP01"): [10.0] * 20})
    bench.live(5)
    told_kw = 0.0 if why == DISOBEYS else 10.0
    assert bench.follows_kw("CP01") == pytest.approx(told_kw, abs=0.1)
    assert evse.confirmed is not None


@pytest.mark.fault(42)
@pytest.mark.parametrize("ends", [True, False])
def test_a_station_that_tells_of_ever_new_transactions_fills_no_memory(
    ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ends without a beginning, and beginnings at no EVSE: what runs is known for all that."""
    monkeypatch.setattr(closing, "MOST_KNOWN", 10)
    spec = site(1)
    both = (*spec.stations[0].evses, EvseSpec(connector=2))
    bench = Bench.of(replace(spec, stations=(replace(spec.stations[0], evses=both),)))
    bench.connect("CP01")
    bench.plug_in("CP01", "V01")
    for n in range(30):
        if ends:
            bench.call("CP01", stop16(f"X{n}"))
        else:
            begun = TransactionStarted(
                evse_id=0, transaction_id=f"X{n}", id_token=None, at=bench.utc, meter_start_wh=None
            )
            bench.call("CP01", begun)
    assert len(bench.depot.transactions) == 10
    assert len(kept(bench)) == 31
    assert running(bench) == "T1"
    bench.call("CP01", stop16("X0"))
    bench.call("CP01", stop16("T1", at=bench.utc))
    assert len(kept(bench)) == 31
    assert bench.depot.stations["CP01"].evses[1].transaction is None

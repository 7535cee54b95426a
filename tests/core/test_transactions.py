"""Transactions: one record each, however they are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.records import MeterRecord, TransactionRecord
from protocol.ocpp.events import (
    MeterValuesReported,
    StatusNotified,
    TransactionEnded,
    TransactionReply,
    TransactionStarted,
    TransactionUpdated,
)
from protocol.ocpp.model import ConnectorStatus, Measurand, MeterSample, Version
from tests.core.bench import START, Bench, site


def start16(**changes: object) -> TransactionStarted:
    values = {
        "evse_id": 1,
        "transaction_id": None,
        "id_token": "TAG-V01",
        "at": START,
        "meter_start_wh": 500.0,
    }
    return TransactionStarted(**(values | changes))  # type: ignore[arg-type]  # by field name


def register(bench: Bench, wh: float, **changes: object) -> MeterSample:
    values = {"measurand": Measurand.ENERGY_IMPORT_REGISTER, "value": wh, "at": bench.utc}
    return MeterSample(**(values | changes))  # type: ignore[arg-type]  # by field name


def bench16() -> Bench:
    bench = Bench.of(site(2))
    bench.connect("CP01", Version.V16)
    return bench


def running(bench: Bench, station: str = "CP01") -> str:
    """What the station calls the transaction that runs at its first EVSE."""
    id = bench.depot.stations[station].evses[1].transaction
    assert id is not None
    return id.removeprefix(f"{station}/")


def meter(bench: Bench, *samples: MeterSample, station: str = "CP01") -> None:
    id = running(bench, station)
    bench.call(station, MeterValuesReported(evse_id=1, transaction_id=id, samples=samples))


def open_transactions(bench: Bench) -> list[TransactionRecord]:
    return [t for t in bench.depot.transactions.values() if t.stopped_at is None]


@pytest.mark.fault(40)
def test_a_start_told_three_times_is_one_transaction_with_one_number() -> None:
    bench = bench16()
    replies = [bench.call("CP01", start16()) for _ in range(3)]
    assert len(set(replies)) == 1
    assert len(bench.depot.transactions) == 1


@pytest.mark.fault(40)
@pytest.mark.parametrize(
    "other",
    [
        {"evse_id": 2},
        {"id_token": "TAG-V02"},
        {"at": START + timedelta(seconds=1)},
        {"meter_start_wh": 501.0},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_start_that_differs_in_any_part_of_its_key_is_another_transaction(
    other: dict[str, object],
) -> None:
    bench = bench16()
    first, second = bench.call("CP01", start16()), bench.call("CP01", start16(**other))
    assert isinstance(first, TransactionReply)
    assert isinstance(second, TransactionReply)
    assert first.transaction_id != second.transaction_id


@pytest.mark.fault(41)
def test_a_new_start_gets_a_new_number_and_closes_the_old_one_as_estimated() -> None:
    bench = bench16()
    first = bench.call("CP01", start16())
    bench.wait(60)
    second = bench.call("CP01", start16(at=bench.utc, meter_start_wh=900.0))
    assert isinstance(first, TransactionReply)
    assert isinstance(second, TransactionReply)
    assert first.transaction_id != second.transaction_id
    closed = bench.depot.transactions[f"CP01/{first.transaction_id}"]
    assert closed.estimated
    assert len(open_transactions(bench)) == 1


def test_a_token_tells_the_vehicle_and_where_it_is_plugged() -> None:
    bench = bench16()
    bench.call("CP01", start16())
    assert bench.depot.vehicles["V01"].plugged == ("CP01", 1)
    assert open_transactions(bench)[0].vehicle == "V01"


def test_a_stop_gives_the_energy_and_unplugs_the_vehicle() -> None:
    bench = bench16()
    reply = bench.call("CP01", start16())
    assert isinstance(reply, TransactionReply)
    assert reply.transaction_id is not None
    bench.wait(3600)
    bench.call(
        "CP01",
        TransactionEnded(transaction_id=reply.transaction_id, at=bench.utc, meter_stop_wh=8500.0),
    )
    (record,) = bench.depot.transactions.values()
    assert record.energy_kwh == pytest.approx(8.0)
    assert record.stopped_at == bench.utc
    assert bench.depot.vehicles["V01"].plugged is None


@pytest.mark.fault(43)
@pytest.mark.parametrize("stop_wh", [-5.0, 1e30])
def test_a_register_that_makes_no_sense_gives_no_energy_but_is_kept(stop_wh: float) -> None:
    bench = bench16()
    reply = bench.call("CP01", start16())
    assert isinstance(reply, TransactionReply)
    assert reply.transaction_id is not None
    bench.call(
        "CP01",
        TransactionEnded(transaction_id=reply.transaction_id, at=bench.utc, meter_stop_wh=stop_wh),
    )
    (record,) = bench.depot.transactions.values()
    assert record.energy_kwh is None
    assert record.meter_stop_wh == stop_wh


@pytest.mark.fault(42)
@pytest.mark.parametrize("number", ["-1", str(2**63 - 1), "77"])
def test_a_stop_of_a_transaction_that_is_not_the_stations_is_answered_and_changes_nothing(
    number: str,
) -> None:
    bench = bench16()
    bench.call("CP01", start16())
    reply = bench.call(
        "CP01", TransactionEnded(transaction_id=number, at=bench.utc, meter_stop_wh=1.0)
    )
    assert isinstance(reply, TransactionReply)
    assert len(open_transactions(bench)) == 1


def test_a_transaction_known_from_meter_values_alone_is_adopted() -> None:
    bench = bench16()
    bench.call(
        "CP01",
        MeterValuesReported(evse_id=1, transaction_id="42", samples=(register(bench, 7000.0),)),
    )
    (record,) = open_transactions(bench)
    assert record.id == "CP01/42"
    assert record.meter_start_wh is None


def test_an_update_about_an_unknown_transaction_is_adopted_with_its_vehicle() -> None:
    bench = Bench.of(site(2))
    bench.connect("CP01")
    bench.call(
        "CP01",
        TransactionUpdated(transaction_id="abc", at=bench.utc, evse_id=1, id_token="TAG-V02"),
    )
    (record,) = open_transactions(bench)
    assert (record.id, record.vehicle) == ("CP01/abc", "V02")


@pytest.mark.fault(41)
def test_a_connector_that_is_free_again_closes_its_transaction_as_estimated() -> None:
    bench = bench16()
    bench.call("CP01", start16())
    bench.wait(600)
    sample = register(bench, 2500.0)
    meter(bench, sample)
    bench.wait(60)
    bench.call("CP01", StatusNotified(evse_id=1, status=ConnectorStatus.AVAILABLE, at=bench.utc))
    (record,) = bench.depot.transactions.values()
    assert record.estimated
    assert record.energy_kwh == pytest.approx(2.0)


def test_metered_energy_carries_the_vehicle_on_with_its_losses() -> None:
    bench = Bench.of(site(1))
    belief = bench.depot.vehicles["V01"]
    assert belief.vehicle is not None
    before = belief.energy_kwh
    bench.connect("CP01", Version.V16)
    bench.call("CP01", start16())
    for wh in (1500.0, 2500.0):
        bench.wait(600)
        meter(bench, register(bench, wh))
    gained = bench.depot.vehicles["V01"].energy_kwh - before
    assert gained == pytest.approx(2.0 * belief.vehicle.efficiency)


def test_the_last_register_of_a_stop_reaches_the_vehicle_too() -> None:
    bench = bench16()
    before = bench.depot.vehicles["V01"].energy_kwh
    reply = bench.call("CP01", start16())
    assert isinstance(reply, TransactionReply)
    assert reply.transaction_id is not None
    bench.wait(3600)
    bench.call(
        "CP01",
        TransactionEnded(transaction_id=reply.transaction_id, at=bench.utc, meter_stop_wh=4500.0),
    )
    assert bench.depot.vehicles["V01"].energy_kwh == before + 4.0


@pytest.mark.fault(45)
def test_an_old_sample_told_late_is_kept_and_moves_nothing() -> None:
    bench = bench16()
    bench.call("CP01", start16())
    bench.wait(600)
    meter(bench, register(bench, 900.0))
    energy = bench.depot.vehicles["V01"].energy_kwh
    late = register(bench, 700.0, at=bench.utc - timedelta(minutes=5))
    meter(bench, late)
    assert bench.depot.vehicles["V01"].energy_kwh == energy
    assert sum(isinstance(record, MeterRecord) for record in bench.saved) == 2


@pytest.mark.fault(6)
def test_a_station_that_draws_more_than_it_was_told_is_flagged_and_readmitted() -> None:
    bench = bench16()
    bench.call("CP01", start16())
    bench.answer_all("CP01")
    bench.follow({("V01", "CP01"): [0.0] * 70})
    bench.answer_all("CP01")
    evse = bench.depot.stations["CP01"].evses[1]
    wh = 500.0

    def minutes(count: int, kw: float) -> None:
        nonlocal wh
        for _ in range(count):
            bench.wait(60)
            wh += kw * 1000 / 60
            meter(bench, register(bench, wh))

    minutes(5, 11.0)
    flagged = evse.fixed
    assert flagged is not None
    assert bench.booked_kw("CP01") == evse.spec.max_kw
    assert [a.kind for a in bench.depot.alerts] == ["station_disobeys"]
    minutes(6, 0.0)
    assert bench.depot.stations["CP01"].evses[1].fixed is None
    assert bench.depot.alerts[-1].kind == "station_obeys"


@pytest.mark.fault(40)
def test_an_id_that_a_station_uses_again_is_another_transaction_and_the_first_one_is_kept() -> None:
    """2.0.1 E01 wants them unique for ever; one that counts begins anew after a reset."""
    bench = Bench.of(site(1))
    bench.connect("CP01")
    bench.plug_in("CP01", "V01")
    bench.wait(600)
    ended = TransactionEnded(
        transaction_id="T1", at=bench.utc, meter_stop_wh=4000.0, id_token="TAG-V01"
    )
    bench.call("CP01", ended)
    bench.wait(600)
    for _ in range(3):
        bench.plug_in("CP01", "V01")
    assert running(bench) == "T1"
    assert bench.alerts() == ["transaction_id_again"]
    records = {r.id: r for r in bench.saved if isinstance(r, TransactionRecord)}
    assert sorted(r.energy_kwh or 0.0 for r in records.values()) == [0.0, 3.0]
    bench.wait(600)
    bench.call("CP01", replace(ended, at=bench.utc, meter_stop_wh=9000.0))
    assert bench.depot.stations["CP01"].evses[1].transaction is None
    records = {r.id: r for r in bench.saved if isinstance(r, TransactionRecord)}
    assert sorted(r.energy_kwh or 0.0 for r in records.values()) == [3.0, 8.0]


@pytest.mark.fault(40)
def test_a_start_that_is_told_once_more_after_its_end_begins_nothing() -> None:
    bench = Bench.of(site(1))
    bench.connect("CP01")
    bench.plug_in("CP01", "V01")
    started = TransactionStarted(
        evse_id=1, transaction_id="T1", id_token="TAG-V01", at=bench.utc, meter_start_wh=1000.0
    )
    bench.wait(600)
    bench.call("CP01", TransactionEnded(transaction_id="T1", at=bench.utc, meter_stop_wh=4000.0))
    bench.wait(60)
    bench.call("CP01", started)
    assert open_transactions(bench) == []
    assert len(bench.depot.transactions) == 1

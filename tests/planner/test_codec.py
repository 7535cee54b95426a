"""Text to types and back; and for text that is neither, one sentence that tells what to mend."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.codec import (
    MAX_BYTES,
    InputError,
    dump_plan,
    dump_snapshot,
    load_plan,
    load_snapshot,
)
from planner.plan import Binding, Bound
from planner.snapshot import Snapshot
from tests.planner.depots import T0, after, random_depot
from tests.planner.plans import sunny, sunny_plan, yard, yard_plan
from tests.planner.strategies import snapshots

Change = Callable[[dict[str, Any]], object]
MISSING = object()


def document() -> dict[str, Any]:
    """A snapshot's JSON with at least one of everything."""
    loaded: dict[str, Any] = json.loads(dump_snapshot(yard()))
    loaded["site"]["battery"] = json.loads(dump_snapshot(sunny()))["site"]["battery"]
    loaded["previous"] = {"allocations": [{"route": "R1", "vehicle": "V1"}]}
    loaded["previous"]["stays"] = json.loads(dump_plan(yard_plan()))["stays"]
    return loaded


def put(path: str, value: Any) -> Change:
    """Sets, or for MISSING takes away, what stands at a path such as `vehicles.0.energy_kwh`."""

    def change(data: Any) -> None:
        *way, last = (int(k) if k.isdecimal() else k for k in path.split("."))
        for key in way:
            data = data[key]
        if value is MISSING:
            del data[last]
        else:
            data[last] = value

    return change


def complaint(text: str | bytes) -> str:
    with pytest.raises(InputError) as caught:
        load_snapshot(text)
    return str(caught.value)


# There and back.


@given(snapshots())
@settings(max_examples=60, deadline=None)
def test_a_snapshot_survives_its_text(snapshot: Snapshot) -> None:
    text = dump_snapshot(snapshot)
    assert load_snapshot(text) == snapshot
    assert dump_snapshot(load_snapshot(text.encode())) == text


@pytest.mark.parametrize("seed", range(5))
def test_a_random_depot_survives_its_text(seed: int) -> None:
    depot = random_depot(Random(seed), pv=True, battery=True)
    assert load_snapshot(dump_snapshot(depot, indent=1)) == depot


def test_a_plan_survives_its_text() -> None:
    plan = replace(
        yard_plan(),
        bound=Bound(money=40.9, gap=0.035),
        binding=(Binding(limit="circuit left", start=after(0), end=after(60)),),
        battery=sunny_plan().battery,
    )
    assert load_plan(dump_plan(plan)) == plan


def test_a_plan_is_written_with_the_contracts_keys_in_its_order() -> None:
    data = json.loads(dump_plan(yard_plan()))
    assert list(data) == [
        "format", "revision", "status", "algorithm", "seed", "allocations", "unserved", "stays",
        "battery", "site", "shortfalls", "objective", "cost", "bound", "binding",
        "iterations", "notes",
    ]  # fmt: skip
    first = data["stays"][0]
    assert list(first) == [
        "vehicle", "station", "connector", "from", "to", "energy_kwh", "periods", "why",
    ]  # fmt: skip
    assert first["periods"][0] == {
        "from": "2026-11-20T16:00:00Z",
        "to": "2026-11-20T17:00:00Z",
        "kw": 20.0,
    }
    assert data["shortfalls"][0]["route"] is None


def test_a_snapshot_is_written_with_the_contracts_words() -> None:
    data = document()
    assert list(data) == [
        "format", "revision", "taken_at", "mode", "horizon", "site", "circuits", "connectors",
        "vehicles", "routes", "rules", "previous",
    ]  # fmt: skip
    assert data["routes"][0]["return"] == "2026-11-20T17:00:00Z"
    assert data["site"]["import_limit_kw"] == 60
    assert data["site"]["import_price_per_kwh"][1] == {"from": "2026-11-20T18:00:00Z", "value": 0.1}


def test_keys_that_the_contract_lets_out_have_its_values() -> None:
    data = document()
    for key in ("export_limit_kw", "pv_kw", "export_price_per_kwh", "peak_price_per_kw",
                "peak_so_far_kw", "battery"):  # fmt: skip
        del data["site"][key]
    data["rules"] = {}
    del data["previous"], data["circuits"][0]["parent"]
    for key in ("controllable", "load_kw"):
        del data["connectors"][0][key]
    del data["vehicles"][0]["in_service"], data["vehicles"][0]["efficiency"]
    del data["routes"][0]["priority"], data["routes"][0]["vehicle"]
    read = load_snapshot(json.dumps(data))
    assert read.site.battery is None
    assert read.site.pv_kw.at(T0) == read.site.peak_so_far_kw == 0
    assert (read.rules.turnaround_minutes, read.rules.departure_buffer_minutes) == (45, 15)
    assert (read.rules.safety_factor, read.rules.max_routes_per_vehicle) == (1, 5)
    assert read.connectors[0].controllable
    assert (read.vehicles[0].in_service, read.vehicles[0].efficiency) == (True, 1)
    assert (read.routes[0].priority, read.routes[0].vehicle) == (1, None)
    assert read.previous is None


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert load_snapshot(b"\xef\xbb\xbf" + dump_snapshot(yard()).encode()) == yard()


@pytest.mark.parametrize(
    "change",
    [
        put("routes.0.vehicle", "ghost"),
        put("previous.allocations.0.vehicle", "ghost"),
        put("previous.allocations.0.route", "R77"),
        put("previous.stays.0.vehicle", "ghost"),
        put("previous.stays.0.station", "nowhere"),
        put("previous.stays.0.why", MISSING),
        put("previous.stays", MISSING),
        put("rules.incompatible_routes", [["R1", "R77"]]),
        put("routes.0.energy_kwh", {"ghost": 3}),
        put("site.battery.energy_kwh", 1),
        put("site.base_load_kw", -3),
        put("site.import_price_per_kwh", -0.1),
    ],
)
def test_what_comes_and_goes_or_may_be_negative_is_let_in(change: Change) -> None:
    data = document()
    change(data)
    load_snapshot(json.dumps(data))


# Faults of fields.

# What is put where, and the sentence, in which `{}` is the path of what was put.
FAULTS: list[tuple[str, Any, str]] = [
    ("vehicles.0.energy_kwh", "31", '{}: wants a number of kWh, not the text "31"'),
    ("vehicles.0.energy_kwh", -3, "{}: wants at least 0 kWh, not -3"),
    ("vehicles.0.energy_kwh", None, "{}: wants a number of kWh, not null"),
    ("vehicles.0.energy_kwh", True, "{}: wants a number of kWh, not true"),
    ("vehicles.0.energy_kwh", 10**400, "{}: wants a number of kWh, not a number so large"),
    ("vehicles.0.energy_kwh", 80.5, "{}: wants at most the battery_kwh of 80, not 80.5, in kWh"),
    ("vehicles.0.energy_kwh", MISSING, "{}: is missing, wants a number of kWh"),
    ("vehicles.0.color", "red", "{}: is not a known key"),
    ("vehicles.0.a b", 1, 'vehicles[0]["a b"]: is not a known key'),
    ("vehicles.0.max_charge_kw", [22], "{}: wants a number of kW, not a list"),
    ("vehicles.0.battery_kwh", 5e-324, "{}: wants at least 1e-09, not 5e-324"),
    ("vehicles.0.efficiency", 93, "{}: wants at most 1, not 93"),
    ("vehicles.0.plugs", "type2", '{}: wants a list, not the text "type2"'),
    ("vehicles.0.in_service", "yes", '{}: wants true or false, not the text "yes"'),
    (
        "vehicles.0.charge_curve",
        [[i / 1000, 1] for i in range(202)],
        "{}: wants a list of at most 201, not one of 202",
    ),
    ("vehicles.0.charge_curve", [[0.8]], "vehicles[0].charge_curve[0][1]: is missing"),
    (
        "vehicles.0.charge_curve",
        [[80, 1]],
        "vehicles[0].charge_curve[0]: wants two shares between 0 and 1",
    ),
    (
        "vehicles.0.charge_curve",
        [[0.5, 1], [0.5, 0]],
        "vehicles[0].charge_curve[1]: wants more of the battery than before it",
    ),
    ("vehicles.0.target_kwh", 81, "{}: wants at most the battery_kwh of 80, not 81, in kWh"),
    (
        "vehicles.0.available_from",
        "16:00",
        '{}: wants an instant in UTC such as "2026-11-20T16:00:00Z", not the text "16:00"',
    ),
    (
        "vehicles.0.plugged.station",
        "CP9",
        'vehicles[0].plugged: wants a connector of the depot, "CP9/1" is none',
    ),
    (
        "vehicles.0.plugs",
        ["ccs2"],
        "vehicles[0].plugged: wants a connector that fits the vehicle, CP1/1 has type2",
    ),
    (
        "vehicles.1.plugged",
        {"station": "CP1", "connector": 1},
        '{}: wants a free connector, CP1/1 is taken by "V1"',
    ),
    ("vehicles.1.id", "V1", '{}: wants a name of its own, "V1" is taken by vehicles[0]'),
    ("vehicles", {}, "{}: wants a list, not an object"),
    ("vehicles.0", 3, "{}: wants an object, not 3"),
    ("circuits.0.parent", "left", '{}: makes a circle through "yard"'),
    ("circuits.0.parent", "attic", '{}: wants the id of a circuit, "attic" is none'),
    ("circuits.1.id", "yard", '{}: wants a name of its own, "yard" is taken by circuits[0]'),
    ("circuits.0.limit_kw", -1, "{}: wants at least 0, not -1, in kW"),
    ("connectors.0.circuit", "attic", '{}: wants the id of a circuit, "attic" is none'),
    ("connectors.1.connector", 1, '{}: wants a name of its own, "CP1/1" is taken by connectors[0]'),
    ("connectors.0.connector", 1.5, "{}: wants a whole number, not 1.5"),
    ("connectors.0.connector", 0, "{}: wants at least 1, not 0"),
    ("connectors.0.min_kw", 23, "{}: wants at most the max_kw of 22, not 23, in kW"),
    ("routes.1.id", "R0", '{}: wants a name of its own, "R0" is taken by routes[0]'),
    ("routes.0.id", "", '{}: wants text of 1 to 128 characters, not the text ""'),
    ("routes.0.return", "2026-11-20T15:30:00Z", "{}: wants an instant after depart"),
    (
        "routes.0.depart",
        "2026-11-20T15:30:00+01:00",
        '{}: wants an instant in UTC such as "2026-11-20T16:00:00Z", not the '
        'text "2026-11-20T15:30:00+01:00"',
    ),
    ("routes.0.depart", MISSING, "{}: is missing, wants an instant in UTC"),
    ("routes.0.energy_kwh", {"V1": -1}, "routes[0].energy_kwh.V1: wants at least 0 kWh, not -1"),
    ("routes.0.energy_kwh", "a lot", '{}: wants a number of kWh, not the text "a lot"'),
    ("routes.0.return_", 1, "{}: is not a known key"),
    (
        "site.import_limit_kw",
        "60 kW",
        '{}: wants a number or a list of {"from": time, "value": number}, in kW',
    ),
    ("site.import_limit_kw", [], "{}: wants at least one point"),
    (
        "site.import_limit_kw",
        {"points": []},
        '{}: wants a number or a list of {"from": time, "value": number}, in kW',
    ),
    ("site.import_price_per_kwh.1.value", "dear", "{}: wants a number, in currency per kWh"),
    (
        "site.import_price_per_kwh.1.from",
        "2026-11-20T16:00:00Z",
        "{}: wants an instant after the one before it",
    ),
    (
        "site.import_price_per_kwh.1.from",
        7,
        '{}: wants an instant in UTC such as "2026-11-20T16:00:00Z"',
    ),
    ("site.import_price_per_kwh.1.value", MISSING, "{}: is missing"),
    ("site.import_price_per_kwh.1.until", 1, "{}: is not a known key"),
    ("site.pv_kw", 1000000000000.0, "{}: wants a number between -1e+09 and 1e+09, in kW"),
    ("site.battery.energy_kwh", 21, "{}: wants at most the capacity_kwh of 20, not 21, in kWh"),
    ("site.peak_price_per_kw", -1, "{}: wants at least 0 currency per kW, not -1"),
    ("horizon.hours", 6.2, "{}: wants a whole number of steps of 30 minutes"),
    ("horizon.hours", 10000, "{}: wants at most 8784 hours, not 10000"),
    ("horizon.step_minutes", 0, "{}: wants more than 0 minutes, not 0"),
    ("horizon.step_minutes", 0.001, "{}: makes 360000 steps, wants 1 to 100000"),
    ("mode", "joint", '{}: wants "integrated", "allocation" or "charging", not the text "joint"'),
    (
        "taken_at",
        "2026-02-30T00:00:00Z",
        '{}: wants an instant in UTC such as "2026-11-20T16:00:00Z", not the '
        'text "2026-02-30T00:00:00Z"',
    ),
    (
        "taken_at",
        "0001-01-01T00:00:00Z",
        '{}: wants an instant between the years 1900 and 9000, not the text "0001-01-01T00:00:00Z"',
    ),
    ("taken_at", "9000-01-01T00:00:00Z", "{}: wants an instant before the year 9000"),
    ("revision", 2**53, "{}: wants at most 9007199254740991, not 9007199254740992"),
    ("rules.max_shift_hours", 0, "{}: wants more than 0 hours, not 0"),
    ("rules.soft", {"few": 1}, "rules.soft.few: is not a known key"),
    (
        "rules.soft",
        {"swaps": "much"},
        "rules.soft.swaps: wants true, false, a penalty, or an object of its keys",
    ),
    (
        "rules.soft",
        {"energy_margin": 2},
        "rules.soft.energy_margin: wants true, false, or an object of its keys",
    ),
    ("rules.soft", {"swaps": {"price": 1}}, "rules.soft.swaps.price: is not a known key"),
    ("rules.soft", {"swaps": -1}, "rules.soft.swaps: wants at least 0, not -1"),
    ("rules.soft", {"charger_preference": True}, "rules.soft.charger_preference.costs: is missing"),
    (
        "rules.soft",
        {"charger_preference": {"costs": {}, "window": ["22:00", "6:00"]}},
        'rules.soft.charger_preference.window[1]: wants a time of the day such as "22:00"',
    ),
    (
        "rules.soft",
        {"charger_preference": {"costs": {}, "timezone": "Berlin"}},
        'rules.soft.charger_preference.timezone: wants a name such as "Europe/Berlin"',
    ),
    (
        "rules.soft",
        {"triad": {"window": ["4 pm", "19:00"]}},
        'rules.soft.triad.window[0]: wants a time of the day such as "22:00"',
    ),
    (
        "rules.soft",
        {"triad": {"months": [11, 13]}},
        "rules.soft.triad.months[1]: wants at most 12, not 13",
    ),
    (
        "rules.soft",
        {"energy_margin": {"margins": [0.1, 0.2], "penalties": [1, 1.5]}},
        "rules.soft.energy_margin.penalties: wants each step to cost at least as much as the last",
    ),
    (
        "rules.soft",
        {"energy_margin": {"margins": [0.2, 0.1], "penalties": [1, 2]}},
        "rules.soft.energy_margin.margins: wants each larger than the one before",
    ),
    (
        "rules.soft",
        {"preferred_turnaround": {"minutes": [90, 75], "penalties": [2, 1]}},
        "rules.soft.preferred_turnaround.minutes: wants each longer than the one before, "
        "in minutes",
    ),
    (
        "rules.soft",
        {"preferred_turnaround": {"minutes": [75], "penalties": [2, 1]}},
        "rules.soft.preferred_turnaround.penalties: wants as many as there are minutes",
    ),
    (
        "rules.soft",
        {"shift_hours": {"hours": 1}},
        "rules.soft.shift_hours.hours: wants more than before_hours and after_hours, in hours",
    ),
    (
        "previous.allocations",
        [{"route": "R1", "vehicle": "V1"}] * 2,
        'previous.allocations[1].route: wants a name of its own, "R1" is taken '
        "by previous.allocations[0]",
    ),
    (
        "previous.stays.0.to",
        "2026-11-20T15:00:00Z",
        "{}: wants an instant after from",
    ),
    (
        "previous.stays.0.periods.0.from",
        "2026-11-20T15:00:00Z",
        "{}: wants an instant within the stay, in order",
    ),
    (
        "previous.stays.0.periods.0.to",
        "2026-11-22T15:00:00Z",
        "{}: wants an instant after from, within the stay",
    ),
    ("previous.stays.0.periods.0.kw", -3, "{}: wants at least 0, not -3, in kW"),
    ("previous.stays.0.station", 7, "{}: wants text of 1 to 128 characters, not 7"),
    ("previous.stays.0.vehicle", MISSING, "{}: is missing"),
    ("previous.stays.0.color", "red", "{}: is not a known key"),
    ("format", "depotd.plan/1", '{}: wants "depotd.snapshot/1", not the text "depotd.plan/1"'),
    ("format", MISSING, '{}: wants "depotd.snapshot/1", but there is no such key'),
]


@pytest.mark.parametrize(("path", "value", "sentence"), FAULTS)
def test_a_fault_is_named_by_path_and_by_what_was_wanted(
    path: str, value: object, sentence: str
) -> None:
    data = document()
    put(path, value)(data)
    place = re.sub(r"\.([0-9]+)", r"[\1]", path)
    assert complaint(json.dumps(data)) == sentence.replace("{}", place, 1)


def test_several_faults_are_counted_and_the_misspelt_key_comes_first() -> None:
    data = document()
    put("routes.0.energy_kwh", -1)(data)
    data["vehicles"][0]["energy"] = data["vehicles"][0].pop("energy_kwh")
    assert complaint(json.dumps(data)) == "vehicles[0].energy: is not a known key (and 2 more)"


@pytest.mark.parametrize(
    "path",
    ["circuits.0.limit_kw", "connectors.0.plugs", "vehicles.0.in_service", "routes.0.priority",
     "rules.turnaround_minutes", "rules.soft", "site.pv_kw", "circuits", "rules"],
)  # fmt: skip
def test_null_is_refused_where_the_contract_shows_none(path: str) -> None:
    data = document()
    put(path, None)(data)
    assert "wants" in complaint(json.dumps(data))


def test_a_plan_is_read_as_strictly() -> None:
    data = json.loads(dump_plan(yard_plan()))
    data["stays"][0]["periods"][0]["kw"] = "20"
    with pytest.raises(InputError) as caught:
        load_plan(json.dumps(data))
    assert str(caught.value) == 'stays[0].periods[0].kw: wants a number of kW, not the text "20"'
    data["stays"][0]["periods"][0] = {"start": "x"}
    with pytest.raises(InputError) as caught:
        load_plan(json.dumps(data))
    assert str(caught.value) == "stays[0].periods[0].start: is not a known key (and 3 more)"


# Faults of the text.

GOOD = json.dumps(document())
TEXTS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "line 1, column 1: wants JSON, expecting value"),
    "cut off": ('{"format":\n', "line 2, column 1: wants JSON, expecting value"),
    "a list": ("[]", "the top level: wants a JSON object, not a list"),
    "a text": ('"x"', 'the top level: wants a JSON object, not the text "x"'),
    "not UTF-8": (b'{"format": "\xff"}', "byte 12: wants JSON in UTF-8"),
    "NaN": (
        GOOD.replace('"reserve_kwh": 8.0', '"reserve_kwh": NaN'),
        "vehicles[0].reserve_kwh: wants a finite number of kWh",
    ),
    "an infinity": (
        GOOD.replace('"reserve_kwh": 8.0', '"reserve_kwh": -1e999'),
        "vehicles[0].reserve_kwh: wants a finite number of kWh",
    ),
    "NaN where anything goes": (
        GOOD.replace('"soft": {}', '"soft": {"x": {"y": [NaN]}}'),
        "rules.soft.x.y[0]: wants a finite number",
    ),
    "a key twice": (
        GOOD.replace('"reserve_kwh": 8.0', '"reserve_kwh": 8.0, "reserve_kwh": 9'),
        "vehicles[0].reserve_kwh: stands there twice, wants one value",
    ),
    "thousands of digits": (
        GOOD.replace('"revision": 7', '"revision": ' + "7" * 5000),
        "the text: wants numbers of at most 4300 digits",
    ),
    "half a character": (
        GOOD.replace('"id": "V2"', '"id": "\\ud800"'),
        "the text: wants JSON, ",
    ),
    "deep": (
        GOOD.replace('"soft": {}', '"soft": {"x": {"y": ' + "[" * 40 + "]" * 40 + "}}"),
        "rules.soft.x.y...: wants JSON at most 32 deep",
    ),
    "very deep": ("[" * 100_000, "the text: wants JSON at most 32 deep"),
    "too much": (
        b" " * (MAX_BYTES + 1),
        "the text: wants at most 64 MiB, it is longer",
    ),
}


@pytest.mark.parametrize(("text", "sentence"), TEXTS.values(), ids=TEXTS.keys())
def test_text_that_is_no_clean_json_is_refused(text: str | bytes, sentence: str) -> None:
    assert complaint(text).startswith(sentence)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@pytest.mark.fault(26)
@given(st.randoms(use_true_random=False), JUNK)
@settings(max_examples=200, deadline=None)
def test_whatever_stands_anywhere_there_is_a_snapshot_or_one_sentence(
    random: Random, junk: object
) -> None:
    data: Any = document()
    at: Any = data
    while True:
        key = random.choice(list(at) if isinstance(at, dict) else range(len(at)))
        if isinstance(at[key], dict | list) and at[key] and random.random() < 0.8:
            at = at[key]
        else:
            at[key] = junk
            break
    try:
        outcome = dump_snapshot(load_snapshot(json.dumps(data)))
    except InputError as error:
        outcome = str(error)
    assert re.match(r'[^\n]+: |{"format":', outcome), outcome
    assert "\n" not in outcome

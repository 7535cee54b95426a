"""What a user may get wrong in a snapshot, as typed: one sentence with the path, or a plan that
names what cannot be done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daemon.cli import main


def at(hour: int) -> str:
    return f"2026-11-20T{hour}:00:00Z"


def document() -> dict[str, Any]:
    """Two vans, two connectors under a tree of circuits, two routes; R2 is pinned to V2."""
    connector = {"connector": 1, "min_kw": 4.2, "max_kw": 22}
    vehicle = {"type": "van", "battery_kwh": 60, "max_charge_kw": 22, "available_from": at(16)}
    return {
        "format": "depotd.snapshot/1",
        "revision": 7,
        "taken_at": at(16),
        "mode": "integrated",
        "horizon": {"hours": 6, "step_minutes": 15},
        "site": {"id": "north", "currency": "EUR", "import_limit_kw": 50, "base_load_kw": 5},
        "circuits": [
            {"id": "yard", "limit_kw": 40},
            {"id": "left", "limit_kw": 30, "parent": "yard"},
        ],
        "connectors": [
            {"station": "CP1", "circuit": "left", "plugs": ["type2"], **connector},
            {"station": "CP2", "circuit": "yard", "plugs": ["ccs2"], **connector},
        ],
        "vehicles": [
            {
                "id": "V1",
                "energy_kwh": 20,
                "target_kwh": 30,
                "plugs": ["type2"],
                "plugged": {"station": "CP1", "connector": 1},
                **vehicle,
            },
            {"id": "V2", "energy_kwh": 50, "plugs": ["type2"], **vehicle},
        ],
        "routes": [
            {"id": "R1", "depart": at(18), "return": at(20), "energy_kwh": 20},
            {"id": "R2", "depart": at(18), "return": at(20), "energy_kwh": 20, "vehicle": "V2"},
        ],
        "rules": {"turnaround_minutes": 15},
        "previous": {"allocations": [{"route": "R1", "vehicle": "V1"}]},
    }


def changed(*changes: tuple[str, object]) -> str:
    data = document()
    for route in data["routes"]:
        route["vehicle_types"] = ["van"]
    for path, value in changes:
        *steps, last = (int(s) if s.isdigit() else s for s in path.split("."))
        place: Any = data
        for step in steps:
            place = place[step]
        if last == len(place):
            place.append(value)
        else:
            place[last] = value
    return json.dumps(data)


def once_more(kind: str) -> tuple[str, object]:
    return f"{kind}.2", document()[kind][0]


REFUSED = {
    "nan": (("vehicles.0.energy_kwh", float("nan")), "vehicles[0].energy_kwh: wants a finite"),
    "infinity": (("site.base_load_kw", float("-inf")), "site.base_load_kw: wants a finite number"),
    "negative energy": (("vehicles.0.energy_kwh", -1), "vehicles[0].energy_kwh: wants at least 0"),
    "negative route": (("routes.0.energy_kwh", -1), "routes[0].energy_kwh: wants at least 0 kWh"),
    "huge": (("vehicles.0.battery_kwh", 1e308), "vehicles[0].battery_kwh: wants at most 10000000"),
    "huge limit": (("site.import_limit_kw", 1e308), "site.import_limit_kw: wants a number between"),
    "departs after its return": (("routes.0.return", at(17)), "routes[0].return: wants an instant"),
    "no such parent": (("circuits.1.parent", "x"), 'circuits[1].parent: wants the id of a circuit'),
    "no such circuit": (("connectors.0.circuit", "x"), "connectors[0].circuit: wants the id of"),
    "circle": (("circuits.0.parent", "left"), 'circuits[0].parent: makes a circle through "yard"'),
    "no such station": (
        ("vehicles.0.plugged", {"station": "CP9", "connector": 1}),
        'vehicles[0].plugged: wants a connector of the depot, "CP9/1" is none',
    ),
    "plug does not fit": (
        ("vehicles.0.plugged", {"station": "CP2", "connector": 1}),
        "vehicles[0].plugged: wants a connector that fits the vehicle, CP2/1 has ccs2",
    ),
    "two at one connector": (
        ("vehicles.1.plugged", {"station": "CP1", "connector": 1}),
        'vehicles[1].plugged: wants a free connector, CP1/1 is taken by "V1"',
    ),
    "vehicle twice": (once_more("vehicles"), 'vehicles[2].id: wants a name of its own, "V1"'),
    "circuit twice": (once_more("circuits"), 'circuits[2].id: wants a name of its own, "yard"'),
    "connector twice": (once_more("connectors"), "connectors[2].connector: wants a name of"),
    "given twice": (
        ("previous.allocations.1", {"route": "R1", "vehicle": "V2"}),
        'previous.allocations[1].route: wants a name of its own, "R1"',
    ),
    "three incompatible": (
        ("rules.incompatible_routes", [["R1", "R2", "R3"]]),
        "rules.incompatible_routes[0]: wants a list of at most 2, not one of 3",
    ),
    "half a step": (("horizon.hours", 6.1), "horizon.hours: wants a whole number of steps"),
    "too many steps": (("horizon.step_minutes", 1e-9), "horizon.step_minutes: makes 3.6e+11 steps"),
    "no points": (("site.pv_kw", []), "site.pv_kw: wants at least one point"),
    "another version": (("format", "depotd.snapshot/2"), 'format: wants "depotd.snapshot/1"'),
    "a plan": (("format", "depotd.plan/1"), 'format: wants "depotd.snapshot/1", not the text'),
    "ten thousand vehicles": (
        ("vehicles", [{**document()["vehicles"][1], "id": f"V{i}"} for i in range(10_000)]),
        "vehicles: wants at most 1000 values, not 10000",
    ),
}  # fmt: skip

OUT = ("vehicles.1.in_service", False)
ALSO_R1 = ("routes.0.vehicle", "V2")
LATER = (("routes.1.depart", at(21)), ("routes.1.return", at(22)))
UNSERVED = {
    "no such pinned vehicle": ([("routes.1.vehicle", "V9")], "its vehicle V9 is unknown"),
    "pinned, out of service": ([OUT], "its vehicle V2 is out of service"),
    "pinned, of another type": (
        [("vehicles.1.type", "bus")],
        "no vehicle of type van is in service: it is pinned to V2, a bus",
    ),
    "pinned, back too late": (
        [("vehicles.1.available_from", at(19))],
        "no allowed vehicle is back by 18:00 UTC: it is pinned to V2, 60 minutes too late",
    ),
    "two pinned at once": (
        [ALSO_R1],
        "its vehicle V2 is not free: V2 drives R1 from 18:00 UTC, pinned to it too, 135 minutes",
    ),
    "an incompatible pair pinned": (
        [ALSO_R1, *LATER, ("rules.incompatible_routes", [["R1", "R2"]])],
        "its vehicle V2 is not free: V2 drives R1, which is incompatible, pinned to it too",
    ),
    "a type that nobody has": (
        [("routes.1.vehicle_types", ["boat"]), ("routes.1.vehicle", None)],
        "no vehicle of type boat is in service",
    ),
    "no type": (
        [("routes.1.vehicle_types", []), ("routes.1.vehicle", None)],
        "it allows no type of vehicle",
    ),
    "energy for a stranger only": (
        [("routes.1.energy_kwh", {"V9": 3}), ("routes.1.vehicle", None)],
        "its consumption is known for no allowed vehicle",
    ),
    "no vehicles": (
        [("vehicles", [])],
        "its vehicle V2 is unknown",
    ),
}  # fmt: skip


def told(file: Path, capsys: pytest.CaptureFixture[str], text: str | bytes) -> tuple[int, Any]:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    status = main(["plan", str(file), "--algorithm", "greedy"])
    out, err = capsys.readouterr()
    if status == 0:
        assert err == ""
        return status, json.loads(out)
    assert (out, err.count("\n")) == ("", 1)
    return status, err.removeprefix(f"depotd: {file}: ")


@pytest.mark.parametrize(("change", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_can_be_no_depot_is_refused_with_its_path(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, object],
    sentence: str,
) -> None:
    status, said = told(tmp_path / "snapshot.json", capsys, changed(change))
    assert status == 2
    assert said.startswith(sentence)


@pytest.mark.parametrize(("changes", "reason"), UNSERVED.values(), ids=UNSERVED.keys())
def test_a_route_that_contradicts_the_rest_is_unserved_and_says_why(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: list[tuple[str, object]],
    reason: str,
) -> None:
    status, plan = told(tmp_path / "snapshot.json", capsys, changed(*changes))
    assert status == 0
    assert next(u["reason"] for u in plan["unserved"] if u["route"] == "R2").startswith(reason)


STRANGERS = {
    "previous vehicle": ("previous.allocations", [{"route": "R1", "vehicle": "V9"}]),
    "previous route": ("previous.allocations", [{"route": "R9", "vehicle": "V1"}]),
    "incompatible route": ("rules.incompatible_routes", [["R1", "R9"], ["R2", "R2"]]),
    "consumption": ("routes.0.energy_kwh", {"V9": 99, "*": 20}),
}


@pytest.mark.parametrize("change", STRANGERS.values(), ids=STRANGERS.keys())
def test_what_names_a_stranger_in_passing_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, object]
) -> None:
    status, plan = told(tmp_path / "snapshot.json", capsys, changed(change))
    assert (status, plan["unserved"]) == (0, [])


def test_a_limit_below_the_base_load_charges_nothing_and_says_so_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = changed(("site.base_load_kw", 60), ("routes.1.energy_kwh", 55))
    status, plan = told(tmp_path / "snapshot.json", capsys, text)
    assert (status, plan["stays"]) == (0, [])
    assert plan["binding"][0]["limit"] == (
        "site import limit: the fixed loads alone exceed it by 10.0 kW, nothing is added"
    )
    assert "more at the site's import limit" in plan["unserved"][0]["reason"]
    assert [s["vehicle"] for s in plan["shortfalls"]] == ["V1"]


@pytest.mark.parametrize("lists", [("connectors", "vehicles"), ("vehicles", "routes"), ("routes",)])
def test_an_empty_depot_has_a_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lists: tuple[str, ...]
) -> None:
    changes: list[tuple[str, object]] = [(name, []) for name in lists]
    status, plan = told(tmp_path / "snapshot.json", capsys, changed(*changes))
    assert (status, plan["stays"] if "vehicles" in lists else []) == (0, [])


def test_a_byte_order_mark_does_no_harm_and_other_bytes_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, text = tmp_path / "snapshot.json", changed()
    assert told(file, capsys, b"\xef\xbb\xbf" + text.encode())[0] == 0
    assert told(file, capsys, text.encode("utf-16")) == (2, "byte 0: wants JSON in UTF-8\n")
    assert told(file, capsys, bytes(range(256))) == (2, "byte 128: wants JSON in UTF-8\n")


def test_a_plan_for_another_revision_is_a_no_that_names_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, plan = (tmp_path / f"{name}.json" for name in ("old", "new", "plan"))
    old.write_text(changed(), encoding="utf-8")
    new.write_text(changed(("revision", 8)), encoding="utf-8")
    assert main(["plan", str(old), "--algorithm", "greedy", "--out", str(plan)]) == 0
    assert main(["check", str(new), str(plan)]) == 1
    said = capsys.readouterr().out
    assert said == "law 1, plan: it answers revision 7, the snapshot is 8\n"

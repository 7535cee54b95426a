"""The shipped example says what is true."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest

from config.example import text
from config.schema import schema
from config.settings import Settings
from config.sources import load
from daemon.core.arming import worst_cases
from daemon.site_of import site_of
from planner.soft import Soft


def uncommented(toml: str) -> str:
    """The example with every commented-out key in force."""
    return re.sub(r"(?m)^# (?=[a-z_]+ = )", "", toml)


def test_the_example_loads_and_its_worst_case_holds(tmp_path: Path) -> None:
    file = tmp_path / "depot.toml"
    file.write_text(text(), encoding="utf-8")

    settings = load(file, {})

    assert settings.site.id == "north"
    assert len(settings.stations) == 3
    assert all(case.holds for case in worst_cases(site_of(settings)))


def test_the_example_shows_every_key_there_is() -> None:
    shown = tomllib.loads(uncommented(text()))

    assert set(shown) == set(Settings.model_fields)
    for name in ("site", "ocpp", "mqtt", "http", "store", "planner", "rules", "meter"):
        section = schema()["$defs"][schema()["properties"][name]["$ref"].rsplit("/")[-1]]
        assert set(shown[name]) == set(section["properties"]), name


def test_the_example_shows_every_soft_rule_with_its_defaults() -> None:
    shown = tomllib.loads(uncommented(text()))["rules"]["soft"]
    told = {"charger_preference": ("costs",), "incompatible_routes": ("pairs",)}

    assert list(shown) == [f.name for f in fields(Soft)]
    for name, keys in shown.items():
        needed = {key: keys[key] for key in told.get(name, ())}
        wanted, found = (
            Settings.model_validate_json(json.dumps({"rules": {"soft": {name: value}}}))
            for value in (needed or True, keys)
        )
        rule, example = (getattr(s.rules.soft, name) for s in (wanted, found))
        assert {f.name for f in fields(rule)} == set(keys), name
        if name == "charger_preference":
            # Nothing is preferred at any time by default, which would show nothing.
            example = replace(example, window=None, timezone=None)
        if name == "triad":
            example = replace(example, timezone=None)
        assert example == rule, name


@pytest.mark.parametrize("name", ["ocpp", "mqtt", "http", "planner", "rules", "site"])
def test_commented_keys_of_plain_numbers_and_words_show_the_default(name: str) -> None:
    default = getattr(Settings(), name)
    body = re.search(rf"(?ms)^\[{name}\]\n(.*?)(?=^\[|\Z)", text())
    assert body is not None
    lines = re.findall(r"(?m)^# ([a-z_]+ = (?:[\d.]+|true|false|\"[a-z0-9.]+\"))(?: .*)?$", body[1])

    for line in lines:
        ((key, value),) = tomllib.loads(line).items()
        known = getattr(default, key)
        if known is not None and not hasattr(known, "points"):
            assert value == known, f"{name}.{key}"

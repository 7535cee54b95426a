from __future__ import annotations

import pytest

from protocol.ocpp import schemas
from protocol.ocpp.dialect import Dialect
from protocol.ocpp.errors import RemoteError
from protocol.ocpp.model import Version
from protocol.ocpp.v16 import dialect as v16
from protocol.ocpp.v201 import dialect as v201


@pytest.mark.parametrize(("version", "actions"), [(Version.V16, 39), (Version.V201, 64)])
def test_every_action_has_a_schema_for_its_call_and_its_answer(
    version: Version, actions: int
) -> None:
    loaded = schemas.load(version)
    assert loaded.calls.keys() == loaded.results.keys()
    assert len(loaded.calls) == actions


@pytest.mark.parametrize("dialect", [v16.DIALECT, v201.DIALECT])
def test_every_call_that_is_decoded_is_an_action_of_its_version(dialect: Dialect) -> None:
    assert dialect.calls.keys() <= schemas.load(dialect.version).calls.keys()


def test_they_are_compiled_once() -> None:
    assert schemas.load(Version.V16) is schemas.load(Version.V16)


def test_what_is_wrong_is_named_by_its_place() -> None:
    validator = schemas.load(Version.V16).calls["MeterValues"]
    payload = {"connectorId": 1, "meterValue": [{"timestamp": "x", "sampledValue": [{}]}]}
    with pytest.raises(RemoteError, match="meterValue/0/sampledValue/0: value is missing"):
        schemas.check(validator, payload)

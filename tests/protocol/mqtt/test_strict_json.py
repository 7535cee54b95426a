from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.mqtt.strict_json import loads

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_json_can_hold_is_read_as_it_was_written(value: object) -> None:
    assert loads(json.dumps(value).encode(), max_depth=64) == value


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b'{"a": 1,}', "is no JSON"),
        (b"\xff", "is no UTF-8 at byte 0"),
        (b"[NaN]", "holds NaN"),
        (b"[-Infinity]", "holds -Infinity"),
        (b"[1e999]", "holds 1e999"),
        (b"1" + b"0" * 400, "64-bit float"),
        (b"9" * 5000, "64-bit float"),
        (b'{"a": {"b": 1, "b": 2}}', "the key 'b' twice"),
        (b'"\\ud800"', "half of a surrogate pair"),
        (b'{"\\udfff": 1}', "half of a surrogate pair"),
        (b"[" * 5 + b"]" * 5, "deeper than 4"),
        (b"[" * 60_000, "deeper than 4"),
        (b'[{"a":' * 10_000, "deeper than 4"),
    ],
)
def test_what_is_no_json_is_refused_with_its_reason(text: bytes, wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted):
        loads(text, max_depth=4)


def test_brackets_in_strings_are_no_depth() -> None:
    assert loads(b'["[[[[[[", "\\"[[[[["]', max_depth=1) == ["[[[[[[", '"[[[[[']


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert loads(b'"\\ud83d\\ude9a"', max_depth=1) == "🚚"

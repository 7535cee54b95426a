"""Every fault that is listed has a test that names it, or a sentence why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault_table import DOCUMENT, Fault, read_faults, read_tests, table, written


def test_every_fault_has_a_test_or_a_sentence_why_not() -> None:
    shown = {test.number for test in read_tests()}
    faults = read_faults()

    assert [f.number for f in faults] == list(range(1, len(faults) + 1))
    assert [f.number for f in faults if f.number not in shown and not f.remark] == []


def test_every_marker_names_a_fault_that_is_listed() -> None:
    listed = {fault.number for fault in read_faults()}

    assert [test for test in read_tests() if test.number not in listed] == []


def test_the_table_in_the_document_is_that_of_the_tests() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    fresh = written(document, table(read_faults(), read_tests()))

    assert document == fresh, "the table of faults is stale: run `make faults`"


def test_markers_are_found_with_all_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "@pytest.mark.fault(3, 5)\n@pytest.mark.asyncio\nasync def test_it_holds(): ...\n"
        "def test_of_no_fault(): ...\ndef test_fault_07_it_falls_back(): ...\n"
    )
    fault = Fault(number=5, section="S", wrong="w", wanted="h", remark="Why not all.")

    shown = read_tests(tmp_path)

    assert [test.number for test in shown] == [3, 5, 7]
    assert "| 5 | w | h | `test_a.py`: it holds<br>Why not all. |" in table([fault], shown)


def test_a_document_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="end of faults"):
        written("# Reliability\n", "")

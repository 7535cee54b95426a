"""The table of faults in docs/reliability.md, made from tests/faults.toml and the tests' markers.

`make faults` writes it; a test fails when it is stale. Tests are read, not imported.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent
FAULTS = TESTS / "faults.toml"
DOCUMENT = TESTS.parent / "docs" / "reliability.md"
NAMED = re.compile(r"test_fault_(\d+)_")
HEAD = ["| | What goes wrong | What must happen | Shown by |", "| ---: | --- | --- | --- |"]
BEGIN = "<!-- faults: made by `make faults` from tests/faults.toml and the tests -->"
END = "<!-- end of faults -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    number: int
    section: str
    wrong: str
    wanted: str
    remark: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A test that carries the number of a fault."""

    number: int
    path: str
    name: str


def read_faults(path: Path = FAULTS) -> list[Fault]:
    """Raises KeyError for a remark on a fault that is not listed."""
    told = tomllib.loads(path.read_text(encoding="utf-8"))
    remarks: dict[str, str] = dict(told["remarks"])
    faults = [
        Fault(
            number=int(number),
            section=section["name"],
            wrong=wrong,
            wanted=wanted,
            remark=remarks.pop(number, None),
        )
        for section in told["section"]
        for number, (wrong, wanted) in section["faults"].items()
    ]
    if remarks:
        raise KeyError(f"{path.name}: remarks on faults that are not there: {sorted(remarks)}")
    return faults


def read_tests(folder: Path = TESTS) -> list[Shown]:
    """Every test below `folder` that is called `test_fault_NUMBER_...` or carries
    `@pytest.mark.fault(NUMBER, ...)`, in its order."""
    return [
        Shown(number=number, path=str(path.relative_to(folder)), name=test.name)
        for path in sorted(folder.rglob("test_*.py"))
        for test in _functions(ast.parse(path.read_text(encoding="utf-8")))
        for number in _numbers(test)
    ]


def table(faults: Sequence[Fault], shown: Sequence[Shown]) -> str:
    """The faults by section, as Markdown."""
    by_number: Mapping[int, list[Shown]] = defaultdict(list)
    for test in shown:
        by_number[test.number].append(test)
    lines: list[str] = []
    section = ""
    for fault in faults:
        if fault.section != section:
            section = fault.section
            lines += ["", f"### {section}", "", *HEAD]
        cells = [str(fault.number), fault.wrong, fault.wanted, _shown_by(fault, by_number)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines[1:], ""])


def written(document: str, text: str) -> str:
    """`document` with its table replaced; ValueError where its two marks are not there."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT.name}: wants the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def _functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _numbers(test: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[int]:
    if named := NAMED.match(test.name):
        yield int(named[1])
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.fault":
            yield from (int(ast.literal_eval(argument)) for argument in decorator.args)


def _shown_by(fault: Fault, by_number: Mapping[int, list[Shown]]) -> str:
    files: dict[str, list[str]] = defaultdict(list)
    for test in by_number.get(fault.number, []):
        name = NAMED.sub("", test.name).removeprefix("test_")
        files[test.path].append(name.replace("_", " "))
    told = [f"`{path}`: {'; '.join(names)}" for path, names in files.items()]
    return "<br>".join([*told, *([fault.remark] if fault.remark else [])])


def main() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    text = table(read_faults(), read_tests())
    DOCUMENT.write_text(written(document, text), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Tables for docs/benchmarks.md, and the marks between which they are written."""

from __future__ import annotations

from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns are as wide as their widest cell, so that the source can be read too."""
    clean = [[cell.replace("|", "/").replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *clean, strict=True)]
    lines = [heads, ["-" * w for w in widths], *clean]
    return "\n".join(
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def number(value: float) -> str:
    """Two decimals where there are any."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def yes_no(value: bool) -> str:
    return "yes" if value else "no"


def put(document: str, name: str, text: str) -> str:
    """The document with `text` between the marks of `name`; raises ValueError without them."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, found, rest = document.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f'wants the marks "{begin}" and "{end}", in this order')
    return f"{head}{begin}\n\n{text}\n\n{end}{tail}"

"""HTML and SVG as text: what is not markup already is escaped where it enters."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

# Controls and noncharacters, which are parse errors wherever they stand (HTML, 13.2.3.5).
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef"
    + "".join(chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
_EMPTY = frozenset({"meta", "rect", "line", "path", "circle"})


class Markup(str):
    """Text that is HTML; only this module makes it."""

    __slots__ = ()


Child: TypeAlias = "str | Iterable[Child] | None"
Attributes = Mapping[str, str | float | None]


def tag(name: str, attributes: Attributes | None = None, *children: Child) -> Markup:
    """An element; attributes and children that are None are left out."""
    given = (attributes or {}).items()
    told = "".join(f' {key}="{_attribute(value)}"' for key, value in given if value is not None)
    if name in _EMPTY and not children:
        return Markup(f"<{name}{told}/>")
    return Markup(f"<{name}{told}>{_inner(children)}</{name}>")


def styled(css: str) -> Markup:
    """A style element; its text is ours and no data: HTML reads it without escapes."""
    if "<" in css:
        raise ValueError("a stylesheet in the page wants no '<'")
    return Markup(f"<style>{css}</style>")


def document(head: Child, body: Child) -> str:
    page = tag("html", {"lang": "en"}, "\n", tag("head", None, head), "\n", tag("body", None, body))
    return f"<!DOCTYPE html>\n{page}\n"


def coordinate(value: float) -> str:
    """A tenth of a pixel is finer than any screen."""
    return f"{value:.1f}".removesuffix(".0")


def _attribute(value: str | float) -> str:
    return _escaped(value) if isinstance(value, str) else coordinate(value)


def _inner(children: Iterable[Child]) -> str:
    parts: list[str] = []
    for child in children:
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(_escaped(child))
        elif child is not None:
            parts.append(_inner(child))
    return "".join(parts)


def _escaped(text: str) -> str:
    return html.escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text))

"""Reads a page back with the standard library's parser, and is strict where browsers forgive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass(slots=True)
class Element:
    """`text` is that of the element alone, without its children's."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    text: str = ""

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    def walk(self) -> Iterator[Element]:
        yield self
        for child in self.children:
            yield from child.walk()

    def all(self, name: str | None = None, style: str | None = None) -> list[Element]:
        return [
            e
            for e in self.walk()
            if (name is None or e.name == name) and (style is None or style in e.classes)
        ]

    def one(self, name: str | None = None, style: str | None = None) -> Element:
        (found,) = self.all(name, style)
        return found

    def by_id(self, key: str) -> Element:
        (found,) = (e for e in self.walk() if e.attributes.get("id") == key)
        return found

    @property
    def words(self) -> str:
        """All text below, in one line."""
        return " ".join(" ".join(e.text.split()) for e in self.walk() if e.text.strip())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("document")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(self._element(tag, attrs))
        assert tag not in VOID, f"<{tag}> wants to be closed in itself"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._element(tag, attrs)

    def _element(self, tag: str, attrs: list[tuple[str, str | None]]) -> Element:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        made = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(made)
        return made

    def handle_endtag(self, tag: str) -> None:
        opened = self._open.pop()
        assert opened.name == tag, f"<{opened.name}> is closed as </{tag}>"

    def handle_data(self, data: str) -> None:
        self._open[-1].text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data!r}")

    def close(self) -> None:
        super().close()
        assert self._open == [self.root], f"left open: {[e.name for e in self._open[1:]]}"


def read(page: str) -> Element:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    ids = [e.attributes["id"] for e in reader.root.walk() if "id" in e.attributes]
    assert len(ids) == len(set(ids)), "an id is there twice"
    return reader.root

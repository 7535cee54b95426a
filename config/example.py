"""The example that is shipped: complete, commented, and loadable as it stands."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

FILE: Final = "depot.example.toml"


def text() -> str:
    return (files("config") / FILE).read_text(encoding="utf-8")

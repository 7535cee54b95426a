"""Refuses to start where another distribution owns one of our package names (decision record 1).

Our top-level packages have generic names; python-daemon, for one, also installs `daemon`. Mixed
files of two packages run for a while and then fail far from the cause.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

PACKAGES: Final = ("daemon", "protocol", "planner", "config", "simulation")
OWN: Final = "depotd"
REMEDY: Final = "install depotd into an environment of its own (uv tool install, pipx, or a venv)"


class ForeignPackage(Exception):
    """Another distribution's files stand where ours should: one sentence, who and what to do."""


def refuse_foreign_packages() -> None:
    """Raises ForeignPackage. Measured: 6 to 13 ms with 100 distributions installed."""
    root = Path(__file__).resolve().parent.parent
    for package in PACKAGES:
        if (place := _place_of(package)) is not None and place.parent != root:
            raise ForeignPackage(
                f"the package {package} would come from {place}, not from {root}: {REMEDY}"
            )
    if found := foreign_owner(distributions()):
        package, owner = found
        raise ForeignPackage(f"{owner} also installs a package called {package}: {REMEDY}")


def foreign_owner(installed: Iterable[Distribution]) -> tuple[str, str] | None:
    """The first of our packages that another distribution owns, and its owner."""
    for distribution in installed:
        # Metadata is costly to parse and wanted for a culprit only.
        if (package := _owned_by(distribution)) is not None and distribution.name.lower() != OWN:
            return package, f"{distribution.name} {distribution.version}"
    return None


def _owned_by(distribution: Distribution) -> str | None:
    """Plain text search: `Distribution.files` would parse every line of every RECORD."""
    record = distribution.read_text("RECORD")
    if record is None:
        names = (distribution.read_text("top_level.txt") or "").split()
        return next((package for package in PACKAGES if package in names), None)
    text = f"\n{record}"
    owned = (p for p in PACKAGES if f"\n{p}/" in text or f"\n{p}.py," in text)
    return next(owned, None)


def _place_of(package: str) -> Path | None:
    """The folder or module that `import package` would take; None where there is none."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    return Path(spec.origin).resolve() if spec.origin else None

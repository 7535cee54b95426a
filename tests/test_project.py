"""What the project promises about itself: lock, packages, file lengths."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from daemon.guard import PACKAGES

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 400


def read(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.fault(76)
def test_the_lock_is_made_from_these_dependencies() -> None:
    project = read("pyproject.toml")
    (locked,) = (p for p in read("uv.lock")["package"] if p["name"] == "depotd")

    extras = project["project"].get("optional-dependencies", {}).values()
    asked = [*project["project"]["dependencies"], *(r for extra in extras for r in extra)]
    wanted = {(name_of(r), requirement_range(r)) for r in asked}
    assert {
        (r["name"], ordered(r["specifier"])) for r in locked["metadata"]["requires-dist"]
    } == wanted
    wanted = {(name_of(r), requirement_range(r)) for r in project["dependency-groups"]["dev"]}
    dev = locked["metadata"]["requires-dev"]["dev"]
    assert {(r["name"], ordered(r["specifier"])) for r in dev} == wanted


@pytest.mark.fault(76)
def test_the_bill_of_materials_tells_every_package_with_the_hashes_that_are_locked(
    tmp_path: Path,
) -> None:
    file = tmp_path / "depotd.cdx.json"
    # Whoever runs the tests by make hands its own settings on.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    subprocess.run(["make", "-s", "sbom", f"SBOM={file}"], cwd=ROOT, env=environment, check=True)

    told = {
        (part["name"], part["version"]): {
            digest["content"]
            for reference in part["externalReferences"]
            for digest in reference["hashes"]
        }
        for part in json.loads(file.read_text(encoding="utf-8"))["components"]
    }
    locked = {(p["name"], p["version"]): hashes(p) for p in read("uv.lock")["package"]}
    project = read("pyproject.toml")["project"]
    extras = project.get("optional-dependencies", {}).values()
    asked = {name_of(r) for r in [*project["dependencies"], *(r for x in extras for r in x)]}
    assert asked <= {name for name, _ in told}
    assert told == {key: locked[key] for key in told}
    assert all(told.values())


def hashes(package: dict[str, Any]) -> set[str]:
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    return {file["hash"].removeprefix("sha256:") for file in files}


def name_of(requirement: str) -> str:
    return requirement.split("[")[0].split(">")[0].split("<")[0].split("=")[0]


def requirement_range(requirement: str) -> tuple[str, ...]:
    start = min(i for i, c in enumerate(requirement) if c in "<>=")
    return ordered(requirement[start:])


def ordered(specifier: str) -> tuple[str, ...]:
    return tuple(sorted(specifier.split(",")))


def test_the_guard_knows_every_package_that_is_installed() -> None:
    built = read("pyproject.toml")["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert tuple(built) == PACKAGES


def test_files_stay_short() -> None:
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
    }

    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}

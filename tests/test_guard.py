"""The start-up guard against other owners of our package names."""

from __future__ import annotations

import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

from daemon.guard import ForeignPackage, foreign_owner, refuse_foreign_packages


def installed(folder: Path, name: str, **files: str) -> list[Distribution]:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    for file, text in files.items():
        (info / file.replace("_txt", ".txt")).write_text(text)
    return list(distributions(path=[str(folder)]))


def test_this_environment_is_ours() -> None:
    refuse_foreign_packages()


@pytest.mark.parametrize("line", ["daemon/pidfile.py,sha256=x,1", "planner.py,sha256=x,1"])
def test_another_owner_of_a_name_is_found(tmp_path: Path, line: str) -> None:
    found = installed(tmp_path, "python_daemon", RECORD=f"other/__init__.py,,\n{line}\n")

    assert foreign_owner(found) == (line.split("/")[0].split(".")[0], "python_daemon 1.0")


def test_another_owner_is_found_in_what_distributions_left_before_records(tmp_path: Path) -> None:
    found = installed(tmp_path, "python_daemon", top_level_txt="daemon\n")

    assert foreign_owner(found) == ("daemon", "python_daemon 1.0")


@pytest.mark.parametrize(
    "line", ["x/daemon/y.py,,", "daemons/y.py,,", "planner_x.py,,", "configx,,"]
)
def test_names_that_only_resemble_ours_are_no_matter(tmp_path: Path, line: str) -> None:
    assert foreign_owner(installed(tmp_path, "other", RECORD=f"{line}\n")) is None


def test_our_own_distribution_may_own_them(tmp_path: Path) -> None:
    assert foreign_owner(installed(tmp_path, "depotd", RECORD="daemon/cli.py,,\n")) is None


def test_an_owner_on_the_path_is_refused_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, "python_daemon", RECORD="daemon/pidfile.py,sha256=x,1\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ForeignPackage) as caught:
        refuse_foreign_packages()

    said = str(caught.value)
    assert said.startswith("python_daemon 1.0 also installs a package called daemon: install dep")
    assert "\n" not in said


def test_a_package_that_hides_ours_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "simulation.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "simulation", raising=False)

    with pytest.raises(ForeignPackage, match="the package simulation would come from"):
        refuse_foreign_packages()

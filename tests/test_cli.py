"""What the shell sees: exit statuses, one sentence for wrong input, a traceback for our defects."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.cli import COMMANDS, main

DEPOTD = [sys.executable, "-m", "daemon.cli"]


def test_no_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])

    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])

    assert caught.value.code == 0
    told = capsys.readouterr().out
    assert all(f"\n    {name} " in told for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])

    assert caught.value.code == 0
    assert f"depotd {command}" in capsys.readouterr().out


def test_input_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "depot.toml"
    file.write_text("[site]\nimport_limit_kw = -5")

    assert main(["config", "check", str(file)]) == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert told.err.startswith(f"depotd: {file}: site.import_limit_kw: ")


def test_a_package_of_somebody_else_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text("raise SystemExit('the wrong package')")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from daemon.cli import main\n"
        "sys.exit(main(['config', 'schema']))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("depotd: the package config would come from ")
    assert ended.stderr.count("\n") == 1


def test_a_defect_of_ours_shows_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> str:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("config.example.text", broken)

    assert main(["config", "example"]) == 70
    assert "ZeroDivisionError: a defect" in capsys.readouterr().err


def test_an_interrupt_has_the_shells_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("config.example.text", interrupted)

    assert main(["config", "example"]) == 130


def test_a_closed_pipe_is_no_complaint() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "wb") as pipe:
        ended = subprocess.run(
            [*DEPOTD, "config", "schema"], stdout=pipe, stderr=subprocess.PIPE, check=False
        )

    assert (ended.returncode, ended.stderr) == (141, b"")


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    script = (
        "import sys, contextlib, daemon.cli\n"
        "with contextlib.suppress(SystemExit): daemon.cli.main(['--help'])\n"
        "heavy = {'numpy', 'scipy', 'pydantic', 'sqlalchemy', 'fastapi', 'asyncio'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, b"")

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import structlog
from structlog.typing import FilteringBoundLogger

from daemon.adapters.log import configure, redact

NOW = datetime(2026, 11, 21, 5, 52, 3, 250_000, tzinfo=timezone(timedelta(hours=1)))


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, config = list(root.handlers), root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.configure(**config)


class Lines(io.StringIO):
    def parsed(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def out() -> Lines:
    return Lines()


@pytest.fixture
def log(out: Lines) -> FilteringBoundLogger:
    return configure(stream=out, now=lambda: NOW, revision=lambda: 4711)


def test_a_line_has_time_in_utc_level_event_and_revision_first(
    out: Lines, log: FilteringBoundLogger
) -> None:
    log.info("plan_applied", station="CP01")
    assert out.getvalue() == (
        '{"time": "2026-11-21T04:52:03.250Z", "level": "info", "event": "plan_applied", '
        '"revision": 4711, "station": "CP01"}\n'
    )


def test_a_line_of_its_own_revision_keeps_it(out: Lines, log: FilteringBoundLogger) -> None:
    log.info("plan_dropped", revision=4709)
    log.bind(revision=4710).warning("plan_late")
    assert [line["revision"] for line in out.parsed()] == [4709, 4710]


def test_below_the_level_nothing_is_written(out: Lines, log: FilteringBoundLogger) -> None:
    log.debug("tick")
    assert out.getvalue() == ""
    configure(stream=out, level="debug").debug("tick")
    assert out.parsed()[0]["level"] == "debug"


def test_an_unknown_level_is_named() -> None:
    with pytest.raises(ValueError, match=r"log\.level: 'loud' wants one of debug, info"):
        configure(level="loud")


@pytest.mark.fault(67)
@pytest.mark.parametrize(
    "text",
    ["a\nb", "a\r\nb", "\x1b[2J\x1b]0;x\x07", "\x00\x7f\x85\x9b", "\u2028\u202e\u2066", "\ud800"],
)
def test_no_text_starts_a_line_or_speaks_to_a_terminal(
    out: Lines, log: FilteringBoundLogger, text: str
) -> None:
    log.info("boot", vendor=text, **{"key\n": text})
    logging.getLogger("ocpp").warning("%s", text)
    lines = out.getvalue().split("\n")
    assert len(lines) == 3
    assert all(c.isascii() and c.isprintable() for line in lines for c in line)
    assert out.parsed()[0]["vendor"] == text


@pytest.mark.parametrize("text", ["\x1b[2J", "a\nINFO forged", "\x9b31m", "\u202egnp.exe"])
def test_no_text_speaks_to_a_terminal_in_readable_lines_either(out: Lines, text: str) -> None:
    log = configure(stream=out, pretty=True, now=lambda: NOW)
    log.info(text, vendor=text, model={"name": text})
    logging.getLogger("ocpp").warning("%s", text)
    shown = out.getvalue()
    assert len(shown.splitlines()) == 2
    assert text not in shown
    assert "vendor" in shown


def test_readable_lines_are_for_terminals_only(out: Lines) -> None:
    class Terminal(Lines):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    configure(stream=terminal, now=lambda: NOW).info("ready")
    assert "ready" in terminal.getvalue()
    with pytest.raises(json.JSONDecodeError):
        terminal.parsed()
    configure(stream=out).info("ready")
    assert out.parsed()[0]["event"] == "ready"


SECRET = "hunter2-Zq9"


@pytest.mark.fault(67)
@pytest.mark.parametrize(
    "fields",
    [
        {"password": SECRET},
        {"Authorization": f"Basic {SECRET}"},
        {"authorization_key": SECRET},
        {"AuthorizationKey": SECRET},
        {"token": SECRET},
        {"id_token": SECRET},
        {"settings": {"mqtt": {"password": SECRET}}},
        {"stations": [{"id": "CP01", "password": SECRET}]},
        {"url": f"mqtt://depot:{SECRET}@broker.example:1883/x"},
        {"url": f"postgresql://depot:p@{SECRET}@db/x"},
        {"url": f"https://example.org/x?token={SECRET}&y=1"},
        {"reason": f"401 for Authorization: Basic {SECRET}"},
        {"reason": f"cannot log in with password='{SECRET}'"},
        {"reason": f"cannot log in with password='four words of {SECRET}'"},
        {"reason": json.dumps(json.dumps({"password": SECRET}))},
        {"frame": f'[2,"1","ChangeConfiguration",{{"password":"{SECRET}"}}]'},
        {"command": {"key": "AuthorizationKey", "value": SECRET}},
        {
            "command": {
                "variable": {"name": "BasicAuthPassword"},
                "attributeValue": SECRET,
            }
        },
        {"password": [SECRET]},
        {"password": {"old": SECRET}},
    ],
)
def test_secrets_are_blanked_wherever_they_stand(
    out: Lines, log: FilteringBoundLogger, fields: dict[str, Any]
) -> None:
    log.warning("refused", **fields)
    logging.getLogger("websockets").error("refused", extra=fields)
    logging.getLogger("aiomqtt").error("refused %s", fields)
    assert len(out.parsed()) == 3
    assert SECRET not in out.getvalue()
    assert "***" in out.getvalue()


def test_a_secret_in_an_exception_is_blanked_and_its_trace_kept(
    out: Lines, log: FilteringBoundLogger
) -> None:
    try:
        raise ConnectionError(f"mqtt://depot:{SECRET}@broker:1883 refused")
    except ConnectionError:
        log.exception("broker_lost")
        logging.getLogger("aiomqtt").exception("lost")
    assert SECRET not in out.getvalue()
    for line in out.parsed():
        assert line["exception"].startswith("Traceback")
        assert line["exception"].endswith("ConnectionError: mqtt://***@broker:1883 refused")


@pytest.mark.fault(67)
def test_a_secret_setting_in_the_text_of_a_frame_is_blanked(
    out: Lines, log: FilteringBoundLogger
) -> None:
    frame = [
        {"attributeValue": SECRET, "component": {"name": "SecurityCtrlr"}},
        {"name": "BasicAuthPassword"},
    ]
    log.warning("refused", frame=json.dumps(frame))
    log.warning(f"refused {frame}")
    assert len(out.parsed()) == 2
    assert SECRET not in out.getvalue()


def test_a_long_text_is_cut_and_says_so(out: Lines, log: FilteringBoundLogger) -> None:
    for text in ("x" * 70_000, "token" * 14_000, 'token="' * 10_000, "://" * 20_000):
        log.info("refused", text=text)
    for line in out.parsed():
        assert len(line["text"]) < 17_000
        assert line["text"].endswith(" more")


def test_what_is_no_secret_is_left_as_it_is(out: Lines, log: FilteringBoundLogger) -> None:
    fields = {
        "url": "mqtt://broker.example:1883",
        "text": "at 04:52 V01 plugged in: 22.0 kW, user@example.org",
        "limits": [1, 2.5, None, True],
        "variable": {"key": "HeartbeatInterval", "value": 60},
    }
    log.info("seen", **fields)
    assert {name: out.parsed()[0][name] for name in fields} == fields


def test_what_json_cannot_hold_becomes_text() -> None:
    event = redact(
        None,
        "info",
        {"at": NOW, "kw": float("nan"), "most": float("inf"), "raw": b"\x00", "bad": {1: {2}}},
    )
    assert event == {
        "at": "2026-11-21T04:52:03.250000Z",
        "kw": "nan",
        "most": "inf",
        "raw": "b'\\x00'",
        "bad": {"1": [2]},
    }
    assert json.dumps(event, allow_nan=False)


def test_a_structure_without_end_is_cut() -> None:
    endless: dict[str, object] = {}
    endless["again"] = endless
    assert "..." in json.dumps(redact(None, "info", {"x": endless}))


@pytest.mark.parametrize(
    "name", ["ocpp", "websockets.server", "uvicorn.error", "sqlalchemy.engine"]
)
def test_libraries_are_heard_from_warning_on_in_the_same_form(
    out: Lines, log: FilteringBoundLogger, name: str
) -> None:
    logging.getLogger(name).info("frame %s", "[2]")
    logging.getLogger(name).warning("slow %s", "peer")
    assert out.parsed() == [
        {
            "time": "2026-11-21T04:52:03.250Z",
            "level": "warning",
            "event": "slow peer",
            "revision": 4711,
            "logger": name,
        }
    ]


def test_warnings_are_lines_too(out: Lines, log: FilteringBoundLogger) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old\nway", UserWarning, stacklevel=1)
        logging.captureWarnings(False)
    (line,) = out.parsed()
    assert line["logger"] == "py.warnings"
    assert "UserWarning: old\nway" in line["event"]


def test_the_clock_is_utc_without_being_given_one(out: Lines) -> None:
    before = datetime.now(UTC)
    configure(stream=out).info("ready")
    told = datetime.fromisoformat(out.parsed()[0]["time"])
    assert before - timedelta(milliseconds=1) <= told <= datetime.now(UTC)

"""Logging: one JSON object a line to stderr, or readable lines on a terminal.

Everything passes one chain, the lines of libraries too: what names a secret is blanked, and no
text from outside can start a line of its own or speak to a terminal.
"""

from __future__ import annotations

import json
import logging
import math
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
BLANK = "***"

_SECRET_WORDS = (
    *("password", "passwd", "passphrase", "authorization", "secret", "token", "cookie"),
    *("credential", "apikey", "privatekey"),
)
_IN_URL = re.compile(r"(?<=://)[^\s/?#@]*:[^\s/?#]*@")
# Each repetition is bounded or consumes what it matches: hostile text costs linear time.
_IN_TEXT = re.compile(
    r"""(?ix)
    (?P<name>(?:password|passwd|passphrase|authorization[_-]?key|secret|token|api[_-]?key)\w{0,24})
    (?P<sign>\\{0,4}["']?\s{0,4}[:=]\s{0,4}\\{0,4})
    (?:"[^"]*"? | '[^']*'? | [\[{(][^\]})]* | [^\s"',;&}\])]+)"""
)
_SECRET_SETTING = re.compile(r"(?i)authorization_?key|basicauthpassword")
_SETTING_VALUE = re.compile(
    r"""(?i)(value["']\s{0,4}:\s{0,4})(?:"[^"]*"? | '[^']*'?)""", re.VERBOSE
)
_SCHEME = re.compile(r"(?i)\b(basic|bearer)\s+[a-z0-9+/=._~-]{6,}")
_CONTROL = {
    i: f"\\u{i:04x}"
    for i in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
_CONTROL_IN_BLOCK = {i: text for i, text in _CONTROL.items() if i not in (0x09, 0x0A)}
_MAX_DEPTH = 8
_MAX_TEXT = 16_384


def configure(
    *,
    level: str = "info",
    stream: TextIO | None = None,
    pretty: bool | None = None,
    revision: Callable[[], int | None] = lambda: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FilteringBoundLogger:
    """Sets up structlog and the standard library's logging, and returns the daemon's logger.

    Libraries are heard from WARNING on. `pretty` defaults to whether `stream` (stderr) is a
    terminal. `revision` gives the plan's revision for lines that do not carry one themselves.
    Raises ValueError for an unknown level.
    """
    if level not in LEVELS:
        raise ValueError(f"log.level: {level!r} wants one of {', '.join(LEVELS)}")
    out = stream or sys.stderr
    if pretty is None:
        pretty = out.isatty()
    head: list[Processor] = [structlog.stdlib.add_log_level, _stamp(now, revision)]
    tail: list[Processor] = [structlog.processors.format_exc_info, redact, *_renderer(pretty)]
    structlog.configure(
        processors=[*head, *tail],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        # One write for each line: two threads' lines do not mix.
        logger_factory=structlog.WriteLoggerFactory(out),
    )
    _route_libraries(out, [*head, structlog.stdlib.add_logger_name], tail)
    log: FilteringBoundLogger = structlog.get_logger()
    return log


def _route_libraries(out: TextIO, head: list[Processor], tail: list[Processor]) -> None:
    handler = logging.StreamHandler(out)
    unwrap = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=head, processors=[unwrap, *tail])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Blanks every value whose name tells a secret, and secrets that stand in texts (credentials in
    URLs, `name=value`, HTTP authorization), at any depth; leaves only what JSON can hold."""
    return {name: _clean(name, value, 0) for name, value in event.items()}


def _clean(name: str, value: object, depth: int) -> Any:
    if _names_secret(name) and value is not None:
        return BLANK
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return _scrub(value)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Mapping() if depth < _MAX_DEPTH:
            return _clean_mapping(value, depth + 1)
        case list() | tuple() | set() | frozenset() if depth < _MAX_DEPTH:
            return [_clean("", item, depth + 1) for item in value]
    return _scrub(str(value))


def _clean_mapping(value: Mapping[Any, object], depth: int) -> dict[str, Any]:
    # OCPP names a secret in one member and holds it in another: in 1.6 {"key": "AuthorizationKey",
    # "value": ...}, in 2.x {"variable": {"name": "BasicAuthPassword"}, "attributeValue": ...}.
    told = any(_tells_secret(item) for item in value.values())
    return {
        str(key): BLANK if told and "value" in str(key).lower() else _clean(str(key), item, depth)
        for key, item in value.items()
    }


def _tells_secret(item: object) -> bool:
    if isinstance(item, Mapping):
        return any(isinstance(text, str) and _names_secret(text) for text in item.values())
    return isinstance(item, str) and len(item) <= 64 and _names_secret(item)


def _names_secret(name: str) -> bool:
    plain = "".join(c for c in name.lower() if c.isalnum())
    return any(word in plain for word in _SECRET_WORDS)


def _scrub(text: str) -> str:
    if len(text) > _MAX_TEXT:
        text = f"{text[:_MAX_TEXT]}... and {len(text) - _MAX_TEXT} more"
    if _SECRET_SETTING.search(text):
        text = _SETTING_VALUE.sub(rf"\1{BLANK}", text)
    text = _IN_URL.sub(f"{BLANK}@", text)
    text = _SCHEME.sub(rf"\1 {BLANK}", text)
    return _IN_TEXT.sub(rf"\g<name>\g<sign>{BLANK}", text)


def _stamp(now: Callable[[], datetime], revision: Callable[[], int | None]) -> Processor:
    def stamp(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event["time"] = now().astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        if event.get("revision") is None:
            event["revision"] = revision()
        return event

    return stamp


def _renderer(pretty: bool) -> list[Processor]:
    if pretty:
        return [
            _escape,
            structlog.dev.ConsoleRenderer(
                timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    return [_as_json]


def _escape(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    return {
        name: value.translate(_CONTROL if name != "exception" else _CONTROL_IN_BLOCK)
        if isinstance(value, str)
        else value
        for name, value in event.items()
    }


def _as_json(logger: WrappedLogger, method: str, event: EventDict) -> str:
    head = {name: event.pop(name, None) for name in ("time", "level", "event", "revision")}
    # Only ASCII leaves: no bidirectional override and no lone surrogate can confuse a reader.
    # DEL is the one control character that JSON lets pass.
    return json.dumps({**head, **event}).replace("\x7f", "\\u007f")

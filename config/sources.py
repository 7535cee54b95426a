"""Where settings come from: a TOML file, the environment over it, credentials for the secrets."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableVariable

from config.errors import SettingsError, describe
from config.schema import key_names
from config.settings import Settings

PREFIX: Final = "DEPOTD_"
DELIMITER: Final = "__"
# Credentials of a whole folder, `LoadCredential=depotd:FOLDER`, get its name in front.
CREDENTIAL_PREFIX: Final = "depotd_"
CREDENTIALS: Final = ("mqtt__password", "http__password", "store__url")


class _Fields(Settings, BaseSettings):
    """The settings as pydantic-settings wants them, to read variables by the fields' types."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=DELIMITER)


class _Environment(EnvSettingsSource):
    """Reads the environment it is given instead of the process's."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(_Fields)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {k.lower(): v for k, v in self._environ.items() if k.startswith(PREFIX)}


@dataclass(frozen=True, slots=True)
class _Origins:
    """Which source set which key, so that an error names the one to mend."""

    file: str
    variables: frozenset[str]
    credentials: frozenset[str]

    def of(self, path: tuple[str | int, ...]) -> str:
        for end in range(len(path), 0, -1):
            name = DELIMITER.join(str(part) for part in path[:end])
            if (variable := PREFIX + name.upper()) in self.variables:
                return f"environment variable {variable}"
            if name in self.credentials:
                return f"credential {name}"
        return self.file


def load(file: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of `file` (None: defaults, on loopback only), of `environ`, and of the folder
    that its CREDENTIALS_DIRECTORY names. Its STATE_DIRECTORY is where files go unless set.

    Raises SettingsError with one sentence for whatever cannot be used.
    """
    try:
        return _load(file, environ)
    except RecursionError as problem:
        where = "settings" if file is None else str(file)
        raise SettingsError(f"{where}: is nested too deeply") from problem


def _load(file: Path | None, environ: Mapping[str, str]) -> Settings:
    values = _read_file(file) if file is not None else {}
    _merge(values, _read_environment(environ))
    credentials = _read_credentials(environ.get("CREDENTIALS_DIRECTORY"))
    _merge_credentials(values, credentials)
    if state := environ.get("STATE_DIRECTORY"):
        # systemd lists several folders with colons; the unit names one.
        store = values.setdefault("store", {})
        if isinstance(store, dict):
            store.setdefault("directory", state.split(":")[0])
    origins = _Origins(
        file=str(file) if file is not None else "settings",
        variables=frozenset(name for name in environ if name.startswith(PREFIX)),
        credentials=frozenset(credentials),
    )
    try:
        return Settings.model_validate_json(json.dumps(values, default=_plain))
    except ValidationError as problem:
        raise SettingsError(_sentence(problem, origins)) from problem


def _sentence(problem: ValidationError, origins: _Origins) -> str:
    errors = problem.errors(include_url=False)
    # A misspelt key is also missing under its right name: the unknown one explains both.
    first = min(errors, key=lambda error: error["type"] in ("missing", "missing_argument"))
    place, told = describe(first, key_names())
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return ": ".join(part for part in (origins.of(first["loc"]), place, told) if part) + more


def _read_file(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except OSError as problem:
        raise SettingsError(f"{file}: cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise SettingsError(f"{file}: is not UTF-8 text") from problem
    except ValueError as problem:  # also for a number of more than 4,300 digits
        raise SettingsError(f"{file}: is not TOML: {problem}") from problem


def _read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    sections = {name.upper() for name in Settings.model_fields}
    for name in sorted(environ):
        if name.startswith(PREFIX):
            section = name.removeprefix(PREFIX).split(DELIMITER)[0]
            if section not in sections:
                raise SettingsError(
                    f"environment variable {name}: unknown; wants {PREFIX}SECTION__KEY with a "
                    f"section out of {', '.join(sorted(sections))}"
                )
    try:
        return dict(_Environment(environ)())
    except UnreadableVariable as problem:
        name = _first_unreadable(environ)
        raise SettingsError(f"environment variable {name}: wants JSON") from problem


def _first_unreadable(environ: Mapping[str, str]) -> str:
    """The variable that alone cannot be read; pydantic-settings names the section only."""
    for name in sorted(n for n in environ if n.startswith(PREFIX)):
        try:
            _Environment({name: environ[name]})()
        except UnreadableVariable:
            return name
    return PREFIX + "*"


def _read_credentials(folder: str | None) -> dict[str, str]:
    """Secrets by name, without systemd's prefix and without the newline an editor leaves."""
    if folder is None:
        return {}
    try:
        files = sorted(Path(folder).iterdir())
    except OSError as problem:
        raise SettingsError(f"{folder}: cannot be read: {problem.strerror}") from problem
    found = {}
    for file in files:
        name = file.name.removeprefix(CREDENTIAL_PREFIX)
        if name not in CREDENTIALS and _station_of(name) is None:
            raise SettingsError(
                f"credential {file.name}: unknown; wants {', '.join(CREDENTIALS)} or "
                "stations__ID__password"
            )
        try:
            found[name] = file.read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as problem:
            raise SettingsError(f"credential {file.name}: cannot be read as text") from problem
    return found


def _station_of(credential: str) -> str | None:
    head, tail = "stations" + DELIMITER, DELIMITER + "password"
    if credential.startswith(head) and credential.endswith(tail):
        return credential[len(head) : -len(tail)] or None
    return None


def _merge(under: dict[str, Any], over: Mapping[str, Any]) -> None:
    """Tables are merged key by key; anything else, lists too, is replaced."""
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(under.get(key), dict):
            _merge(under[key], value)
        else:
            under[key] = value


def _merge_credentials(values: dict[str, Any], credentials: Mapping[str, str]) -> None:
    for name, secret in credentials.items():
        if (station := _station_of(name)) is None:
            section, key = name.split(DELIMITER)
            _merge(values, {section: {key: secret}})
            continue
        tables = list(_tables_of(values.get("stations"), station))
        if not tables:
            raise SettingsError(f"credential {name}: no station is called {station}")
        for table in tables:
            table["password"] = secret


def _tables_of(stations: object, station: str) -> Iterator[dict[str, Any]]:
    for table in stations if isinstance(stations, list) else []:
        if isinstance(table, dict) and table.get("id") == station:
            yield table


def _plain(value: object) -> object:
    """JSON for what TOML and typed variables hold besides: an instant without zone stays without,
    and is refused under its key."""
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case SecretStr():
            return value.get_secret_value()
        case Path():
            return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")

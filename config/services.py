"""What the daemon listens on, speaks to and plans with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from config.model import Host, Password, Port, Section, is_loopback
from planner.numbers import NonNegative, Positive
from planner.params import Params
from planner.snapshot import Horizon, Mode

Policy = Literal["accept", "reject"]


class OcppSection(Section):
    """The central system. Security profiles as in OCPP 2.0.1 A00: 0 none, 1 password, 2 password
    and TLS, 3 TLS with client certificates. `lease_s`: for how long power is lent to a charger that
    hears nothing more from us, `skew_s` how far its clock may be from ours for that."""

    host: Host = "127.0.0.1"
    port: Port = 9000
    security_profile: Literal[0, 1, 2, 3] = 0
    allow_insecure: bool = False
    certificate: Path | None = None
    private_key: Path | None = None
    client_ca: Path | None = None
    unknown_stations: Policy = "accept"
    unknown_tokens: Policy = "accept"
    messages_per_s: Positive = 20.0
    strikes_per_minute: Annotated[int, Field(ge=1)] = 20
    heartbeat_s: Annotated[int, Field(ge=1, le=86400)] = 60
    sample_s: Annotated[int, Field(ge=1, le=86400)] = 60
    settle_s: Annotated[float, Field(ge=0, le=3600)] = 10.0
    lease_s: Annotated[float, Field(ge=10, le=86400)] = 90.0
    skew_s: Annotated[float, Field(gt=0, le=86400)] = 5.0
    default_fallback_kw: NonNegative = 0.0

    @model_validator(mode="after")
    def _guarded(self) -> OcppSection:
        if self.security_profile == 0 and not (is_loopback(self.host) or self.allow_insecure):
            raise ValueError(
                f"host {self.host} is reached from outside with security_profile 0; wants "
                "security_profile 1, 2 or 3, or allow_insecure = true"
            )
        wanted = {2: ("certificate", "private_key"), 3: ("certificate", "private_key", "client_ca")}
        for key in wanted.get(self.security_profile, ()):
            if getattr(self, key) is None:
                raise ValueError(
                    f"{key} is missing; security_profile {self.security_profile} wants the path of "
                    "a PEM file"
                )
        return self


class MqttSection(Section):
    """`url` is "embedded" (a broker of our own on `host` and `port`), "off", or a broker's; a login
    in it gives way to `user` and `password`."""

    url: str = Field(default="embedded", repr=False)
    host: Host = "127.0.0.1"
    port: Port = 1883
    user: Annotated[str, Field(min_length=1)] | None = None
    password: Password | None = None

    @field_validator("url")
    @classmethod
    def _speakable(cls, url: str) -> str:
        if url in ("embedded", "off"):
            return url
        wants = 'wants "embedded", "off" or a broker such as "mqtts://broker.example:8883"'
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ValueError(wants) from error
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or port == 0:
            raise ValueError(wants)
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError(wants)
        return url

    @model_validator(mode="after")
    def _guarded(self) -> MqttSection:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password are wanted together")
        if self.url == "embedded" and not is_loopback(self.host) and self.password is None:
            raise ValueError(
                f"the embedded broker on {self.host} is reached from outside; wants a user and "
                "a password"
            )
        return self


class HttpSection(Section):
    """`hosts`: names, besides `host`, under which a browser may ask for the pages."""

    host: Host = "127.0.0.1"
    port: Port = 8080
    hosts: tuple[Host, ...] = ()
    user: Annotated[str, Field(min_length=1, pattern="^[^:]+$")] | None = None
    password: Password | None = None

    @model_validator(mode="after")
    def _guarded(self) -> HttpSection:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password are wanted together")
        if not is_loopback(self.host) and self.password is None:
            raise ValueError(
                f"host {self.host} is reached from outside; wants a user and a password"
            )
        return self


class StoreSection(Section):
    """`directory` holds the default store and the embedded broker's files; a `url` may hold a
    password and is kept out of sight."""

    directory: Path = Field(default_factory=lambda: Path.home() / ".local" / "state" / "depotd")
    url: SecretStr | None = None

    @field_validator("url")
    @classmethod
    def _known_kind(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("sqlite:///", "postgresql:")):
            raise ValueError('wants "sqlite:///PATH" or "postgresql://USER@HOST/DATABASE"')
        return url

    @property
    def sqlalchemy_url(self) -> str:
        """In the clear: for the engine, never for a log."""
        if self.url is not None:
            return self.url.get_secret_value()
        return f"sqlite:///{self.directory / 'depotd.sqlite'}"


class PlannerSection(Section):
    """When and how it is planned; `memory_limit_mb` bounds the planner process's address space."""

    mode: Mode = "integrated"
    horizon_hours: Positive = 18.0
    step_minutes: Positive = 15.0
    deadline_s: Positive = 10.0
    quiet_s: NonNegative = 2.0
    quiet_max_s: NonNegative = 10.0
    period_s: Positive = 900.0
    algorithm: Annotated[str, Field(min_length=1)] = "joint"
    max_gap: NonNegative = 0.001
    fairness_exponent: Annotated[float, Field(ge=0, le=10)] = 2.0
    memory_limit_mb: Annotated[int, Field(ge=256)] = 2048
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _consistent(self) -> PlannerSection:
        steps = self.horizon_hours * 60 / self.step_minutes
        if round(steps) < 1 or abs(steps - round(steps)) > 1e-6:
            raise ValueError(
                f"horizon_hours {self.horizon_hours:g} is not a whole number of steps of "
                f"{self.step_minutes:g} minutes (step_minutes)"
            )
        if self.quiet_s > self.quiet_max_s:
            raise ValueError(
                f"quiet_s {self.quiet_s:g} is longer than quiet_max_s {self.quiet_max_s:g}, the "
                "longest that a change may wait for quiet, in seconds"
            )
        return self

    @property
    def params(self) -> Params:
        return Params(
            algorithm=self.algorithm,
            max_gap=self.max_gap,
            fairness_exponent=self.fairness_exponent,
        )

    @property
    def horizon(self) -> Horizon:
        return Horizon(hours=self.horizon_hours, step_minutes=self.step_minutes)


class Register(Section):
    """Where a Modbus device keeps one quantity: an `address` counted from 0, how it is written
    there, and what turns it into kW or A."""

    address: Annotated[int, Field(ge=0, le=65535)]
    type: Literal["int16", "uint16", "int32", "uint32", "float32"] = "float32"
    scale: Annotated[float, Field(allow_inf_nan=False)] = 1.0

    @field_validator("scale")
    @classmethod
    def _shows_something(cls, scale: float) -> float:
        if scale == 0:
            raise ValueError("0 makes a meter that always shows nothing; negative turns the sign")
        return scale

    @property
    def words(self) -> int:
        return 1 if self.type.endswith("16") else 2


class MeterSection(Section):
    """The site's own meter. `source` "mqtt": `site/meter`; "modbus": a device at `host`, read every
    `period_s`. Silent for `stale_s` it counts as blind."""

    source: Literal["none", "mqtt", "modbus"] = "none"
    stale_s: Annotated[float, Field(ge=1, le=300)] = 5.0
    host: Host | None = None
    port: Port = 502
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    function: Literal["input", "holding"] = "input"
    period_s: Annotated[float, Field(ge=0.2, le=60)] = 1.0
    import_kw: Register | None = None
    phases_a: Annotated[tuple[Register, ...], Field(min_length=3, max_length=3)] | None = None

    @model_validator(mode="after")
    def _reachable(self) -> MeterSection:
        if self.source == "modbus" and (self.host is None or self.import_kw is None):
            missing = "host" if self.host is None else "import_kw"
            raise ValueError(f'{missing} is missing; source "modbus" wants host and import_kw')
        if self.source == "modbus" and self.period_s >= self.stale_s:
            raise ValueError(
                f"period_s {self.period_s:g} is not shorter than stale_s {self.stale_s:g}: the "
                "meter would be blind between two readings"
            )
        return self

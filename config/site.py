"""The site, its stations and its vehicles, as far as they are known before anything is heard."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from config.model import Password, Section
from planner.numbers import Identifier, NonNegative, Positive, Share
from planner.series import Instant, NonNegativeSeries, Series
from planner.snapshot import Plugged

# The last segment of a WebSocket address: RFC 3986's unreserved characters and what OCPP-J's
# examples use, at most 48 of them (OCPP 2.0.1 part 4, 3.1.1).
StationId = Annotated[str, Field(min_length=1, max_length=48, pattern=r"^[A-Za-z0-9*\-_=:+|@.]+$")]
# MQTT topic levels: no separator, no wildcard.
SiteId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^/+#\x00-\x1f]+$")]


def _zero() -> Series:
    return Series.constant(0.0)


class SiteSection(Section):
    """`import_limit_kw` is a ceiling that nothing raises; series may be replaced over MQTT. Every
    limit is shared evenly by `phases`; 1 books powers on none of them. `imbalance_limit_a`: how far
    the phases may differ by vehicles that do not load all of them (VDE-AR-N 4100: 4.6 kVA, 20 A);
    None is any.

    A supply agreed in kVA is a ceiling too, times `power_factor` and the share of it that may be
    planned with; what else the site draws is `base_load_kw`, as with any limit.
    """

    id: SiteId = "depot"
    timezone: str = "UTC"
    currency: Annotated[str, Field(min_length=1, max_length=16)] = "EUR"
    import_limit_kw: NonNegative = 22.0
    agreed_capacity_kva: NonNegative | None = None
    power_factor: Share = 0.85
    capacity_share: Share = 0.9
    export_limit_kw: NonNegativeSeries = Field(default_factory=_zero)
    base_load_kw: Series = Field(default_factory=_zero)
    pv_kw: NonNegativeSeries = Field(default_factory=_zero)
    import_price_per_kwh: Series = Field(default_factory=_zero)
    export_price_per_kwh: Series = Field(default_factory=_zero)
    peak_price_per_kw: NonNegative = 0.0
    voltage_v: Positive = 230.0
    phases: Literal[1, 3] = 3
    imbalance_limit_a: Positive | None = None

    @property
    def ceiling_kw(self) -> float:
        """The lower one of both limits; a default is no limit beside an agreed supply."""
        if self.agreed_capacity_kva is None:
            return self.import_limit_kw
        agreed_kw = self.agreed_capacity_kva * self.power_factor * self.capacity_share
        told = "import_limit_kw" in self.model_fields_set
        return min(agreed_kw, self.import_limit_kw) if told else agreed_kw

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError('wants a name such as "Europe/Berlin"') from error
        return name


class ConnectorTable(Section):
    """One EVSE of a station; `phases` 0 is direct current. Powers are at the connector. `rotation`:
    which of the site's phases each of the connector's is wired to; None books on all of them, and
    direct current has none. `id` ends at 100: stations number theirs from 1 without a gap.

    `min_kw` and `plugs` None: see `Settings.min_kw_of` and `plugs_or_default`.
    """

    id: Annotated[int, Field(ge=1, le=100)]
    circuit: Identifier | None = None
    min_kw: NonNegative | None = None
    max_kw: Positive = 22.0
    phases: Literal[0, 1, 2, 3] = 3
    plugs: Annotated[tuple[Identifier, ...], Field(min_length=1)] | None = None
    rotation: tuple[Literal[1, 2, 3], ...] | None = None

    @model_validator(mode="after")
    def _wired(self) -> ConnectorTable:
        wired = self.rotation
        if wired is None:
            return self
        if self.phases == 0:
            raise ValueError(
                f"rotation {list(wired)}: wants none, as phases 0 is direct current, which loads "
                "all of the site's phases alike"
            )
        if len(wired) != self.phases or len(set(wired)) != self.phases:
            raise ValueError(
                f"rotation {list(wired)}: wants a different phase of the site for each of the "
                f"connector's {self.phases}, such as [2, 3, 1]"
            )
        return self

    @property
    def plugs_or_default(self) -> tuple[str, ...]:
        return self.plugs or (("type2",) if self.phases else ("ccs2",))


class StationTable(Section):
    """`fallback_kw`: what the whole station may draw while it does not hear from us; None takes
    `[ocpp] default_fallback_kw`. `capability_class`: A keeps leases, B what it was told last, C
    nothing; None is learned."""

    id: StationId
    password: Password | None = None
    fallback_kw: NonNegative | None = None
    capability_class: Literal["A", "B", "C"] | None = None
    connectors: tuple[ConnectorTable, ...] = ()


class VehicleTable(Section):
    """A vehicle's keys as in the snapshot, each of which may be told over MQTT instead; `id_tokens`
    are the tokens that tell at plug-in which vehicle it is."""

    id: Identifier
    id_tokens: tuple[Identifier, ...] = ()
    type: Identifier | None = None
    battery_kwh: Positive | None = None
    energy_kwh: NonNegative | None = None
    reserve_kwh: NonNegative | None = None
    target_kwh: NonNegative | None = None
    max_charge_kw: NonNegative | None = None
    efficiency: Share | None = None
    charge_curve: tuple[tuple[float, float], ...] | None = None
    plugs: tuple[Identifier, ...] | None = None
    available_from: Instant | None = None
    in_service: bool | None = None
    plugged: Plugged | None = None

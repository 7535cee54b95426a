"""What the settings declare about the depot: fixed while the daemon runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from daemon.core.keeps import Keeps
from planner.params import Params
from planner.series import Series
from planner.snapshot import Circuit, Horizon, Mode, Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseSpec:
    """`phases` 0 is direct current. Powers are at the connector. `rotation`: the site's phase that
    each of the connector's is wired to; None where nobody has said, and any may be."""

    connector: int
    circuit: str | None = None
    min_kw: float = 4.2
    max_kw: float = 22.0
    phases: int = 3
    plugs: tuple[str, ...] = ("type2",)
    rotation: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSpec:
    """`fallback_kw`: what the whole station may draw when it does not hear from us, shared evenly
    by its EVSEs. `declared` is False for one that no setting names. `pinned`: the capability class
    as an operator knows it; None is learned."""

    id: str
    fallback_kw: float
    evses: tuple[EvseSpec, ...] = ()
    declared: bool = True
    pinned: Keeps | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleSpec:
    """What the settings know of a vehicle (keys as in the snapshot); its tokens tell it."""

    id: str
    values: Mapping[str, object]
    id_tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSpec:
    """`phases`: 3, or 1 where there is but one to book on. `imbalance_limit_a`: how far they may
    differ by vehicles that do not load all of them; None is any. `metered`: whether the site's own
    meter is to be heard; it counts as silent when it has said nothing for `meter_stale_s`.
    `skew_s`: how far a clock may be from ours for an absolute lease to be lent by it."""

    id: str
    import_limit_kw: float
    currency: str = "EUR"
    base_load_kw: Series = field(default_factory=lambda: Series.constant(0.0))
    pv_kw: Series = field(default_factory=lambda: Series.constant(0.0))
    import_price_per_kwh: Series = field(default_factory=lambda: Series.constant(0.0))
    export_limit_kw: Series = field(default_factory=lambda: Series.constant(0.0))
    export_price_per_kwh: Series = field(default_factory=lambda: Series.constant(0.0))
    peak_price_per_kw: float = 0.0
    circuits: tuple[Circuit, ...] = ()
    stations: tuple[StationSpec, ...] = ()
    vehicles: tuple[VehicleSpec, ...] = ()
    rules: Rules = field(default_factory=Rules)
    mode: Mode = "integrated"
    horizon: Horizon = field(default_factory=lambda: Horizon(hours=18, step_minutes=15))
    params: Params = field(default_factory=Params)
    deadline_s: float = 10.0
    seed: int = 0
    quiet_s: float = 2.0
    quiet_max_s: float = 10.0
    period_s: float = 900.0
    settle_s: float = 10.0
    lease_s: float = 90.0
    skew_s: float = 5.0
    heartbeat_s: int = 60
    sample_s: int = 60
    voltage_v: float = 230.0
    phases: int = 3
    imbalance_limit_a: float | None = None
    metered: bool = False
    meter_stale_s: float = 5.0
    default_fallback_kw: float = 0.0
    accept_unknown_tokens: bool = True

    @property
    def slack_s(self) -> float:
        """How long after its end a lease may be drawn: by a slow clock and a slow vehicle."""
        return self.skew_s + self.settle_s

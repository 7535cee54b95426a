"""The settings of a demonstration: the user's own, with the scenario's depot in them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypeVar

from config.model import Section
from config.services import HttpSection, MqttSection, OcppSection, PlannerSection, StoreSection
from config.settings import Settings
from config.site import ConnectorTable, SiteSection, StationTable, VehicleTable
from planner.snapshot import Rules
from simulation.scenario import Scenario
from simulation.spec import StationSpec

_S = TypeVar("_S", bound=Section)


def demo_settings(base: Settings, scenario: Scenario, *, speed: float, state: Path) -> Settings:
    """What `base` does not set is chosen so that it works in compressed time: free ports, files in
    `state`, no more messages than two cores carry, and waits that last in real time."""
    fast = speed > 10
    return Settings(
        site=SiteSection(
            id="demo",
            timezone=scenario.timezone,
            currency=scenario.currency,
            import_limit_kw=scenario.import_limit_kw,
            base_load_kw=scenario.of("base_load_kw"),
            import_price_per_kwh=scenario.of("import_price_per_kwh"),
            phases=1 if all(e.phases == 1 for s in scenario.stations for e in s.evses) else 3,
        ),
        ocpp=_chosen(
            base.ocpp,
            OcppSection(
                port=0,
                messages_per_s=1000.0,
                sample_s=300 if fast else 60,
                # A lease is renewed in real time: every few seconds is often enough.
                lease_s=max(90.0, 10.0 * speed),
                # So is a message that takes two seconds of real time.
                skew_s=max(5.0, 2.0 * speed),
                heartbeat_s=1800 if fast else 60,
            ),
        ),
        mqtt=_chosen(base.mqtt, MqttSection(port=0)),
        http=_chosen(base.http, HttpSection(port=0)),
        store=_chosen(base.store, StoreSection(directory=state)),
        planner=_chosen(
            base.planner,
            PlannerSection(
                mode=scenario.mode,
                deadline_s=2.0 if fast else 10.0,
                quiet_s=max(2.0, 0.2 * speed),
                quiet_max_s=max(10.0, speed),
                period_s=max(900.0, 5.0 * speed),
            ),
        ),
        rules=Rules(**scenario.rules),
        stations=tuple(_station(spec, scenario) for spec in scenario.stations),
        vehicles=tuple(
            VehicleTable(id=guest.id, id_tokens=(guest.id_token,)) for guest in scenario.guests
        ),
    )


def _chosen(user: _S, ours: _S) -> _S:
    """Ours, save for what the user has set."""
    values = {key: getattr(ours, key) for key in ours.model_fields_set}
    values |= {key: getattr(user, key) for key in user.model_fields_set}
    return type(ours)(**values)


def _station(spec: StationSpec, scenario: Scenario) -> StationTable:
    return StationTable(
        id=spec.id,
        fallback_kw=scenario.fallback_kw[spec.id],
        connectors=tuple(
            ConnectorTable(
                id=evse.id,
                min_kw=math.ceil(round(evse.min_kw * 10, 6)) / 10,
                max_kw=evse.max_kw,
                phases=0 if evse.dc else evse.phases,
                plugs=evse.plugs,
            )
            for evse in spec.evses
        ),
    )

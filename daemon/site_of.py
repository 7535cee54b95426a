"""The settings in the core's words."""

from __future__ import annotations

from dataclasses import replace

from config.settings import Settings
from config.site import StationTable, VehicleTable
from daemon.core.keeps import Keeps
from daemon.core.site import EvseSpec, SiteSpec, StationSpec, VehicleSpec
from planner.snapshot import Rules


def site_of(settings: Settings) -> SiteSpec:
    """What the core is told about the depot; every default is filled in."""
    site, ocpp, planner = settings.site, settings.ocpp, settings.planner
    return SiteSpec(
        id=site.id,
        import_limit_kw=site.ceiling_kw,
        currency=site.currency,
        base_load_kw=site.base_load_kw,
        pv_kw=site.pv_kw,
        import_price_per_kwh=site.import_price_per_kwh,
        export_limit_kw=site.export_limit_kw,
        export_price_per_kwh=site.export_price_per_kwh,
        peak_price_per_kw=site.peak_price_per_kw,
        circuits=settings.circuits,
        stations=tuple(_station(settings, table) for table in settings.stations),
        vehicles=tuple(_vehicle(table) for table in settings.vehicles),
        rules=_rules(settings),
        mode=planner.mode,
        horizon=planner.horizon,
        params=planner.params,
        deadline_s=planner.deadline_s,
        seed=planner.seed,
        quiet_s=planner.quiet_s,
        quiet_max_s=planner.quiet_max_s,
        period_s=planner.period_s,
        settle_s=ocpp.settle_s,
        lease_s=ocpp.lease_s,
        skew_s=ocpp.skew_s,
        heartbeat_s=ocpp.heartbeat_s,
        sample_s=ocpp.sample_s,
        voltage_v=site.voltage_v,
        phases=site.phases,
        imbalance_limit_a=site.imbalance_limit_a,
        metered=settings.meter.source != "none",
        meter_stale_s=settings.meter.stale_s,
        default_fallback_kw=ocpp.default_fallback_kw,
        accept_unknown_tokens=ocpp.unknown_tokens == "accept",
    )


def _rules(settings: Settings) -> Rules:
    """A time of the day is the site's, unless it says whose."""
    soft, here = settings.rules.soft, settings.site.timezone
    if soft.charger_preference is not None and soft.charger_preference.timezone is None:
        soft = replace(soft, charger_preference=replace(soft.charger_preference, timezone=here))
    if soft.triad is not None and soft.triad.timezone is None:
        soft = replace(soft, triad=replace(soft.triad, timezone=here))
    return replace(settings.rules, soft=soft)


def _station(settings: Settings, table: StationTable) -> StationSpec:
    evses = tuple(
        EvseSpec(
            connector=connector.id,
            circuit=connector.circuit,
            min_kw=settings.min_kw_of(connector),
            max_kw=connector.max_kw,
            phases=connector.phases,
            plugs=connector.plugs_or_default,
            rotation=connector.rotation,
        )
        for connector in table.connectors
    )
    pinned = table.capability_class
    return StationSpec(
        id=table.id,
        fallback_kw=settings.fallback_kw_of(table),
        evses=evses,
        pinned=Keeps(pinned) if pinned is not None else None,
    )


def _vehicle(table: VehicleTable) -> VehicleSpec:
    """Keys that the settings leave out stay out: they are told over MQTT or not at all."""
    values = table.model_dump(mode="json", exclude_unset=True, exclude={"id", "id_tokens"})
    return VehicleSpec(id=table.id, values=values, id_tokens=table.id_tokens)

"""What an operator must know: kept, told over MQTT, logged and counted."""

from __future__ import annotations

import json
from collections.abc import Iterator

from daemon.core.depot import Depot
from daemon.core.effects import Effect, Note, Save
from daemon.core.instant import Now
from daemon.core.records import AlertRecord, OutboxRecord
from planner.series import format_instant
from protocol.mqtt import topics


def alert(
    depot: Depot,
    now: Now,
    kind: str,
    text: str,
    *,
    station: str | None = None,
    severity: str = "warning",
) -> Iterator[Effect]:
    """One alert; `severity` is info, warning or critical."""
    record = AlertRecord(at=now.utc, kind=kind, severity=severity, station=station, text=text)
    depot.alerts.append(record)
    payload: dict[str, object] = {"at": format_instant(now.utc), "kind": kind, "severity": severity}
    if station is not None:
        payload["station"] = station
    payload["text"] = text
    yield Save(record=record)
    yield Save(record=OutboxRecord(topic=topics.ALERTS, payload=json.dumps(payload)))
    level = "error" if severity == "critical" else "warning" if severity == "warning" else "info"
    yield Note(name="alert", level=level, fields={"kind": kind, "station": station, "text": text})

"""How a lean station takes what it is told: as it should, or as its mood is."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from protocol.ocpp.model import ProfilePurpose, RateUnit, Version
from simulation.profiles import composite, refusal
from simulation.soak.outlet import VOLTAGE_V
from simulation.soak.words import Payload

if TYPE_CHECKING:
    from simulation.soak.station import Station

LATE_S = (31.0, 60.0)
# A station that is so slow does not get to all that it is told.
UNHEARD_SHARE = 0.4


class Mood(StrEnum):
    """How orders about charging are taken. IGNORES is the accept-and-ignore liar; UNHEARD neither
    acts nor answers, MUTE acts and does not answer, LATE acts and answers when nobody waits for it
    any more, or not at all, HANGS_UP closes instead of answering, FROZEN does everything much
    later, in order."""

    OBEYS = "obeys"
    REJECTS = "rejects"
    ERRS = "errs"
    IGNORES = "ignores"
    UNHEARD = "unheard"
    MUTE = "mute"
    LATE = "late"
    HANGS_UP = "hangs up"
    FROZEN = "frozen"


class Orders:
    """Of one station; `mood` is what faults change."""

    def __init__(self, station: Station) -> None:
        self.mood = Mood.OBEYS
        self._station = station
        self._frozen: list[tuple[str, str, Payload]] = []

    def forget(self) -> None:
        """What waited is gone with the link, or with the power."""
        self._frozen.clear()

    def thaw(self) -> None:
        """Obeys again, and does first what it was told meanwhile."""
        self.mood = Mood.OBEYS
        frozen, self._frozen = self._frozen, []
        for call_id, action, payload in frozen:
            self._obey(call_id, action, payload)

    def take(self, call_id: str, action: str, payload: Payload) -> None:
        if not self._station.powered:
            return
        if self.mood is Mood.FROZEN:
            self._frozen.append((call_id, action, payload))
        elif action != "SetChargingProfile" or self.mood is Mood.OBEYS:
            self._obey(call_id, action, payload)
        else:
            self._take_badly(call_id, action, payload)

    def _obey(self, call_id: str, action: str, payload: Payload) -> None:
        answer = self._act(action, payload)
        self._station.loop.call_later(self._station.make.answers_s, self._answer, call_id, answer)

    def _take_badly(self, call_id: str, action: str, payload: Payload) -> None:
        match self.mood:
            case Mood.REJECTS:
                self._answer(call_id, {"status": "Rejected"})
            case Mood.ERRS:
                self._station.talk.refuse(call_id, "InternalError")
            case Mood.IGNORES:
                self._answer(call_id, {"status": "Accepted"})
            case Mood.MUTE:
                self._act(action, payload)
            case Mood.LATE if self._station.rng.random() < UNHEARD_SHARE:
                pass
            case Mood.LATE:
                answer = self._act(action, payload)
                self._station.loop.call_later(
                    self._station.rng.uniform(*LATE_S), self._answer, call_id, answer
                )
            case Mood.HANGS_UP:
                self._station.talk.leave(politely=True, back_s=self._station.rng.uniform(0.5, 20.0))
            case _:
                pass  # UNHEARD

    def _answer(self, call_id: str, answer: Payload | None) -> None:
        if answer is None:
            self._station.talk.refuse(call_id, "NotImplemented")
        else:
            self._station.talk.answer(call_id, answer)

    def _act(self, action: str, payload: Payload) -> Payload | None:
        """What it answers; None for what it does not know."""
        match action:
            case "SetChargingProfile":
                return self._set_profile(payload)
            case "ClearChargingProfile":
                return self._clear_profile(payload)
            case "GetCompositeSchedule":
                return self._composite(payload)
            case "GetConfiguration" | "GetVariables":
                return self._station.words.variables(payload, self._station.make.able)
            case "ChangeConfiguration" | "SetVariables":
                return self._set_variable(payload)
            case "TriggerMessage":
                self._station.loop.call_later(0.2, self._triggered, payload)
                return {"status": "Accepted"}
            case "RemoteStopTransaction" | "RequestStopTransaction":
                return self._stop(str(payload["transactionId"]))
            case "Reset":
                self._station.loop.call_later(1.0, self._reset)
                return {"status": "Accepted"}
            case _:
                return None

    def _set_profile(self, payload: Payload) -> Payload:
        held = self._station.words.profile(payload, self._station.now())
        outlet = self._station.outlets.get(held.evse_id)
        if outlet is None and held.evse_id != 0:
            return {"status": "Rejected"}
        running = None if outlet is None or outlet.session is None else outlet.session.running
        if refusal(held, self._station.store, self._station.make.able, running) is not None:
            return {"status": "Rejected"}
        self._station.store.put(held)
        if self._station.make.passes_on_s:
            self._station.loop.call_later(self._station.make.passes_on_s, self._station.refresh)
        else:
            self._station.refresh()
        return {"status": "Accepted"}

    def _clear_profile(self, payload: Payload) -> Payload:
        criteria = payload.get("chargingProfileCriteria", payload)
        purpose = criteria.get("chargingProfilePurpose")
        names = {"ChargePointMaxProfile": ProfilePurpose.STATION_MAX}
        cleared = self._station.store.clear(
            profile_id=payload.get("id", payload.get("chargingProfileId")),
            evse_id=criteria.get("evseId", criteria.get("connectorId")),
            purpose=None if purpose is None else names.get(purpose) or ProfilePurpose(purpose),
            stack_level=criteria.get("stackLevel"),
        )
        self._station.refresh()
        return {"status": "Accepted" if cleared else "Unknown"}

    def _composite(self, payload: Payload) -> Payload:
        number: Any = payload.get("connectorId", payload.get("evseId"))
        unit = RateUnit(payload.get("chargingRateUnit", self._station.make.able.rate_units[0]))
        outlet = self._station.outlets.get(number)
        if unit not in self._station.make.able.rate_units or outlet is None:
            return {"status": "Rejected"}
        start = self._station.now().replace(microsecond=0)
        periods = composite(
            self._station.store,
            number,
            start=start,
            duration_s=payload["duration"],
            unit=unit,
            ceiling_kw=outlet.max_kw,
            running=None if outlet.session is None else outlet.session.running,
            phases=outlet.phases or 3,
            voltage_v=VOLTAGE_V,
        )
        return self._station.words.composite(payload, start, unit, periods)

    def _set_variable(self, payload: Payload) -> Payload:
        interval_s = self._station.words.interval_s(payload)
        if interval_s is not None:
            self._station.transactions.sample_s = interval_s
        status = "Rejected" if interval_s is None else "Accepted"
        if self._station.make.version is Version.V16:
            return {"status": status}
        asked = payload["setVariableData"][0]
        kept = {key: asked[key] for key in ("component", "variable")}
        return {"setVariableResult": [{"attributeStatus": status, **kept}]}

    def _stop(self, transaction: str) -> Payload:
        for outlet in self._station.outlets.values():
            session = outlet.session
            if session is not None and session.running.transaction_id == transaction:
                self._station.loop.call_later(1.0, self._station.stop, outlet, session)
                return {"status": "Accepted"}
        return {"status": "Rejected"}

    def _triggered(self, payload: Payload) -> None:
        number = payload.get("connectorId") or payload.get("evse", {}).get("id")
        for outlet in self._station.outlets.values():
            if number not in (None, outlet.number):
                continue
            if payload["requestedMessage"] == "MeterValues":
                self._station.transactions.tell_meter(outlet)
            else:
                self._station.say_status(outlet)

    def _reset(self) -> None:
        if self._station.powered:
            self._station.switch_off(politely=True)
            self._station.loop.call_later(
                20.0, partial(self._station.switch_on, session_ends=True, told=True)
            )

"""One station's outbound conversation: one command under way, the newest wish per subject kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

from protocol.ocpp.commands import Command, GetCompositeSchedule, GetVariables, TriggerMessage

# What changes nothing at a station, and can wait.
QUESTIONS = (GetCompositeSchedule, GetVariables, TriggerMessage)


@dataclass(slots=True)
class Lane:
    """Commands wait here by subject; a newer one takes the place of the one it replaces.

    OCPP allows one outstanding CALL each way (OCPP-J 1.6 section 4.1.1), and an order that has been
    overtaken must not reach the station after the one that overtook it. While something `urgent`
    waits, nothing is asked: on a slow link a cut would else wait for what the cuts before it are to
    show, which is asked again and again.
    """

    waiting: OrderedDict[Hashable, Command] = field(default_factory=OrderedDict)
    outstanding: tuple[int, Hashable, Command] | None = None
    urgent: set[Hashable] = field(default_factory=set)

    def submit(self, subject: Hashable, command: Command, *, urgent: bool = False) -> None:
        self.waiting[subject] = command
        if urgent:
            self.urgent.add(subject)

    def withdraw(self, subject: Hashable) -> None:
        self.waiting.pop(subject, None)
        self.urgent.discard(subject)

    def next(self, generation: int) -> Command | None:
        """The command to send now under `generation`, or None while one is under way."""
        if self.outstanding is not None or not self.waiting:
            return None
        subject = next(iter(self.waiting))
        if self.urgent:
            tells = (s for s, c in self.waiting.items() if not isinstance(c, QUESTIONS))
            subject = next(tells, subject)
        command = self.waiting[subject]
        self.withdraw(subject)
        self.outstanding = (generation, subject, command)
        return command

    def answered(self, generation: int) -> Hashable | None:
        """The subject that `generation` was about; None for an answer to anything but the command
        under way, which is too late to mean anything."""
        if self.outstanding is None or self.outstanding[0] != generation:
            return None
        subject = self.outstanding[1]
        self.outstanding = None
        return subject

    def busy_with(self, subject: Hashable) -> bool:
        return self.outstanding is not None and self.outstanding[1] == subject

    def reset(self) -> None:
        """The link is gone: what waited is stale, what was under way will be answered as lost."""
        self.waiting.clear()
        self.urgent.clear()
        self.outstanding = None

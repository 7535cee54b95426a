"""When to plan again: after a short quiet time, at the latest after a ceiling, one at a time."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Trigger:
    """Coalesces the reasons to plan; all times are monotonic seconds.

    A storm of reasons asks for one plan: each pushes the quiet time on, none past the ceiling.
    """

    quiet_s: float
    quiet_max_s: float
    period_s: float
    reasons: list[str] = field(default_factory=list)
    first_s: float = 0.0
    last_s: float = 0.0
    planned_s: float | None = None
    failures: int = 0

    def ask(self, reason: str, now_s: float) -> None:
        if not self.reasons:
            self.first_s = now_s
        if reason not in self.reasons:
            self.reasons.append(reason)
        self.last_s = now_s

    def due_s(self) -> float | None:
        """When planning is due; None before the first reason ever."""
        if self.reasons:
            due_s = min(self.last_s + self.quiet_s, self.first_s + self.quiet_max_s)
            return max(due_s, self._held_until_s())
        return None if self.planned_s is None else self.planned_s + self.period_s

    def _held_until_s(self) -> float:
        """A planner that fails again and again is asked less and less often."""
        if self.planned_s is None or self.failures == 0:
            return 0.0
        return self.planned_s + min(self.quiet_max_s * 2.0**self.failures, self.period_s)

    def take(self, now_s: float) -> str:
        """The reasons gathered so far, in words; planning starts now."""
        reasons = ", ".join(self.reasons) or "period"
        self.reasons.clear()
        self.planned_s = now_s
        return reasons

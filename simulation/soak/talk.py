"""A lean station's conversation: one call outstanding, the durable kept until it is answered."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from simulation.soak.cable import Cable
from simulation.soak.words import Call, Payload

ANSWER_S = 30.0
RETRY_S = 10.0
MAX_ATTEMPTS = 5
MAX_BACKOFF_S = 30.0
# Without answers to so many calls in a row a station takes its link for dead.
DEAF_CALLS = 2
# An hour of samples; of more the oldest are forgotten.
MAX_QUEUE = 64

CALL, RESULT, ERROR = 2, 3, 4


@dataclass(slots=True)
class Message:
    """`make` is called when it is sent: by then a transaction may have got its name."""

    make: Callable[[], Call]
    durable: bool = False
    answered: Callable[[Payload], None] | None = None
    attempts: int = 0


def as_it_is(call: Call) -> Message:
    """What happens at this instant, whenever it is told."""
    return Message(lambda: call, durable=True)


class Talk:
    """`open_cable` gives None while nobody listens. `on_up` is called on every new link before
    anything is said, `on_down` when it is lost, `on_order` for each call of the daemon."""

    def __init__(
        self,
        name: str,
        rng: Random,
        *,
        open_cable: Callable[[Talk], Cable | None],
        on_up: Callable[[], None],
        on_down: Callable[[], None],
        on_order: Callable[[str, str, Payload], None],
    ) -> None:
        self.name = name
        self.cable: Cable | None = None
        self._rng = rng
        self._open_cable = open_cable
        self._on_up = on_up
        self._on_down = on_down
        self._on_order = on_order
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Message] = deque()
        self._outstanding: tuple[str, Message] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._number = 0
        self._attempt = 0
        self._deaf = 0
        self._held_back_s: float | None = None

    @property
    def online(self) -> bool:
        return self.cable is not None

    def connect(self) -> None:
        """Now, and again and again until somebody listens."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self.cable is not None:
            return
        self.cable = self._open_cable(self)
        if self.cable is None:
            self._connect_later()
            return
        self._attempt = self._deaf = 0
        if self._held_back_s is not None:
            missed, self._queue = self._queue, deque()
            self._loop.call_later(self._held_back_s, self._catch_up, missed)
            self._held_back_s = None
        self._on_up()
        self._next()

    def leave(self, *, politely: bool, back_s: float | None = None) -> None:
        """Drops the link; `politely` tells the daemon. None: somebody else calls `connect`."""
        if self.cable is not None:
            cable, self.cable = self.cable, None
            if politely:
                cable.hang_up()
            else:
                cable.half_open = True
            self._lost()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if back_s is not None:
            self._retry = self._loop.call_later(back_s, self.connect)

    def say(self, message: Message, *, first: bool = False) -> None:
        """Soon; what is not durable is said on this link or never."""
        if first:
            self._queue.appendleft(message)
        elif self.online or message.durable:
            self._queue.append(message)
            if len(self._queue) > MAX_QUEUE:
                self._queue.popleft()
        self._next()

    def hold_back(self, seconds: float) -> None:
        """What it has missed to tell when it is back the next time is told so much later, after
        what has happened since."""
        self._held_back_s = seconds

    def _catch_up(self, missed: deque[Message]) -> None:
        for message in missed:
            self.say(message)

    def answer(self, call_id: str, payload: Payload) -> None:
        if self.cable is not None:
            self.cable.say(json.dumps([RESULT, call_id, payload]))

    def refuse(self, call_id: str, code: str) -> None:
        if self.cable is not None:
            self.cable.say(json.dumps([ERROR, call_id, code, "", {}]))

    def hear(self, text: str) -> None:
        kind, call_id, *rest = json.loads(text)
        if kind == CALL:
            self._on_order(call_id, rest[0], rest[1])
        elif self._outstanding is not None and self._outstanding[0] == call_id:
            self._answered(rest[0] if kind == RESULT else None)

    def link_closed(self) -> None:
        """The other end, or what is between, has closed."""
        self.cable = None
        self._lost()
        self._connect_later()

    def _connect_later(self) -> None:
        pause_s = min(2.0**self._attempt, MAX_BACKOFF_S) * (0.5 + self._rng.random())
        self._attempt = min(self._attempt + 1, 10)
        self._retry = self._loop.call_later(pause_s, self.connect)

    def _lost(self) -> None:
        """What was under way and is durable is said again, first of all."""
        message = self._stop_waiting()
        if message is not None and message.durable:
            self._queue.appendleft(message)
        self._queue = deque(m for m in self._queue if m.durable)
        self._on_down()

    def _next(self) -> None:
        if self.cable is None or self._outstanding is not None or not self._queue:
            return
        message = self._queue.popleft()
        message.attempts += 1
        self._number += 1
        call_id = f"{self.name}-{self._number}"
        action, payload = message.make()
        self._outstanding = (call_id, message)
        self._deadline = self._loop.call_later(ANSWER_S, self._unanswered)
        self.cable.say(json.dumps([CALL, call_id, action, payload]))

    def _answered(self, payload: Any) -> None:
        """None: an error, after which what is durable is said again a little later."""
        message = self._stop_waiting()
        assert message is not None, "only an answer to what was asked comes here"
        self._deaf = 0
        if payload is not None:
            if message.answered is not None:
                message.answered(payload)
        elif message.durable and message.attempts < MAX_ATTEMPTS:
            self._loop.call_later(RETRY_S * message.attempts, self._again, message)
        self._next()

    def _again(self, message: Message) -> None:
        self.say(message, first=True)

    def _unanswered(self) -> None:
        message = self._stop_waiting()
        assert message is not None, "a deadline belongs to a call under way"
        if message.durable:
            self._queue.appendleft(message)
        self._deaf += 1
        if self._deaf >= DEAF_CALLS:
            self.leave(politely=True, back_s=self._rng.uniform(0.5, 5.0))
        else:
            self._next()

    def _stop_waiting(self) -> Message | None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        outstanding, self._outstanding = self._outstanding, None
        return None if outstanding is None else outstanding[1]

"""When a text may go, and when to try again: the limits of domain 4.3 as data, apart from the sending.

Knows contact ids, alarm numbers and a monotonic time it is given. Holds its memory in RAM: after a restart a contact
may get a text too many, never one too few.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from gateway.actions import Text

HOUR_S: Final = 3600.0
WEEK_S: Final = 7 * 86400.0
MAX_REMEMBERED: Final = 500
"""Alarms, devices and retries remembered each; a home has a handful. Older ones are forgotten first."""


@dataclass(frozen=True, slots=True)
class SmsPolicy:
    """The numbers (domain 4.3, T-09)."""

    per_contact: int = 6
    window_s: float = HOUR_S
    urgent: frozenset[str] = frozenset({"P0", "P1"})
    technical: str = "P3"
    technical_every_s: float = WEEK_S
    untrue_when_late: frozenset[str] = frozenset({"S10", "S21"})
    """Dropped by the limit, not delayed: an hour later it may be wrong that somebody is on the way."""
    no_notice: frozenset[str] = frozenset({"S10", "S11", "S12", "S21", "S21-ref", "S25", "S-area"})
    """What goes along with an alarm and does not tell it: if one of these gets out first, the notice is still one."""
    beside_notice: str = "S-area"
    """Goes once with the first notice of an urgent alarm, and without asking, as that does."""
    retry_s: tuple[float, ...] = (15, 30, 60, 120, 300)
    """After a failed submit (network or modem, which come back within minutes); the last one repeats."""
    urgent_retry_cap_s: float = 60


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text may not go now; `retry_after_s` None: never."""

    reason: str
    retry_after_s: float | None


class SmsLedger:
    """What was sent to whom, and what follows from it. `now` is monotonic seconds, never wall time."""

    def __init__(self, policy: SmsPolicy) -> None:
        self._policy = policy
        self._sent: dict[str, deque[float]] = {}  # contact -> times, oldest first
        self._noticed: dict[tuple[str, int], None] = {}  # (contact, alarm) told at least once
        self._technical: dict[tuple[str, str, str], float] = {}  # (contact, template, device) -> time
        self._failures: dict[str, int] = {}  # action key -> how often

    def admit(self, text: Text, now: float) -> Refusal | None:
        """None if `text` may go now; it is then booked, until `failed` takes it back."""
        refusal = None if self._first_notice(text) else self._too_soon(text, now) or self._too_many(text, now)
        if refusal is None:
            self._book(text, now)
        return refusal

    def failed(self, text: Text, advice_s: float | None) -> float:
        """Takes the booking of `text` back and says after how many seconds to try again."""
        times = self._sent.get(text.contact)
        if times:
            times.pop()
        self._technical.pop(_technical_key(text), None)
        count = self._failures.get(text.key, 0)
        _remember(self._failures, text.key, count + 1)
        steps = self._policy.retry_s
        wait = max(steps[min(count, len(steps) - 1)], advice_s or 0)
        return min(wait, self._policy.urgent_retry_cap_s) if text.severity in self._policy.urgent else wait

    def gave_up(self, text: Text) -> None:
        """Takes the booking back for good: no retry can help."""
        self.failed(text, None)
        self._failures.pop(text.key, None)

    def delivered(self, text: Text) -> None:
        """The network took it: from now on this alarm is no news to this contact."""
        self._failures.pop(text.key, None)
        if text.alarm is not None and text.template not in self._policy.no_notice:
            _remember(self._noticed, (text.contact, text.alarm), None)

    def _first_notice(self, text: Text) -> bool:
        if text.alarm is None or text.severity not in self._policy.urgent:
            return False
        if text.template in self._policy.no_notice:
            return text.template == self._policy.beside_notice
        return (text.contact, text.alarm) not in self._noticed

    def _too_soon(self, text: Text, now: float) -> Refusal | None:
        if text.severity != self._policy.technical:
            return None
        last = self._technical.get(_technical_key(text))
        if last is None or now - last >= self._policy.technical_every_s:
            return None
        return Refusal("told about this device less than 7 days ago", None)

    def _too_many(self, text: Text, now: float) -> Refusal | None:
        times = self._sent.get(text.contact, deque())
        while times and now - times[0] >= self._policy.window_s:
            times.popleft()
        if len(times) < self._policy.per_contact:
            return None
        free_in = self._policy.window_s - (now - times[len(times) - self._policy.per_contact])
        late = None if text.template in self._policy.untrue_when_late else free_in
        return Refusal(f"{self._policy.per_contact} texts to this contact within the hour", late)

    def _book(self, text: Text, now: float) -> None:
        times = self._sent.setdefault(text.contact, deque(maxlen=MAX_REMEMBERED))
        times.append(now)
        if text.severity == self._policy.technical:
            _remember(self._technical, _technical_key(text), now)


def _technical_key(text: Text) -> tuple[str, str, str]:
    """Template and device: that the power is back is another message than that it is gone."""
    return text.contact, text.template, str(text.params.get("device", "gateway"))


def _remember(memory: dict[Any, Any], key: object, value: object) -> None:
    memory.pop(key, None)
    memory[key] = value
    while len(memory) > MAX_REMEMBERED:
        del memory[next(iter(memory))]

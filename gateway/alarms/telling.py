"""How a decision is put into actions: which prompt, which text, which message to the platform. Names no person.

Composes only; decides nothing about an alarm's life and changes nothing in the book.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.actions import AckDevice, Action, Lamp, Publish, Say, Text
from gateway.alarms.codes import Severity
from gateway.alarms.life import WAITING, Alarm, Book, State
from gateway.home.model import HomeView

URGENT: Final = frozenset({Severity.P0.value, Severity.P1.value})
_LAMP: Final[tuple[tuple[str, frozenset[State]], ...]] = (
    ("calling", frozenset({State.DETECTED, State.PRE_ALARM})),
    ("sent", WAITING),
    ("accepted", frozenset({State.ACCEPTED, State.ATTENDED})),
)


class Telling:
    """Collects actions. `when(t)` gives (ISO UTC, local HH:MM or None) for `t`."""

    def __init__(self, when: Callable[[int], tuple[str, str | None]]) -> None:
        self.home = HomeView()
        self.actions: list[Action] = []
        self.unreachable = False  # neither cell nor uplink: say so instead of promising (invariant vii)
        self._when = when

    # ---- at home

    def feedback(self, alarm: Alarm, book: Book, t: int) -> None:
        """The press was heard: the device is told, the lamp shows it (T-01)."""
        if alarm.device is not None:
            self.actions.append(AckDevice(f"a{alarm.number}:ack:{t}", alarm.device))
        self.lamp(book, t)

    def lamp(self, book: Book, t: int) -> None:
        """One lamp for all alarms: it shows the one that is least looked after."""
        states = {a.state for a in book.live()}
        pattern = next((p for p, shown in _LAMP if states & shown), "off")
        self.actions.append(Lamp(f"lamp:{pattern}:{t}", pattern))

    def say(self, alarm: Alarm, t: int, prompt: str | None, **params: Any) -> None:
        """Speaks a prompt about an alarm, with the alarm's severity."""
        if prompt is not None:
            key = f"a{alarm.number}:{prompt}:{t}"
            self.actions.append(Say(key, prompt, params, alarm.number, alarm.severity))

    def say_trying(self, alarm: Alarm, t: int, contact: str | None, *, still: bool = False) -> None:
        """What is true now: we are trying, we still are, or nothing goes out (V02, V04, V05)."""
        if self.unreachable:
            self.say(alarm, t, "V05")
        elif still:
            self.say(alarm, t, "V04")
        else:
            self.say(alarm, t, "V02", contact=contact)

    # ---- to contacts

    def text(self, alarm: Alarm, to: str, template: str | None, tag: str, **params: Any) -> None:
        """Texts a contact about an alarm. `tag` makes the key: the same tag is never texted twice."""
        if template is None:
            return
        filled = {
            "time": self._when(alarm.opened_t)[1],
            "place": self.home.place(alarm.device),
            "ref": alarm.reference,
            "code": alarm.code,
            **params,
        }
        limit_h = alarm.evidence.get("limit_h")
        if isinstance(limit_h, (int, float)):
            filled["hours"] = round(limit_h)
        key = f"a{alarm.number}:{template}:{to}:{tag}"
        self.actions.append(Text(key, to, template, filled, alarm.number, alarm.severity))

    # ---- to the platform

    def publish(self, alarm: Alarm, t: int, reason: str, *, again: str = "", **more: str | None) -> None:
        """The alarm as it stands now, on the alarm channel."""
        key = f"a{alarm.number}:{alarm.state.value}:{t}:{again}"
        body = self._alarm_body(alarm, t, reason, more)
        self.actions.append(Publish(key, "alarm", body, alarm.severity, alarm.number))

    def publish_event(self, alarm: Alarm, t: int, reason: str) -> None:
        """What ended before it was sent: for information, with the severity of information."""
        key = f"a{alarm.number}:{alarm.state.value}:{t}"
        body = self._alarm_body(alarm, t, reason, {})
        self.actions.append(Publish(key, "event", body, Severity.P4.value, alarm.number))

    def ok_reported(self, t: int) -> None:
        """Nobody asked, the elder reports well all the same: thanked, and noted."""
        self.actions.append(Say(f"ok:{t}", "V20"))
        body = {"at": self._when(t)[0], "test": False, "code": "OK_REPORTED", "severity": "P4", "state": "REPORTED"}
        self.actions.append(Publish(f"ok:{t}", "event", {**body, "reason": "ok_reported"}, "P4"))

    # ---- what is no alarm

    def spoken(self, prompt: str, t: int, params: dict[str, Any]) -> None:
        """A reminder or a question of the platform's, said at home."""
        self.actions.append(Say(f"s:{prompt}:{params.get('reminder', '')}:{t}", prompt, params))

    def line(self, contact: str, template: str, t: int, params: dict[str, Any]) -> None:
        """A text to one contact that is no alarm."""
        self.actions.append(Text(f"l:{template}:{contact}:{t}", contact, template, params, None, Severity.P4.value))

    def note(self, code: str, t: int, reason: str, more: dict[str, Any]) -> None:
        """Something for the platform to know."""
        body = {"at": self._when(t)[0], "test": False, "code": code, "severity": "P4", "state": "REPORTED"}
        key = f"n:{code}:{reason}:{t}:{':'.join(str(v) for v in more.values())}"
        self.actions.append(Publish(key, "event", {**body, "reason": reason, **more}, Severity.P4.value))

    def _alarm_body(self, alarm: Alarm, t: int, reason: str, more: dict[str, str | None]) -> dict[str, Any]:
        body = {
            "at": self._when(t)[0],
            "test": alarm.test,
            "alarm": alarm.number,
            "code": alarm.code,
            "severity": alarm.severity,
            "state": alarm.state.value,
            "device": alarm.device,
            "room": alarm.room,
            "reason": reason,
            "opened_at": self._when(alarm.opened_t)[0],
            "presses": alarm.presses,
        }
        return body | {k: v for k, v in more.items() if v is not None}

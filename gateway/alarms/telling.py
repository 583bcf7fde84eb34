"""How a decision is put into actions: which prompt, which text, which message to the platform. Names no person.

Composes only; decides nothing about an alarm's life and changes nothing in the book.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from gateway.actions import AckDevice, Action, Call, Lamp, Publish, Push, Say, Siren, Text
from gateway.alarms.codes import CODES, Flow, Severity
from gateway.alarms.life import WAITING, Alarm, Book, State
from gateway.alarms.quiet import Quiet
from gateway.alarms.why import scalars
from gateway.home.model import HomeView

_EPOCH: Final = date(1970, 1, 1).toordinal()
URGENT: Final = frozenset({Severity.P0.value, Severity.P1.value})
FALLS: Final = frozenset({"FALL", "FALL_IMMOBILE"})
TEXT_ONLY: Final = frozenset({"S21", "S21-ref"})
"""What answers a text is not pushed: there one answers by the link."""
_HEALTH: Final = frozenset({"VITAL_OUT_OF_RANGE"})
_HEALTH_TOLD: Final = frozenset({"rule", "signs_n", "lasting_min", "pre_alarm_s"})
"""Readings of a body stay in the record at home (domain 4.2: vague)."""
_SINCE: Final = {"NIGHT_EXIT": "left_min", "BED_ABSENCE": "absent_min"}
"""What was found some time after it began, and the evidence that says how long."""
_FOUND: Final = {
    "STOVE_ON": "stove", "TEMP_HIGH": "hot", "TEMP_LOW": "cold", "HEAT_FIRE": "heat", "CO": "co",
    "WELFARE_MISSED": "well", "VITAL_OUT_OF_RANGE": "well", "ROOM_OVERSTAY": "well",
}  # fmt: skip
"""What shares a prompt with another matter, and the form of it that claims no more than was found (`FORMS`)."""
_DAY_MIN: Final = 1440
_LAMP: Final[tuple[tuple[str, frozenset[State]], ...]] = (
    ("calling", frozenset({State.DETECTED, State.PRE_ALARM})),
    ("sent", WAITING),
    ("accepted", frozenset({State.ACCEPTED, State.ATTENDED})),
)


class Telling:
    """Collects actions. `when(t)` gives (ISO UTC, local HH:MM or None) for `t`."""

    def __init__(self, when: Callable[[int], tuple[str, str | None]], quiet: Quiet | None = None) -> None:
        self.home = HomeView()
        self.actions: list[Action] = []
        self.unreachable = False  # neither cell nor uplink: say so instead of promising (invariant vii)
        self.quiet = quiet or Quiet()
        self._when = when

    # ---- at home

    def feedback(self, alarm: Alarm, book: Book, t: int) -> None:
        """The press was heard: the device is told, the lamp shows it (T-01)."""
        if alarm.device is not None:
            self.actions.append(AckDevice(f"a{alarm.number}:ack:{t}", alarm.device))
        self.lamp(book, t)

    def lamp(self, book: Book, t: int) -> None:
        """One lamp for all alarms: it shows the one that is least looked after. What it was to show a moment before in
        the same decision nobody would see."""
        pattern = _pattern(book)
        self.actions = [action for action in self.actions if not isinstance(action, Lamp)]
        self.actions.append(Lamp(f"lamp:{pattern}:{t}", pattern))

    def say(self, alarm: Alarm, t: int, prompt: str | None, **params: Any) -> None:
        """Speaks a prompt about an alarm, with the alarm's severity."""
        if prompt is None or unspoken(alarm) or self.quiet.muted(alarm.severity, t):
            return
        if prompt == CODES[alarm.code].ask and (fact := _FOUND.get(alarm.code)) is not None:
            params = {**params, fact: True}
        key = f"a{alarm.number}:{prompt}:{t}"
        self.actions.append(Say(key, prompt, params, alarm.number, alarm.severity))

    def siren(self, alarm: Alarm, t: int, pattern: str) -> None:
        """The siren, on or off, for this alarm."""
        self.actions.append(Siren(f"a{alarm.number}:siren:{pattern}:{t}", pattern, alarm.number))

    def say_trying(self, alarm: Alarm, t: int, contact: str | None, *, still: bool = False) -> None:
        """What is true now: we are trying, we still are, or nothing goes out (V02, V04, V05)."""
        if self.unreachable:
            self.say(alarm, t, "V05")
        elif still:
            self.say(alarm, t, "V04", **({"fall": True} if alarm.code in FALLS else {}))
        else:
            self.say(alarm, t, "V02", contact=contact)

    # ---- to contacts

    def text(self, alarm: Alarm, to: str, template: str | None, tag: str, **params: Any) -> None:
        """Texts a contact about an alarm. `tag` makes the key: the same tag is never texted twice.

        A landline takes no texts, and who is listed no more gets none. Who has push addresses gets the same words there
        as well, never instead; whether they arrive moves nothing.
        """
        listed = next((c for c in self.home.contacts if c.id == to), None)
        if template is None or listed is None:
            return
        values, number, severity = self.facts(alarm) | params, alarm.number, alarm.severity
        if "sms" in listed.channels:
            self.actions.append(Text(f"a{number}:{template}:{to}:{tag}", to, template, values, number, severity))
        if "push" in listed.channels and template not in TEXT_ONLY:
            self.actions.append(Push(f"a{number}:push:{template}:{to}:{tag}", to, template, values, number, severity))

    def call(self, alarm: Alarm, to: str, tag: str) -> None:
        """Phones a contact about an alarm; `tag` as for `text`."""
        params = self.facts(alarm) | ({"test": True} if alarm.test else {})
        self.actions.append(Call(f"a{alarm.number}:call:{to}:{tag}", to, params, alarm.number, alarm.severity))

    def facts(self, alarm: Alarm) -> dict[str, Any]:
        """What every word to a contact about an alarm is made of; names nobody."""
        made = {
            "time": self._when(_began(alarm))[1],
            "place": self.home.place(alarm.device),
            "ref": alarm.reference,
            "code": alarm.code,
        }
        limit_h = alarm.evidence.get("limit_h")
        if isinstance(limit_h, bool) or not isinstance(limit_h, (int, float)):
            return made
        return made | {"hours": max(1, int(limit_h))}  # whole ones: 12 is not said of 11.9

    def date(self, t: int) -> str | None:
        """The local date of `t` as YYYY-MM-DD, None if no clock vouches for it."""
        civil = self.quiet.civil
        return date.fromordinal(_EPOCH + civil.day(t)).isoformat() if civil is not None and civil.trusted(t) else None

    # ---- to the platform

    def publish(self, alarm: Alarm, t: int, reason: str, *, again: str = "", **more: str | bool | None) -> None:
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
        if not self.quiet.muted(Severity.P4.value, t):
            self.actions.append(Say(f"ok:{t}", "V20"))
        body = {"at": self._when(t)[0], "test": False, "code": "OK_REPORTED", "severity": "P4", "state": "REPORTED"}
        self.actions.append(Publish(f"ok:{t}", "event", {**body, "reason": "ok_reported"}, "P4"))

    # ---- what is no alarm

    def spoken(self, prompt: str, t: int, params: dict[str, Any]) -> None:
        """A reminder or a question of the platform's, said at home."""
        if not self.quiet.muted(Severity.P4.value, t):
            self.actions.append(Say(f"s:{prompt}:{params.get('reminder', '')}:{t}", prompt, params))

    def line(self, contact: str, template: str, t: int, params: dict[str, Any]) -> None:
        """A few words to one contact that are no alarm: texted, pushed to who takes no texts, read aloud to who has
        but a landline. Once is enough."""
        listed = next((c for c in self.home.contacts if c.id == contact), None)
        what, severity = f"{template}:{contact}:{params.get('device', '')}:{t}", Severity.P4.value
        if listed is not None and listed.reads and "sms" not in listed.channels:
            self.actions.append(Push(f"l:push:{what}", contact, template, params, None, severity))
        elif listed is not None and not listed.reads:
            self.actions.append(Call(f"l:call:{what}", contact, {"line": template, **params}, None, severity))
        else:
            self.actions.append(Text(f"l:{what}", contact, template, params, None, severity))

    def note(self, code: str, t: int, reason: str, more: dict[str, Any]) -> None:
        """Something for the platform to know."""
        body = {"at": self._when(t)[0], "test": False, "code": code, "severity": "P4", "state": "REPORTED"}
        key = f"n:{code}:{reason}:{t}:{':'.join(str(v) for v in more.values())}"
        self.actions.append(Publish(key, "event", {**body, "reason": reason, **more}, Severity.P4.value))

    def summary(self, t: int, since: int, body: dict[str, Any]) -> None:
        """The daily summary: once for each account, whatever carries it how often (domain 5.2)."""
        span = {"at": self._when(t)[0], "test": False, "from": self._when(since)[0], "to": self._when(t)[0]}
        self.actions.append(Publish(f"summary:{body['date']}:{since}", "summary", {**span, **body}, Severity.P4.value))

    def _alarm_body(self, alarm: Alarm, t: int, reason: str, more: Mapping[str, str | bool | None]) -> dict[str, Any]:
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
        if evidence := _told_evidence(alarm):
            body["evidence"] = evidence
        return body | {k: v for k, v in more.items() if v is not None}


def _told_evidence(alarm: Alarm) -> dict[str, Any]:
    """What the platform is told of the evidence: single numbers; of a person's health only how many and how long."""
    told = _HEALTH_TOLD if alarm.code in _HEALTH else alarm.evidence.keys()
    return scalars({name: value for name, value in alarm.evidence.items() if name in told})


def _began(alarm: Alarm) -> int:
    """The moment whose hour is told: 'went out at 23:30' is when the door moved, not when nobody had come back."""
    minutes = alarm.evidence.get(_SINCE.get(alarm.code, ""))
    if not isinstance(minutes, (int, float)) or isinstance(minutes, bool) or not 0 <= minutes <= _DAY_MIN:
        return alarm.opened_t
    return alarm.opened_t - round(minutes * 60_000)


def unspoken(alarm: Alarm) -> bool:
    """Whether nothing is said at home about what we try: nobody may hear of it, or nobody is there to hear."""
    return CODES[alarm.code].flow in (Flow.SILENT, Flow.ABSENT)


def _pattern(book: Book) -> str:
    for pattern, states in _LAMP:
        for state in states:
            for alarm in book.live_in(state):
                if not silent(alarm):
                    return pattern
    return "off"


def silent(alarm: Alarm) -> bool:
    """Whether nothing at home may show this alarm: whoever forces the elder is there."""
    return CODES[alarm.code].flow is Flow.SILENT

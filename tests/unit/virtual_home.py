"""A home on a virtual clock: the real controller, and a test that reads like the domain."""

from __future__ import annotations

from typing import Any

from gateway.actions import Action, Call, Lamp, Publish, Say, Siren, Text
from gateway.alarms.life import AlarmEvent, State
from gateway.controller import Controller, Notice, Result
from gateway.home.model import Contact, Device, HomeView
from gateway.observations import Kind, Observation

START_WALL_MS = 1_772_324_130_000  # 2026-03-01T08:15:30+08:00


def home(**changes: Any) -> HomeView:
    """One elder, two contacts, a neighbour's visit contact, buttons, a motion sensor, a door."""
    devices = [
        Device("bedroom", "button", room="r1"),
        Device("bathroom", "button", room="r2"),
        Device("pendant", "wearable", placement="chest"),
        Device("cancel", "button", role="cancel"),
        Device("green", "button", role="ok"),
        Device("service", "button", role="service"),
        Device("hall-pir", "motion", room="r3", heartbeat_s=3600),
        Device("front-door", "contact", room="r3", entrance=True),
    ]
    fields: dict[str, Any] = {
        "rooms": {"r1": "卧室", "r2": "卫生间", "r3": "客厅"},
        "devices": {d.id: d for d in devices},
        "contacts": (Contact("c1", 1), Contact("c2", 2), Contact("n1", 1, "primary_visit_contact")),
        "consents": {"MONITORING": True, "NOTIFY_FAMILY": True},
    }
    return HomeView(**(fields | changes))


class House:
    """Speaks to one controller in seconds of a virtual clock and keeps all that came of it."""

    def __init__(self, view: HomeView | None = None, **settings: float) -> None:
        view = view or home()
        dotted = {k.replace("__", "."): v for k, v in settings.items()}
        if dotted:
            view = home(settings=dotted)
        self.controller = Controller(view, offset_ms=START_WALL_MS, trust="NTP")
        self.now_ms = 0
        self.events: list[AlarmEvent] = []
        self.actions: list[Action] = []
        self.notices: list[Notice] = []
        self.history: list[tuple[Observation, list[AlarmEvent]]] = []

    def say(self, kind: Kind, value: Any = None, device: str | None = None, **more: Any) -> Result:
        observation = Observation(kind, value, self.now_ms, device, **more)
        result = self.controller.handle(observation)
        self.history.append((observation, list(result.events)))
        return self._keep(result)

    def wait(self, seconds: float) -> Result:
        self.now_ms += round(seconds * 1000)
        observation = Observation(Kind.TICK, None, self.now_ms)
        result = self.controller.advance(self.now_ms)
        if result:
            self.history.append((observation, list(result.events)))
        return self._keep(result)

    def _keep(self, result: Result) -> Result:
        self.events += result.events
        self.actions += result.actions
        self.notices += result.notices
        return result

    def press(self, device: str = "bedroom", **more: Any) -> Result:
        return self.say(Kind.BUTTON, "press", device, **more)

    def reply(self, contact: str, answer: str, ref: str | None = None) -> Result:
        return self.say(Kind.REPLY, {"contact": contact, "answer": answer, "ref": ref})

    def platform(self, alarm: int, stage: str, **more: Any) -> Result:
        return self.say(Kind.ACK, {"alarm": alarm, "stage": stage, "by": "desk-3", **more})

    def states(self, alarm: int = 1) -> list[str]:
        return [e.state.value for e in self.events if e.alarm == alarm and e.state is not None]

    def state(self, alarm: int = 1) -> State:
        return self.controller.book.alarms[alarm].state

    def said(self, since: int = 0) -> list[str]:
        return [a.prompt for a in self.actions[since:] if isinstance(a, Say)]

    def texts(self, template: str | None = None) -> list[Text]:
        return [a for a in self.actions if isinstance(a, Text) and template in (None, a.template)]

    def told(self, *templates: str) -> list[str]:
        return [a.contact for a in self.actions if isinstance(a, Text) and a.template in templates]

    def called(self) -> list[str]:
        return [a.contact for a in self.actions if isinstance(a, Call)]

    def call_ended(self, contact: str, result: str, alarm: int = 1) -> Result:
        return self.say(Kind.DELIVERY, {"alarm": alarm, "contact": contact, "channel": "call", "result": result})

    def sirens(self) -> list[str]:
        return [a.pattern for a in self.actions if isinstance(a, Siren)]

    def lamps(self) -> list[str]:
        return [a.pattern for a in self.actions if isinstance(a, Lamp)]

    def at_the_hour(self, hh: int, mm: int = 0) -> None:
        """Lets time pass until the civil hour next is hh:mm."""
        civil = self.controller.civil
        left = (hh * 3600 + mm * 60) * 1000 - civil.ms_of_day(self.now_ms)
        self.wait((left % 86_400_000) / 1000)

    def published(self, channel: str = "alarm") -> list[dict[str, Any]]:
        return [a.body for a in self.actions if isinstance(a, Publish) and a.channel == channel]

    def at_s(self, state: State, alarm: int = 1) -> float:
        return next(e.t / 1000 for e in self.events if e.alarm == alarm and e.state is state)


def find(house: House, code: str, device: str | None = None, **more: object) -> None:
    """A rule finds something now."""
    desk = house.controller.desk
    desk.found(code, house.now_ms, "test", device, **more)  # type: ignore[arg-type]
    house._keep(house.controller.advance(house.now_ms))

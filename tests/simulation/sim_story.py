"""What will happen in a home, written down before it happens: a resident's days, the machine's bad luck.

A story is plain data: it can be shortened, printed and run again. What people and the platform do in answer to the
gateway is not in it; the world decides that by the story's seed (`sim_world`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.home.model import Contact, Device, HomeView

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
START_MS: Final = 1_772_323_200_000  # 2026-03-01T00:00:00Z, true time

LIFES_SNAPSHOTS: Final = 2_000  # entries; more than ten days: such a machine reads all of its life at each start

LATE_PER_DAY: Final = 0.8
HELD: Final = (("bedroom", "button", "press"), ("pendant", "button", "double"), ("hall", "motion", True),
               ("hall", "motion", False), ("hall", "seen", True), ("green", "button", "press"))  # fmt: skip
"""What may come late: device, kind, value."""

Happening = dict[str, Any]


@dataclass(slots=True)
class Story:
    """One home for `days` days. `traits` are how its people, its platform and its host are."""

    seed: int
    days: float
    home: HomeView
    happenings: list[Happening]
    traits: dict[str, Any] = field(default_factory=dict)


def write(seed: int, days: float) -> Story:
    """The story of this seed; the same seed tells the same story."""
    rng = random.Random(f"story {seed}")
    home = _home(rng)
    traits = {
        "answers": rng.choice([0.2, 0.6, 0.9]),  # how likely a contact answers at all
        "desk": rng.choice([0.0, 0.5, 0.9]),  # how likely the platform's desk does
        "cancels": rng.choice([0.1, 0.4]),
        "reassures": rng.choice([0.2, 0.7]),  # how likely the elder answers the question
        "ntp": rng.random() < 0.8,
        "rtc": rng.random() < 0.5,
        "text_s": rng.choice([1.0, 4.0, 9.0]),  # how long the modem takes for one text
        "bad_number": rng.random() < 0.15,
        "snapshot_every": rng.choice([30, 150, LIFES_SNAPSHOTS if seed % 4 == 0 else 500]),
        "every_mark": rng.choice([True, False, False, False]) and seed % 16 == 0,  # see sim_marks
    }
    pen = _Pen(rng, home, int(days * DAY))
    pen.life()
    pen.hands()
    pen.faults()
    pen.late(random.Random(f"late {seed}"))
    pen.happenings.sort(key=lambda h: h["at"])
    return Story(seed, days, home, pen.happenings, traits)


def _home(rng: random.Random) -> HomeView:
    devices = [
        Device("bedroom", "button", room="r1"),
        Device("bath", "button", room="r2"),
        Device("pendant", "wearable", placement="chest"),
        Device("cancel", "button", role="cancel"),
        Device("green", "button", role=rng.choice(["ok", "service"])),
        Device("hall", "motion", room="r3", heartbeat_s=3600.0),
    ]
    extra = [
        Device("door", "contact", room="r3", entrance=True, heartbeat_s=4 * 3600.0),
        Device("bed", "bed", room="r1", heartbeat_s=2 * 3600.0),
        Device("water", "water_meter", heartbeat_s=6 * 3600.0),
        Device("kitchen", "motion", room="r3"),
    ]
    devices += [d for d in extra if rng.random() < 0.5]
    phones = random.Random(rng.getstate()[1][0])  # apart, so that the same seeds go on telling the same stories
    ways: list[tuple[str, ...]] = [("sms", "call"), ("sms", "call"), ("sms",), ("call",)]
    contacts = [
        Contact("c1", 1, channels=phones.choice(ways)),
        Contact("c2", 2, channels=phones.choice(ways), hours=phones.choice([None, "07:00-21:00"])),
        Contact("n1", 1, "primary_visit_contact", channels=phones.choice(ways), can_enter=phones.random() < 0.5),
    ]
    settings: dict[str, float] = {"inactivity.learned": 0}  # the plain count knows no habits
    if rng.random() < 0.4:
        settings["call_button.pre_alarm_s"] = rng.choice([0, 5, 20])
    if rng.random() < 0.6:
        settings["inactivity.limit_h"] = rng.choice([2, 4, 8])
    if rng.random() < 0.2:
        settings["escalation.next_contact_s"] = rng.choice([30, 300])
    return HomeView(
        revision=1,
        rooms={"r1": "卧室", "r2": "卫生间", "r3": "客厅"},
        devices={d.id: d for d in devices},
        contacts=tuple(contacts[: rng.choice([0, 1, 2, 3, 3, 3])]),
        consents={"MONITORING": True, "NOTIFY_FAMILY": rng.random() < 0.8, "NOTIFY_VILLAGE": rng.random() < 0.5},
        settings=settings,
    )


class _Pen:
    def __init__(self, rng: random.Random, home: HomeView, end: int) -> None:
        self.rng, self.home, self.end = rng, home, end
        self.happenings: list[Happening] = []
        self.keys = 0

    def add(self, at: float, what: str, **more: Any) -> None:
        if 0 <= at < self.end:
            self.happenings.append({"at": int(at), "what": what, **more})

    def say(self, at: float, device: str | None, kind: str, value: Any) -> None:
        self.add(at, "say", device=device, kind=kind, value=value)

    def times(self, per_day: float) -> list[int]:
        """Moments at random, so many a day."""
        count = self.end * per_day / DAY
        whole = int(count) + (self.rng.random() < count % 1)
        return [self.rng.randrange(self.end) for _ in range(whole)]

    # ---- a resident's days

    def life(self) -> None:
        for start in range(0, self.end, DAY):
            if self.rng.random() < 0.12:
                continue  # a day without a trace: asleep in the chair, or worse
            wake, sleep = start + self._hours(6, 1), start + self._hours(21.5, 1)
            t = wake
            while t < sleep:
                self._act(t)
                t += self.rng.expovariate(1 / (40 * MINUTE)) + MINUTE
            if self.rng.random() < 0.5:
                self._act(start + self._hours(2, 1.5))  # the way to the toilet
        for device in self.home.devices.values():
            if device.heartbeat_s is not None:
                self._heartbeats(device)

    def _hours(self, mean: float, sigma: float) -> float:
        return max(0.0, self.rng.gauss(mean, sigma)) * HOUR

    def _act(self, t: float) -> None:
        have = self.home.devices
        choice = self.rng.random()
        if choice < 0.15 and "door" in have:
            self.say(t, "door", "contact", "open")
            self.say(t + 20_000, "door", "contact", "closed")
            if self.rng.random() < 0.2:
                self.add(t + 25_000, "away", value=True)
                self.add(t + self._hours(3, 2), "away", value=False)
        elif choice < 0.25 and "bed" in have:
            self.say(t, "bed", "bed", self.rng.random() < 0.5)
        elif choice < 0.35 and "water" in have:
            self.add(t, "water", litres=self.rng.randrange(1, 30))
        else:
            device = "kitchen" if "kitchen" in have and self.rng.random() < 0.5 else "hall"
            self.say(t, device, "motion", True)
            self.say(t + 60_000, device, "motion", False)

    def _heartbeats(self, device: Device) -> None:
        assert device.heartbeat_s is not None
        t = self.rng.random() * device.heartbeat_s * 1000
        while t < self.end:
            self.add(t, "beat", device=device.id)
            t += device.heartbeat_s * 1000 * self.rng.uniform(0.98, 1.02)

    # ---- buttons

    def hands(self) -> None:
        for t in self.times(0.7):
            device = self.rng.choice(["bedroom", "bath", "pendant", "bedroom"])
            self._press(t, device, self.rng.choice(["press", "press", "double", "long"]))
            for _ in range(self.rng.choice([0, 0, 1, 3])):
                t += self.rng.randrange(200, 40_000)
                self._press(t, device, "press")
        for t in self.times(0.5):
            self._press(t, self.rng.choice(["green", "cancel", "green"]), "press")
        for t in self.times(0.05):
            self.say(t, None, "condition", {"code": "UNVERIFIED_PRESS", "on": True})
        for t in self.times(0.1):
            self.add(t, "visit", by="visitor")
        for t in self.times(1.5):
            self.add(t, "noise", which=self.rng.choice([0, 0, 0, 1, 2, 3, 4, 5]))

    def _press(self, t: int, device: str, gesture: str) -> None:
        self.keys += 1
        key = f"ble:{device}:{self.keys}"
        self.add(t, "press", device=device, gesture=gesture, key=key)
        if self.rng.random() < 0.3:  # the same packet heard twice
            self.add(t + self.rng.choice([0, 5, 900]), "press", device=device, gesture=gesture, key=key)

    # ---- bad luck

    def faults(self) -> None:
        rng = self.rng
        longer = lambda most: rng.choice([rng.randrange(1_000, 90_000), rng.randrange(most)])  # noqa: E731
        for t in self.times(0.25):
            self.add(t, "kill", off=rng.randrange(500, 30_000), when=rng.choice(["now", "now", "before", "after"]))
        for t in self.times(0.2):
            off = rng.choice([20_000, 90_000, HOUR, 9 * HOUR, 3 * DAY])
            self.add(t, "cut", off=rng.randrange(10_000, off + 10_000), when=rng.choice(["now", "before", "after"]))
        for t in self.times(0.15):
            self.add(t, "disk", mode=rng.choice(["slow", "full", "failing", "failing"]), lasts=longer(5 * HOUR))
        for t in self.times(0.3):
            self.add(t, "path", which=rng.choice(["uplink", "cell", "uplink", "both"]), lasts=longer(8 * HOUR))
        for t in self.times(0.2):
            self.add(t, "deaf", device=rng.choice(list(self.home.devices)), lasts=rng.randrange(2 * DAY))
        for t in self.times(0.1):
            self.add(t, "blind", lasts=longer(6 * HOUR))
        for t in self.times(0.2):
            by = rng.choice([-START_MS, 50 * 365 * DAY, 1_500, 10_000, -240_000, HOUR, -HOUR, 0, 0])
            self.add(t, "wall", error=by)
        for t in self.times(0.1):
            self.add(t, "ntp", on=rng.random() < 0.7)
        for t in self.times(0.1):
            self.add(t, "config", which=rng.randrange(6))
        for t in self.times(2):
            self.add(t, "stall", ms=rng.randrange(50, 1_200))
        for t in self.times(0.05):
            self.add(t, "recorder", lasts=longer(10 * HOUR))

    def late(self, dice: random.Random) -> None:
        """What a broker or a radio held comes late: seconds, hours, or to a machine that has just woken up, in a bunch.
        Dice apart, so that the same seeds go on telling the same stories."""
        for n in range(round(self.end * LATE_PER_DAY / DAY)):
            device, kind, value = dice.choice(HELD)
            at, lag = dice.randrange(self.end), dice.choice([300, 4_000, 20_000, 10 * MINUTE, 3 * HOUR])
            told = {"name": f"held:{n}", "device": device, "kind": kind, "value": value}
            self.add(at, "held", lag=lag, **told)
            if dice.random() < 0.3:  # and once more
                self.add(at, "held", lag=lag + dice.choice([1, 900, 60_000]), **told)
            if dice.random() < 0.15:  # and the process dies around its commit: it is told again to the next one
                self.add(at + lag + dice.choice([0, 2, 5]), "kill", off=dice.randrange(500, 30_000), when="now")

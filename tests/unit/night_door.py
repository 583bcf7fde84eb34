"""A home at two at night whose entrance is watched: who leaves it, and what it makes of that."""

from __future__ import annotations

from virtual_home import House, home

from gateway.home.model import Device
from gateway.observations import Kind

MIN, HOUR = 60.0, 3600.0
TO_TWO_AT_NIGHT = 17 * HOUR + 44 * MIN + 30  # the virtual home begins at 08:15:30


def night_house(*more: Device, consents: dict[str, bool] | None = None, **settings: float) -> House:
    devices = (Device("door", "contact", entrance=True), Device("hall", "motion"), Device("bed", "bed"), *more)
    house = House(
        home(
            devices={d.id: d for d in devices},
            consents=consents if consents is not None else {"MONITORING": True},
            settings={"inactivity.enabled": 0.0} | {k.replace("__", "."): v for k, v in settings.items()},
        )
    )
    house.say(Kind.CONTACT, "closed", "door")
    house.wait(TO_TWO_AT_NIGHT)
    return house


def leave(house: House) -> None:
    """The hall sees her, the door opens and closes, the hall sees her feet once more."""
    house.say(Kind.MOTION, True, "hall")
    house.wait(5)
    house.say(Kind.CONTACT, "open", "door")
    house.wait(10)
    house.say(Kind.MOTION, True, "hall")
    house.wait(5)
    house.say(Kind.CONTACT, "closed", "door")


def codes(house: House) -> list[str]:
    return [a.code for a in house.controller.book.alarms.values()]


def status(house: House) -> tuple[str, str]:
    found = house.controller.statuses()["night_exit"]
    return found.readiness.value, found.reason


def whereabouts(house: House) -> list[tuple[str, str, str]]:
    return [(n.subject, n.status, n.reason) for n in house.notices if n.code == "HOME_AWAY"]

"""A home of hours, and what was said in it: for the tests of reminders, the daily line and the roll call."""

from __future__ import annotations

from typing import Any

from virtual_home import House, home

from gateway.actions import Say, Text
from gateway.home.shape import Reminder

HOUR = 3600
FROM_0815_TO_0900 = 44 * 60 + 30  # the house opens at 08:15:30


def a_home(*reminders: Reminder, **more: Any) -> House:
    return House(home(reminders=reminders, **more))


def prompts(house: House) -> list[str]:
    return [a.prompt for a in house.actions if isinstance(a, Say)]


def notes(house: House, code: str) -> list[dict[str, Any]]:
    return [body for body in house.published("event") if body["code"] == code]


def lines(house: House) -> list[tuple[str, str]]:
    return [(a.contact, a.template) for a in house.actions if isinstance(a, Text) and a.alarm is None]

"""The home from its document: reads it whole, or names everything that is wrong with it.

Pure: validates and describes, reads and writes nothing. `read_home` takes the registry's document (names, numbers and
keys included); `view_from_json` takes what the controller may know (a `config` observation, a snapshot, a recording).
Both raise only `BadHome`, whatever they are given.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from gateway.home.contact_rows import read_contact, read_contacts
from gateway.home.numbers import (
    EMERGENCY_NUMBERS,
    check_number,
    is_emergency,
    normal_number,
)
from gateway.home.reader import BadHome, Reader, where_of
from gateway.home.shape import (
    ALL_CHANNELS,
    CONSENTS,
    CONTACT_KINDS,
    DEVICE_KINDS,
    MAX_CONTACTS,
    MAX_DEVICES,
    MAX_LABEL_UNITS,
    MAX_NAME_UNITS,
    MAX_PLACE_UNITS,
    MAX_REMINDERS,
    MAX_RESIDENTS,
    MAX_ROOMS,
    PLACEMENTS,
    REMINDERS,
    ROLES,
    SUPPLIES,
    Contact,
    Device,
    Home,
    HomeView,
    Reminder,
    units,
)
from gateway.observations import ID_PATTERN, shown
from gateway.parameters import BadParameter, check

__all__ = [
    "CONSENTS", "CONTACT_KINDS", "DEVICE_KINDS", "EMERGENCY_NUMBERS", "MAX_CONTACTS", "MAX_DEVICES", "MAX_LABEL_UNITS",
    "MAX_NAME_UNITS", "MAX_PLACE_UNITS", "MAX_RESIDENTS", "MAX_ROOMS", "PLACEMENTS", "ROLES", "SUPPLIES", "BadHome",
    "Contact", "Device", "Home", "HomeView", "check_number", "is_emergency", "normal_number", "read_home", "units",
    "view_from_json",
]  # fmt: skip

MAX_REVISION: Final = 2**53  # exact in every JSON reader
ANY_ROOM: Final = None
WEEKDAYS: Final = re.compile(r"daily|(?:mon|tue|wed|thu|fri|sat|sun)(?:,(?:mon|tue|wed|thu|fri|sat|sun)){0,6}")


def read_home(document: Mapping[str, Any]) -> Home:
    """Validates a registry document and returns the home; raises `BadHome` with every problem found.

    Unknown keys are ignored here, so that an older gateway reads what a newer one wrote; what a person types is held to
    more (`gateway.home.changes`).
    """
    r = Reader()
    if not isinstance(document, Mapping):
        raise BadHome([f"home: expected a table, found {shown(document)}"])
    people: set[str] = set()
    names: dict[str, str] = {}
    for i, row in enumerate(r.rows(document, "residents", MAX_RESIDENTS)):
        where = where_of("residents", i, row)
        names[r.id(row, where, people)] = r.text(row, "name", where, MAX_NAME_UNITS)
    residents = tuple(names)

    rooms: dict[str, str] = {}
    taken: set[str] = set()
    for i, row in enumerate(r.rows(document, "rooms", MAX_ROOMS)):
        where = where_of("rooms", i, row)
        rooms[r.id(row, where, taken)] = r.text(row, "label", where, MAX_PLACE_UNITS)

    secrets = _Secrets()
    devices: dict[str, Device] = {}
    taken = set()
    for i, row in enumerate(r.rows(document, "devices", MAX_DEVICES)):
        where = where_of("devices", i, row)
        device = _device(r, row, where, taken, rooms or ANY_ROOM)
        devices[device.id] = device
        secrets.read(r, row, where, device.id)

    phones: dict[str, str] = {}
    pushes: dict[str, tuple[str, ...]] = {}
    contacts = read_contacts(r, document, people, names, phones, pushes)
    view = HomeView(
        contacts=contacts,
        reminders=_reminders(r, document, {c.id for c in contacts}),
        revision=r.whole(document, "revision", "revision", 0, MAX_REVISION, 0),
        residents=residents or ("r1",),
        rooms=rooms,
        devices=devices,
        consents=_consents(r, document),
        settings=_settings(r, document),
    )
    r.finish()
    return Home(view, names, phones, secrets.addresses, secrets.keys, secrets.labels, pushes)


def _device(r: Reader, row: dict[str, Any], where: str, taken: set[str], rooms: Collection[str] | None) -> Device:
    room = row.get("room")
    if room is not None and (not isinstance(room, str) or (rooms is not ANY_ROOM and room not in rooms)):
        r.bad(f"{where}.room", "one of the rooms " + ", ".join(rooms) if rooms else "the id of a room", room)
        room = None
    entrance = row.get("entrance", False)
    if not isinstance(entrance, bool):
        r.bad(f"{where}.entrance", "true or false", entrance)
    placement, supply = row.get("placement"), row.get("supply")
    return Device(
        id=r.id(row, where, taken),
        kind=r.choice(row, "kind", where, DEVICE_KINDS, None),
        room=room,
        role=r.choice(row, "role", where, ROLES, "call"),
        placement=r.choice(row, "placement", where, PLACEMENTS, None) if placement is not None else None,
        entrance=entrance is True,
        heartbeat_s=r.seconds(row, "heartbeat_s", where),
        interval_s=r.seconds(row, "interval_s", where),
        supply=r.choice(row, "supply", where, SUPPLIES, None) if supply is not None else None,
    )


class _Secrets:
    """What only the edge may know of its devices: addresses, keys, and the labels of texts."""

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}
        self.keys: dict[str, bytes] = {}
        self.labels: dict[str, str] = {}
        self._owned: set[str] = set()  # so that 10,000 devices are checked in one pass

    def read(self, r: Reader, row: dict[str, Any], where: str, device: str) -> None:
        """Takes a device's address, key and label from its row; a problem never shows a key."""
        address = row.get("address")
        if address is not None:
            if not isinstance(address, str) or not ID_PATTERN.fullmatch(address):
                r.bad(f"{where}.address", "an address such as AA:BB:CC:DD:EE:FF", address)
            elif address.upper() in self._owned:
                r.bad(f"{where}.address", "an address no other device has", address)
            else:
                self._owned.add(address.upper())
                self.addresses[device] = address.upper()
        key = row.get("key")
        if key is not None:
            if not isinstance(key, str) or not re.fullmatch(r"[0-9a-fA-F]{32}", key):
                r.problems.append(f"{where}.key: expected 32 hex digits (what was found is not shown)")
            else:
                self.keys[device] = bytes.fromhex(key)
        if row.get("label") is not None:
            self.labels[device] = r.text(row, "label", where, MAX_LABEL_UNITS)


def _reminders(r: Reader, document: Mapping[str, Any], contacts: Collection[str]) -> tuple[Reminder, ...]:
    taken: set[str] = set()
    made = []
    for i, row in enumerate(r.rows(document, "reminders", MAX_REMINDERS)):
        where = where_of("reminders", i, row)
        at, days, about = r.time_of_day(row, "at", where), row.get("days", "daily"), row.get("about")
        if row.get("at") is None:
            r.bad(f"{where}.at", "a time of day, HH:MM", None)
        if not (isinstance(days, str) and WEEKDAYS.fullmatch(days)):
            r.bad(f"{where}.days", "daily, or days such as mon,thu", days)
            days = "daily"
        if about is not None and about not in contacts:
            r.bad(f"{where}.about", "the id of a contact", about)
            about = None
        kind = r.choice(row, "kind", where, REMINDERS, None)
        made.append(Reminder(r.id(row, where, taken), kind, at or "00:00", days, about))
    return tuple(made)


def _consents(r: Reader, document: Mapping[str, Any]) -> dict[str, bool]:
    consents = r.table(document, "consents")
    for purpose, granted in consents.items():
        if purpose not in CONSENTS:
            r.bad("consents", "one of " + ", ".join(CONSENTS), purpose)
        elif not isinstance(granted, bool):
            r.bad(f"consents.{purpose}", "true or false", granted)
    return consents.copy()


def _settings(r: Reader, document: Mapping[str, Any]) -> dict[str, float]:
    good = {}
    for name, value in r.table(document, "settings").items():
        try:
            good[name] = check(name, value)
        except BadParameter as error:
            r.problems.append(f"settings.{error}")
    return good


def view_from_json(data: Mapping[str, Any]) -> HomeView:
    """The view from its JSON (a `config` observation, a snapshot, a recording header); raises `BadHome`.

    Unknown keys are ignored, and rooms need no label; contacts carry neither name nor number here and keep their order.
    """
    r = Reader()
    if not isinstance(data, Mapping):
        raise BadHome([f"home: expected a table, found {shown(data)}"])
    taken: set[str] = set()
    devices: dict[str, Device] = {}
    for i, row in enumerate(r.rows(data, "devices", MAX_DEVICES)):
        device = _device(r, row, where_of("devices", i, row), taken, ANY_ROOM)
        devices[device.id] = device
    taken = set()
    contacts = []
    for i, row in enumerate(r.rows(data, "contacts", MAX_CONTACTS)):
        where = where_of("contacts", i, row)
        contact = r.id(row, where, taken)
        found = row.get("channels", ["sms"])
        channels = tuple(c for c in ALL_CHANNELS if c in found) if isinstance(found, list) else ("sms",)
        contacts.append(read_contact(r, row, where, i, contact, channels))
    found = data.get("residents")
    residents = tuple(x for x in found if isinstance(x, str)) if isinstance(found, list) else ()
    view = HomeView(
        revision=r.whole(data, "revision", "revision", 0, MAX_REVISION, 0),
        residents=residents or ("r1",),
        rooms={k: v for k, v in r.table(data, "rooms").items() if isinstance(v, str)},
        devices=devices,
        contacts=tuple(contacts),
        reminders=_reminders(r, data, {c.id for c in contacts}),
        consents={k: v for k, v in r.table(data, "consents").items() if isinstance(v, bool)},
        settings=_settings(r, data),
    )
    r.finish()
    return view

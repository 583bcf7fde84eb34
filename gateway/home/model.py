"""The home from its document: reads it whole, or names everything that is wrong with it.

Pure: validates and describes, reads and writes nothing. `read_home` takes the registry's document (names, numbers and
keys included); `view_from_json` takes what the controller may know (a `config` observation, a snapshot, a recording).
Both raise only `BadHome`, whatever they are given.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from gateway.home.numbers import (
    EMERGENCY_NUMBERS,
    check_number,
    holds_emergency,
    is_emergency,
    normal_number,
    takes_texts,
)
from gateway.home.shape import (
    ALL_CHANNELS,
    CHANNELS,
    CONSENTS,
    CONTACT_KINDS,
    DEVICE_KINDS,
    DISTANCES,
    MAX_CONTACTS,
    MAX_DEVICES,
    MAX_LABEL_UNITS,
    MAX_NAME_UNITS,
    MAX_PLACE_UNITS,
    MAX_PUSH_CHARS,
    MAX_PUSHES,
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

MAX_PROBLEMS: Final = 50  # more helps nobody, and a hostile document must not make a hostile error
MAX_REVISION: Final = 2**53  # exact in every JSON reader
MAX_SECONDS: Final = 30 * 86400
ANY_ROOM: Final = None
TIME_OF_DAY: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
WEEKDAYS: Final = re.compile(r"daily|(?:mon|tue|wed|thu|fri|sat|sun)(?:,(?:mon|tue|wed|thu|fri|sat|sun)){0,6}")
HOURS: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]-(?:[01][0-9]|2[0-3]):[0-5][0-9]")


class BadHome(ValueError):
    """The home is not valid. `problems` lists each, up to a bound: which key, what was found, what was expected."""

    def __init__(self, problems: list[str]) -> None:
        more = len(problems) - MAX_PROBLEMS
        self.problems = problems[:MAX_PROBLEMS] + ([f"and {more} more"] if more > 0 else [])
        super().__init__("; ".join(self.problems))


class _Reader:
    """Collects every problem of a document instead of stopping at the first."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def bad(self, where: str, expected: str, found: object) -> None:
        self.problems.append(f"{where}: expected {expected}, found {shown(found)}")

    def finish(self) -> None:
        if self.problems:
            raise BadHome(self.problems)

    def rows(self, document: Mapping[str, Any], key: str, most: int) -> list[dict[str, Any]]:
        rows = document.get(key, [])
        if not isinstance(rows, list) or len(rows) > most or not all(isinstance(r, dict) for r in rows):
            self.bad(key, f"a list of at most {most} tables", rows)
            return []
        return rows

    def table(self, document: Mapping[str, Any], key: str) -> dict[str, Any]:
        table = document.get(key, {})
        if not isinstance(table, dict) or not all(isinstance(k, str) for k in table):
            self.bad(key, "a table", table)
            return {}
        return table

    def id(self, row: dict[str, Any], where: str, taken: set[str]) -> str:
        found = row.get("id")
        if not isinstance(found, str) or not ID_PATTERN.fullmatch(found):
            self.bad(f"{where}.id", "1 to 64 of A-Z a-z 0-9 _ . : / -", found)
            return ""
        if found in taken:
            self.bad(f"{where}.id", "an id that is not taken", found)
        taken.add(found)
        return found

    def text(self, row: dict[str, Any], key: str, where: str, most: int) -> str:
        found = row.get(key)
        text = found.strip() if isinstance(found, str) else ""
        if not text or not text.isprintable() or units(text) > most:
            self.bad(f"{where}.{key}", f"1 to {most} printable characters", found)
            return ""
        return text

    def choice(self, row: dict[str, Any], key: str, where: str, of: Collection[str], default: str | None) -> str:
        found = row.get(key, default)
        if not isinstance(found, str) or found not in of:
            self.bad(f"{where}.{key}", "one of " + ", ".join(sorted(of)), found)
            return ""
        return found

    def time_of_day(self, row: dict[str, Any], key: str, where: str) -> str | None:
        found = row.get(key)
        if found is not None and not (isinstance(found, str) and TIME_OF_DAY.fullmatch(found)):
            self.bad(f"{where}.{key}", "a time of day, HH:MM", found)
            return None
        return found

    def seconds(self, row: dict[str, Any], key: str, where: str) -> float | None:
        found = row.get(key)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, (int, float)) or not 1 <= found <= MAX_SECONDS:
            self.bad(f"{where}.{key}", f"1 to {MAX_SECONDS} seconds", found)
            return None
        return float(found)

    def whole(self, row: Mapping[str, Any], key: str, where: str, low: int, high: int, default: int) -> int:
        found = row.get(key, default)
        if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
            self.bad(where, f"a whole number from {low} to {high}", found)
            return default
        return found


def _where(table: str, i: int, row: dict[str, Any]) -> str:
    """How a row is called in a problem: by its id where it has one, else by its place."""
    found = row.get("id")
    return f"{table}.{found}" if isinstance(found, str) and ID_PATTERN.fullmatch(found) else f"{table}[{i}]"


def read_home(document: Mapping[str, Any]) -> Home:
    """Validates a registry document and returns the home; raises `BadHome` with every problem found.

    Unknown keys are ignored here, so that an older gateway reads what a newer one wrote; what a person types is held to
    more (`gateway.home.changes`).
    """
    r = _Reader()
    if not isinstance(document, Mapping):
        raise BadHome([f"home: expected a table, found {shown(document)}"])
    people: set[str] = set()
    names: dict[str, str] = {}
    for i, row in enumerate(r.rows(document, "residents", MAX_RESIDENTS)):
        where = _where("residents", i, row)
        names[r.id(row, where, people)] = r.text(row, "name", where, MAX_NAME_UNITS)
    residents = tuple(names)

    rooms: dict[str, str] = {}
    taken: set[str] = set()
    for i, row in enumerate(r.rows(document, "rooms", MAX_ROOMS)):
        where = _where("rooms", i, row)
        rooms[r.id(row, where, taken)] = r.text(row, "label", where, MAX_PLACE_UNITS)

    secrets = _Secrets()
    devices: dict[str, Device] = {}
    taken = set()
    for i, row in enumerate(r.rows(document, "devices", MAX_DEVICES)):
        where = _where("devices", i, row)
        device = _device(r, row, where, taken, rooms or ANY_ROOM)
        devices[device.id] = device
        secrets.read(r, row, where, device.id)

    phones: dict[str, str] = {}
    pushes: dict[str, tuple[str, ...]] = {}
    contacts = _contacts(r, document, people, names, phones, pushes)
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


def _device(r: _Reader, row: dict[str, Any], where: str, taken: set[str], rooms: Collection[str] | None) -> Device:
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

    def read(self, r: _Reader, row: dict[str, Any], where: str, device: str) -> None:
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


def _contacts(
    r: _Reader,
    document: Mapping[str, Any],
    people: set[str],
    names: dict[str, str],
    phones: dict[str, str],
    pushes: dict[str, tuple[str, ...]],
) -> tuple[Contact, ...]:
    contacts = []
    for i, row in enumerate(r.rows(document, "contacts", MAX_CONTACTS)):
        where = _where("contacts", i, row)
        contact = r.id(row, where, people)
        names[contact] = r.text(row, "name", where, MAX_NAME_UNITS)
        channels: tuple[str, ...] = ("sms",)
        try:
            phone = check_number(row.get("phone"))
        except ValueError as error:
            r.problems.append(f"{where}.phone: {error}")
        else:
            if phone in phones.values():
                r.problems.append(f"{where}.phone: another contact has this number already")
            phones[contact] = phone
            channels = _channels(r, row, where, takes_texts(phone))
        if found := _pushes(r, row, where):
            pushes[contact] = found
            channels = (*channels, "push")
        order = r.whole(row, "order", f"{where}.order", 1, 99, i + 1)
        kind = r.choice(row, "kind", where, CONTACT_KINDS, "emergency_contact")
        daily = r.time_of_day(row, "daily_line", where)
        contacts.append(Contact(contact, order, kind, channels, daily, **_reachable(r, row, where)))
    rank = {kind: n for n, kind in enumerate(CONTACT_KINDS)}
    return tuple(sorted(contacts, key=lambda c: (rank.get(c.kind, len(rank)), c.order, c.id)))


def _reminders(r: _Reader, document: Mapping[str, Any], contacts: Collection[str]) -> tuple[Reminder, ...]:
    taken: set[str] = set()
    made = []
    for i, row in enumerate(r.rows(document, "reminders", MAX_REMINDERS)):
        where = _where("reminders", i, row)
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


def _channels(r: _Reader, row: dict[str, Any], where: str, texts: bool) -> tuple[str, ...]:
    """The ways to a contact: both for a mobile, calls only for a landline, unless the row says fewer."""
    possible = CHANNELS if texts else ("call",)
    found = row.get("channels")
    if found is None:
        return possible
    wanted = found.replace(",", " ").split() if isinstance(found, str) else found
    if not isinstance(wanted, list) or not wanted or not all(c in possible for c in wanted):
        r.bad(f"{where}.channels", "one or more of " + ", ".join(possible), found)
        return possible
    return tuple(c for c in possible if c in wanted)


def _reachable(r: _Reader, row: dict[str, Any], where: str) -> dict[str, Any]:
    """When and from where a contact can help, as `Contact` takes it."""
    hours, can_enter = row.get("hours"), row.get("can_enter", False)
    if hours is not None and (not isinstance(hours, str) or not HOURS.fullmatch(hours) or hours[:5] == hours[6:]):
        r.bad(f"{where}.hours", "HH:MM-HH:MM, such as 08:00-22:00", hours)
        hours = None
    if not isinstance(can_enter, bool):
        r.bad(f"{where}.can_enter", "true or false", can_enter)
    distance = r.choice(row, "distance", where, DISTANCES, "same_city")
    return {"hours": hours, "can_enter": can_enter is True, "distance": distance}


def _pushes(r: _Reader, row: dict[str, Any], where: str) -> tuple[str, ...]:
    """A contact's push addresses, blank between them. Each holds a token, so a problem never shows one."""
    found = row.get("push")
    if found is None:
        return ()
    addresses = tuple(found.split()) if isinstance(found, str) else ()
    good = [a for a in addresses if len(a) <= MAX_PUSH_CHARS and re.fullmatch(r"[a-z][a-z0-9+.-]{1,20}://\S+", a)]
    if not 1 <= len(addresses) <= MAX_PUSHES or len(good) < len(addresses):
        r.problems.append(
            f"{where}.push: expected 1 to {MAX_PUSHES} Apprise addresses such as ntfy://… (what was found is not shown)"
        )
        return ()
    if any(map(holds_emergency, addresses)):
        r.problems.append(f"{where}.push: names a public emergency or hotline number; people dial those")
        return ()
    return addresses


def _consents(r: _Reader, document: Mapping[str, Any]) -> dict[str, bool]:
    consents = r.table(document, "consents")
    for purpose, granted in consents.items():
        if purpose not in CONSENTS:
            r.bad("consents", "one of " + ", ".join(CONSENTS), purpose)
        elif not isinstance(granted, bool):
            r.bad(f"consents.{purpose}", "true or false", granted)
    return consents.copy()


def _settings(r: _Reader, document: Mapping[str, Any]) -> dict[str, float]:
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
    r = _Reader()
    if not isinstance(data, Mapping):
        raise BadHome([f"home: expected a table, found {shown(data)}"])
    taken: set[str] = set()
    devices: dict[str, Device] = {}
    for i, row in enumerate(r.rows(data, "devices", MAX_DEVICES)):
        device = _device(r, row, _where("devices", i, row), taken, ANY_ROOM)
        devices[device.id] = device
    taken = set()
    contacts = []
    for i, row in enumerate(r.rows(data, "contacts", MAX_CONTACTS)):
        where = _where("contacts", i, row)
        contact = r.id(row, where, taken)
        kind = r.choice(row, "kind", where, CONTACT_KINDS, "emergency_contact")
        order = r.whole(row, "order", f"{where}.order", 1, 99, i + 1)
        found = row.get("channels", ["sms"])
        channels = tuple(c for c in ALL_CHANNELS if c in found) if isinstance(found, list) else ("sms",)
        daily = r.time_of_day(row, "daily_line", where)
        contacts.append(Contact(contact, order, kind, channels, daily, **_reachable(r, row, where)))
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

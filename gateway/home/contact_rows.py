"""The contacts of a home's document: how, when and from where each is reached, and in which order they are asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.home.numbers import check_number, holds_emergency, takes_texts
from gateway.home.reader import Reader, where_of
from gateway.home.shape import (
    CHANNELS,
    CONTACT_KINDS,
    DISTANCES,
    MAX_CONTACTS,
    MAX_NAME_UNITS,
    MAX_PUSH_CHARS,
    MAX_PUSHES,
    Contact,
)

HOURS: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]-(?:[01][0-9]|2[0-3]):[0-5][0-9]")


def read_contacts(
    r: Reader,
    document: Mapping[str, Any],
    people: set[str],
    names: dict[str, str],
    phones: dict[str, str],
    pushes: dict[str, tuple[str, ...]],
) -> tuple[Contact, ...]:
    """The contacts in order of escalation; puts their names, numbers and push addresses into what is handed in."""
    contacts = []
    for i, row in enumerate(r.rows(document, "contacts", MAX_CONTACTS)):
        where = where_of("contacts", i, row)
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
        contacts.append(read_contact(r, row, where, i, contact, channels))
    rank = {kind: n for n, kind in enumerate(CONTACT_KINDS)}
    return tuple(sorted(contacts, key=lambda c: (rank.get(c.kind, len(rank)), c.order, c.id)))


def read_contact(
    r: Reader, row: dict[str, Any], where: str, place: int, contact: str, channels: tuple[str, ...]
) -> Contact:
    """The contact of one row, the `place`-th: its rank, and when and from where it can help."""
    hours, can_enter = row.get("hours"), row.get("can_enter", False)
    if hours is not None and (not isinstance(hours, str) or not HOURS.fullmatch(hours) or hours[:5] == hours[6:]):
        r.bad(f"{where}.hours", "HH:MM-HH:MM, such as 08:00-22:00", hours)
        hours = None
    if not isinstance(can_enter, bool):
        r.bad(f"{where}.can_enter", "true or false", can_enter)
    return Contact(
        contact,
        order=r.whole(row, "order", f"{where}.order", 1, 99, place + 1),
        kind=r.choice(row, "kind", where, CONTACT_KINDS, "emergency_contact"),
        channels=channels,
        daily_line=r.time_of_day(row, "daily_line", where),
        hours=hours,
        can_enter=can_enter is True,
        distance=r.choice(row, "distance", where, DISTANCES, "same_city"),
    )


def _channels(r: Reader, row: dict[str, Any], where: str, texts: bool) -> tuple[str, ...]:
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


def _pushes(r: Reader, row: dict[str, Any], where: str) -> tuple[str, ...]:
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

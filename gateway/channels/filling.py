"""Fills in at the last moment what an action must not hold: names, labels, the helpline (actions.py says why).

Knows the home with its names, and the catalogue. Knows neither what is sent nor how.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.alarms.words import Catalogue
from gateway.home.model import Home

FAMILY = "emergency_contact"
"""The kind of contact who knows whose home it is; every other hop is told the house as well (domain 4.4)."""


@dataclass(frozen=True, slots=True)
class HouseFacts:
    """What texts need and the registry does not hold; from the configuration.

    `house`: at most 6 characters that tell a stranger which house (溪边12号), empty if none was given.
    `helpline`: the number to call about faulty equipment, at most 13 characters, empty if none was given.
    """

    house: str = ""
    helpline: str = ""


def sms_values(
    params: Mapping[str, Any], to_kind: str, home: Home, words: Catalogue, facts: HouseFacts
) -> dict[str, Any]:
    """The parameters of an SMS with names filled in, for a contact of kind `to_kind`.

    `contact` and `device` become names; nobody, or one we do not know (the platform's desk), is the desk. `what` and
    `kind` come from `code` unless given. An alarm about nobody in particular bears the first resident's name.
    """
    code = str(params.get("code", ""))
    what, kind = str(params.get("what", code)), str(params.get("kind", code))
    return {
        **params,
        "name": resident_name(params, home, words),
        "contact": contact_name(params.get("contact"), home, words),
        "device": home.labels.get(str(params.get("device")), words.words["device"]),
        "what": words.what(what) if what == code or what in words.whats else what,
        "kind": words.kind(kind) if kind == code or kind in words.kinds else kind,
        "tel": facts.helpline or words.words["helpline"],
        "house": "" if to_kind == FAMILY else facts.house,
    }


def spoken_values(params: Mapping[str, Any], home: Home, words: Catalogue) -> dict[str, Any]:
    """The parameters of a prompt with names filled in. Nobody to tell but the platform: that is what is said."""
    values = dict(params)
    if "contact" in params:
        values["contact"] = contact_name(params["contact"], home, words)
    elif not home.view.contacts:
        values["contact"] = words.words["desk"]
    if "device" in params:
        values["device"] = home.labels.get(str(params["device"]), words.words["device"])
    if "visitor" in params:
        values["visitor"] = contact_name(params["visitor"], home, words)
    return values


def resident_name(params: Mapping[str, Any], home: Home, words: Catalogue) -> str:
    """The display name of the resident an alarm is about; the first one's where it names none."""
    named = str(params.get("resident", ""))
    first = next(iter(home.view.residents), "")
    return home.names.get(named) or home.names.get(first) or words.words["resident"]


def contact_name(contact: object, home: Home, words: Catalogue) -> str:
    """The display name of a contact id; the desk's for nobody and for whoever is not in the home."""
    return home.names.get(str(contact)) or words.words["desk"]

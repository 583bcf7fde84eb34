"""Is the home valid, and would an alarm from it reach anybody? Says what is missing; changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gateway.cli.findings import Finding, fail, ok, warn

if TYPE_CHECKING:
    from gateway.home.shape import Home


def check_home(read: Callable[[], dict[str, Any]]) -> list[Finding]:
    """What is wrong with the document `read` returns, or what its home lacks."""
    from gateway.home.changes import slips
    from gateway.home.model import BadHome, read_home
    from gateway.home.registry import DamagedRegistry

    try:
        document = read()
        home = read_home(document)
    except BadHome as bad:
        return [fail("home", p, "correct it with `hearthwatch home set`") for p in bad.problems]
    except DamagedRegistry as damaged:
        return [fail("home", str(damaged), "restore a backup: `hearthwatch home set --file`")]
    except OSError as error:
        return [fail("home", f"cannot be read: {error}", "run as the gateway's user, or `sudo`")]
    view = home.view
    found = [
        ok(
            "home",
            f"revision {view.revision}: {len(document.get('residents', []))} residents, {len(view.rooms)} rooms, "
            f"{len(view.devices)} devices, {len(view.contacts)} contacts",
        )
    ]
    found += [warn("home", slip, "correct it with `hearthwatch home set`") for slip in slips(document)]
    return found + gaps(home)


def gaps(home: Home) -> list[Finding]:
    """What a valid home lacks to be watched over. The first alarm is the wrong moment to learn it."""
    return _people(home) + _consents(home) + _devices(home)


def _people(home: Home) -> list[Finding]:
    found = []
    if not home.names.keys() - {c.id for c in home.view.contacts}:
        found.append(warn("residents", "none: texts have no name", "hearthwatch home set resident r1 name=王阿公"))
    if not home.view.contacts:
        found.append(
            warn("contacts", "none: an alarm reaches nobody by text", "hearthwatch home set contact c1 name=… phone=…")
        )
    elif not any("sms" in c.channels for c in home.view.contacts):
        found.append(warn("contacts", "none takes texts (landlines only)", "add a contact with a mobile number"))
    else:
        found.append(ok("contacts", ", ".join(c.id for c in home.view.contacts) + " (in this order)"))
    return found


def _consents(home: Home) -> list[Finding]:
    granted = [p for p, yes in home.view.consents.items() if yes]
    found = [ok("consents", ", ".join(granted))] if granted else []
    needed = {"MONITORING": "sensors are not evaluated"}
    kinds = {c.kind for c in home.view.contacts}
    if kinds & {"emergency_contact", "primary_visit_contact"}:
        needed["NOTIFY_FAMILY"] = "family is told of nothing but open life-safety alarms"
    if "village_liaison" in kinds:
        needed["NOTIFY_VILLAGE"] = "the village liaison is told of nothing but open life-safety alarms"
    for purpose, effect in needed.items():
        if purpose not in granted:
            found.append(
                warn(
                    "consents",
                    f"{purpose} is not given: {effect}",
                    f"ask the elder; hearthwatch home set consent {purpose}=true",
                )
            )
    return found


def _devices(home: Home) -> list[Finding]:
    devices = home.view.devices.values()
    if not devices:
        return [warn("devices", "none: nothing is heard", "hearthwatch home set device ID kind=button address=… key=…")]
    found = []
    if not any(d.kind == "button" and d.role == "call" for d in devices):
        found.append(warn("devices", "no call button", "hearthwatch home set device ID kind=button address=… key=…"))
    deaf = [d.id for d in devices if d.id not in home.addresses]
    if deaf:
        found.append(
            warn("devices", f"no address: {_some(deaf)}", "nothing can be heard from it; home set device ID address=…")
        )
    unsealed = [d.id for d in devices if d.kind == "button" and d.id in home.addresses and d.id not in home.keys]
    if unsealed:
        found.append(
            warn("devices", f"buttons without a key: {_some(unsealed)}", "anyone nearby can forge a press; set key=…")
        )
    return found


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")

"""The call button (智能呼叫系统): any gesture on a call device is a call, always, whatever else is going on.

Never suppressed by away, mute, night or clock trust. Joining of repeat presses is the alarm's life, not this rule's.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.home.model import Device, HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, Finding, PlainRule, Readiness, Signal, Status

GATEWAY_BUTTON: Final = "gateway"
"""The id of the button on the case."""
CALLERS: Final = frozenset({"button", "wearable"})


class CallButton(PlainRule):
    """Turns a press on a call device into a finding, and a wish for service into a request."""

    name = "call_button"
    hears = frozenset({Kind.BUTTON})
    declared = Declared(
        "any gesture on a call device is a call, whatever else is going on",
        needs=("a button or wearable of role call; one nobody enrolled counts as one",),
        says=("CALL_PERSONAL", "CALL_FIXED", "CALL_GATEWAY"),
    )

    def __init__(self) -> None:
        self._home = HomeView()
        self._calls: frozenset[str] = frozenset()
        self._lost: frozenset[str] = frozenset()

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Learns which device is what."""
        self._home = home
        self._calls = frozenset(d.id for d in home.devices.values() if d.kind in CALLERS and d.role == "call")
        return NOTHING

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """Which devices give no sign of life. A press of one of them is a call all the same."""
        self._lost = frozenset(lost)
        return NOTHING

    def status(self) -> Status:
        """UNAVAILABLE once every call device is lost: with one left, somebody can still call."""
        nobody = bool(self._calls) and self._calls <= self._lost
        return Status(Readiness.UNAVAILABLE, "sensor_lost") if nobody else Status(Readiness.ARMED)

    def to_json(self) -> dict[str, Any]:
        """Which devices are lost."""
        return {"lost": sorted(self._lost)}

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`; snapshots of 0.1 know of none."""
        self._lost = frozenset(str(d) for d in data.get("lost", ()))

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """A press on a `call` device is a call. A device nobody enrolled counts as one: better asked than missed."""
        if observation.kind is not Kind.BUTTON or role_of(self._home, observation.device) != "call":
            return NOTHING
        device = self._home.devices.get(observation.device or "")
        evidence: dict[str, object] = {"gesture": observation.value}
        if observation.key is not None:
            evidence["key"] = observation.key
            if observation.key.endswith(":suspect"):  # drivers.ble.counters: a counter that went backward
                evidence["replay_suspect"] = True
        if observation.late:
            evidence["late"] = True
        return (
            Finding(_code(device, observation.device), observation.t, "button_pressed", observation.device, evidence),
        )


def role_of(home: HomeView, device: str | None) -> str:
    """The role of a button device: call (also for one we do not know), cancel, ok or service."""
    known = home.devices.get(device or "")
    return known.role if known is not None else "call"


def green_key(home: HomeView, observation: Observation) -> bool:
    """Whether somebody pressed the green key, or reported well some other way."""
    if observation.kind is Kind.BUTTON:
        return role_of(home, observation.device) in ("ok", "service")
    return observation.kind is Kind.OK


def _code(device: Device | None, name: str | None) -> str:
    if name == GATEWAY_BUTTON:
        return "CALL_GATEWAY"
    if device is not None and (device.kind == "wearable" or device.placement is not None):
        return "CALL_PERSONAL"
    return "CALL_FIXED"

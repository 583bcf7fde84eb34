"""The vocabulary out: what the controller asks for. Each action is durable before it is carried out.

Knows what can be asked; knows no text, no phone number, no topic. Names of people never appear here: an action says
`contact="c1"`, the channel fills in the name and number from the home registry at the last moment, so neither the
journal nor a log ever holds them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from gateway.bounds import untamed
from gateway.observations import BadObservation, shown


@dataclass(frozen=True, slots=True)
class Say:
    """Speak prompt `prompt` (V01...) at home. Goes stale: nobody wants a reassurance of ten minutes ago."""

    kind: ClassVar[str] = "say"
    key: str
    prompt: str
    params: dict[str, Any] = field(default_factory=dict)
    alarm: int | None = None
    severity: str = "P4"


@dataclass(frozen=True, slots=True)
class Lamp:
    """Set the lamp: off, calling (blinks), sent (steady), accepted."""

    kind: ClassVar[str] = "lamp"
    key: str
    pattern: str
    alarm: int | None = None


@dataclass(frozen=True, slots=True)
class AckDevice:
    """Tell the device that was pressed that the press was heard, where its link allows it."""

    kind: ClassVar[str] = "ack_device"
    key: str
    device: str


@dataclass(frozen=True, slots=True)
class Text:
    """Send SMS template `template` (S01...) to a contact. `params` holds no names; see channels.sms."""

    kind: ClassVar[str] = "text"
    key: str
    contact: str
    template: str
    params: dict[str, Any]
    alarm: int | None
    severity: str


@dataclass(frozen=True, slots=True)
class Call:
    """Phone a contact, say what happened, take 1, 2 or 3. `params` as for `Text`; how it went comes back as an
    observation: `delivery` with `"channel": "call"`, and a keyed answer as `reply` with `"via": "call"`.

    With `"line"`, the name of a text, it reads that aloud and asks nothing: what is no alarm, to a landline."""

    kind: ClassVar[str] = "call"
    key: str
    contact: str
    params: dict[str, Any]
    alarm: int | None
    severity: str


@dataclass(frozen=True, slots=True)
class Push:
    """Send a text over the push services a contact chose, beside SMS and never instead of it."""

    kind: ClassVar[str] = "push"
    key: str
    contact: str
    template: str
    params: dict[str, Any]
    alarm: int | None
    severity: str


@dataclass(frozen=True, slots=True)
class Siren:
    """Sound the siren, or stop it: for smoke, gas and CO only (domain 1.9)."""

    kind: ClassVar[str] = "siren"
    key: str
    pattern: str  # "on" or "off"
    alarm: int | None = None


@dataclass(frozen=True, slots=True)
class Publish:
    """Send a durable message to the platform on `/up/{channel}`. The journal gives it its `seq`."""

    kind: ClassVar[str] = "publish"
    key: str
    channel: str  # "alarm" or "event"
    body: dict[str, Any]
    severity: str
    alarm: int | None = None


Action = Say | Lamp | Siren | AckDevice | Text | Call | Push | Publish

ACTIONS: Final[dict[str, type[Action]]] = {a.kind: a for a in (Say, Lamp, Siren, AckDevice, Text, Call, Push, Publish)}

LOCAL: Final = frozenset({Say.kind, Lamp.kind, Siren.kind, AckDevice.kind})
"""Carried out at home; worthless once stale (`STALE_AFTER_MS`), unlike texts and messages to the platform."""

STALE_AFTER_MS: Final = 30_000


def to_json(action: Action) -> dict[str, Any]:
    """The action as a JSON object, `kind` included. It shares `params` and `body`: write it out at once."""
    return {"kind": action.kind, **{name: getattr(action, name) for name in action.__slots__}}


def from_json(data: dict[str, Any]) -> Action:
    """The inverse of `to_json`; raises `BadObservation` for what is not an action (a newer or damaged journal)."""
    kind = data.get("kind") if isinstance(data, dict) else None
    made = ACTIONS.get(kind) if isinstance(kind, str) else None
    if made is None:
        raise BadObservation(f"action: unknown kind {shown(kind)}")
    fields = {name: value for name, value in data.items() if name != "kind"}
    if wrong := [name for name, value in fields.items() if not _fits(name, value)]:
        raise BadObservation(f"action: {', '.join(map(shown, wrong[:5]))}: of the wrong type")
    try:
        return made(**fields)
    except TypeError:  # its text would quote every name it was given
        raise BadObservation(f"action: {kind}: a field is missing or unknown") from None


def _fits(name: str, value: Any) -> bool:
    """All kinds of actions share the names of their fields, and each name its type."""
    if name in ("params", "body"):
        return isinstance(value, dict) and untamed(value) is None
    if name == "alarm":
        return value is None or (isinstance(value, int) and not isinstance(value, bool))
    return isinstance(value, str)


PRIORITY: Final = {"P0": 0, "P1": 0, "P2": 1, "P3": 2, "P4": 3, "TEST": 2}
"""Order in the outbox: alarms first, then technical, then information (T-30)."""

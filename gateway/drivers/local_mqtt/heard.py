"""One message and what was understood of it. Shapes only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.observations import Kind, Report, check_value


@dataclass(frozen=True, slots=True)
class Message:
    """What the broker delivered. `payload` may be cut one byte above what its topic may carry."""

    topic: str
    payload: bytes
    retain: bool = False  # what was said some time ago, told because we just subscribed
    mid: int = 0
    qos: int = 1
    dup: bool = False  # the broker has told it before, and we did not confirm it
    number: int = 0  # the connection on which it came first (`deliveries`)


@dataclass(frozen=True, slots=True)
class Heard:
    """Reports for the heart, words to count, and what concerns the way itself."""

    reports: tuple[Report, ...] = ()
    counts: tuple[str, ...] = ()
    bridge: bool | None = None  # Zigbee2MQTT said that it is there, or not
    response: tuple[str, Any] | None = None  # the answer to a request of ours: its name and body


def checked(
    kind: Kind, value: Any, device: str, key: str | None = None, memory: tuple[str, Any] | None = None
) -> Report:
    """A report whose value is of the vocabulary. Raises `BadObservation`."""
    return Report(kind, check_value(kind, value), device, key, memory)

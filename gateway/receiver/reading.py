"""What a gateway's message means to the platform. Pure: topic and bytes in, a judgement or `BadMessage` out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gateway.observations import shown
from gateway.receiver.store import Message
from gateway.upstream.messages import CHANNELS, MAX_NAME_CHARS, BadMessage, load, parse_up_topic, whole

MAX_UP_BYTES: Final = 16 * 1024
STATES: Final = ("ONLINE", "OFFLINE")
HEARTBEATS_MISSED: Final = 3  # T-14
HEARTBEAT_S: Final = 300  # T-13


@dataclass(frozen=True, slots=True)
class State:
    """Birth or will."""

    site: str
    gateway: str
    state: str
    boot: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The rule loop of this gateway lives."""

    site: str
    gateway: str
    body: dict[str, Any]


def read(topic: str, payload: bytes) -> Message | State | Heartbeat:
    """Judges one message. Raises `BadMessage`, for a `gateway` other than its topic's (A7) too."""
    site, gateway, channel = parse_up_topic(topic)
    body = load(payload, MAX_UP_BYTES)
    if channel == "state":
        state = body.get("state")
        if state not in STATES:
            raise BadMessage(f"state: expected ONLINE or OFFLINE, found {shown(state)}")
        boot = body.get("boot", "")
        return State(site, gateway, state, boot[:MAX_NAME_CHARS] if isinstance(boot, str) else "")
    if body.get("gateway") != gateway:
        raise BadMessage(f"gateway: expected {gateway} as in the topic, found {shown(body.get('gateway'))}")
    if channel == "heartbeat":
        return Heartbeat(site, gateway, body)
    if channel not in CHANNELS:
        raise BadMessage(f"topic: unknown channel {shown(channel)}")
    epoch, seq = body.get("epoch"), body.get("seq")
    if not isinstance(epoch, str) or not 0 < len(epoch) <= MAX_NAME_CHARS:
        raise BadMessage(f"epoch: expected a short text, found {shown(epoch)}")
    if not isinstance(seq, int) or not whole(seq):
        raise BadMessage(f"seq: expected a positive whole number, found {shown(seq)}")
    return Message(site, gateway, epoch, seq, channel, body)


def standing(state: str | None, heartbeat_age_s: float | None) -> str:
    """ONLINE, SUSPECT (its will was published) or OFFLINE (three heartbeats missed), T-14."""
    if heartbeat_age_s is not None and heartbeat_age_s > HEARTBEATS_MISSED * HEARTBEAT_S:
        return "OFFLINE"
    return "ONLINE" if state == "ONLINE" else "SUSPECT"

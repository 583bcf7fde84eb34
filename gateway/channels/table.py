"""Every way to people, one row each: which actions it carries and how it is opened. A new channel is one more row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.actions import AckDevice, Call, Lamp, Push, Say, Siren, Text
from gateway.channels import call, lamp, push, siren, sms, voice
from gateway.channels.port import Channel
from gateway.channels.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Row:
    """One channel: its name, the kinds of actions it carries, and what makes one from its surroundings."""

    name: str
    kinds: tuple[str, ...]
    opens: Callable[[Surroundings], Channel]


CHANNELS: Final[tuple[Row, ...]] = (
    Row("voice", (Say.kind,), voice.open_channel),
    Row("lamp", (Lamp.kind, AckDevice.kind), lamp.open_channel),
    Row("siren", (Siren.kind,), siren.open_channel),
    Row("sms", (Text.kind,), sms.open_channel),
    Row("call", (Call.kind,), call.open_channel),
    Row("push", (Push.kind,), push.open_channel),
)
"""In the order in which they are opened: the home's own first, they need nothing from outside."""

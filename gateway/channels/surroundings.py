"""What a channel may need of the house it is opened in; each takes what it needs and knows nothing of the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gateway.actions import Action
from gateway.alarms.words import Catalogue
from gateway.channels.call import CallBearer
from gateway.channels.filling import HouseFacts
from gateway.channels.port import Health
from gateway.channels.sms import SmsBearer
from gateway.config import Config
from gateway.home.model import Home
from gateway.observations import Report


class Bearer(SmsBearer, CallBearer, Protocol):
    """What carries texts and calls to numbers: one modem or several."""

    def health(self) -> Health:
        """Whether anything can go out."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The house around a channel. `tell` hands in an observation and answers when it is committed."""

    home: Callable[[], Home]
    words: Catalogue
    facts: HouseFacts
    config: Config
    state_dir: Path
    bearer: Bearer
    tell: Callable[[Report], asyncio.Future[bool]]
    still_true: Callable[[Action], bool]
    at: Callable[[], str]  # wall time for people
    wall_s: Callable[[], float]  # UTC seconds
    night: Callable[[], bool]
    epoch: str
    memory: Mapping[str, Any]  # what the journal kept for the channels
    log_names: bool = False

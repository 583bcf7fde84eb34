"""The moments at which a gateway may die, and what is known of a flow at one moment. No process, no wire."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

TEXTS = ("call:c1", "call:c2", "taken:c1", "end:c1")
"""What a flow texts: what it is, and to whom."""


class Point(StrEnum):
    """A moment of the flow that can be seen from outside."""

    PRESS = "press in the air"
    RAISE = "window over"
    PROMPT = "modem prompts"
    ASKED = "modem has the text"
    ANSWERED = "modem answered"
    RINGS = "modem dials"
    SPEAKS = "modem speaks into a call"
    KEYED = "second contact keys yes"
    ARRIVED = "RAISED at platform"
    ACKNOWLEDGED = "RAISED acknowledged"
    DECLINE = "first contact says no"
    REPLY = "second contact says yes"
    ACCEPTED = "ACCEPTED at platform"
    CLOSING = "desk closes"
    SPAWN = "process starts"


@dataclass(frozen=True, slots=True)
class Kill:
    """Die this long after the point is first reached (since the last kill)."""

    point: Point
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Handed:
    """A text as the modem saw it: what it is ("call:c1") and whether the modem answered."""

    what: str
    answered: bool


@dataclass(slots=True)
class Evidence:
    """What stands in the journal and in the world at one moment, of one alarm. Journal states in order."""

    states: list[str] = field(default_factory=list)
    delivered: Counter[str] = field(default_factory=Counter)  # text -> how often the journal says "sent"
    presses: int = 0
    asked: Counter[str] = field(default_factory=Counter)  # text -> handed to the modem
    answered: Counter[str] = field(default_factory=Counter)  # text -> the modem answered
    platform: list[str] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    in_call: bool = False  # a call stood on the modem's line

    def open_texts(self) -> dict[str, str]:
        """Texts out of our hands but not finished on disk: the only ones that may come twice."""
        return {
            text: "answered" if self.answered[text] == count else "asked"
            for text, count in self.asked.items()
            if self.delivered[text] == 0 and count
        }

    def phase(self) -> str:
        """Where the flow was, in a word, by what the disk says."""
        state = self.states[-1] if self.states else "nothing durable"
        texts = ", ".join(f"{text} {how}, not committed" for text, how in self.open_texts().items())
        return f"{state}{' / ' + texts if texts else ''}{' / in a call' if self.in_call else ''}"

"""Which authentic packet is news, which is an echo, and which may be a replay. Pure: time comes in as an argument.

The rule (research/ble.md section 6). For sealed packets whose MIC fits:
1. a greater counter is new; so is a small one after a 16- or 32-bit wrap;
2. the same counter with another content is new (pvvx sends two payloads under one counter), with the same content it
   is the same event and changes nothing;
3. a smaller counter: a battery change looks exactly like a replay. A call is never dropped for it: it is raised as
   SUSPECT, rate-limited; anything else is dropped. Three strictly increasing counters, none of them a recent one,
   within ten minutes become the new base line.
Plain packets carry a packet id of 8 bits, or none: only "the same as last time" can be told.

What must survive a crash is `Ledger`, a small JSON value that travels as `Report.memory` in the transaction of the
press it belongs to. The rest (runs, rate limits) may start anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum, auto
from typing import Any, Final

REBASELINE_AFTER: Final = 3  # new counters, strictly increasing ...
REBASELINE_WITHIN_S: Final = 600.0  # ... within ten minutes (research/ble.md section 6, rule 3)
SUSPECT_INTERVAL_S: Final = 10.0  # T-03: during the pre-alarm of a call another press changes nothing
WRAP_WINDOW: Final = 64  # presses that may be missed around a wrap
WRAPS: Final = (
    0xFFFF,
    0xFFFF_FFFF,
)  # pvvx-like firmware counts in 16 bits (home-assistant/core #118884), the format in 32
MAX_MARKS: Final = 8  # contents remembered under one counter; pvvx needs two
MAX_RECENT: Final = 32  # accepted counters that cannot count as new ones for a base line
PLAIN_REPEAT_S: Final = (
    600.0  # BlueZ repeats old data at will; after ten minutes of silence the same bytes are a new press
)
MAX_COUNTER: Final = 0xFFFF_FFFF
MAX_NUMBER: Final = 1 << 52  # stays exact in any JSON reader


class Verdict(Enum):
    """What to do with a packet."""

    NEW = auto()  # act
    SAME = auto()  # an echo: change nothing
    SUSPECT = auto()  # raise the call, flagged
    LIMITED = auto()  # a suspect call within the rate limit of the last one
    DROPPED = auto()  # a backward counter of something that is no call


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict and the packet's name among all packets of its device, which no other packet ever gets."""

    verdict: Verdict
    name: str = ""
    rebaselined: bool = False


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is remembered of a device across restarts. `era` grows whenever counters start over."""

    counter: int | None = None
    marks: tuple[str, ...] = ()
    era: int = 0
    recent: tuple[int, ...] = ()
    suspects: int = 0
    alert: str | None = None  # the reason of the technical condition that is open for this device
    sealed: bool = True

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` turns back into an equal ledger."""
        return asdict(self) | {"marks": list(self.marks), "recent": list(self.recent)}

    @staticmethod
    def from_json(data: Any) -> Ledger:
        """The inverse of `to_json`; raises ValueError for anything else."""
        if not isinstance(data, Mapping):
            raise ValueError("a ledger is a JSON object")
        counter, alert = data.get("counter"), data.get("alert")
        marks, recent = data.get("marks"), data.get("recent")
        if counter is not None:
            _number(counter, MAX_COUNTER)
        if alert is not None and not isinstance(alert, str):
            raise ValueError("alert: expected text or null")
        if not isinstance(marks, list) or not all(isinstance(m, str) for m in marks) or not isinstance(recent, list):
            raise ValueError("marks, recent: expected lists")
        return Ledger(
            counter=counter,
            marks=tuple(marks[-MAX_MARKS:]),
            era=_number(data.get("era"), MAX_NUMBER),
            recent=tuple(_number(c, MAX_COUNTER) for c in recent[-MAX_RECENT:]),
            suspects=_number(data.get("suspects"), MAX_NUMBER),
            alert=alert,
            sealed=data.get("sealed") is not False,
        )


def _number(value: Any, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"expected a whole number from 0 to {most}")
    return value


class Guard:
    """Judges the packets of one device, in the order in which they are heard."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self._run: list[tuple[int, float]] = []  # backward counters that may become the base line
        self._suspected_s: float | None = None
        self._heard_s: float | None = None

    def judge_sealed(self, counter: int, mark: str, call: bool, now_s: float) -> Judgement:
        """Judges an authentic packet. `mark` tells contents apart; `call`: it carries a gesture of a call button."""
        ledger = self.ledger
        if not ledger.sealed:
            ledger = self.ledger = replace(ledger, counter=None, marks=(), era=ledger.era + 1, sealed=True)
        if ledger.counter is None:
            return self._accept(counter, mark, ledger.era)
        if counter == ledger.counter:
            return self._same_counter(counter, mark)
        if counter > ledger.counter:
            return self._accept(counter, mark, ledger.era)
        if _wrapped(ledger.counter, counter):
            return self._accept(counter, mark, ledger.era + 1)
        return self._backward(counter, mark, call, now_s)

    def judge_plain(self, packet_id: int | None, mark: str, now_s: float) -> Judgement:
        """Judges a packet that nobody signed: only the same id and content as last time is an echo."""
        ledger = self.ledger
        heard_s, self._heard_s = self._heard_s, now_s
        same = not ledger.sealed and packet_id == ledger.counter and ledger.marks == (mark,)
        if same and (heard_s is None or now_s - heard_s <= PLAIN_REPEAT_S):
            return Judgement(Verdict.SAME)
        onward = (
            not ledger.sealed and packet_id is not None and ledger.counter is not None and packet_id > ledger.counter
        )
        first = ledger.sealed and ledger.counter is None and ledger.era == 0
        era = ledger.era if onward or (first and packet_id is not None) else ledger.era + 1
        self.ledger = replace(ledger, counter=packet_id, marks=(mark,), era=era, sealed=False)
        return Judgement(Verdict.NEW, _name(era, packet_id))

    def set_alert(self, reason: str | None) -> None:
        """Remembers that a technical condition was opened for this device, or (None) closed."""
        self.ledger = replace(self.ledger, alert=reason)

    def _accept(self, counter: int, mark: str, era: int, rebaselined: bool = False) -> Judgement:
        recent = (*self.ledger.recent, counter)[-MAX_RECENT:]
        self.ledger = replace(self.ledger, counter=counter, marks=(mark,), era=era, recent=recent)
        self._run.clear()
        return Judgement(Verdict.NEW, _name(era, counter), rebaselined)

    def _same_counter(self, counter: int, mark: str) -> Judgement:
        ledger = self.ledger
        if mark in ledger.marks:
            return Judgement(Verdict.SAME)
        self.ledger = replace(ledger, marks=(*ledger.marks, mark)[-MAX_MARKS:])
        return Judgement(Verdict.NEW, f"{_name(ledger.era, counter)}.{mark}")

    def _backward(self, counter: int, mark: str, call: bool, now_s: float) -> Judgement:
        if self._completes_run(counter, now_s):
            return self._accept(counter, mark, self.ledger.era + 1, rebaselined=True)
        if not call:
            return Judgement(Verdict.DROPPED)
        if self._suspected_s is not None and now_s - self._suspected_s < SUSPECT_INTERVAL_S:
            return Judgement(Verdict.LIMITED)
        self._suspected_s = now_s
        number = self.ledger.suspects + 1
        self.ledger = replace(self.ledger, suspects=number)
        return Judgement(Verdict.SUSPECT, f"{_name(self.ledger.era, counter)}.s{number}")

    def _completes_run(self, counter: int, now_s: float) -> bool:
        if counter in self.ledger.recent:
            return False  # heard before: whatever it is, it is not a new counter
        self._run = [(c, at) for c, at in self._run if now_s - at <= REBASELINE_WITHIN_S]
        if self._run and counter == self._run[-1][0]:
            return False  # the same packet once more
        if self._run and counter < self._run[-1][0]:
            self._run.clear()
        self._run.append((counter, now_s))
        return len(self._run) >= REBASELINE_AFTER


def _wrapped(last: int, counter: int) -> bool:
    return counter <= WRAP_WINDOW and any(top - WRAP_WINDOW <= last <= top for top in WRAPS)


def _name(era: int, number: int | None) -> str:
    own = "" if number is None else str(number)
    return own if era == 0 and own else f"e{era}-{own}".rstrip("-")

"""AT commands without I/O: bytes from the modem in, typed events out (3GPP TS 27.007, 27.005, ITU-T V.250).

Knows lines, echoes, final results, the "> " prompt and which lines come unasked. Knows no port, no clock (times are
arguments) and not what a message says. One command at a time; what comes is bounded, whatever comes is an event.

Rules kept here:
- A line is taken for the answer only if it bears the pending command's prefix; any other prefix came unasked, even in
  the middle of an answer. `+CREG: 1` (unasked) and `+CREG: 0,1` (asked) are told apart by their fields.
- A prompt counts only while one is awaited, so that stray `>` cannot release a message.
- `OK` to a probe sent while `AT+CMGS` waits is not the OK of the message: that one follows its `+CMGS:` line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_LINE: Final = 1024  # the longest legal line is a PDU of 352 digits; USSD texts and COPS lists are under 1000

_HEX: Final = re.compile(r"[0-9A-Fa-f]{2,}")
_PREFIX: Final = re.compile(r"[+^*][A-Z][A-Z0-9]*")
_WITH_PDU: Final = frozenset({"+CMT", "+CDS"})
"""Unasked lines that are followed by a line with a PDU."""

_REGISTRATION: Final = frozenset({"+CREG", "+CEREG", "+CGREG"})
_DIGITS: Final = frozenset({"+DTMF", "+RXDTMF", "+QTONEDET"})  # a key the far end pressed; each maker has its own
_SAID: Final = frozenset({"+QTTS", "+QWTTS", "+CTTS"})  # the modem's voice has come to its end
_UNASKED: Final = _REGISTRATION | _DIGITS | _SAID | {"+CMTI", "+CMT", "+CDSI", "+CDS", "+CPIN", "+CLIP", "+CUSD"}
_CALL_NEWS: Final = ("VOICE CALL:", "MISSED_CALL:")  # SIMCom's comments on a call; `AT+CLCC` is asked anyway
_UNASKED_WORDS: Final = {
    "RING": "RING", "NO CARRIER": "NO CARRIER", "BUSY": "BUSY", "NO ANSWER": "NO ANSWER", "NO DIALTONE": "NO DIALTONE",
    "RDY": "RDY",  # the modem has just started: whatever it was told is forgotten
    "START": "RDY",  # SIMCom's word for the same
    "CALL READY": "NOTICE", "SMS READY": "NOTICE", "SMS DONE": "NOTICE", "PB DONE": "NOTICE",
    "NORMAL POWER DOWN": "POWER DOWN", "POWERED DOWN": "POWER DOWN",
}  # fmt: skip
_REFUSALS: Final = frozenset({"ERROR", "COMMAND NOT SUPPORT", "TOO MANY PARAMETERS"})
_CALL_ENDS: Final = frozenset({"NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE"})
_CODED: Final = re.compile(r"\+(CME|CMS) ERROR:\s*(.{0,60})")
_VERBOSE: Final = {  # AT+CMEE=2 of a modem that ignores AT+CMEE=1
    "SIM NOT INSERTED": 10, "SIM PIN REQUIRED": 11, "SIM PUK REQUIRED": 12, "SIM FAILURE": 13, "SIM BUSY": 14,
    "SIM WRONG": 15, "NO NETWORK SERVICE": 30, "NETWORK TIMEOUT": 31, "OPERATION NOT ALLOWED": 3, "MEMORY FULL": 20,
}  # fmt: skip


class Result(StrEnum):
    """How a command ended."""

    OK = "OK"
    ERROR = "ERROR"
    CME = "+CME ERROR"  # the equipment's: SIM, PIN, memory
    CMS = "+CMS ERROR"  # the message service's: network, number, memory
    CALL = "call ended"  # NO CARRIER and its kin, only to a dial command


class Bare(StrEnum):
    """Which lines without a prefix belong to a command's answer."""

    NONE = "none"
    PDU = "pdu"  # hex lines: +CMGR, +CMGL
    ANY = "any"  # ATI, +CGMI...


@dataclass(frozen=True, slots=True)
class Command:
    """One command line without its CR, and how to know its answer."""

    text: str
    prefix: str | None = None  # "+CSQ": its information lines start so
    bare: Bare = Bare.NONE
    prompt: bool = False  # answers "> " and then wants a payload


@dataclass(frozen=True, slots=True)
class Ended:
    """The pending command has ended. `number`: that of a CME or CMS error, None if the modem gave none."""

    result: Result
    number: int | None = None
    word: str = ""  # of a call that ended: NO CARRIER, BUSY...


@dataclass(frozen=True, slots=True)
class Info:
    """A line of the pending command's answer."""

    line: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """The modem wants the payload now."""


@dataclass(frozen=True, slots=True)
class Urc:
    """A line that came unasked: its name ("+CMTI", "RING"), its fields as text, and the PDU that followed, if any."""

    name: str
    fields: str = ""
    pdu: str | None = None


@dataclass(frozen=True, slots=True)
class ProbeAnswered:
    """The modem answered a probe while a command was still pending, or after it: it is alive."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Something came that means nothing here. `reason` is a counter's name; the line itself is not kept."""

    reason: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The pending command's time is over; it is forgotten. What still comes for it will be stray."""

    text: str


Event = Ended | Info | Prompt | Urc | ProbeAnswered | Refused | TimedOut


class AtEngine:
    """One conversation with one modem. `begin` and `answer_prompt` return the bytes to write."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._overlong = False
        self._pending: Command | None = None
        self._prompted = False
        self._payload = ""
        self._informed = False  # an information line of the pending command has come
        self._owed = 0  # probes not yet answered
        self._pdu_of: tuple[str, str] | None = None  # name and fields of a +CMT or +CDS whose PDU is the next line
        self._timeout_s = 0.0
        self.deadline: float | None = None  # the pending command's

    @property
    def pending(self) -> Command | None:
        """The command that waits for its final result."""
        return self._pending

    @property
    def probes_owed(self) -> int:
        """Probes the modem has not answered yet."""
        return self._owed

    def begin(self, command: Command, now: float, timeout_s: float) -> bytes:
        """Starts `command`, to be over by `now + timeout_s`. One at a time: a second one is a bug of the caller."""
        if self._pending is not None:
            raise RuntimeError(f"{self._pending.text} is still pending")
        self._pending, self._prompted, self._informed, self._payload = command, False, False, ""
        self._timeout_s, self.deadline = timeout_s, now + timeout_s
        return command.text.encode("ascii") + b"\r"

    def answer_prompt(self, payload: str, now: float, timeout_s: float) -> bytes:
        """The payload, with the Ctrl-Z that sends it; the final result is due by `now + timeout_s`."""
        if self._pending is None or not self._prompted:
            raise RuntimeError("no prompt came")
        self._payload = payload
        self._timeout_s, self.deadline = timeout_s, now + timeout_s
        return payload.encode("ascii") + b"\x1a"

    def probe(self) -> bytes:
        """A bare `AT` beside the pending command: does the modem still answer?"""
        self._owed += 1
        return b"AT\r"

    def forgive_probes(self) -> None:
        """No answer to past probes is expected any more (the modem swallowed them)."""
        self._owed = 0

    def more_time(self, now: float) -> None:
        """The pending command gets its time anew: its answer is still coming in."""
        if self.deadline is not None:
            self.deadline = now + self._timeout_s

    def advance(self, now: float) -> list[Event]:
        """What the passing of time means."""
        if self._pending is None or self.deadline is None or now < self.deadline:
            return []
        text, self._pending, self.deadline = self._pending.text, None, None
        return [TimedOut(text)]

    def receive(self, data: bytes) -> list[Event]:
        """The events in `data`, which may end or start anywhere in a line."""
        events: list[Event] = []
        for piece in re.split(rb"([\r\n])", data):
            if piece in (b"\r", b"\n"):
                self._end_line(events)
            else:
                self._collect(piece, events)
        return events

    def _collect(self, piece: bytes, events: list[Event]) -> None:
        if self._overlong:
            return
        if len(self._buffer) + len(piece) > MAX_LINE:
            self._buffer.clear()
            self._overlong = True
            events.append(Refused("line_too_long"))
            return
        self._buffer += piece
        if self._awaits_prompt() and self._buffer.lstrip(b"\x00 ").startswith(b">"):
            del self._buffer[: self._buffer.index(b">") + 1]
            self._prompted = True
            events.append(Prompt())

    def _awaits_prompt(self) -> bool:
        return self._pending is not None and self._pending.prompt and not self._prompted

    def _end_line(self, events: list[Event]) -> None:
        line = bytes(self._buffer)
        self._buffer.clear()
        if self._overlong:
            self._overlong = False
            return
        line = line.strip(bytes(range(0x21)) + bytes(range(0x7F, 0x100)))  # noise at either end, and the echo's Ctrl-Z
        if not line:
            return
        if any(not 0x20 <= octet < 0x7F for octet in line):
            events.append(Refused("garbage"))
            return
        self._line(line.decode("ascii"), events)

    def _line(self, line: str, events: list[Event]) -> None:
        if self._pdu_of is not None:
            (name, fields), self._pdu_of = self._pdu_of, None
            if _HEX.fullmatch(line):
                events.append(Urc(name, fields, line))
                return
            events.append(Refused("urc_without_pdu"))
        if self._is_echo(line):
            return
        if (final := _final(line)) is not None:
            events.append(self._finish(final))
        elif line in _CALL_ENDS and self._pending is not None and self._pending.text.upper().startswith(("ATD", "ATA")):
            events.append(self._finish(Ended(Result.CALL, word=line)))
        elif line.upper() in _UNASKED_WORDS:
            events.append(Urc(_UNASKED_WORDS[line.upper()], line))
        elif line.upper().startswith(_CALL_NEWS):
            events.append(Urc("NOTICE", line))
        elif (event := self._informative(line)) is not None:
            events.append(event)

    def _is_echo(self, line: str) -> bool:
        """Our own words. No answer starts with AT."""
        return line[:2].upper() == "AT" or (self._payload != "" and line == self._payload)

    def _finish(self, final: Ended) -> Event:
        pending = self._pending
        if self._owed and self._is_for_probe(final):
            self._owed -= 1
            return ProbeAnswered()
        if pending is None:
            return Refused("stray_result")
        self._pending, self.deadline = None, None
        return final

    def _is_for_probe(self, final: Ended) -> bool:
        """A probe ends in OK, or in a CME error of a busy modem; a message in CMS, or in OK after its `+CMGS:`."""
        if self._pending is None:
            return True
        if final.result is Result.CME:
            return True
        return final.result is Result.OK and not self._informed

    def _informative(self, line: str) -> Event | None:
        pending = self._pending
        match = _PREFIX.match(line)
        if match is None:
            if pending is not None and (
                pending.bare is Bare.ANY or (pending.bare is Bare.PDU and _HEX.fullmatch(line) is not None)
            ):
                return Info(line)
            return Refused("unsolicited_unknown")
        name, fields = match[0], line[match.end() :].lstrip(": ")
        if pending is not None and pending.prefix == name and not _looks_unasked(name, fields):
            self._informed = True
            return Info(line)
        if name in _WITH_PDU:
            self._pdu_of = (name, fields)
            return None
        return Urc(name, fields) if name in _UNASKED else Refused("unsolicited_unknown")


def _final(line: str) -> Ended | None:
    if line == "OK":
        return Ended(Result.OK)
    if line in _REFUSALS:
        return Ended(Result.ERROR)
    match = _CODED.fullmatch(line)
    if match is None:
        return None
    what = match[2].strip()
    number = int(what) if re.fullmatch(r"\d{1,5}", what) else _VERBOSE.get(what.upper())
    return Ended(Result.CME if match[1] == "CME" else Result.CMS, number)


def _looks_unasked(name: str, fields: str) -> bool:
    """Registration: `1` or `1,"1A2B",...` comes unasked; `<n>,<stat>...` answers. Other answers are never confused."""
    if name not in _REGISTRATION:
        return False
    parts = fields.split(",")
    return len(parts) == 1 or not parts[1].strip().isdigit()

"""The virtual modem's telephone: dials people who do as they are told, speaks to them, hears their keys, rings.

Knows 27.007's calls and the two makers' words for speech and keys. Shares no code with the driver.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Final

from gateway.demo.modem_answers import ModemAnswers

CAUSES: Final = {"busy": 17, "reject": 21, "unassigned": 1, "off": 27}
RING_EVERY_S: Final = 0.3  # five times as fast as a telephone


@dataclass(frozen=True, slots=True)
class Callee:
    """What the person with a number does. `presses`: one key for each hearing of the message, "." for none."""

    does: str = "answer"  # answer, busy, reject, no_answer, unassigned, off, hang_up (after the first words)
    after_s: float = 0.1
    presses: str = "1"
    interrupts: bool = False  # presses while the message is still being said


@dataclass(slots=True)
class PhoneCall:
    """One call, outgoing or incoming, for the test to look at."""

    number: str
    incoming: bool = False
    stat: int = 2  # 0 active, 2 dialling, 3 alerting, 4 incoming
    over: bool = False
    said: list[str] = field(default_factory=list)
    pressed: str = ""


class ModemCalls(ModemAnswers):
    """The calls of one virtual modem. `maker` is "Quectel" or "SIMCom"; `speaks` False: it has no voice."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[PhoneCall] = []
        self.maker = "Quectel"
        self.speaks = True
        self.says_how_it_ended = True  # BUSY and NO ANSWER; else NO CARRIER for everything, as many do
        self.speech_s = 0.15
        self._people: dict[str, Callee] = {}
        self._call_timers: set[asyncio.TimerHandle] = set()
        self._cause = 16
        self._hears_keys = False
        self._speech: asyncio.TimerHandle | None = None

    def phone(
        self, number: str, does: str = "answer", *, after_s: float = 0.1, presses: str = "1", interrupts: bool = False
    ) -> None:
        """From now on the person with this number does so when called."""
        self._people[number] = Callee(does, after_s, presses, interrupts)

    def ring(self, number: str) -> None:
        """Somebody calls us, and lets it ring. RuntimeError: they hear the busy tone."""
        if self._standing() is not None:
            raise RuntimeError("the line is busy")
        self._begin(PhoneCall(number, incoming=True, stat=4))
        self._ring_on(self.calls[-1])

    def hang_up(self) -> None:
        """The far end hangs up."""
        self._end("NO CARRIER", 16)

    def press(self, key: str) -> None:
        """The far end presses a key."""
        call = self._standing()
        if call is None or call.stat != 0:
            return
        call.pressed += key
        if self._hears_keys:
            self._say(f"+QTONEDET: {ord(key)}" if self.maker == "Quectel" else f"+RXDTMF: {key}")

    def _standing(self) -> PhoneCall | None:
        return self.calls[-1] if self.calls and not self.calls[-1].over else None

    def _begin(self, call: PhoneCall) -> None:
        self.calls.append(call)

    def _later(self, seconds: float, what: str, call: PhoneCall) -> None:
        def go() -> None:
            self._call_timers.discard(timer)
            if not call.over:
                getattr(self, "_then_" + what)(call)

        timer = asyncio.get_running_loop().call_later(seconds, go)
        self._call_timers.add(timer)

    def _drop_calls(self) -> None:
        for timer in self._call_timers:
            timer.cancel()
        self._call_timers.clear()
        if (call := self._standing()) is not None:
            call.over = True

    def _end(self, word: str, cause: int) -> None:
        call = self._standing()
        if call is None:
            return
        call.over, self._cause = True, cause
        self._say(word if self.says_how_it_ended else "NO CARRIER")

    # ---- what the person does, in time

    def _then_alert(self, call: PhoneCall) -> None:
        call.stat = 3

    def _then_answer(self, call: PhoneCall) -> None:
        call.stat = 0

    def _then_busy(self, _: PhoneCall) -> None:
        self._end("BUSY", CAUSES["busy"])

    def _then_reject(self, _: PhoneCall) -> None:
        self._end("NO CARRIER", CAUSES["reject"])

    def _then_unassigned(self, _: PhoneCall) -> None:
        self._end("NO CARRIER", CAUSES["unassigned"])

    def _then_off(self, _: PhoneCall) -> None:
        self._end("NO CARRIER", CAUSES["off"])

    def _then_hang_up(self, call: PhoneCall) -> None:
        call.stat = 0

    def _then_no_answer(self, _: PhoneCall) -> None:
        """Lets it ring for ever."""

    def _then_press(self, call: PhoneCall) -> None:
        keys = self._callee(call).presses
        heard = len(call.said)
        if heard <= len(keys) and keys[heard - 1] != ".":
            self.press(keys[heard - 1])

    def _then_said(self, call: PhoneCall) -> None:
        self._speech = None
        self._say(f"{self._voice}: 0")
        if self._callee(call).does == "hang_up":
            return self._end("NO CARRIER", 16)
        if not self._callee(call).interrupts:
            self._later(0.02, "press", call)
        return None

    def _ring_on(self, call: PhoneCall) -> None:
        if call.stat == 4:
            self._say("RING")
            self._say(f'+CLIP: "{call.number}",{145 if call.number.startswith("+") else 129},,,,0')
            self._later(RING_EVERY_S, "ring_on", call)

    _then_ring_on = _ring_on

    def _callee(self, call: PhoneCall) -> Callee:
        bare = call.number.removeprefix("+86")
        return self._people.get(bare, Callee("no_answer"))

    # ---- commands

    @property
    def _voice(self) -> str:
        return "+QTTS" if self.maker == "Quectel" else "+CTTS"

    def _dial(self, line: str) -> bool:
        """ATD, ATA, ATH: whether it was one of them."""
        upper = line.upper()
        dialled = re.fullmatch(r"ATDT?\s*([+\d]{3,20});", upper)
        if dialled is not None:
            if self._stat not in (1, 5):
                self._say("NO CARRIER")
                return True
            if self._standing() is not None:
                self._cme(3)
                return True
            call = PhoneCall(dialled[1])
            self._begin(call)
            self._ok()
            person = self._callee(call)
            self._later(min(0.02, person.after_s), "alert", call)
            self._later(person.after_s, person.does, call)
        elif upper == "ATA":
            ringing = self._standing()
            if ringing is None or ringing.stat != 4:
                self._say("NO CARRIER")
            else:
                ringing.stat = 0
                self._ok()
        elif upper in ("ATH", "ATH0"):
            self._at_chup("")
        else:
            return False
        return True

    def _at_chup(self, rest: str) -> None:
        if not rest and (call := self._standing()) is not None:
            call.over, self._cause = True, 16
        self._ok()

    def _at_clcc(self, rest: str) -> None:
        call = self._standing()
        if rest or call is None:
            return self._ok()
        kind = 145 if call.number.startswith("+") else 129
        return self._ok(f'+CLCC: 1,{int(call.incoming)},{call.stat},0,0,"{call.number}",{kind}')

    def _at_ceer(self, _: str) -> None:
        self._ok(f"+CEER: 5,{self._cause}")

    def _at_qtonedet(self, rest: str) -> None:
        self._detect("Quectel", rest)

    def _at_ddet(self, rest: str) -> None:
        self._detect("SIMCom", rest)

    def _detect(self, maker: str, rest: str) -> None:
        if self.maker != maker:
            return self._cme(4)
        self._hears_keys = rest.startswith("=1")
        return self._ok()

    def _at_qtts(self, rest: str) -> None:
        self._speak("Quectel", rest)

    def _at_ctts(self, rest: str) -> None:
        self._speak("SIMCom", rest)

    def _speak(self, maker: str, rest: str) -> None:
        call = self._standing()
        if rest == "=0":
            if self._speech is not None:
                self._speech.cancel()
                self._call_timers.discard(self._speech)
                self._speech = None
            return self._ok()
        text = re.fullmatch(r'=1,"((?:[0-9A-F]{4})+)"', rest)
        if self.maker != maker or not self.speaks or text is None or call is None or call.stat != 0:
            return self._cme(3)
        call.said.append(bytes.fromhex(text[1]).decode("utf-16-be"))
        self._ok()
        before = set(self._call_timers)
        self._later(self.speech_s, "said", call)
        self._speech = next(iter(self._call_timers - before))
        if self._callee(call).interrupts:
            self._later(self.speech_s / 3, "press", call)
        return None

    def _at_cusd(self, rest: str) -> None:
        self._ok()
        if rest.startswith('=1,"'):
            words = "您的余额为36.50元".encode("utf-16-be").hex().upper()
            asyncio.get_running_loop().call_later(0.05, self._say, f'+CUSD: 0,"{words}",72')

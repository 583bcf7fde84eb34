"""A call on the modem's line: dials or answers, says a message with the modem's own voice, takes a key, hangs up.

Knows the line, the makers' ways to speak and to hear keys, and how long a person may take. Knows no contact and no
alarm: the message and what its keys mean are handed in. One call at a time; texts go on beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.drivers.modem.at import Result, Urc
from gateway.drivers.modem.call_words import (
    ACTIVE,
    ALERTING,
    ENDS,
    INCOMING,
    KEY_NAMES,
    SAID_NAMES,
    CallEnd,
    Ending,
    ending_of,
    key_of,
    standing_calls,
)
from gateway.drivers.modem.errors import RETRY_AFTER_S, Cause, classify
from gateway.drivers.modem.link import AtLink
from gateway.drivers.modem.timing import Timing
from gateway.drivers.port import DriverFault

RETRY_DOWN_S: Final = 5.0  # as for texts (`send`): about as long as a restart of the modem takes
MOST_PLAYS: Final = 8  # with "again" pressed; a child that plays with the keys must not hold the line
UNTOLD: Final = -1  # a state of a call: neither answered nor over, the modem does not say
MAX_EVENTS: Final = 64  # keys and notes of one call that wait to be read
SECONDS_A_CHARACTER: Final = 0.4  # slow Mandarin; a voice that has not ended by then has lost its last word
SPEECH_MARGIN_S: Final = 4.0

SPEAK: Final = ("+QWTTS", "+QTTS", "+CTTS")
"""Quectel into the call, Quectel as older firmware has it, SIMCom: the first the modem takes is kept."""
HEAR_KEYS: Final = ("AT+QTONEDET=1", "AT+DDET=1")  # Quectel, SIMCom

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """What is said in a call. A key of `ends` is an answer (`on_key` is awaited, then `thanks` is said); `again`
    repeats. Unanswered it is said `times` times. `stay_s`: the line then stays open for a conversation (0: not).
    `wanted` is asked while it rings: somebody may have answered another way in the meantime. Who hears it already is
    not cut off in the middle, but it is not said again."""

    text: str
    ends: str = "12"
    again: str = "3"
    times: int = 3
    thanks: dict[str, str] = field(default_factory=dict)
    on_key: Callable[[str], Awaitable[None]] | None = None
    stay_s: float = 0.0
    wanted: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class CallResult:
    """How a call went. `answered` is only what CLCC proved. `spoken`: how often the message was said to its end.

    `retry_after_s` None: dialling again at once cannot help (or is not ours to decide).
    """

    end: CallEnd
    reason: str = ""
    answer: str | None = None
    spoken: int = 0
    retry_after_s: float | None = None


_WITHDRAWN: Final = CallResult(CallEnd.WITHDRAWN, "no longer needed: it was answered another way")


class _HungUp(Exception):
    """The far end has gone. `word` is the modem's."""

    def __init__(self, word: str = "") -> None:
        super().__init__(word)
        self.word = word


PlayInto = Callable[[str], Awaitable[bool]]
"""Speaks a text into the call by other means than the modem's voice (its sound card); True if it was played."""


class Phone:
    """The calls of one run of the driver."""

    def __init__(self, link: AtLink, timing: Timing, count: Callable[[str], None], play: PlayInto | None) -> None:
        self._link, self._timing, self._count, self._play = link, timing, count, play
        self._events: asyncio.Queue[Urc] = asyncio.Queue(MAX_EVENTS)
        self._line = asyncio.Lock()
        self._voice: str | None = None  # of SPEAK, once one worked

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        return self._line.locked()

    async def prepare(self) -> None:
        """Who rings is shown, keys are heard, as far as this modem can; refusals are no matter."""
        await self._link.command("AT+CLIP=1", timeout_s=self._timing.store_s)
        for text in HEAR_KEYS:
            if (await self._link.command(text)).ok:
                return
        self._count("no_key_detection")

    async def hang_up_orphan(self) -> None:
        """Ends a call that an earlier life left standing: killed in it, or cut off from the modem.

        Nobody will speak into it, and while it stands no other can be made. One that only rings may still be answered.
        """
        async with self._line:
            await self._free_line(sparing=INCOMING)

    def heard(self, urc: Urc) -> bool:
        """Takes what came unasked if it is about a call."""
        if urc.name not in ENDS and urc.name not in KEY_NAMES and urc.name not in SAID_NAMES:
            return False
        if self.busy:
            with contextlib.suppress(asyncio.QueueFull):
                self._events.put_nowait(urc)
        return True

    # ---- a call

    async def dial(self, number: str, message: Message) -> CallResult:
        """Calls `number`. Never raises but when cancelled; then the call is hung up first."""
        async with self._line:
            self._forget()
            try:
                return await self._dial(number, message)
            except DriverFault as fault:
                return CallResult(CallEnd.FAILED, str(fault), retry_after_s=RETRY_DOWN_S)

    async def answer(self, message: Message) -> CallResult:
        """Takes the call that rings, says the message, and hangs up."""
        async with self._line:
            self._forget()
            try:
                reply = await self._link.command("ATA", timeout_s=self._timing.dial_s)
                if not reply.ok:
                    return CallResult(CallEnd.FAILED, "the caller had gone")
                return await self._talk(message)
            except DriverFault as fault:
                return CallResult(CallEnd.FAILED, str(fault))

    async def _dial(self, number: str, message: Message) -> CallResult:
        await self._free_line()
        if not message.wanted():  # it waited for the line
            return _WITHDRAWN
        try:
            reply = await self._link.command(f"ATD{number};", timeout_s=self._timing.dial_s)
            if reply.result is Result.CALL:
                return await self._unanswered(reply.word, alerted=False)
            if not reply.ok:
                verdict = classify(reply.result, reply.number)
                return CallResult(CallEnd.FAILED, verdict.text, retry_after_s=verdict.retry_after_s)
            ending = await self._ring(message.wanted)
        except asyncio.CancelledError:
            await self._hang_up()
            raise
        if ending is not None:
            return ending
        return await self._talk(message)

    async def _ring(self, wanted: Callable[[], bool]) -> CallResult | None:
        """Waits until CLCC says that somebody answered: None; or how it ended before."""
        alerted, until = False, time.monotonic() + self._timing.ring_s
        while time.monotonic() < until:
            if not wanted():
                await self._hang_up()
                return _WITHDRAWN
            try:
                await self._event(min(until, time.monotonic() + self._timing.clcc_s))
            except _HungUp as gone:
                return await self._unanswered(gone.word, alerted=alerted)
            stat = await self._stat()
            if stat == ACTIVE:
                return None
            alerted |= stat == ALERTING
            if stat is None:  # ended, and its word may have been lost
                return await self._unanswered("NO CARRIER", alerted=alerted)
        await self._hang_up()
        return CallResult(CallEnd.NO_ANSWER, f"nobody answered within {self._timing.ring_s:g} s")

    async def _unanswered(self, word: str, *, alerted: bool) -> CallResult:
        reply = await self._link.command("AT+CEER", timeout_s=self._timing.store_s, prefix="+CEER")
        report = " ".join(line.partition(":")[2] for line in reply.lines)
        ending: Ending = ending_of(word, report, alerted=alerted)
        self._count(f"call_{ending.end}")
        wait = RETRY_AFTER_S[ending.cause] if ending.cause is not None else None
        return CallResult(ending.end, ending.text, retry_after_s=wait)

    async def _talk(self, message: Message) -> CallResult:
        """The call stands: says the message until a key or the far end ends it."""
        self._count("call_answered")
        spoken, plays, unasked = 0, 0, 0
        try:
            await self._event(time.monotonic() + self._timing.pause_s)
            while unasked < message.times and plays < MOST_PLAYS and (message.wanted() or not plays):
                plays, unasked = plays + 1, unasked + 1
                told, key = await self._say(message.text)
                if told is None:
                    return CallResult(CallEnd.FAILED, "answered, but this modem cannot speak into a call")
                spoken += told
                key = key or await self._key(time.monotonic() + self._timing.key_s)
                while key is not None and key not in message.ends and key != message.again:
                    key = await self._key(time.monotonic() + self._timing.key_s)
                if key is None:
                    continue
                if key in message.ends:
                    return await self._keyed(key, spoken, message)
                unasked = 0
            await self._key(time.monotonic() + message.stay_s)
            return CallResult(CallEnd.ANSWERED, "no key was pressed", spoken=spoken)
        except _HungUp:
            return CallResult(CallEnd.ANSWERED, "hung up without a key", spoken=spoken)
        finally:
            await self._hang_up()

    async def _keyed(self, key: str, spoken: int, message: Message) -> CallResult:
        """An answer: made durable by whoever asked for it, and only then thanked for."""
        if message.on_key is not None:
            await message.on_key(key)
        if thanks := message.thanks.get(key):
            with contextlib.suppress(_HungUp):
                await self._say(thanks)
        return CallResult(CallEnd.ANSWERED, "keyed", key, spoken)

    # ---- speaking and hearing

    async def _say(self, text: str) -> tuple[bool | None, str | None]:
        """(told to the end, key pressed meanwhile); told None: this modem has no voice. A key silences it."""
        limit = time.monotonic() + len(text) * SECONDS_A_CHARACTER + SPEECH_MARGIN_S
        if await self._begin_speech(text):
            key = await self._key(limit, until_said=True)
            if key is not None:
                await self._link.command(f"AT{self._voice}=0")
            return key is None, key
        if self._play is None:
            return None, None
        playing = asyncio.ensure_future(self._play(text))
        try:
            while not playing.done() and time.monotonic() < limit:
                key = await self._key(min(limit, time.monotonic() + 0.2))
                if key is not None:
                    return False, key
            return (playing.result() if playing.done() else False) or None, None
        finally:
            playing.cancel()

    async def _begin_speech(self, text: str) -> bool:
        octets = text.encode("utf-16-be", "replace").hex().upper()
        for name in (self._voice,) if self._voice else SPEAK:
            reply = await self._link.command(f'AT{name}=1,"{octets}"')
            if reply.ok:
                self._voice = name
                return True
        return False

    async def _key(self, until: float, *, until_said: bool = False) -> str | None:
        """The key pressed by `until`, or None. With `until_said` the end of the modem's speech ends the wait too."""
        while time.monotonic() < until:
            urc = await self._event(min(until, time.monotonic() + self._timing.clcc_s))
            if urc is None:
                if time.monotonic() < until and await self._stat() is None:
                    raise _HungUp
                continue
            if (key := key_of(urc)) is not None:
                return key
            if until_said and urc.name in SAID_NAMES:
                return None
        return None

    async def _event(self, until: float) -> Urc | None:
        """What comes unasked about this call by `until`; raises `_HungUp` for its end."""
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                urc = await self._events.get()
        except TimeoutError:
            return None
        if urc.name in ENDS:
            raise _HungUp(urc.name)
        return urc

    async def _stat(self) -> int | None:
        """The state of the voice call; None if there is none, `UNTOLD` if the modem cannot say."""
        reply = await self._link.command("AT+CLCC", prefix="+CLCC")
        if not reply.ok:
            return UNTOLD
        return next((c.stat for c in standing_calls(reply.lines) if c.voice), None)

    async def _free_line(self, sparing: int | None = None) -> None:
        """Hangs up what stands on a line that we hold and are in no call on.

        That is an orphan, or a stranger who rings and rings; neither must keep us from calling for help.
        """
        stat = await self._stat()
        if stat not in (None, UNTOLD, sparing):
            self._count("ring_cut_off" if stat == INCOMING else "call_orphaned")
            await self._hang_up()
            self._forget()

    async def _hang_up(self) -> None:
        """Ends the call, whatever state it is in; a line that is dead ends it by itself."""
        with contextlib.suppress(DriverFault):
            if not (await self._link.command("AT+CHUP", timeout_s=self._timing.store_s)).ok:
                await self._link.command("ATH", timeout_s=self._timing.store_s)

    def _forget(self) -> None:
        while not self._events.empty():
            self._events.get_nowait()


def refused(reason: str, cause: Cause) -> CallResult:
    """A call that is not made at all."""
    return CallResult(CallEnd.FAILED, reason, retry_after_s=RETRY_AFTER_S[cause])

"""A half-duplex line with DL/T 645 meters on it: one question at a time, and only its own answer.

Knows the port, the decoder and the timing of the line. Strips our own echo (two-wire adapters return what we send),
drops answers that come too late or to somebody else's question. Knows nothing of what the values mean or when to ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.drivers.meters.dlt645 import WILDCARD, Decoder, Frame, Refused, read_request
from gateway.drivers.port import DriverFault
from gateway.drivers.serial_port import SerialPort

MAX_RETRIES: Final = 2  # more hides a bad line; the next round asks again anyway
INTER_BYTE_SILENCE_S: Final = 0.5  # DL/T 645-2007: a pause of 500 ms ends a frame
TURNAROUND_S: Final = 0.05  # line idle before we speak again: three times 33 bit times at 2400 baud
REPLY_TIMEOUT_S: Final = 2.0
"""At 2400 baud: request 92 ms, answer begins within 500 ms, one value 110 ms, then maybe `INTER_BYTE_SILENCE_S` until
noise that looked like a frame's start is given up. The rest is for slow meters and USB adapters."""


@dataclass(frozen=True, slots=True)
class LineSettings:
    """Where the meters hang and how the line talks. The standard's default is 2400 8E1; virtual ports take parity N."""

    path: str
    baud: int = 2400
    parity: str = "E"
    reply_timeout_s: float = REPLY_TIMEOUT_S


class MeterBus:
    """One life of the line, from open to lost or closed. `count` gets the name of whatever was refused."""

    def __init__(self, settings: LineSettings, count: Callable[[str], None]) -> None:
        self._settings = settings
        self._count = count
        self._port = SerialPort(
            settings.path, settings.baud, parity=settings.parity, on_data=self._data, on_lost=self._gone
        )
        self._decoder = Decoder()
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answer: asyncio.Future[Frame] | None = None
        self._address = ""
        self._item = 0
        self._silence: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Opens the port; `DriverFault` says what is wrong with it."""
        await self._port.open()

    async def close(self) -> None:
        """Frees the port."""
        if self._silence is not None:
            self._silence.cancel()
        await self._port.close()

    async def ask(self, address: str, item: int) -> Frame | None:
        """The meter's answer (a value or an error reply) to a read of `item`, or None after all retries.

        Raises `DriverFault` when the port is lost.
        """
        for attempt in range(1 + MAX_RETRIES):
            if attempt:
                self._count("retries")
            frame = await self._exchange(address, item)
            await self.rest(TURNAROUND_S)
            if frame is not None:
                return frame
        return None

    async def rest(self, seconds: float) -> None:
        """Waits, but not on a dead line: raises `DriverFault` as soon as the port is lost."""
        await asyncio.wait([self._lost], timeout=seconds)
        if self._lost.done():
            raise DriverFault(self._lost.result())

    async def _exchange(self, address: str, item: int) -> Frame | None:
        if self._lost.done():
            raise DriverFault(self._lost.result())
        self._decoder.reset()  # what is half there belongs to no question of ours
        self._address, self._item = address, item
        self._answer = asyncio.get_running_loop().create_future()
        try:
            self._port.write(read_request(address, item))
            async with asyncio.timeout(self._settings.reply_timeout_s):
                return await self._answer
        except TimeoutError:
            return None
        finally:
            self._answer = None

    def _data(self, data: bytes) -> None:
        self._take(self._decoder.feed(data))
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        if self._decoder.pending:
            loop = asyncio.get_running_loop()
            self._silence = loop.call_later(INTER_BYTE_SILENCE_S, self._fell_silent)

    def _fell_silent(self) -> None:
        if self._decoder.pending:
            self._count("partial_frames")
            self._take(self._decoder.silence())

    def _take(self, found: list[Frame | Refused]) -> None:
        for frame in found:
            if isinstance(frame, Refused):
                self._count(frame.reason)
            elif not frame.from_meter:
                self._count("echoes")  # or another collector's question
            elif self._answer is None or self._answer.done() or not self._is_answer(frame):
                self._count("stray_replies")
            else:
                self._answer.set_result(frame)

    def _is_answer(self, frame: Frame) -> bool:
        if self._address not in (frame.address, WILDCARD):
            return False
        return bool(frame.errors) or frame.item == self._item  # an error reply names no item

    def _gone(self, reason: str) -> None:
        if not self._lost.done():
            self._lost.set_result(reason)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(DriverFault(reason))

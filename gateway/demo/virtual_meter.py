"""Electricity meters that answer DL/T 645-2007 on a pty: the far end of the meter driver's wire in demo and tests.

Standard library only, and deliberately nothing from `gateway.drivers`: frames are written here a second time, so that
driver and meter cannot share a mistake. Behaves as a real meter does: silent to other addresses, to the broadcast
address and to broken requests. From another process: `python -m gateway.demo.virtual_meter LINK ADDRESS...`, then one
JSON object a line on stdin: {"silent": true}, {"values": {"02030000": 1.5}}, {"unplug": true} (see `VirtualLine.obey`).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import sys
import threading
import tty
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

MAX_BEGUN_BYTES: Final = 1024  # of a request; more is noise
REQUEST: Final = re.compile(rb"\x68(.{6})\x68(.)(.)", re.DOTALL)
SHAPES: Final = {  # data identifier: (digits, of which decimals)
    "00010000": (8, 2),  # kWh
    "02010100": (4, 1),  # V
    "02020100": (6, 3),  # A
    "02030000": (6, 4),  # kW
    "02800002": (4, 2),  # Hz
}


@dataclass(slots=True)
class VirtualMeter:
    """One meter. Change its fields at any time; they count from the next request on."""

    address: str
    values: dict[str, float | None] = field(
        default_factory=lambda: {"00010000": 1234.56, "02010100": 220.4, "02020100": 0.6, "02030000": 0.1302}
    )  # None: the meter sends FF.., as for a phase that is not connected
    silent: bool = False
    error: int = 0  # answer with this error byte instead of data (2: no such data)
    bad_checksum: bool = False
    delay_s: float = 0.0

    def answer(self, request: bytes) -> bytes:
        """The reply to a whole, sound request without preamble; empty if a real meter would be silent."""
        wanted = request[1:7][::-1].hex().upper()
        if self.silent or wanted not in (self.address, "A" * 12):
            return b""
        control, data = request[8], bytes((b - 0x33) % 256 for b in request[10:-2])
        if control == 0x13:
            return self._frame(0x93, bytes.fromhex(self.address)[::-1])
        if control != 0x11 or len(data) != 4:
            return b""
        item = data[::-1].hex().upper()
        if self.error or item not in self.values or item not in SHAPES:
            return self._frame(0xD1, bytes([self.error or 0x02]))
        return self._frame(0x91, data + self._bcd(item))

    def _bcd(self, item: str) -> bytes:
        digits, decimals = SHAPES[item]
        value = self.values[item]
        if value is None:
            return b"\xff" * (digits // 2)
        text = f"{abs(value):0{digits + 1}.{decimals}f}".replace(".", "")[-digits:]
        low_first = bytearray(int(text[i : i + 2], 16) for i in range(digits - 2, -1, -2))
        if value < 0:
            low_first[-1] |= 0x80
        return bytes(low_first)

    def _frame(self, control: int, data: bytes) -> bytes:
        frame = bytearray((0x68, *bytes.fromhex(self.address)[::-1], 0x68, control, len(data)))
        frame.extend((b + 0x33) % 256 for b in data)
        check = sum(frame) % 256
        frame += bytes((check ^ 0x01 if self.bad_checksum else check, 0x16))
        return bytes(frame)


class VirtualLine:
    """A pty with meters on it, reachable at `link` (a symbolic link, like a name under /dev/serial/by-id)."""

    def __init__(self, link: Path, meters: Iterable[VirtualMeter]) -> None:
        self.link = link
        self.meters = list(meters)
        self.echo = False  # a two-wire adapter: the asker hears its own question first
        self.chatter = b""  # noise before every reply
        self.preamble = b"\xfe" * 4
        self.requests = 0  # sound requests heard, whoever was meant
        self._thread: threading.Thread | None = None
        self._ends: tuple[int, int] = (-1, -1)
        self._stop = threading.Event()
        self._wake: tuple[int, int] = (-1, -1)

    def plug(self) -> None:
        """Connects: makes the pty and the link to it. Harmless when plugged."""
        if self._thread is not None:
            return
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)  # noise that nobody reads is lost, as on a wire
        # Our own hold on the slave keeps the master readable while nobody has the port open.
        self._ends, self._wake = (master, slave), os.pipe()
        self._stop.clear()
        fresh = self.link.with_name(self.link.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(slave))
        fresh.replace(self.link)
        self._thread = threading.Thread(target=self._serve, name=f"virtual meters {self.link}", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Pulls the adapter: whoever has the port open is hung up on, and the name is gone. Harmless when unplugged."""
        if self._thread is None:
            return
        self.link.unlink(missing_ok=True)
        self._stop.set()
        os.write(self._wake[1], b"!")
        self._thread.join()
        self._thread = None
        for fd in (*self._ends, *self._wake):
            os.close(fd)

    def say(self, noise: bytes) -> None:
        """Puts bytes on the line that nobody asked for."""
        with contextlib.suppress(OSError):
            os.write(self._ends[0], noise)

    def obey(self, command: dict[str, Any]) -> None:
        """Does what another process asks for: `unplug`, `plug`, `say` (hex); `echo`, `chatter` (hex) of the line;
        `silent`, `error`, `bad_checksum`, `delay_s`, `values` of the meter with `address`, or of all."""
        if "echo" in command:
            self.echo = bool(command["echo"])
        if "chatter" in command:
            self.chatter = bytes.fromhex(command["chatter"])
        for meter in self.meters:
            if command.get("address", meter.address) == meter.address:
                _change(meter, command)
        if command.get("unplug"):
            self.unplug()
        if command.get("plug"):
            self.plug()
        if "say" in command:
            self.say(bytes.fromhex(command["say"]))

    def _serve(self) -> None:
        master, begun = self._ends[0], b""
        with selectors.DefaultSelector() as selector:
            selector.register(master, selectors.EVENT_READ)
            selector.register(self._wake[0], selectors.EVENT_READ)
            while not self._stop.is_set():
                if any(key.fd == master for key, _ in selector.select()):
                    heard = os.read(master, 4096)
                    if self.echo:
                        self.say(heard)
                    begun = self._answer_all(begun + heard)[-MAX_BEGUN_BYTES:]

    def _answer_all(self, heard: bytes) -> bytes:
        """Answers the requests in `heard`; returns what is left."""
        at = 0
        while found := REQUEST.search(heard, at):
            start, end = found.start(), found.start() + 12 + found[3][0]
            if len(heard) < end:
                return heard[start:]
            request = heard[start:end]
            if request[-1] == 0x16 and sum(request[:-2]) % 256 == request[-2]:
                self._answer(request)
                at = end
            else:
                at = start + 1
        return heard[at:]

    def _answer(self, request: bytes) -> None:
        self.requests += 1
        for meter in self.meters:
            reply = meter.answer(request)
            if reply:
                self._stop.wait(meter.delay_s)
                self.say(self.chatter + self.preamble + reply)


def _change(meter: VirtualMeter, command: dict[str, Any]) -> None:
    for name in ("silent", "error", "bad_checksum", "delay_s"):
        if name in command:
            setattr(meter, name, type(getattr(meter, name))(command[name]))
    meter.values.update(command.get("values", {}))


def main(arguments: list[str]) -> int:
    """Runs a line of meters until stdin ends. Prints "ready" once the port is there and "done" after each command."""
    if len(arguments) < 2:
        print("usage: python -m gateway.demo.virtual_meter LINK ADDRESS...", file=sys.stderr)
        return 2
    line = VirtualLine(Path(arguments[0]), [VirtualMeter(address) for address in arguments[1:]])
    line.plug()
    print("ready", flush=True)
    try:
        for text in sys.stdin:
            try:
                line.obey(json.loads(text))
            except (ValueError, TypeError, AttributeError, RecursionError) as error:
                print(f"refused: {error}", flush=True)
            else:
                print("done", flush=True)
    finally:
        line.unplug()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

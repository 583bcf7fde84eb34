"""A 4G modem at the far end of a pty: real AT commands on a real wire, a network that does what it is told.

Knows 27.007 and 27.005 as far as our driver and gammu go. Shares no code with the driver. In one process:
`VirtualModem`; from another: JSON lines on a unix socket, `{"op":"incoming","number":"+86138...","text":"1"}`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import termios
import tty
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from gateway.demo.modem_answers import tpdu_octets
from gateway.demo.modem_calls import ModemCalls
from gateway.demo.sms_network import Network, SentSms, deliver_pdus, read_submit, report_pdu

REPORT_AFTER_S: Final = 0.05  # a real centre takes seconds
MAX_INPUT: Final = 4096  # a client that never ends its line
CONTROLS: Final = (
    "incoming", "silence", "mute_on_send", "registration", "fail_next_sms", "sim", "unplug", "replug", "delay_sms",
    "report", "reports", "sent", "stored", "phone", "ring", "press", "hang_up", "calls",
)  # fmt: skip


class VirtualModem(ModemCalls):
    """One modem. Start it, open `path` with anything that speaks AT, then tell the network what to do.

    `one_by_one`: like many real modems it reads no further command while a message waits for the network.
    """

    def __init__(self, link: Path | None = None, *, one_by_one: bool = False) -> None:
        super().__init__()
        self._link = link
        self._one_by_one = one_by_one
        self._master = self._slave = -1
        self.path = ""
        self.network = Network()
        self.submitted: list[str] = []  # the PDUs as they came
        self._held: list[bytes] = []
        self._silent = self._mute_on_send = False
        self._fail: list[int] = []
        self._report_status: int | None = None
        self._delay = 0.0
        self._references = self._arrived = 0
        self._destinations: dict[int, str] = {}
        self._sending: asyncio.TimerHandle | None = None
        self._server: asyncio.Server | None = None
        self._wishers: set[asyncio.Task[None]] = set()

    # --- what the demo and the tests do with it ---------------------------------------------------------------------

    async def start(self, control: Path | None = None) -> None:
        """Plugs it in; with `control`, listens there for another process's wishes."""
        self.replug()
        if control is not None:
            with contextlib.suppress(FileNotFoundError):  # left behind by a killed one
                os.unlink(control)
            self._server = await asyncio.start_unix_server(self._serve_control, str(control))

    async def stop(self) -> None:
        """Unplugs it and stops listening."""
        self.unplug()
        if self._server is not None:
            self._server.close()
            for wisher in self._wishers:
                wisher.cancel()
            await asyncio.gather(*self._wishers, return_exceptions=True)
            await self._server.wait_closed()

    def replug(self) -> None:
        """A fresh port, at `link` if one was given; settings are those after power-up."""
        if self._master >= 0:
            return
        self._settings()
        self._silent = False
        self._master, self._slave = os.openpty()  # our slave end stays open, so that clients may come and go
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self.path)
            self.path = str(self._link)
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    def let_go(self) -> None:
        """A client that wanted the port for itself (TIOCEXCL) is gone. A tty forgets that with its last close; our own
        end is never closed, and only root would get in again."""
        fcntl.ioctl(self._slave, termios.TIOCNXCL)

    def unplug(self) -> None:
        """The USB cable is out: the port hangs up and its name is gone."""
        if self._master < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        self._held.clear()
        self._drop_calls()
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1
        if self._link is not None:
            self._link.unlink(missing_ok=True)

    def silence(self, on: bool = True) -> None:
        """The firmware hangs: what is written is swallowed, nothing is answered."""
        self._silent = on

    def mute_on_send(self, on: bool = True) -> None:
        """The firmware hangs as soon as it has got a message's text."""
        self._mute_on_send = on

    def registration(self, stat: int) -> None:
        """The network's word: 1 home, 2 searching, 3 denied, 5 roaming; told at once to a client that asked for it."""
        self._stat = stat
        for name, level in self._tell.items():
            if level:
                self._say(f"{name}: {stat}")

    def sim(self, state: str) -> None:
        """`READY`, `SIM PIN`, or `MISSING`."""
        self._sim = state
        self._say("+CPIN: " + ("NOT INSERTED" if state == "MISSING" else state))

    def fail_next_sms(self, *errors: int) -> None:
        """The next messages end in these `+CMS ERROR`s, one each."""
        self._fail += errors

    def delay_sms(self, seconds: float) -> None:
        """How long the network takes for each message from now on."""
        self._delay = seconds

    def incoming(self, number: str, text: str) -> None:
        """A person's text arrives."""
        self._arrived += 1
        for pdu in deliver_pdus(number, text, self._arrived):
            self.incoming_pdu(pdu)

    def incoming_pdu(self, pdu: str, *, announce: bool = True) -> None:
        """A PDU arrives and is stored, or handed over directly if the client asked for that."""
        if self._new[1] == 2 and announce:
            self._say(f"+CMT: ,{tpdu_octets(pdu)}\r\n{pdu}")
            return
        index = self._keep(pdu)
        if self._new[1] and announce:
            self._say(f'+CMTI: "{self._store}",{index}')

    def _keep(self, pdu: str) -> int:
        store = self.stores[self._store]
        index = next(i for i in range(1, 1000) if i not in store)
        store[index] = pdu
        return index

    def _report_if_up(self, reference: int, status: int) -> None:
        if self._master >= 0:
            self.report(reference, status)

    def report(self, reference: int, status: int = 0) -> None:
        """The service centre's word on message `reference`: 0 delivered, 0x46 expired, 0x30 still trying."""
        pdu = report_pdu(self._destinations[reference], reference, status)
        if self._new[3] == 1:
            self._say(f"+CDS: {tpdu_octets(pdu)}\r\n{pdu}")
        elif self._new[3] == 2:
            index = self._keep(pdu)
            self._say(f'+CDSI: "{self._store}",{index}')

    def reports(self, status: int | None = 0) -> None:
        """From now on the centre reports on every message that asks for it, by itself; None: on none."""
        self._report_status = status

    @property
    def sent(self) -> list[SentSms]:
        """The texts the network has taken, long ones joined."""
        return self.network.sent

    def raw(self, data: bytes) -> None:
        """Bytes on the wire, as they are."""
        if self._master >= 0:
            with contextlib.suppress(BlockingIOError):  # nobody reads: lost, as on a real wire
                os.write(self._master, data)

    # --- the wire ---------------------------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        if not self._silent:
            self.raw(f"\r\n{text}\r\n".encode())

    def _readable(self) -> None:
        try:
            data = os.read(self._master, MAX_INPUT)
        except OSError:  # a client closed its end this instant
            return
        if self._one_by_one and self._sending is not None:
            self._held.append(data)
        else:
            self._typed(data)

    def _typed(self, data: bytes) -> None:
        if self._silent:
            return
        if self._echo:
            self.raw(data)
        for octet in data:
            if self._expect is not None:
                self._typed_text(octet)
            elif octet == 0x0D:
                line = self._buffer.decode("latin-1").strip()
                self._buffer.clear()
                if line:
                    self._command(line)
            elif octet >= 0x20 and len(self._buffer) < MAX_INPUT:
                self._buffer.append(octet)

    def _typed_text(self, octet: int) -> None:
        if octet == 0x1A:
            pdu, octets = self._buffer.decode("latin-1").strip(), self._expect
            self._buffer.clear()
            self._expect = None
            self._submit(pdu, octets or 0)
        elif octet == 0x1B:
            self._buffer.clear()
            self._expect = None
            self._say("OK")
        elif len(self._buffer) < MAX_INPUT:
            self._buffer.append(octet)

    def _submit(self, pdu: str, octets: int) -> None:
        if self._mute_on_send:
            self._mute_on_send, self._silent = False, True
            return
        self._sending = asyncio.get_running_loop().call_later(self._delay, self._network_answers, pdu, octets)

    def _network_answers(self, pdu: str, octets: int) -> None:
        self._sending = None
        self._settle(pdu, octets)
        held, self._held = self._held, []
        for data in held:
            self._typed(data)

    def _settle(self, pdu: str, octets: int) -> None:
        if self._fail:
            return self._say(f"+CMS ERROR: {self._fail.pop(0)}")
        if self._stat not in (1, 5):
            return self._say("+CMS ERROR: 331")
        try:
            message = read_submit(pdu)
        except (ValueError, IndexError, KeyError):
            return self._say("+CMS ERROR: 304")
        if octets != tpdu_octets(pdu):
            return self._say("+CMS ERROR: 304")
        self._references = self._references % 255 + 1
        self._destinations[self._references] = message.destination
        self.submitted.append(pdu)
        if not self._silent:
            self.raw(f"\r\n+CMGS: {self._references}\r\n\r\nOK\r\n".encode())
        self.network.take(message, self._references)
        if message.report_wanted and self._report_status is not None:
            status = self._report_status
            asyncio.get_running_loop().call_later(REPORT_AFTER_S, self._report_if_up, self._references, status)
        return None

    # --- another process --------------------------------------------------------------------------------------------

    async def _serve_control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._wishers.add(task)
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._control(line), ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # gone, or a line without end
            pass
        finally:
            self._wishers.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    def _control(self, line: bytes) -> dict[str, Any]:
        try:
            wish = json.loads(line)
            op = wish.pop("op")
            if op not in CONTROLS:
                raise ValueError(f"op: expected one of {', '.join(CONTROLS)}")
            if op == "sent":
                return {"ok": True, "sent": [{"number": s.number, "text": s.text, "parts": s.parts} for s in self.sent]}
            if op == "calls":
                return {"ok": True, "calls": [asdict(c) for c in self.calls]}
            if op == "stored":
                return {"ok": True, "stored": sum(map(len, self.stores.values()))}
            call: Callable[..., None] = getattr(self, op)
            call(*wish.pop("errors", ()), **wish)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True}


async def _main() -> None:
    parser = argparse.ArgumentParser(description="A virtual 4G modem on a pty")
    parser.add_argument("--link", type=Path, required=True, help="where the port shall appear")
    parser.add_argument("--control", type=Path, help="a unix socket for JSON lines")
    arguments = parser.parse_args()
    modem = VirtualModem(arguments.link)
    await modem.start(arguments.control)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())

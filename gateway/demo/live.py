"""The demo for a person: a live timeline and keys to press."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
import time
import tty
from collections.abc import Awaitable, Callable, Iterator

from gateway.demo.house import Line, VirtualHouse

WHERE = {
    "elder": ("\033[1;33m", "elder   "),
    "sms": ("\033[1;36m", "text    "),
    "phone": ("\033[1;35m", "phone   "),
    "platform": ("\033[1;32m", "platform"),
    "home": ("\033[1;37m", "home    "),
    "demo": ("\033[2m", "        "),
}
KEYS = """
  p press the bedside button    b pull the bathroom cord     c press cancel      g press the green key
  m somebody walks by           1 / 2 the contact answers    a platform accepts  x platform closes all
  r the contact rings back and presses 1
  n network off/on              u modem out/in               k kill -9 and start again
  l let 12 hours pass           s how is the gateway         q quit
"""
QUESTION_STEP_MIN = 4  # shorter than the five minutes a question stays open (T-05)
ANSWER_H = 0.1


class Live:
    """One session of keys and a timeline."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._network, self._modem = True, True
        self.house = VirtualHouse(on_line=self._print)

    def _print(self, line: Line) -> None:
        colour, where = WHERE.get(line.where, ("", line.where))
        sys.stdout.write(f"{line.at - self._began:7.1f}  {colour}{where}  {line.text}\033[0m\r\n")
        sys.stdout.flush()

    async def run(self) -> None:
        """Until q or the end of input."""
        try:
            await self.house.start()
            with _raw_keys():
                sys.stdout.write(KEYS.replace("\n", "\r\n"))
                sys.stdout.flush()
                await self._keys()
        finally:
            await self.house.stop()

    async def _keys(self) -> None:
        queue: asyncio.Queue[str] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def read() -> None:  # past the buffer of sys.stdin, which would keep the second of two quick keys
            for key in os.read(sys.stdin.fileno(), 64).decode("ascii", "replace") or "q":
                queue.put_nowait(key)

        loop.add_reader(sys.stdin, read)
        try:
            while (key := await queue.get()) not in ("q", "\x03", "\x04"):
                try:
                    await self._do(key)
                except (TimeoutError, RuntimeError, LookupError, OSError) as error:
                    self.house.note("demo", f"that did not work: {error}")
        finally:
            loop.remove_reader(sys.stdin)

    async def _do(self, key: str) -> None:
        house = self.house
        actions: dict[str, Callable[[], Awaitable[None] | None]] = {
            "p": lambda: house.press("bedroom-button"),
            "b": lambda: house.press("bathroom-cord"),
            "c": lambda: house.press("cancel-button"),
            "g": lambda: house.press("green-key"),
            "m": lambda: house.motion("hall-pir"),
            "1": lambda: house.contact_answers("1"),
            "2": lambda: house.contact_answers("2"),
            "r": lambda: house.contact_rings("1"),
            "a": lambda: self._desk("ACCEPTED"),
            "x": lambda: self._desk("CLOSED"),
            "n": self._toggle_network,
            "u": self._toggle_modem,
            "k": self._kill,
            "l": self._let_time_pass,
            "s": self._show_status,
        }
        action = actions.get(key)
        if action is not None:
            result = action()
            if result is not None:
                await result

    def _desk(self, stage: str) -> None:
        for alarm in self.house.status().get("alarms", []):
            self.house.accept_at_platform(alarm["alarm"], stage, "HELPED" if stage == "CLOSED" else None)

    async def _toggle_network(self) -> None:
        self._network = not self._network
        if self._network:
            await self.house.restore_network()
        else:
            self.house.pull_network()

    def _toggle_modem(self) -> None:
        self._modem = not self._modem
        (self.house.restore_modem if self._modem else self.house.pull_modem)()

    async def _kill(self) -> None:
        await self.house.kill_gateway()
        await self.house.start_gateway()

    async def _let_time_pass(self) -> None:
        """Twelve hours, or until the home asks; what it asked is then left unanswered."""
        if self._is_asked():
            await self.house.leap(ANSWER_H)
            return
        await self.house.leap(12, step_min=QUESTION_STEP_MIN, until=self._is_asked)
        if self._is_asked():
            self.house.note("demo", "the home asks and waits five minutes: g answers, l lets them pass")

    def _is_asked(self) -> bool:
        alarms = self.house.status().get("alarms", [])
        return any(a["code"] == "INACTIVITY" and a["state"] == "PRE_ALARM" for a in alarms)

    def _show_status(self) -> None:
        status = self.house.status()
        alarms = ", ".join(f"{a['alarm']} {a['code']} {a['state']}" for a in status.get("alarms", [])) or "none"
        self.house.note("demo", f"open alarms: {alarms}")
        for name, rule in status.get("rules", {}).items():
            self.house.note("demo", f"rule {name}: {rule['status']} {rule['reason']}")
        for driver in status.get("drivers", []):
            self.house.note("demo", f"driver {driver['name']}: {driver['rung']} {driver['reason']}")


@contextlib.contextmanager
def _raw_keys() -> Iterator[None]:
    """Single keys without Return; the terminal is put back whatever happens."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin, termios.TCSADRAIN)  # what was typed while the home came up is kept
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

"""The demo as a newcomer meets it: a terminal, a timeline, and keys. What is read here is what a person reads."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Iterator

import pytest

PATIENCE_S = 60.0
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """`hearthwatch demo` on a terminal of its own."""

    def __init__(self) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execv(sys.executable, [sys.executable, "-m", "gateway.cli.main", "demo"])
        self.seen = ""
        self._read_to = 0

    def key(self, key: str) -> None:
        """Presses one key; no Return."""
        os.write(self._fd, key.encode())

    def until(self, words: str, *, anywhere: bool = False) -> None:
        """Reads on until `words` (a pattern) stand on the screen, after what was last waited for unless `anywhere`."""
        ends = time.monotonic() + PATIENCE_S
        while (found := re.compile(words).search(self.seen, 0 if anywhere else self._read_to)) is None:
            assert time.monotonic() < ends, f"never read {words!r} after:\n{self.seen[self._read_to :]}"
            self._read()
        self._read_to = max(self._read_to, found.end())

    def _read(self) -> None:
        if select.select([self._fd], [], [], 0.5)[0]:
            try:
                self.seen += COLOURS.sub("", os.read(self._fd, 65536).decode("utf-8", "replace"))
            except OSError as error:
                raise AssertionError(f"the demo ended:\n{self.seen}") from error

    def ends(self) -> int:
        """Its exit code."""
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            if select.select([self._fd], [], [], 0.1)[0]:
                try:
                    os.read(self._fd, 65536)
                except OSError:
                    time.sleep(0.05)
        raise AssertionError("the demo did not end")

    def kill(self) -> None:
        """Whatever happened."""
        if self.pid:
            os.killpg(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._fd)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.kill()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_newcomer_plays_every_key_and_reads_what_it_did(terminal):
    terminal.until("p press the bedside button")
    terminal.until("platform  gateway ONLINE", anywhere=True)  # before the keys are shown, or after
    terminal.key("p")
    terminal.until("home      pressed: bedroom-button")
    terminal.until("elder     hears: 已收到呼叫。10秒后通知")
    terminal.key("c")
    terminal.until("elder     hears: 已取消")

    terminal.key("n")
    terminal.until("the network is down")
    terminal.key("b")
    terminal.until("text      → 王小明: .*按了紧急按钮")
    terminal.key("1")
    terminal.until("text      ← 王小明: 1")
    terminal.until("elder     hears: 已经联系到王小明")
    terminal.key("n")
    terminal.until("the network is back")
    terminal.until(r"CALL_FIXED RAISED \(delayed\) — acknowledged")
    terminal.until(r"CALL_FIXED ACCEPTED \(delayed\) — acknowledged")

    terminal.key("u")
    terminal.until("the modem is unplugged")
    terminal.key("u")
    terminal.until("the modem is back")

    terminal.key("k")
    terminal.until("the gateway was killed")
    terminal.until("platform  gateway ONLINE")
    terminal.key("s")
    terminal.until("open alarms: .* CALL_FIXED ACCEPTED")
    terminal.key("x")
    terminal.until("CALL_FIXED CLOSED — acknowledged")

    terminal.key("l")
    terminal.until("12 h pass")
    terminal.until("l lets them pass")
    terminal.until("elder     hears: 好一阵子没见您走动了", anywhere=True)
    terminal.key("l")
    terminal.until("INACTIVITY RAISED — acknowledged")
    terminal.key("q")
    assert terminal.ends() == 0

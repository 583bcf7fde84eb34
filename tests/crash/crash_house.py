"""A whole home whose gateway dies at a chosen moment: the demo's far ends, the real `hearthwatch run`, kill -9.

Far ends come up once and outlive every gateway. They also tell when a moment has come (`Point`): the press is in the
air, the modem has got a text, has answered, a telephone rings, a message has reached the platform, ... A kill at such a
moment is done in the very callback that saw it. `evidence` is what the disk and the world hold right after a kill.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from evidence import Evidence, Handed, Kill, Point
from watched_modem import WatchedModem

from gateway.demo.house import GATEWAY, VirtualHouse
from gateway.demo.household import HOME
from gateway.demo.sms_network import read_submit
from gateway.journal import export
from gateway.receiver.store import Message
from gateway.upstream.messages import BadMessage, Stage

SENDING_S = 0.3  # how long the mobile network takes for a text: a window wide enough to be hit
THINKING_S = 0.15  # the contact reads and answers; the desk closes
AGAIN_S = 2.5  # an elder who hears nothing presses again
NUMBERS = {"c1": "13800000001", "c2": "13800000002"}
WORDS = {"按了": "call", "答应": "taken", "结束": "end"}  # what a text is, by a word of it
TEMPLATES = {"S01": "call", "S10": "taken", "S12": "end"}
LINE_HELD = "+CME ERROR 3"  # what the modem says to who dials while another call stands
EXCUSED = ("TAIL_CUT", "acting from memory")
PRE_ALARM_S = 1.0
PATIENCE_S = 120.0  # for a machine that does much else meanwhile; a flow takes 4 to 15 s here
LOOK_S = 0.05
BUTTONS = tuple(f"button-{n}" for n in range(1, 7))
"""Pressed in turn: one key pressed every five seconds for a minute is stuck (`rules.stuck_button`), and once its alarm
is over it calls no more for a while. Rightly so; here every press is a call of its own."""
MANY_BUTTONS = {
    **HOME,
    "devices": [
        *HOME["devices"],
        *({"id": b, "kind": "button", "room": "hall", "address": f"C4:7C:8D:00:01:0{b[-1]}"} for b in BUTTONS),
    ],
}


class CrashHouse(VirtualHouse):
    """The demo's house around the real `hearthwatch run`; `armed` is the kill that waits for its moment."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, pre_alarm_s=PRE_ALARM_S, home=MANY_BUTTONS)
        self.modem = WatchedModem(folder / "modem", self.reached, self.nears)
        self.armed: Kill | None = None
        self.killed = asyncio.Event()
        self.pid = 0
        self.late: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Brings everything up."""
        await super().start()
        self.modem.delay_sms(SENDING_S)
        take, acknowledge = self.platform._take, self.platform._acknowledge

        async def watched_take(session: Any, batch: list[Any]) -> None:
            for incoming in batch:
                self._arrived(incoming.payload)
            await take(session, batch)

        def watched_acknowledge(session: Any, rows: list[Message]) -> None:
            acknowledge(session, rows)
            if any(row.body.get("state") == "RAISED" for row in rows):
                self.reached(Point.ACKNOWLEDGED)

        self.platform._take = watched_take  # type: ignore[method-assign]
        self.platform._acknowledge = watched_acknowledge  # type: ignore[method-assign]

    def _arrived(self, payload: bytes) -> None:
        with contextlib.suppress(ValueError, BadMessage, AttributeError):
            state = json.loads(payload).get("state")
            if state in ("RAISED", "ACCEPTED"):
                self.reached(Point.ARRIVED if state == "RAISED" else Point.ACCEPTED)

    # ---- the gateway's life

    async def spawn(self) -> None:
        """Starts `hearthwatch run` and does not wait."""
        environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.bus.address}
        with (self.folder / "gateway.log").open("ab") as log:
            self._child = subprocess.Popen(  # noqa: ASYNC220 - must be killable from a callback
                [sys.executable, "-m", "gateway.cli.main", "run", "--config", str(self.config_file)],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.pid = self._child.pid
        self.reached(Point.SPAWN)

    async def start_gateway(self) -> None:
        """Starts it and waits until it hears and can text."""
        await self.spawn()
        await self.up()

    async def up(self) -> None:
        """Waits until the gateway that was spawned hears and can text."""
        await self.eventually(lambda: asyncio.to_thread(self._up), "the gateway is up")

    async def eventually(self, true: Callable[[], Awaitable[object]], what: str) -> None:
        """As `until`, for what must be asked for: the far ends go on while the gateway thinks of its answer."""
        deadline = time.monotonic() + PATIENCE_S
        while not await true():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {PATIENCE_S:g} s: {what}")
            await asyncio.sleep(LOOK_S)

    def arm(self, kill: Kill | None) -> None:
        """From now on the next time its point is reached, the gateway dies."""
        self.killed.clear()
        self.armed, self.late = kill, None

    def reached(self, point: Point) -> None:
        """A moment has come."""
        self._changed.set()
        if self.armed is None or self.armed.point is not point or self._child is None:
            return
        delay, self.armed = self.armed.delay_s, None
        if delay:
            self.late = asyncio.get_running_loop().call_later(delay, self._kill, self.pid)
        else:
            self._kill(self.pid)

    def nears(self, point: Point) -> None:
        """A moment is about to come. Whoever is to die at it is stopped first: what comes with it stays unread, however
        long this process has to wait for a core between that and the kill."""
        if self.armed is not None and self.armed == Kill(point) and self._child is not None:
            os.kill(self.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def falling(self) -> bool:
        """Whether a kill's point has been reached and its delay runs."""
        return self.late is not None and not self.killed.is_set()

    def _kill(self, pid: int) -> None:
        if self.pid == pid and self._child is not None:
            os.kill(pid, signal.SIGKILL)
            self.killed.set()

    async def buried(self) -> None:
        """The killed process is gone, its locks are free, and the modem has read what was already on the wire."""
        if self._child is not None:
            await asyncio.to_thread(self._child.wait)
            self._child = None
        while select.select([self.modem.wire], [], [], 0)[0]:  # noqa: ASYNC110
            await asyncio.sleep(0.001)  # the modem reads in this loop

    def press(self, device: str = BUTTONS[0]) -> None:
        """One advert; the moments after it are counted from here."""
        super().press(device)
        self.reached(Point.PRESS)
        asyncio.get_running_loop().call_later(PRE_ALARM_S, self.reached, Point.RAISE)

    def telephones(self, by_phone: bool) -> None:
        """What the contacts do when it rings: nobody picks up; or the first pushes it away and the second keys yes."""
        self.modem.phone(NUMBERS["c1"], "reject" if by_phone else "no_answer", after_s=0.05)
        self.modem.phone(NUMBERS["c2"], "answer" if by_phone else "no_answer", after_s=0.05, presses="1")

    def reply(self, alarm: int, contact: str, answer: str) -> None:
        """A contact answers."""
        self.contact_answers(f"{answer} {alarm % 100:02d}", NUMBERS[contact])
        self.reached(Point.REPLY if answer == "1" else Point.DECLINE)

    def close_at_desk(self, alarm: int) -> None:
        """The platform's people close the alarm."""
        self.note("platform", "desk says CLOSED")
        self.platform.say(GATEWAY, alarm, Stage.CLOSED, "desk", "HELPED")
        self.reached(Point.CLOSING)

    # ---- what stands on disk and in the world

    def texts(self, alarm: int) -> list[Handed]:
        """What the modem was asked to send about an alarm, in order."""
        answered = Counter(self.modem.submitted)
        found = []
        for pdu in self.modem.asked:
            message = read_submit(pdu)
            if message.text.endswith(f"编号{alarm % 100:02d}"):
                contact = next(c for c, number in NUMBERS.items() if message.number.endswith(number))
                kind = next(kind for word, kind in WORDS.items() if word in message.text)
                found.append(Handed(f"{kind}:{contact}", answered[pdu] > 0))
            answered[pdu] -= 1
        return found

    def has_got(self, what: str, alarm: int) -> bool:
        """Whether a phone got this text."""
        return any(text.what == what and text.answered for text in self.texts(alarm))

    def stored(self, alarm: int) -> list[dict[str, Any]]:
        """What the platform has stored of an alarm, in the order of seq."""
        return [m.body for m in self.platform.events(GATEWAY) if m.body.get("alarm") in (alarm, str(alarm))
                or str(m.body.get("alarm")).endswith(f"-{alarm}")]  # fmt: skip

    def knows(self, state: str, alarm: int) -> bool:
        """Whether the platform has stored this state of an alarm."""
        return any(body["state"] == state for body in self.stored(alarm))

    def spoken_since(self, offset: int) -> list[str]:
        """Prompts the elder heard, as the gateway's own log of them says."""
        with contextlib.suppress(FileNotFoundError):
            raw = (self.state / "spoken.jsonl").read_bytes()[offset:]
            return [json.loads(line)["prompt"] for line in raw.splitlines() if line.strip().endswith(b"}")]
        return []

    def spoken_bytes(self) -> int:
        """How long that log is now."""
        path = self.state / "spoken.jsonl"
        return path.stat().st_size if path.exists() else 0

    def _copy(self) -> Path:
        """A copy of the journal of one who was killed: the real one stays as the kill left it."""
        copy = self.folder / "evidence"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for name in ("journal.db", "journal.db-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(self.state / name, copy / name)
        return copy / "journal.db"

    def evidence(self, alarm: int, spoken_from: int, *, alive: bool = False) -> Evidence:
        """What is known of an alarm. `alive`: the gateway runs, and its journal is read beside it."""
        found = Evidence(in_call=self.modem.in_call)
        with export(self.state / "journal.db" if alive else self._copy()) as rows:
            for row in rows:
                for event in row.events:
                    if event["alarm"] == alarm and event.get("state"):
                        found.states.append(event["state"])
                    found.presses += event["alarm"] == alarm and event["what"] in ("opened", "pressed")
                value = row.observation.value
                if (
                    row.observation.kind.value == "delivery"
                    and value.get("alarm") == alarm
                    and value.get("result") == "sent"
                ):
                    found.delivered[f"{TEMPLATES[value['template']]}:{value['contact']}"] += 1
        for text in self.texts(alarm):
            found.asked[text.what] += 1
            found.answered[text.what] += text.answered
        found.platform = [body["state"] for body in self.stored(alarm)]
        found.spoken = self.spoken_since(spoken_from)
        return found

    def complaints(self) -> list[str]:
        """Lines of the gateway's log that no crash excuses. A log cut while written and a disk slower than 0.5 s are
        errors of their own kind, and may happen on a busy machine."""
        log = (self.folder / "gateway.log").read_text(encoding="utf-8", errors="replace")
        bad = ("Traceback", "never retrieved", "was destroyed", '"CRITICAL"', "a turn failed", LINE_HELD)
        errors = [x for x in log.splitlines() if '"level": "ERROR"' in x and not any(e in x for e in EXCUSED)]
        return [x[:300] for x in log.splitlines() if any(b in x for b in bad)] + [x[:300] for x in errors]

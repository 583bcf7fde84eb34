"""The same world with the real SQLite journal: a simulated month whose file `events` and `replay` then read.

Time stands still until the journal's thread has written what it was given, so a month of commits takes seconds and the
order is that of life. A crash here loses nothing (`tests/powercut` cuts real disks); its gaps and clocks are real.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sim_loop import VirtualLoop
from sim_story import Story
from sim_world import World

from gateway.actions import Publish
from gateway.alarms.life import AlarmEvent
from gateway.clock import iso, zone
from gateway.controller import Notice, Result
from gateway.journal import Entry, Journal, Limits, Mark, Recovered, Submitted
from gateway.observations import Observation

LIMITS = Limits(group_s=0.0, check_s=0.0, reserve_bytes=0)


class FileDisk:
    """Stands where the model of the disk stands, and opens the real file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mode, self.trap, self.lost_at_crash = "ok", "", 0
        self.rows: list[Any] = []
        self.journal: Journal

    def recover(self) -> Recovered:
        """Opens the journal; the newest row's mark is what the world looks at."""
        self.journal, recovered = Journal.open(self.path, LIMITS)
        if recovered.mark is not None:
            self.rows = [type("Newest", (), {"mark": recovered.mark})]
        return recovered


class FileJournal:
    """The real journal, with the few words the world needs of it."""

    def __init__(self, disk: FileDisk, _crash: Callable[[], None]) -> None:
        self._disk = disk
        self._journal = disk.journal
        self.epoch = self._journal.epoch
        self._rows: dict[int, Publish] = {}
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.outside = lambda: bool(self._journal._waiting)

    def submit(self, entry: Entry) -> Submitted:
        """As it is; what waits for the platform is remembered, so that nobody has to ask a thread for it."""
        submitted = self._journal.submit(entry)
        for stored in submitted.stored:
            if isinstance(stored.action, Publish) and stored.seq is not None:
                self._rows[stored.seq] = stored.action
        for seq in entry.acked:
            self._rows.pop(seq, None)
        self._disk.rows = [type("Newest", (), {"mark": Mark(entry.observation.t, entry.wall_ms, entry.trust)})]
        return submitted

    def submit_snapshot(self, state: dict[str, Any]) -> asyncio.Future[bool]:
        """As it is."""
        return self._journal.submit_snapshot(state)

    def hurry(self) -> None:
        """As it is."""
        self._journal.hurry()

    def messages(self) -> list[tuple[int, Publish]]:
        """What this process has to tell the platform."""
        return sorted(self._rows.items())

    def flush(self) -> None:
        """The loop does not go on before everything is written."""

    def lost(self) -> int:
        """Nothing: see the module."""
        return 0

    def end(self, loop: VirtualLoop) -> None:
        """The writer's thread ends; neither a last word nor a last snapshot of ours is written."""
        loop._ready.clear()
        loop._scheduled.clear()
        loop.outside = lambda: True
        loop.run_until_complete(self._journal.close())


class RealWorld(World):
    """A world whose alarms are also written down as they are lived: `lived`, the lines `replay` must print."""

    journal_of = FileJournal

    def __init__(self, story: Story, path: Path, tz: str = "Asia/Shanghai") -> None:
        super().__init__(story)
        self.disk = FileDisk(path)  # type: ignore[assignment]
        self._tz = zone(tz)
        self._mark_true = self.hardware.now
        self.lived: list[tuple[int, str]] = []  # (wall time of the moment, line)

    def _live(self) -> None:
        abandon = VirtualLoop.abandon

        def end(loop: VirtualLoop) -> None:
            self.journal.end(loop)  # type: ignore[attr-defined]
            abandon(loop)

        VirtualLoop.abandon = end  # type: ignore[method-assign]
        try:
            super()._live()
        finally:
            VirtualLoop.abandon = abandon  # type: ignore[method-assign]

    def _listen(self) -> None:
        """Every transition as it is decided, stamped by the clock in force at that moment; not by `recording`."""
        super()._listen()
        controller = self.heart.controller
        handle, apply, notice = controller.handle, controller.book.apply, controller.notice
        made: list[tuple[int, int, str]] = []

        def applied(event: AlarmEvent) -> Any:
            alarm = apply(event)
            if event.state is not None and alarm is not None:
                row = {
                    "at": iso(controller.wall_ms(event.t), self._tz),
                    "alarm": event.alarm,
                    "code": alarm.code,
                    "severity": alarm.severity,
                    "state": event.state.value,
                    "device": alarm.device,
                    "room": alarm.room,
                    "reason": event.reason,
                    "evidence": alarm.evidence,
                }
                made.append((event.t, 0, _line(row)))
            return alarm

        def noticed(said: Notice) -> None:
            notice(said)
            at = iso(controller.wall_ms(said.t), self._tz)
            row = {"notice": said.code, "at": at, said.kind: said.subject, "status": said.status, "reason": said.reason}
            made.append((said.t, 1, _line(row)))

        def handled(observation: Observation) -> Result:
            made.clear()
            result = handle(observation)
            now = controller.wall_ms(observation.t)
            self.lived += [(now, line) for _, _, line in sorted(made, key=lambda row: row[:2])]
            return result

        controller.book.apply = applied  # type: ignore[method-assign]
        controller.notice = noticed  # type: ignore[method-assign]
        controller.handle = handled  # type: ignore[method-assign]


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))

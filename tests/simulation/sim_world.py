"""A whole home on a virtual clock: the world's true time, the machine it happens to, and what comes back from people.

The machine runs the real `awaken`, `Clock`, `Heart`, `Carrier` and `Controller`; only the disk (`sim_disk`), the modem,
the speaker and the platform's link are models. A kill or a power cut leaves the event loop behind and boots a new one.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import marshal
from types import SimpleNamespace
from typing import Any

from sim_disk import Disk, ModelJournal, Row
from sim_hardware import BOOT_MS, Hardware
from sim_history import Carried, Committed, Decided, Died, History, Received, Woke
from sim_loop import Crash, OutOfTime, VirtualLoop
from sim_luck import Luck
from sim_marks import MarkingHeart, Marks
from sim_people import People
from sim_story import DAY, START_MS, Happening, Story
from sim_words import Words

from gateway.actions import AckDevice, Action, Call, Lamp, Publish, Say, Text
from gateway.channels.port import Delivered, NotDelivered, Outcome
from gateway.controller import Result
from gateway.home.model import HomeView
from gateway.journal import Submitted
from gateway.observations import Kind, Observation, Report
from gateway.runtime import heart as heart_module
from gateway.runtime.awakening import Awake, awaken
from gateway.runtime.carrier import Carrier
from gateway.runtime.gateway import Gateway

PLATFORM_MS = 150
TECHNICAL_KINDS = ("say", "beat", "water", "press", "visit", "noise", "away")  # what is lost while the machine is off


class _Beginning(Gateway):
    """The gateway's own first words after waking, without the rest of the process."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.heart = world.heart
        self.problems: list[str] = []
        self.registry: Any = SimpleNamespace(home=lambda: SimpleNamespace(view=world.registry))
        self.config: Any = SimpleNamespace(
            gateway=SimpleNamespace(id="sim"), mqtt=SimpleNamespace(enabled=True, hosts=("platform",))
        )

    @property
    def _path_up(self) -> bool:  # type: ignore[override]
        return bool(self._world.paths["uplink"])

    @property
    def ways_in(self) -> Any:
        return SimpleNamespace(texts_can_go=self._world.paths["cell"])


class World:
    """Runs one story. `steps`, `uplink`, `gentle` make the twins some invariants need."""

    journal_of: Any = ModelJournal

    def __init__(self, story: Story, *, steps: bool = True, uplink: bool = True, gentle: bool = False) -> None:
        self.story = story
        self.steps, self.uplink_allowed, self.gentle = steps, uplink, gentle
        self.end = START_MS + int(story.days * DAY)
        bad = frozenset({"c2"}) if story.traits["bad_number"] else frozenset()
        self.history = History(story.seed, bad_numbers=bad)
        self.hardware = Hardware(story)
        self.disk = Disk(told=self._committed)
        self.people = People(self)
        self.marks = Marks(story)
        self.registry: HomeView = story.home
        self.paths = {"uplink": uplink, "cell": True}
        self.deaf: dict[str, int] = {}
        self.held: dict[str, Happening] = {}  # by name: what somebody keeps until it is known to be committed
        self.litres = 0
        self.queue: list[tuple[int, int, Happening]] = []
        self._pushed = 0
        self._alarm_clock: asyncio.TimerHandle | None = None
        self._polling = False
        self.modem_free = START_MS
        self.alive = False
        self.why = ("first", BOOT_MS)
        self.right_at_mark = False
        doers = (Words(self), Luck(self))
        self._acts = {name[3:]: getattr(doer, name) for doer in doers for name in dir(doer) if name.startswith("on_")}
        for happening in story.happenings:
            self._queue(START_MS + happening["at"], happening)

    # ---- the world's own future

    def push(self, delay_ms: int, what: str, **more: Any) -> None:
        """Something will happen in answer to something that happened."""
        self._queue(self.hardware.now + delay_ms, {"what": what, **more})
        if self.alive:
            self._arm()

    def _queue(self, at: int, happening: Happening) -> None:
        self._pushed += 1
        heapq.heappush(self.queue, (at, self._pushed, happening))

    def run(self) -> History:
        """From the first start to the end of the story."""
        logging.disable(logging.CRITICAL)
        kept = heart_module.SNAPSHOT_EVERY
        heart_module.SNAPSHOT_EVERY = self.story.traits["snapshot_every"]  # type: ignore[misc]
        try:
            while self.hardware.now < self.end:
                self._off_until(min(self.end, self.hardware.now + self.why[1]))
                if self.hardware.now < self.end:
                    self._live()
        finally:
            heart_module.SNAPSHOT_EVERY = kept  # type: ignore[misc]
            logging.disable(logging.NOTSET)
        self.history.end_true_ms = self.hardware.now
        return self.history

    def _off_until(self, until: int) -> None:
        while self.queue and self.queue[0][0] <= until:
            at, _, happening = heapq.heappop(self.queue)
            self.hardware.now = max(self.hardware.now, at)
            self._perform(happening)
        self.hardware.now = max(self.hardware.now, until)

    def _live(self) -> None:
        hardware = self.hardware
        self.loop = loop = VirtualLoop(hardware.now * 1000, hardware.time_is)
        asyncio.set_event_loop(loop)
        loop.call_soon(self._boot)
        loop.call_at(self.end / 1000, loop.stop)
        try:
            loop.run_forever()
        except Crash:
            self.history.items.append(Died(hardware.now, self.why[0]))
        except OutOfTime as error:
            loop.accidents.append(error)
            hardware.now = self.end
        finally:
            asyncio.set_event_loop(None)
            self.alive = self._polling = False
            self.disk.trap = ""
            self.history.accidents += [f"{hardware.now}: {a!r}" for a in loop.accidents]
            self.disk.lost_at_crash += self.journal.lost()
            loop.abandon()

    # ---- one process

    def _boot(self) -> None:
        loop, disk = self.loop, self.disk
        recovered = disk.recover()
        if self.why[0] == "cut":
            self.hardware.boot_at = self.hardware.now - BOOT_MS
        awake = awaken(recovered, self.hardware.sources())
        self.journal = type(self).journal_of(disk, self._crash)
        self.marks.clock_touched = True
        self.heart = MarkingHeart(
            awake.controller, awake.clock, self.journal, marks=self.marks, delay=self._next_mark_in
        )
        self.carrier = Carrier(self.heart, self.wake_platform)
        for kind in (Say, Text, Call, Lamp, AckDevice):
            self.carrier.attach(kind.kind, SimpleNamespace(carry=getattr(self, f"_{kind.kind}")))
        self.heart.carry = self.carrier.carry
        self._note_waking(awake)
        self._listen()
        _Beginning(self)._begin(awake)
        self.carrier.resume(recovered.pending)
        self._texts = loop.create_task(self.carrier.run())
        self.alive = True
        self.push(2_000, "paths")
        self.wake_platform()
        for held in self.held.values():
            self.push(0, **held)
        self._arm()

    def _next_mark_in(self, usual_s: float) -> float:
        return self.marks.delay(self.hardware.now, usual_s, trapped=bool(self.disk.trap))

    def _note_waking(self, awake: Awake) -> None:
        mark = self.disk.rows[-1].mark if self.disk.rows else None
        down = self.hardware.now - self._mark_true if mark is not None else 0
        now_right = self.hardware.error == 0
        self.history.items.append(
            Woke(
                self.hardware.now,
                self.why[0],
                mark.t if mark else None,
                awake.clock.now(),
                self.right_at_mark and now_right,
                self.hardware.synchronised() or self.hardware.rtc,
                down,
                awake.controller.book.to_json(),
                awake.controller.home,
                awake.controller.next_due(),
            )
        )

    def _listen(self) -> None:
        """From now on everything the controller is told and decides is written down, as an onlooker would."""
        controller, items = self.heart.controller, self.history.items
        handle = controller.handle

        def handled(observation: Observation) -> Result:
            result = handle(observation)
            if result or observation.kind is not Kind.TICK:
                events, actions, notices = list(result.events), list(result.actions), list(result.notices)
                items.append(Decided(self.hardware.now, observation, events, actions, notices, controller.home))
            return result

        controller.handle = handled  # type: ignore[method-assign]

    def _crash(self) -> None:
        raise Crash

    def _committed(self, row: Row) -> None:
        self._mark_true = self.hardware.now - (self.heart.clock.now() - row.mark.t)
        self.right_at_mark = self.hardware.error == 0 and row.mark.trust != "NONE"
        if row.observation.kind is Kind.TICK and not row.events and not row.stored and not row.done:
            return
        events = list(marshal.loads(row.events)) if row.events else []
        self.history.items.append(Committed(self.hardware.now, row.observation, events, row.texts, row.done))

    # ---- ways out

    async def _say(self, action: Action) -> Outcome:
        assert isinstance(action, Say)
        self.history.items.append(Carried(self.hardware.now, self.heart.clock.now(), action, 0))
        self.people.heard(action)
        return Delivered("")

    async def _lamp(self, _: Action) -> Outcome:
        return Delivered("")

    _ack_device = _lamp

    async def _text(self, action: Action) -> Outcome:
        assert isinstance(action, Text)
        carried = Carried(self.hardware.now, self.heart.clock.now(), action, self.modem_free, ended=False)
        self.history.items.append(carried)
        try:
            if action.contact in self.history.bad_numbers:
                carried.ended = True
                return NotDelivered("no such number", None)
            if self.paths["cell"]:
                await asyncio.sleep(self.story.traits["text_s"])
            if not self.paths["cell"]:
                return NotDelivered("no network", 30.0)
            carried.ended = True
            self.people.got_text(action)
            return Delivered("1")
        finally:
            self.modem_free = self.hardware.now

    async def _call(self, action: Action) -> Outcome:
        """The telephone rings; how it went comes back later, as the modem says it."""
        assert isinstance(action, Call)
        self.history.items.append(Carried(self.hardware.now, self.heart.clock.now(), action, 0))
        result = self.people.phone_rings(action) if self.paths["cell"] else "failed"
        value = {"alarm": action.alarm, "contact": action.contact, "channel": "call", "result": result}
        self.push(25_000, "called", value=value)
        return Delivered("")

    def wake_platform(self) -> None:
        if self.paths["uplink"] and not self._polling:
            self._polling = True
            self.loop.call_later(PLATFORM_MS / 1000, self._poll)

    def _poll(self) -> None:
        self._polling = False
        found = self.journal.messages() if self.paths["uplink"] else []
        if not found:
            return
        for seq, message in found:
            self.history.items.append(Received(self.hardware.now, seq, message.key, message.alarm))
            self._received(message)
        seqs = [seq for seq, _ in found]
        self.heart.take(Report(Kind.ACK, {"stage": "RECEIVED", "seq": seqs[:1000]}), acked=seqs)
        self.wake_platform()

    def _received(self, message: Publish) -> None:
        self.people.read(message)

    # ---- what happens

    def _arm(self) -> None:
        if self._alarm_clock is not None:
            self._alarm_clock.cancel()
        self._alarm_clock = None
        if self.queue:
            self._alarm_clock = self.loop.call_at(self.queue[0][0] / 1000, self._happen)

    def _happen(self) -> None:
        while self.queue and self.queue[0][0] <= self.hardware.now:
            self._perform(heapq.heappop(self.queue)[2])
        self._arm()

    def _perform(self, happening: Happening) -> None:
        what = happening["what"]
        if not self.alive and what in TECHNICAL_KINDS:
            return
        self._acts[what](happening)

    def take(self, kind: Kind, value: Any, device: str | None = None, key: str | None = None) -> Submitted | None:
        """A driver reports; None if nobody heard it."""
        if device is not None and self.hardware.now < self.deaf.get(device, 0):
            return None
        if device is not None and device not in self.registry.devices and kind is not Kind.BUTTON:
            return None
        return self.heart.take(Report(kind, value, device, key))

    # ---- bad luck

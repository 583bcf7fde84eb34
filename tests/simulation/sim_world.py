"""A whole home on a virtual clock: the world's true time, the machine it happens to, and what comes back from people.

The machine runs the real `awaken`, `Clock`, `Heart`, `Carrier` and `Controller`; only the disk (`sim_disk`), the modem,
the speaker and the platform's link are models. A kill or a power cut leaves the event loop behind and boots a new one.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import logging
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from sim_disk import Disk, ModelJournal, Row
from sim_history import Carried, Committed, Decided, Died, History, Paths, Received, Woke
from sim_loop import Crash, OutOfTime, VirtualLoop
from sim_people import People
from sim_story import DAY, START_MS, Happening, Story

from gateway.actions import AckDevice, Action, Call, Lamp, Publish, Say, Text
from gateway.alarms.replies import parse_reply
from gateway.channels.port import Delivered, NotDelivered, Outcome
from gateway.clock import Sources
from gateway.controller import Result
from gateway.home.model import HomeView
from gateway.observations import Kind, Observation, Report
from gateway.runtime import heart as heart_module
from gateway.runtime.awakening import Awake, awaken
from gateway.runtime.carrier import Carrier
from gateway.runtime.gateway import Gateway
from gateway.runtime.heart import Heart

BOOT_MS = 3_000  # from power to the first line of ours
NTP_AFTER_MS = 25_000
PLATFORM_MS = 150
TECHNICAL_KINDS = ("say", "beat", "water", "press", "visit", "noise", "away")  # what is lost while the machine is off


class Hardware:
    """The raw clocks: boot time, a wall clock that may be wrong, a chip that may be missing."""

    def __init__(self, story: Story) -> None:
        self.boots = 1
        self.boot_at = START_MS
        self.error = 0 if story.traits["rtc"] else -40 * DAY
        self.ntp = bool(story.traits["ntp"])
        self.rtc = bool(story.traits["rtc"])
        self.now = START_MS

    def sources(self) -> Sources:
        """What `Clock` reads."""
        return Sources(
            boottime_ms=lambda: self.now - self.boot_at,
            wall_ms=lambda: self.now + self.error,
            boot_id=lambda: f"boot-{self.boots}",
            synchronised=self.synchronised,
            rtc_ms=lambda: self.now if self.rtc else None,
        )

    def synchronised(self) -> bool:
        return self.ntp and self.now - self.boot_at > NTP_AFTER_MS

    def cut(self, off_ms: int) -> None:
        """A new boot; a wall clock without a chip goes on where it was (fake-hwclock)."""
        self.boots += 1
        self.error = 0 if self.rtc else self.error - off_ms


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
        self.registry: HomeView = story.home
        self.paths = {"uplink": uplink, "cell": True}
        self.deaf: dict[str, int] = {}
        self.litres = 0
        self.queue: list[tuple[int, int, Happening]] = []
        self._pushed = 0
        self._alarm_clock: asyncio.TimerHandle | None = None
        self._polling = False
        self.modem_free = START_MS
        self.alive = False
        self.why = ("first", BOOT_MS)
        self.right_at_mark = False
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
        kept = {name: getattr(heart_module, name) for name in ("MARK_S", "MARK_OPEN_S", "SNAPSHOT_EVERY")}
        heart_module.MARK_S *= self.story.traits["marks"]  # type: ignore[misc]
        heart_module.MARK_OPEN_S *= self.story.traits["marks"]  # type: ignore[misc]
        heart_module.SNAPSHOT_EVERY = self.story.traits["snapshot_every"]  # type: ignore[misc]
        try:
            while self.hardware.now < self.end:
                self._off_until(min(self.end, self.hardware.now + self.why[1]))
                if self.hardware.now < self.end:
                    self._live()
        finally:
            for name, value in kept.items():
                setattr(heart_module, name, value)
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
        self.loop = loop = VirtualLoop(hardware.now * 1000)
        advance = loop.select

        def select(timeout: float | None) -> list[Any]:
            made = advance(timeout)
            hardware.now = loop.now_us // 1000
            return made

        loop.select = select  # type: ignore[method-assign]
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
        self.heart = Heart(awake.controller, awake.clock, self.journal)
        self.carrier = Carrier(self.heart, self._wake_platform)
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
        self._wake_platform()
        self._arm()

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
        if row.observation.kind is Kind.TICK and row.events == "[]" and not row.stored and not row.done:
            return
        asked = {i: json.loads(text) for i, _, _, text in row.stored if text.startswith('{"kind": "text"')}
        texts = {i: (text["key"], text["alarm"] or 0) for i, text in asked.items()}
        events = json.loads(row.events) if row.events != "[]" else []
        self.history.items.append(Committed(self.hardware.now, row.observation, events, texts, row.done))

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
        self.history.items.append(Carried(self.hardware.now, self.heart.clock.now(), action, self.modem_free))
        try:
            if action.contact in self.history.bad_numbers:
                return NotDelivered("no such number", None)
            if self.paths["cell"]:
                await asyncio.sleep(self.story.traits["text_s"])
            if not self.paths["cell"]:
                return NotDelivered("no network", 30.0)
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

    def _on_called(self, h: Happening) -> None:
        if self.alive:
            self.take(Kind.DELIVERY, h["value"])

    def _on_keyed(self, h: Happening) -> None:
        if self.alive:
            self.take(Kind.REPLY, h["value"])

    def _wake_platform(self) -> None:
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
        self._wake_platform()

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
        getattr(self, f"_on_{what}")(happening)

    def take(self, kind: Kind, value: Any, device: str | None = None, key: str | None = None) -> None:
        """A driver reports."""
        if device is not None and self.hardware.now < self.deaf.get(device, 0):
            return
        if device is not None and device not in self.registry.devices and kind is not Kind.BUTTON:
            return
        self.heart.take(Report(kind, value, device, key))

    def _on_say(self, h: Happening) -> None:
        self.take(Kind(h["kind"]), h["value"], h["device"])

    def _on_beat(self, h: Happening) -> None:
        device = self.registry.devices.get(h["device"])
        if device is not None and device.kind == "contact":
            self.take(Kind.CONTACT, "closed", device.id)  # a door sensor's heartbeat repeats its state
        elif device is not None and device.kind == "water_meter":
            self.take(Kind.WATER_VOLUME, self.litres / 1000, device.id)
        else:
            self.take(Kind.SEEN, True, h["device"])

    def _on_water(self, h: Happening) -> None:
        self.litres += h["litres"]
        self.take(Kind.WATER_VOLUME, self.litres / 1000, "water")

    def _on_press(self, h: Happening) -> None:
        self.take(Kind.BUTTON, h["gesture"], h["device"], h["key"])

    def _on_away(self, h: Happening) -> None:
        self.take(Kind.AWAY, h["value"])

    def _on_visit(self, h: Happening) -> None:
        self.take(Kind.VISIT, {"event": "arrived", "by": h["by"]})

    def _on_noise(self, h: Happening) -> None:
        """Words that must change nothing."""
        self.take(
            *(
                (Kind.REPLY, {"contact": "stranger", "answer": "1", "ref": None}),
                (Kind.ACK, {"alarm": 99_999, "stage": "ACCEPTED", "by": "x"}),
                (Kind.ACK, {"alarm": 1, "stage": "SHOUTED", "by": "x"}),
                (Kind.DELIVERY, {"alarm": 99_999, "contact": "c1", "result": "failed"}),
                (Kind.COMMAND, {"cmd": "close", "alarm": 1}),
                (Kind.MUTE, True),
            )[h["which"]]
        )

    def _on_sms(self, h: Happening) -> None:
        if not self.alive or not self.paths["cell"]:
            self.push(20_000, **h)  # the network keeps it
            return
        reply = parse_reply(h["words"])
        self.take(Kind.REPLY, {"contact": h["contact"], "answer": reply.answer, "ref": reply.ref})

    def _on_desk(self, h: Happening) -> None:
        if not self.alive or not self.paths["uplink"]:
            self.push(30_000, **h)
            return
        self.take(Kind.ACK, h["word"])

    # ---- bad luck

    def _on_kill(self, h: Happening) -> None:
        if not self.alive:
            return
        self.why = ("kill", h["off"])
        if h["what"] == "cut" and not self.gentle:
            self.why = ("cut", h["off"])
            self.push(0, "power", off=h["off"])
        if self.gentle:  # a clean stop and start: an abrupt one does not count the seconds since the last row
            self.heart.stop()
            self.journal.flush()
        elif h["when"] != "now":
            self.disk.trap = h["when"]
            return
        raise Crash

    _on_cut = _on_kill

    def _on_power(self, h: Happening) -> None:
        """Power is gone (the process died by the same happening, or will by its trap)."""
        self.hardware.cut(h["off"] + BOOT_MS)
        if self.hardware.ntp:
            self.push(h["off"] + BOOT_MS + NTP_AFTER_MS, "wall", error=0)

    def _on_disk(self, h: Happening) -> None:
        self.disk.mode = h["mode"]
        if h["mode"] != "ok":
            self.push(h["lasts"], "disk", mode="ok")
        if self.alive:
            self.take(Kind.CONDITION, {"code": "STORAGE_FAULT", "on": h["mode"] != "ok", "why": h["mode"]})

    def _on_path(self, h: Happening) -> None:
        which = ("uplink", "cell") if h["which"] == "both" else (h["which"],)
        for path in which:
            self.paths[path] = False
        self.push(h["lasts"], "back", which=which)
        self._tell_paths(which)

    def _on_back(self, h: Happening) -> None:
        for path in h["which"]:
            self.paths[path] = path == "cell" or self.uplink_allowed
        self._tell_paths(h["which"])

    def _on_paths(self, _: Happening) -> None:
        self._tell_paths(("uplink", "cell"))

    def _tell_paths(self, which: tuple[str, ...]) -> None:
        self.history.items.append(Paths(self.hardware.now, self.paths["uplink"], self.paths["cell"]))
        if not self.alive:
            return
        for path in which:
            code = "UPLINK_LOST" if path == "uplink" else "CELL_LOST"
            self.take(Kind.CONDITION, {"code": code, "on": not self.paths[path]})
        self._wake_platform()
        if self.paths["cell"]:
            self.carrier.kick()

    def _on_stall(self, h: Happening) -> None:
        """The process does not get to run for a moment: a busy machine, a slow card."""
        if self.alive:
            self.loop.now_us += h["ms"] * 1000
            self.hardware.now = self.loop.now_us // 1000

    def _on_deaf(self, h: Happening) -> None:
        self.deaf[h["device"]] = self.hardware.now + h["lasts"]

    def _on_blind(self, h: Happening) -> None:
        devices = [d.id for d in self.registry.devices.values() if d.kind in ("motion", "button")]
        for device in devices:
            self.deaf[device] = self.hardware.now + h["lasts"]
        self.push(h["lasts"], "sighted")
        if self.alive:
            self.take(Kind.CONDITION, {"code": "DRIVER_BLIND", "on": True, "subject": "ble"})
            for device in devices:
                self.heart.take(Report(Kind.SEEN, False, device))

    def _on_sighted(self, _: Happening) -> None:
        if self.alive:
            self.take(Kind.CONDITION, {"code": "DRIVER_BLIND", "on": False, "subject": "ble"})

    def _on_wall(self, h: Happening) -> None:
        if not self.steps and h["error"]:
            return
        self.hardware.error = h["error"]
        if h["error"] and self.hardware.ntp:
            self.push(600_000, "wall", error=0)

    def _on_ntp(self, h: Happening) -> None:
        self.hardware.ntp = h["on"]

    def _on_recorder(self, h: Happening) -> None:
        if self.alive:
            self.take(Kind.RECORDER, False)
        self.push(h["lasts"], "recording")

    def _on_recording(self, h: Happening) -> None:
        if self.alive:
            self.take(Kind.RECORDER, True)
        else:
            self.push(60_000, **h)

    def _on_config(self, h: Happening) -> None:
        home = self.registry
        settings, contacts, devices = dict(home.settings), home.contacts, dict(home.devices)
        which = h["which"]
        if which == 0:
            settings["inactivity.limit_h"] = 3 if settings.get("inactivity.limit_h") != 3 else 10
        elif which == 1:
            contacts = contacts[1:] if len(contacts) > 1 else self.story.home.contacts
        elif which == 2:
            devices.pop("kitchen", None)
        elif which == 3:
            devices = dict(self.story.home.devices)
        elif which == 4:
            settings["call_button.pre_alarm_s"] = 15
        self.registry = replace(home, revision=home.revision + 1, settings=settings, contacts=contacts, devices=devices)
        if self.alive:
            self.heart.take(Report(Kind.CONFIG, self.registry.to_json()))

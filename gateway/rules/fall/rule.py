"""The fall rule as the controller sees it: bursts of acceleration in, FALL out, and what becomes of it.

Every wearable is judged alone. A moment is decided by its own signal (`seeking`, `features`, `model`); the house and
the bed move the bar, never the signal. A fall that was found is watched while the home asks: getting up takes it back,
lying still makes it FALL_IMMOBILE before it is raised. Buffers start empty after a restart; what was asked goes on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.civil import CivilTime
from gateway.rules.declared import Declared
from gateway.rules.fall.evidence import dropped, evidence_of
from gateway.rules.fall.features import angle, measure
from gateway.rules.fall.house import HEARD, LASTING, House, Whereabouts
from gateway.rules.fall.model import Model, shipped
from gateway.rules.fall.posture import Posture
from gateway.rules.fall.seeking import DECIDE_MS, Look
from gateway.rules.fall.stream import LOST_MS, Stream
from gateway.rules.fall.watch import Watch
from gateway.rules.fall.wearable import Burst, Wearable, bursts_of, mean_of
from gateway.rules.rule import NOTHING, Finding, PlainRule, Readiness, Recovery, Signal, Status, Upgrade

CODE: Final = "FALL"
IMMOBILE: Final = "FALL_IMMOBILE"
LONG_LIE: Final = "LONG_LIE"
BEDTIME_MS: Final = (22 * 3_600_000, 6 * 3_600_000)
NAP_MS: Final = (12 * 3_600_000, 15 * 3_600_000)
"""Lying down is what people do then; without a bed sensor nothing tells a bed from a floor."""
BEDTIME_CAP_MS: Final = 14 * 3_600_000  # lying for so long is no night's rest (falls.md §5.8: "when one does not lie")
GRID_NOISE_MS: Final = 1e-3  # sums of a sample's length miss whole ms by less, and by more or less in other bursts
IDLE_MS: Final = 60_000  # a wearable silent for so long keeps no samples in memory
_PLACEMENT: Final = "waist"  # a wearable whose placement nobody entered: a pendant or a belt
_STANDING: Final = LASTING | {Kind.RECORDER}
_HEARD: Final = HEARD | {Kind.ACCELERATION, Kind.RECORDER}


class Fall(PlainRule):
    """FALL and FALL_IMMOBILE of every wearable in the home. `models` replaces the shipped ones, by placement."""

    name = "fall"
    declared = Declared(
        "falls and long lies by what a worn sensor feels and the house sees",
        needs=("wearable with acceleration and placement",),
        says=("FALL", "FALL_IMMOBILE", "LONG_LIE"),
        parameters=(
            "fall.bed_bar",
            "fall.enabled",
            "fall.lie_after_min",
            "fall.long_lie_min",
            "fall.pre_alarm_s",
            "fall.sensitivity",
        ),
        consent="MONITORING",
    )

    def __init__(self, civil: CivilTime, models: Mapping[str, Model] | None = None) -> None:
        self._civil = civil
        self._models = dict(models or {})
        self._worn: dict[str, Wearable] = {}
        self._busy: dict[str, Wearable] = {}  # those for which time alone decides something
        self._house = House()
        self._heard: dict[str, None] = {}  # wearables with samples in memory, the longest silent first
        self._enabled = self._consented = True
        self._unheard: frozenset[str] = frozenset()
        self._recording = True
        self._sensitivity = 1.0
        self._bed_bar = 0.0
        self._lie_ms = self._lie_after_ms = 0
        self._ask_ms = 0
        self._now = 0

    # ---- configuration

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Which wearables there are, and the numbers in force."""
        self._enabled = parameters["fall.enabled"] > 0
        self._consented = home.consented("MONITORING")
        self._sensitivity = parameters["fall.sensitivity"]
        self._bed_bar = parameters["fall.bed_bar"]
        self._lie_ms = parameters.ms("fall.long_lie_min")
        self._lie_after_ms = parameters.ms("fall.lie_after_min")
        self._ask_ms = parameters.ms("fall.pre_alarm_s")
        self._house.configure(home)
        before, self._worn = self._worn, {}
        for device in home.devices.values():
            if device.kind != "wearable":
                continue
            placement, known = device.placement or _PLACEMENT, before.get(device.id)
            if known is None or known.placement != placement:
                known = Wearable(device.id, placement, self._models.get(placement) or shipped(placement))
            self._worn[device.id] = known
        self._busy = {d: w for d, w in self._busy.items() if self._worn.get(d) is w}
        self._heard = {d: None for d in self._heard if d in self._worn}
        if not (self._enabled and self._consented):  # nothing that was begun goes on
            for worn in self._busy.values():
                worn.seeker.forget()
                worn.watch = worn.where = None
            self._busy.clear()
        return NOTHING

    def status(self) -> Status:
        """OFF by setting, without consent or wearable; UNAVAILABLE while one is lost: nobody hears who falls."""
        if not self._enabled:
            return Status(Readiness.OFF, "setting")
        if not self._consented:
            return Status(Readiness.OFF, "no_consent")
        if not self._worn:
            return Status(Readiness.OFF, "no_wearable")
        if not self._recording:
            return Status(Readiness.UNAVAILABLE, "recording_lost")
        if not self._unheard.isdisjoint(self._worn):
            return Status(Readiness.UNAVAILABLE, "sensor_lost")
        return Status(Readiness.ARMED)

    def learned(self) -> dict[str, Any]:
        """Of each wearable by whose model it is judged, and whether somebody wears it, as far as its motion tells."""
        return {
            "wearables": {
                w.id: {"placement": w.placement, "worn": w.posture.worn, "upright_known": w.posture.upright is not None}
                for w in self._worn.values()
            }
        }

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """Which wearables give no sign of life. What they were asked about goes on."""
        self._unheard = frozenset(lost)
        return NOTHING

    # ---- what is said

    @property
    def hears(self) -> Set[Kind]:  # type: ignore[override]
        """Samples and the house; while nobody wears anything, only what will still be so when somebody does."""
        return _HEARD if self._worn else _STANDING

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Samples are looked at; what the house says answers for a wearer who is asked."""
        if observation.kind is Kind.RECORDER:
            self._recording = observation.value is True
            return NOTHING
        if not self._worn and observation.kind not in LASTING:
            return NOTHING
        self._now = observation.t
        if observation.kind is not Kind.ACCELERATION:
            return self._house_says(observation)
        worn = self._worn.get(observation.device or "")
        if worn is None or not (self._enabled and self._consented):
            return NOTHING
        signals: list[Signal] = []
        for burst in bursts_of(observation):
            signals += self._burst(worn, burst)
            worn.heard_t = max(worn.heard_t, math.ceil(burst.arrived))
        self._heard.pop(worn.id, None)
        self._heard[worn.id] = None
        self._forget_silent(observation.t)
        self._mark(worn)
        return signals

    def _burst(self, worn: Wearable, burst: Burst) -> list[Signal]:
        signals: list[Signal] = []
        last_t, rate, samples = burst.last_t, burst.rate_hz, burst.samples
        before = worn.stream.last
        if before is not None and worn.seeker.pending and self._lost(before, last_t, rate, len(samples)):
            signals += self._give_up(worn, before)  # while what came before is still in memory
        run, missing = worn.stream.append(last_t, rate, samples, on_grid=burst.on_grid)
        if run is None:
            return signals
        duration = len(samples) * run.dt
        worn.burst_ms = max(duration, min(worn.burst_ms, 2 * duration))
        if missing and before is not None and missing < LOST_MS:
            worn.seeker.gap(before, run.t0)
        for look in worn.seeker.take(run):
            signals += self._heed(worn, look.t)
            signals += self._judge(worn, look)
        return signals + self._heed(worn, run.last)

    def _heed(self, worn: Wearable, until: float) -> list[Signal]:
        """How the wearer holds themselves, in the order of the signal, however much of it came at once."""
        signals: list[Signal] = []
        for t, got_up in worn.posture.look(worn.stream, until):
            signals += self._follow(worn, t)
            if worn.placement != "wrist":  # an arm hangs, lies and points wherever it likes
                signals += self._lies(worn, t, got_up=got_up)
        return signals + self._follow(worn, until)

    def _lies(self, worn: Wearable, t: float, *, got_up: bool) -> list[Signal]:
        """Lying for longer than anybody does where and when they do it (no impact needed: slides and faints)."""
        posture = worn.posture
        if got_up:
            asked, posture.told = posture.told, False
            return [Recovery(LONG_LIE, "got_up", worn.id)] if asked else []
        if posture.told or not posture.worn or worn.watch is not None or posture.lying_ms == 0:
            return []
        after = posture.doubt_t is not None
        limit = self._lie_after_ms if after else self._lie_ms
        if self._rests(round(t)):
            limit = BEDTIME_CAP_MS
        if posture.lying_ms < limit:
            return []
        posture.told = True
        evidence = {
            "lying_min": posture.lying_ms // 60_000,
            "limit_min": round(limit / 60_000, 1),
            "after_impact": after,
            "placement": worn.placement,
        }
        return [Finding(LONG_LIE, self._stamp(t), "lying", worn.id, evidence)]

    def _rests(self, t: int) -> bool:
        """Whether lying is what one does now: in bed, where a bed can say so; else at bedtime, or if no clock can."""
        in_bed = self._house.in_bed()
        if in_bed is not None:
            return in_bed
        if not self._civil.trusted(t):
            return True
        hour = self._civil.ms_of_day(t)
        return not BEDTIME_MS[1] <= hour < BEDTIME_MS[0] or NAP_MS[0] <= hour < NAP_MS[1]

    def _follow(self, worn: Wearable, until: float) -> list[Signal]:
        if worn.watch is None:
            return []
        reason = worn.watch.follow(worn.stream, until, posture=worn.placement != "wrist")
        return self._is_up(worn, reason) if reason else []

    def _lost(self, before: float, last_t: float, rate: float, count: int) -> bool:
        return last_t - count * 1000 / rate - before >= LOST_MS

    def _house_says(self, observation: Observation) -> Iterable[Signal]:
        room = self._house.observe(observation)
        if room is None:
            return NOTHING
        signals: list[Signal] = []
        for worn in [w for w in self._busy.values() if w.where is not None]:
            assert worn.where is not None
            if worn.where.elsewhere(room, observation.t):
                signals += self._is_up(worn, "activity_elsewhere")
        self._house.was_in(room, observation.t)
        return signals

    def _forget_silent(self, t: int) -> None:
        """Thousands of wearables in one recording must not keep their last seconds for ever."""
        while True:
            oldest = self._worn[next(iter(self._heard))]
            if t - oldest.heard_t < max(IDLE_MS, 2 * oldest.burst_ms) or oldest.id in self._busy:
                return
            oldest.stream, oldest.posture.next = Stream(), None
            del self._heard[oldest.id]

    def _mark(self, worn: Wearable) -> None:
        if worn.due() is None:
            self._busy.pop(worn.id, None)
        else:
            self._busy[worn.id] = worn

    # ---- deciding

    def _give_up(self, worn: Wearable, last: float) -> list[Signal]:
        """The signal ended before the moment was decided: it is judged by what there is (link lost)."""
        return [s for look in worn.seeker.give_up(last + LOST_MS) for s in self._judge(worn, look)]

    def _judge(self, worn: Wearable, look: Look) -> list[Signal]:
        if worn.watch is not None:
            return []  # one fall is one alarm
        features = measure(worn.stream, look.moment.t)
        verdict = worn.model.judge(features)
        before = mean_of(worn.stream, look.moment.t - 2_500, look.moment.t - 1_000)
        in_bed = self._in_bed(worn, before, round(look.t))
        ease = worn.model.ease(features)
        bar = worn.model.limit(self._sensitivity) - ease + (self._bed_bar if in_bed else 0.0)
        if not worn.posture.worn or dropped(features):
            return []
        if verdict.score < bar:
            if verdict.score >= worn.model.limit(2) - ease:
                worn.posture.doubt(look.t, before)
            return []
        t = self._stamp(look.t)
        self._open(worn, look)
        evidence = evidence_of(worn, look, features, verdict, bar)
        if in_bed:
            evidence["bed"] = True
        return [Finding(CODE, t, "link_lost" if look.lost else "impact", worn.id, evidence)]

    def _stamp(self, t: float) -> int:
        """A sample's time in whole ms. Down: a burst that ends with it is handled no earlier, whatever its size."""
        return min(math.floor(t + GRID_NOISE_MS), self._now)

    def _in_bed(self, worn: Wearable, before: tuple[float, float, float] | None, t: int) -> bool:
        """Whether what looks like a fall may be rolling over: in bed, or lying already at an hour of sleep."""
        in_bed = self._house.in_bed()
        if in_bed is not None:
            return in_bed
        return before is not None and worn.posture.lies(before) and self._rests(t)

    def _open(self, worn: Wearable, look: Look) -> None:
        anchor = look.moment.t
        before = mean_of(worn.stream, anchor - 2_500, anchor - 1_000) or mean_of(worn.stream, anchor - 10_000, anchor)
        after = mean_of(worn.stream, anchor + 1_400, anchor + DECIDE_MS)
        gravity = before or (0.0, 0.0, 1.0)
        turn = 0.0 if before is None or after is None else angle(gravity, after)
        worn.watch = Watch(look.t, self._now + (self._ask_ms or 30_000), gravity, turn)
        worn.where = Whereabouts(self._house.room_at(anchor), look.t)
        self._busy[worn.id] = worn

    def _is_up(self, worn: Wearable, reason: str) -> list[Signal]:
        self._close(worn)
        return [Recovery(CODE, reason, worn.id)]

    def _close(self, worn: Wearable) -> None:
        worn.watch = worn.where = None
        self._mark(worn)

    # ---- time

    def next_due(self) -> int | None:
        """When a link is lost for good, or when an unanswered question is about to be raised."""
        if not self._busy:
            return None
        return min((due for worn in self._busy.values() if (due := worn.due()) is not None), default=None)

    def advance(self, t: int) -> Iterable[Signal]:
        """Decides what waits for samples that do not come; says what was immobile throughout."""
        self._now = t
        signals: list[Signal] = []
        ripe = [(due, worn) for worn in self._busy.values() if (due := worn.due()) is not None and due <= t]
        for _, worn in sorted(ripe, key=lambda pair: pair[0]):
            watch = worn.watch
            if watch is not None and watch.until <= t:
                signals += self._time_is_up(worn, watch)
            elif worn.seeker.pending:
                last = worn.stream.last
                assert last is not None  # what is pending was heard
                signals += self._give_up(worn, last)
            self._mark(worn)
        return signals

    def _time_is_up(self, worn: Wearable, watch: Watch) -> list[Signal]:
        self._close(worn)
        asked_s = (self._ask_ms or 30_000) / 1000
        if not watch.immobile(asked_s):
            return []
        return [Upgrade(CODE, IMMOBILE, worn.id, "immobile", {"still_s": watch.heard, "watch_s": asked_s})]

    def gap(self, start: int, end: int) -> None:
        """Nothing was heard while the gateway was off: buffers start empty, a question goes on from `end`."""
        for worn in self._worn.values():
            worn.seeker.forget()
            worn.stream, worn.posture.next = Stream(), None
            if worn.watch is not None:
                worn.watch.until = max(worn.watch.until, end)
            self._mark(worn)
        self._heard.clear()

    # ---- snapshot

    def to_json(self) -> dict[str, Any]:
        """Open falls and what the house knows. No samples: they start empty."""
        watches = {
            w.id: [w.watch.to_json(), w.where.fell_in, w.where.fell_t, w.where.seen]
            for w in self._busy.values()
            if w.watch is not None and w.where is not None
        }
        postures = {w.id: w.posture.to_json() for w in self._worn.values() if w.posture.heard}
        return {
            "watches": watches, "postures": postures, "house": self._house.to_json(), "lost": sorted(self._unheard),
            "recording": self._recording,
        }  # fmt: skip

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._house.from_json(data["house"])
        self._unheard = frozenset(str(d) for d in data.get("lost", ()))  # neither is in snapshots of 0.1
        self._recording = data.get("recording", True) is True
        for device, row in data["postures"].items():
            if (worn := self._worn.get(device)) is not None:
                worn.posture = Posture.from_json(row)
        for device, (watch, fell_in, fell_t, seen) in data["watches"].items():
            if (worn := self._worn.get(device)) is not None:
                worn.watch = Watch.from_json(watch)
                worn.where = Whereabouts(fell_in, float(fell_t), seen)
                self._busy[device] = worn

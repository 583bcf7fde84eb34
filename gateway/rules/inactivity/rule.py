"""The rule that joins the witnesses: nobody heard at home for longer than this home's line at this hour (domain 3.2).

"Found dead days later" is the line of the policy this answers (J-4(3)3). The rule counts only time in which it could
have seen something: while the recording is out, nobody is at home, guests are there, or too many witnesses are lost,
the count stands still and the status says so. Lost data is neither activity nor its absence (T-27).

Its other half is the long absence: who went out by the door, or said so, and was not heard for a day is AWAY_TOO_LONG.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.call_button import role_of
from gateway.rules.civil import CivilTime
from gateway.rules.declared import Declared
from gateway.rules.inactivity import absence, telling
from gateway.rules.inactivity.absence import LongAbsence
from gateway.rules.inactivity.habit import Habit
from gateway.rules.inactivity.presence import Presence, Where
from gateway.rules.inactivity.silence import Silence
from gateway.rules.inactivity.witnesses import ACTS, Witnesses
from gateway.rules.quiet_spells import QuietSpells
from gateway.rules.rule import NOTHING, Finding, PlainRule, Readiness, Recovery, Signal, Status

CODE: Final = "INACTIVITY"
LONE_METER: Final = "WATER_LOW_USE"
"""The code where nothing but a water meter watches. Its twelve dry hours are usual (2 to 4 a week in one-person flats,
research/inactivity.md): it waits a whole day, longer where the home's own dry spells are (`QuietSpells`), and draws no
line of its own."""
_WATER: Final = frozenset({Kind.WATER, Kind.WATER_VOLUME})
_MAY_HINDER: Final = frozenset({Kind.AWAY, Kind.RECORDER, Kind.CLOCK})
_HOME: Final = Where.HOME
_MAY_BE_IN: Final = frozenset({Where.HOME, Where.UNKNOWN})


class Inactivity(PlainRule):
    """Counts observed silence at home and asks `question_min` before the line is reached."""

    name = "inactivity"
    hears = ACTS | _MAY_HINDER
    hears_stillness = False
    declared = Declared(
        "nobody heard at home for longer than its own line at this hour, under a hard cap; who left and is not back",
        needs=(
            "motion, occupancy, contact, pressure, bed, appliance, flush, light or own water_meter",
            "an entrance contact to tell absence by",
            "an electricity_meter or a plug with power, for kettles and cookers",
        ),
        says=("INACTIVITY", "WATER_LOW_USE", "AWAY_TOO_LONG"),
        parameters=(
            "away.*",
            "inactivity.caution",
            "inactivity.enabled",
            "inactivity.learned",
            "inactivity.limit_h",
            "inactivity.meter_alone_h",
            "inactivity.meter_alone_most_h",
            "inactivity.question_min",
            "water_preset.rule",
        ),
        consent="MONITORING",
    )

    def __init__(self, civil: CivilTime) -> None:
        self._home = HomeView()
        self._witnesses = Witnesses()
        self._presence = Presence()
        self._habit = Habit(civil)
        self._silence = Silence()
        self._absence = LongAbsence()
        self._spells = QuietSpells()  # of a lone meter
        self._alone_ms = (0, 0)  # how long a lone meter waits, at least and at most
        self._code = CODE
        self._silent: frozenset[str] = frozenset()  # devices that give no sign of life
        self._lost: frozenset[str] = frozenset()  # these, and water meters that drip
        self._question = 0  # ms
        self._enabled = True
        self._consented = False
        self._recording = True
        self._away_max = 0
        self._asked = False  # since the last activity
        self._last_device: str | None = None
        self._exact: int | None = None  # when the line is reached, once it was worth working out

    # ---- configuration

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Which sensors are needed, and the numbers in force."""
        self._home = home
        self._enabled = parameters["inactivity.enabled"] > 0
        self._consented = home.consented("MONITORING")
        self._question = parameters.ms("inactivity.question_min")
        self._away_max = parameters.ms("away.max_h")
        self._witnesses.configure(home)
        inside = len(self._witnesses.needed) - sum(d.kind == "contact" and d.entrance for d in home.devices.values())
        self._presence.configure(home, inside)
        kinds = {d.kind for d in home.devices.values() if d.id in self._witnesses.needed}
        self._code = LONE_METER if kinds == {"water_meter"} else CODE
        if self._code == LONE_METER and parameters["water_preset.rule"] > 0:
            self._enabled = False  # the city's rule was chosen instead
        learns = parameters["inactivity.learned"] > 0
        alone = parameters.ms("inactivity.meter_alone_h")
        self._alone_ms = (alone, parameters.ms("inactivity.meter_alone_most_h") if learns else alone)
        self._habit.configure(
            parameters.ms("inactivity.limit_h") if self._code == CODE else self._alone_wait(),
            len(home.residents),
            exit_sensor=bool(self._presence.entrances),
            learns=self._code == CODE and learns,
            caution=parameters["inactivity.caution"],
        )
        self._absence.configure(parameters, self._habit.limit_ms, self._presence, door_alone=inside == 0)
        self._silence.touch(t)
        self._exact = None
        return self._reconsider(t)

    def _alone_wait(self) -> int:
        """How long a lone meter's silence may last. Until it ends that stays as it was when it began."""
        return self._spells.wait_ms(*self._alone_ms, self._silence.began or 0)

    # ---- what is said

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Activity starts the count anew; a departure, an outage or a declaration makes it stand still."""
        kind, t = observation.kind, observation.t
        acts = self._is_activity(observation)
        if kind in _WATER and self._silent | self._witnesses.dripping != self._lost:
            signals = self._see_anew(t)
            signals = (*signals, *(self._act(observation) if acts else NOTHING))
            self.sooner = True
            return signals
        self.sooner = acts or kind not in ACTS  # nobody acted: that moves nothing
        if acts:
            return self._act(observation)
        if kind not in _MAY_HINDER:
            return NOTHING
        if kind is Kind.AWAY:
            return (*self._declared(observation.value, t), *self._reconsider(t))
        if kind is Kind.RECORDER:
            self._recording = observation.value is True
        elif kind is Kind.CLOCK:
            self._habit.clock_changed()
            self._silence.touch(t)
            self._exact = None
        return self._reconsider(t)

    def _is_activity(self, observation: Observation) -> bool:
        """A kettle that switches itself off was switched on before the question: that is no answer to it."""
        acted = self._witnesses.is_activity(observation)
        return acted and not (self._asked and observation.kind is Kind.POWER)

    def _act(self, observation: Observation) -> Iterable[Signal]:
        """Somebody did something: at the entrance they may be leaving, anywhere else they are at home."""
        t, device = observation.t, observation.device
        passes = device in self._presence.entrances and observation.kind is Kind.CONTACT
        heard = passes and self._presence.rewind(t)
        out_since = self._presence.out_since
        where, presumed = self._presence.where(), self._presence.came_back
        if heard and where is not _HOME:
            self._silence.stand(t)
        if passes:
            self._witnesses.passage(t)
            self._presence.passage(device or "", observation.value == "open", t, heard=heard)
            self._absence.follow(self._presence, out_since, t)
            signals = self._act_at(observation, where, presumed)
            self.sooner = True  # the door stands open, or does no more
            return signals
        if not self._presence.inside(observation):
            return NOTHING
        self._absence.follow(self._presence, out_since, t)
        if self._absence.noticed:
            return (*self._absence.back("activity"), *self._act_at(observation, where, presumed))
        return self._act_at(observation, where, presumed)

    def _act_at(self, observation: Observation, where: Where, presumed: bool) -> Iterable[Signal]:
        """`where` the resident was before, or was only `presumed` to be."""
        t, device = observation.t, observation.device
        put_off = self._exact is None and not self._asked and not presumed
        if where is _HOME:
            whole = self._silence.whole and not self._lost and not presumed  # who was presumed in may have been out
            put_off = not self._silence_ended(t, whole=whole) and put_off
            self._witnesses.saw(device, t)
        asked, self._asked = self._asked, False
        self._exact, self._last_device = None, device
        self._silence.anew(t)
        if self._code == LONE_METER:
            self._habit.limit_ms = self._alone_wait()
        signals = self._answer(observation) if asked else NOTHING
        if where is not self._presence.where() or self._lost:  # with every act it may show that the others see enough
            return (*signals, *self._reconsider(t))
        self.sooner = not (put_off and where is _HOME)  # who was at home and is puts the question off, and that is all
        return signals

    def _silence_ended(self, t: int, *, whole: bool) -> bool:
        """Learns of it; returns whether the next one may be asked about after less than this one."""
        began = self._silence.began
        if self._code == CODE:
            return self._habit.silence_ended(began, t, whole=whole)
        if whole and began is not None and t - began >= self._alone_ms[0]:
            self._spells.ended(t - began, t)
        return True

    def _answer(self, observation: Observation) -> Iterable[Signal]:
        """What ends an open question. Keys speak for themselves: the desk hears 'well' and 'cancel', not this rule."""
        if observation.kind is Kind.BUTTON:
            call = role_of(self._home, observation.device) == "call"
            return (Recovery(self._code, "call_pressed"),) if call else NOTHING
        return NOTHING if observation.kind in (Kind.OK, Kind.CANCEL) else (Recovery(self._code, "activity"),)

    def _declared(self, value: Any, t: int) -> Iterable[Signal]:
        """`true`/`false`, `{"away": bool}` or `{"guests": bool}`."""
        if isinstance(value, dict) and "guests" in value:
            self._presence.guests(value["guests"] is True, t)
            return NOTHING
        out_since = self._presence.out_since
        self._presence.declare(_is_away(value), t, self._away_max)
        self._absence.follow(self._presence, out_since, t)
        return self._absence.back("ok_reported")  # whoever says so is there to say it

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """With a witness lost the others must see enough; else the count stands still."""
        self._silent = frozenset(lost)
        return self._see_anew(t)

    def _see_anew(self, t: int) -> Iterable[Signal]:
        """A device was lost or is back, a leak began or was mended: others see, or can see no more."""
        self._lost = self._silent | self._witnesses.dripping
        self._silence.touch(t)
        self._exact = None
        return self._reconsider(t)

    # ---- standing still and going on

    def _reconsider(self, t: int) -> Iterable[Signal]:
        """Starts or stops the count at `t` as the status demands; a question that can no longer be judged ends."""
        if self._counts():
            self._silence.run(t)
            return NOTHING
        self._silence.stand(t)
        self._exact = None
        if self._standing_still() is not None or self._presence.where() not in absence.BY_THE_DOOR:
            self._absence.unseen()
        if not self._asked:
            return NOTHING
        self._asked = False
        return (Recovery(self._code, "rule_unavailable"),)

    def _counts(self) -> bool:
        return self._standing_still() is None and self._presence.where() in _MAY_BE_IN

    def _standing_still(self) -> Status | None:
        """Why nothing can be judged, wherever the resident is."""
        if not self._enabled:
            return Status(Readiness.OFF, "setting")
        if not self._consented:
            return Status(Readiness.OFF, "no_consent")
        if not self._witnesses.needed:
            return Status(Readiness.OFF, "no_activity_sensor")
        if not self._recording:
            return Status(Readiness.UNAVAILABLE, "recording_lost")
        if self._lost & self._presence.entrances or not self._witnesses.see_enough_without(self._lost):
            drips = self._lost != self._silent and self._witnesses.see_enough_without(self._silent)
            return Status(Readiness.UNAVAILABLE, "water_never_stops" if drips else "sensor_lost")
        return None

    def status(self) -> Status:
        """OFF by setting, without sensors or while nobody is in; UNAVAILABLE while blind; LEARNING, then ARMED."""
        still = self._standing_still()
        if still is not None:
            return still
        where = self._presence.where()
        if where is Where.GUESTS:
            return Status(Readiness.UNAVAILABLE, "guests")
        if where in absence.AWAY:
            return Status(Readiness.OFF, "away")
        return Status(Readiness.ARMED if self._habit.learned else Readiness.LEARNING)

    # ---- time

    def next_due(self) -> int | None:
        """When there is something to do. Of the question only a moment it cannot come before: each act moves it, and
        working out the exact one is left until that moment comes."""
        due = self._question_due()
        for other in (self._presence.next_due(), self._absence_due(), self._witnesses.dries()):
            if other is not None and (due is None or other < due):
                due = other
        return due

    def _question_due(self) -> int | None:
        if self._silence.since is None or self._asked:
            return None
        if self._exact is not None:
            return self._exact
        least = self._habit.limit_ms if self._capped() else self._habit.least_ms()
        return self._silence.reaches(max(least - self._question, 0))

    def _absence_due(self) -> int | None:
        return self._absence.due(self._presence) if self._enabled and self._consented else None

    def advance(self, t: int) -> Iterable[Signal]:
        """Finds the silence or the absence that has become too long; ends what was declared."""
        signals: list[Signal] = []
        due = self._question_due()
        if due is not None and due <= t:
            signals += self._asks(due)
        absent = self._absence_due()
        if absent is not None and absent <= t:
            signals.append(self._absence.found(self._presence, t, self._last_device))
        ends = self._presence.next_due()
        if ends is not None and ends <= t:
            signals += self._ends(ends)
        dry = self._witnesses.dries()
        if dry is not None and dry <= t:
            signals += self._dried(t)
        return signals

    def _dried(self, t: int) -> Iterable[Signal]:
        """A leak was mended, and nobody need draw water for it: who lies on the floor draws none. Where the meter was
        all there is, no draw was seen while it dripped, not even before that was known: the count starts from nothing.
        """
        self._witnesses.dried(t)
        if self._code == LONE_METER and self._silence.since is None:
            self._silence.forget()
        return self._see_anew(t)

    def _ends(self, t: int) -> Iterable[Signal]:
        """Something that was declared ends, a door has stood open for long, a mat has held somebody."""
        before, out_since = self._presence.where(), self._presence.out_since
        self._presence.advance(t)
        self._absence.follow(self._presence, out_since, t)
        self._silence.touch(t)
        self._exact = None
        where = self._presence.where()
        back: Iterable[Signal] = NOTHING
        if out_since is not None and self._presence.out_since is None:
            asked, self._asked = self._asked, False
            self._silence.anew(t)
            back = (*self._absence.back("activity"), *((Recovery(self._code, "activity"),) if asked else NOTHING))
        elif out_since is not None and before is Where.AWAY and where is Where.UNKNOWN and self._counts():
            self._silence.owe(t - out_since)
        return (*back, *self._reconsider(t))

    def _asks(self, due: int) -> Iterable[Signal]:
        if self._exact is None:
            self._exact = self._reached(due)
            if self._exact > due:
                return NOTHING
        self._asked = True
        return (Finding(self._code, due, "no_activity", None, self._evidence(due)),)

    def _reached(self, t: int) -> int:
        """When, from `t` on, the silence reaches the line of the hour, the question taken off."""
        while True:
            limit = self._habit.limit_ms if self._capped() else self._habit.at_ms(t, self._began())
            reached = max(self._silence.reaches(max(limit - self._question, 0)), t)
            end = self._habit.next_slot(t)
            if reached < end:
                return reached
            t = end

    def _began(self) -> int | None:
        """When the silence began, if all of it was observed."""
        return self._silence.began if self._silence.whole else None

    def _capped(self) -> bool:
        """With a witness lost, a door that stands open, or somebody only presumed in, the learned line knows too
        little: the fixed limit."""
        presence = self._presence
        return presence.stands_open or presence.came_back or bool(self._lost and self._lost & self._witnesses.needed)

    def _evidence(self, t: int) -> dict[str, Any]:
        why_fixed = telling.doubt(self._presence) if self._capped() else None
        return {
            **telling.heard_last(self._silence, self._last_device, t, self._question),
            **telling.watching(self._witnesses.needed - self._lost),
            **telling.line_crossed(self._habit, why_fixed, t, self._began()),
            **({} if self._presence.entrances else {"hint": "no_exit_sensor"}),
        }

    def gap(self, start: int, end: int) -> None:
        """While the gateway was off nothing was observed: that time does not count as silence.

        The count goes on from `end`, so that what is overdue is asked now and not raised as if it had been asked then.
        """
        self._silence.skip(start, end)
        self._presence.gap(start, end)
        self._witnesses.gap(end)
        self._exact = None

    def opened(self, code: str, t: int) -> None:
        """The alarm is on record, whoever found it: do not ask again before there was activity."""
        if code == self._code:
            self._asked = True
        elif code == absence.CODE:
            self._absence.noticed = True

    def unconfirmed(self, code: str, t: int) -> None:
        """The finding is not on record: it may be found again."""
        if code == self._code:
            self._asked = False
        elif code == absence.CODE:
            self._absence.noticed = False

    # ---- for people

    def learned(self) -> dict[str, Any]:
        """What was learned, as data: the line of each half-hour with its evidence, who sees what, what is missing."""
        return {
            # first: what the installer can still mend must not be cut off a long table
            "hints": telling.hints(self._home, self._presence),
            "where": self._presence.where().value,
            **self._habit.learned_day(),
            **({"dry_spells": self._spells.count(self._silence.began or 0)} if self._code == LONE_METER else {}),
            "absence": self._absence.told(self._silence.began or 0),
            "witnesses": self._witnesses.coverage(),
        }

    # ---- snapshot

    def to_json(self) -> dict[str, Any]:
        """The count, the absence, the last states and what was learned."""
        return {
            "silence": self._silence.to_json(),
            "asked": self._asked,
            "noticed": self._absence.noticed,
            "absence": self._absence.to_json(),
            "recording": self._recording,
            "last_device": self._last_device,
            "lost": sorted(self._silent),
            "exact": self._exact,
            "presence": self._presence.to_json(),
            "witnesses": self._witnesses.to_json(),
            "habit": self._habit.to_json(),
            "spells": self._spells.to_json(),
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """Restores what `to_json` gave. Silences that a radar's repeats had cut short are not this home's habit."""
        radars = any(device.kind == "occupancy" for device in self._home.devices.values())
        if not radars or "radars" in data["witnesses"]:  # not in snapshots of 0.1
            self._habit.from_json(data["habit"])
        self._presence.from_json(data["presence"])
        self._witnesses.from_json(data["witnesses"])
        self._silence.from_json(data["silence"])
        self._asked, self._absence.noticed = bool(data["asked"]), bool(data["noticed"])
        self._spells.from_json(data["spells"])
        if "absence" in data:  # not in snapshots of 0.1
            self._absence.from_json(data["absence"])
        if self._code == LONE_METER:
            self._habit.limit_ms = self._alone_wait()
        self._recording = bool(data["recording"])
        self._last_device = None if data["last_device"] is None else str(data["last_device"])
        self._exact = None if data["exact"] is None else int(data["exact"])
        self._silent = frozenset(str(device) for device in data["lost"])
        self._lost = self._silent | self._witnesses.dripping


def _is_away(value: Any) -> bool:
    return value is True or (isinstance(value, dict) and value.get("away") is True)

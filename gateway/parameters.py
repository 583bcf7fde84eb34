"""Every number a person may set, in one table: name, default, unit, range and where the number comes from.

The home registry validates settings against it, rules and flows read their numbers through `Parameters`, `replay --set`
takes the same names, and the documentation is generated from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.observations import meant, shown


@dataclass(frozen=True, slots=True)
class Parameter:
    """One settable number. `low`..`high` inclusive, in `unit`."""

    name: str
    default: float
    unit: str
    low: float
    high: float
    source: str
    meaning: str


TABLE: Final[dict[str, Parameter]] = {
    p.name: p
    for p in (
        Parameter("call_button.pre_alarm_s", 10, "s", 0, 99, "T-03", "cancel window after a press; 0 sends at once"),
        Parameter("call_button.join_s", 30, "s", 0, 300, "T-31", "a repeat press of one device joins its open alarm"),
        Parameter("unverified_press.pre_alarm_s", 30, "s", 0, 99, "T-04", "an unverified press: ask first"),
        Parameter("fall.pre_alarm_s", 30, "s", 0, 99, "T-04", "a fall: how long the voice asks before it is sent"),
        Parameter("fall.repeat_s", 10, "s", 5, 60, "T-04", "the question after a fall is repeated, louder each time"),
        Parameter("call_button.stuck_s", 60, "s", 20, 600, "issue 4.1", "held or pressed on without a pause: stuck"),
        Parameter("call_button.stuck_presses", 20, "presses/min", 5, 120, "issue 4.1", "more than this: it chatters"),
        Parameter("call_button.stuck_quiet_min", 5, "min", 1, 60, "[P]", "quiet for this long: no longer stuck"),
        Parameter("call_button.stuck_pause_s", 10, "s", 3, 60, "[P]", "a press after such a pause is a person's"),
        Parameter("call_button.stuck_again_s", 60, "s", 10, 600, "[P]",
                  "pressed on without a pause after its alarm is over: calls again after this, then twice this"),
        Parameter("call_button.stuck_again_min", 10, "min", 1, 120, "[P]", "and so on, up to this"),
        Parameter("inactivity.enabled", 1, "0/1", 0, 1, "[P]", "1: watch for long inactivity"),
        Parameter("inactivity.learned", 1, "0/1", 0, 1, "[P]", "1: a learned line under the cap; 0: the cap alone"),
        Parameter("inactivity.caution", 1, "times", 0.5, 3, "docs/inactivity.md",
                  "how far beyond the usual the learned line lies: more is slower and calls less often"),
        Parameter("inactivity.limit_h", 12, "h", 1, 72, "domain 3.1 (fixed12)",
                  "hard cap of silence at home, the question included; the limit while learning"),
        Parameter("inactivity.meter_alone_h", 24, "h", 12, 72, "domain 3.1 (Taicang)",
                  "no flow for so long, where a water meter is the only witness"),
        Parameter("inactivity.meter_alone_most_h", 48, "h", 12, 96, "docs/inactivity.md (low use)",
                  "and for so long at most where the home's own dry spells have taught to wait"),
        Parameter("inactivity.question_min", 5, "min", 1, 30, "T-05", "how long the spoken question is asked"),
        Parameter("inactivity.repeat_s", 60, "s", 10, 300, "T-05", "the question is repeated at this interval"),
        Parameter("fall.enabled", 1, "0/1", 0, 1, "[P]", "1: watch worn sensors for falls"),
        Parameter("fall.sensitivity", 1, "0..2", 0, 2, "issue 5",
                  "0 quiet, 1 balanced, 2 sensitive, and between: the point on the model's one curve"),
        Parameter("fall.bed_bar", 2, "log-odds", 0, 10, "falls.md §5.6",
                  "so much more evidence is needed of who lies in bed: rolling over looks like a soft fall"),
        Parameter("fall.long_lie_min", 60, "min", 10, 720, "falls.md §5.8",
                  "lying so long without getting up, not in bed and not at an hour of sleep: asked about"),
        Parameter("fall.lie_after_min", 10, "min", 2, 120, "falls.md §5.4",
                  "the same after something like a fall that was not clear enough to ask at once"),
        Parameter("escalation.next_contact_s", 120, "s", 30, 3600, "T-12", "P0/P1: then the next contact is told"),
        Parameter("escalation.next_contact_p2_s", 600, "s", 30, 7200, "T-12", "P2: then the next contact is told"),
        Parameter("escalation.rounds", 2, "times", 1, 5, "T-12", "how often the whole list is gone through"),
        Parameter("escalation.unanswered_repeat_s", 600, "s", 60, 7200, "domain 4.3",
                  "UNANSWERED: the platform is told again at this interval"),
        Parameter("escalation.attend_s", 1800, "s", 60, 14400, "domain 3.2", "ACCEPTED, not ATTENDED: remind"),
        Parameter("escalation.resume_s", 900, "s", 60, 14400, "domain 3.2", "after the reminder: escalation resumes"),
        Parameter("escalation.redial_s", 20, "s", 5, 110, "domain 4.4", "no answer, busy: called once more"),
        Parameter("escalation.late_min", 15, "min", 1, 1440, "[P]",
                  "a first text later than this says that it is late (S18)"),
        Parameter("hazard.loop_s", 15, "s", 5, 120, "domain 3.2", "smoke, gas, CO: the evacuation voice is repeated"),
        Parameter("hazard.flood_loop_s", 60, "s", 10, 600, "domain 3.2", "water: the warning is repeated"),
        Parameter("hazard.loop_min", 10, "min", 1, 60, "[P]", "for so long; who has not heard it by then has left"),
        Parameter("night.from_h", 22, "h", 0, 23, "domain 4.1", "the night begins: P2 texts wait for its end"),
        Parameter("night.until_h", 6, "h", 0, 23, "domain 4.1", "the night ends"),
        Parameter("night.persist_min", 60, "min", 10, 480, "domain 4.1 [P]",
                  "P2 by night: what goes on for so long is told without waiting for the morning"),
        Parameter("night.repeats", 3, "times", 1, 10, "domain 4.5", "P2-P4 are said at most so often at night"),
        Parameter("test.window_s", 60, "s", 10, 300, "[P]", "a button test waits so long for its press"),
        Parameter("test.per_day", 3, "times", 0, 24, "A6 [P]", "so many tests the platform may begin in 24 h"),
        Parameter("test.ends_min", 10, "min", 0, 1440, "[P]", "an unanswered test ends so long after all were asked"),
        Parameter("upkeep.mains_min", 60, "min", 1, 1440, "T-19", "without mains for this long: contacts are told"),
        Parameter("upkeep.mains_say_s", 60, "s", 10, 600, "T-18", "without mains for this long: the elder is told"),
        Parameter("upkeep.mains_repeat_h", 3, "h", 1, 24, "T-18", "and again, in the daytime"),
        Parameter("upkeep.area_h", 6, "h", 1, 24, "T-19",
                  "an area outage the platform tells of is believed so long, if it says no time: no contact is told"),
        Parameter("upkeep.again_h", 168, "h", 24, 720, "domain 4.3", "one text per device and matter in this time"),
        Parameter("voice.mute_max_min", 30, "min", 1, 30, "issue 4.1", "the longest a mute lasts"),
        Parameter("voice.still_trying_s", 60, "s", 20, 600, "domain 3.2", "the elder hears that we go on trying"),
        Parameter("away.notice_h", 24, "h", 4, 72, "domain 4.2", "out this long and not back: a notice"),
        Parameter("away.learned", 1, "0/1", 0, 1, "[P]", "1: sooner where the home has shown how long people stay out"),
        Parameter("away.learned_least_h", 12, "h", 8, 24, "[P] as inactivity.limit_h", "but never sooner than this"),
        Parameter("away.learned_margin", 1.5, "times", 1, 4, "[P] docs/inactivity.md",
                  "so many times the longest usual absence is too long"),
        Parameter("away.learned_after_days", 14, "days", 7, 56, "[P] docs/inactivity.md",
                  "absences seen for so many days before anything is learned of them"),
        Parameter("away.max_h", 12, "h", 1, 12, "domain A10", "a manual 'away' ends after this"),
        Parameter("supervision.lost_factor", 3, "intervals", 2, 20, "T-25", "silent this many intervals: lost"),
        Parameter("supervision.lost_min_h", 1, "h", 0.1, 48, "T-25", "but never sooner than this"),
        Parameter("reminder.answer_min", 20, "min", 1, 120, "domain 1.9", "how long a reminder waits for an answer"),
        Parameter("reminder.again_min", 10, "min", 1, 60, "domain 1.9", "unanswered: it is said once more after this"),
        Parameter("reminder.heat_c", 30, "degC", 20, 45, "domain 1.9", "'drink water' is said from this warmth on"),
        Parameter("roll_call.answer_min", 30, "min", 5, 180, "issue 4.6", "how long a roll call waits for an answer"),
        Parameter("roll_call.repeat_min", 10, "min", 2, 60, "issue 4.6", "a roll call is asked again at this interval"),
        Parameter("record.follow_up_days", 7, "d", 1, 90, "domain 1.4 [P]", "a follow-up is due so long after the end"),
        Parameter("hazard.clear_s", 60, "s", 5, 3600, "A25 [P]", "a detector this long quiet has ended its alarm"),
        Parameter("hazard.again_min", 30, "min", 5, 1440, "A25 [P]", "an alarm that goes on is told again"),
        Parameter("hazard.test_s", 60, "s", 10, 600, "[P]", "a detector's test lasts no longer; else it is a fire"),
        Parameter("hazard.window_min", 30, "min", 1, 60, "A32 [P]", "an installer's test of all detectors ends then"),
        Parameter("hazard.heat_c", 57, "degC", 45, 100, "[R-M] EN 54-5 A1: 54 to 65",
                  "two readings in a row of a room thermometer at this are a fire"),
        Parameter("room_temperature.high_c", 35, "degC", 25, 50, "[P]; a heat day of the weather service begins at 35",
                  "a room at this is too hot"),
        Parameter("room_temperature.low_c", 8, "degC", -10, 20, "[P]; unheated winter rooms here are at 10 to 14",
                  "a room at this is too cold"),
        Parameter("room_temperature.hysteresis_c", 1, "degC", 0.1, 5, "domain 4.2 (Tunstall)",
                  "a room is well again only this far inside its limits"),
        Parameter("room_temperature.lasting_min", 1, "min", 1, 240, "domain 4.2 (Tunstall)", "it must last this long"),
        Parameter("battery.low_pct", 15, "%", 1, 50, "[P]", "a battery at or below this is low"),
        Parameter("battery.replaced_pct", 20, "%", 1, 99, "[P]", "so many points above that it was replaced"),
        Parameter("battery.repeat_h", 168, "h", 24, 720, "T-23", "a low battery is told again at this interval"),
        Parameter("battery.ticket_h", 336, "h", 24, 1440, "T-23", "a battery this long low is overdue"),
        Parameter("leak.flow_h", 24, "h", 2, 72, "domain 3.1 (Shenzhen Longgang)",
                  "flow in every half-hour of so long: a leak"),
        Parameter("water_high.limit_l", 2000, "L", 100, 20000, "domain 3.1 (Shanghai Jing'an: 2 m3 a day)",
                  "more than this in 24 h is over-use"),
        Parameter("water_preset.rule", 0, "number", 0, 4, "domain 3.1",
                  "low use by a city's rule: 1 Shanghai, 2 Shenzhen Longgang, 3 Ningbo Haishu, 4 Taicang; 0 off"),
        Parameter("water_preset.waking_h", 4, "h", 0, 16, "domain 3.1 Lessons (b)",
                  "a window is judged only if so much of it is waking time"),
        Parameter("water_preset.wake_h", 6, "h of day", 0, 23, "domain 4.1 (night is 22 to 06)", "waking begins"),
        Parameter("water_preset.sleep_h", 22, "h of day", 1, 24, "domain 4.1 (night is 22 to 06)", "waking ends"),
        Parameter("water_low_use.enabled", 1, "0/1", 0, 1, "[P]", "1: watch for less water than usual"),
        Parameter("water_low_use.share", 0.25, "share", 0.02, 0.9, "[P]; development homes",
                  "less than this share of the home's usual 24 h is too little"),
        Parameter("water_low_use.quiet_h", 12, "h", 0, 24, "[P]; development homes",
                  "and nothing, the meter included, saw anybody for so long"),
        Parameter("water_low_use.most_h", 48, "h", 12, 96, "docs/inactivity.md (low use)",
                  "and for so long at most where the home's own quiet spells have taught to wait"),
        Parameter("power_low_use.enabled", 1, "0/1", 0, 1, "[P]", "1: watch for less electricity than usual"),
        Parameter("power_low_use.share", 0.3, "share", 0.05, 0.9, "[P]; a refrigerator goes on by itself",
                  "less than this share of the home's usual 24 h is too little"),
        Parameter("power_low_use.quiet_h", 12, "h", 0, 24, "[P]", "and nothing saw anybody, no kettle either, so long"),
        Parameter("power_low_use.most_h", 48, "h", 12, 96, "docs/inactivity.md (low use)",
                  "and for so long at most where the home's own quiet spells have taught to wait"),
        Parameter("bed_absence.enabled", 1, "0/1", 0, 1, "[P]", "1: watch for a bed left at night"),
        Parameter("bed_absence.from_h", 22, "h", 0, 23.99, "domain 4.1 (night is 22 to 06)",
                  "local hour at which night begins for this rule"),
        Parameter("bed_absence.until_h", 5, "h", 0, 23.99, "[P]; many rise at five", "local hour at which it ends"),
        Parameter("bed_absence.after_min", 45, "min", 5, 240, "[P]",
                  "out of bed and seen nowhere for so long: the question is asked"),
        Parameter("room_overstay.enabled", 1, "0/1", 0, 1, "[P]", "1: watch for a long stay in the bathroom"),
        Parameter("room_overstay.limit_min", 60, "min", 10, 240, "[P]", "a stay this long is asked about"),
        Parameter("room_overstay.longest_min", 180, "min", 30, 480, "[P]",
                  "where only motion tells: a home whose own stays need longer than this is left to `inactivity`"),
        Parameter("door_not_used.watch", 1, "0/1/2", 0, 2, "[P]",
                  "0 never; 1 where nothing else sees people inside; 2 everywhere (a city's rule)"),
        Parameter("door_not_used.limit_h", 24, "h", 6, 168, "domain 3.1 (Shanghai)", "no entrance used for so long"),
        Parameter("welfare.by_h", 0, "h of day", 0, 23.75, "domain 3.2 (WELFARE)",
                  "the green key is due every morning by this hour (9.5: half past nine); 0: not agreed"),
        Parameter("welfare.from_h", 5, "h of day", 0, 23, "[P]", "from this hour on it counts for the day"),
        Parameter("welfare.remind_min", 30, "min", 0, 240, "[P]", "so long before the hour the home reminds; 0: not"),
        Parameter("stove.on_w", 150, "W", 20, 5000, "[P]", "a stove that draws this is on"),
        Parameter("stove.off_min", 5, "min", 1, 60, "[P]; an induction plate pauses for seconds",
                  "so long below that: it is off"),
        Parameter("stove.limit_min", 90, "min", 10, 720, "[P]; soups simmer for an hour", "a stove on this long: ask"),
        Parameter("meter.silent_h", 24, "h", 1, 168, "A27 [P]", "a register that was read and comes no more is stale"),
        Parameter("meter.frozen_energy_h", 24, "h", 2, 168, "A27 [P]; a refrigerator uses 0.3 kWh a day",
                  "an electricity reading that does not change is stale"),
        Parameter("meter.frozen_water_h", 168, "h", 12, 720, "A27 [P]; nobody is away for a week unnoticed",
                  "a water register that does not change is stale"),
        Parameter("vitals.heart_rate_low_bpm", 40, "1/min", 20, 80, "[R-H] NEWS2: 3 points", "at or below: too low"),
        Parameter("vitals.heart_rate_high_bpm", 131, "1/min", 80, 220, "[R-H] NEWS2: 3 points",
                  "at or above: too high"),
        Parameter("vitals.spo2_low_pct", 91, "%", 60, 99, "[R-H] NEWS2: 3 points; COPD 83", "at or below: too low"),
        Parameter("vitals.systolic_low_mmhg", 90, "mmHg", 50, 130, "[R-H] NEWS2: 3 points", "at or below: too low"),
        Parameter("vitals.systolic_high_mmhg", 180, "mmHg", 120, 260, "[R-H] hypertensive crisis: 180/120",
                  "at or above: too high"),
        Parameter("vitals.diastolic_high_mmhg", 120, "mmHg", 80, 160, "[R-H] hypertensive crisis: 180/120",
                  "at or above: too high"),
        Parameter("vitals.body_temperature_low_c", 35.0, "degC", 32, 36.5, "[R-H] NEWS2: 3 points",
                  "at or below: too cold"),
        Parameter("vitals.body_temperature_high_c", 39.1, "degC", 37, 42, "[R-H] NEWS2: 2 points",
                  "at or above: fever"),
        Parameter("vitals.lasting_min", 5, "min", 1, 120, "[P]; one odd beat is no alarm",
                  "two readings at least, and so long between the first and the last"),
        Parameter("vitals.together_min", 60, "min", 5, 720, "[P]", "two signs within this are one emergency"),
        Parameter("supervision.trigger_lost_h", 24, "h", 1, 72, "T-24",
                  "a call button or wearable is lost after this at the latest, if it states no longer interval"),
        Parameter("supervision.alarm_lost_h", 12, "h", 1, 72, "T-24", "the same for smoke, gas, CO and heat detectors"),
        Parameter("supervision.learn", 1, "0/1", 0, 1, "habluetooth",
                  "1: supervise a device that states no interval by the regular one it shows in 16 sightings"),
        Parameter("supervision.irregular_h", 24, "h", 1, 168, "[P] after T-24",
                  "one that speaks by itself but at no regular pace is lost after its longest silence times "
                  "lost_factor, and not before this"),
        Parameter("supervision.interference_s", 30, "s", 10, 600, "T-29",
                  "all devices that beacon regularly silent at once for so long: radio interference"),
        Parameter("supervision.interference_devices", 3, "devices", 2, 100, "[P]",
                  "T-29 needs a set of at least so many"),
        Parameter("night_exit.enabled", 1, "0/1", 0, 1, "[P]", "1: watch for an exit at night without return"),
        Parameter("night_exit.from_h", 23, "h", 0, 23.99, "[P]", "local hour at which night begins for this rule"),
        Parameter("night_exit.until_h", 5, "h", 0, 23.99, "[P]", "local hour at which it ends"),
        Parameter("night_exit.wait_min", 15, "min", 1, 120, "[P]",
                  "nothing inside moved for so long after an entrance was used: the question is asked"),
        Parameter("night_exit.settle_s", 60, "s", 0, 600, "[P]",
                  "what moves inside so soon after the door was on the way out, and proves nobody at home"),
        Parameter("night_exit.learn", 1, "0/1", 0, 1, "[P]",
                  "1: a walk after 3 h that is a habit (7 of 10 mornings) gets the time it takes, 2 h at most; "
                  "0 where somebody may wander"),
        Parameter("door_left_open.after_min", 60, "min", 1, 1440, "domain 1.9", "an entrance open for so long is told"),
        Parameter("door_left_open.night_min", 15, "min", 1, 1440, "[P]", "the same by night (night_exit.from_h)"),
        Parameter("geofence.radius_m", 0, "m", 0, 50_000, "[P]", "0: no fence; else the distance from the centre"),
        Parameter("geofence.centre_lat_deg", 0, "deg", -90, 90, "survey", "the fence's centre, latitude"),
        Parameter("geofence.centre_lon_deg", 0, "deg", -180, 180, "survey", "the fence's centre, longitude"),
        Parameter("geofence.centre_gcj02", 0, "0/1", 0, 1, "domain 1.1",
                  "datum of the centre: 0 WGS-84 (a GNSS receiver), 1 GCJ-02 (a map of China)"),
        Parameter("geofence.hysteresis_m", 50, "m", 0, 1000, "[P]", "so far inside the fence counts as back"),
        Parameter("geofence.accuracy_m", 200, "m", 5, 2000, "[P]", "fixes less exact than this are not judged"),
        Parameter("geofence.fixes", 2, "fixes", 1, 10, "[P]", "so many fixes outside, one after another, are believed"),
        Parameter("visits.class", 0, "0/1/2", 0, 2, "J-4(2)2", "0: not registered; 1: general elder; 2: key elder"),
        Parameter("visits.rolling", 0, "0/1", 0, 1, "domain 0-7",
                  "a key elder's half-month: 0 calendar, 1 rolling 15 days"),
        Parameter("visits.enrolled_yyyymmdd", 0, "date", 0, 20_961_231, "A1",
                  "day of registration as a number, 20260301; 0: the day this was first set"),
        Parameter("visits.reviewed_yyyymmdd", 0, "date", 0, 20_961_231, "J-4(1)4",
                  "day the registration form was last renewed; 0: at registration"),
        Parameter("visits.festival_days", 7, "days", 0, 30, "J-4(2)2",
                  "one more visit within so many days up to a traditional festival; 0: none [P]"),
        Parameter("summary.enabled", 1, "0/1", 0, 1, "[P]", "1: one report a day to the platform"),
        Parameter("summary.slot_min", 0, "min", 0, 120, "T-15",
                  "minutes after 06:00 at which it goes; from the gateway's id unless set here"),
        Parameter("clock.unsynced_min", 10, "min", 1, 1440, "[P]", "no clock vouches for the time for so long: told"),
        Parameter("clock.free_running_h", 168, "h", 1, 2160, "T-34 [P]",
                  "only a battery clock or a phone vouches for so long: told"),
        Parameter("technical.mains_fail_s", 60, "s", 0, 3600, "T-19", "mains must be gone so long"),
        Parameter("technical.mains_jitter_s", 0, "s", 0, 120, "T-19",
                  "added to it: a village must not speak at once; from the gateway's id unless set here"),
        Parameter("technical.mains_back_min", 5, "min", 0, 60, "T-20", "mains must be back so long"),
        Parameter("technical.battery_low_min", 4, "min", 0, 60, "T-22 (Climax 4-6 min)",
                  "the gateway's battery must be low so long"),
        Parameter("standby.low_pct", 20, "%", 6, 90, "T-22", "the gateway's own battery at or below this is low"),
        Parameter("standby.low_min", 60, "min", 5, 720, "T-22", "and so is one that lasts no longer than this"),
        Parameter("standby.last_pct", 5, "%", 1, 20, "T-22",
                  "without mains and at or below this: the last word before it stops"),
        Parameter("technical.debounce_s", 90, "s", 0, 3600, "T-28", "a technical condition must last this long"),
    )
}  # fmt: skip


class BadParameter(ValueError):
    """A setting that is unknown, no number or out of range. The text names the key, the finding and the range."""


CHOICES: Final = frozenset({"0/1", "0/1/2", "number", "date", "devices", "fixes"})
"""Units of which there is nothing between two whole numbers."""


def check(name: str, value: Any) -> float:
    """Returns the value as a number if `name` is known and the value within its range, else raises `BadParameter`."""
    parameter = TABLE.get(name)
    if parameter is None:
        hint = meant(name, TABLE) or "; `hearthwatch rules-doc` lists them"
        raise BadParameter(f"{name if len(name) <= 60 else shown(name)}: unknown setting{hint}")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadParameter(f"{name}: expected a number of {parameter.unit}, found {shown(value)}")
    if not parameter.low <= value <= parameter.high:
        raise BadParameter(
            f"{name}: expected {parameter.low:g} to {parameter.high:g} {parameter.unit}, found {shown(value)}"
        )
    return float(value)


class Parameters:
    """The numbers in force: the table's defaults, overridden by a home's settings. Unknown or bad ones are refused."""

    __slots__ = ("_values",)

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self._values = {name: p.default for name, p in TABLE.items()}
        for name, value in (settings or {}).items():
            self._values[name] = check(name, value)

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def ms(self, name: str) -> int:
        """The duration `name` in milliseconds; its unit is in its name (`_s`, `_min`, `_h`)."""
        unit = name.rsplit("_", 1)[1]
        return round(self._values[name] * {"s": 1000, "min": 60_000, "h": 3_600_000}[unit])

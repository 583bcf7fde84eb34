"""A home with a device of every kind in which every rule has work to do, and random histories of it."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from gateway.controller import Controller
from gateway.home.model import CONSENTS, Contact, Device, HomeView
from gateway.home.shape import Reminder
from gateway.observations import Kind, Observation, check_value

START: Final = 1_772_324_130_000  # 2026-03-01T08:15:30+08:00
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
DEVICES: Final = (
    Device("door", "contact", entrance=True), Device("hall", "motion"), Device("hall2", "motion", heartbeat_s=1200),
    Device("bath", "motion", room="bathroom"), Device("radar", "occupancy", room="bathroom"),
    Device("cupboard", "contact"), Device("bed", "bed"), Device("mat", "pressure"), Device("lamp", "light"),
    Device("wc", "flush", room="bathroom"), Device("tv", "appliance"), Device("w", "water_meter", interval_s=1800),
    Device("m", "electricity_meter"), Device("smoke", "smoke"), Device("gas", "gas"), Device("leak", "flood"),
    Device("t", "temperature"), Device("hob", "stove"), Device("band", "health"),
    Device("pendant", "wearable", placement="waist"), Device("red", "button"), Device("green", "button", role="ok"),
)  # fmt: skip
SETTINGS: Final = {
    "inactivity.limit_h": 3.0, "stove.limit_min": 20.0, "leak.flow_h": 3.0, "bed_absence.after_min": 10.0,
    "bed_absence.from_h": 20.0, "room_overstay.limit_min": 20.0, "door_not_used.watch": 2.0,
    "door_not_used.limit_h": 6.0, "welfare.by_h": 9.0, "geofence.radius_m": 500.0, "geofence.centre_lat_deg": 24.8,
    "geofence.centre_lon_deg": 118.6, "away.notice_h": 4.0, "night_exit.from_h": 18.0,
    "escalation.unanswered_repeat_s": 7200.0,
    "hazard.again_min": 1440.0, "hazard.flood_loop_s": 600.0, "hazard.loop_s": 120.0,
}  # fmt: skip
STILL: Final = {"rate_hz": 25, "g": [[0.0, 0.0, 1.0]] * 50}
KNOCK: Final = {"rate_hz": 25, "g": [[0.0, 1.0, 0.0]] * 20 + [[0.1, 0.1, 0.1]] * 8 + [[2.5, 3.0, 1.0]] * 3
                + [[0.0, 0.05, 1.0]] * 60}  # fmt: skip

Said = tuple[Kind, Any, str | None]


def _by(kind: Kind, values: list[Any], *devices: str) -> st.SearchStrategy[Said]:
    return st.tuples(st.just(kind), st.sampled_from(values), st.sampled_from(devices))


sensors: Final = st.one_of(
    _by(Kind.CONTACT, ["open", "closed"], "door", "cupboard"),
    _by(Kind.MOTION, [True, False], "hall", "hall2", "bath"),
    _by(Kind.OCCUPANCY, [True, False], "radar"),
    _by(Kind.BED, [True, False], "bed"),
    _by(Kind.PRESSURE, [True, False], "mat"),
    _by(Kind.LIGHT, [True, False], "lamp"),
    _by(Kind.FLUSH, [True], "wc"),
    _by(Kind.APPLIANCE, [True, False], "tv"),
    _by(Kind.WATER, [0, 0.5, 60.0], "w"),
    _by(Kind.WATER_VOLUME, [10.0, 10.01, 0.0, 99.0], "w"),
    _by(Kind.POWER, [0.0, 90.0, 1900.0], "m", "hob"),
    _by(Kind.ENERGY, [10.0, 10.2, 11.0, 0.0], "m"),
    _by(Kind.SMOKE, [True, False], "smoke"),
    _by(Kind.GAS, [True, False], "gas"),
    _by(Kind.FLOOD, [True, False], "leak"),
    _by(Kind.TEMPERATURE, [5.0, 20.0, 36.0, 60.0], "t"),
    _by(Kind.BATTERY, [5, 40, 90], "hall", "smoke"),
    _by(Kind.TEST, [True, False], "smoke"),
    _by(Kind.TAMPER, [True, False], "smoke"),
    _by(Kind.HEART_RATE, [0, 70, 150], "band"),
    _by(Kind.SPO2, [85, 97], "band"),
    _by(Kind.WORN, [True, False], "band", "pendant"),
    _by(Kind.ACCELERATION, [STILL, KNOCK], "pendant"),
    _by(Kind.POSITION, [{"lat": 24.8, "lon": 118.6}, {"lat": 24.9, "lon": 118.6}], "pendant"),
)
people: Final = st.one_of(
    _by(Kind.BUTTON, ["press", "hold"], "red", "green"),
    st.tuples(st.sampled_from([Kind.OK, Kind.CANCEL]), st.none(), st.none()),
    st.tuples(st.just(Kind.AWAY), st.sampled_from([True, False, {"guests": True}, {"guests": False}]), st.none()),
    st.tuples(st.just(Kind.RECORDER), st.booleans(), st.none()),
    st.tuples(st.just(Kind.SEEN), st.just(False), st.sampled_from(["door", "hall", "bed", "w", "m", "smoke"])),
    st.tuples(st.just(Kind.REPLY), st.just({"contact": "c1", "answer": "1"}), st.none()),
    st.tuples(st.just(Kind.VISIT), st.just({"event": "arrived", "by": "v1"}), st.none()),
    st.tuples(
        st.just(Kind.SUPPLY),
        st.sampled_from(
            [
                {"mains": True, "percent": 90},
                {"mains": False, "percent": 15},
                {"mains": False, "percent": 4},
                {"mains": None, "percent": 50, "bad": True},
            ]
        ),
        st.none(),
    ),
    st.tuples(st.just(Kind.COMMAND), st.just({"cmd": "roll_call", "id": "typhoon"}), st.none()),
)
waits: Final = st.sampled_from(
    [1, 5_003, MINUTE + 3, 10 * MINUTE + 7, 30 * MINUTE + 3, 2 * HOUR + 1, 5 * HOUR + 7, 13 * HOUR + 11]
)
"""No round numbers: a timer due in the very moment of a batch runs after the first of it (architecture, Time)."""
Script = list[tuple[int, Said]]
scripts: Final = st.lists(st.tuples(waits, st.one_of(sensors, sensors, people)), min_size=5, max_size=30)


def fresh(*more: Device, t: int = 0, offset_ms: int = START, **settings: float) -> Controller:
    """The controller of this home; `settings` with `__` for the dot."""
    view = HomeView(
        rooms={"bathroom": "卫生间"},
        devices={d.id: d for d in (*DEVICES, *more)},
        contacts=(Contact("c1", 1, daily_line="20:00"),),
        reminders=(Reminder("pill", "medication", "08:30"),),
        consents=dict.fromkeys(CONSENTS, True),
        settings=SETTINGS | {k.replace("__", "."): v for k, v in settings.items()},
    )
    return Controller(view, t=t, offset_ms=offset_ms, trust="NTP")


def observations(script: Script, start: int = 0) -> list[Observation]:
    """The script as observations, and three hours of nothing after it."""
    t, made = start, []
    for after, (kind, value, device) in script:
        t += after
        made.append(Observation(kind, check_value(kind, value), t, device))
    return [*made, Observation(Kind.TICK, None, t + 3 * HOUR)]

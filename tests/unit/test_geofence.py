"""The fence and the two datums: converted right, judged with the fix's own error, silent without consent."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from virtual_home import House, home

from gateway.controller import Controller
from gateway.datum import Point, distance_m, gcj02_to_wgs84, wgs84, wgs84_to_gcj02
from gateway.home.model import Device
from gateway.observations import Kind

HOME = Point(24.78161, 118.55171)  # somewhere in Jinjiang
METRE_NORTH = 1 / 111_195


# ---- the datums

PUBLISHED = [  # of the test suites of public converters
    ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),
    ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),
    ((39.911954, 116.377817), (39.91334545536069, 116.38404722455657)),
]


@pytest.mark.parametrize(("satellite", "chart"), PUBLISHED)
def test_the_points_that_others_published(satellite: tuple[float, float], chart: tuple[float, float]) -> None:
    assert wgs84_to_gcj02(Point(*satellite)) == pytest.approx(chart, abs=1e-9)
    assert distance_m(gcj02_to_wgs84(*chart), Point(*satellite)) < 0.01


def test_there_and_back_anywhere_in_china_within_a_centimetre() -> None:
    seed = 20260301
    print(f"seed {seed}")
    dice = random.Random(seed)
    for _ in range(2_000):
        point = Point(dice.uniform(18.2, 53.5), dice.uniform(73.6, 134.7))
        chart = wgs84_to_gcj02(point)
        shift = distance_m(point, Point(*chart))
        assert 10 < shift < 1_000, point  # the offset is real, and no more than known
        assert distance_m(gcj02_to_wgs84(*chart), point) < 0.01, point


@pytest.mark.parametrize("place", [(51.5074, -0.1278), (1.3, 60.0), (-33.9, 151.2)])
def test_abroad_there_is_one_datum(place: tuple[float, float]) -> None:
    assert wgs84_to_gcj02(Point(*place)) == place
    assert wgs84(*place, "GCJ02") == Point(*place)


def test_distances() -> None:
    assert distance_m(Point(0, 0), Point(0, 1)) == pytest.approx(111_195, abs=1)
    assert distance_m(HOME, HOME) == 0
    assert distance_m(Point(0, 0), Point(0, 180)) == pytest.approx(20_015_115, abs=2)


# ---- the fence


def fenced(consent: bool = True, **settings: float) -> House:
    numbers = {"centre_lat_deg": HOME.lat, "centre_lon_deg": HOME.lon, "radius_m": 500.0} | settings
    return House(
        home(
            devices={"watch": Device("watch", "wearable", placement="wrist")},
            consents={"MONITORING": True, "WHEREABOUTS": consent, "NOTIFY_FAMILY": True},
            settings={"inactivity.enabled": 0.0} | {f"geofence.{k}": v for k, v in numbers.items()},
        )
    )


def at(house: House, metres: float, accuracy: Any = 10, datum: str | None = None, device: str = "watch") -> None:
    point = Point(HOME.lat + metres * METRE_NORTH, HOME.lon)
    lat, lon = wgs84_to_gcj02(point) if datum == "GCJ02" else (point.lat, point.lon)
    value: dict[str, Any] = {"lat": lat, "lon": lon}
    if accuracy is not None:
        value["accuracy_m"] = accuracy
    if datum is not None:
        value["datum"] = datum
    house.wait(60)
    house.say(Kind.POSITION, value, device)


def whereabouts(house: House) -> list[tuple[str, str, str]]:
    return [(n.subject, n.status, n.reason) for n in house.notices if n.code == "HOME_AWAY"]


def alarms(house: House) -> list[str]:
    return [a.code for a in house.controller.book.alarms.values()]


def test_two_fixes_outside_raise_it_at_once_with_where_she_is() -> None:
    house = fenced()
    at(house, 800)
    assert alarms(house) == []
    at(house, 830)
    assert house.states() == ["DETECTED", "RAISED"]
    alarm = house.controller.book.alarms[1]
    assert (alarm.code, alarm.severity, alarm.device) == ("GEOFENCE_EXIT", "P1", "watch")
    assert alarm.evidence["datum"] == "WGS84"
    assert alarm.evidence["distance_m"] == pytest.approx(830, abs=1)
    assert distance_m(Point(alarm.evidence["lat"], alarm.evidence["lon"]), HOME) == pytest.approx(830, abs=2)


def test_contacts_are_told_in_order_and_nothing_is_said_in_a_home_where_nobody_is() -> None:
    """Domain 4.1: P1 goes in order, 120 s apart; only smoke, gas and CO (and water, 3.2) tell everybody at once."""
    house = fenced()
    at(house, 800)
    at(house, 830)
    assert house.told("S22") == ["c1"]
    house.wait(120)
    assert house.told("S22") == ["c1", "c2"]
    house.wait(120)
    assert house.told("S09") == ["n1"]  # a hop that is not family hears whose house it is
    assert house.said() == []
    assert house.sirens() == []
    house.reply("c2", "1")
    assert house.state().value == "ACCEPTED"
    assert house.said() == []


def test_outside_the_fence_again_while_the_alarm_is_open_is_the_same_alarm() -> None:
    house = fenced()
    at(house, 800)
    at(house, 830)
    at(house, 100)
    assert house.state().value == "RAISED"  # what was raised is ended by people
    at(house, 800)
    at(house, 830)
    assert alarms(house) == ["GEOFENCE_EXIT"]
    assert house.published()[-1]["reason"] == "detected_again"


def test_one_stray_fix_is_none() -> None:
    house = fenced()
    for metres in (900, 100, 900, 100, 900, 100):
        at(house, metres)
    assert alarms(house) == []


@pytest.mark.parametrize(("metres", "accuracy", "found"), [(540, 10, 1), (540, 50, 0), (900, 250, 0), (640, 100, 1)])
def test_a_fix_is_outside_only_by_more_than_its_own_error(metres: float, accuracy: float, found: int) -> None:
    house = fenced()
    for _ in range(4):
        at(house, metres, accuracy)
    assert len(alarms(house)) == found


@pytest.mark.parametrize("accuracy", [None, "good", -3, True])
def test_a_fix_that_states_no_sane_error_is_taken_for_twenty_metres(accuracy: Any) -> None:
    house = fenced()
    at(house, 515, accuracy)
    at(house, 515, accuracy)
    assert alarms(house) == []
    at(house, 530, accuracy)
    at(house, 530, accuracy)
    assert alarms(house) == ["GEOFENCE_EXIT"]


def test_a_position_on_a_map_of_china_is_the_same_place() -> None:
    house = fenced()
    for _ in range(4):
        at(house, 480, datum="GCJ02")  # unconverted it would lie hundreds of metres off
    assert alarms(house) == []
    for _ in range(2):
        at(house, 530, datum="GCJ02")
    assert alarms(house) == ["GEOFENCE_EXIT"]


def test_a_centre_read_off_a_map_of_china_is_the_same_fence() -> None:
    lat, lon = wgs84_to_gcj02(HOME)
    house = fenced(centre_lat_deg=lat, centre_lon_deg=lon, centre_gcj02=1)
    for metres in (480, 485, 490):
        at(house, metres, 5)
    assert alarms(house) == []
    for metres in (520, 520):
        at(house, metres, 5)
    assert alarms(house) == ["GEOFENCE_EXIT"]


def test_she_is_back_only_some_way_inside_and_may_leave_again() -> None:
    house = fenced()
    for metres in (800, 800, 480, 520, 470, 530, 520):
        at(house, metres)
    assert alarms(house) == ["GEOFENCE_EXIT"]  # one walk along the line is one alarm
    at(house, 300)
    assert [(n.status, n.reason) for n in house.notices if n.code == "HOME_AWAY"] == [
        ("RAISED", "beyond_fence"),
        ("RESTORED", "returned"),
    ]
    assert house.states()[-1] == "RAISED"  # sent is sent: people close it
    house.platform(1, "CLOSED", outcome="HELPED")
    at(house, 800)
    at(house, 800)
    assert alarms(house) == ["GEOFENCE_EXIT", "GEOFENCE_EXIT"]


@pytest.mark.parametrize(("accuracy", "found"), [(200, 1), (201, 0)])
def test_a_fix_of_two_hundred_metres_is_judged_and_a_worse_one_is_not(accuracy: float, found: int) -> None:
    house = fenced()
    at(house, 5_000, accuracy)
    at(house, 5_000, accuracy)
    assert len(alarms(house)) == found


@pytest.mark.parametrize(
    ("radius", "metres", "accuracy", "back"),
    [
        (500, 439, 10, True),
        (500, 441, 10, False),  # 50 m inside, and by more than its own error ...
        (500, 399, 100, True),  # ... of which no more than the hysteresis counts
        (500, 401, 100, False),
        (60, 19, 10, True),  # a fence hardly wider than the hysteresis: half-way in is back
        (60, 21, 10, False),
    ],
)
def test_how_far_inside_is_back(radius: float, metres: float, accuracy: float, back: bool) -> None:
    house = fenced(radius_m=radius)
    at(house, 800)
    at(house, 800)
    at(house, metres, accuracy)
    assert bool([n for n in house.notices if n.code == "HOME_AWAY" and n.status == "RESTORED"]) == back


def test_one_of_two_wearables_lost_leaves_the_other_watched() -> None:
    house = fenced()
    at(house, 100)
    at(house, 100, device="pendant")
    house.say(Kind.SEEN, False, "watch")
    assert house.controller.statuses()["geofence"].readiness.value == "ARMED"


def test_without_consent_nothing_is_judged_and_nothing_kept() -> None:
    house = fenced(consent=False)
    for _ in range(5):
        at(house, 5_000)
    assert alarms(house) == []
    assert house.controller.to_json()["rules"]["geofence"]["wearers"] == {}
    assert house.controller.statuses()["geofence"].reason == "no_consent"


def test_consent_withdrawn_forgets_where_everybody_was() -> None:
    house = fenced()
    at(house, 800)
    at(house, 800)
    house.say(Kind.CONFIG, fenced(consent=False).controller.home.to_json())
    assert house.controller.to_json()["rules"]["geofence"]["wearers"] == {}


def test_a_wearable_that_left_the_home_is_nowhere() -> None:
    house = fenced()
    at(house, 800)
    at(house, 800)
    assert whereabouts(house) == [("watch", "RAISED", "beyond_fence")]
    house.say(Kind.CONFIG, replace(house.controller.home, devices={}).to_json())
    assert whereabouts(house)[1:] == [("watch", "RESTORED", "removed")]
    assert house.controller.to_json()["rules"]["geofence"]["wearers"] == {}


def test_a_consent_withdrawn_ends_the_notice_and_says_nothing_of_a_return() -> None:
    house = fenced()
    at(house, 800)
    at(house, 800)
    house.say(Kind.CONFIG, fenced(consent=False).controller.home.to_json())
    assert whereabouts(house)[1:] == [("watch", "RESTORED", "fence_off")]
    at(house, 10)
    assert len(whereabouts(house)) == 2


def test_no_fence_is_off_and_a_lost_wearable_makes_it_unavailable() -> None:
    assert fenced(radius_m=0).controller.statuses()["geofence"].reason == "no_fence"
    house = fenced()
    at(house, 100)
    house.say(Kind.SEEN, False, "watch")
    assert house.controller.statuses()["geofence"].readiness.value == "UNAVAILABLE"


def test_without_a_fence_no_place_is_beyond_it() -> None:
    """The receiver came with the watch; nobody agreed on a distance."""
    house = fenced(radius_m=0)
    for metres in (100, 5_000, 5_000, 5_000):
        at(house, metres)
    assert alarms(house) == []
    assert house.controller.to_json()["rules"]["geofence"]["wearers"] == {}


def test_home_again_a_stray_fix_is_none_as_before() -> None:
    house = fenced()
    for metres in (800, 800, 50):
        at(house, metres)
    assert len(alarms(house)) == 1
    house.platform(1, "CLOSED", outcome="FALSE_ALARM")
    at(house, 800)
    at(house, 50)
    assert len(alarms(house)) == 1
    at(house, 800)
    at(house, 800)
    assert len(alarms(house)) == 2


def test_while_nothing_is_recorded_nobody_can_tell_where_she_is() -> None:
    house = fenced()
    house.say(Kind.RECORDER, False)
    found = house.controller.statuses()["geofence"]
    assert (found.readiness.value, found.reason) == ("UNAVAILABLE", "recording_lost")
    house.say(Kind.RECORDER, True)
    assert house.controller.statuses()["geofence"].readiness.value == "ARMED"


def test_silence_of_the_receiver_is_no_exit() -> None:
    house = fenced()
    at(house, 100)
    house.wait(7 * 86_400)
    assert alarms(house) == []


def test_a_snapshot_between_two_fixes_changes_nothing() -> None:
    house = fenced()
    at(house, 800)
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    at(house, 800)
    assert alarms(house) == ["GEOFENCE_EXIT"]
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    at(house, 800)
    assert alarms(house) == ["GEOFENCE_EXIT"]


def test_what_it_has_learned_says_how_far_and_never_where() -> None:
    house = fenced()
    at(house, 237)
    learned = next(r for r in house.controller.rules if r.name == "geofence").learned()
    assert learned == {"distance_m": {"watch": 250}, "out": []}

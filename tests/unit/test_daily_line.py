"""The line a contact gets each evening: what was seen of the day, and never more than that."""

from __future__ import annotations

import json
from typing import Any

import pytest
from day_rig import HOUR, lines, notes
from virtual_home import START_WALL_MS, House, home

from gateway.actions import Push, Text
from gateway.alarms.words import load
from gateway.controller import Controller
from gateway.controller.signals import heed
from gateway.home.model import Contact, Device
from gateway.observations import Kind
from gateway.rules.rule import Technical

# ---- the daily line


def evening(**more: Any) -> House:
    """c1 wants a line at 19:30."""
    contacts = (Contact("c1", 1, daily_line="19:30"), Contact("c2", 2))
    return House(home(contacts=contacts, **more))


def live(house: House, days: int, *, hours: tuple[int, ...] = (6, 8, 9, 11, 12, 14, 17, 18, 21)) -> None:
    """Days of ordinary life, from wherever the clock stands; a sensor's hourly sign of life in between."""
    for _ in range(days * 24):
        hour = (START_WALL_MS // 1000 + house.now_ms // 1000 + 8 * HOUR) % 86_400 // HOUR
        house.say(Kind.MOTION, hour in hours, "hall-pir")
        house.wait(HOUR)


def test_an_ordinary_day_is_told_at_the_hour_a_contact_chose_and_to_nobody_else() -> None:
    house = evening()
    live(house, 5)
    assert lines(house) == [("c1", "S23-seen")] * 3 + [("c1", "S23")] * 2


def test_after_a_day_of_a_doubtful_clock_the_line_goes_out_though_nobody_at_home_says_a_word() -> None:
    house = evening()
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS + 10 * 60_000, "trust": "NTP"})
    house.wait(24 * HOUR)
    assert lines(house) == []
    house.wait(12 * HOUR)
    assert [contact for contact, _ in lines(house)] == ["c1"]


def test_each_contact_has_an_hour_of_their_own() -> None:
    contacts = (Contact("c1", 1, daily_line="21:00"), Contact("c2", 2, daily_line="19:30"))
    house = House(home(contacts=contacts))
    live(house, 1)
    assert [contact for contact, _ in lines(house)] == ["c2", "c1"]


def test_who_moves_their_hour_back_over_the_present_one_hears_tomorrow() -> None:
    house = evening()
    house.wait(10 * HOUR + 1800)  # a quarter to seven
    house.say(Kind.CONFIG, home(contacts=(Contact("c1", 1, daily_line="18:00"),)).to_json())
    house.wait(12 * HOUR)
    assert lines(house) == []
    house.wait(12 * HOUR)
    assert [contact for contact, _ in lines(house)] == ["c1"]


def test_a_contact_with_push_alone_gets_the_line_there_and_one_without_either_gets_none() -> None:
    contacts = (
        Contact("land", 1, channels=("call", "push"), daily_line="19:30"),
        Contact("deaf", 2, channels=("call",), daily_line="19:30"),
    )
    house = House(home(contacts=contacts))
    live(house, 2)
    assert lines(house) == []
    assert [(a.contact, a.template) for a in house.actions if isinstance(a, Push)] == [("land", "S23-seen")] * 2


def test_a_day_with_little_activity_is_not_called_ordinary() -> None:
    house = evening()
    live(house, 4)
    live(house, 1, hours=(9, 20))
    assert lines(house)[-1] == ("c1", "S23-quiet")


def test_what_a_door_a_bed_or_a_running_tap_repeats_is_no_activity() -> None:
    """An hourly "still closed" of days in which nobody moved is not told a child as a day like any other."""
    house = evening(
        devices={d.id: d for d in (Device("door", "contact", entrance=True), Device("bed", "bed"),
                                   Device("w", "water_meter", interval_s=300))},
        settings={"inactivity.enabled": 0.0},
    )  # fmt: skip
    for hour in range(9 * 24):
        if hour < 4 * 24 and hour % 24 < 12:  # four days of life, then nothing but signs of life of devices
            house.say(Kind.CONTACT, "open", "door")
            house.say(Kind.BED, False, "bed")
        house.say(Kind.CONTACT, "closed", "door")
        house.say(Kind.BED, True, "bed")
        for _ in range(12):
            house.say(Kind.WATER, 0.1, "w")
            house.wait(300)
    told = [template for _, template in lines(house)]
    assert told[3:5] == ["S23", "S23-quiet"]
    assert set(told[4:]) == {"S23-quiet"}


def test_when_the_gateway_was_blind_it_says_so() -> None:
    house = evening()
    live(house, 4)
    house.say(Kind.RECORDER, False)
    house.wait(5 * HOUR)
    house.say(Kind.RECORDER, True)
    live(house, 1)
    blind = [a for a in house.actions if isinstance(a, Text) and a.template == "S23-blind"]
    assert [a.params["hours"] for a in blind] == [5]


def three_eyes() -> House:
    eyes = {name: Device(name, "motion") for name in ("hall-pir", "kitchen", "bedroom")}
    house = evening(devices=eyes, settings={"inactivity.enabled": 0.0})
    live(house, 4)
    return house


def test_with_most_of_the_sensors_lost_the_day_was_not_seen_and_with_one_it_was() -> None:
    one = three_eyes()
    one.at_the_hour(12)
    one.say(Kind.SEEN, False, "kitchen")
    one.at_the_hour(20)
    assert lines(one)[-1] == ("c1", "S23-fault"), "seen, but something is wrong"
    two = three_eyes()
    two.at_the_hour(12)
    for name in ("kitchen", "bedroom"):
        two.say(Kind.SEEN, False, name)
    two.at_the_hour(20)
    assert lines(two)[-1] == ("c1", "S23-blind")
    assert two.texts("S23-blind")[-1].params["hours"] == 7


def test_three_hours_without_power_in_the_middle_of_a_day_are_three_hours() -> None:
    house = evening()
    live(house, 4)
    house.at_the_hour(11)
    house.say(Kind.SEEN, None, "hall-pir")
    house.now_ms += 3 * HOUR * 1000
    house.say(Kind.RESTART, {"gap": "KNOWN"})
    for _ in range(6):
        house.say(Kind.SEEN, None, "hall-pir")
        house.wait(HOUR)
    assert house.texts("S23-blind")[-1].params["hours"] == 3


def test_a_night_and_a_day_seen_by_nobody_are_told_whole_though_no_word_came_at_midnight() -> None:
    house = evening()
    live(house, 4)
    house.say(Kind.RECORDER, False)
    house.wait(36 * HOUR)
    assert [a.params["hours"] for a in house.texts("S23-blind")] == [11, 19]  # from a quarter past eight; midnight


def test_what_was_not_seen_while_the_gateway_was_off_is_of_the_day_it_was() -> None:
    """Off from ten in the evening to ten in the morning: ten hours of today, and not two of yesterday's twelve."""
    house = evening()
    live(house, 4)
    house.at_the_hour(22)
    house.now_ms += 12 * HOUR * 1000
    house.say(Kind.RESTART, {})
    live(house, 1)
    assert house.texts("S23-blind")[-1].params["hours"] == 10


def test_a_day_that_was_not_seen_is_said_so_though_there_was_an_alarm() -> None:
    house = evening()
    live(house, 4)
    house.press()
    house.press("cancel")
    house.say(Kind.RECORDER, False)
    house.wait(12 * HOUR)
    assert lines(house)[-1] == ("c1", "S23-blind")


@pytest.mark.parametrize("usual", [False, True])
def test_devices_are_not_called_fine_while_one_is_not(usual: bool) -> None:
    """The line of a day on which the red button is lost must not lull anybody (invariant vii)."""
    house = evening()
    if usual:
        live(house, 4)
    house.say(Kind.SEEN, False, "bedroom")
    live(house, 1)
    assert lines(house)[-1] == ("c1", "S23-fault")
    house.say(Kind.SEEN, True, "bedroom")
    live(house, 1)
    assert "S23-fault" not in lines(house)[-1]


@pytest.mark.parametrize("code", ["METER_REBASED", "VITAL_TREND", "HOME_AWAY", "GEOFENCE_EXIT", "TEST_MANUAL"])
def test_what_is_no_fault_of_a_device_calls_nobody_to_look_at_one(code: str) -> None:
    """A meter that was exchanged begins anew once, and no end of that is ever told."""
    house = evening()
    live(house, 4)
    heed(house.controller, (Technical(code, "w", True, "test"),), house.now_ms)
    live(house, 1)
    assert lines(house)[-1][1] != "S23-fault"


@pytest.mark.parametrize(
    "code", ["MAINS_FAIL", "GATEWAY_BATTERY_LOW", "UPLINK_LOST", "STORAGE_FAULT", "DRIVER_BLIND", "CELL_LOST"]
)
def test_the_gateway_itself_is_not_called_fine_while_it_is_not(code: str) -> None:
    house = evening()
    live(house, 4)
    house.say(Kind.CONDITION, {"code": code, "on": True})
    live(house, 1)
    assert lines(house)[-1] == ("c1", "S23-fault")
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    live(house, 1)
    assert lines(house)[-1] == ("c1", "S23-fault")
    house.say(Kind.CONDITION, {"code": code, "on": False})
    live(house, 1)
    assert lines(house)[-1] == ("c1", "S23")


def test_no_line_calls_devices_fine_that_says_they_are_not() -> None:
    """Which lines claim it is written down here apart from the rule."""
    for catalogue, fine in ((load(), "设备正常"), (load("en"), "devices fine")):
        claims = {name for name, text in catalogue.sms.items() if fine in text}
        assert claims <= {"S23", "S23-seen", "S23-quiet", "S23-alarm", "S23-device"}


def test_a_day_with_an_alarm_is_not_called_ordinary() -> None:
    house = evening()
    live(house, 4)
    house.press()
    house.press("cancel")
    live(house, 1)
    assert lines(house)[-1] == ("c1", "S23-alarm")


def test_a_home_without_activity_sensors_speaks_of_its_devices_only() -> None:
    view = home()
    devices = {n: d for n, d in view.devices.items() if d.kind in ("button", "wearable")}
    house = evening(devices=devices)
    house.wait(24 * HOUR)
    assert lines(house) == [("c1", "S23-device")]


@pytest.mark.parametrize("missing", ["NOTIFY_FAMILY", "MONITORING"])
def test_without_the_elders_consent_nothing_leaves_the_home(missing: str) -> None:
    house = evening(consents={"MONITORING": True, "NOTIFY_FAMILY": True} | {missing: False})
    house.wait(48 * HOUR)
    assert lines(house) == []


def test_a_reply_within_a_day_is_the_childs_contact_once() -> None:
    house = evening()
    house.wait(12 * HOUR)
    house.reply("c1", "谢谢")
    house.reply("c1", "谢谢")
    house.reply("c2", "谢谢")
    assert [n["contact"] for n in notes(house, "CHILD_CONTACT")] == ["c1"]
    house.wait(36 * HOUR)
    house.say(Kind.CONFIG, home(contacts=(Contact("c1", 1), Contact("c2", 2))).to_json())
    house.wait(30 * HOUR)
    house.reply("c1", "1")
    assert len(notes(house, "CHILD_CONTACT")) == 1


def test_a_line_about_the_evening_is_not_for_the_night() -> None:
    house = evening()
    house.now_ms += 15 * HOUR * 1000
    house.say(Kind.RESTART, {})
    house.wait(60)
    assert lines(house) == []


def test_the_lines_state_survives_a_snapshot() -> None:
    house = evening()
    live(house, 4)
    again = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    assert again.to_json() == house.controller.to_json()

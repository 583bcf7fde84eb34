"""报平安: the green key every morning, reminded once, thanked when pressed, asked about when missed."""

from __future__ import annotations

import pytest
from sensor_rooms import DAY, HOUR, MINUTE, house_of, lose, power_cut, raised, restarted
from virtual_home import START_WALL_MS, House

from gateway.home.model import Device
from gateway.observations import Kind

GREEN = Device("green", "button", role="ok")
RED = Device("red", "button")
HALL = Device("hall", "motion")


def agreed(by_h: float = 9.5, *, at: int = 4, **settings: float) -> House:
    """A home that agreed to report by half past nine; it is four in the morning, and yesterday all was well."""
    numbers = {k.replace("__", "."): v for k, v in settings.items()}
    house = house_of(GREEN, RED, HALL, settings={"welfare.by_h": by_h} | numbers)
    house.press("green")
    house.wait(16 * HOUR)
    house.at_the_hour(at)
    house.actions.clear()
    return house


def status(house: House) -> tuple[str, str]:
    found = house.controller.statuses()["welfare"]
    return found.readiness.value, found.reason


def reports(house: House) -> list[str]:
    return [body["reason"] for body in house.published("event") if body["code"] == "OK_REPORTED"]


def test_a_morning_without_the_key_is_reminded_of_asked_about_and_then_told() -> None:
    house = agreed()
    house.at_the_hour(9)
    assert house.said() == ["V19"]
    house.wait(30 * MINUTE - 1)
    assert raised(house) == []
    house.wait(1)
    assert raised(house) == [("WELFARE_MISSED", None)]
    assert house.said()[-1] == "V08"
    house.wait(5 * MINUTE)
    assert house.states()[-1] == "RAISED"
    assert house.controller.book.alarms[1].severity == "P1"
    assert house.controller.book.alarms[1].evidence["by"] == "09:30"
    assert house.told("S22")[0] == "c1"


def test_the_key_in_the_window_is_thanked_told_once_and_ends_the_day() -> None:
    house = agreed()
    house.at_the_hour(7)
    house.press("green")
    assert house.said() == ["V20"]
    assert reports(house) == ["morning"]
    house.at_the_hour(12)
    assert raised(house) == []
    assert house.said() == ["V20"]  # and nobody is reminded of what is done
    house.wait(DAY)
    assert raised(house) == [("WELFARE_MISSED", None)]  # the next day is another


def test_a_service_key_in_the_window_reports_well_and_asks_for_nothing() -> None:
    house = house_of(Device("service", "button", role="service"), settings={"welfare.by_h": 9.0})
    house.press("service")  # 08:15
    assert raised(house) == []
    house.at_the_hour(10)
    house.press("service")
    assert [code for code, _ in raised(house)] == ["SERVICE_REQUEST"]


def test_a_key_in_the_night_is_not_the_mornings() -> None:
    house = agreed()
    house.press("green")  # four o'clock
    house.at_the_hour(10)
    assert raised(house) == [("WELFARE_MISSED", None)]


def test_whoever_is_seen_during_the_question_is_well() -> None:
    house = agreed()
    house.at_the_hour(9, 31)
    house.say(Kind.MOTION, True, "hall")
    assert house.states()[-1] == "RECOVERED"
    assert house.said()[-1] == "V20"


def test_the_key_during_the_question_answers_and_the_red_one_calls() -> None:
    house = agreed()
    house.at_the_hour(9, 31)
    house.press("green")
    assert house.states()[-1] == "RECOVERED"
    other = agreed()
    other.at_the_hour(9, 31)
    other.press("red")
    assert other.states(1)[-1] == "RECOVERED"
    assert raised(other)[-1] == ("CALL_FIXED", "red")


def test_no_reminder_where_none_is_wanted() -> None:
    house = agreed(welfare__remind_min=0)
    house.at_the_hour(9, 29)
    assert house.said() == []
    house.wait(2 * MINUTE)
    assert raised(house) == [("WELFARE_MISSED", None)]


@pytest.mark.parametrize("said", [True, {"guests": True}])
def test_who_is_out_or_has_guests_is_not_asked_and_who_comes_back_at_noon_neither(said: object) -> None:
    house = agreed(at=8)
    house.say(Kind.AWAY, said)
    house.at_the_hour(12)
    house.say(Kind.AWAY, {"guests": False} if isinstance(said, dict) else False)
    house.wait(HOUR)
    assert raised(house) == []
    house.at_the_hour(10)
    assert raised(house) == [("WELFARE_MISSED", None)]


def test_a_power_cut_over_the_hour_lets_the_day_pass_and_one_before_it_does_not() -> None:
    over = agreed(at=9)
    power_cut(over, HOUR)
    over.wait(6 * HOUR)
    assert raised(over) == []
    before = agreed(at=8)
    power_cut(before, HOUR)
    before.wait(HOUR)
    assert raised(before) == [("WELFARE_MISSED", None)]


def test_with_its_only_key_lost_nobody_could_have_pressed() -> None:
    house = agreed(at=8)
    lose(house, "green")
    assert status(house) == ("UNAVAILABLE", "sensor_lost")
    house.wait(DAY)
    assert raised(house) == []


def test_a_clock_that_is_set_over_the_hour_misses_nobody() -> None:
    house = agreed(at=8)
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS + 4 * 3_600_000, "trust": "NTP"})
    house.wait(HOUR)
    assert raised(house) == []
    assert status(house) == ("OFF", "clock")
    fresh = house_of(GREEN, settings={"welfare.by_h": 9.5})
    fresh.press("green")
    fresh.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "NONE"})
    fresh.wait(DAY)
    fresh.say(Kind.CLOCK, {"offset_ms": START_WALL_MS + 4 * 3_600_000, "trust": "NTP"})
    fresh.wait(HOUR)
    assert raised(fresh) == []


def test_what_is_agreed_at_noon_begins_tomorrow() -> None:
    house = house_of(GREEN)
    house.at_the_hour(12)
    house.say(Kind.CONFIG, house_of(GREEN, settings={"welfare.by_h": 9.5}).controller.home.to_json())
    house.wait(HOUR)
    assert raised(house) == []
    house.at_the_hour(10)
    assert raised(house) == [("WELFARE_MISSED", None)]


def test_who_moves_the_hour_over_the_present_one_is_not_asked_at_once() -> None:
    house = agreed()
    house.at_the_hour(9, 15)
    house.say(Kind.CONFIG, agreed(9.0).controller.home.to_json())
    house.wait(6 * HOUR)
    assert raised(house) == []
    house.wait(DAY)
    assert raised(house) == [("WELFARE_MISSED", None)]


def test_who_is_back_before_the_hour_is_reminded_as_ever() -> None:
    house = agreed()
    house.say(Kind.AWAY, True)
    house.at_the_hour(7)
    house.say(Kind.AWAY, False)
    house.at_the_hour(9, 5)
    assert house.said().count("V19") == 1


def test_who_lies_on_the_floor_when_a_set_clock_is_believed_again_is_asked_without_a_word_from_anybody() -> None:
    house = agreed()
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS + 10 * 60_000, "trust": "NTP"})
    assert status(house) == ("OFF", "clock")
    house.wait(DAY)
    assert raised(house) == []
    assert status(house) == ("ARMED", "")
    house.wait(5 * HOUR + 20 * MINUTE)
    assert raised(house) == [("WELFARE_MISSED", None)]


def test_a_clock_that_was_years_ahead_does_not_end_it_for_years() -> None:
    """A battery clock that says 2036 is believed, until the network says otherwise."""
    house = agreed()
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS + 3_653 * 86_400_000, "trust": "RTC"})
    house.wait(4 * DAY)
    assert len(raised(house)) >= 1
    house.press("green")
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "NTP"})
    before = len(raised(house))
    house.wait(3 * DAY)
    assert len(raised(house)) > before


def test_who_is_seen_at_noon_after_a_question_of_yesterday_is_not_asked_for_this_morning() -> None:
    house = agreed()
    house.at_the_hour(10)
    house.wait(DAY + 2 * HOUR)
    assert house.states()[-1] == "UNANSWERED"
    house.say(Kind.MOTION, True, "hall")
    house.wait(3 * HOUR)
    assert raised(house) == [("WELFARE_MISSED", None)]


def test_it_says_why_it_is_off() -> None:
    assert status(agreed()) == ("ARMED", "")
    assert status(house_of(GREEN)) == ("OFF", "setting")
    assert status(house_of(HALL, settings={"welfare.by_h": 9.0})) == ("OFF", "no_green_key")
    assert status(house_of(GREEN, settings={"welfare.by_h": 9.0}, MONITORING=False)) == ("OFF", "no_consent")


def test_a_restart_in_the_window_changes_nothing() -> None:
    house = agreed(at=8)
    restarted(house)
    house.at_the_hour(9, 5)
    restarted(house)
    house.wait(26 * MINUTE)
    assert house.said().count("V19") == 1
    assert raised(house) == [("WELFARE_MISSED", None)]

"""A walk at dawn that is a habit is given the time it takes; whoever is not back by then is asked about as ever."""

from __future__ import annotations

import pytest
from sensor_rooms import power_cut, raised, restarted
from virtual_home import House, home

from gateway.home.model import Device
from gateway.observations import Kind
from gateway.rules.night_exit import NightExit

MIN, HOUR, DAY = 60.0, 3600.0, 86400.0


def walker(*residents: str, **settings: float) -> House:
    """One elder alone, a door, a hall and a bed; it is 08:15:30 on the first of March."""
    devices = (Device("door", "contact", entrance=True), Device("hall", "motion"), Device("bed", "bed"))
    off = {"inactivity.enabled": 0.0, "door_left_open.after_min": 1440.0, "bed_absence.enabled": 0.0}
    house = House(
        home(
            devices={d.id: d for d in devices},
            consents={"MONITORING": True},
            residents=residents or ("elder",),
            settings=off | {k.replace("__", "."): v for k, v in settings.items()},
        )
    )
    house.say(Kind.CONTACT, "closed", "door")
    return house


def until(house: House, clock: str) -> None:
    """Waits for the next time the clock on the wall shows this."""
    hours, minutes = clock.split(":")
    wanted = (int(hours) * 60 + int(minutes)) * 60_000
    now = house.controller.civil.ms_of_day(house.now_ms)
    house.wait(((wanted - now - 1) % 86_400_000 + 1) / 1000)


def through_the_door(house: House) -> None:
    house.say(Kind.CONTACT, "open", "door")
    house.wait(4)
    house.say(Kind.CONTACT, "closed", "door")


def leave(house: House, at: str) -> None:
    until(house, at)
    house.say(Kind.MOTION, True, "hall")
    house.wait(2)
    through_the_door(house)


def come_in(house: House) -> None:
    through_the_door(house)
    house.wait(3)
    house.say(Kind.MOTION, True, "hall")


def walk(house: House, at: str = "04:40", minutes: float = 60) -> None:
    leave(house, at)
    house.wait(minutes * MIN)
    come_in(house)


def stay_in(house: House, days: int) -> None:
    """Up in the morning, and nowhere out."""
    for _ in range(days):
        house.wait(DAY)
        house.say(Kind.MOTION, True, "hall")


def asked(house: House) -> int:
    return len([code for code, _ in raised(house) if code == "NIGHT_EXIT"])


def rule(house: House) -> NightExit:
    return next(r for r in house.controller.rules if isinstance(r, NightExit))


def test_a_walk_every_morning_is_asked_about_for_a_week_and_then_no_more() -> None:
    house = walker()
    for _ in range(21):
        walk(house)
    assert asked(house) == 7


def test_who_goes_as_ever_and_does_not_come_back_is_asked_about_a_quarter_after_the_longest_walk() -> None:
    house = walker()
    for minutes in (60, 40, 60, 50, 60, 45, 60):
        walk(house, minutes=minutes)
    before = asked(house)
    leave(house, "04:45")
    house.wait(74 * MIN)
    assert asked(house) == before
    house.wait(2 * MIN)
    assert asked(house) == before + 1
    alarm = house.controller.book.alarms[max(house.controller.book.alarms)]
    assert alarm.evidence["wait_min"] == 75
    assert alarm.evidence["left_min"] == 75


@pytest.mark.parametrize("at", ["23:30", "02:00", "02:59"])
def test_who_leaves_in_the_middle_of_the_night_is_looked_for_however_often_it_went_well(at: str) -> None:
    house = walker()
    for _ in range(12):
        walk(house, at)
    assert asked(house) == 12


def test_from_three_on_it_may_be_a_walk() -> None:
    """The fish market opens at half past three."""
    house = walker()
    for _ in range(12):
        walk(house, "03:01")
    assert asked(house) == 7


def test_who_goes_before_three_is_looked_for_though_the_walk_is_at_three() -> None:
    house = walker()
    for _ in range(9):
        walk(house, "03:05")
    before = asked(house)
    walk(house, "02:50")
    assert asked(house) == before + 1


def test_half_an_hour_sooner_or_later_is_the_same_walk() -> None:
    house = walker()
    for _ in range(10):
        walk(house, "04:25")
    before = asked(house)
    for at in ("04:50", "03:56"):
        walk(house, at)
    assert asked(house) == before
    walk(house, "03:54")
    assert asked(house) == before + 1


def test_another_hour_than_the_usual_one_is_no_habit() -> None:
    """She walks at half past four; at half past three she is lost, or very ill."""
    house = walker()
    for _ in range(10):
        walk(house, "04:30")
    before = asked(house)
    walk(house, "03:55")
    assert asked(house) == before + 1


def test_walks_at_any_hour_of_the_morning_are_no_habit_of_any() -> None:
    """Six of them within an hour around four, the others far from it: that is restlessness."""
    house = walker()
    for _ in range(3):
        for at in ("04:50", "03:05", "04:10", "04:50"):
            walk(house, at, 30)
    assert asked(house) == 12


def test_the_same_walk_a_little_after_night_teaches_as_well() -> None:
    """In winter she goes at ten past five, and the days grow longer."""
    house = walker()
    for _ in range(8):
        walk(house, "05:10")
    walk(house, "04:50")
    assert asked(house) == 0


def test_a_habit_that_is_given_up_is_forgotten() -> None:
    house = walker()
    for _ in range(10):
        walk(house)
    before = asked(house)
    stay_in(house, 10)
    walk(house)
    assert asked(house) == before + 1


def test_three_mornings_of_rain_do_not_unlearn_it_and_a_fourth_does() -> None:
    for rainy, more in ((3, 0), (4, 1)):
        house = walker()
        for _ in range(10):
            walk(house)
        before = asked(house)
        stay_in(house, rainy)
        walk(house)
        assert asked(house) == before + more, rainy


def test_an_outing_of_half_the_day_is_no_walk_and_buys_no_patience() -> None:
    house = walker()
    for _ in range(9):
        walk(house, minutes=121)
    assert asked(house) == 9


def test_no_habit_buys_more_than_two_hours() -> None:
    house = walker()
    for _ in range(7):
        walk(house, minutes=119)
    before = asked(house)
    leave(house, "04:40")
    house.wait(120 * MIN - 1)
    assert asked(house) == before
    house.wait(1)
    assert asked(house) == before + 1


def test_a_short_walk_takes_nothing_off_the_wait_of_every_exit() -> None:
    house = walker(night_exit__wait_min=30)
    for _ in range(8):
        walk(house, minutes=11)
    leave(house, "04:40")
    house.wait(30 * MIN - 1)
    assert asked(house) == 0
    house.wait(1)
    assert asked(house) == 1


def test_where_somebody_may_wander_it_is_not_learned() -> None:
    house = walker(night_exit__learn=0)
    for _ in range(12):
        walk(house)
    assert asked(house) == 12
    assert rule(house).learned() == {}


def test_the_habit_of_one_of_a_couple_is_no_habit_of_the_other() -> None:
    """He walks every morning; she does not know any more where she lives."""
    house = walker("he", "she")
    for _ in range(12):
        walk(house)
    assert asked(house) == 12


def test_who_comes_in_unseen_was_away_for_nobody_knows_how_long() -> None:
    """The door moved, and the feet in the hall belong to noon: that is not learned as a walk of two hours."""
    house = walker()
    for _ in range(8):
        leave(house, "04:40")
        house.wait(60 * MIN)
        through_the_door(house)
        house.wait(7 * HOUR)
        house.say(Kind.MOTION, True, "hall")
    assert rule(house).learned() == {}


def test_a_morning_the_power_was_cut_teaches_nothing() -> None:
    house = walker()
    for _ in range(6):
        walk(house)
    leave(house, "04:40")
    power_cut(house, 20 * MIN)
    house.wait(30 * MIN)
    come_in(house)
    assert rule(house).learned()["early_walks"] == 6


def test_a_clock_nobody_believes_teaches_no_hour_and_gives_no_patience() -> None:
    house = walker()
    for _ in range(7):
        walk(house)
    house.say(Kind.CLOCK, {"offset_ms": house.controller.civil.offset_ms + 3 * 3_600_000, "trust": "NTP"})
    walk(house)
    assert rule(house).learned()["early_walks"] == 7


def test_a_clock_that_is_set_while_somebody_walks_teaches_no_hour() -> None:
    house = walker()
    leave(house, "04:40")
    house.wait(30 * MIN)
    house.say(Kind.CLOCK, {"offset_ms": house.controller.civil.offset_ms - 3_600_000, "trust": "NTP"})
    house.wait(30 * MIN)
    come_in(house)
    assert rule(house).learned() == {}


def test_the_habit_and_the_walk_that_is_waited_for_outlive_a_restart() -> None:
    house = walker()
    for _ in range(7):
        walk(house)
    before = asked(house)
    leave(house, "04:40")
    restarted(house)
    house.wait(70 * MIN)
    assert asked(house) == before
    come_in(house)
    restarted(house)
    walk(house)
    assert asked(house) == before


def test_hearthwatch_rules_says_what_it_learned() -> None:
    house = walker()
    for at, minutes in (("04:40", 30), ("04:42", 55), ("04:38", 40)):
        walk(house, at, minutes)
    assert rule(house).learned() == {"early_walks": 3, "leaves_about": "04:40", "longest_walk_min": 55}


def test_without_consent_nothing_of_it_is_kept() -> None:
    house = walker()
    for _ in range(7):
        walk(house)
    house.say(Kind.CONFIG, home(devices=house.controller.home.devices, consents={"MONITORING": False}).to_json())
    assert rule(house).learned() == {}
    assert rule(house).to_json()["walks"] == []

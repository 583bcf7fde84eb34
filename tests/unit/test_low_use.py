"""Less water and less electricity than this home usually needs in a day, learned and never guessed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sensor_rooms import DAY, HOUR, MINUTE, house_of, lose, power_cut, raised, restarted
from virtual_home import House

from gateway.alarms import words
from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind

WATER = Device("w", "water_meter", interval_s=1800)
METER = Device("m", "electricity_meter")
HALL = Device("hall", "motion")
GREEN = Device("green", "button", role="ok")


def status(house: House, rule: str = "water_low_use") -> tuple[str, str]:
    found = house.controller.statuses()[rule]
    return found.readiness.value, found.reason


def draw(house: House, days: float, litres: float = 5.0) -> None:
    """Water every two hours: 12 times `litres` a day."""
    for _ in range(round(days * 12)):
        house.wait(HOUR)
        house.say(Kind.WATER, litres, "w")
        house.wait(HOUR)


def asked(house: House) -> None:
    """Lets time pass until the question comes."""
    while not raised(house):
        house.wait(MINUTE)


def burn(house: House, hours: float, watts: float, every_min: float = 15) -> None:
    for _ in range(round(hours * 60 / every_min)):
        house.wait(every_min * MINUTE)
        house.say(Kind.POWER, watts, "m")


def watered(*more: Device, days: float = 8, **settings: float) -> House:
    house = house_of(WATER, GREEN, *more, settings={k.replace("__", "."): v for k, v in settings.items()})
    draw(house, days)
    return house


# ---- water


def test_a_week_is_learned_first() -> None:
    house = watered(days=5)
    assert status(house) == ("LEARNING", "")
    house.wait(1.5 * DAY)
    assert raised(house) == []  # the inactivity rule's fixed day is off in this house
    assert status(watered()) == ("ARMED", "")


def test_under_a_quarter_of_the_usual_day_is_asked_about_and_then_told_in_water_s_words() -> None:
    house = watered()
    house.wait(17 * HOUR)
    assert raised(house) == []  # four draws of twelve are in the last day
    house.wait(6 * HOUR)
    assert raised(house) == [("WATER_LOW_USE", None)]
    evidence = house.controller.book.alarms[1].evidence
    assert evidence["usual"] == 60.0
    assert evidence["line"] == 15.0
    assert evidence["used"] < 15.0
    assert evidence["limit_h"] == 24
    house.wait(5 * MINUTE)
    assert "RAISED" in house.states()
    assert house.texts("S04")[0].params["hours"] == 24


def test_water_during_the_question_answers_it() -> None:
    house = watered()
    asked(house)
    house.say(Kind.WATER, 5.0, "w")
    assert house.states()[-1] == "RECOVERED"
    house.wait(23 * HOUR)
    assert len(raised(house)) == 1  # the day begins anew


def test_who_is_seen_about_has_only_used_little() -> None:
    house = watered(HALL)
    for _ in range(6):
        house.wait(6 * HOUR)
        house.say(Kind.MOTION, True, "hall")
    assert raised(house) == []
    house.wait(12 * HOUR)
    assert raised(house) == [("WATER_LOW_USE", None)]


@pytest.mark.parametrize("supply", ["shared", "well"])
def test_never_on_a_supply_that_is_not_the_home_s_own(supply: str) -> None:
    house = house_of(Device("w", "water_meter", interval_s=1800, supply=supply), settings={"inactivity.enabled": 1.0})
    assert status(house) == ("OFF", "not_own_supply")
    assert status(house, "inactivity") == ("OFF", "no_activity_sensor")  # nor does the neighbours' water bear witness
    draw(house, 8)
    house.wait(3 * DAY)
    assert raised(house) == []


def test_the_pump_of_a_well_is_no_sign_of_life() -> None:
    house = house_of(Device("w", "water_meter", supply="well"), HALL, settings={"inactivity.enabled": 1.0})
    house.say(Kind.MOTION, True, "hall")
    for _ in range(13):
        house.wait(HOUR)
        house.say(Kind.WATER, 30.0, "w")
    assert raised(house) == [("INACTIVITY", None)]


def test_a_meter_read_a_few_times_a_day_comes_too_late_and_the_rule_says_so() -> None:
    house = house_of(Device("w", "water_meter", interval_s=6 * HOUR), Device("m", "electricity_meter", interval_s=DAY))
    assert status(house) == status(house, "power_low_use") == ("OFF", "read_too_seldom")


def test_a_city_s_rule_that_was_chosen_stands_instead() -> None:
    assert status(watered(days=0, water_preset__rule=1)) == ("OFF", "preset_chosen")


def test_where_only_a_meter_watches_the_learned_line_and_the_dry_day_are_one_alarm() -> None:
    house = watered(inactivity__enabled=1)
    house.wait(3 * DAY)
    assert raised(house) == [("WATER_LOW_USE", None)]
    house.say(Kind.WATER, 5.0, "w")
    house.wait(25 * HOUR)
    assert len(raised(house)) == 2


@pytest.mark.parametrize("why", ["lost", "cut", "away", "guests"])
def test_what_was_not_read_was_not_unused(why: str) -> None:
    house = watered()
    house.wait(14 * HOUR)
    if why == "lost":
        lose(house, "w")
        house.say(Kind.SEEN, None, "w")
    elif why == "cut":
        power_cut(house, HOUR)
    else:
        house.say(Kind.AWAY, True if why == "away" else {"guests": True})
        house.say(Kind.AWAY, False if why == "away" else {"guests": False})
    house.wait(23 * HOUR)
    assert raised(house) == []
    house.wait(2 * HOUR)
    assert raised(house) == [("WATER_LOW_USE", None)]


def test_a_lost_meter_says_unavailable_and_takes_the_question_back() -> None:
    house = watered()
    asked(house)
    lose(house, "w")
    assert house.states()[-1] == "RECOVERED"
    assert status(house) == ("UNAVAILABLE", "sensor_lost")
    house.wait(3 * DAY)
    assert len(raised(house)) == 1


def test_one_trip_moves_no_middle_and_a_home_that_became_frugal_is_known_in_a_week() -> None:
    house = watered(days=9)
    house.say(Kind.AWAY, True)
    house.wait(11 * HOUR)
    house.say(Kind.AWAY, False)
    draw(house, 2)
    usual = next(r for r in house.controller.rules if r.name == "water_low_use").learned()["usual_L_a_day"]
    assert usual == 60.0
    draw(house, 9, litres=1.0)
    usual = next(r for r in house.controller.rules if r.name == "water_low_use").learned()["usual_L_a_day"]
    assert usual == 12.0


def test_of_two_residents_less_is_asked_of() -> None:
    alone = watered()
    alone.wait(23 * HOUR)
    line = alone.controller.book.alarms[1].evidence["line"]
    two = House(
        type(alone.controller.home)(
            residents=("a", "b"), devices={"w": WATER}, consents={"MONITORING": True},
            settings={"inactivity.enabled": 0.0},
        )
    )  # fmt: skip
    draw(two, 8)
    two.wait(24 * HOUR)
    assert two.controller.book.alarms[1].evidence["line"] == line / 1.25


# ---- electricity


def powered(*more: Device, days: int = 8, **settings: float) -> House:
    house = house_of(METER, *more, settings={k.replace("__", "."): v for k, v in settings.items()})
    burn(house, 24 * days, 200.0)
    return house


def test_a_day_under_a_third_of_the_usual_power_is_asked_about() -> None:
    house = powered()
    assert status(house, "power_low_use") == ("ARMED", "")
    burn(house, 19, 30.0)
    assert raised(house) == []
    burn(house, 2, 30.0)
    assert raised(house) == [("POWER_LOW_USE", None)]
    assert house.controller.book.alarms[1].severity == "P2"
    evidence = house.controller.book.alarms[1].evidence
    assert evidence["unit"] == "kWh"
    kwh = [f"{evidence[name]:.1f}".removesuffix(".0") for name in ("used", "usual", "line")]
    assert all(f"{number}度" in words.explain("POWER_LOW_USE", evidence)["zh"] for number in kwh), kwh


def test_with_the_water_low_as_well_it_is_p1_and_with_water_running_p2() -> None:
    dry = powered(WATER, days=7)
    dry.say(Kind.WATER, 3.0, "w")
    burn(dry, 25, 200.0)
    burn(dry, 24, 30.0)
    assert dry.controller.book.alarms[1].severity == "P1"
    assert dry.controller.book.alarms[1].evidence["litres"] == 0.0
    wet = powered(WATER, power_low_use__quiet_h=0)
    for _ in range(12):
        burn(wet, 2, 30.0)
        wet.say(Kind.WATER, 3.0, "w")
    assert wet.controller.book.alarms[1].severity == "P2"


@pytest.mark.parametrize(("litres", "severity"), [(9.9, "P1"), (10.0, "P2")])
def test_under_ten_litres_confirm_it(litres: float, severity: str) -> None:
    house = powered(WATER, power_low_use__quiet_h=0)
    burn(house, 12, 30.0)
    house.say(Kind.WATER, litres, "w")
    burn(house, 12, 30.0)
    assert house.controller.book.alarms[1].severity == severity


@pytest.mark.parametrize(
    ("read_h", "severity"),
    [
        ([], "P2"),  # a meter that never told anything is no witness
        ([0], "P2"),  # nobody read it lately
        ([*range(30, 48)], "P2"),  # nobody knows what flowed before
        ([*range(48)], "P1"),
        ([*range(10), *range(30, 48)], "P2"),
    ],
)
def test_a_water_register_confirms_only_a_day_that_it_was_read(read_h: list[int], severity: str) -> None:
    house = powered(Device("w", "water_meter"))
    for hour in range(48):
        if hour in read_h:
            house.say(Kind.WATER_VOLUME, 100.0, "w")
        burn(house, 1, 200.0 if hour < 24 else 30.0)
    assert house.controller.book.alarms[1].severity == severity


@pytest.mark.parametrize(("until_h", "severity"), [(48, "P1"), (30, "P2")])
def test_of_two_water_registers_each_must_have_been_read(until_h: int, severity: str) -> None:
    """Cold and hot: who has the bath's meter no more does not know that no bath was taken."""
    house = powered(Device("w", "water_meter"), Device("hot", "water_meter"))
    for hour in range(48):
        house.say(Kind.WATER_VOLUME, 100.0, "w")
        if hour < until_h:
            house.say(Kind.WATER_VOLUME, 20.0, "hot")
        burn(house, 1, 200.0 if hour < 24 else 30.0)
        restarted(house)
    assert house.controller.book.alarms[1].severity == severity


def test_a_register_that_was_taken_away_is_waited_for_no_more() -> None:
    house = powered(Device("hot", "water_meter"), WATER)
    house.say(Kind.WATER_VOLUME, 20.0, "hot")
    house.say(Kind.WATER, 3.0, "w")
    left = {d: device for d, device in house.controller.home.devices.items() if d != "hot"}
    house.say(Kind.CONFIG, replace(house.controller.home, devices=left).to_json())
    burn(house, 25, 200.0)
    burn(house, 23, 30.0)
    assert house.controller.book.alarms[1].severity == "P1"


@pytest.mark.parametrize(
    ("told", "read", "severity"),
    [
        ([Kind.WATER], None, "P1"),
        ([Kind.WATER], 1, "P1"),  # the register was another meter's: this one lists its flow
        ([Kind.WATER_VOLUME], 1, "P2"),
        ([Kind.WATER, Kind.WATER_VOLUME], 1, "P2"),
    ],
)
def test_what_the_first_version_knew_of_the_water_is_read(told: list[Kind], read: int | None, severity: str) -> None:
    house = powered(WATER)
    for kind in told:
        house.say(kind, 3.0, "w")
    burn(house, 22, 200.0)
    data = json.loads(json.dumps(house.controller.to_json()))
    row = data["rules"]["power_low_use"]["state"]
    del row["water_seen"]
    row |= {"water_read": read, "water_since": 0}
    house.controller = Controller.from_json(data)
    burn(house, 26, 30.0)
    assert house.controller.book.alarms[1].severity == severity


def test_a_shared_water_meter_confirms_nothing() -> None:
    house = powered(Device("w", "water_meter", supply="shared"))
    burn(house, 24, 30.0)
    assert house.controller.book.alarms[1].severity == "P2"


def test_a_register_is_read_instead_where_there_is_one() -> None:
    house, kwh = house_of(METER), 100.0
    for hour in range(24 * 9):
        house.wait(HOUR)
        kwh += 0.2 if hour < 24 * 8 else 0.03
        house.say(Kind.ENERGY, round(kwh, 2), "m")
        house.say(Kind.POWER, 200.0, "m")
    house.wait(MINUTE)
    assert raised(house) == [("POWER_LOW_USE", None)]


def test_a_meter_that_comes_no_more_used_nobody_knows_what() -> None:
    house = powered()
    house.wait(3 * DAY)
    assert raised(house) == []
    burn(house, 23, 30.0)
    assert raised(house) == []  # the day began with the first reading


def test_a_kettle_is_somebody_at_home() -> None:
    house = powered()
    burn(house, 18, 30.0)
    for watts in (30.0, 1900.0, 1900.0, 30.0):
        house.wait(3 * MINUTE)
        house.say(Kind.POWER, watts, "m")
    burn(house, 11, 30.0)
    assert raised(house) == []
    burn(house, 2, 30.0)
    assert raised(house) == [("POWER_LOW_USE", None)]


def test_it_says_why_it_is_off() -> None:
    assert status(house_of(HALL), "power_low_use") == ("OFF", "no_electricity_meter")
    assert status(house_of(HALL), "water_low_use") == ("OFF", "no_water_meter")
    assert status(house_of(METER, settings={"power_low_use.enabled": 0.0}), "power_low_use") == ("OFF", "setting")
    assert status(house_of(METER, MONITORING=False), "power_low_use") == ("OFF", "no_consent")


def agree(house: House, on: bool) -> None:
    consents = dict.fromkeys(house.controller.home.consents, on)
    house.say(Kind.CONFIG, replace(house.controller.home, consents=consents).to_json())


def test_a_consent_withdrawn_forgets_what_was_usual_and_counts_nothing_more() -> None:
    house = watered(HALL)
    assert status(house) == ("ARMED", "")
    agree(house, False)
    assert status(house) == ("OFF", "no_consent")
    draw(house, 8)
    house.say(Kind.MOTION, True, "hall")
    kept = house.controller.to_json()["rules"]["water_low_use"]
    assert kept["state"]["days"] == kept["state"]["bins"] == []
    assert kept["state"]["seen"] is None
    assert kept["household"]["witnesses"]["last"] == kept["household"]["witnesses"]["seen"] == {}
    agree(house, True)
    assert status(house) == ("LEARNING", "")
    house.wait(2 * DAY)
    assert raised(house) == []


def test_a_consent_withdrawn_takes_the_question_back() -> None:
    house = watered()
    asked(house)
    agree(house, False)
    assert house.state().value == "RECOVERED"
    assert house.events[-1].reason == "rule_unavailable"
    restarted(house)


def test_restarts_change_nothing() -> None:
    house = powered(WATER)
    restarted(house)
    burn(house, 20, 30.0)
    restarted(house)
    burn(house, 4, 30.0)
    assert raised(house) == [("POWER_LOW_USE", None)]
    restarted(house)


def read_hourly(house: House, hours: int, cubic_m: float, each: float) -> float:
    for _ in range(hours):
        house.wait(HOUR)
        cubic_m += each
        house.say(Kind.WATER_VOLUME, round(cubic_m, 3), "w")
    return cubic_m


@pytest.mark.parametrize(("swapped_after_h", "asked"), [(0, True), (12, False)])
def test_a_meter_that_is_swapped_begins_the_day_anew(swapped_after_h: int, asked: bool) -> None:
    house = house_of(Device("w", "water_meter", interval_s=3600), GREEN, settings={"water_low_use.quiet_h": 0.0})
    shows = read_hourly(house, 9 * 24, 500.0, 0.005)
    shows = read_hourly(house, swapped_after_h, shows, 0.0)
    if swapped_after_h:
        shows = 1.0
    read_hourly(house, 20 - swapped_after_h, shows, 0.0)
    assert bool(raised(house)) is asked


def test_a_register_that_was_taken_down_keeps_no_other_from_being_judged() -> None:
    house = watered(Device("hot", "water_meter", interval_s=1800), days=0)
    house.say(Kind.WATER_VOLUME, 20.0, "hot")
    left = {d: device for d, device in house.controller.home.devices.items() if d != "hot"}
    house.say(Kind.CONFIG, replace(house.controller.home, devices=left).to_json())
    draw(house, 8)
    house.wait(23 * HOUR)
    assert raised(house) == [("WATER_LOW_USE", None)]

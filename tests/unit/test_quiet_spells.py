"""How long a meter waits is taught by the home's own quiet spells: what is usual there calls nobody every week."""

from __future__ import annotations

import json
import random

import pytest
from sensor_rooms import HOUR, MINUTE, house_of, power_cut, raised, restarted
from virtual_home import House

from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind
from gateway.rules.quiet_spells import DAY_MS, KEEP_MS, MOST_SPELLS, ONE_IN_MS, QuietSpells

H = 3_600_000
WATER = Device("w", "water_meter", interval_s=1800)
HALL = Device("hall", "motion")
DOOR = Device("door", "contact", entrance=True)


def spells(*hours: float, apart_days: float = 7) -> tuple[QuietSpells, int]:
    """Spells of so many hours, one after the other, and the time at which the last one ended."""
    found, t = QuietSpells(), 0
    for each in hours:
        t += round(apart_days * DAY_MS)
        found.ended(round(each * H), t)
    return found, t


def wait_h(found: QuietSpells, t: int, least: float = 24, most: float = 48) -> float:
    return found.wait_ms(round(least * H), round(most * H), t) / H


# ---- the arithmetic


def test_one_spell_however_long_moves_nothing() -> None:
    assert wait_h(QuietSpells(), 0) == 24
    assert wait_h(*spells(90)) == 24


def test_the_second_longest_of_a_month_and_a_tenth_is_waited_for() -> None:
    assert wait_h(*spells(90, 30)) == pytest.approx(33)
    assert wait_h(*spells(30, 90)) == pytest.approx(33)


def test_never_more_than_the_cap_and_never_less_than_the_least() -> None:
    assert wait_h(*spells(90, 80)) == 48
    assert wait_h(*spells(30, 13)) == 24
    assert wait_h(*spells(90, 80), least=60, most=48) == 60  # whoever sets it so means it


def test_two_months_may_call_twice() -> None:
    found, t = spells(40, 35, 30, 26, 25, 25, 25, 25, 25)
    assert t > KEEP_MS
    assert wait_h(found, t) == pytest.approx(26 * 1.1)  # the 40 h fell out of memory; 35 h and 30 h may call


def test_what_is_older_than_two_months_is_forgotten() -> None:
    found, t = spells(40, 40)
    assert wait_h(found, t) == pytest.approx(44)
    assert wait_h(found, t + KEEP_MS - 1) == 24  # one is left
    assert found.count(t + KEEP_MS - 1) == 1
    assert wait_h(found, t + KEEP_MS + DAY_MS) == 24
    assert found.count(t + KEEP_MS + DAY_MS) == 0


@pytest.mark.parametrize("seed", range(20))
def test_by_its_own_back_test_it_calls_once_in_a_month_at_most_or_stands_at_the_cap(seed: int) -> None:
    rng, t, found = random.Random(seed), 0, QuietSpells()
    lately: list[tuple[int, int]] = []
    for _ in range(60):
        t += round(rng.uniform(2.5, 12) * DAY_MS)
        lately.append((t, round(rng.uniform(12, 60) * H)))
        found.ended(lately[-1][1], t)
        wait = found.wait_ms(24 * H, 48 * H, t)
        would_call = sum(length >= wait for at, length in lately if at > t - KEEP_MS)
        known = min(t - lately[0][0] + lately[0][1], KEEP_MS)
        assert wait == 48 * H or would_call <= max(known // ONE_IN_MS, 1), f"seed {seed}"


def test_a_memory_that_stays_small() -> None:
    found, t = spells(*[13] * 1000, apart_days=0.6)
    assert len(found.to_json()["spells"]) <= MOST_SPELLS
    assert found.count(t) <= MOST_SPELLS


def test_the_memory_survives_exactly() -> None:
    found, t = spells(90, 30, 28)
    again = QuietSpells()
    again.from_json(json.loads(json.dumps(found.to_json())))
    assert again.to_json() == found.to_json()
    assert wait_h(again, t) == wait_h(found, t)


# ---- a home


def draw(house: House, days: float) -> None:
    for _ in range(round(days * 12)):
        house.wait(HOUR)
        house.say(Kind.WATER, 5.0, "w")
        house.wait(HOUR)


def calls(house: House) -> int:
    return [code for code, _ in raised(house)].count("WATER_LOW_USE")


def nights_away(house: House, nights: int, hours: float = 30, *, told: bool = False) -> int:
    """A night away each week; returns how many alarms that made."""
    before = calls(house)
    for _ in range(nights):
        if told:
            house.say(Kind.CONTACT, "open", "door")
            house.wait(5)
            house.say(Kind.CONTACT, "closed", "door")
        house.wait(hours * HOUR)
        if told:
            house.say(Kind.CONTACT, "open", "door")
            house.wait(5)
            house.say(Kind.CONTACT, "closed", "door")
            house.wait(MINUTE)
            house.say(Kind.MOTION, True, "hall")
        draw(house, 5)
    return calls(house) - before


def learned(house: House, name: str = "water_low_use") -> dict[str, object]:
    return dict(next(r for r in house.controller.rules if r.name == name).learned())


@pytest.mark.parametrize("lone", [False, True])
def test_nights_away_call_twice_and_then_are_usual(lone: bool) -> None:
    house = house_of(WATER, settings={"inactivity.enabled": float(lone)})
    draw(house, 8)
    assert nights_away(house, 2) == 2
    assert nights_away(house, 4) == 0
    assert learned(house)["quiet_h"] == pytest.approx(32 * 1.1)  # the last draw before and the first after included


def test_and_still_who_does_not_come_back_is_told_within_two_days() -> None:
    house = house_of(WATER, settings={"inactivity.enabled": 1.0})
    draw(house, 8)
    nights_away(house, 4, hours=60)
    before = len(raised(house))
    house.wait(46 * HOUR)
    assert len(raised(house)) == before
    house.wait(3 * HOUR)
    assert len(raised(house)) == before + 1
    evidence = house.controller.book.alarms[before + 1].evidence
    assert evidence.get("waited_h", evidence["limit_h"]) == pytest.approx(48, abs=0.1)


def test_without_the_learned_wait_they_call_every_time() -> None:
    house = house_of(WATER, settings={"water_low_use.most_h": 12.0})
    draw(house, 8)
    assert nights_away(house, 5) == 5


def test_absences_the_door_tells_of_teach_nothing() -> None:
    house = house_of(WATER, HALL, DOOR)
    house.say(Kind.MOTION, True, "hall")
    draw(house, 8)
    assert nights_away(house, 4, told=True) == 0
    assert learned(house)["quiet_spells"] == 0
    assert learned(house)["quiet_h"] == 12


def test_a_spell_that_was_not_all_observed_teaches_nothing() -> None:
    house = house_of(WATER, settings={"inactivity.enabled": 1.0})
    draw(house, 8)
    for _ in range(3):
        house.wait(14 * HOUR)
        power_cut(house, HOUR)
        house.wait(14 * HOUR)
        draw(house, 3)
    assert learned(house)["quiet_spells"] == 0
    assert learned(house, "inactivity")["dry_spells"] == 0


def test_the_fixed_day_stays_for_who_wants_nothing_learned() -> None:
    house = house_of(WATER, settings={
        "inactivity.enabled": 1.0, "inactivity.learned": 0.0, "water_low_use.enabled": 0.0,
    })  # fmt: skip
    draw(house, 2)
    assert nights_away(house, 5) == 5


def test_what_was_learned_survives_a_snapshot_and_decides_the_same() -> None:
    house = house_of(WATER, settings={"inactivity.enabled": 1.0})
    draw(house, 8)
    nights_away(house, 3, hours=34)
    house.wait(20 * HOUR)
    due = house.controller.next_due()
    restarted(house)
    assert house.controller.next_due() == due
    before = len(raised(house))
    house.wait(14 * HOUR)
    assert len(raised(house)) == before
    house.wait(6 * HOUR)
    assert len(raised(house)) == before + 1


def test_a_snapshot_of_before_starts_the_rule_anew_and_loses_no_alarm() -> None:
    house = house_of(WATER)
    draw(house, 8)
    data = json.loads(json.dumps(house.controller.to_json()))
    del data["rules"]["water_low_use"]["state"]["spells"]
    again = Controller.from_json(data)
    assert again.restored_empty == ["water_low_use"]

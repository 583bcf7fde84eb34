"""Supervision (T-24 to T-29): lost by its own interval, away with its wearer, and all at once."""

from __future__ import annotations

import json

import pytest
from virtual_home import START_WALL_MS, House, home

from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import WAY_IS_BACK, Kind, Observation
from gateway.rules.supervision import Supervision

MIN, HOUR = 60.0, 3600.0


def house_of(*devices: Device, **settings: float) -> House:
    return House(
        home(devices={d.id: d for d in devices}, settings={k.replace("__", "."): v for k, v in settings.items()})
    )


def lost(house: House) -> list[tuple[str, str]]:
    return [(n.subject, n.status) for n in house.notices if n.code.startswith("DEVICE_")]


def beacon(house: House, names: list[str], every_s: float, times: int) -> None:
    for _ in range(times):
        house.wait(every_s)
        for name in names:
            house.say(Kind.SEEN, None, name)


def supervision(house: House) -> Supervision:
    return next(rule for rule in house.controller.rules if isinstance(rule, Supervision))


@pytest.mark.parametrize(
    ("device", "lost_after_h"),
    [
        (Device("a", "motion", heartbeat_s=600), 1),  # three times ten minutes, but an hour at least (T-25)
        (Device("a", "motion", heartbeat_s=7200), 6),
        (Device("a", "motion", heartbeat_s=20 * 3600), 60),
        (Device("a", "button", heartbeat_s=4 * 3600), 12),
        (Device("a", "button", heartbeat_s=12 * 3600), 24),  # a trigger is never given more than a day (T-24) ...
        (Device("a", "button", heartbeat_s=24 * 3600), 36),  # ... unless it says that it speaks but once a day
        (Device("a", "wearable", heartbeat_s=12 * 3600), 24),
        (Device("a", "smoke", heartbeat_s=6 * 3600), 12),
        (Device("a", "gas", heartbeat_s=8 * 3600), 12),
        (Device("a", "co", heartbeat_s=3 * 3600), 9),
        (Device("a", "flood", heartbeat_s=12 * 3600), 36),
    ],
)
def test_each_kind_is_lost_after_its_own_time(device: Device, lost_after_h: float) -> None:
    house = house_of(device)
    house.wait(lost_after_h * HOUR - 1)
    assert lost(house) == []
    house.wait(1)
    assert lost(house) == [("a", "LOST")]


def test_a_device_that_states_nothing_is_held_to_the_interval_it_has_shown() -> None:
    house = house_of(Device("thermo", "temperature"))
    house.wait(100 * HOUR)
    assert lost(house) == []  # nothing is known of its pace: the recording vouches for it
    for n in range(17):
        house.wait(30 * MIN)
        house.say(Kind.TEMPERATURE, 20 + n / 10, "thermo")
    assert supervision(house).learned()["devices"] == {
        "thermo": {"interval_s": 1800.0, "source": "learned", "lost_after_s": 5400}
    }
    house.wait(90 * MIN - 1)
    assert lost(house) == []
    house.wait(1)
    assert lost(house) == [("thermo", "LOST")]
    house.say(Kind.TEMPERATURE, 21, "thermo")
    assert lost(house)[-1] == ("thermo", "RESTORED")


@pytest.mark.parametrize(("longest_min", "known"), [(30, True), (31, False)])
def test_the_longest_gap_of_a_regular_device_is_three_of_the_middle_one(longest_min: float, known: bool) -> None:
    house = house_of(Device("thermo", "temperature"))
    beacon(house, ["thermo"], 10 * MIN, 16)
    beacon(house, ["thermo"], longest_min * MIN, 1)
    assert ("thermo" in supervision(house).learned()["devices"]) == known


@pytest.mark.parametrize(("pace_min", "interval_s"), [(40, 3600), (31, 3600), (29, 29 * 60)])
def test_a_faster_pace_is_believed_once_it_is_twice_as_fast(pace_min: float, interval_s: float) -> None:
    house = house_of(Device("thermo", "temperature"))
    beacon(house, ["thermo"], HOUR, 17)
    beacon(house, ["thermo"], pace_min * MIN, 17)
    assert supervision(house).learned()["devices"]["thermo"]["interval_s"] == interval_s


def test_fifteen_gaps_teach_nothing() -> None:
    house = house_of(Device("thermo", "temperature"))
    beacon(house, ["thermo"], 30 * MIN, 16)
    house.wait(1000 * HOUR)
    assert lost(house) == []


def test_motion_and_doors_speak_when_people_act_and_teach_no_interval() -> None:
    house = house_of(Device("pir", "motion"), Device("door", "contact"))
    for n in range(200):
        house.wait(2 * MIN)
        house.say(Kind.MOTION, True, "pir")
        house.say(Kind.CONTACT, ("open", "closed")[n % 2], "door")
    house.wait(9 * HOUR)
    assert lost(house) == []


def test_a_device_that_speaks_on_change_has_no_interval() -> None:
    house = house_of(Device("thermo", "temperature"))
    for n in range(60):
        house.wait((60, 7200)[n % 5 == 0])
        house.say(Kind.TEMPERATURE, 20 + n / 10, "thermo")
    house.wait(1000 * HOUR)
    assert lost(house) == []


def test_what_it_stated_goes_before_what_it_showed() -> None:
    house = house_of(Device("thermo", "temperature", heartbeat_s=7200))
    beacon(house, ["thermo"], 60, 30)
    assert supervision(house).learned()["devices"]["thermo"]["source"] == "stated"
    house.wait(6 * HOUR - 1)
    assert lost(house) == []


def test_a_slower_pace_is_learned_at_once_and_silence_of_the_gateway_is_no_pace() -> None:
    house = house_of(Device("thermo", "temperature"))
    beacon(house, ["thermo"], 40 * MIN, 17)
    house.now_ms += round(50 * HOUR * 1000)  # power cut
    house.say(Kind.RESTART, {"gap": "KNOWN"})
    house.say(Kind.SEEN, None, "thermo")
    assert supervision(house).learned()["devices"]["thermo"]["interval_s"] == 2400
    beacon(house, ["thermo"], 80 * MIN, 1)
    assert supervision(house).learned()["devices"]["thermo"]["interval_s"] == 4800


def test_a_bridge_that_was_away_teaches_no_interval_and_loses_nobody() -> None:
    house = house_of(Device("thermo", "temperature"))
    beacon(house, ["thermo"], 30 * MIN, 17)
    house.say(Kind.SEEN, False, "thermo")
    house.wait(20 * HOUR)
    house.say(Kind.SEEN, WAY_IS_BACK, "thermo")
    assert lost(house) == [("thermo", "LOST"), ("thermo", "RESTORED")]
    house.say(Kind.SEEN, None, "thermo")
    assert supervision(house).learned()["devices"]["thermo"]["interval_s"] == 1800


def test_a_bridge_that_was_away_through_a_power_cut_loses_nobody_and_gives_nobody_more() -> None:
    house = house_of(Device("thermo", "temperature", heartbeat_s=3600))
    house.wait(HOUR)
    house.say(Kind.SEEN, False, "thermo")
    house.now_ms += round(10 * HOUR * 1000)
    house.say(Kind.RESTART, {"gap": "KNOWN"})
    house.wait(HOUR)
    house.say(Kind.SEEN, WAY_IS_BACK, "thermo")  # an hour of silence of its own so far: two are left
    house.wait(2 * HOUR - 1)
    assert lost(house) == [("thermo", "LOST"), ("thermo", "RESTORED")]
    house.wait(1)
    assert lost(house)[2:] == [("thermo", "LOST")]


def test_what_nobody_recorded_is_no_silence_of_a_device() -> None:
    """A recording lost for ten hours loses no device, and teaches no interval; each has its own time from then on."""
    house = house_of(Device("thermo", "temperature", heartbeat_s=3600), *(Device(name, "motion") for name in SET))
    beacon(house, ["thermo", *SET], 60, 20)
    house.say(Kind.RECORDER, False)
    house.wait(10 * HOUR)
    house.say(Kind.RECORDER, True)
    assert [n for n in house.notices if n.kind != "rule"] == []
    beacon(house, SET, 60, 178)
    assert lost(house) == []
    beacon(house, SET, 60, 4)
    assert lost(house) == [("thermo", "LOST")]
    assert supervision(house).learned()["devices"]["a"]["interval_s"] == 60


def test_learning_can_be_switched_off() -> None:
    house = house_of(Device("thermo", "temperature"), supervision__learn=0)
    beacon(house, ["thermo"], 30 * MIN, 40)
    house.wait(100 * HOUR)
    assert lost(house) == []


# ---- a wearable that went out with its wearer (T-26)


def test_a_wearable_out_with_its_wearer_is_not_lost() -> None:
    house = house_of(Device("pendant", "wearable", heartbeat_s=600))
    house.say(Kind.SEEN, None, "pendant")
    house.say(Kind.AWAY, True)
    house.wait(10 * HOUR)
    assert lost(house) == []
    house.say(Kind.AWAY, False)
    house.wait(HOUR - 1)
    assert lost(house) == []  # home again: its silence counts from here
    house.wait(1)
    assert lost(house) == [("pendant", "LOST")]


def test_an_absence_that_nobody_ends_excuses_it_for_twelve_hours() -> None:
    house = house_of(Device("pendant", "wearable", heartbeat_s=600), Device("pir", "motion", heartbeat_s=600))
    house.say(Kind.AWAY, True)
    house.wait(12 * HOUR)
    assert lost(house) == [("pir", "LOST")]  # only what can be carried goes out
    house.wait(HOUR)
    assert lost(house)[-1] == ("pendant", "LOST")


def flat() -> House:
    """A pendant that beacons every ten minutes, a front door and a hall, which state no interval."""
    return house_of(
        Device("pendant", "wearable", heartbeat_s=600),
        Device("door", "contact", entrance=True),
        Device("hall", "motion"), Device("kitchen", "motion"), Device("bed", "motion"),
    )  # fmt: skip


def passes(house: House) -> None:
    house.say(Kind.CONTACT, "open", "door")
    house.wait(5)
    house.say(Kind.CONTACT, "closed", "door")


def comes_in(house: House) -> None:
    passes(house)
    house.wait(30)
    house.say(Kind.MOTION, True, "hall")


def test_who_goes_to_the_market_by_the_door_has_the_pendant_along() -> None:
    house = flat()
    house.say(Kind.SEEN, None, "pendant")
    passes(house)
    house.wait(120)
    house.say(Kind.SEEN, None, "pendant")  # still heard on the stairs
    house.wait(5 * HOUR)
    assert lost(house) == []
    comes_in(house)
    house.wait(50 * MIN)
    house.say(Kind.SEEN, None, "pendant")
    house.wait(HOUR - 1)
    assert lost(house) == []
    house.wait(1)
    assert lost(house) == [("pendant", "LOST")]


def test_a_pendant_that_is_heard_while_nobody_is_in_was_left_at_home() -> None:
    house = flat()
    passes(house)
    house.wait(20 * MIN)
    house.say(Kind.SEEN, None, "pendant")
    house.wait(HOUR - 1)
    assert lost(house) == []
    house.wait(1)
    assert lost(house) == [("pendant", "LOST")]


def test_somebody_at_home_whose_pendant_is_silent_excuses_nothing() -> None:
    house = flat()
    house.say(Kind.SEEN, None, "pendant")
    comes_in(house)
    for _ in range(6):
        house.wait(10 * MIN)
        house.say(Kind.MOTION, True, "kitchen")
    assert lost(house) == [("pendant", "LOST")]


def test_a_walk_every_day_does_not_hide_a_dead_pendant() -> None:
    house = house_of(
        Device("pendant", "wearable", heartbeat_s=6 * 3600), Device("door", "contact", entrance=True),
        Device("hall", "motion"), Device("kitchen", "motion"), Device("bed", "motion"),
    )  # fmt: skip
    house.say(Kind.SEEN, None, "pendant")
    for _ in range(3):  # 18 h of silence at home are enough: six of them between one walk and the next
        comes_in(house)
        house.wait(6 * HOUR - 36)
        assert lost(house) == []
        passes(house)
        house.wait(2 * HOUR)
    comes_in(house)
    assert lost(house) == []
    house.wait(5 * MIN)
    assert lost(house) == [("pendant", "LOST")]


def test_a_door_excuses_a_pendant_for_a_day_and_no_longer() -> None:
    """Whoever is in may lie where nothing sees them; the absence itself is told by then."""
    house = flat()
    house.say(Kind.SEEN, None, "pendant")
    passes(house)
    house.wait(24 * HOUR)
    assert lost(house) == []
    house.wait(HOUR)
    assert lost(house) == [("pendant", "LOST")]


def test_a_lost_device_that_is_taken_out_of_the_home_is_missed_no_more() -> None:
    house = house_of(Device("a", "motion", heartbeat_s=600), Device("b", "motion"))
    house.wait(2 * HOUR)
    assert lost(house) == [("a", "LOST")]
    house.say(Kind.CONFIG, home(devices={"b": Device("b", "motion")}).to_json())
    assert lost(house) == [("a", "LOST"), ("a", "RESTORED")]


def test_a_power_cut_does_not_lose_what_was_taken_along() -> None:
    """Out at noon for twelve hours at most; the gateway is off from three to seven."""
    house = house_of(Device("pendant", "wearable", heartbeat_s=600))
    house.say(Kind.SEEN, None, "pendant")
    house.say(Kind.AWAY, True)
    house.wait(3 * HOUR)
    house.now_ms += round(4 * HOUR * 1000)
    house.say(Kind.RESTART, {"gap_ms": round(4 * HOUR * 1000)})
    house.wait(4 * HOUR)
    house.say(Kind.AWAY, False)
    house.wait(HOUR - 1)
    assert lost(house) == []
    house.wait(1)
    assert lost(house) == [("pendant", "LOST")]


# ---- one that speaks by itself, but by no clock (a Zigbee contact reports when it changes, and now and then)

UNEVEN_MIN = (4, 170, 31, 9, 240, 66, 2, 118)  # no pace to be made of it; four hours of silence at the most


def speaks_unevenly(house: House, device: str, days: float) -> None:
    """By itself at odd times, and never silent for longer than four hours."""
    begin, n = house.now_ms, 0
    while house.now_ms - begin < days * 24 * HOUR * 1000:
        house.wait(UNEVEN_MIN[n % len(UNEVEN_MIN)] * MIN)
        house.say(Kind.BATTERY, 90, device)
        n += 1


@pytest.mark.parametrize(
    ("kind", "lost_after_h"),
    [("contact", 24), ("motion", 24), ("wearable", 24), ("smoke", 12), ("co", 12)],
)
def test_who_speaks_by_no_clock_is_lost_after_a_day_and_a_detector_after_half(kind: str, lost_after_h: float) -> None:
    house = house_of(Device("a", kind))
    speaks_unevenly(house, "a", 8)
    house.wait(lost_after_h * HOUR - 1)
    assert lost(house) == []
    house.wait(1)
    assert lost(house) == [("a", "LOST")]
    house.say(Kind.BATTERY, 88, "a")
    assert lost(house)[1:] == [("a", "RESTORED")]


def test_three_times_the_longest_silence_it_has_shown_is_its_own_way() -> None:
    house = house_of(Device("a", "contact"))
    speaks_unevenly(house, "a", 4)
    beacon(house, ["a"], 20 * HOUR, 1)
    speaks_unevenly(house, "a", 4)
    assert supervision(house).learned()["devices"]["a"] == {
        "interval_s": 72_000.0, "source": "longest silence", "lost_after_s": 216_000,
    }  # fmt: skip
    house.wait(60 * HOUR - 1)
    assert lost(house) == []
    house.wait(1)
    assert lost(house) == [("a", "LOST")]


def test_a_silence_of_last_season_is_its_way_no_more() -> None:
    house = house_of(Device("a", "contact"))
    speaks_unevenly(house, "a", 4)
    beacon(house, ["a"], 40 * HOUR, 1)
    speaks_unevenly(house, "a", 30)
    assert supervision(house).learned()["devices"]["a"]["lost_after_s"] == 120 * 3600
    speaks_unevenly(house, "a", 30)
    assert supervision(house).learned()["devices"]["a"]["lost_after_s"] == 24 * 3600


def test_less_than_a_week_of_it_proves_nothing() -> None:
    house = house_of(Device("a", "contact"))
    speaks_unevenly(house, "a", 6.5)
    house.wait(1000 * HOUR)
    assert lost(house) == []


def test_who_falls_silent_for_days_at_a_time_is_held_to_nothing_and_named() -> None:
    house = house_of(Device("a", "contact"))
    speaks_unevenly(house, "a", 8)
    beacon(house, ["a"], 23 * HOUR, 1)
    beacon(house, ["a"], 57 * HOUR, 1)  # more than a third of a week, and it was not lost: it had shown 23 h
    assert lost(house) == []
    assert supervision(house).learned()["unsupervised"] == ["a"]
    house.wait(1000 * HOUR)
    assert lost(house) == []


def test_a_flat_battery_teaches_no_patience_beyond_a_week() -> None:
    house = house_of(Device("a", "contact"))
    speaks_unevenly(house, "a", 8)
    house.wait(20 * 24 * HOUR)
    speaks_unevenly(house, "a", 1)  # a new one
    assert lost(house) == [("a", "LOST"), ("a", "RESTORED")]
    house.wait(7 * 24 * HOUR)
    assert lost(house)[2:] == [("a", "LOST")]


def test_an_outage_is_no_silence_of_its_own() -> None:
    house = house_of(Device("a", "contact"))
    speaks_unevenly(house, "a", 8)
    house.now_ms += round(50 * HOUR * 1000)
    house.say(Kind.RESTART, {"gap_ms": round(50 * HOUR * 1000)})
    speaks_unevenly(house, "a", 1)
    assert supervision(house).learned()["devices"]["a"]["lost_after_s"] == 24 * 3600


def test_what_was_shown_survives_a_restart_and_a_snapshot_of_the_first_version_is_read() -> None:
    house = house_of(Device("a", "contact"))
    speaks_unevenly(house, "a", 8)
    before = json.loads(json.dumps(house.controller.to_json()))
    house.controller = Controller.from_json(before)
    assert json.loads(json.dumps(house.controller.to_json())) == before
    rows = before["rules"]["supervision"]["sightings"]
    rows["a"] = rows["a"][:3]
    house.controller = Controller.from_json(before)
    assert house.controller.restored_empty == []
    assert supervision(house).learned()["unsupervised"] == ["a"]
    speaks_unevenly(house, "a", 8)
    house.wait(24 * HOUR)
    assert lost(house) == [("a", "LOST")]


def test_the_way_to_the_market_teaches_no_other_pace_and_survives_a_restart() -> None:
    house = house_of(
        Device("pendant", "wearable"), Device("door", "contact", entrance=True), Device("hall", "motion"),
        Device("kitchen", "motion"), Device("bed", "motion"),
    )  # fmt: skip
    beacon(house, ["pendant"], 60, 20)
    passes(house)
    house.wait(30)
    house.say(Kind.SEEN, None, "pendant")
    house.wait(HOUR)
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    house.wait(HOUR)
    house.say(Kind.SEEN, None, "pendant")  # heard through the door before it opens
    comes_in(house)
    assert lost(house) == []
    assert supervision(house).learned()["devices"]["pendant"]["interval_s"] == 60
    beacon(house, ["pendant"], 60, 5)
    house.wait(HOUR)
    assert lost(house) == [("pendant", "LOST")]


def test_what_nobody_would_miss_is_named() -> None:
    house = house_of(Device("pendant", "wearable", heartbeat_s=600), Device("cord", "button"))
    assert supervision(house).learned()["unsupervised"] == ["cord"]


# ---- all at once (T-29)

SET = ["a", "b", "c", "d"]


def chorus(every_s: float = 10, **settings: float) -> House:
    house = house_of(*(Device(name, "motion") for name in SET), Device("door", "contact"), **settings)
    beacon(house, SET, every_s, 20)
    return house


def test_all_silent_at_once_is_the_radio_and_not_four_lost_devices() -> None:
    house = chorus()
    house.wait(30)
    assert house.notices == []
    house.wait(1)
    assert [(n.code, n.status) for n in house.notices if n.kind != "rule"] == [("RADIO_INTERFERENCE", "RAISED")]
    assert supervision(house).lost == set(SET)
    assert ("inactivity", "UNAVAILABLE") in [(n.subject, n.status) for n in house.notices]
    house.wait(40 * HOUR)
    assert lost(house) == []


def test_the_first_that_is_heard_ends_it_and_the_others_are_given_their_time() -> None:
    house = chorus()
    house.wait(2 * HOUR)
    house.say(Kind.SEEN, None, "b")
    assert [(n.code, n.status) for n in house.notices if n.code == "RADIO_INTERFERENCE"] == [
        ("RADIO_INTERFERENCE", "RAISED"),
        ("RADIO_INTERFERENCE", "RESTORED"),
    ]
    assert lost(house) == []
    for _ in range(370):
        house.wait(10)
        house.say(Kind.SEEN, None, "b")
    assert sorted(lost(house)) == [("a", "LOST"), ("c", "LOST"), ("d", "LOST")]


def test_one_that_still_speaks_shows_that_the_air_is_free() -> None:
    house = chorus()
    beacon(house, ["d"], 10, 400)
    assert [n.code for n in house.notices if n.code == "RADIO_INTERFERENCE"] == []
    assert sorted(lost(house)) == [("a", "LOST"), ("b", "LOST"), ("c", "LOST")]


def test_two_devices_are_no_set_and_slow_ones_show_nothing_within_minutes() -> None:
    pair = house_of(Device("a", "motion"), Device("b", "motion"))
    beacon(pair, ["a", "b"], 10, 20)
    pair.wait(2 * HOUR)
    slow = chorus(every_s=600)
    slow.wait(2 * HOUR)
    for house in (pair, slow):
        assert [n.code for n in house.notices if n.code == "RADIO_INTERFERENCE"] == []
        assert len(lost(house)) >= 2


@pytest.mark.parametrize(("every_s", "told"), [(150, True), (151, False)])
def test_a_set_must_speak_every_two_minutes_and_a_half_to_show_it_within_five(every_s: float, told: bool) -> None:
    house = chorus(every_s=every_s)
    house.wait(5 * MIN + 1)
    assert bool([n for n in house.notices if n.code == "RADIO_INTERFERENCE"]) == told


def test_a_slower_set_is_given_two_of_its_intervals() -> None:
    house = chorus(every_s=100)
    house.wait(200)
    assert house.notices == []
    house.wait(1)
    assert house.notices[0].code == "RADIO_INTERFERENCE"


def test_a_power_cut_of_the_gateway_is_no_interference() -> None:
    house = chorus()
    house.now_ms += round(3 * HOUR * 1000)
    house.say(Kind.RESTART, {"gap": "KNOWN"})
    house.wait(29)
    assert [n.code for n in house.notices] == []


def test_a_snapshot_at_any_moment_changes_nothing() -> None:
    def run(cut: int | None) -> list[str]:
        controller = Controller(chorus().controller.home, offset_ms=START_WALL_MS, trust="NTP")
        said = []
        for step in range(240):
            if step == cut:
                controller = Controller.from_json(json.loads(json.dumps(controller.to_json())))
            t = step * 10_000
            names = SET if step < 60 else ["b"] if step >= 120 else []
            for name in names:
                result = controller.handle(Observation(Kind.SEEN, None, t, name))
                said += [repr(n) for n in result.notices]
            said += [repr(n) for n in controller.advance(t + 9_999).notices]
        return said

    plain = run(None)
    assert any("RADIO_INTERFERENCE" in line for line in plain)
    for cut in (5, 16, 17, 30, 61, 64, 90, 121, 200):
        assert run(cut) == plain, f"a snapshot before step {cut} changed what was said"


def test_a_dongle_that_was_pulled_is_a_blind_driver_and_no_interference() -> None:
    """Its driver gives up within ten seconds, long before a set that sings every ten would be missed."""
    house = chorus()
    house.wait(8)
    house.say(Kind.CONDITION, {"code": "DRIVER_BLIND", "on": True, "subject": "ble"})
    for name in SET:
        house.say(Kind.SEEN, False, name)
    house.wait(HOUR)
    assert lost(house) == [(name, "LOST") for name in SET]
    assert [n.code for n in house.notices if not n.code.startswith("DEVICE_")].count("RADIO_INTERFERENCE") == 0
    beacon(house, SET, 10, 1)
    assert lost(house)[4:] == [(name, "RESTORED") for name in SET]
    house.wait(31)
    assert [n.code for n in house.notices if n.code == "RADIO_INTERFERENCE"] == ["RADIO_INTERFERENCE"]


def test_one_of_two_dongles_pulled_leaves_the_others_heard() -> None:
    house = chorus()
    for name in ("a", "b"):
        house.say(Kind.SEEN, False, name)
    beacon(house, ["c", "d"], 10, 60)
    assert lost(house) == [("a", "LOST"), ("b", "LOST")]
    assert not [n for n in house.notices if n.code == "RADIO_INTERFERENCE"]

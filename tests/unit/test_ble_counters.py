"""What is a new press, an echo, or a replay: the rule alone, then what the driver makes of it. No radio, no clock."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.bthome_device import VirtualBthomeDevice
from gateway.drivers.ble.counters import (
    PLAIN_REPEAT_S,
    REBASELINE_WITHIN_S,
    SUSPECT_INTERVAL_S,
    Guard,
    Judgement,
    Ledger,
    Verdict,
)
from gateway.drivers.ble.hearing import ALERT_INTERVAL_S, UNVERIFIED_INTERVAL_S, Heard, Hearing
from gateway.home.model import Home, read_home
from gateway.observations import ID_PATTERN, Kind, Report

NEW, SAME, SUSPECT, LIMITED, DROPPED = Verdict


def sealed(guard: Guard, counter: int, mark: str = "", call: bool = True, at: float = 0.0) -> Judgement:
    return guard.judge_sealed(counter, mark or f"m{counter}", call, at)


def guard_at(counter: int) -> Guard:
    guard = Guard()
    assert sealed(guard, counter).verdict is NEW
    return guard


# ---- sealed packets: rule 1 and 2


def test_a_greater_counter_is_new_and_the_same_packet_is_the_same_event() -> None:
    guard = guard_at(5000)
    assert sealed(guard, 5000).verdict is SAME
    assert sealed(guard, 5001) == Judgement(NEW, "5001")
    assert sealed(guard, 9000) == Judgement(NEW, "9000"), "presses may be missed"
    assert sealed(guard, 9000).verdict is SAME


def test_two_payloads_under_one_counter_are_both_new_once_each() -> None:
    guard = guard_at(10)  # pvvx (bthome-ble #99)
    first, second = sealed(guard, 11, "temperature"), sealed(guard, 11, "battery")
    assert (first.verdict, second.verdict) == (NEW, NEW)
    assert first.name != second.name
    assert sealed(guard, 11, "temperature").verdict is SAME
    assert sealed(guard, 11, "battery").verdict is SAME


@pytest.mark.parametrize("top", [0xFFFF, 0xFFFF_FFFF])
def test_a_counter_that_wraps_goes_on(top: int) -> None:
    guard = guard_at(top - 3)
    judged = sealed(guard, 2, call=False)
    assert judged.verdict is NEW
    assert judged.name != "2", "an earlier life of this counter had a 2 already"
    assert sealed(guard, 3, call=False).verdict is NEW


def test_a_wrap_is_only_believed_near_the_top() -> None:
    assert sealed(guard_at(0xF000), 2, call=False).verdict is DROPPED
    assert sealed(guard_at(0xFFFF), 500, call=False).verdict is DROPPED


# ---- rule 3: backward


def test_a_backward_call_is_raised_as_suspect_and_anything_else_is_dropped() -> None:
    guard = guard_at(5000)
    assert sealed(guard, 4000, call=False).verdict is DROPPED
    assert sealed(guard, 4100, call=True).verdict is SUSPECT
    assert guard.ledger.counter == 5000, "a suspect does not move the base line"


def test_suspect_calls_are_rate_limited_but_never_for_long() -> None:
    guard = guard_at(5000)
    assert sealed(guard, 100, at=0).verdict is SUSPECT
    assert sealed(guard, 100, at=1).verdict is LIMITED
    assert sealed(guard, 100, at=SUSPECT_INTERVAL_S - 0.1).verdict is LIMITED
    again = sealed(guard, 100, at=SUSPECT_INTERVAL_S)
    assert again.verdict is SUSPECT, "a weak cell may make a button start over with every press"
    assert again.name != "100.s1", "a new event, not the old one again"


def test_three_rising_new_counters_within_ten_minutes_are_the_new_base_line() -> None:
    guard = guard_at(5000)
    assert sealed(guard, 1, at=0).verdict is SUSPECT
    assert sealed(guard, 2, at=100).verdict is SUSPECT
    third = sealed(guard, 3, at=200)
    assert (third.verdict, third.rebaselined) == (NEW, True)
    assert sealed(guard, 4, at=201).verdict is NEW
    assert sealed(guard, 3, at=202).verdict is SUSPECT


@pytest.mark.parametrize(
    "presses",
    [
        [(1, 0.0), (1, 20.0), (1, 40.0), (1, 60.0)],  # the same one again and again
        [(3, 0.0), (2, 20.0), (1, 40.0)],  # falling
        [(1, 0.0), (2, 20.0), (3, 21.0 + REBASELINE_WITHIN_S)],  # too slow
    ],
)
def test_other_series_are_no_base_line(presses: list[tuple[int, float]]) -> None:
    guard = guard_at(5000)
    assert all(not sealed(guard, counter, at=at).rebaselined for counter, at in presses)
    assert guard.ledger.counter == 5000


def test_recorded_packets_cannot_make_a_base_line() -> None:
    guard = guard_at(5000)
    for counter in (5001, 5002, 5003, 5004):
        sealed(guard, counter)
    for counter in (5000, 5001, 5002, 5003):
        assert not sealed(guard, counter, call=False, at=1).rebaselined
    assert guard.ledger.counter == 5004


def test_a_sensor_with_a_new_battery_comes_back_with_its_third_packet() -> None:
    guard = guard_at(5000)
    verdicts = [sealed(guard, n, call=False, at=float(n)).verdict for n in (1, 2, 3, 4)]
    assert verdicts == [DROPPED, DROPPED, NEW, NEW]


# ---- plain packets


def test_a_plain_packet_is_new_unless_it_is_the_last_one_again() -> None:
    guard = Guard()
    assert guard.judge_plain(1, "a", 0) == Judgement(NEW, "1")
    assert guard.judge_plain(1, "a", 1).verdict is SAME
    assert guard.judge_plain(2, "b", 2) == Judgement(NEW, "2")
    assert guard.judge_plain(1, "a", 3).verdict is NEW


def test_a_plain_device_without_packet_id_is_told_by_its_content() -> None:
    guard = Guard()
    assert guard.judge_plain(None, "open", 0).verdict is NEW
    assert guard.judge_plain(None, "open", 1).verdict is SAME
    assert guard.judge_plain(None, "closed", 2).verdict is NEW
    assert guard.judge_plain(None, "open", 3).verdict is NEW


def test_the_same_plain_bytes_after_long_silence_are_a_new_press() -> None:
    guard = Guard()
    guard.judge_plain(0, "press", 0)
    assert guard.judge_plain(0, "press", PLAIN_REPEAT_S).verdict is SAME, "each echo renews the silence"
    assert guard.judge_plain(0, "press", 2 * PLAIN_REPEAT_S + 1).verdict is NEW


def test_no_two_plain_presses_ever_share_a_name() -> None:
    guard = Guard()  # the controller takes an equal name for the same press, and a packet id has only 8 bits
    names = [guard.judge_plain(n % 256, f"m{n}", n).name for n in range(1, 1000)]
    assert len(set(names)) == len(names)


# ---- what survives


COUNTERS = st.integers(0, 12) | st.sampled_from([0xFFFE, 0xFFFF, 0x10000, 0xFFFF_FFFF]) | st.integers(0, 0xFFFF_FFFF)


@given(st.lists(st.tuples(COUNTERS, st.booleans(), st.floats(0, 1e6)), max_size=60))
def test_names_are_unique_and_the_ledger_survives_as_json(packets: list[tuple[int, bool, float]]) -> None:
    guard, names, last = Guard(), [], None
    for counter, call, at in packets:
        judged = sealed(guard, counter, call=call, at=at)
        assert judged.verdict is not DROPPED or not call
        assert judged.verdict is not SUSPECT or call
        if counter == last:
            assert judged.verdict is SAME
        last = guard.ledger.counter
        if judged.name:
            names.append(judged.name)
            assert ID_PATTERN.fullmatch(judged.name)
    assert len(set(names)) == len(names)
    assert Ledger.from_json(json.loads(json.dumps(guard.ledger.to_json()))) == guard.ledger
    assert len(json.dumps(guard.ledger.to_json())) < 2000


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda s: st.lists(s, max_size=3)))
def test_a_damaged_memory_is_refused_with_valueerror(junk: Any) -> None:
    for data in (junk, {"marks": junk, "recent": junk}, {**Ledger().to_json(), "counter": junk}):
        try:
            ledger = Ledger.from_json(data)
        except ValueError:
            continue
        assert Ledger.from_json(ledger.to_json()) == ledger


# ---- what the driver makes of it

KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
PENDANT, CORD, GREEN, PIR = "AA:BB:CC:00:00:01", "AA:BB:CC:00:00:02", "AA:BB:CC:00:00:03", "AA:BB:CC:00:00:04"


@pytest.fixture
def home() -> Home:
    return read_home(
        {
            "devices": [
                {"id": "pendant", "kind": "button", "address": PENDANT, "key": KEY.hex()},
                {"id": "cord", "kind": "button", "address": CORD},
                {"id": "green", "kind": "button", "role": "ok", "address": GREEN, "key": KEY.hex()},
                {"id": "pir", "kind": "motion", "address": PIR, "key": KEY.hex()},
            ]
        }
    )


def presses(heard: Heard) -> list[Report]:
    return [r for r in heard.reports if r.kind is Kind.BUTTON]


def conditions(heard: Heard) -> list[tuple[str, bool, str]]:
    return [(r.value["code"], r.value["on"], r.value["reason"]) for r in heard.reports if r.kind is Kind.CONDITION]


def restarted(home: Home, *heard: Heard) -> Hearing:
    memories = dict(r.memory for h in heard for r in h.reports if r.memory is not None)
    return Hearing(home, json.loads(json.dumps(memories)))


def test_memory_travels_with_the_last_and_life_saving_report(home: Home) -> None:
    button = VirtualBthomeDevice(PENDANT, KEY, counter=41)
    heard = Hearing(home, {}).hear(PENDANT, button.button("press", "none", "hold"), 0)
    assert [(r.kind, r.value) for r in heard.reports] == [
        (Kind.BATTERY, 100), (Kind.BUTTON, "press"), (Kind.BUTTON, "hold"),
    ]  # fmt: skip
    assert [r.key for r in heard.reports] == ["ble:pendant:42:1", "ble:pendant:42:2", "ble:pendant:42:4"]
    assert [r.memory is None for r in heard.reports] == [True, True, False]
    assert heard.reports[-1].memory is not None
    assert heard.reports[-1].memory[0] == "ble:pendant"


def test_a_replay_after_a_restart_is_still_a_replay(home: Home) -> None:
    button, hearing = VirtualBthomeDevice(PENDANT, KEY), Hearing(home, {})
    old = button.button()
    hearing.hear(PENDANT, old, 0)
    last = button.button()
    hearing = restarted(home, hearing.hear(PENDANT, last, 1))
    assert hearing.hear(PENDANT, last, 2).counts == ("duplicate",)
    replay = hearing.hear(PENDANT, old, 3)
    assert [str(r.key).endswith(":suspect") for r in presses(replay)] == [True]
    assert conditions(replay) == [("AUTH_FAILED", True, "counter_backwards")]
    assert "replay_suspect" in replay.counts


def test_a_battery_change_never_costs_a_call(home: Home) -> None:
    button, hearing = VirtualBthomeDevice(PENDANT, KEY, counter=7000), Hearing(home, {})
    hearing.hear(PENDANT, button.button(), 0)
    button.change_battery()
    heard = [hearing.hear(PENDANT, button.button(), 60.0 * n) for n in range(1, 5)]
    assert [len(presses(h)) for h in heard] == [1, 1, 1, 1]
    assert [str(presses(h)[0].key).endswith(":suspect") for h in heard] == [True, True, False, False]
    assert conditions(heard[0]) == [("AUTH_FAILED", True, "counter_backwards")]
    assert conditions(heard[2]) == [("AUTH_FAILED", False, "counter_backwards")]
    assert "rebaselined" in heard[2].counts
    keys = [presses(h)[0].key for h in heard]
    assert len(set(keys)) == 4


def test_a_replayed_ok_or_movement_changes_nothing(home: Home) -> None:
    hearing = Hearing(home, {})
    for address in (GREEN, PIR):
        device = VirtualBthomeDevice(address, KEY)
        old = device.button() if address == GREEN else device.motion(True)
        hearing.hear(address, old, 0)
        hearing.hear(address, device.battery(), 1)
        heard = hearing.hear(address, old, 2)
        assert heard.counts == ("replay_dropped",)
        assert [r.kind for r in heard.reports] == [Kind.CONDITION]


def test_plain_words_of_a_sealed_call_button_are_an_unverified_press(home: Home) -> None:
    forged, hearing = VirtualBthomeDevice(PENDANT), Hearing(home, {})
    first = hearing.hear(PENDANT, forged.button("double"), 0)
    assert conditions(first) == [("AUTH_FAILED", True, "downgrade"), ("UNVERIFIED_PRESS", True, "plaintext")]
    press = first.reports[1]
    assert (press.device, press.value["gesture"]) == ("pendant", "double")
    assert str(press.key).endswith(":unverified")
    assert presses(first) == []
    assert hearing.hear(PENDANT, forged.button(), 1).reports == (), "one question a minute"
    later = hearing.hear(PENDANT, forged.button(), UNVERIFIED_INTERVAL_S)
    assert conditions(later) == [("UNVERIFIED_PRESS", True, "plaintext")]


def test_plain_words_of_any_other_sealed_device_are_only_a_technical_matter(home: Home) -> None:
    hearing = Hearing(home, {})
    for address, data in ((GREEN, VirtualBthomeDevice(GREEN).button()), (PIR, VirtualBthomeDevice(PIR).motion(True))):
        heard = hearing.hear(address, data, 0)
        assert heard.counts == ("downgrade",)
        assert conditions(heard) == [("AUTH_FAILED", True, "downgrade")]


def test_the_technical_condition_ends_with_the_next_authentic_packet_also_after_a_restart(home: Home) -> None:
    downgraded = Hearing(home, {}).hear(PENDANT, VirtualBthomeDevice(PENDANT).button(), 0)
    hearing = restarted(home, downgraded)
    heard = hearing.hear(PENDANT, VirtualBthomeDevice(PENDANT, KEY).button(), 1)
    assert conditions(heard) == [("AUTH_FAILED", False, "downgrade")]
    assert [p.value for p in presses(heard)] == ["press"]


def test_a_loud_forger_makes_one_condition_an_hour(home: Home) -> None:
    real, forger = VirtualBthomeDevice(PENDANT, KEY), VirtualBthomeDevice(PENDANT, bytes(16))
    hearing, opened = Hearing(home, {}), 0
    for n in range(100):
        opened += len(conditions(hearing.hear(PENDANT, forger.button(), 2.0 * n)))
        assert len(presses(hearing.hear(PENDANT, real.button(), 2.0 * n + 1))) == 1, "the real one is always heard"
    assert opened == 1
    assert len(conditions(hearing.hear(PENDANT, forger.button(), ALERT_INTERVAL_S))) == 1


def test_a_sealed_packet_of_a_device_without_a_key_says_that_the_key_is_missing(home: Home) -> None:
    heard = Hearing(home, {}).hear(CORD, VirtualBthomeDevice(CORD, KEY).button(), 0)
    assert heard.counts == ("key_missing",)
    assert conditions(heard) == [("AUTH_FAILED", True, "key_missing")]


def test_letting_go_counts_only_where_the_hold_was_not_heard(home: Home) -> None:
    cord, hearing = VirtualBthomeDevice(CORD), Hearing(home, {})
    assert [p.value for p in presses(hearing.hear(CORD, cord.button("release"), 0))] == ["hold"]
    assert [p.value for p in presses(hearing.hear(CORD, cord.button("hold"), 1))] == ["hold"]
    assert presses(hearing.hear(CORD, cord.button("release"), 2)) == []


def test_an_unheard_of_gesture_on_a_call_button_is_a_call(home: Home) -> None:
    cord, green, hearing = VirtualBthomeDevice(CORD), VirtualBthomeDevice(GREEN, KEY), Hearing(home, {})
    heard = hearing.hear(CORD, cord.packet(b"\x3a\xfe"), 0)
    assert [p.value for p in presses(heard)] == ["press"]
    assert "unknown_gesture" in heard.counts
    assert presses(hearing.hear(GREEN, green.packet(b"\x3a\xfe"), 0)) == []


def test_a_value_beyond_belief_is_counted_and_the_rest_of_the_packet_stands(home: Home) -> None:
    heard = Hearing(home, {}).hear(CORD, VirtualBthomeDevice(CORD, battery_percent=200).button(), 0)
    assert [r.kind for r in heard.reports] == [Kind.BUTTON]
    assert "bad_value" in heard.counts


def test_every_kind_of_sensor(home: Home) -> None:
    objects = bytes.fromhex("0201090a10270017011c00200121002301290 12b01".replace(" ", ""))
    heard = Hearing(home, {}).hear(CORD, VirtualBthomeDevice(CORD).packet(objects), 0)
    assert {r.kind: r.value for r in heard.reports} == {
        Kind.TEMPERATURE: 23.05, Kind.ENERGY: 10.0, Kind.CO: True, Kind.GAS: False, Kind.FLOOD: True,
        Kind.MOTION: False, Kind.OCCUPANCY: True, Kind.SMOKE: True, Kind.TAMPER: True,
    }  # fmt: skip


def test_what_may_wait_leaves_before_what_saves_a_life(home: Home) -> None:
    heard = Hearing(home, {}).hear(CORD, VirtualBthomeDevice(CORD).packet(bytes.fromhex("29012b01")), 0)
    assert [(r.kind, r.memory is not None) for r in heard.reports] == [(Kind.TAMPER, False), (Kind.SMOKE, True)]


def test_enrolling_anew_with_another_key_starts_over(home: Home) -> None:
    button, hearing = VirtualBthomeDevice(PENDANT, KEY, counter=5000), Hearing(home, {})
    before = presses(hearing.hear(PENDANT, button.button(), 0))
    other = bytes(range(16))
    hearing.enrol(read_home({"devices": [{"id": "pendant", "kind": "button", "address": PENDANT, "key": other.hex()}]}))
    after = presses(hearing.hear(PENDANT, VirtualBthomeDevice(PENDANT, other).button(), 1))
    assert not str(after[0].key).endswith(":suspect")
    assert before[0].key != after[0].key
    assert hearing.hear(CORD, VirtualBthomeDevice(CORD).button(), 1).counts == ("foreign",)


def test_a_damaged_memory_starts_the_device_anew_and_is_named(home: Home) -> None:
    hearing = Hearing(home, {"ble:pendant": {"counter": -1}, "ble:gone": 7})
    assert hearing.damaged == ["pendant"]
    assert len(presses(hearing.hear(PENDANT, VirtualBthomeDevice(PENDANT, KEY).button(), 0))) == 1


@given(st.sampled_from([PENDANT, CORD, GREEN, PIR]), st.lists(st.binary(max_size=40), max_size=5))
def test_nothing_that_is_heard_breaks_the_driver(address: str, packets: list[bytes]) -> None:
    document = {"devices": [{"id": "d", "kind": "button", "address": address}]}
    hearing = Hearing(read_home(document), {})
    for data in packets:
        for each in (data, b"\x44" + data):
            heard = hearing.hear(address, each, 0)
            assert heard.counts
            assert all(ID_PATTERN.fullmatch(r.key) for r in heard.reports if r.key is not None)

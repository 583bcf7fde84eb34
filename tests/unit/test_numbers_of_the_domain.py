"""Every number of domain 2.2 (T-01 to T-36): where it stands, its default, unit and range, and who shows its edge.

`SETTINGS` are the numbers a home may set, `CONSTANTS` those it may not (the platform's wire, the modem, the journal),
`SHOWN` names for each T the tests in which it is seen to hold, just before and just after where there is a moment.
`NOT_OURS` says for the rest why no test of the gateway can show them, and `OPEN` what is not built.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.alarms.proofread import SMS_UNITS
from gateway.config.keys import keys_of
from gateway.config.sections import JournalConfig, MqttConfig, SmsConfig
from gateway.drivers.modem.encode import PART_UNITS, SINGLE_UNITS
from gateway.drivers.modem.timing import Timing as ModemTiming
from gateway.journal.entry import ACT_FROM_MEMORY_S, Limits
from gateway.parameters import TABLE, BadParameter, Parameters, check
from gateway.receiver.reading import HEARTBEAT_S, HEARTBEATS_MISSED
from gateway.runtime.heartbeat import JITTER
from gateway.upstream.link import DELAYED_AFTER_MS
from gateway.upstream.window import ALARM_FAST_REPEATS, Timing

TESTS = Path(__file__).parents[1]

SETTINGS: list[tuple[str, str, float, str, float, float]] = [
    # T, name, default, unit, range (where the domain gives none: ours)
    ("T-03", "call_button.pre_alarm_s", 10, "s", 0, 99),
    ("T-04", "fall.pre_alarm_s", 30, "s", 0, 99),
    ("T-04", "unverified_press.pre_alarm_s", 30, "s", 0, 99),
    ("T-04", "fall.repeat_s", 10, "s", 5, 60),
    ("T-05", "inactivity.question_min", 5, "min", 1, 30),
    ("T-05", "inactivity.repeat_s", 60, "s", 10, 300),
    ("T-12", "escalation.next_contact_s", 120, "s", 30, 3600),
    ("T-12", "escalation.next_contact_p2_s", 600, "s", 30, 7200),
    ("T-12", "escalation.rounds", 2, "times", 1, 5),
    ("T-15", "summary.slot_min", 0, "min", 0, 120),
    ("T-18", "upkeep.mains_say_s", 60, "s", 10, 600),
    ("T-18", "upkeep.mains_repeat_h", 3, "h", 1, 24),
    ("T-19", "technical.mains_fail_s", 60, "s", 0, 3600),
    ("T-19", "technical.mains_jitter_s", 0, "s", 0, 120),
    ("T-19", "upkeep.mains_min", 60, "min", 1, 1440),
    ("T-19", "upkeep.area_h", 6, "h", 1, 24),
    ("T-20", "technical.mains_back_min", 5, "min", 0, 60),
    ("T-22", "technical.battery_low_min", 4, "min", 0, 60),
    ("T-22", "standby.low_pct", 20, "%", 6, 90),
    ("T-22", "standby.low_min", 60, "min", 5, 720),
    ("T-22", "standby.last_pct", 5, "%", 1, 20),
    ("T-23", "battery.repeat_h", 168, "h", 24, 720),
    ("T-23", "battery.ticket_h", 336, "h", 24, 1440),
    ("T-24", "supervision.trigger_lost_h", 24, "h", 1, 72),
    ("T-24", "supervision.alarm_lost_h", 12, "h", 1, 72),
    ("T-25", "supervision.lost_factor", 3, "intervals", 2, 20),
    ("T-25", "supervision.lost_min_h", 1, "h", 0.1, 48),
    ("T-28", "technical.debounce_s", 90, "s", 0, 3600),
    ("T-29", "supervision.interference_s", 30, "s", 10, 600),
    ("T-31", "call_button.join_s", 30, "s", 0, 300),
    ("T-34", "clock.free_running_h", 168, "h", 1, 2160),
]

BESIDE: list[tuple[str, str, float, str]] = [
    # numbers of domain 3.2, 4.1, 4.3 and A10 that are not T-numbers
    ("domain 3.2", "escalation.attend_s", 1800, "s"),
    ("domain 3.2", "escalation.resume_s", 900, "s"),
    ("domain 3.2", "voice.still_trying_s", 60, "s"),
    ("domain 4.1", "night.from_h", 22, "h"),
    ("domain 4.1", "night.until_h", 6, "h"),
    ("domain 4.3", "escalation.unanswered_repeat_s", 600, "s"),
    ("domain 4.3", "upkeep.again_h", 168, "h"),
    ("domain 4.5", "night.repeats", 3, "times"),
    ("domain A10", "away.max_h", 12, "h"),
]

TIMING, MODEM, KEPT = Timing(), ModemTiming(), Limits()
CONSTANTS: list[tuple[str, str, float, float]] = [
    # T, what, found, the domain's value
    ("T-02", "a commit is waited for at most, s", ACT_FROM_MEMORY_S, 0.5),
    ("T-08", "the platform's word is waited for, s", TIMING.ack_s, 30),
    ("T-08", "a message this old is delayed, ms", DELAYED_AFTER_MS, 30_000),
    ("T-09", "an alarm goes again after, s", TIMING.ack_s, 30),
    ("T-09", "so many times, then slower", ALARM_FAST_REPEATS, 16),
    ("T-09", "then again after, s", TIMING.slow_s, 600),
    ("T-10", "the network has so long to take a text, s", MODEM.network_s, 60),
    ("T-13", "heartbeat, s", MqttConfig().heartbeat_s, 300),
    ("T-13", "give or take", JITTER, 0.1),
    ("T-14", "heartbeats missed", HEARTBEATS_MISSED, 3),
    ("T-14", "of so many seconds", HEARTBEAT_S, 300),
    ("T-16", "a test text at most every, days", SmsConfig().self_test_days, 30),
    ("T-16", "the registration is looked at every, s", MODEM.check_s, 3600),
    ("T-28", "the cell is lost after, s", MODEM.cell_lost_s, 180),
    ("T-33", "events are kept at least, days", JournalConfig().retention_days, 90),
    ("T-33", "and never fewer than", KEPT.alarm_keep_rows, 1000),
    ("T-36", "one message, UCS-2 units", SMS_UNITS, 70),
    ("T-36", "one message, as the modem counts", SINGLE_UNITS, 70),
    ("T-36", "each of several", PART_UNITS, 67),
]

UNIT, REAL = "unit/", "integration/"
SHOWN: dict[str, tuple[str, ...]] = {
    "T-01": (UNIT + "test_edges_of_the_domain.py::test_t01_every_press_is_answered_in_the_same_breath",
             UNIT + "test_pressed_again.py::test_repeat_presses_join_and_each_gets_feedback"),
    "T-02": (REAL + "test_heart.py::test_nothing_is_carried_out_before_it_is_durable",
             UNIT + "test_journal.py::test_routine_waits_for_its_group_and_an_alarm_flushes_it_in_order"),
    "T-03": (UNIT + "test_edges_of_the_domain.py::test_t03_the_window_of_a_press",
             UNIT + "test_call_flow.py::test_a_pre_alarm_of_zero_raises_at_once"),
    "T-04": (UNIT + "test_edges_of_the_domain.py::test_t04_the_window_of_a_fall",
             UNIT + "test_fall_flow.py::test_a_call_during_the_question_is_sent_at_once"),
    "T-05": (UNIT + "test_edges_of_the_domain.py::test_t05_the_question_of_five_minutes_each_minute",
             UNIT + "test_inactivity.py::test_the_question_is_asked_every_minute_for_five_minutes"),
    "T-06": (UNIT + "test_edges_of_the_domain.py::test_t06_no_window_for_detectors",),
    "T-07": (UNIT + "test_edges_of_the_domain.py::test_t07_both_paths_in_the_same_breath",
             REAL + "test_whole_home.py::test_every_step_of_the_demo_holds"),
    "T-08": (UNIT + "test_window.py::"
             "test_without_the_platforms_word_for_30_s_the_path_has_failed_and_its_word_heals_it",),
    "T-09": (UNIT + "test_window.py::test_an_unacknowledged_alarm_goes_every_30_s_sixteen_times_then_every_10_min",),
    "T-10": (REAL + "test_modem.py::test_a_slow_network_is_waited_for_because_the_modem_answers_meanwhile",),
    "T-12": (UNIT + "test_edges_of_the_domain.py::test_t12_the_next_contact",
             UNIT + "test_edges_of_the_domain.py::test_t12_twice_round_then_the_platform_alone"),
    "T-13": (UNIT + "test_heartbeat.py::"
             "test_each_pause_is_the_interval_give_or_take_a_tenth_and_no_two_gateways_alike",
             REAL + "test_numbers_wired.py::"
             "test_the_heartbeat_is_as_quick_as_it_is_set_and_the_turns_are_this_gateways_own"),
    "T-14": (REAL + "test_receiver.py::test_three_missed_heartbeats_are_offline_and_a_will_is_suspect_at_once",),
    "T-15": (UNIT + "test_daily_summary.py::test_it_goes_once_a_day_in_this_gateways_own_slot",
             UNIT + "test_lost_life_savers.py::"
             "test_gateways_of_a_village_are_spread_over_the_two_minutes_or_hours_and_each_keeps_its_own"),
    "T-16": (UNIT + "test_self_test.py::test_a_month_passes_between_two_tests",
             REAL + "test_modem_network.py::test_a_registration_change_the_modem_forgot_to_tell_is_found_by_asking"),
    "T-17": (UNIT + "test_mute_and_tests.py::test_a_button_test_waits_for_the_press_and_a_second_press_is_a_call",),
    "T-18": (UNIT + "test_edges_of_the_domain.py::test_t18_the_elder_hears_of_the_mains",
             UNIT + "test_upkeep.py::test_who_sits_in_the_dark_waits_for_no_jitter",
             UNIT + "test_upkeep.py::test_the_elder_hears_of_the_mains_at_once_then_every_three_hours_of_the_day"),
    "T-19": (UNIT + "test_technical_patience.py::test_a_power_cut_is_told_after_a_minute_and_the_gateways_own_jitter",
             UNIT + "test_upkeep.py::test_an_hour_without_mains_is_told_and_so_is_its_end",
             UNIT + "test_upkeep.py::test_in_a_known_area_outage_no_contact_is_asked_to_look_at_a_plug"),
    "T-20": (UNIT + "test_technical_patience.py::test_power_that_flickers_is_back_only_after_five_stable_minutes",),
    "T-22": (UNIT + "test_standby.py::test_at_a_fifth_the_battery_is_low_and_nobody_is_told_of_a_sag_of_three_minutes",
             UNIT + "test_standby.py::test_an_hour_left_is_low_whatever_the_percentage_but_only_on_the_battery",
             UNIT + "test_standby.py::test_the_last_word_comes_within_half_a_minute_and_once",
             REAL + "test_numbers_wired.py::test_the_last_word_writes_the_state_down_and_a_press_still_calls",
             UNIT + "test_technical_patience.py::test_a_low_battery_waits_four_minutes_a_failed_one_none"),
    "T-23": (UNIT + "test_device_condition.py::test_it_is_told_every_seven_days_and_overdue_after_fourteen",),
    "T-24": (UNIT + "test_supervision.py::test_each_kind_is_lost_after_its_own_time",),
    "T-25": (UNIT + "test_supervision.py::test_each_kind_is_lost_after_its_own_time",),
    "T-26": (UNIT + "test_supervision.py::test_a_wearable_out_with_its_wearer_is_not_lost",),
    "T-27": (UNIT + "test_inactivity.py::test_a_lost_sensor_makes_the_rule_unavailable_and_raises_nothing",),
    "T-28": (UNIT + "test_edges_of_the_domain.py::test_t28_a_network_gone_for_ninety_seconds",
             REAL + "test_modem_network.py::test_a_short_gap_in_the_cell_is_not_told"),
    "T-29": (UNIT + "test_supervision.py::test_all_silent_at_once_is_the_radio_and_not_four_lost_devices",),
    "T-30": (UNIT + "test_edges_of_the_domain.py::test_t30_alarms_before_everything_and_then_in_order",
             UNIT + "test_journal.py::test_messages_go_alarms_first_then_in_order",
             REAL + "test_long_outage.py::test_a_month_without_a_platform"),
    "T-31": (UNIT + "test_edges_of_the_domain.py::test_t31_a_press_within_thirty_seconds_joins",
             UNIT + "test_pressed_again.py::test_a_press_after_acceptance_tells_the_acceptor_and_the_platform_again"),
    "T-32": (UNIT + "test_edges_of_the_domain.py::test_t32_a_cancel_is_one_until_it_is_sent",
             UNIT + "test_call_flow.py::test_cancel_after_sending_withdraws_nothing"),
    "T-33": (UNIT + "test_journal_keeping.py::test_alarm_records_go_after_three_years_but_never_the_newest_thousand",),
    "T-34": (UNIT + "test_clock.py::test_which_steps_are_told_and_which_are_large",
             UNIT + "test_technical_patience.py::test_a_battery_clock_alone_is_good_for_a_week"),
    "T-35": (UNIT + "test_time_and_recovery.py",),
    "T-36": (UNIT + "test_words.py::test_every_sms_fits_one_message_with_every_value_at_its_longest",
             UNIT + "test_edges_of_the_domain.py::test_t36_seventy_units_are_one_message_and_seventy_one_are_two"),
}  # fmt: skip

NOT_OURS = {
    "T-11": "how fast the platform's people answer: for the service agreement, not for code",
    "T-21": "how long the battery lasts: hardware, tested at commissioning",
}
OPEN: dict[str, str] = {}
PARTLY = {
    "T-14": "45 min and 2 h after the ticket are the platform's",
    "T-16": "the platform's own `ping` is not answered; the daily summary's RECEIVED proves the path once a day",
    "T-17": "a monthly reminder cannot be set, a weekly or daily one can",
    "T-28": "no lamp shows a bearer that failed six polls; UPLINK_LOST and CELL_LOST go to the platform",
    "T-35": "60 s after power-on is a figure of `make bench`, not a test",
}


@pytest.mark.parametrize(("t", "name", "default", "unit", "low", "high"), SETTINGS, ids=lambda v: str(v))
def test_a_number_of_the_domain_is_a_setting_with_its_default(
    t: str, name: str, default: float, unit: str, low: float, high: float
) -> None:
    row = TABLE[name]
    assert (row.default, row.unit, row.low, row.high) == (default, unit, low, high)
    assert row.source.startswith(t)
    assert Parameters()[name] == default
    assert check(name, low) == low
    assert check(name, high) == high
    for beyond in (low - 0.001, high + 0.001):
        with pytest.raises(BadParameter):
            check(name, beyond)


@pytest.mark.parametrize(("source", "name", "default", "unit"), BESIDE, ids=lambda v: str(v))
def test_so_are_the_numbers_beside(source: str, name: str, default: float, unit: str) -> None:
    row = TABLE[name]
    assert (row.default, row.unit) == (default, unit)
    assert row.source.startswith(source)


def test_every_setting_that_names_a_t_is_in_this_table() -> None:
    named = {(row.source[:4], name) for name, row in TABLE.items() if re.match(r"T-\d\d", row.source)}
    assert named == {(t, name) for t, name, *_ in SETTINGS}


@pytest.mark.parametrize(("t", "what", "found", "expected"), CONSTANTS, ids=lambda v: str(v))
def test_what_no_home_may_set_is_the_domains_too(t: str, what: str, found: float, expected: float) -> None:
    assert found == expected, f"{t}: {what}"


def test_the_heartbeat_can_be_quickened_and_never_slowed() -> None:
    key = next(key for key in keys_of(MqttConfig) if key.name == "heartbeat_s")
    assert (key.low, key.high) == (30, 300)


@pytest.mark.parametrize("t", [f"T-{n:02d}" for n in range(1, 37)])
def test_each_of_the_thirty_six_has_its_test_or_its_reason(t: str) -> None:
    assert (t in SHOWN) + (t in NOT_OURS) + (t in OPEN) == 1
    assert t in SHOWN or t not in PARTLY
    for place in SHOWN.get(t, ()):
        file, _, name = place.partition("::")
        text = (TESTS / file).read_text(encoding="utf-8")
        assert not name or re.search(rf"^(?:async )?def {name}\(", text, re.MULTILINE), f"{place} is gone"

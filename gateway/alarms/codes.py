"""All alarm codes with their severity, flow and foreign mappings, as one table (domain 4.1, 4.2).

The internal code is the contract; SCAIP, BS 8521 and Contact ID numbers are our nearest mapping, kept here so that an
adapter can be written one day, and are no claim of interoperability. Labels for people are in the catalogues.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How bad, most severe first (domain 4.1)."""

    P0 = "P0"  # CRITICAL 紧急·生命
    P1 = "P1"  # HIGH 高
    P2 = "P2"  # MEDIUM 中
    P3 = "P3"  # TECHNICAL 技术故障
    P4 = "P4"  # INFO 信息
    TEST = "TEST"  # 测试: goes the whole way, marked


class Flow(StrEnum):
    """Which of the flows of domain 3.2 an alarm takes."""

    CALL = "CALL"  # a person pressed: short cancel window, then everybody
    QUESTION = "QUESTION"  # the home asks first: no answer raises
    HAZARD = "HAZARD"  # smoke, gas, CO, flood: no pre-alarm, all contacts at once
    SILENT = "SILENT"  # duress: contacts in order, and nothing seen or heard at home
    SERVICE = "SERVICE"  # green key: no pre-alarm, no urgency
    ABSENT = "ABSENT"  # who is out cannot be asked at home: no pre-alarm, nothing said, contacts in order
    TECHNICAL = "TECHNICAL"  # debounced, to the platform, closed by its restore
    INFO = "INFO"  # a line in the record and the summary
    TEST = "TEST"


@dataclass(frozen=True, slots=True)
class Code:
    """One alarm code. `pre_alarm` and `template` name a parameter and an SMS text, None where the flow has none."""

    name: str
    severity: Severity
    flow: Flow
    template: str | None = None
    pre_alarm: str | None = None
    ask: str | None = None  # the prompt that asks or announces during the pre-alarm
    scaip: str | None = None  # device type/status
    bs8521: str | None = None
    cid: str | None = None


_P0, _P1, _P2, _P3, _P4 = Severity.P0, Severity.P1, Severity.P2, Severity.P3, Severity.P4
_CALL, _ASK, _HAZARD, _TECH, _INFO = Flow.CALL, Flow.QUESTION, Flow.HAZARD, Flow.TECHNICAL, Flow.INFO
_BUTTON = "call_button.pre_alarm_s"
_QUESTION = "inactivity.question_min"
_FALL = "fall.pre_alarm_s"
_UNVERIFIED = "unverified_press.pre_alarm_s"

CODES: Final[dict[str, Code]] = {
    c.name: c
    for c in (
        Code("CALL_PERSONAL", _P0, _CALL, "S01", _BUTTON, "V01", "0003/0010", "019", "101"),
        Code("CALL_FIXED", _P0, _CALL, "S01", _BUTTON, "V01", "0004/0010", "010", "100"),
        Code("CALL_GATEWAY", _P0, _CALL, "S01", _BUTTON, "V01", "0002/0010", "010", "100"),
        Code("DURESS", _P0, Flow.SILENT, "S22", None, None, "0006/0010", "023", "121"),
        Code("SERVICE_REQUEST", _P2, Flow.SERVICE, "S22", None, None, "0004/0110", "091", None),
        Code("FALL", _P1, _ASK, "S02", _FALL, "V07", "0005/0009", "021", "120"),
        Code("FALL_IMMOBILE", _P0, _ASK, "S02", _FALL, "V07", "0005/0009", "022", "102"),
        Code("INACTIVITY", _P1, _ASK, "S03", _QUESTION, "V08", "0010/0009", "043", "641"),
        Code("WATER_LOW_USE", _P1, _ASK, "S04", _QUESTION, "V08", "0049/0064", "043", "641"),
        Code("POWER_LOW_USE", _P2, _ASK, "S22", _QUESTION, "V08", "0049/0064", "043", "641"),
        Code("DOOR_NOT_USED", _P2, _ASK, "S22", _QUESTION, "V08", "0014/0104", "043", "641"),
        Code("WELFARE_MISSED", _P1, _ASK, "S22", _QUESTION, "V08", "0010/0104", "043", "102"),
        Code("BED_ABSENCE", _P1, _ASK, "S22", _QUESTION, "V08", "0012/0009", "037", None),
        Code("ROOM_OVERSTAY", _P1, _ASK, "S22", _QUESTION, "V08", "0018/0009", "041", "641"),
        Code("NIGHT_EXIT", _P1, _ASK, "S08", _QUESTION, "V08", "0015/0009", "030", None),
        Code("DOOR_LEFT_OPEN", _P3, _TECH, None, None, None, "0014/0077", "055", None),
        Code("VITAL_OUT_OF_RANGE", _P2, _ASK, "S07", _QUESTION, "V08", "0019/0046", None, "100"),
        Code("SMOKE", _P0, _HAZARD, "S05", None, "V09", "0023/0009", "016", "111"),
        Code("HEAT_FIRE", _P0, _HAZARD, "S05", None, "V09", "0025/0009", "017", "114"),
        Code("GAS", _P0, _HAZARD, "S05-gas", None, "V10", "0021/0009", "027", "151"),
        Code("CO", _P0, _HAZARD, "S05", None, "V10", "0026/0009", "026", "162"),
        Code("FLOOD", _P1, _HAZARD, "S06", None, "V11", "0033/0009", "047", "154"),
        Code("LEAK_SUSPECTED", _P3, _TECH, None, None, None, "0049/0046", "047", "154"),
        Code("WATER_HIGH_USE", _P3, _TECH, None, None, None, "0049/0046", "047", None),
        Code("TEMP_HIGH", _P2, _ASK, "S22", _QUESTION, "V08", "0020/0100", "032", "158"),
        Code("TEMP_LOW", _P2, _ASK, "S22", _QUESTION, "V08", "0020/0101", "033", "159"),
        Code("CANCELLED_BY_USER", _P4, _INFO, "S11", None, None, "orig/0019", "000", "406"),
        Code("OK_REPORTED", _P4, _INFO, None, None, None, "0010/0005", "097", None),
        Code("MAINS_FAIL", _P3, _TECH, "S13", None, None, "0041/0085", "051", "301"),
        Code("MAINS_RESTORED", _P3, _TECH, "S14", None, None, "0041/0086", "051", "301"),
        Code("GATEWAY_BATTERY_LOW", _P3, _TECH, None, None, None, "0041/0016", "053", "302"),
        Code("GATEWAY_BATTERY_FAIL", _P3, _TECH, None, None, None, "0041/0014", "053", "311"),
        Code("DEVICE_BATTERY_LOW", _P3, _TECH, "S16", None, None, "dev/0016", "dev", "384"),
        Code("DEVICE_LOST", _P3, _TECH, "S15", None, None, "dev/0123", "057", "381"),
        Code("DEVICE_RESTORED", _P3, _TECH, None, None, None, "dev/0124", "057", "381"),
        Code("DEVICE_TAMPER", _P3, _TECH, None, None, None, "dev/0125", "057", "383"),
        Code("RULE_UNAVAILABLE", _P2, _TECH, None, None, None, "0010/0078", "057", None),
        Code("UPLINK_LOST", _P3, _TECH, None, None, None, "0032/0023", "062", "350"),
        Code("UPLINK_RESTORED", _P3, _TECH, None, None, None, "0032/0112", "062", "350"),
        Code("CELL_LOST", _P3, _TECH, None, None, None, "0032/0024", "062", "355"),
        Code("RADIO_INTERFERENCE", _P2, _TECH, None, None, None, "0050/0052", "061", "344"),
        Code("STORAGE_FAULT", _P2, _TECH, None, None, None, "0045/0068", "057", None),
        Code("CLOCK_UNSYNCED", _P3, _TECH, None, None, None, "0045/0105", "057", "626"),
        Code("WATCHDOG_RESTART", _P3, _TECH, None, None, None, "0045/0093", "057", "305"),
        Code("CONFIG_CHANGED", _P4, _INFO, None, None, None, "0045/0107", "057", None),
        Code("AUTH_FAILED", _P3, _TECH, None, None, None, "0045/0107", "057", None),
        Code("TEST_MANUAL", Severity.TEST, Flow.TEST, "S17", None, "V15", "dev/0102", "064", "601"),
        Code("TEST_PERIODIC", Severity.TEST, Flow.TEST, None, None, None, "dev/0103", "058", "602"),
        Code("VISITOR_ARRIVED", _P4, _INFO, None, None, None, "0043/0121", "098", None),
        Code("VISITOR_LEFT", _P4, _INFO, None, None, None, "0043/0111", "099", None),
        Code("VISIT_OVERDUE", _P3, _TECH, "S19", None, None, None, "091", None),
        Code("LEDGER_REVIEW_DUE", _P4, _TECH, None, None, None, None, None, None),
        Code("AWAY_TOO_LONG", _P2, Flow.ABSENT, "S22", None, None, None, None, None),
        Code("GEOFENCE_EXIT", _P1, Flow.ABSENT, "S22", None, None, None, None, None),
        Code("LONG_LIE", _P1, _ASK, "S22", _QUESTION, "V08", None, "022", None),
        Code("STOVE_ON", _P2, _ASK, "S22", _QUESTION, "V08", None, None, None),
        Code("UNVERIFIED_PRESS", _P1, _ASK, "S22", _UNVERIFIED, "V01", None, "019", None),
        Code("DRIVER_BLIND", _P2, _TECH, None, None, None, None, "057", None),
        Code("METER_STALE", _P3, _TECH, None, None, None, None, "057", None),
        Code("VISIT_DUE", _P4, _INFO, None, None, None, None, None, None),
        Code("CHILD_CONTACT", _P4, _INFO, None, None, None, None, None, None),
        Code("REMINDER_ANSWERED", _P4, _INFO, None, None, None, None, None, None),
        Code("REMINDER_MISSED", _P4, _INFO, None, None, None, None, None, None),
        Code("ROLL_CALL", _P4, _INFO, None, None, None, None, None, None),
        Code("METER_REBASED", _P4, _INFO, None, None, None, None, None, None),
        Code("HAZARD_CLEARED", _P4, _INFO, None, None, None, None, None, None),
        Code("VITAL_TREND", _P4, _INFO, None, None, None, None, None, None),
        Code("DEVICE_END_OF_LIFE", _P3, _TECH, None, None, None, None, "057", None),
        Code("DEVICE_STUCK", _P3, _TECH, None, None, None, None, "057", None),
        Code("HOME_AWAY", _P4, _INFO, None, None, None, "loc 003/002", None, None),
    )
}  # fmt: skip


class Outcome(StrEnum):
    """How an alarm ended, said by the platform or an authenticated visitor (domain 3.2)."""

    HELPED = "HELPED"
    FALSE_ALARM = "FALSE_ALARM"
    TEST = "TEST"
    NO_ONE_HOME = "NO_ONE_HOME"
    HOSPITALISED = "HOSPITALISED"
    DECEASED = "DECEASED"
    REFERRED = "REFERRED"
    TECHNICAL = "TECHNICAL"


TEST_UNANSWERED: Final = "TEST_UNANSWERED"
"""Outcome of a test that went to everybody and nobody answered. Not of `Outcome`: no person says it."""

"""The table of alarm codes is the one of domain 4.2, row by row, with the flows of 3.2 and the severities of 4.1."""

from __future__ import annotations

import pytest
from virtual_home import House, home

from gateway.alarms.codes import CODES, Flow, Severity
from gateway.alarms.life import State
from gateway.home.model import Contact
from gateway.parameters import Parameters

# domain 4.2, typed from its rows: severity, SCAIP, BS 8521, Contact ID. Where a cell names two numbers or a variant
# ("P2 (P1 if two)", "022 or 029") the first one stands; "–" and cells without a number are None.
DOMAIN = """
CALL_PERSONAL        P0   0003/0010      019  101
CALL_FIXED           P0   0004/0010      010  100
CALL_GATEWAY         P0   0002/0010      010  100
DURESS               P0   0006/0010      023  121
SERVICE_REQUEST      P2   0004/0110      091  -
FALL                 P1   0005/0009      021  120
FALL_IMMOBILE        P0   0005/0009      022  102
INACTIVITY           P1   0010/0009      043  641
WATER_LOW_USE        P1   0049/0064      043  641
POWER_LOW_USE        P2   0049/0064      043  641
DOOR_NOT_USED        P2   0014/0104      043  641
WELFARE_MISSED       P1   0010/0104      043  102
BED_ABSENCE          P1   0012/0009      037  -
ROOM_OVERSTAY        P1   0018/0009      041  641
NIGHT_EXIT           P1   0015/0009      030  -
DOOR_LEFT_OPEN       P3   0014/0077      055  -
VITAL_OUT_OF_RANGE   P2   0019/0046      -    100
SMOKE                P0   0023/0009      016  111
HEAT_FIRE            P0   0025/0009      017  114
GAS                  P0   0021/0009      027  151
CO                   P0   0026/0009      026  162
FLOOD                P1   0033/0009      047  154
LEAK_SUSPECTED       P3   0049/0046      047  154
WATER_HIGH_USE       P3   0049/0046      047  -
TEMP_HIGH            P2   0020/0100      032  158
TEMP_LOW             P2   0020/0101      033  159
CANCELLED_BY_USER    P4   orig/0019      000  406
OK_REPORTED          P4   0010/0005      097  -
MAINS_FAIL           P3   0041/0085      051  301
MAINS_RESTORED       P3   0041/0086      051  301
GATEWAY_BATTERY_LOW  P3   0041/0016      053  302
GATEWAY_BATTERY_FAIL P3   0041/0014      053  311
DEVICE_BATTERY_LOW   P3   dev/0016       dev  384
DEVICE_LOST          P3   dev/0123       057  381
DEVICE_RESTORED      P3   dev/0124       057  381
DEVICE_TAMPER        P3   dev/0125       057  383
RULE_UNAVAILABLE     P2   0010/0078      057  -
UPLINK_LOST          P3   0032/0023      062  350
UPLINK_RESTORED      P3   0032/0112      062  350
CELL_LOST            P3   0032/0024      062  355
RADIO_INTERFERENCE   P2   0050/0052      061  344
STORAGE_FAULT        P2   0045/0068      057  -
CLOCK_UNSYNCED       P3   0045/0105      057  626
WATCHDOG_RESTART     P3   0045/0093      057  305
CONFIG_CHANGED       P4   0045/0107      057  -
AUTH_FAILED          P3   0045/0107      057  -
TEST_MANUAL          TEST dev/0102       064  601
TEST_PERIODIC        TEST dev/0103       058  602
VISITOR_ARRIVED      P4   0043/0121      098  -
VISITOR_LEFT         P4   0043/0111      099  -
VISIT_OVERDUE        P3   -              091  -
AWAY_TOO_LONG        P2   -              -    -
GEOFENCE_EXIT        P1   -              -    -
LONG_LIE             P1   -              022  -
STOVE_ON             P2   -              -    -
UNVERIFIED_PRESS     P1   -              019  -
DRIVER_BLIND         P2   -              057  -
METER_STALE          P3   -              057  -
HOME_AWAY            P4   loc/003/002    -    -
"""

OURS = {
    # codes the domain's table has not: notes for the platform and conditions of devices, no alarms
    "LEDGER_REVIEW_DUE", "VISIT_DUE", "CHILD_CONTACT", "REMINDER_ANSWERED", "REMINDER_MISSED", "ROLL_CALL",
    "METER_REBASED", "HAZARD_CLEARED", "VITAL_TREND", "DEVICE_END_OF_LIFE", "DEVICE_STUCK",
}  # fmt: skip

ROWS = [line.split() for line in DOMAIN.strip().splitlines()]

# domain 3.2 and the notes of 4.2
CALLS = {"CALL_PERSONAL", "CALL_FIXED", "CALL_GATEWAY"}
AT_ONCE = {"SMOKE", "HEAT_FIRE", "GAS", "CO", "FLOOD"}
ABSENT = {"AWAY_TOO_LONG", "GEOFENCE_EXIT"}  # who is out cannot be asked at home
ASKED = {
    "FALL", "FALL_IMMOBILE", "INACTIVITY", "WATER_LOW_USE", "POWER_LOW_USE", "DOOR_NOT_USED", "WELFARE_MISSED",
    "BED_ABSENCE", "ROOM_OVERSTAY", "NIGHT_EXIT", "VITAL_OUT_OF_RANGE", "TEMP_HIGH", "TEMP_LOW", "LONG_LIE",
    "STOVE_ON", "UNVERIFIED_PRESS",
}  # fmt: skip
ALARMS = CALLS | AT_ONCE | ABSENT | ASKED | {"DURESS", "SERVICE_REQUEST"}

# domain 4.4: "S22 serves every other code"
TEMPLATES = {
    "S01": CALLS,
    "S02": {"FALL", "FALL_IMMOBILE"},
    "S03": {"INACTIVITY"},
    "S04": {"WATER_LOW_USE"},
    "S05": {"SMOKE", "HEAT_FIRE", "CO"},
    "S05-gas": {"GAS"},
    "S06": {"FLOOD"},
    "S07": {"VITAL_OUT_OF_RANGE"},
    "S08": {"NIGHT_EXIT"},
}


def test_every_row_of_the_domain_is_there_and_nothing_else_but_ours() -> None:
    assert {row[0] for row in ROWS} | OURS == set(CODES)
    assert {row[0] for row in ROWS} & OURS == set()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_code_is_as_the_domain_says(row: list[str]) -> None:
    name, severity, scaip, bs8521, cid = row
    code = CODES[name]
    assert code.severity.value == severity
    found = [str(value or "-").replace(" ", "/") for value in (code.scaip, code.bs8521, code.cid)]
    assert found == [scaip, bs8521, cid]


def test_what_is_ours_is_no_alarm() -> None:
    assert {CODES[name].severity for name in OURS} <= {Severity.P3, Severity.P4}
    assert {CODES[name].flow for name in OURS} <= {Flow.TECHNICAL, Flow.INFO}


def test_each_takes_its_flow() -> None:
    flows = {
        Flow.CALL: CALLS,
        Flow.QUESTION: ASKED,
        Flow.HAZARD: AT_ONCE,
        Flow.ABSENT: ABSENT,
        Flow.SILENT: {"DURESS"},
        Flow.SERVICE: {"SERVICE_REQUEST"},
        Flow.TEST: {"TEST_MANUAL", "TEST_PERIODIC"},
    }
    for flow, names in flows.items():
        assert {name for name, code in CODES.items() if code.flow is flow} == names
    for name in set(CODES) - ALARMS - {"TEST_MANUAL", "TEST_PERIODIC"}:
        assert CODES[name].flow in (Flow.TECHNICAL, Flow.INFO)
        assert CODES[name].severity in (Severity.P2, Severity.P3, Severity.P4)  # P2: RULE_UNAVAILABLE and its like


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_the_pre_alarm_is_the_one_of_its_severity_and_flow(name: str) -> None:
    """4.1: P0 none or 10 s; P1 10 to 30 s, or 5 min; P2 5 min. 3.2: none for detectors, duress, the green key, who is
    out. A fall that turns out immobile is a fall: its window has begun."""
    code, parameters = CODES[name], Parameters()
    seconds = parameters.ms(code.pre_alarm) // 1000 if code.pre_alarm else 0
    if name in CALLS:
        assert seconds == 10
    elif name in ("FALL", "FALL_IMMOBILE", "UNVERIFIED_PRESS"):
        assert seconds == 30
    elif name in ASKED:
        assert seconds == 300
    else:
        assert seconds == 0


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_the_text_is_the_one_of_the_domain(name: str) -> None:
    expected = next((template for template, names in TEMPLATES.items() if name in names), "S22")
    assert CODES[name].template == expected


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_all_at_once_is_for_detectors_alone_everything_else_goes_in_order(name: str) -> None:
    house = House(home(contacts=tuple(Contact(f"c{n}", n) for n in (1, 2, 3))))
    house.controller.desk.found(name, 0, "test", "dev")
    house._keep(house.controller.advance(0))
    house.wait(300)
    raised_ms = next(e.t for e in house.events if e.state is State.RAISED)
    at_first = {a.contact for a in house.texts() if a.key.endswith(f"t{raised_ms}")}
    assert at_first == ({"c1", "c2", "c3"} if name in AT_ONCE else {"c1"})


def test_the_siren_is_for_smoke_gas_and_co() -> None:
    for name in sorted(ALARMS):
        house = House()
        house.controller.desk.found(name, 0, "test", "dev")
        house._keep(house.controller.advance(0))
        house.wait(300)
        assert ("on" in house.sirens()) is (name in {"SMOKE", "GAS", "CO"})

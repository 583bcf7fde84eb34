"""The monthly self-test of a SIM: when it is due, what proves it, and what its failure means."""

from __future__ import annotations

import json
from typing import Any

from gateway.channels.port import Delivered, NotDelivered, Outcome
from gateway.observations import Kind, Report, check_value
from gateway.runtime.self_test import AGAIN_MS, DAY_MS, MEMORY, REPORT_WITHIN_MS, SelfTestRunner, SelfTests

MONTH = 30 * DAY_MS
PLATFORM = "13800009999"


class Modem:
    def __init__(self, name: str = "modem") -> None:
        self.name = name
        self.outcome: Outcome = Delivered(f"{name}:7")
        self.sent: list[tuple[str, str]] = []
        self.asked: list[str] = []

    async def send(self, number: str, text: str) -> Outcome:
        self.sent.append((number, text))
        return self.outcome

    async def ask_credit(self, code: str) -> bool:
        self.asked.append(code)
        return True


class House:
    def __init__(self, *modems: Modem, kept: Any = None, credit: str = "") -> None:
        self.modems = list(modems or (Modem(),))
        self.now = 0
        self.told: list[Report] = []
        self.expected: list[tuple[str | None, dict[str, Any]]] = []
        self.verdicts: list[tuple[str, bool]] = []
        self.tests = SelfTests(MONTH, kept)
        self.runner = SelfTestRunner(
            self.tests,
            lambda: list(self.modems),
            number=PLATFORM,
            text="Hearthwatch gw self-test",
            credit_code=credit,
            now=lambda: self.now,
            tell=self.told.append,
            expect=lambda reference, row: self.expected.append((reference, row)),
            proved=lambda modem, well: self.verdicts.append((modem, well)),
        )

    async def after(self, ms: int) -> None:
        self.now += ms
        await self.runner.look()

    def report(self, delivered: bool = True) -> None:
        row = self.expected[-1][1]
        self.runner.reported({**row, "result": "delivered" if delivered else "failed"})

    @property
    def results(self) -> list[str]:
        return [r.value["result"] for r in self.told]


async def test_it_goes_to_the_platforms_number_and_is_proved_by_its_report() -> None:
    house = House()
    await house.after(0)
    assert house.modems[0].sent == [(PLATFORM, "Hearthwatch gw self-test")]
    assert house.verdicts == []  # handed over is not arrived
    house.report()
    assert house.results == ["sent", "delivered"]
    assert house.verdicts == [("modem", True)]


async def test_a_month_passes_between_two_tests() -> None:
    house = House()
    await house.after(0)
    house.report()
    for _ in range(29):
        await house.after(DAY_MS)
    assert len(house.modems[0].sent) == 1
    await house.after(DAY_MS)
    assert len(house.modems[0].sent) == 2


async def test_a_sim_without_credit_is_lost_and_tested_daily_until_it_works() -> None:
    house = House()
    house.modems[0].outcome = NotDelivered("barred by the operator", 600)
    await house.after(0)
    assert house.verdicts == [("modem", False)]
    await house.after(AGAIN_MS - 1)
    assert len(house.modems[0].sent) == 1
    house.modems[0].outcome = Delivered("modem:8")
    await house.after(1)
    house.report()
    assert house.verdicts == [("modem", False), ("modem", True)]


async def test_a_text_the_centre_could_not_deliver_is_a_failure() -> None:
    house = House()
    await house.after(0)
    house.report(False)
    assert house.verdicts == [("modem", False)]


async def test_no_report_is_a_failure_only_of_a_network_that_ever_reports() -> None:
    house = House()
    await house.after(0)
    await house.after(REPORT_WITHIN_MS)
    assert house.results == ["sent", "unreported"]
    assert house.verdicts == []  # nobody knows: some operators report to no machine's SIM
    await house.after(MONTH)
    house.report()
    await house.after(MONTH)
    await house.after(REPORT_WITHIN_MS)
    assert house.verdicts[-1] == ("modem", False)


async def test_without_a_network_it_waits_for_one() -> None:
    house = House()
    house.modems[0].outcome = NotDelivered("not registered with a network", 15)
    await house.after(0)
    assert (house.told, house.verdicts) == ([], [])
    house.modems[0].outcome = Delivered("modem:8")
    await house.after(600_000)
    assert house.results == ["sent"]


async def test_each_sim_is_tested_and_asked_for_its_credit() -> None:
    house = House(Modem("modem"), Modem("modem2"), credit="*100#")
    await house.after(0)
    assert [len(m.sent) for m in house.modems] == [1, 1]
    assert [m.asked for m in house.modems] == [["*100#"], ["*100#"]]
    assert [row["modem"] for _, row in house.expected] == ["modem", "modem2"]


async def test_a_restart_neither_tests_again_nor_forgets_what_waits() -> None:
    house = House()
    await house.after(0)
    name, kept = house.told[-1].memory or ("", None)
    assert name == MEMORY
    after = House(kept=json.loads(json.dumps(kept)))
    await after.after(DAY_MS // 2)
    assert after.modems[0].sent == []
    await after.after(DAY_MS)
    assert after.results == ["unreported"]


def test_a_damaged_memory_is_an_empty_beginning() -> None:
    for kept in (None, 7, [], {"modem": 1}, {"modem": {"t": "x"}}, {3: {"t": 1}}):
        assert SelfTests(MONTH, kept).due("modem", 0)


async def test_it_is_written_down_without_a_number_and_moves_no_alarm() -> None:
    house = House()
    await house.after(0)
    value = house.told[0].value
    assert check_value(Kind.DELIVERY, value) == value
    assert (value["alarm"], value["test"]) == (None, True)
    assert PLATFORM not in json.dumps(value)

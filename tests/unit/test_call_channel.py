"""Calls to contacts: what is said in whose name, whose key counts, and who is never dialled."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from gateway.actions import Call, Lamp
from gateway.alarms import words
from gateway.alarms.words import TextFault
from gateway.channels import call as call_module
from gateway.channels.call import CallChannel, CallReport, CallWords
from gateway.channels.filling import HouseFacts
from gateway.channels.port import Delivered, Health, NotDelivered, Outcome, State
from gateway.home.model import Contact, Home, HomeView

DAUGHTER, NEIGHBOUR, LIAISON = "13800000001", "059522223333", "13800000003"
ZH = words.load()


class Telephone:
    """The far end of the wire: answers as it was told to, and keeps what it was asked to say."""

    def __init__(self, *reports: CallReport | BaseException, key: str | None = None) -> None:
        self.reports = list(reports)
        self.key = key
        self.dialled: list[tuple[str, CallWords]] = []

    async def call(self, number: str, said: CallWords) -> CallReport:
        self.dialled.append((number, said))
        report = self.reports.pop(0) if self.reports else CallReport("answered", "keyed", self.key)
        if isinstance(report, BaseException):
            raise report
        if self.key is not None and said.on_key is not None:
            await said.on_key(self.key)
        return report


def make_home(**phones: str) -> Home:
    numbers = {"c1": DAUGHTER, "c2": NEIGHBOUR, "c3": LIAISON} | phones
    contacts = (Contact("c1", 1), Contact("c2", 2, channels=("call",)), Contact("c3", 1, "village_liaison"))
    names = {"r1": "王阿公", "c1": "女儿", "c2": "邻居", "c3": "小陈"}
    return Home(HomeView(residents=("r1",), contacts=contacts), names, numbers, {}, {}, {})


class House:
    """A channel with a telephone at its far end."""

    def __init__(self, telephone: Telephone | None = None, home: Home | None = None, house: str = "溪边12号") -> None:
        self.home = home or make_home()
        self.telephone = telephone or Telephone()
        self.answers: list[tuple[str, str, str | None, str]] = []
        self.channel = CallChannel(lambda: self.home, self.telephone, ZH, self._answered, HouseFacts(house))

    async def _answered(self, contact: str, answer: str, reference: str | None, via: str) -> None:
        await asyncio.sleep(0)
        self.answers.append((contact, answer, reference, via))

    async def carry(self, to: str = "c1", **params: Any) -> Outcome:
        values = {"time": "08:15", "place": "卧室", "ref": "17", "code": "CALL_FIXED", **params}
        return await self.channel.carry(Call(f"a17:call:{to}", to, values, 17, "P0"))

    @property
    def said(self) -> str:
        return self.telephone.dialled[-1][1].text


# ---- what is said


async def test_the_daughter_hears_who_when_what_and_which_keys() -> None:
    house = House()
    assert await house.carry() == Delivered(result="answered")
    assert house.telephone.dialled[0][0] == DAUGHTER
    assert house.said == "王阿公家报警：08:15按了紧急按钮。能去请按1，去不了按2，重听按3。"


async def test_a_hop_that_is_not_family_hears_which_house() -> None:
    house = House()
    await house.carry("c3")
    assert house.said.startswith("溪边12号王阿公家报警：")


async def test_an_hour_no_clock_vouches_for_is_not_said() -> None:
    house = House()
    await house.carry(time=None, code="SMOKE")
    assert house.said.startswith("王阿公家报警：刚才家里烟雾报警。")


async def test_a_test_says_first_of_all_that_it_is_one() -> None:
    house = House()
    await house.carry(test=True)
    assert house.said.startswith("这是测试电话：王阿公家")
    assert "报警" not in house.said


async def test_a_landline_is_called_too() -> None:
    house = House()
    await house.carry("c2")
    assert house.telephone.dialled[0][0] == NEIGHBOUR


def test_every_code_and_the_worst_names_can_be_said() -> None:
    values = {"name": "王" * 4, "house": "溪边一百二号", "time": "23:59"}
    for code in (*ZH.whats, "NO_SUCH_CODE"):
        text = ZH.render_call(values | {"what": ZH.what(code)})
        assert 30 < len(text) <= 60, (code, text)  # at three characters a second 20 s at the most
    with pytest.raises(TextFault):
        ZH.render_call(values | {"name": "王" * 5, "what": "x"})
    for language in ("zh_CN", "en"):
        texts = words.load(language).channels
        assert {"thanks-1", "thanks-2", "link"} <= texts.keys()


# ---- what is pressed


@pytest.mark.parametrize("key", ["1", "2"])
async def test_a_key_is_the_contacts_answer_to_this_alarm(key: str) -> None:
    house = House(Telephone(key=key))
    await house.carry()
    assert house.answers == [("c1", key, "17", "call")]
    assert set(house.telephone.dialled[0][1].thanks) == {"1", "2"}


async def test_other_keys_answer_nothing() -> None:
    house = House(Telephone(key="7"))
    await house.carry()
    assert house.answers == []


# ---- how it went


@pytest.mark.parametrize("result", ["busy", "no_answer", "rejected"])
async def test_who_was_not_reached_is_told_apart_and_not_dialled_again_by_us(result: str) -> None:
    house = House(Telephone(CallReport(result, "why")))
    assert await house.carry() == NotDelivered("why", None, result)
    assert house.channel.counts == {result: 1}


async def test_a_modem_that_is_gone_is_tried_again_and_one_that_hangs_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House(Telephone(OSError("x"), CallReport("failed", "no network", retry_after_s=15)))
    assert await house.carry() == NotDelivered("the modem is gone: OSError", 0, "failed")
    assert await house.carry() == NotDelivered("no network", 15, "failed")

    class Hanging(Telephone):
        async def call(self, number: str, said: CallWords) -> CallReport:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(call_module, "CALL_LIMIT_S", 0.05)
    outcome = await House(Hanging()).carry()
    assert isinstance(outcome, NotDelivered)
    assert outcome.retry_after_s is None


# ---- who is never dialled


@pytest.mark.parametrize("number", ["120", "110", "+86119", "0595120", "12345", "999", "95588", "", "x"])
async def test_no_emergency_or_service_number_is_dialled_whatever_got_into_the_registry(
    number: str, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(home=make_home(c1=number))
    outcome = await house.carry()
    assert isinstance(outcome, NotDelivered)
    assert outcome.retry_after_s is None
    assert house.telephone.dialled == []


async def test_who_is_no_contact_and_what_is_no_call_goes_nowhere() -> None:
    house = House()
    assert isinstance(await house.carry("c9"), NotDelivered)
    assert isinstance(await house.channel.carry(Lamp("l", "off")), NotDelivered)
    assert house.telephone.dialled == []
    assert house.channel.counts == {"unknown_contact": 1, "not_a_call": 1}


async def test_no_name_and_no_number_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    house = House(Telephone(CallReport("busy"), CallReport("answered", key := "", "1")))
    await house.carry()
    await house.carry()
    for secret in ("王阿公", "女儿", DAUGHTER, DAUGHTER[3:]):
        assert secret not in caplog.text
    assert "c1 busy" in caplog.text
    assert key == ""


async def test_there_is_no_speech_path_unless_somebody_builds_one() -> None:
    house = House()
    await house.carry()
    assert house.telephone.dialled[0][1].stay_s == 0

    class Speech:
        def admits(self, contact: str) -> float:
            return 60.0 if contact == "c1" else 0.0

    channel = CallChannel(lambda: house.home, house.telephone, ZH, house._answered, speech=Speech())
    said = channel.words_for(house.home.view.contacts[0], {"code": "FALL", "time": "08:15"})
    assert said.stay_s == 60.0
    assert channel.health() == Health(State.UP)

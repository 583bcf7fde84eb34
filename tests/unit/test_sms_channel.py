"""Texts to contacts: who gets what, in whose name, how often, and what happens when the modem does not."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from gateway.actions import Lamp, Text
from gateway.alarms import words
from gateway.channels import sms as sms_module
from gateway.channels.filling import HouseFacts
from gateway.channels.port import Delivered, NotDelivered, Outcome
from gateway.channels.sms import SmsChannel
from gateway.home.model import Contact, Home, HomeView
from gateway.observations import shown

HOUR = 3600.0
DAUGHTER, NEIGHBOUR, LIAISON = "13800000001", "13800000002", "13800000003"


class Modem:
    """The far end of the wire: records what it was given, answers what it was told to."""

    def __init__(self, *answers: Outcome | BaseException) -> None:
        self.sent: list[tuple[str, str]] = []
        self.answers = list(answers)

    async def send_sms(self, number: str, text: str) -> Outcome:
        answer = self.answers.pop(0) if self.answers else Delivered(str(len(self.sent)))
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, Delivered):
            self.sent.append((number, text))
        return answer


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def make_home(**changed: Any) -> Home:
    facts: dict[str, Any] = {
        "names": {"r1": "王阿公", "r2": "王阿婆", "c1": "女儿", "c2": "邻居", "c3": "小陈"},
        "phones": {"c1": DAUGHTER, "c2": NEIGHBOUR, "c3": LIAISON},
        "contacts": (Contact("c1", 1), Contact("c2", 2), Contact("c3", 1, "village_liaison")),
    } | changed
    view = HomeView(residents=("r1", "r2"), contacts=facts["contacts"])
    return Home(view, facts["names"], facts["phones"], {}, {}, {"d1": "床头按钮"})


def text(template: str = "S01", to: str = "c1", *, alarm: int | None = 17, severity: str = "P0", **params: Any) -> Text:
    values = {"time": "08:15", "place": "卧室", "ref": "17", "code": "CALL_FIXED", "hours": 12, "mins": 45, **params}
    return Text(f"a{alarm}:{template}:{to}", to, template, values, alarm, severity)


class House:
    """A channel with a modem at its far end."""

    def __init__(
        self, *answers: Outcome | BaseException, home: Home | None = None, facts: HouseFacts | None = None
    ) -> None:
        self.home = home or make_home()
        self.modem = Modem(*answers)
        self.clock = Clock()
        self.sms = SmsChannel(lambda: self.home, self.modem, words.load(), facts, now=self.clock)

    async def carry(self, *args: Any, **kwargs: Any) -> Outcome:
        return await self.sms.carry(text(*args, **kwargs))

    @property
    def last(self) -> str:
        return self.modem.sent[-1][1]


# ---- who is texted, and in whose name


async def test_a_call_is_told_to_the_contact_with_the_residents_name() -> None:
    house = House()
    assert await house.carry() == Delivered("0")
    number, made = house.modem.sent[0]
    assert number == DAUGHTER
    assert made.startswith("【居家守护】王阿公08:15在卧室按了紧急按钮。")
    assert house.sms.counts == {"sent": 1}


async def test_who_accepted_is_named_and_nobody_we_know_is_the_desk() -> None:
    house = House()
    await house.carry("S10", "c2", contact="c1")
    assert "王阿公的报警，女儿已答应去处理" in house.last
    for unknown in (None, "desk-7"):
        await house.carry("S12", "c2", contact=unknown)
        assert "详情请问值班人员" in house.last


async def test_what_happened_comes_from_the_code_of_the_alarm() -> None:
    house = House()
    await house.carry("S22", code="ROOM_OVERSTAY")
    assert "王阿公08:15很久没从卫生间出来" in house.last
    await house.carry("S05", code="CO")
    assert "卧室一氧化碳报警" in house.last


async def test_a_hop_that_is_not_family_is_told_the_house() -> None:
    house = House(facts=HouseFacts(house="溪边12号"))
    await house.carry(to="c3")
    assert house.last.startswith("【居家守护】溪边12号王阿公08:15")
    await house.carry(to="c1")
    assert house.last.startswith("【居家守护】王阿公08:15")


async def test_the_alarm_of_the_second_resident_bears_her_name() -> None:
    house = House()
    await house.carry(resident="r2")
    assert "王阿婆" in house.last


async def test_a_home_without_names_still_alarms() -> None:
    house = House(home=make_home(names={}))
    await house.carry()
    assert "【居家守护】老人08:15" in house.last


async def test_device_and_helpline_are_filled_in_and_have_stand_ins() -> None:
    house = House(facts=HouseFacts(helpline="0595-85661234"))
    await house.carry("S15", severity="P2", device="d1")
    assert "床头按钮失联" in house.last
    assert "0595-85661234" in house.last
    house = House()
    await house.carry("S15", severity="P2", device="gone")
    assert "设备失联" in house.last
    assert "请打服务电话报修" in house.last


async def test_a_change_of_the_home_holds_for_the_next_text() -> None:
    house = House()
    house.home = make_home(phones={"c1": "13900000009", "c2": NEIGHBOUR, "c3": LIAISON})
    await house.carry()
    assert house.modem.sent[0][0] == "13900000009"


# ---- what is refused for good


@pytest.mark.parametrize("number", ["120", "110", "0595110", "+86119", "12345", "１２０"])
async def test_an_emergency_number_is_never_texted_whatever_the_registry_says(number: str) -> None:
    house = House(home=make_home(phones={"c1": number}))
    outcome = await house.carry()
    assert isinstance(outcome, NotDelivered)
    assert outcome.retry_after_s is None
    assert house.modem.sent == []
    assert house.sms.counts == {"refused_number": 1}


async def test_a_landline_gets_no_text() -> None:
    house = House(home=make_home(phones={"c1": "059585661234"}))
    assert await house.carry() == NotDelivered("c1: takes no texts (a landline gets calls only)", None)


async def test_a_contact_without_the_sms_channel_or_number_gets_none() -> None:
    house = House(
        home=make_home(contacts=(Contact("c1", 1, channels=("call",)), Contact("c2", 2)), phones={"c1": DAUGHTER})
    )
    for contact, counter in (("c1", "no_texts"), ("c2", "refused_number")):
        outcome = await house.carry(to=contact)
        assert isinstance(outcome, NotDelivered)
        assert outcome.retry_after_s is None
        assert house.sms.counts[counter] == 1
    assert house.modem.sent == []


async def test_a_stranger_and_another_kind_of_action_are_refused() -> None:
    house = House()
    assert await house.carry(to="c9") == NotDelivered("c9: no such contact in this home", None)
    refused = await house.sms.carry(Lamp("k", "off"))
    assert isinstance(refused, NotDelivered)
    assert house.sms.counts == {"unknown_contact": 1, "not_a_text": 1}


async def test_a_text_that_cannot_be_written_is_refused() -> None:
    house = House()
    outcome = await house.carry("S99", severity="P3")
    assert outcome == NotDelivered("S99: no such SMS template", None)
    assert house.sms.counts == {"bad_text": 1}


@pytest.mark.parametrize("broken", [{"template": "S99"}, {"time": "8 o'clock"}, {"ref": "x"}, {"place": ""}])
async def test_an_urgent_text_that_cannot_be_written_goes_in_poor_words(broken: dict[str, Any]) -> None:
    house = House()
    assert isinstance(await house.carry(**broken), Delivered)
    assert house.last.startswith("【居家守护】王阿公家有紧急报警")
    assert house.sms.counts == {"last_resort": 1, "sent": 1}


async def test_poor_words_go_even_without_a_fit_name() -> None:
    house = House(home=make_home(names={"r1": "太长的名字啊"}))
    await house.carry()
    assert house.last.startswith("【居家守护】老人家有紧急报警")


# ---- how often


async def test_a_contact_gets_at_most_six_texts_an_hour() -> None:
    house = House()
    for n in range(6):
        assert isinstance(await house.carry("S22", alarm=n, severity="P2"), Delivered)
        house.clock.now += 60
    refused = await house.carry("S22", alarm=7, severity="P2")
    assert refused == NotDelivered("rate limit: 6 texts to this contact within the hour", HOUR - 360)
    assert isinstance(await house.carry("S22", "c2", alarm=7, severity="P2"), Delivered), "each contact has their own"
    house.clock.now += HOUR - 360
    assert isinstance(await house.carry("S22", alarm=7, severity="P2"), Delivered)


@pytest.mark.parametrize("severity", ["P0", "P1"])
async def test_the_first_notice_of_an_urgent_alarm_is_never_held_back(severity: str) -> None:
    house = House()
    for alarm in range(20):
        assert isinstance(await house.carry(alarm=alarm, severity=severity), Delivered)


async def test_an_urgent_alarm_told_again_counts_like_any_text() -> None:
    house = House()
    told = [await house.carry(alarm=17) for _ in range(8)]
    assert [isinstance(outcome, Delivered) for outcome in told] == [True] * 6 + [False] * 2
    assert isinstance(await house.carry(alarm=18), Delivered), "but another alarm is news"


async def test_a_first_notice_that_failed_is_still_the_first() -> None:
    failed = NotDelivered("no network", 5)
    house = House(*[Delivered()] * 6, failed, failed)
    for alarm in range(6):
        await house.carry(alarm=alarm)
    for _ in range(2):
        outcome = await house.carry(alarm=17)
        assert isinstance(outcome, NotDelivered)
        assert outcome.reason == "no network"
    assert isinstance(await house.carry(alarm=17), Delivered)


@pytest.mark.parametrize("template", ["S10", "S12", "S21", "S-area"])
async def test_what_goes_along_with_an_alarm_does_not_make_its_notice_a_second_one(template: str) -> None:
    """The notice found no network, its companion did; then the hour was full, and the notice waited for it."""
    house = House(*[Delivered()] * 6, NotDelivered("no network", 5), Delivered(), Delivered())
    for alarm in range(6):
        await house.carry(alarm=alarm)
    await house.carry(alarm=17)
    house.clock.now += HOUR - 1
    await house.carry(template, alarm=17, contact="c2")
    assert isinstance(await house.carry(alarm=17), Delivered)


async def test_how_to_reach_the_right_120_goes_with_the_notice_however_full_the_hour_is() -> None:
    house = House()
    for alarm in range(7):
        await house.carry(alarm=alarm)
    assert isinstance(await house.carry("S-area", alarm=6), Delivered)


@pytest.mark.parametrize("template", ["S10", "S21"])
async def test_what_would_be_untrue_an_hour_later_is_dropped_not_delayed(template: str) -> None:
    house = House()
    for _ in range(6):
        await house.carry(alarm=17)
    outcome = await house.carry(template, alarm=17, contact="c2")
    assert isinstance(outcome, NotDelivered)
    assert outcome.retry_after_s is None
    assert house.sms.counts["rate_limited"] == 1


async def test_a_device_is_complained_about_once_a_week() -> None:
    house = House()

    async def tell(template: str = "S16", device: str = "d1") -> bool:
        return isinstance(await house.carry(template, alarm=None, severity="P3", device=device), Delivered)

    assert await tell()
    assert not await tell()
    assert await tell(device="d2")
    assert await tell("S14"), "that something is restored is another message"
    house.clock.now += 7 * 24 * HOUR
    assert await tell()


async def test_a_technical_text_that_failed_has_not_used_up_the_week() -> None:
    house = House(NotDelivered("no network", 5))
    failed = await house.carry("S16", alarm=None, severity="P3", device="d1")
    assert isinstance(failed, NotDelivered)
    assert isinstance(await house.carry("S16", alarm=None, severity="P3", device="d1"), Delivered)


async def test_failed_texts_do_not_use_up_the_hour() -> None:
    house = House(*[NotDelivered("no network", 1)] * 20)
    for _ in range(20):
        await house.carry("S22", severity="P2")
    assert isinstance(await house.carry("S22", severity="P2"), Delivered)


# ---- when the modem does not


async def waits(house: House, severity: str, count: int) -> list[float | None]:
    outcomes = [await house.carry("S22", severity=severity) for _ in range(count)]
    return [o.retry_after_s for o in outcomes if isinstance(o, NotDelivered)]


async def test_retries_come_at_growing_intervals_and_an_urgent_text_is_tried_every_minute() -> None:
    down = NotDelivered("no network", 0)
    assert await waits(House(*[down] * 7), "P2", 7) == [15, 30, 60, 120, 300, 300, 300]
    assert await waits(House(*[down] * 5), "P0", 5) == [15, 30, 60, 60, 60]


async def test_the_bearers_own_advice_counts_where_it_is_longer() -> None:
    assert await waits(House(NotDelivered("busy", 45)), "P2", 1) == [45]


async def test_after_a_success_the_intervals_begin_anew() -> None:
    down = NotDelivered("no network", 0)
    house = House(down, down, Delivered(), down)
    assert await waits(house, "P2", 4) == [15, 30, 15]


async def test_a_permanent_refusal_is_not_retried() -> None:
    house = House(NotDelivered("CMS 21: rejected", None))
    assert await house.carry() == NotDelivered("CMS 21: rejected", None)


async def test_a_modem_that_vanishes_is_a_failure_to_retry_and_no_exception() -> None:
    house = House(ConnectionResetError("gone"))
    assert await house.carry() == NotDelivered("the modem is gone: ConnectionResetError", 15)


async def test_a_modem_that_hangs_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sms_module, "BEARER_LIMIT_S", 0.05)

    class Hanging:
        async def send_sms(self, number: str, text: str) -> Outcome:
            await asyncio.Event().wait()
            raise AssertionError(number, text)

    channel = SmsChannel(make_home, Hanging(), words.load())
    outcome = await channel.carry(text())
    assert isinstance(outcome, NotDelivered)
    assert outcome.retry_after_s == 15


async def test_no_name_and_no_number_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    house = House(
        Delivered(), NotDelivered("no network", 0), NotDelivered("rejected", None), facts=HouseFacts("溪边12号")
    )
    for _ in range(3):
        await house.carry()
    await house.carry(time=None)
    house.home = make_home(phones={"c1": "120"})
    await house.carry()
    house.home = make_home(names={"r1": "太长的名字啊"})
    await house.carry()
    assert len(caplog.records) >= 5
    for private in ("王阿公", "女儿", "太长", "溪边", DAUGHTER, "120", shown(DAUGHTER)):
        assert private not in caplog.text

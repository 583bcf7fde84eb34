"""A real gateway with one or two virtual modems: reports, calls, rings and links move a real alarm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.actions import Call
from gateway.alarms.life import State
from gateway.channels import accept_link
from gateway.config import parse_config
from gateway.demo.virtual_modem import VirtualModem
from gateway.home.registry import Registry
from gateway.journal import StoredAction
from gateway.observations import Kind, Observation, Report
from gateway.parameters import Parameters
from gateway.runtime.control import request
from gateway.runtime.gateway import Gateway

SON, DAUGHTER, STRANGER = "13800000001", "13800000002", "13911112222"
HOME: dict[str, Any] = {
    "residents": [{"id": "r1", "name": "王阿婆"}],
    "rooms": [{"id": "bedroom", "label": "卧室"}],
    "devices": [{"id": "bedroom-button", "kind": "button", "room": "bedroom"}],
    "contacts": [
        {"id": "c1", "name": "王小明", "phone": SON, "order": 1, "channels": "sms"},
        {"id": "c2", "name": "王小红", "phone": DAUGHTER, "order": 2, "channels": "sms"},
    ],
    "consents": {"MONITORING": True, "NOTIFY_FAMILY": True},
    "settings": {"call_button.pre_alarm_s": 0},
}


class House:
    """The gateway in this process, its modems at the far end of ptys, and all that it was told."""

    def __init__(self, folder: Path, modems: int = 1, more: str = "", home: dict[str, Any] = HOME) -> None:
        self.folder, self.document = folder, home
        self.modems = [VirtualModem(folder / f"modem{i}") for i in range(modems)]
        second = f'[modem2]\nenabled = true\nport = "{folder / "modem1"}"\n' if modems == 2 else ""
        text = f"""
[gateway]
id = "test-1"
state_dir = "{folder / "state"}"
[ble]
enabled = false
[voice]
enabled = false
[modem]
port = "{folder / "modem0"}"
{second}{more}
"""
        self.config = parse_config(text, folder / "hearthwatch.toml")
        self.told: list[Observation] = []
        self._ids = 1_000_000

    async def start(self) -> None:
        for modem in self.modems:
            modem.speech_s = 0.1
            await modem.start()
        await self.boot()

    async def boot(self) -> None:
        (self.folder / "state").mkdir(mode=0o700, exist_ok=True)
        if not (self.folder / "state" / "home.json").exists():
            with Registry(self.folder / "state" / "home.json") as registry:
                registry.apply([{"op": "replace", "document": self.document}])
        self.gateway = Gateway(self.config)
        await self.gateway.start()
        controller = self.gateway.heart.controller
        handle = controller.handle

        def heard(observation: Observation) -> Any:
            self.told.append(observation)
            return handle(observation)

        controller.handle = heard  # type: ignore[method-assign]
        await self.until(lambda: self.gateway.ways_out.bearer.health().state.value in ("UP", "DEGRADED"), 60)

    async def stop(self) -> None:
        await self.gateway.stop()
        for modem in self.modems:
            await modem.stop()

    def press(self) -> None:
        self.gateway.heart.take(Report(Kind.BUTTON, "press", "bedroom-button"))

    def call(self, contact: str = "c1") -> None:
        """What the chain asks for; here it is asked for directly."""
        self._ids += 1
        action = Call(f"a1:call:{contact}:{self._ids}", contact, {"code": "CALL_FIXED", "time": "08:15", "ref": "01"},
                      1, "P0")  # fmt: skip
        self.gateway.carrier.carry(StoredAction(self._ids, None, action, 0))

    @property
    def alarm(self) -> Any:
        return self.gateway.heart.controller.book.alarms[1]

    def deliveries(self, **wanted: Any) -> list[dict[str, Any]]:
        found = [o.value for o in self.told if o.kind is Kind.DELIVERY]
        return [v for v in found if all(v.get(k) == x for k, x in wanted.items())]

    async def until(self, true: Callable[[], object], within_s: float = 30) -> None:
        async with asyncio.timeout(within_s):
            while not true():  # noqa: ASYNC110 - a whole gateway has no one event to wait for
                await asyncio.sleep(0.02)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    await house.start()
    yield house
    await house.stop()


async def test_the_networks_report_on_a_text_is_written_down(house: House) -> None:
    house.modems[0].reports()
    house.press()
    await house.until(lambda: house.deliveries(contact="c1", result="delivered"))
    sent, delivered = house.deliveries(contact="c1", channel="sms", template="S01")
    assert (sent["result"], delivered["result"]) == ("sent", "delivered")
    assert (delivered["alarm"], delivered["template"]) == (1, "S01")
    assert house.alarm.state is State.RAISED
    assert house.alarm.asking == "c1"  # arrived is not answered, and no reason to ask somebody else


async def test_a_text_that_cannot_be_delivered_hands_over_to_the_next_contact_at_once(house: House) -> None:
    house.modems[0].reports(0x46)
    house.press()
    await house.until(lambda: house.deliveries(contact="c1", result="failed"))
    await house.until(lambda: house.deliveries(contact="c2", result="sent"))


async def test_a_report_finds_its_text_after_a_restart(house: House) -> None:
    house.press()
    await house.until(lambda: house.deliveries(contact="c1", result="sent"))
    await house.gateway.stop()
    await house.boot()
    reference = house.modems[0].sent[0].references[0]
    house.modems[0].report(reference)
    await house.until(lambda: house.deliveries(contact="c1", result="delivered"))


async def test_the_son_is_called_presses_1_and_the_alarm_is_accepted(house: House) -> None:
    modem = house.modems[0]
    modem.phone(SON, presses="31")
    house.press()
    await house.until(lambda: house.deliveries(contact="c1", channel="sms"))
    house.call()
    await house.until(lambda: house.alarm.state is State.ACCEPTED)
    await house.until(lambda: house.deliveries(channel="call"))
    assert modem.calls[0].said == ["王阿婆家报警：08:15按了紧急按钮。能去请按1，去不了按2，重听按3。"] * 2 + [
        "好的，已经记下您能去。"
    ]
    assert house.deliveries(channel="call")[0]["result"] == "answered"
    replies = [o.value for o in house.told if o.kind is Kind.REPLY]
    assert replies == [{"contact": "c1", "answer": "1", "ref": "01", "via": "call"}]
    assert house.gateway.status()["channels"]["call"]["state"] == "UP"


async def test_a_son_who_is_busy_moves_no_alarm_and_is_written_down(house: House) -> None:
    house.modems[0].phone(SON, "busy")
    house.press()
    house.call()
    await house.until(lambda: house.deliveries(channel="call", result="busy"))
    assert house.alarm.state is State.RAISED


CALLED = {
    **HOME,
    "contacts": [{**row, "channels": "sms,call"} for row in HOME["contacts"]],
    "settings": {**HOME["settings"], "escalation.next_contact_s": 600},
}
RING_S = 40  # so long it would go on ringing (`Timing.ring_s`)


@pytest.mark.parametrize(("said", "next_is_rung"), [("2", True), ("1", False)])
async def test_the_phone_that_rings_stops_when_its_owner_has_answered_by_text(
    tmp_path: Path, said: str, next_is_rung: bool
) -> None:
    """It rang on for up to 40 s, and held the line from the next contact."""
    house = House(tmp_path, home=CALLED)
    await house.start()
    try:
        modem = house.modems[0]
        modem.phone(SON, "no_answer")
        modem.phone(DAUGHTER, "no_answer")
        house.press()
        await house.until(lambda: modem.calls and modem.calls[0].stat == 3)
        assert modem.calls[0].number == SON
        began = asyncio.get_running_loop().time()
        modem.incoming("+86" + SON, said)
        await house.until(lambda: modem.calls[0].over)
        took = asyncio.get_running_loop().time() - began
        assert took < RING_S / 2, f"it rang on for {took:.0f} s"
        await house.until(lambda: house.deliveries(channel="call", contact="c1"))
        assert house.deliveries(channel="call")[0]["result"] == "withdrawn"
        if next_is_rung:
            await house.until(lambda: len(modem.calls) == 2)
            assert modem.calls[1].number == DAUGHTER
            modem.incoming("+86" + DAUGHTER, "1")
            await house.until(lambda: modem.calls[1].over)
        assert house.alarm.state is State.ACCEPTED
        assert len(modem.calls) == 1 + next_is_rung
    finally:
        await house.stop()


async def test_the_phone_that_rings_stops_when_somebody_else_goes(tmp_path: Path) -> None:
    house = House(tmp_path, home=CALLED)
    await house.start()
    try:
        modem = house.modems[0]
        modem.phone(SON, "no_answer")
        house.press()
        await house.until(lambda: modem.calls and modem.calls[0].stat == 3)
        began = asyncio.get_running_loop().time()
        modem.incoming("+86" + DAUGHTER, "1")
        await house.until(lambda: modem.calls[0].over)
        assert asyncio.get_running_loop().time() - began < RING_S / 2
        assert house.alarm.accepted_by == "c2"
    finally:
        await house.stop()


async def test_the_son_rings_back_hears_the_alarm_and_accepts(house: House) -> None:
    modem = house.modems[0]
    house.press()
    await house.until(lambda: modem.sent)
    modem.phone(SON, presses="1")
    modem.ring("+86" + SON)
    await house.until(lambda: house.alarm.state is State.ACCEPTED)
    assert modem.calls[0].said[0].startswith("王阿婆家报警：")
    assert "按了紧急按钮" in modem.calls[0].said[0]
    assert [o.value["via"] for o in house.told if o.kind is Kind.REPLY] == ["callback"]


async def test_who_rings_back_hears_the_same_hour_as_the_text_said(house: House) -> None:
    """Of what is found some time after it began, the hour of its beginning."""
    desk, now = house.gateway.heart.controller.desk, house.gateway.heart.clock.now()
    desk.found("NIGHT_EXIT", now, "no_return", None, {"left_min": 90})
    alarm = house.alarm
    alarm.state = State.RAISED
    words = house.gateway.ways_out.rings("+86" + SON)
    assert words is not None
    assert str(desk.tell.facts(alarm)["time"] or "刚才") in words.text


async def test_the_voices_night_is_the_one_this_home_has_set(house: House) -> None:
    gateway = house.gateway
    controller = gateway.heart.controller
    gateway.heart.take(Report(Kind.CLOCK, {"offset_ms": controller.offset_ms, "trust": "NTP"}))
    hour = controller.civil.ms_of_day(gateway.heart.clock.now()) // 3_600_000
    quiet, found = controller.desk.quiet, []
    for begins, ends in ((hour, hour + 2), (hour + 2, hour + 4)):
        quiet.parameters = Parameters({"night.from_h": begins % 24, "night.until_h": ends % 24})
        found.append(gateway.ways_out.night())
    assert found == [True, False]


async def test_nobody_is_answered_who_is_a_stranger_or_when_nothing_is_open(house: House) -> None:
    modem = house.modems[0]
    modem.ring("+86" + SON)
    await house.until(lambda: house.gateway.counts["rings_without_alarm"] >= 2)
    modem.hang_up()
    house.press()
    modem.ring("+86" + STRANGER)
    await house.until(lambda: house.gateway.counts["rings_from_strangers"] >= 2)
    modem.hang_up()
    modem.ring("120")  # spoofed
    await house.until(lambda: house.gateway.counts["rings_from_strangers"] >= 4)
    assert "ATA" not in modem.commands
    assert all(not call.said for call in modem.calls)


async def test_a_link_answers_once_its_page_asked_and_a_forged_one_does_not(house: House) -> None:
    house.press()
    await house.until(lambda: house.deliveries(contact="c1"))
    state, epoch = house.folder / "state", house.gateway.journal.epoch
    until = house.gateway.heart.controller.wall_ms(house.gateway.heart.clock.now()) / 1000 + 60
    key = accept_link.read_key(state)
    good = accept_link.sign(key, accept_link.make(epoch, 1, house.alarm.reference, "c2", until))
    forged = accept_link.sign(b"x" * 32, accept_link.make(epoch, 1, house.alarm.reference, "c2", until))
    over = accept_link.sign(key, accept_link.make(epoch, 1, house.alarm.reference, "c2", until - 3600))
    other = accept_link.sign(key, accept_link.make("another", 1, house.alarm.reference, "c2", until))

    async def ask(**payload: Any) -> dict[str, Any]:
        return await asyncio.to_thread(request, state / "control.sock", {"op": "link.answer", **payload})

    for token in (forged, over, other, "x" * 1000, ""):
        assert not (await ask(token=token, answer="1"))["ok"]
    assert not (await ask(token=good, answer="9"))["ok"]
    assert house.alarm.state is State.RAISED
    assert (await ask(token=good, answer="1")) == {"ok": True, "contact": "c2"}
    await house.until(lambda: house.alarm.state is State.ACCEPTED)
    assert house.alarm.accepted_by == "c2"


async def test_a_second_modem_carries_what_the_first_cannot(tmp_path: Path) -> None:
    house = House(tmp_path, modems=2)
    await house.start()
    try:
        first, second = house.modems
        await house.until(lambda: house.gateway.ways_out.bearer.health().state.value == "UP")
        first.unplug()
        house.press()
        await house.until(lambda: second.sent)
        assert second.sent[0].number == SON
        second.reports()
        second.report(second.sent[0].references[0])
        await house.until(lambda: house.deliveries(contact="c1", result="delivered"))
        second.phone(SON, presses="1")
        house.call()
        await house.until(lambda: house.alarm.state is State.ACCEPTED, 60)
        lost = [o.value["on"] for o in house.told if o.kind is Kind.CONDITION and o.value["code"] == "CELL_LOST"]
        assert True not in lost
        assert first.sent == []
    finally:
        await house.stop()


async def test_a_sim_without_credit_is_a_lost_cell_until_a_text_goes_out_again(house: House) -> None:
    def lost() -> list[bool]:
        return [o.value["on"] for o in house.told if o.kind is Kind.CONDITION and o.value["code"] == "CELL_LOST"]

    await house.until(lambda: house.gateway.ways_out.bearer.health().state.value == "UP")
    house.modems[0].fail_next_sms(30)  # unknown subscriber
    house.press()
    await house.until(lambda: lost()[-1:] == [True])
    assert house.gateway.status()["modems"][0]["refused"] is True
    assert house.modems[0].sent == []
    house.gateway.carrier.kick()  # a minute later, or as soon as the modem is back
    await house.until(lambda: house.modems[0].sent)
    await house.until(lambda: lost()[-1:] == [False])


async def test_the_self_test_goes_to_the_platforms_number_and_a_lost_sim_is_told(tmp_path: Path) -> None:
    house = House(tmp_path, more='[sms]\nself_test_number = "13800009999"\ncredit_ussd = "*100#"\n')
    modem = house.modems[0]
    modem.reports(0x46)  # taken by the network, and never delivered: a blocked SIM looks like that
    await house.start()
    try:
        assert house.gateway.ways_out._self_test is not None
        await house.gateway.ways_out._self_test.look()
        await house.until(lambda: house.deliveries(template="self_test", result="failed"))
        assert modem.sent[0].number == "13800009999"
        await house.until(lambda: house.gateway.ways_out.bearer.health().state.value == "DOWN")
        lost = [o.value["on"] for o in house.told if o.kind is Kind.CONDITION and o.value["code"] == "CELL_LOST"]
        assert lost[-1] is True
        await house.until(lambda: house.gateway.status()["modems"][0]["credit"] != "")
        (told,) = house.gateway.status()["modems"]
        assert (told["sim"], told["registered"], told["self_test_failed"]) == ("ready", True, True)
        assert told["credit"] == "您的余额为36.50元"
    finally:
        await house.stop()

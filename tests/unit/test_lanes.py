"""Lanes to people: the most severe first, one at a time, never lost, and calls after the texts that are ready."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.actions import Action, Call, Push, Text
from gateway.channels.port import Delivered, Health, NotDelivered, Outcome, State
from gateway.journal import StoredAction
from gateway.observations import Kind, Report
from gateway.runtime import carrier as carrier_module
from gateway.runtime import lane as lane_module
from gateway.runtime.carrier import CALL_TRIES, LINE_TRIES, PUSH_TRIES, Carrier


class Heart:
    """What the lanes see of the heart: what is wanted, what was told, what was written off."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.memories: list[Any] = []
        self.done: list[int] = []
        self.unwanted: set[str] = set()
        self.clock = SimpleNamespace(now=lambda: 0)
        self.open_group: list[asyncio.Future[bool]] = []  # committed only when somebody hurries the journal
        self.journal = SimpleNamespace(hurry=self.commit)
        self.held: dict[str, int] = {}  # key -> until when
        desk = SimpleNamespace(
            wanted=lambda a, _: a.key not in self.unwanted, held_until=lambda a, _: self.held.get(a.key)
        )
        self.controller = SimpleNamespace(desk=desk)

    def take(self, report: Report, *, done: tuple[int, ...] = ()) -> Any:
        assert report.kind is Kind.DELIVERY
        self.told.append(report.value)
        self.memories.append(report.memory)
        self.done += done
        self.open_group.append(asyncio.get_running_loop().create_future())
        return SimpleNamespace(committed=self.open_group[-1])

    def commit(self) -> None:
        for committed in self.open_group:
            committed.set_result(True)
        self.open_group.clear()

    def finished(self, action_id: int) -> None:
        self.done.append(action_id)


class Way:
    """A channel that takes as long as the test wants, and answers as it is told."""

    name = "way"

    def __init__(self, began: list[str]) -> None:
        self.began = began
        self.answers: list[Outcome] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def carry(self, action: Action) -> Outcome:
        self.began.append(action.key)
        await self.gate.wait()
        return self.answers.pop(0) if self.answers else Delivered()

    def health(self) -> Health:
        return Health(State.UP)

    async def close(self) -> None:
        return


class House:
    def __init__(self) -> None:
        self.heart = Heart()
        self.began: list[str] = []
        self.carrier = Carrier(self.heart, lambda: None)  # type: ignore[arg-type]
        self.sms, self.phone, self.push = Way(self.began), Way(self.began), Way(self.began)
        for kind, way in ((Text.kind, self.sms), (Call.kind, self.phone), (Push.kind, self.push)):
            self.carrier.attach(kind, way)
        self._ids = 0
        self.running = asyncio.create_task(self.carrier.run())

    def ask(self, action: Action) -> None:
        self._ids += 1
        self.carrier.carry(StoredAction(self._ids, None, action, 0))

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 - lanes have no event for a test
                await asyncio.sleep(0.005)

    async def close(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.carrier.stop()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    await house.close()


def text(key: str, severity: str = "P0", contact: str = "c1") -> Text:
    return Text(key, contact, "S01", {}, 17, severity)


def call(key: str = "call", contact: str = "c1") -> Call:
    return Call(key, contact, {}, 17, "P0")


async def test_texts_go_first_and_the_telephone_rings_after_them(house: House) -> None:
    house.sms.gate.clear()
    house.ask(call())
    house.ask(text("t1", contact="c1"))
    house.ask(text("t2", contact="c2"))
    await house.until(lambda: house.began)
    assert house.began == ["t1"]
    house.sms.gate.set()
    await house.until(lambda: len(house.began) == 3)
    assert house.began == ["t1", "t2", "call"]


async def test_how_a_text_went_is_safe_before_the_next_one_goes(house: House) -> None:
    """Waiting for a group of routine would leave a second in which a crash repeats the text, and hold up the next."""
    house.ask(text("t1", contact="c1"))
    house.ask(text("t2", contact="c2"))
    safe: list[bool] = []
    house.sms.carry = lambda action, carry=house.sms.carry: (safe.append(not house.heart.open_group), carry(action))[1]  # type: ignore[method-assign]
    await house.until(lambda: len(house.began) == 2)
    assert safe == [True, True]


async def test_a_long_call_keeps_no_text_waiting(house: House) -> None:
    house.phone.gate.clear()
    house.ask(call())
    await house.until(lambda: house.began == ["call"])
    house.ask(text("t1", contact="c2"))
    await house.until(lambda: house.heart.told)
    assert house.heart.told[0]["contact"] == "c2"
    assert house.heart.told[0]["channel"] == "sms"
    house.phone.gate.set()
    await house.until(lambda: len(house.heart.told) == 2)


async def test_a_text_stuck_in_the_network_keeps_the_telephone_silent_for_a_while_only(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier_module, "TEXTS_FIRST_S", 0.05)
    house.sms.gate.clear()
    house.ask(text("t1"))
    house.ask(call())
    await house.until(lambda: "call" in house.began)
    assert [t["channel"] for t in house.heart.told] in ([], ["call"])


async def test_a_text_at_rest_keeps_nobody_waiting(house: House) -> None:
    house.sms.answers = [NotDelivered("no network", 30)]
    house.ask(text("t1"))
    house.ask(call())
    await house.until(lambda: house.heart.told)
    assert house.heart.told[0]["channel"] == "call"
    assert house.carrier.waiting_texts() == 1
    house.carrier.kick()
    await house.until(lambda: len(house.heart.told) == 2)
    assert house.carrier.waiting_texts() == 0


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (Delivered(result="answered"), "answered"),
        (NotDelivered("busy", None, "busy"), "busy"),
        (NotDelivered("nobody", None, "no_answer"), "no_answer"),
        (NotDelivered("pushed away", None, "rejected"), "rejected"),
        (NotDelivered("wrong number", None), "failed"),
    ],
)
async def test_how_a_call_went_is_told_as_it_went(house: House, outcome: Outcome, result: str) -> None:
    house.phone.answers = [outcome]
    house.ask(call())
    await house.until(lambda: house.heart.told)
    told = house.heart.told[0]
    assert (told["alarm"], told["contact"], told["channel"], told["result"]) == (17, "c1", "call", result)
    assert "template" not in told
    assert house.heart.done == [1]


async def test_texts_are_never_given_up_calls_and_pushes_are_after_some_tries(house: House) -> None:
    for way in (house.sms, house.phone, house.push):
        way.answers = [NotDelivered("no network", 0.001)] * 20
    house.ask(text("t"))
    house.ask(call("c"))
    house.ask(Push("p", "c1", "S01", {}, 17, "P0"))
    await house.until(lambda: len(house.heart.told) == 3)
    results = {t["channel"]: t["result"] for t in house.heart.told}
    assert results == {"sms": "sent", "call": "failed", "push": "failed"}
    counts = {key: house.began.count(key) for key in "tcp"}
    assert counts == {"t": 21, "c": CALL_TRIES, "p": PUSH_TRIES}


async def test_a_line_to_who_takes_no_texts_is_tried_for_as_long_as_it_holds(house: House) -> None:
    """Nothing else tells them; about an alarm the telephone does."""
    house.push.answers = [NotDelivered("no uplink", 0.001)] * 50
    house.ask(Push("line", "land", "S13", {}, None, "P4"))
    await house.until(lambda: house.heart.told)
    assert house.heart.told[0]["result"] == "sent"
    assert house.began.count("line") == 51 < LINE_TRIES


async def test_what_is_no_longer_true_is_not_sent(house: House) -> None:
    house.heart.unwanted = {"t1", "call"}
    house.ask(text("t1"))
    house.ask(call())
    house.ask(text("t2"))
    await house.until(lambda: len(house.heart.done) == 3)
    assert house.began == ["t2"]


async def test_what_waits_for_a_contacts_hours_rests_and_keeps_nobody_waiting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_module, "HELD_LOOK_S", 0.01)
    house.heart.held = {"t1": 8 * 3_600_000}
    house.ask(text("t1", "P2"))
    house.ask(text("t2", "P2"))
    house.ask(call())
    await house.until(lambda: "call" in house.began)
    assert house.began == ["t2", "call"]
    house.carrier.kick()  # the cell is back: the hours have not begun for that
    await asyncio.sleep(0.05)
    assert "t1" not in house.began
    house.heart.held.clear()
    await house.until(lambda: "t1" in house.began)


async def test_the_most_severe_goes_first(house: House) -> None:
    house.sms.gate.clear()
    house.ask(text("first"))
    for key, severity in (("info", "P4"), ("technical", "P3"), ("urgent", "P0")):
        house.ask(text(key, severity))
    house.sms.gate.set()
    await house.until(lambda: len(house.began) == 4)
    assert house.began.index("urgent") < house.began.index("technical") < house.began.index("info")


async def test_what_a_channel_remembers_is_committed_with_how_it_went(house: House) -> None:
    house.sms.answers = [Delivered("modem:7", memory=("sms:reports", [1]))]
    house.ask(text("t"))
    await house.until(lambda: house.heart.told)
    assert house.heart.memories == [("sms:reports", [1])]


async def test_a_lane_that_breaks_ends_them_all_so_that_the_gateway_starts_anew(house: House) -> None:
    async def broken(_: Action) -> Outcome:
        raise ZeroDivisionError

    house.sms.carry = broken  # type: ignore[method-assign]
    house.ask(text("t"))
    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(asyncio.shield(house.running), 10)

"""One press-to-delivery flow through any number of kills, and what must hold after each kill and at its end."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from crash_house import AGAIN_S, BUTTONS, PATIENCE_S, PRE_ALARM_S, SENDING_S, THINKING_S, CrashHouse
from evidence import TEXTS, Evidence, Kill, Point

WHOLE_S = PRE_ALARM_S + 4 * SENDING_S + 3 * THINKING_S + 0.3  # how long a flow takes without a kill, about
BASIS = {
    "V01": "PRE_ALARM", "V02": "RAISED", "V04": "RAISED", "V05": "RAISED", "V03": "ACCEPTED",
    "call:c1": "RAISED", "call:c2": "RAISED", "taken:c1": "ACCEPTED", "end:c1": "CLOSED",
}  # fmt: skip
"""What must be durable before it is said, texted or published (invariant vii, decision 2)."""
ORDER = {"V01": 1, "V02": 2, "V04": 2, "V05": 2, "V03": 3}
"""Heard, trying (or nothing goes out just now), somebody comes: never back."""
BY_PHONE = frozenset({"as it is said", "at a key"})
"""In these flows the second contact keys yes on the telephone; in all others they text it."""


@dataclass(slots=True)
class Flow:
    """What became of one flow."""

    alarm: int
    plan: list[Kill]
    by_phone: bool = False
    spoken_from: int = 0
    kills: list[tuple[Kill, float, Evidence]] = field(default_factory=list)  # with ms after the press
    missed: int = 0
    pressed_again: bool = False
    end: Evidence = field(default_factory=Evidence)
    repeated: Counter[str] = field(default_factory=Counter)
    redelivered: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def button(self) -> str:
        """Which button calls."""
        return BUTTONS[self.alarm % len(BUTTONS)]


async def play(house: CrashHouse, alarm: int, plan: list[Kill], *, by_phone: bool = False) -> Flow:
    """Presses, kills as planned, restarts, lets people answer, waits for the end and judges."""
    flow, began = Flow(alarm, plan, by_phone, house.spoken_bytes()), time.monotonic()
    duplicates = house.platform.counts["duplicates"]
    house.telephones(by_phone)
    people = asyncio.create_task(_people(house, flow))
    try:
        house.arm(plan[0] if plan else None)
        house.press(flow.button)
        for position, kill in enumerate(plan):
            if not await _dies(house, flow, kill):
                flow.missed += len(plan) - position
                break
            await house.buried()
            seen = house.evidence(alarm, flow.spoken_from)
            flow.kills.append((kill, (time.monotonic() - began) * 1000, seen))
            house.arm(plan[position + 1] if position + 1 < len(plan) else None)
            await house.spawn()
        await house.up()
        await _settled(house, flow)
    except TimeoutError as error:
        flow.wrong.append(f"stuck: {error}")
    finally:
        people.cancel()
        await asyncio.gather(people, return_exceptions=True)
    flow.redelivered = house.platform.counts["duplicates"] - duplicates
    flow.end = house.evidence(alarm, flow.spoken_from, alive=True)
    flow.seconds = time.monotonic() - began
    judge(flow)
    return flow


async def _dies(house: CrashHouse, flow: Flow, kill: Kill) -> bool:
    """Whether the planned kill happened; the flow may end without reaching its point."""
    killed, ended = asyncio.create_task(house.killed.wait()), asyncio.create_task(_settled(house, flow))
    try:
        await asyncio.wait({killed, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not killed.done() and house.falling():
            await asyncio.wait({killed}, timeout=kill.delay_s + PATIENCE_S)
        if not killed.done():
            house.arm(None)
            await ended  # raises if it is stuck
        return killed.done()
    finally:
        killed.cancel()
        ended.cancel()
        await asyncio.gather(killed, ended, return_exceptions=True)


async def _people(house: CrashHouse, flow: Flow) -> None:
    """An elder who presses again if nothing is said, a contact who cannot go, one who can, a desk that closes."""

    async def elder() -> None:
        while not house.spoken_since(flow.spoken_from):
            await asyncio.sleep(AGAIN_S)
            if not house.spoken_since(flow.spoken_from) and house.scanning():
                flow.pressed_again = True
                house.press(flow.button)

    async def contact(name: str, answer: str) -> None:
        await house.until(lambda: house.has_got(f"call:{name}", flow.alarm), PATIENCE_S, f"{name} was called")
        await asyncio.sleep(THINKING_S)
        house.reply(flow.alarm, name, answer)

    async def desk() -> None:
        await house.until(
            lambda: any(b["state"] == "ACCEPTED" for b in house.stored(flow.alarm)), PATIENCE_S, "accepted"
        )
        await house.until(lambda: house.has_got("taken:c1", flow.alarm), PATIENCE_S, "c1 knows")
        await asyncio.sleep(THINKING_S)
        house.close_at_desk(flow.alarm)

    with contextlib.suppress(TimeoutError):  # `_settled` says it
        second = () if flow.by_phone else (contact("c2", "1"),)
        await asyncio.gather(elder(), contact("c1", "2"), *second, desk())


async def _settled(house: CrashHouse, flow: Flow) -> None:
    """Everything that should go out went out, and is written down."""
    alarm = flow.alarm

    def out() -> bool:
        return house.has_got("end:c1", alarm) and house.knows("CLOSED", alarm)

    async def written() -> bool:
        status = await asyncio.to_thread(house.status)
        if not status or status["outbox"] or status["texts_waiting"]:
            return False
        return house.evidence(alarm, flow.spoken_from, alive=True).delivered[TEXTS[-1]] > 0

    await house.until(out, PATIENCE_S, "CLOSED at the platform, the last text at the phone")
    await house.eventually(written, "nothing left in the journal, the last delivery in it")


def judge(flow: Flow) -> None:
    """Notes in `flow.wrong` whatever should not be."""
    for kill, _, seen in flow.kills:
        _nothing_before_it_was_durable(flow, f"killed at {kill.point}", seen)
    end = flow.end
    _nothing_before_it_was_durable(flow, "at the end", end)
    moved = Counter(end.states)
    for state in ("DETECTED", "PRE_ALARM", "RAISED", "ACCEPTED", "CLOSED"):
        if moved[state] != 1:
            flow.wrong.append(f"journal: {state} {moved[state]} times")
    if Counter(end.platform) != Counter(("RAISED", "ACCEPTED", "CLOSED")):
        flow.wrong.append(f"platform: {end.platform}")
    for text in TEXTS:
        _texted_once(flow, text)
    order = [ORDER[prompt] for prompt in end.spoken if prompt in ORDER]
    if order != sorted(order) or not {2, 3} <= set(order):
        flow.wrong.append(f"heard: {end.spoken}")


def _nothing_before_it_was_durable(flow: Flow, when: str, seen: Evidence) -> None:
    for what in (*seen.spoken, *seen.asked):
        if what in BASIS and BASIS[what] not in seen.states:
            flow.wrong.append(f"{when}: {what} although {BASIS[what]} is not on disk ({seen.states})")
    for state in seen.platform:
        if state not in seen.states:
            flow.wrong.append(f"{when}: the platform knows {state}, the disk does not ({seen.states})")


def _texted_once(flow: Flow, text: str) -> None:
    """At least once; again only for a kill between the modem's having it and our commit, once for each such kill.

    What was sent is written down as sent, once. Only of a text in such a window that is true no more when the gateway
    is back ("... has promised to go", and it is over) it stays unknown: it is not sent again to find out.
    """
    copies, written = flow.end.asked[text], flow.end.delivered[text]
    windows = sum(text in seen.open_texts() for _, _, seen in flow.kills)
    if written > 1 or (not written and not windows):
        flow.wrong.append(f"journal: {text} sent {written} times")
    if copies < 1 or copies > 1 + windows:
        flow.wrong.append(f"text {text}: {copies} copies, {windows} kills fell into its window")
    if copies > 1:
        flow.repeated[text] = copies - 1
    for _, _, seen in flow.kills:
        if seen.delivered[text] and copies > seen.asked[text]:
            flow.wrong.append(f"text {text}: sent again although its delivery was on disk")


def since(house: CrashHouse, flow: Flow) -> list[str]:
    """What came of a flow after it was judged: a later restart must not repeat what was done."""
    now, end = house.evidence(flow.alarm, flow.spoken_from, alive=True), flow.end
    pairs = {name: (getattr(now, name), getattr(end, name)) for name in ("asked", "platform", "states", "delivered")}
    return [f"alarm {flow.alarm}: {name} later: {new}, not {old}" for name, (new, old) in pairs.items() if new != old]


def aimed(rng: random.Random) -> dict[str, list[Kill]]:
    """A kill for each place where it could hurt."""

    def soon(ms: float) -> float:
        return rng.uniform(0, ms / 1000)

    return {
        "with the press": [Kill(Point.PRESS)],
        "right after the press": [Kill(Point.PRESS, soon(15))],
        "at raise": [Kill(Point.RAISE, soon(20))],
        "at the modem's prompt": [Kill(Point.PROMPT)],
        "while the modem sends": [Kill(Point.ASKED, soon(SENDING_S * 1000))],
        "at the modem's answer": [Kill(Point.ANSWERED)],
        "after the modem's answer": [Kill(Point.ANSWERED, soon(6))],
        "while publishing": [Kill(Point.ARRIVED, soon(2))],
        "at acknowledgement": [Kill(Point.ACKNOWLEDGED, soon(4))],
        "at a refusal": [Kill(Point.DECLINE, soon(12))],
        "at acceptance": [Kill(Point.REPLY, soon(12))],
        "as the phone rings": [Kill(Point.RINGS, soon(150))],
        "as it is said": [Kill(Point.SPEAKS, soon(150))],
        "at a key": [Kill(Point.KEYED, soon(12))],
        "as ACCEPTED arrives": [Kill(Point.ACCEPTED)],
        "at closing": [Kill(Point.CLOSING, soon(12))],
        "while starting": [Kill(Point.PRESS, soon(900)), Kill(Point.SPAWN, soon(900))],
        "while starting, twice": [
            Kill(Point.ASKED, soon(300)), Kill(Point.SPAWN, soon(600)), Kill(Point.SPAWN, soon(900)),
        ],
        "three times": [Kill(Point.PRESS, soon(500)), Kill(Point.ANSWERED), Kill(Point.REPLY, soon(20))],
        "at every answer": [Kill(Point.ANSWERED), Kill(Point.ANSWERED), Kill(Point.ANSWERED, soon(10))],
    }  # fmt: skip


def anywhere(rng: random.Random) -> list[Kill]:
    """Uniform over the flow."""
    return [Kill(Point.PRESS, rng.uniform(0, WHOLE_S))]


def table(rows: list[tuple[str, Flow]]) -> str:
    """One line a kill: where it was aimed, when it fell, what the disk said then, what was repeated in that flow."""
    lines = [f"{'aim':26} {'ms':>6}  {'on disk when it fell':48} {'texts twice':14} redelivered"]
    for name, flow in rows:
        for number, (_, ms, seen) in enumerate(flow.kills):
            last = number == len(flow.kills) - 1
            repeated = ", ".join(f"{k} +{n}" for k, n in flow.repeated.items()) or "-"
            tail = f"{repeated:14} {flow.redelivered}{', pressed again' * flow.pressed_again}" if last else ""
            lines.append(f"{name if not number else '  again':26} {ms:6.0f}  {seen.phase():48} {tail}".rstrip())
        if flow.missed:
            lines.append(f"{name:26}         {flow.missed} kill(s) came too late: the flow had ended")
        lines += [f"  WRONG {wrong}" for wrong in flow.wrong]
    return "\n".join(lines)

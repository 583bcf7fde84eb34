"""kill -9 anywhere between a press and its delivery: raised once, texted, stored once, accepted for good.

Real gateway process, real mosquitto with the reference receiver, virtual modem on a pty, BlueZ on a private D-Bus.
`make test` does three kills; `make test-slow` more than fifty, and `make crash` too and prints where they fell.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from crash_house import PATIENCE_S, CrashHouse
from evidence import TEXTS, Evidence, Kill, Point
from flows import BY_PHONE, Flow, aimed, anywhere, judge, play, since, table

SEED = 9
UNIFORM = 10  # with the aimed ones more than sixty kills


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CrashHouse]:
    made = CrashHouse(tmp_path)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


async def play_all(house: CrashHouse, plans: list[tuple[str, list[Kill]]]) -> list[tuple[str, Flow]]:
    rows = [
        (name, await play(house, alarm, plan, by_phone=name in BY_PHONE)) for alarm, (name, plan) in enumerate(plans, 1)
    ]
    print("\n" + table(rows))
    assert [w for _, flow in rows for w in flow.wrong] == []
    assert [w for _, flow in rows for w in since(house, flow)] == []
    assert house.complaints() == []
    await house.until(lambda: not house.modem.in_call, PATIENCE_S, "no call is left standing")
    return rows


async def test_three_kills_where_they_hurt_most(house: CrashHouse) -> None:
    """While the modem has the text, at its answer, at the acceptance."""
    choice = aimed(random.Random(SEED))
    names = ("right after the press", "at the modem's answer", "at acceptance")
    rows = await play_all(house, [(name, choice[name]) for name in names])
    assert sum(len(flow.kills) for _, flow in rows) == 3
    assert rows[1][1].repeated == {"call:c1": 1}  # the window is real, and this is all that falls out of it


@pytest.mark.slow
@pytest.mark.timeout(1500)
async def test_more_than_fifty_kills_lose_nothing(house: CrashHouse) -> None:
    rng = random.Random(SEED)
    plans = [*aimed(rng).items(), *aimed(rng).items(), *(("anywhere", anywhere(rng)) for _ in range(UNIFORM))]
    rows = await play_all(house, plans)
    kills = sum(len(flow.kills) for _, flow in rows)
    repeated = sum(flow.repeated.total() for _, flow in rows)
    windows = Counter(how for _, flow in rows for _, _, seen in flow.kills for how in seen.open_texts().values())
    redelivered = sum(flow.redelivered for _, flow in rows)
    in_call = sum(seen.in_call for _, flow in rows for _, _, seen in flow.kills)
    print(
        f"{len(rows)} flows, {kills} kills: {windows['asked']} while the modem had a text, {windows['answered']} after "
        f"its answer and before our commit; {repeated} texts came twice, {redelivered} messages were redelivered; "
        f"{len(house.modem.calls)} calls, {in_call} kills in the middle of one"
    )
    assert kills >= 50
    assert in_call >= 4


def test_the_judge_is_not_content_with_less() -> None:
    """What it would say of a gateway that lost, doubled or invented something."""
    states = ["DETECTED", "PRE_ALARM", "RAISED", "ACCEPTED", "CLOSED"]
    spoken, platform = ["V01", "V02", "V03"], ["RAISED", "ACCEPTED", "CLOSED"]

    def said(**changed: object) -> list[str]:
        end = Evidence(states=states, platform=platform, spoken=spoken, delivered=Counter(TEXTS))
        end.asked.update(TEXTS)
        flow = Flow(1, [], end=end)
        for name, value in changed.items():
            setattr(end, name, value)
        judge(flow)
        return flow.wrong

    assert said() == []
    assert said(states=[*states, "RAISED"])
    assert said(states=states[:-1])
    assert said(platform=["RAISED", *platform])
    assert said(platform=platform[1:])
    assert said(spoken=["V01", "V03", "V02"])
    assert said(spoken=["V01", "V02"])
    assert said(asked=Counter([*TEXTS, "call:c1"]))
    assert said(asked=Counter(TEXTS[1:]))
    assert said(delivered=Counter(TEXTS[1:]))
    assert said(delivered=Counter(TEXTS[:-1]))
    assert said(delivered=Counter([*TEXTS, "call:c1"]))
    torn = Flow(1, [])
    torn.kills.append((Kill(Point.REPLY), 0.0, Evidence(states=states[:3], spoken=["V03"], platform=["ACCEPTED"])))
    judge(torn)
    assert len([w for w in torn.wrong if w.startswith("killed at")]) == 2

"""A new channel is one file and one row: what the table promises, and what happens beside it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.actions import ACTIONS, LOCAL, Action, Lamp, Publish, Say, Text
from gateway.channels.port import Delivered, Health, NotDelivered, Outcome, State
from gateway.channels.table import CHANNELS
from gateway.journal import StoredAction
from gateway.runtime.carrier import Carrier


class Strobe:
    """A new channel as one would write it: flashes for the deaf."""

    name = "strobe"

    def __init__(self, outcome: Outcome | Exception | None = None) -> None:
        self.outcome = outcome or Delivered()
        self.flashed: list[str] = []

    async def carry(self, action: Action) -> Outcome:
        self.flashed.append(action.key)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def health(self) -> Health:
        return Health(State.UP)

    async def close(self) -> None:
        """Holds nothing."""


def carrier() -> tuple[Carrier, list[Any]]:
    done: list[Any] = []
    heart: Any = SimpleNamespace(
        clock=SimpleNamespace(now=lambda: 0),
        controller=SimpleNamespace(desk=SimpleNamespace(wanted=lambda *_: True, held_until=lambda *_: None)),
        finished=lambda *what: done.append(what),
    )
    return Carrier(heart, lambda: None), done


async def carried(made: Carrier, done: list[Any], action: Action) -> Any:
    made.carry(StoredAction(1, None, action, 0))
    async with asyncio.timeout(5):
        while not done:  # noqa: ASYNC110 - the carrier has no event for a test
            await asyncio.sleep(0.001)
    return done[-1]


def test_every_action_but_the_platforms_has_a_way_and_no_two_rows_a_name() -> None:
    carried_kinds = {kind for row in CHANNELS for kind in row.kinds}
    assert carried_kinds == ACTIONS.keys() - {Publish.kind}
    assert len({row.name for row in CHANNELS}) == len(CHANNELS)


def test_to_people_outside_each_kind_has_one_way() -> None:
    outside = [kind for row in CHANNELS for kind in row.kinds if kind not in LOCAL]
    assert len(outside) == len(set(outside))
    made, _ = carrier()
    made.attach(Text.kind, Strobe())
    with pytest.raises(ValueError, match="strobe carries it already"):
        made.attach(Text.kind, Strobe())


@pytest.mark.parametrize("other", [Delivered(), NotDelivered("no wire", None), RuntimeError("a bug")])
async def test_a_strobe_beside_the_voice_takes_nothing_from_it(other: Outcome | Exception) -> None:
    made, done = carrier()
    voice, strobe = Strobe(), Strobe(other)
    made.attach(Say.kind, voice)
    made.attach(Say.kind, strobe)
    assert await carried(made, done, Say("s", "V02", {}, 17, "P0")) == (1, (17, "V02", "said"))
    assert (voice.flashed, strobe.flashed) == (["s"], ["s"])


async def test_what_no_channel_carried_was_not_said() -> None:
    made, done = carrier()
    for outcome in (NotDelivered("no loudspeaker", None), RuntimeError("a bug")):
        made.attach(Say.kind, Strobe(outcome))
    assert await carried(made, done, Say("s", "V02", {}, 17, "P0")) == (1, (17, "V02", "not_said"))


async def test_a_new_lamp_does_not_replace_the_old_one() -> None:
    made, done = carrier()
    old, new = Strobe(), Strobe()
    made.attach(Lamp.kind, old)
    made.attach(Lamp.kind, new)
    await carried(made, done, Lamp("l", "calling"))
    assert (old.flashed, new.flashed) == (["l"], ["l"])

"""The siren: sounds while an alarm wants it, never longer than it helps, and never claims a sound it cannot make."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gateway.actions import Lamp, Siren
from gateway.channels.port import Delivered, NotDelivered, State
from gateway.channels.siren import CommandSiren, SirenChannel


class Horn:
    def __init__(self, *, works: bool = True) -> None:
        self.works = works
        self.orders: list[bool] = []
        self.stopped = asyncio.Event()

    async def sound(self, on: bool) -> bool:
        self.orders.append(on)
        if not on:
            self.stopped.set()
        return self.works


def order(pattern: str, alarm: int | None = 17) -> Siren:
    return Siren(f"siren:{pattern}:{alarm}", pattern, alarm)


async def test_it_sounds_and_stops() -> None:
    horn = Horn()
    siren = SirenChannel(horn)
    assert await siren.carry(order("on")) == Delivered()
    assert siren.sounding
    assert await siren.carry(order("off")) == Delivered()
    assert horn.orders == [True, False]
    assert not siren.sounding


async def test_two_alarms_want_it_and_it_stops_with_the_last() -> None:
    horn = Horn()
    siren = SirenChannel(horn)
    await siren.carry(order("on", 1))
    await siren.carry(order("on", 2))
    await siren.carry(order("off", 1))
    assert siren.sounding
    await siren.carry(order("off", 2))
    assert not siren.sounding
    await siren.carry(order("on", 3))
    await siren.carry(order("off", None))
    assert not siren.sounding


async def test_it_does_not_sound_for_ever() -> None:
    horn = Horn()
    siren = SirenChannel(horn, longest_s=0.05)
    await siren.carry(order("on"))
    await asyncio.wait_for(horn.stopped.wait(), 10)
    assert horn.orders == [True, False]
    assert not siren.sounding
    assert siren.counts["too_long"] == 1


async def test_without_a_siren_the_state_is_kept_and_no_sound_is_claimed() -> None:
    siren = SirenChannel(None)
    outcome = await siren.carry(order("on"))
    assert isinstance(outcome, NotDelivered)
    assert outcome.retry_after_s is None
    assert siren.sounding
    assert siren.health().state is State.OFF
    await siren.close()


async def test_a_siren_that_fails_is_down_until_it_works_again() -> None:
    horn = Horn(works=False)
    siren = SirenChannel(horn)
    assert isinstance(await siren.carry(order("on")), NotDelivered)
    assert siren.health().state is State.DOWN
    horn.works = True
    await siren.carry(order("off"))
    assert siren.health().state is State.UP


async def test_other_patterns_and_actions_are_refused() -> None:
    siren = SirenChannel(Horn())
    for action in (order("wail"), Lamp("l", "off")):
        assert isinstance(await siren.carry(action), NotDelivered)
    assert siren.counts["refused"] == 2


async def test_start_and_stop_leave_no_siren_sounding() -> None:
    horn = Horn()
    siren = SirenChannel(horn)
    await siren.silence()
    await siren.carry(order("on"))
    await siren.close()
    assert horn.orders == [False, True, False]


async def test_the_command_gets_on_and_off_and_a_bad_one_is_no_crash(tmp_path: Path) -> None:
    script = tmp_path / "siren.py"
    script.write_text(
        f"import sys; open({str(tmp_path / 'log')!r}, 'a').write(sys.argv[1] + ' '); sys.exit(sys.argv[1] == 'off')"
    )
    siren = CommandSiren([sys.executable, str(script)])
    assert await siren.sound(True)
    assert not await siren.sound(False)  # ended with 1
    assert (tmp_path / "log").read_text() == "on off "
    assert not await CommandSiren(["/nonexistent"]).sound(True)
    hanging = CommandSiren([sys.executable, "-c", "import time; time.sleep(60)"], limit_s=0.2)
    assert not await hanging.sound(True)

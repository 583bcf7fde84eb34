"""Drivers hang, crash and go silent; each is restarted for ever, and people hear of it once (A22, A23, A25)."""

import asyncio
from typing import Any

import pytest
from driver_rig import (
    PRESS,
    House,
    Scripted,
    VirtualLoop,
    crashes,
    exits,
    hangs,
    logged,
    raises,
    returns,
    swallows,
    virtually,
    works,
)

from gateway.drivers.port import DriverContext, DriverFault
from gateway.drivers.restart_policy import BACKOFF_CAP_S, LADDER_RESTARTS, Rung
from gateway.drivers.supervisor import MAX_COUNTERS, HealthState, Supervisor


def test_a_working_driver_is_left_alone_and_told_up_once() -> None:
    async def scene() -> None:
        async with House(Scripted(works)) as house:
            await asyncio.sleep(24 * 3600)
            assert house.driver.runs == 1
            assert house.states == [HealthState.UP]
            assert house.supervisor.status().rung is Rung.UP
            assert house.supervisor.healthy()

    virtually(scene)


@pytest.mark.parametrize("failure", [raises, crashes, returns, exits])
def test_a_driver_that_ends_is_started_again(failure: Any) -> None:
    async def scene() -> None:
        async with House(Scripted(failure, failure, works)) as house:
            await asyncio.sleep(10)
            assert house.driver.runs == 3
            assert house.states == [HealthState.UP]
            assert house.supervisor.status().restarts == 2

    virtually(scene)


def test_a_driver_without_a_beat_is_cancelled_and_started_again() -> None:
    async def scene() -> None:
        async with House(Scripted(hangs, works)) as house:
            await asyncio.sleep(89)
            assert house.driver.runs == 1
            await asyncio.sleep(3)
            assert house.driver.runs == 2
            assert house.supervisor.status().counters == {"silent": 1}

    virtually(scene)


def test_a_driver_that_falls_silent_after_hours_is_noticed_within_its_liveness_time() -> None:
    async def falls_silent(context: DriverContext) -> None:
        for _ in range(600):
            context.beat()
            await asyncio.sleep(30)
        await hangs(context)

    async def scene() -> None:
        async with House(Scripted(falls_silent, works)) as house:
            await asyncio.sleep(600 * 30 + 93)
            assert house.driver.runs == 2
            assert house.driver.started[1] - house.driver.started[0] <= 599 * 30 + 90 + 1

    virtually(scene)


def test_the_ladder_ends_in_one_blind_notice_and_goes_on_for_ever() -> None:
    async def scene() -> None:
        async with House(Scripted(raises)) as house:
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(3600)
            assert house.states == [HealthState.BLIND]
            blind = house.health[0]
            assert blind.name == "ble"
            assert blind.reason == "no adapter hci0: plug in a Bluetooth dongle"
            assert blind.since == began
            assert blind.restarts == LADDER_RESTARTS
            assert blind.devices == ("bedside", "kitchen-pir")
            assert house.driver.runs > 3600 / BACKOFF_CAP_S
            assert house.supervisor.healthy()

    virtually(scene)


def test_a_blind_driver_that_beats_is_up_again() -> None:
    async def scene() -> None:
        async with House(Scripted(*[raises] * 8, works)) as house:
            await asyncio.sleep(600)
            assert house.states == [HealthState.BLIND, HealthState.UP]
            assert house.health[1].reason == ""
            assert house.supervisor.status().rung is Rung.UP

    virtually(scene)


def test_a_flapping_driver_climbs_the_whole_ladder_before_each_notice() -> None:
    async def flaps(context: DriverContext) -> None:
        context.beat()
        raise DriverFault("port lost")

    async def scene() -> None:
        async with House(Scripted(flaps)) as house:
            await asyncio.sleep(3600)
            assert house.states[:3] == [HealthState.UP, HealthState.BLIND, HealthState.UP]
            assert len(house.states) <= 1 + 2 * house.driver.runs / (LADDER_RESTARTS + 1)

    virtually(scene)


def test_a_driver_that_swallows_cancellation_is_abandoned_but_never_doubled() -> None:
    async def scene() -> None:
        async with House(Scripted(swallows, works)) as house:
            await asyncio.sleep(90 + 11)
            status = house.supervisor.status()
            assert status.abandoned
            assert status.counters["abandoned"] == 1
            assert house.states == [HealthState.BLIND]
            assert "ignores being stopped" in house.health[0].reason
            assert house.reports[0] == PRESS  # a press is a press, whoever hears it; its beat proves nothing

            await asyncio.sleep(600)  # `Scripted` asserts that no two runs live at once
            assert house.driver.runs == 2
            assert not house.supervisor.status().abandoned
            assert house.states == [HealthState.BLIND, HealthState.UP]

    virtually(scene)


def test_stop_ends_the_driver_and_does_not_wait_for_ever() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        good, bad = House(Scripted(works)), House(Scripted(swallows))
        for house in (good, bad):
            house.supervisor.start()
        await asyncio.sleep(1)
        before = loop.time()
        await good.supervisor.stop()
        assert good.driver.alive == 0
        assert loop.time() == before
        await bad.supervisor.stop()
        assert loop.time() - before <= 12
        await good.supervisor.stop()  # twice is harmless
        await asyncio.sleep(700)

    virtually(scene)


def test_a_callback_that_outlived_its_run_reports_nothing_and_proves_nothing() -> None:
    async def scene() -> None:
        async with House(Scripted(raises, hangs)) as house:
            await asyncio.sleep(5)
            house.driver.contexts[0].emit(PRESS)
            house.driver.contexts[0].beat()
            assert house.reports == []
            assert house.states == []
            assert house.supervisor.status().counters["reported_after_its_end"] == 1

    virtually(scene)


def test_a_loop_that_stood_still_blames_no_driver() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        async with House(Scripted(works)) as house:
            await asyncio.sleep(29)
            loop.now += 600  # something blocked the loop; the driver's own timer is late too
            await asyncio.sleep(60)
            assert house.driver.runs == 1

    virtually(scene)


def test_one_drivers_troubles_are_its_own() -> None:
    async def scene() -> None:
        async with House(Scripted(crashes)), House(Scripted(swallows)), House(Scripted(works)) as well:
            await asyncio.sleep(500)
            assert well.driver.runs == 1
            assert well.states == [HealthState.UP]

    virtually(scene)


def test_a_bug_in_the_runtimes_listeners_ends_neither_driver_nor_supervision() -> None:
    def broken(_: object) -> None:
        raise KeyError("bug")

    async def presses(context: DriverContext) -> None:
        context.emit(PRESS)
        await works(context)

    async def scene() -> None:
        driver = Scripted(presses)
        supervisor = Supervisor(driver, broken, broken)
        supervisor.start()
        await asyncio.sleep(300)
        assert supervisor.healthy()
        assert driver.runs == 1
        assert supervisor.status().counters == {"emit_failed": 1, "health_listener_failed": 1}
        await supervisor.stop()

    virtually(scene)


def test_the_same_failure_is_a_warning_once() -> None:
    async def scene() -> None:
        with logged() as records:
            async with House(Scripted(raises, raises, crashes, crashes)):
                await asyncio.sleep(30)
        texts = [(r.levelname, r.getMessage()) for r in records]
        failed = [(level, text.rpartition(": ")[2]) for level, text in texts if " failed (" in text]
        assert [level for level, _ in failed][:4] == ["WARNING", "DEBUG", "WARNING", "DEBUG"]
        assert sum(r.exc_info is not None for r in records) == 1  # the traceback of the crash, once

    virtually(scene)


def test_counters_are_bounded() -> None:
    async def counts(context: DriverContext) -> None:
        for n in range(1000):
            context.count(f"stranger-{n}" * 20)
        await works(context)

    async def scene() -> None:
        async with House(Scripted(counts)) as house:
            await asyncio.sleep(1)
            counters = house.supervisor.status().counters
            assert len(counters) == MAX_COUNTERS + 1
            assert sum(counters.values()) == 1000
            assert max(map(len, counters)) <= 64

    virtually(scene)

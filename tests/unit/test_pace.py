"""A chattering device is slowed down, and neither another nor its own button ever is."""

import asyncio

from driver_rig import PRESS, House, Scripted, virtually, works

from gateway.drivers.pace import BURST, MAX_BUCKETS, Pace
from gateway.drivers.port import DriverContext
from gateway.observations import Kind, Report


def test_a_chattering_device_never_blocks_another_nor_its_own_button() -> None:
    async def chatters(context: DriverContext) -> None:
        for n in range(10_000):
            context.emit(Report(Kind.MOTION, n % 2 == 0, "kitchen-pir"))
        context.emit(Report(Kind.BUTTON, "press", "kitchen-pir"))
        context.emit(PRESS)
        context.emit(Report(Kind.MOTION, True, "kitchen-pir"))
        await works(context)

    async def scene() -> None:
        async with House(Scripted(chatters)) as house:
            await asyncio.sleep(0.001)
            presses = [r.device for r in house.reports if r.kind is Kind.BUTTON]
            assert presses == ["kitchen-pir", "bedside"]
            assert len(house.reports) == BURST + 2
            await asyncio.sleep(1)
            assert house.reports[-1] == Report(Kind.MOTION, True, "kitchen-pir")  # the last state always arrives
            assert len(house.reports) == BURST + 3
            assert house.supervisor.status().counters["too_fast"] == 10_000 - BURST

    virtually(scene)


def test_pace_holds_its_rate_and_its_memory() -> None:
    async def scene() -> None:
        taken: list[Report] = []
        lost: list[Report] = []
        pace = Pace(taken.append, lost.append, burst=5, rate_per_s=10)
        for _ in range(1000):
            pace.take(PRESS)
            await asyncio.sleep(0.01)  # 100 a second for 10 s
        assert 100 <= len(taken) <= 106
        assert len(taken) + len(lost) in (999, 1000)
        for n in range(MAX_BUCKETS + 100):
            pace.take(Report(Kind.SEEN, None, f"d{n}"))
        assert len(pace._buckets) == MAX_BUCKETS
        pace.close()
        assert len(taken) + len(lost) == 1000 + MAX_BUCKETS + 100

    virtually(scene)

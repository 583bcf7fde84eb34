"""The meter driver on real ptys: what it reads each round, and a line and meters that misbehave."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from meter_line import ALL_THREE, FLAT, HOME, IMPATIENT_S, PATIENCE_S, Listener, driver_on, faults, running

from gateway.demo.virtual_meter import VirtualLine, VirtualMeter
from gateway.drivers.meters.bus import LineSettings
from gateway.drivers.meters.dlt645 import WILDCARD
from gateway.drivers.meters.electricity import ITEMS, SILENT_ROUNDS, ElectricityMeters, Meter
from gateway.drivers.port import DriverFault
from gateway.observations import Kind, Report


@pytest.fixture
def line(tmp_path: Path) -> Iterator[VirtualLine]:
    line = VirtualLine(tmp_path / "ttyMeter", [VirtualMeter(HOME)])
    line.plug()
    yield line
    line.unplug()


@pytest.fixture
async def listener() -> Listener:
    return Listener()


# -- a meter that behaves -------------------------------------------------------------------------------------------


async def test_energy_power_and_voltage_are_reported_each_round(line: VirtualLine, listener: Listener) -> None:
    async with running(driver_on(line.link), listener):
        await listener.until(lambda: len(listener.reports) >= 3)
        line.meters[0].values.update({"00010000": 1234.57, "02030000": 2.1, "02010100": 231.9})
        later = len(listener.reports)
        await listener.until(lambda: len(listener.reports) >= later + 6)
    assert listener.reports[:3] == ALL_THREE
    seen = {(r.kind, r.value) for r in listener.reports[later:]}
    assert seen >= {(Kind.ENERGY, 1234.57), (Kind.POWER, 2100.0), (Kind.VOLTAGE, 231.9)}
    assert {r.key for r in listener.reports} == {None}  # a register has no identity of its own
    assert not listener.counts


async def test_power_fed_back_to_the_grid_is_negative(line: VirtualLine, listener: Listener) -> None:
    line.meters[0].values["02030000"] = -1.5
    async with running(driver_on(line.link), listener):
        await listener.until(lambda: len(listener.reports) >= 2)
    assert listener.reports[1] == Report(Kind.POWER, -1500.0, "meter")


async def test_two_meters_share_a_line(line: VirtualLine, listener: Listener) -> None:
    line.meters.append(VirtualMeter(FLAT, values={"00010000": 0.26, "02030000": 0.001, "02010100": 219.0}))
    driver = driver_on(line.link, Meter("home", HOME), Meter("flat", FLAT))
    assert driver.devices == ("home", "flat")
    async with running(driver, listener):
        await listener.until(lambda: len(listener.reports) >= 6)
    energies = [(r.device, r.value) for r in listener.reports[:6] if r.kind is Kind.ENERGY]
    assert energies == [("home", 1234.56), ("flat", 0.26)]


async def test_a_meter_in_another_process(tmp_path: Path, listener: Listener) -> None:
    link = tmp_path / "ttyMeter"
    with subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-m", "gateway.demo.virtual_meter", str(link), HOME],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as meter:
        assert meter.stdin is not None
        assert meter.stdout is not None

        def tell(command: str) -> str:
            assert meter.stdin is not None
            assert meter.stdout is not None
            meter.stdin.write(command + "\n")
            meter.stdin.flush()
            return meter.stdout.readline().strip()

        assert meter.stdout.readline() == "ready\n"
        assert tell('{"values": {"02030000": 1.5}}') == "done"
        assert tell("nonsense").startswith("refused")
        async with running(driver_on(link), listener) as task:
            await listener.until(lambda: len(listener.reports) >= 3)
            assert tell('{"unplug": true}') == "done"
            await listener.until(task.done)
            assert isinstance(task.exception(), DriverFault)
        meter.stdin.close()
        assert meter.wait(PATIENCE_S) == 0
    assert listener.reports[1] == Report(Kind.POWER, 1500.0, "meter")


# -- a bad line -----------------------------------------------------------------------------------------------------


async def test_our_own_echo_is_no_answer(line: VirtualLine, listener: Listener) -> None:
    line.echo = True
    async with running(driver_on(line.link), listener):
        await listener.until(lambda: len(listener.reports) >= 3)
    assert listener.reports[:3] == ALL_THREE
    assert set(listener.counts) == {"echoes"}


async def test_chatter_before_a_reply_is_skipped(line: VirtualLine, listener: Listener) -> None:
    line.chatter = bytes.fromhex("00 ff 16 68 68 16 fe 68 00 00")
    async with running(driver_on(line.link), listener):
        await listener.until(lambda: len(listener.reports) >= 3)
    assert listener.reports[:3] == ALL_THREE


async def test_noise_that_promises_a_long_frame_is_given_up_after_half_a_second(
    line: VirtualLine, listener: Listener
) -> None:
    line.chatter = bytes.fromhex("68 000000000000 68 91 c8")
    async with running(driver_on(line.link, reply_timeout_s=5.0), listener):
        await listener.until(lambda: len(listener.reports) >= 1)
    assert listener.reports[0] == ALL_THREE[0]
    assert listener.counts["partial_frames"] >= 1
    assert listener.counts["retries"] == 0


async def test_late_replies_and_those_of_others_are_dropped(line: VirtualLine, listener: Listener) -> None:
    asked_energy = bytes.fromhex("68 610100000000 68 11 04 33333433 14 16")
    asked_voltage = bytes.fromhex("68 129078563412 68 11 04 33343435 6b 16")
    stranger, ghost = VirtualMeter(FLAT, {"00010000": 9.99}), VirtualMeter(HOME, {"02010100": 99.9})
    line.chatter = stranger.answer(asked_energy) + ghost.answer(asked_voltage)
    assert line.chatter.count(b"\x68") == 4  # two whole frames
    async with running(driver_on(line.link), listener):
        await listener.until(lambda: len(listener.reports) >= 3)
    assert listener.reports[:2] == ALL_THREE[:2]  # the ghost of the third is one that was asked for
    assert listener.counts["stray_replies"] >= 4


async def test_a_wrong_checksum_is_retried_and_then_counted(line: VirtualLine, listener: Listener) -> None:
    line.meters[0].bad_checksum = True
    async with running(driver_on(line.link, reply_timeout_s=IMPATIENT_S), listener):
        await listener.until(lambda: listener.counts["unanswered:meter"] >= 1)
        assert listener.counts["bad_checksum"] >= 1
        assert listener.counts["retries"] == 2
        assert (listener.reports, listener.beats) == ([], 0)
        line.meters[0].bad_checksum = False
        await listener.until(lambda: len(listener.reports) >= 3)


async def test_a_request_lost_on_the_line_is_asked_again(line: VirtualLine, listener: Listener) -> None:
    line.meters[0].silent = True
    async with running(driver_on(line.link, reply_timeout_s=0.5), listener):
        await listener.until(lambda: listener.counts["retries"] >= 1)
        line.meters[0].silent = False
        await listener.until(lambda: len(listener.reports) >= 3)
    assert listener.reports[:3] == ALL_THREE


# -- a meter that refuses, lies or is silent ------------------------------------------------------------------------


async def test_an_error_reply_is_a_sign_of_life_and_counted(line: VirtualLine, listener: Listener) -> None:
    line.meters[0].error = 0x02
    async with running(driver_on(line.link), listener):
        await listener.until(lambda: len(listener.reports) >= 1)
    assert listener.reports[0] == Report(Kind.SEEN, None, "meter")
    assert listener.beats >= len(ITEMS)
    assert listener.counts["error_reply:meter"] >= len(ITEMS)
    assert listener.counts["retries"] == 0


async def test_a_meter_without_one_of_the_values_still_gives_the_others(line: VirtualLine, listener: Listener) -> None:
    del line.meters[0].values["02030000"]
    async with running(driver_on(line.link), listener):
        await listener.until(lambda: len(listener.reports) >= 4)
    assert {r.kind for r in listener.reports} == {Kind.ENERGY, Kind.VOLTAGE}


async def test_a_value_that_is_no_number_is_not_reported(line: VirtualLine, listener: Listener) -> None:
    line.meters[0].values["00010000"] = None  # FF FF FF FF
    async with running(driver_on(line.link), listener):
        await listener.until(lambda: len(listener.reports) >= 4)
    assert {r.kind for r in listener.reports} == {Kind.POWER, Kind.VOLTAGE}
    assert listener.counts["implausible"] >= 1


async def test_a_silent_meter_does_not_hold_up_its_neighbour(line: VirtualLine, listener: Listener) -> None:
    driver = driver_on(line.link, Meter("flat", FLAT), Meter("meter", HOME), reply_timeout_s=IMPATIENT_S)
    async with running(driver, listener) as task:
        await listener.until(lambda: listener.counts["unanswered:flat"] > SILENT_ROUNDS)
        assert not task.done()  # one of the two answers: the line is alive
    assert {r.device for r in listener.reports} == {"meter"}


async def test_when_no_meter_answers_for_long_the_driver_says_what_to_check(
    line: VirtualLine, listener: Listener
) -> None:
    line.meters[0].silent = True
    fault = await faults(driver_on(line.link, reply_timeout_s=IMPATIENT_S), listener)
    assert "no meter on" in fault
    assert "2400 baud parity N" in fault
    assert listener.counts["unanswered:meter"] == SILENT_ROUNDS
    assert listener.counts["retries"] == 2 * SILENT_ROUNDS


async def test_a_fault_is_told_before_the_supervisor_loses_patience(tmp_path: Path) -> None:
    driver = driver_on(tmp_path / "any", Meter("a", HOME), Meter("b", FLAT), interval_s=60)
    round_s = 60 + 2 * 3 * 2.1  # two silent meters, three attempts each
    assert driver.liveness_s > SILENT_ROUNDS * round_s


# -- the plug -------------------------------------------------------------------------------------------------------


async def test_unplugging_ends_the_run_at_once_even_between_rounds(line: VirtualLine, listener: Listener) -> None:
    async with running(driver_on(line.link, interval_s=3600), listener) as task:
        await listener.until(lambda: len(listener.reports) >= 3)
        line.unplug()
        await listener.until(task.done)
        assert "gone" in str(task.exception())


async def test_unplugging_during_a_question_ends_the_run(line: VirtualLine, listener: Listener) -> None:
    line.meters[0].silent = True
    async with running(driver_on(line.link, reply_timeout_s=3600), listener) as task:
        async with asyncio.timeout(PATIENCE_S):
            while not line.requests:  # noqa: ASYNC110 - the meter lives in a thread
                await asyncio.sleep(0.01)
        line.unplug()
        await listener.until(task.done)
        assert "gone" in str(task.exception())


async def test_after_replugging_a_new_run_reads_on(line: VirtualLine, listener: Listener) -> None:
    driver = driver_on(line.link)
    for _ in range(3):
        async with running(driver, listener) as task:
            read = len(listener.reports)
            await listener.until(lambda read=read: len(listener.reports) >= read + 3)  # type: ignore[misc]
            line.unplug()
            await listener.until(task.done)
            assert isinstance(task.exception(), DriverFault)
        assert "not there" in await faults(driver, listener)
        line.plug()


async def test_cancelling_frees_the_port(line: VirtualLine, listener: Listener) -> None:
    for _ in range(3):
        read = len(listener.reports)
        async with running(driver_on(line.link), listener):
            await listener.until(lambda read=read: len(listener.reports) > read)  # type: ignore[misc]


async def test_a_port_in_use_is_refused_with_advice(line: VirtualLine, listener: Listener) -> None:
    async with running(driver_on(line.link), listener):
        await listener.until(lambda: len(listener.reports) >= 1)
        assert "in use by" in await faults(driver_on(line.link), Listener())


# -- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["", "12345", "12345678901x", "1234567890123"])
def test_a_meter_without_a_proper_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="12 digits"):
        Meter("meter", address)


def test_meters_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="same address"):
        driver_on(tmp_path, Meter("a", HOME), Meter("b", HOME))
    with pytest.raises(ValueError, match="same device"):
        driver_on(tmp_path, Meter("a", HOME), Meter("a", FLAT))
    with pytest.raises(ValueError, match="alone"):
        driver_on(tmp_path, Meter("a", HOME), Meter("b", WILDCARD))
    with pytest.raises(ValueError, match="interval"):
        driver_on(tmp_path, interval_s=float("nan"))
    with pytest.raises(ValueError, match="1 to 32"):
        ElectricityMeters(LineSettings("x"), [])


def test_parity_is_even_unless_set_otherwise() -> None:
    assert (LineSettings("x").baud, LineSettings("x").parity) == (2400, "E")

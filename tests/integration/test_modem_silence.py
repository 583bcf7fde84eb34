"""A modem that falls silent, is unplugged or starts anew by itself: noticed in time, and brought back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from modem_house import CONTACT, PATIENCE_S, QUICK, S01, House
from stopwatch import stopwatch

from gateway.demo.virtual_modem import VirtualModem
from gateway.drivers.modem.modem import FAULTS_BEFORE_RESET
from gateway.drivers.modem.timing import Timing
from gateway.drivers.port import DriverFault

NOTICED_S = 5.0  # the requirement: a silent modem is noticed in 5 s
AT_ONCE_S = 2.0  # a loss that the port itself tells of


@pytest.fixture
async def modem(tmp_path: Path) -> AsyncIterator[VirtualModem]:
    modem = VirtualModem(tmp_path / "ttyModem")
    await modem.start()
    yield modem
    await modem.stop()


@pytest.fixture
async def house(modem: VirtualModem) -> AsyncIterator[House]:
    house = House(modem)
    await house.start()
    yield house
    await house.stop()


async def test_a_silent_modem_is_noticed_in_time(modem: VirtualModem) -> None:
    house = House(modem, Timing())
    await house.start()
    async with stopwatch() as watch:
        modem.silence()
        assert "mute" in await house.fault()
        assert watch.s <= NOTICED_S


async def test_a_modem_silent_when_a_text_is_due_is_noticed_in_time_and_the_text_is_to_be_tried_again(
    modem: VirtualModem,
) -> None:
    house = House(modem, Timing())
    await house.start()
    async with stopwatch() as watch:
        modem.silence()
        result = await house.driver.send_sms(CONTACT, S01)
        assert watch.s <= NOTICED_S
    assert (result.sent, result.perhaps, result.retry_after_s) == (False, False, 5.0)
    assert "mute" in await house.fault()


async def test_a_modem_that_goes_silent_with_the_text_in_hand_says_perhaps(modem: VirtualModem) -> None:
    house = House(modem)
    await house.start()
    modem.delay_sms(0.5)
    assert (await house.driver.send_sms(CONTACT, "1")).sent  # answers the probe: known to answer while it sends
    modem.mute_on_send()
    async with stopwatch() as watch:
        result = await house.driver.send_sms(CONTACT, S01)
        assert watch.s < QUICK.mute_unproven_s - 1  # of the two limits it is the short one that counts
    assert (result.sent, result.perhaps) == (False, True)
    await house.fault()
    await house.stop()


async def test_a_modem_not_known_to_answer_while_it_sends_gets_more_time_but_not_the_networks(
    modem: VirtualModem,
) -> None:
    house = House(modem)
    await house.start()
    modem.mute_on_send()
    began = asyncio.get_running_loop().time()
    async with stopwatch() as watch:
        result = await house.driver.send_sms(CONTACT, S01)
        assert watch.s <= QUICK.network_s / 2
    assert asyncio.get_running_loop().time() - began >= QUICK.mute_unproven_s - 0.1
    assert result.perhaps
    await house.stop()


async def test_a_modem_silent_at_start_is_a_fault_that_says_what_to_do(modem: VirtualModem) -> None:
    modem.silence()
    house = House(modem)
    async with stopwatch() as watch:
        with pytest.raises(DriverFault, match="power"):
            await house.start()
        assert watch.s <= NOTICED_S


async def test_unplugged_is_noticed_at_once_and_replugged_works_again(modem: VirtualModem, house: House) -> None:
    async with stopwatch() as watch:
        modem.unplug()
        assert "gone" in await house.fault()
        assert watch.s <= AT_ONCE_S
    result = await house.driver.send_sms(CONTACT, S01)
    assert (result.sent, result.retry_after_s) == (False, 5.0)
    with pytest.raises(DriverFault, match="not there"):
        await house.start()
    modem.replug()
    await house.start()
    assert (await house.driver.send_sms(CONTACT, S01)).sent
    assert house.ready == 2


async def test_unplugged_while_a_text_waits_says_perhaps(modem: VirtualModem, house: House) -> None:
    modem.delay_sms(30)
    sending = asyncio.create_task(house.driver.send_sms(CONTACT, S01))
    await house.until(lambda: any(c.startswith("AT+CMGS") for c in modem.commands))
    await house.until(lambda: modem._sending is not None)  # the network has it in hand
    async with stopwatch() as watch:
        modem.unplug()
        result = await asyncio.wait_for(sending, PATIENCE_S - 5)  # the network's own answer would come later
        assert watch.s <= AT_ONCE_S
    assert (result.sent, result.perhaps) == (False, True)


async def test_a_modem_left_at_its_prompt_is_brought_back(modem: VirtualModem) -> None:
    modem._expect = 20  # the last gateway was killed between the prompt and the text
    modem._buffer += b"0011"
    house = House(modem)
    await house.start()
    assert (await house.driver.send_sms(CONTACT, S01)).sent
    assert [s.text for s in modem.sent] == [S01]
    await house.stop()


async def test_a_modem_that_restarts_by_itself_is_set_up_again(modem: VirtualModem, house: House) -> None:
    async with stopwatch() as watch:
        modem.raw(b"\r\nRDY\r\n")
        assert "restarted" in await house.fault()
        assert watch.s <= AT_ONCE_S


async def test_faults_in_a_row_end_in_a_restart_of_the_modem_itself(modem: VirtualModem) -> None:
    house = House(modem, replace(QUICK, local_s=0.5, reset_s=0.5))
    modem.silence()
    for _ in range(FAULTS_BEFORE_RESET):
        with pytest.raises(DriverFault, match="mute"):
            await house.start()
    modem.silence(False)
    with pytest.raises(DriverFault, match="start anew"):
        await house.start()
    assert modem.commands[-1] == "AT+CFUN=1,1"
    await house.start()
    assert house.driver.status.up
    await house.stop()

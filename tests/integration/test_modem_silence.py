"""A modem that falls silent, is unplugged or starts anew by itself: noticed in time, and brought back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from modem_house import CONTACT, PATIENCE_S, QUICK, S01, House
from stopwatch import stopwatch

from gateway.demo.virtual_modem import VirtualModem
from gateway.drivers.modem.modem import FAULTS_BEFORE_RESET
from gateway.drivers.modem.timing import Timing
from gateway.drivers.port import DriverFault

NOTICED_S = 5.0  # the requirement: a silent modem is noticed in 5 s
AT_ONCE_S = 2.0  # a loss that the port itself tells of


async def test_a_silent_modem_is_noticed_in_time(modem: VirtualModem) -> None:
    home = House(modem, Timing())
    await home.start()
    async with stopwatch() as watch:
        modem.silence()
        assert "mute" in await home.fault()
        assert watch.s <= NOTICED_S


async def test_a_modem_silent_when_a_text_is_due_is_noticed_in_time_and_the_text_is_to_be_tried_again(
    modem: VirtualModem,
) -> None:
    home = House(modem, Timing())
    await home.start()
    async with stopwatch() as watch:
        modem.silence()
        result = await home.driver.send_sms(CONTACT, S01)
        assert watch.s <= NOTICED_S
    assert (result.sent, result.perhaps, result.retry_after_s) == (False, False, 5.0)
    assert "mute" in await home.fault()


async def test_a_modem_that_goes_silent_with_the_text_in_hand_says_perhaps(modem: VirtualModem) -> None:
    home = House(modem)
    await home.start()
    modem.delay_sms(0.5)
    assert (await home.driver.send_sms(CONTACT, "1")).sent  # answers the probe: known to answer while it sends
    modem.mute_on_send()
    async with stopwatch() as watch:
        result = await home.driver.send_sms(CONTACT, S01)
        assert watch.s < QUICK.mute_unproven_s - 1  # of the two limits it is the short one that counts
    assert (result.sent, result.perhaps) == (False, True)
    await home.fault()
    await home.stop()


async def test_a_modem_not_known_to_answer_while_it_sends_gets_more_time_but_not_the_networks(
    modem: VirtualModem,
) -> None:
    home = House(modem)
    await home.start()
    modem.mute_on_send()
    began = asyncio.get_running_loop().time()
    async with stopwatch() as watch:
        result = await home.driver.send_sms(CONTACT, S01)
        assert watch.s <= QUICK.network_s / 2
    assert asyncio.get_running_loop().time() - began >= QUICK.mute_unproven_s - 0.1
    assert result.perhaps
    await home.stop()


async def test_a_modem_silent_at_start_is_a_fault_that_says_what_to_do(modem: VirtualModem) -> None:
    modem.silence()
    home = House(modem)
    async with stopwatch() as watch:
        with pytest.raises(DriverFault, match="power"):
            await home.start()
        assert watch.s <= NOTICED_S


async def test_unplugged_is_noticed_at_once_and_replugged_works_again(modem: VirtualModem, home: House) -> None:
    async with stopwatch() as watch:
        modem.unplug()
        assert "gone" in await home.fault()
        assert watch.s <= AT_ONCE_S
    result = await home.driver.send_sms(CONTACT, S01)
    assert (result.sent, result.retry_after_s) == (False, 5.0)
    with pytest.raises(DriverFault, match="not there"):
        await home.start()
    modem.replug()
    await home.start()
    assert (await home.driver.send_sms(CONTACT, S01)).sent
    assert home.ready == 2


async def test_unplugged_while_a_text_waits_says_perhaps(modem: VirtualModem, home: House) -> None:
    modem.delay_sms(30)
    sending = asyncio.create_task(home.driver.send_sms(CONTACT, S01))
    await home.until(lambda: any(c.startswith("AT+CMGS") for c in modem.commands))
    await home.until(lambda: modem._sending is not None)  # the network has it in hand
    async with stopwatch() as watch:
        modem.unplug()
        result = await asyncio.wait_for(sending, PATIENCE_S - 5)  # the network's own answer would come later
        assert watch.s <= AT_ONCE_S
    assert (result.sent, result.perhaps) == (False, True)


async def test_a_modem_left_at_its_prompt_is_brought_back(modem: VirtualModem) -> None:
    modem._expect = 20  # the last gateway was killed between the prompt and the text
    modem._buffer += b"0011"
    home = House(modem)
    await home.start()
    assert (await home.driver.send_sms(CONTACT, S01)).sent
    assert [s.text for s in modem.sent] == [S01]
    await home.stop()


async def test_a_modem_that_restarts_by_itself_is_set_up_again(modem: VirtualModem, home: House) -> None:
    async with stopwatch() as watch:
        modem.raw(b"\r\nRDY\r\n")
        assert "restarted" in await home.fault()
        assert watch.s <= AT_ONCE_S


async def test_faults_in_a_row_end_in_a_restart_of_the_modem_itself(modem: VirtualModem) -> None:
    home = House(modem, replace(QUICK, local_s=0.5, reset_s=0.5))
    modem.silence()
    for _ in range(FAULTS_BEFORE_RESET):
        with pytest.raises(DriverFault, match="mute"):
            await home.start()
    modem.silence(False)
    with pytest.raises(DriverFault, match="start anew"):
        await home.start()
    assert modem.commands[-1] == "AT+CFUN=1,1"
    await home.start()
    assert home.driver.status.up
    await home.stop()

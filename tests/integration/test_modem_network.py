"""The SIM and the network: missing, locked, lost and found again, each told once (CELL_LOST)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from modem_house import CONTACT, QUICK, S01, House

from gateway.demo.virtual_modem import VirtualModem
from gateway.drivers.modem.cell import Sim
from gateway.drivers.modem.errors import Cause
from gateway.drivers.port import DriverFault


async def test_without_a_sim_the_driver_stays_up_says_so_and_goes_on_when_one_comes(modem: VirtualModem) -> None:
    modem.sim("MISSING")
    modem.registration(0)
    home = House(modem)
    await home.start()
    assert home.driver.status.sim is Sim.MISSING
    result = await home.driver.send_sms(CONTACT, S01)
    assert (result.cause, result.retry_after_s is not None) == (Cause.SIM, True)
    assert "SIM not inserted" in result.reason
    assert home.counts["cme_error"] >= 1
    modem.registration(1)
    modem.sim("READY")
    await home.until(lambda: home.ready == 1)
    assert (await home.driver.send_sms(CONTACT, S01)).sent
    modem.incoming(CONTACT, "1")
    await home.until(lambda: home.texts == [(CONTACT, "1")])
    await home.stop()


async def test_a_pin_is_given_when_asked_for(modem: VirtualModem) -> None:
    modem.sim("SIM PIN")
    home = House(modem, pin="1234")
    await home.start()
    assert home.driver.status.sim is Sim.READY
    await home.stop()


async def test_a_wrong_pin_is_tried_once_only(modem: VirtualModem) -> None:
    modem.sim("SIM PIN")
    home = House(modem, replace(QUICK, sim_check_s=0.05), pin="9999")
    await home.start()
    asked = modem.commands.count("AT+CPIN?")
    await home.until(lambda: modem.commands.count("AT+CPIN?") > asked + 3)
    assert home.driver.status.sim is Sim.LOCKED
    assert modem.commands.count('AT+CPIN="9999"') == 1
    await home.stop()


async def test_a_lost_cell_is_told_once_and_its_return_once(modem: VirtualModem) -> None:
    home = House(modem, replace(QUICK, cell_lost_s=0.3))
    await home.start()
    assert home.driver.status.signal_dbm == -71
    modem.registration(2)
    await home.until(lambda: home.conditions() == [True])
    result = await home.driver.send_sms(CONTACT, S01)
    assert (result.sent, result.cause) == (False, Cause.NETWORK)
    modem.registration(3)
    assert (await home.driver.send_sms(CONTACT, S01)).cause is Cause.NETWORK  # read after the change, on the same line
    await asyncio.sleep(0.5)  # a second word would have come by now
    assert home.conditions() == [True]
    modem.registration(5)
    await home.until(lambda: home.conditions() == [True, False])
    assert home.driver.status.roaming
    assert (await home.driver.send_sms(CONTACT, S01)).sent
    await home.stop()


async def test_a_short_gap_in_the_cell_is_not_told(modem: VirtualModem) -> None:
    limit_s = 3.0
    home = House(modem, replace(QUICK, cell_lost_s=limit_s))
    await home.start()
    loop = asyncio.get_running_loop()
    for _ in range(5):
        began = loop.time()
        modem.registration(2)
        await home.until(lambda: not home.driver.status.registered)
        modem.registration(1)
        await home.until(lambda: home.driver.status.registered)
        if loop.time() - began < limit_s:
            break
        home.reports.clear()  # the machine made it a long one: told, and rightly
    else:
        pytest.fail(f"this machine does nothing in {limit_s} s")
    await asyncio.sleep(limit_s + 0.2)
    assert home.conditions() == []
    await home.stop()


async def test_a_modem_that_stays_away_becomes_a_lost_cell(modem: VirtualModem) -> None:
    home = House(modem, replace(QUICK, cell_lost_s=0.3))
    await home.start()
    modem.unplug()
    await home.fault()
    await asyncio.sleep(0.35)
    for _ in range(2):  # the supervisor tries for ever
        with pytest.raises(DriverFault):
            await home.start()
    assert home.conditions() == [True]
    modem.replug()
    await home.start()
    assert home.conditions() == [True, False]
    await home.stop()


async def test_a_registration_change_the_modem_forgot_to_tell_is_found_by_asking(modem: VirtualModem) -> None:
    home = House(modem, replace(QUICK, check_s=0.2))
    await home.start()
    modem._stat = 2
    await home.until(lambda: not home.driver.status.registered)
    modem._stat = 1
    assert (await home.driver.send_sms(CONTACT, S01)).sent  # asked again before it is refused
    await home.stop()

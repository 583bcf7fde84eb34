"""The SIM and the network: missing, locked, lost and found again, each told once (CELL_LOST)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from modem_house import CONTACT, QUICK, S01, House

from gateway.demo.virtual_modem import VirtualModem
from gateway.drivers.modem.cell import Sim
from gateway.drivers.modem.errors import Cause
from gateway.drivers.port import DriverFault


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


async def test_without_a_sim_the_driver_stays_up_says_so_and_goes_on_when_one_comes(modem: VirtualModem) -> None:
    modem.sim("MISSING")
    modem.registration(0)
    house = House(modem)
    await house.start()
    assert house.driver.status.sim is Sim.MISSING
    result = await house.driver.send_sms(CONTACT, S01)
    assert (result.cause, result.retry_after_s is not None) == (Cause.SIM, True)
    assert "SIM not inserted" in result.reason
    assert house.counts["cme_error"] >= 1
    modem.registration(1)
    modem.sim("READY")
    await house.until(lambda: house.ready == 1)
    assert (await house.driver.send_sms(CONTACT, S01)).sent
    modem.incoming(CONTACT, "1")
    await house.until(lambda: house.texts == [(CONTACT, "1")])
    await house.stop()


async def test_a_pin_is_given_when_asked_for(modem: VirtualModem) -> None:
    modem.sim("SIM PIN")
    house = House(modem, pin="1234")
    await house.start()
    assert house.driver.status.sim is Sim.READY
    await house.stop()


async def test_a_wrong_pin_is_tried_once_only(modem: VirtualModem) -> None:
    modem.sim("SIM PIN")
    house = House(modem, replace(QUICK, sim_check_s=0.05), pin="9999")
    await house.start()
    asked = modem.commands.count("AT+CPIN?")
    await house.until(lambda: modem.commands.count("AT+CPIN?") > asked + 3)
    assert house.driver.status.sim is Sim.LOCKED
    assert modem.commands.count('AT+CPIN="9999"') == 1
    await house.stop()


async def test_a_lost_cell_is_told_once_and_its_return_once(modem: VirtualModem) -> None:
    house = House(modem, replace(QUICK, cell_lost_s=0.3))
    await house.start()
    assert house.driver.status.signal_dbm == -71
    modem.registration(2)
    await house.until(lambda: house.conditions() == [True])
    result = await house.driver.send_sms(CONTACT, S01)
    assert (result.sent, result.cause) == (False, Cause.NETWORK)
    modem.registration(3)
    assert (await house.driver.send_sms(CONTACT, S01)).cause is Cause.NETWORK  # read after the change, on the same line
    await asyncio.sleep(0.5)  # a second word would have come by now
    assert house.conditions() == [True]
    modem.registration(5)
    await house.until(lambda: house.conditions() == [True, False])
    assert house.driver.status.roaming
    assert (await house.driver.send_sms(CONTACT, S01)).sent
    await house.stop()


async def test_a_short_gap_in_the_cell_is_not_told(modem: VirtualModem) -> None:
    limit_s = 3.0
    house = House(modem, replace(QUICK, cell_lost_s=limit_s))
    await house.start()
    loop = asyncio.get_running_loop()
    for _ in range(5):
        began = loop.time()
        modem.registration(2)
        await house.until(lambda: not house.driver.status.registered)
        modem.registration(1)
        await house.until(lambda: house.driver.status.registered)
        if loop.time() - began < limit_s:
            break
        house.reports.clear()  # the machine made it a long one: told, and rightly
    else:
        pytest.fail(f"this machine does nothing in {limit_s} s")
    await asyncio.sleep(limit_s + 0.2)
    assert house.conditions() == []
    await house.stop()


async def test_a_modem_that_stays_away_becomes_a_lost_cell(modem: VirtualModem) -> None:
    house = House(modem, replace(QUICK, cell_lost_s=0.3))
    await house.start()
    modem.unplug()
    await house.fault()
    await asyncio.sleep(0.35)
    for _ in range(2):  # the supervisor tries for ever
        with pytest.raises(DriverFault):
            await house.start()
    assert house.conditions() == [True]
    modem.replug()
    await house.start()
    assert house.conditions() == [True, False]
    await house.stop()


async def test_a_registration_change_the_modem_forgot_to_tell_is_found_by_asking(modem: VirtualModem) -> None:
    house = House(modem, replace(QUICK, check_s=0.2))
    await house.start()
    modem._stat = 2
    await house.until(lambda: not house.driver.status.registered)
    modem._stat = 1
    assert (await house.driver.send_sms(CONTACT, S01)).sent  # asked again before it is refused
    await house.stop()

"""What comes in over the modem: answers, long ones, delivery reports; handed over once and then deleted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from modem_house import CONTACT, S01, House

from gateway.demo.sms_network import deliver_pdus
from gateway.demo.virtual_modem import VirtualModem


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


async def test_the_answer_1_comes_in_and_is_deleted_afterwards(modem: VirtualModem, house: House) -> None:
    modem.incoming("+86" + CONTACT, "1")
    await house.until(lambda: house.texts == [("+86" + CONTACT, "1")])
    await house.until(lambda: not any(modem.stores.values()))


async def test_a_long_answer_in_parts_comes_in_whole(modem: VirtualModem, house: House) -> None:
    text = "好的，我马上过去看看。" * 10 + "😀"
    modem.incoming(CONTACT, text)
    await house.until(lambda: bool(house.texts))
    assert house.texts == [(CONTACT, text)]
    await house.until(lambda: not any(modem.stores.values()))


async def test_an_answer_that_comes_while_a_text_waits_for_the_network_is_heard(
    modem: VirtualModem, house: House
) -> None:
    modem.delay_sms(0.5)
    sending = asyncio.create_task(house.driver.send_sms(CONTACT, "长" * 140))
    await house.until(lambda: any(c.startswith("AT+CMGS") for c in modem.commands))
    modem.incoming(CONTACT, "1")
    await house.until(lambda: house.texts == [(CONTACT, "1")])
    assert len(modem.submitted) < 3  # heard between the parts, not after all of them
    assert (await sending).sent


async def test_what_is_stored_at_start_is_handed_over_once(modem: VirtualModem) -> None:
    modem.stores["SM"][4] = deliver_pdus(CONTACT, "1")[0]
    modem.stores["ME"][2] = deliver_pdus(CONTACT, "好的")[0]
    first = House(modem)
    await first.start(until=lambda: len(first.texts) == 2 and not any(modem.stores.values()))
    await first.stop()
    second = House(modem)
    await second.start()
    modem.incoming(CONTACT, "2")
    await second.until(lambda: bool(second.texts))
    await second.stop()
    assert first.texts == [(CONTACT, "1"), (CONTACT, "好的")]
    assert second.texts == [(CONTACT, "2")]


async def test_a_crash_before_the_hand_over_is_done_hands_it_over_again(modem: VirtualModem) -> None:
    class Stuck(House):
        async def take(self, number: str, text: str) -> None:
            self.texts.append((number, text))
            await asyncio.Event().wait()  # the commit never comes back: killed here

    first = Stuck(modem)
    await first.start()
    modem.incoming(CONTACT, "1")
    await first.until(lambda: bool(first.texts))
    await first.stop()
    second = House(modem)
    await second.start(until=lambda: second.texts == [(CONTACT, "1")])
    await second.stop()


async def test_a_receiver_that_fails_keeps_the_message_and_the_modem(modem: VirtualModem) -> None:
    class Failing(House):
        async def take(self, number: str, text: str) -> None:
            raise ValueError("a bug")

    house = Failing(modem)
    await house.start()
    modem.incoming(CONTACT, "1")
    await house.until(lambda: house.counts["sms_not_taken"] >= 1)  # announced, and perhaps swept too
    assert (await house.driver.send_sms(CONTACT, S01)).sent
    assert sum(map(len, modem.stores.values())) == 1
    await house.stop()


async def test_a_message_handed_over_directly_is_taken_and_acknowledged(modem: VirtualModem, house: House) -> None:
    modem._new[1] = 2  # a modem that routes to us whatever it was told
    modem.incoming(CONTACT, "1")
    await house.until(lambda: house.texts == [(CONTACT, "1")])
    await house.until(lambda: "AT+CNMA" in modem.commands)


async def test_rubbish_from_a_stranger_is_counted_deleted_and_stops_nothing(modem: VirtualModem, house: House) -> None:
    modem.incoming_pdu("00FF")
    modem.raw(b"\r\n" + b"x" * 5000 + b"\r\n\xff\xfe\x01noise\xffnoise\r\n+WHAT: 1\r\n")
    modem.incoming(CONTACT, "1")
    await house.until(lambda: house.texts == [(CONTACT, "1")])
    assert house.counts["bad_pdu"] == 1
    assert house.counts["line_too_long"] == 1
    assert house.counts["garbage"] == 1
    assert house.counts["unsolicited_unknown"] == 1
    await house.until(lambda: not any(modem.stores.values()))


async def test_delivery_reports_are_handed_on_with_their_reference(modem: VirtualModem, house: House) -> None:
    result = await house.driver.send_sms(CONTACT, S01)
    reference = int(result.reference or 0)
    modem.report(reference, 0x30)
    modem.report(reference, 0x00)
    await house.until(lambda: house.delivery == [(reference, True)])
    assert house.counts["report_pending"] == 1
    modem.report(reference, 0x46)
    await house.until(lambda: house.delivery[-1] == (reference, False))

"""What comes in over the modem: answers, long ones, delivery reports; handed over once and then deleted."""

from __future__ import annotations

import asyncio

from modem_house import CONTACT, S01, House

from gateway.demo.sms_network import deliver_pdus
from gateway.demo.virtual_modem import VirtualModem


async def test_the_answer_1_comes_in_and_is_deleted_afterwards(modem: VirtualModem, home: House) -> None:
    modem.incoming("+86" + CONTACT, "1")
    await home.until(lambda: home.texts == [("+86" + CONTACT, "1")])
    await home.until(lambda: not any(modem.stores.values()))


async def test_a_long_answer_in_parts_comes_in_whole(modem: VirtualModem, home: House) -> None:
    text = "好的，我马上过去看看。" * 10 + "😀"
    modem.incoming(CONTACT, text)
    await home.until(lambda: bool(home.texts))
    assert home.texts == [(CONTACT, text)]
    await home.until(lambda: not any(modem.stores.values()))


async def test_an_answer_that_comes_while_a_text_waits_for_the_network_is_heard(
    modem: VirtualModem, home: House
) -> None:
    modem.delay_sms(0.5)
    sending = asyncio.create_task(home.driver.send_sms(CONTACT, "长" * 140))
    await home.until(lambda: any(c.startswith("AT+CMGS") for c in modem.commands))
    modem.incoming(CONTACT, "1")
    await home.until(lambda: home.texts == [(CONTACT, "1")])
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

    home = Failing(modem)
    await home.start()
    modem.incoming(CONTACT, "1")
    await home.until(lambda: home.counts["sms_not_taken"] >= 1)  # announced, and perhaps swept too
    assert (await home.driver.send_sms(CONTACT, S01)).sent
    assert sum(map(len, modem.stores.values())) == 1
    await home.stop()


async def test_a_message_handed_over_directly_is_taken_and_acknowledged(modem: VirtualModem, home: House) -> None:
    modem._new[1] = 2  # a modem that routes to us whatever it was told
    modem.incoming(CONTACT, "1")
    await home.until(lambda: home.texts == [(CONTACT, "1")])
    await home.until(lambda: "AT+CNMA" in modem.commands)


async def test_rubbish_from_a_stranger_is_counted_deleted_and_stops_nothing(modem: VirtualModem, home: House) -> None:
    modem.incoming_pdu("00FF")
    modem.raw(b"\r\n" + b"x" * 5000 + b"\r\n\xff\xfe\x01noise\xffnoise\r\n+WHAT: 1\r\n")
    modem.incoming(CONTACT, "1")
    await home.until(lambda: home.texts == [(CONTACT, "1")])
    assert home.counts["bad_pdu"] == 1
    assert home.counts["line_too_long"] == 1
    assert home.counts["garbage"] == 1
    assert home.counts["unsolicited_unknown"] == 1
    await home.until(lambda: not any(modem.stores.values()))


async def test_delivery_reports_are_handed_on_with_their_reference(modem: VirtualModem, home: House) -> None:
    result = await home.driver.send_sms(CONTACT, S01)
    reference = int(result.reference or 0)
    modem.report(reference, 0x30)
    modem.report(reference, 0x00)
    await home.until(lambda: home.delivery == [(reference, True)])
    assert home.counts["report_pending"] == 1
    modem.report(reference, 0x46)
    await home.until(lambda: home.delivery[-1] == (reference, False))

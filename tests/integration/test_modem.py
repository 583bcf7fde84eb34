"""The modem driver over a real pty, with a virtual modem and its network at the far end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from modem_house import PATIENCE_S, QUICK, House
from stopwatch import stopwatch

from gateway.demo.sms_network import deliver_pdus
from gateway.demo.virtual_modem import VirtualModem
from gateway.drivers.modem.cell import Sim
from gateway.drivers.modem.errors import Cause
from gateway.drivers.modem.modem import FAULTS_BEFORE_RESET
from gateway.drivers.modem.timing import Timing
from gateway.drivers.port import DriverFault

CONTACT = "13800138000"
S01 = "【居家守护】张阿公03:12在卫生间按了紧急按钮。请马上打电话或过去看，危急先打120。能去回1，去不了回2。编号17"
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


# --- out ------------------------------------------------------------------------------------------------------------


async def test_a_text_reaches_the_network_and_brings_its_reference(modem: VirtualModem, house: House) -> None:
    result = await house.driver.send_sms(CONTACT, S01)
    assert result.sent
    assert result.reference == str(modem.sent[0].references[0])
    assert (modem.sent[0].number, modem.sent[0].text, modem.sent[0].parts) == (CONTACT, S01, 1)


async def test_a_long_text_goes_in_parts_and_arrives_whole(modem: VirtualModem, house: House) -> None:
    text = "水" * 66 + "😀" + S01 * 2
    result = await house.driver.send_sms("+65 9123 4567", text)
    assert (result.sent, result.parts, result.parts_sent) == (True, 3, 3)
    assert result.reference == ",".join(map(str, modem.sent[0].references))
    assert (modem.sent[0].number, modem.sent[0].text) == ("+6591234567", text)


async def test_texts_asked_for_at_once_go_one_after_the_other_in_order(modem: VirtualModem, house: House) -> None:
    modem.delay_sms(0.05)
    results = await asyncio.gather(*(house.driver.send_sms(CONTACT, f"{i}") for i in range(5)))
    assert all(r.sent for r in results)
    assert [s.text for s in modem.sent] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("error", "cause", "again"),
    [
        (38, Cause.NETWORK, True),
        (500, Cause.UNKNOWN, True),
        (322, Cause.MEMORY, True),
        (1, Cause.NUMBER, False),
        (310, Cause.SIM, True),
    ],
)
async def test_the_networks_refusal_is_classified(
    modem: VirtualModem, house: House, error: int, cause: Cause, again: bool
) -> None:
    modem.fail_next_sms(error)
    result = await house.driver.send_sms(CONTACT, S01)
    assert (result.sent, result.cause, result.retry_after_s is not None) == (False, cause, again)
    assert str(error) in result.reason
    assert CONTACT not in result.reason
    assert house.counts["cms_error"] == 1
    assert (await house.driver.send_sms(CONTACT, S01)).sent  # the driver is well


async def test_a_long_text_that_stops_half_way_says_how_far_it_came(modem: VirtualModem, house: House) -> None:
    modem.delay_sms(0.3)
    sending = asyncio.create_task(house.driver.send_sms(CONTACT, "长" * 140))
    await house.until(lambda: len(modem.submitted) == 1)
    modem.fail_next_sms(42)
    result = await sending
    assert (result.sent, result.parts, result.parts_sent) == (False, 3, 1)
    assert result.reference == "1"
    assert "1 of 3 parts" in result.reason
    assert result.retry_after_s is not None
    assert modem.sent == []


@pytest.mark.parametrize("number", ["120", "110", "+86110", "0595119", "12345", "abc", ""])
async def test_emergency_numbers_and_nonsense_are_never_texted(modem: VirtualModem, house: House, number: str) -> None:
    result = await house.driver.send_sms(number, S01)
    assert (result.sent, result.retry_after_s) == (False, None)
    assert not any(c.startswith("AT+CMGS") for c in modem.commands)


async def test_a_slow_network_is_waited_for_because_the_modem_answers_meanwhile(
    modem: VirtualModem, house: House
) -> None:
    modem.delay_sms(3.5)
    assert (await house.driver.send_sms(CONTACT, S01)).sent
    assert (await house.driver.send_sms(CONTACT, S01)).sent  # now known to answer: only the probes keep it from "mute"
    assert len(modem.sent) == 2
    assert modem.commands.count("AT") >= 4  # the probes beside the texts
    modem.delay_sms(0.0)
    assert (await house.driver.send_sms(CONTACT, "1")).sent


async def test_a_modem_that_works_one_by_one_is_not_taken_for_mute(tmp_path: Path) -> None:
    modem = VirtualModem(tmp_path / "tty", one_by_one=True)
    await modem.start()
    house = House(modem)
    await house.start()
    modem.delay_sms(2.5)
    assert (await house.driver.send_sms(CONTACT, S01)).sent
    modem.delay_sms(0.0)
    assert (await house.driver.send_sms(CONTACT, S01)).sent  # the probe's late OK did not end this one early
    assert len(modem.sent) == 2
    await house.stop()
    await modem.stop()


async def test_before_the_modem_is_up_a_text_is_refused_with_a_time_to_try_again(modem: VirtualModem) -> None:
    result = await House(modem).driver.send_sms(CONTACT, S01)
    assert (result.sent, result.retry_after_s) == (False, 5.0)


async def test_a_caller_that_gives_up_does_not_break_the_message(modem: VirtualModem, house: House) -> None:
    modem.delay_sms(0.3)
    waiting = asyncio.create_task(house.driver.send_sms(CONTACT, "first"))
    await house.until(lambda: any(c.startswith("AT+CMGS") for c in modem.commands))
    waiting.cancel()
    assert (await house.driver.send_sms(CONTACT, "second")).sent
    assert [s.text for s in modem.sent] == ["first", "second"]


async def test_the_answer_to_a_caller_who_gave_up_is_not_taken_for_the_next_ones(
    modem: VirtualModem, house: House
) -> None:
    link = house.driver._link
    assert link is not None
    modem.silence()
    given_up = asyncio.create_task(link.command("AT+CGMM"))
    await asyncio.sleep(0.1)  # it is on the wire
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    modem.silence(False)
    asked = asyncio.create_task(link.command("AT+CSQ", prefix="+CSQ"))
    await asyncio.sleep(0.1)
    assert not asked.done()
    modem.raw(b"\r\nEC20F\r\n\r\nOK\r\n")  # the answer to the first, late
    assert (await asked).lines == ("+CSQ: 21,99",)
    assert house.ready == 1, "nobody had to start the driver anew"


# --- in -------------------------------------------------------------------------------------------------------------


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


# --- silence, loss, return ------------------------------------------------------------------------------------------


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


# --- SIM, network ---------------------------------------------------------------------------------------------------


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


# --- another process drives it --------------------------------------------------------------------------------------


async def test_the_virtual_modem_takes_wishes_on_its_socket(tmp_path: Path) -> None:
    modem = VirtualModem(tmp_path / "tty")
    await modem.start(tmp_path / "control")
    house = House(modem)
    await house.start()
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "control"))

    async def wish(line: str) -> dict[str, object]:
        writer.write(line.encode() + b"\n")
        found = json.loads(await reader.readline())
        assert isinstance(found, dict)
        return found

    assert await wish('{"op":"incoming","number":"+8613800138000","text":"1"}') == {"ok": True}
    await house.until(lambda: house.texts == [("+8613800138000", "1")])
    assert await wish('{"op":"fail_next_sms","errors":[38]}') == {"ok": True}
    assert (await house.driver.send_sms(CONTACT, S01)).cause is Cause.NETWORK
    assert (await house.driver.send_sms(CONTACT, S01)).sent
    assert (await wish('{"op":"sent"}'))["sent"] == [{"number": CONTACT, "text": S01, "parts": 1}]
    for bad in ("{", "[]", '{"op":"stop"}', '{"op":"incoming"}', "[" * 5000):
        assert (await wish(bad))["ok"] is False
    await wish('{"op":"unplug"}')
    await house.fault()
    writer.close()
    await writer.wait_closed()
    await modem.stop()

"""Texts out over the modem driver on a real pty, with a virtual modem and its network at the far end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from modem_house import CONTACT, S01, House

from gateway.demo.virtual_modem import VirtualModem
from gateway.drivers.modem.errors import Cause


async def test_a_text_reaches_the_network_and_brings_its_reference(modem: VirtualModem, home: House) -> None:
    result = await home.driver.send_sms(CONTACT, S01)
    assert result.sent
    assert result.reference == str(modem.sent[0].references[0])
    assert (modem.sent[0].number, modem.sent[0].text, modem.sent[0].parts) == (CONTACT, S01, 1)


async def test_a_long_text_goes_in_parts_and_arrives_whole(modem: VirtualModem, home: House) -> None:
    text = "水" * 66 + "😀" + S01 * 2
    result = await home.driver.send_sms("+65 9123 4567", text)
    assert (result.sent, result.parts, result.parts_sent) == (True, 3, 3)
    assert result.reference == ",".join(map(str, modem.sent[0].references))
    assert (modem.sent[0].number, modem.sent[0].text) == ("+6591234567", text)


async def test_texts_asked_for_at_once_go_one_after_the_other_in_order(modem: VirtualModem, home: House) -> None:
    modem.delay_sms(0.05)
    results = await asyncio.gather(*(home.driver.send_sms(CONTACT, f"{i}") for i in range(5)))
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
    modem: VirtualModem, home: House, error: int, cause: Cause, again: bool
) -> None:
    modem.fail_next_sms(error)
    result = await home.driver.send_sms(CONTACT, S01)
    assert (result.sent, result.cause, result.retry_after_s is not None) == (False, cause, again)
    assert str(error) in result.reason
    assert CONTACT not in result.reason
    assert home.counts["cms_error"] == 1
    assert (await home.driver.send_sms(CONTACT, S01)).sent  # the driver is well


async def test_a_long_text_that_stops_half_way_says_how_far_it_came(modem: VirtualModem, home: House) -> None:
    modem.delay_sms(0.3)
    sending = asyncio.create_task(home.driver.send_sms(CONTACT, "长" * 140))
    await home.until(lambda: len(modem.submitted) == 1)
    modem.fail_next_sms(42)
    result = await sending
    assert (result.sent, result.parts, result.parts_sent) == (False, 3, 1)
    assert result.reference == "1"
    assert "1 of 3 parts" in result.reason
    assert result.retry_after_s is not None
    assert modem.sent == []


@pytest.mark.parametrize("number", ["120", "110", "+86110", "0595119", "12345", "abc", ""])
async def test_emergency_numbers_and_nonsense_are_never_texted(modem: VirtualModem, home: House, number: str) -> None:
    result = await home.driver.send_sms(number, S01)
    assert (result.sent, result.retry_after_s) == (False, None)
    assert not any(c.startswith("AT+CMGS") for c in modem.commands)


async def test_a_slow_network_is_waited_for_because_the_modem_answers_meanwhile(
    modem: VirtualModem, home: House
) -> None:
    modem.delay_sms(3.5)
    assert (await home.driver.send_sms(CONTACT, S01)).sent
    assert (await home.driver.send_sms(CONTACT, S01)).sent  # now known to answer: only the probes keep it from "mute"
    assert len(modem.sent) == 2
    assert modem.commands.count("AT") >= 4  # the probes beside the texts
    modem.delay_sms(0.0)
    assert (await home.driver.send_sms(CONTACT, "1")).sent


async def test_a_modem_that_works_one_by_one_is_not_taken_for_mute(tmp_path: Path) -> None:
    modem = VirtualModem(tmp_path / "tty", one_by_one=True)
    await modem.start()
    home = House(modem)
    await home.start()
    modem.delay_sms(2.5)
    assert (await home.driver.send_sms(CONTACT, S01)).sent
    modem.delay_sms(0.0)
    assert (await home.driver.send_sms(CONTACT, S01)).sent  # the probe's late OK did not end this one early
    assert len(modem.sent) == 2
    await home.stop()
    await modem.stop()


async def test_before_the_modem_is_up_a_text_is_refused_with_a_time_to_try_again(modem: VirtualModem) -> None:
    result = await House(modem).driver.send_sms(CONTACT, S01)
    assert (result.sent, result.retry_after_s) == (False, 5.0)


async def test_a_caller_that_gives_up_does_not_break_the_message(modem: VirtualModem, home: House) -> None:
    modem.delay_sms(0.3)
    waiting = asyncio.create_task(home.driver.send_sms(CONTACT, "first"))
    await home.until(lambda: any(c.startswith("AT+CMGS") for c in modem.commands))
    waiting.cancel()
    assert (await home.driver.send_sms(CONTACT, "second")).sent
    assert [s.text for s in modem.sent] == ["first", "second"]


async def test_the_answer_to_a_caller_who_gave_up_is_not_taken_for_the_next_ones(
    modem: VirtualModem, home: House
) -> None:
    link = home.driver._link
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
    assert home.ready == 1, "nobody had to start the driver anew"


async def test_the_virtual_modem_takes_wishes_on_its_socket(tmp_path: Path) -> None:
    modem = VirtualModem(tmp_path / "tty")
    await modem.start(tmp_path / "control")
    home = House(modem)
    await home.start()
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "control"))

    async def wish(line: str) -> dict[str, object]:
        writer.write(line.encode() + b"\n")
        found = json.loads(await reader.readline())
        assert isinstance(found, dict)
        return found

    assert await wish('{"op":"incoming","number":"+8613800138000","text":"1"}') == {"ok": True}
    await home.until(lambda: home.texts == [("+8613800138000", "1")])
    assert await wish('{"op":"fail_next_sms","errors":[38]}') == {"ok": True}
    assert (await home.driver.send_sms(CONTACT, S01)).cause is Cause.NETWORK
    assert (await home.driver.send_sms(CONTACT, S01)).sent
    assert (await wish('{"op":"sent"}'))["sent"] == [{"number": CONTACT, "text": S01, "parts": 1}]
    for bad in ("{", "[]", '{"op":"stop"}', '{"op":"incoming"}', "[" * 5000):
        assert (await wish(bad))["ok"] is False
    await wish('{"op":"unplug"}')
    await home.fault()
    writer.close()
    await writer.wait_closed()
    await modem.stop()

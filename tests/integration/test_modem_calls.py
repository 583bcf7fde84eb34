"""Calls over a real pty: who answers, how a call ends, what is said, which key was pressed, and who may ring us."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from modem_house import CALLS, NOBODY, CallEnd, House, eventually

from gateway.demo.virtual_modem import VirtualModem
from gateway.drivers.modem.errors import Cause
from gateway.drivers.modem.phone import MOST_PLAYS, Message

SON, STRANGER = "13800138000", "13911112222"
WORDS = "王阿婆家报警：08:15按了紧急按钮。能去请按1，去不了按2，重听按3。"
THANKS = {"1": "好的，已经记下您能去。", "2": "好的，马上找别人。"}


@pytest.fixture
async def house(modem: VirtualModem) -> AsyncIterator[House]:
    house = House(modem, CALLS)
    await house.start()
    yield house
    await house.stop()


class Answers:
    """What was pressed, as the gateway would write it down."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.said_before: list[int] = []

    def message(self, modem: VirtualModem) -> Message:
        async def on_key(key: str) -> None:
            self.said_before.append(len(modem.calls[-1].said))
            await asyncio.sleep(0.02)  # as a commit would
            self.keys.append(key)

        return Message(WORDS, thanks=THANKS, on_key=on_key)


# --- out ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("maker", ["Quectel", "SIMCom"])
async def test_the_son_answers_hears_the_alarm_in_the_modems_voice_and_presses_1(
    modem: VirtualModem, tmp_path: Path, maker: str
) -> None:
    modem.maker = maker
    modem.phone(SON, presses="1")
    house, answers = House(modem, CALLS), Answers()
    await house.start()
    result = await house.call(SON, answers.message(modem))
    await house.stop()
    assert (result.end, result.answer, result.spoken) == (CallEnd.ANSWERED, "1", 1)
    assert answers.keys == ["1"]
    assert modem.calls[0].number == SON
    assert modem.calls[0].said == [WORDS, THANKS["1"]]
    assert answers.said_before == [1]  # the thanks come after the answer is written down, never before
    assert modem.calls[0].over  # we hang up


async def test_two_means_that_the_son_cannot_come(modem: VirtualModem, house: House) -> None:
    modem.phone(SON, presses="2")
    answers = Answers()
    assert (await house.call(SON, answers.message(modem))).answer == "2"
    assert modem.calls[0].said == [WORDS, THANKS["2"]]


async def test_three_says_it_again_and_other_keys_mean_nothing(modem: VirtualModem, house: House) -> None:
    modem.phone(SON, presses="3" * 3 + "1")
    result = await house.call(SON, Message(WORDS))
    assert (result.answer, result.spoken) == ("1", 4)
    modem.phone(SON, presses="9.1")
    result = await house.call(SON, Message(WORDS))
    assert (result.answer, result.spoken) == ("1", 3)


async def test_a_child_that_plays_with_the_keys_does_not_hold_the_line(modem: VirtualModem, house: House) -> None:
    modem.speech_s = 0.02
    modem.phone(SON, presses="3" * 50)
    result = await house.call(SON, Message(WORDS))
    assert (result.end, result.answer, result.spoken) == (CallEnd.ANSWERED, None, MOST_PLAYS)


async def test_a_key_in_the_middle_of_the_message_silences_it(modem: VirtualModem, house: House) -> None:
    modem.speech_s = 5.0
    modem.phone(SON, presses="1", interrupts=True)
    began = time.monotonic()
    result = await house.call(SON, Message(WORDS))
    assert (result.answer, result.spoken) == ("1", 0)
    assert time.monotonic() - began < 4.5
    assert "AT+QTTS=0" in modem.commands


async def test_nobody_presses_a_key_it_is_said_three_times_and_then_hung_up(modem: VirtualModem) -> None:
    modem.phone(SON, presses="")
    house = House(modem, NOBODY)
    await house.start()
    result = await house.call(SON, Message(WORDS))
    await house.stop()
    assert (result.end, result.answer, result.spoken) == (CallEnd.ANSWERED, None, 3)
    assert modem.calls[0].said == [WORDS] * 3


@pytest.mark.parametrize("in_words", [True, False])
@pytest.mark.parametrize(
    ("does", "end"),
    [("busy", CallEnd.BUSY), ("reject", CallEnd.REJECTED), ("no_answer", CallEnd.NO_ANSWER), ("off", CallEnd.FAILED)],
)
async def test_busy_rejected_unanswered_and_switched_off_are_told_apart(
    modem: VirtualModem, does: str, end: CallEnd, in_words: bool
) -> None:
    """With the words BUSY and NO ANSWER, and with NO CARRIER for everything, where only CEER knows."""
    modem.says_how_it_ended = in_words
    modem.phone(SON, does)
    house = House(modem, NOBODY if end is CallEnd.NO_ANSWER else CALLS)
    await house.start()
    result = await house.call(SON, Message(WORDS))
    await house.stop()
    assert (result.end, result.answer) == (end, None)
    assert modem.calls[0].said == []
    assert modem.calls[0].over


async def test_a_wrong_number_is_not_dialled_again_and_one_without_cover_is(modem: VirtualModem, house: House) -> None:
    modem.phone(SON, "unassigned")
    assert (await house.call(SON, Message(WORDS))).retry_after_s is None
    modem.phone(SON, "off")
    assert (await house.call(SON, Message(WORDS))).retry_after_s is not None


async def test_who_hangs_up_in_the_middle_has_answered_and_said_nothing(modem: VirtualModem, house: House) -> None:
    modem.phone(SON, "hang_up")
    result = await house.call(SON, Message(WORDS))
    assert (result.end, result.answer) == (CallEnd.ANSWERED, None)
    assert "hung up" in result.reason


async def test_an_emergency_number_is_never_dialled_however_it_is_written(modem: VirtualModem, house: House) -> None:
    for number in ("120", "110", "+86 119", "0595-120", "１２０", "112"):
        result = await house.call(number, Message(WORDS))
        assert (result.end, result.retry_after_s) == (CallEnd.FAILED, None), number
    assert modem.calls == []
    assert not any(c.startswith("ATD") for c in modem.commands)


async def test_without_a_network_nothing_is_dialled_and_it_is_tried_again(modem: VirtualModem, house: House) -> None:
    modem.registration(2)
    await house.until(lambda: not house.driver.status.registered)
    result = await house.call(SON, Message(WORDS))
    assert (result.end, result.retry_after_s is not None) == (CallEnd.FAILED, True)
    assert modem.calls == []


async def test_a_modem_without_a_voice_plays_it_over_its_sound_card(modem: VirtualModem, tmp_path: Path) -> None:
    modem.speaks = False
    modem.phone(SON, presses="")
    house = House(modem, CALLS, plays=True)
    await house.start()
    call = asyncio.create_task(house.call(SON, Message(WORDS)))
    await house.until(lambda: len(house.played) == 2)
    modem.press("1")
    result = await call
    await house.stop()
    assert (result.end, result.answer) == (CallEnd.ANSWERED, "1")
    assert set(house.played) == {WORDS}


async def test_a_modem_that_can_neither_speak_nor_play_does_not_claim_to_have_told_anybody(
    modem: VirtualModem, house: House
) -> None:
    modem.speaks = False
    modem.phone(SON)
    result = await house.call(SON, Message(WORDS))
    assert (result.end, result.spoken) == (CallEnd.FAILED, 0)
    assert modem.calls[0].over


async def test_texts_go_out_while_somebody_is_on_the_phone(modem: VirtualModem, house: House) -> None:
    modem.speech_s = 1.0
    modem.phone(SON, presses="..1")
    call = asyncio.create_task(house.call(SON, Message(WORDS)))
    await house.until(lambda: bool(modem.calls and modem.calls[0].said))
    assert (await house.driver.send_sms(STRANGER, "短信")).sent
    assert house.driver.in_call
    assert not call.done()
    assert (await call).answer == "1"


async def test_a_call_nobody_needs_any_more_stops_ringing(modem: VirtualModem, house: House) -> None:
    modem.phone(SON, "no_answer")
    needed = [True]
    call = asyncio.create_task(house.call(SON, Message(WORDS, wanted=lambda: needed[0])))
    await house.until(lambda: bool(modem.calls and modem.calls[0].stat == 3))
    needed[0] = False  # somebody answered the text
    result = await call
    assert (result.end, result.retry_after_s) == (CallEnd.WITHDRAWN, None)
    assert modem.calls[0].over


async def test_a_call_that_is_heard_is_not_cut_off_in_the_middle_and_not_said_again(
    modem: VirtualModem, house: House
) -> None:
    needed = [True]
    modem.phone(SON, presses="1")  # after the first hearing
    call = asyncio.create_task(house.call(SON, Message(WORDS, wanted=lambda: needed[0])))
    await house.until(lambda: bool(modem.calls and modem.calls[0].said))
    needed[0] = False
    assert (await call).answer == "1"
    needed[0] = True
    modem.phone(SON, presses="")
    call = asyncio.create_task(house.call(SON, Message(WORDS, wanted=lambda: needed[0])))
    await house.until(lambda: len(modem.calls) == 2 and bool(modem.calls[1].said))
    needed[0] = False
    result = await call
    assert (result.end, result.answer, modem.calls[1].said) == (CallEnd.ANSWERED, None, [WORDS])


async def test_a_call_that_waited_for_the_line_is_not_dialled_once_nobody_needs_it(
    modem: VirtualModem, house: House
) -> None:
    modem.phone(SON, "no_answer")
    needed = [True]
    first = asyncio.create_task(house.call(SON, Message(WORDS, wanted=lambda: needed[0])))
    await house.until(lambda: bool(modem.calls))
    second = asyncio.create_task(house.call(STRANGER, Message(WORDS, wanted=lambda: needed[0])))
    await asyncio.sleep(0)
    needed[0] = False
    assert [(await call).end for call in (first, second)] == [CallEnd.WITHDRAWN] * 2
    assert [call.number for call in modem.calls] == [SON]


async def test_who_stops_waiting_hangs_up(modem: VirtualModem, house: House) -> None:
    modem.phone(SON, "no_answer")
    call = asyncio.create_task(house.driver.call(SON, Message(WORDS)))
    await house.until(lambda: bool(modem.calls))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await eventually(lambda: modem.calls[0].over)


async def test_a_modem_unplugged_in_a_call_is_a_failed_call_to_be_tried_again(
    modem: VirtualModem, house: House
) -> None:
    modem.speech_s = 5.0
    modem.phone(SON, presses="")
    call = asyncio.create_task(house.call(SON, Message(WORDS)))
    await house.until(lambda: bool(modem.calls and modem.calls[0].said))
    modem.unplug()
    result = await call
    assert (result.end, result.retry_after_s is not None) == (CallEnd.FAILED, True)


# --- what an earlier life left ---------------------------------------------------------------------------------------


def die_in_a_call(modem: VirtualModem, number: str) -> None:
    """Dials as a gateway would that is killed the next moment: the modem goes on, and nobody reads what it says."""
    port = os.open(modem.path, os.O_RDWR | os.O_NOCTTY)
    os.write(port, f"ATE0\rATD{number};\r".encode())
    os.close(port)


@pytest.mark.parametrize(("does", "stat"), [("no_answer", 3), ("answer", 0)])
async def test_a_call_that_a_killed_gateway_left_is_hung_up_at_the_start_and_the_next_one_goes_out(
    modem: VirtualModem, does: str, stat: int
) -> None:
    """Nobody would ever speak to the son who picked up, and nobody else could be called."""
    modem.phone(SON, does)
    die_in_a_call(modem, SON)
    house = House(modem, CALLS)
    await eventually(lambda: bool(modem.calls) and modem.calls[0].stat == stat)
    await house.start()
    assert modem.calls[0].over
    assert house.counts["call_orphaned"] == 1
    modem.phone(SON, presses="1")
    assert (await house.call(SON, Message(WORDS))).answer == "1"
    await house.stop()
    assert modem.calls[0].said == []


async def test_a_contact_who_rings_while_the_gateway_starts_is_still_answered(modem: VirtualModem) -> None:
    house, answers = House(modem, CALLS), Answers()
    house.answer_with = answers.message(modem)
    modem.phone(SON, presses="1")
    modem.ring(SON)
    await house.start()
    await house.until(lambda: bool(answers.keys))
    await house.stop()
    assert [call.said[0] for call in modem.calls] == [WORDS]
    assert house.counts["call_orphaned"] == 0


async def test_a_call_that_stands_though_nobody_is_in_it_does_not_keep_us_from_calling_for_help(
    modem: VirtualModem, house: House
) -> None:
    """Its end was lost, or a second program dialled."""
    modem.phone(STRANGER, "no_answer")
    die_in_a_call(modem, STRANGER)
    await house.until(lambda: bool(modem.calls))
    modem.phone(SON, presses="1")
    assert (await house.call(SON, Message(WORDS))).answer == "1"
    assert modem.calls[0].over
    assert house.counts["call_orphaned"] == 1


# --- in -------------------------------------------------------------------------------------------------------------


async def test_a_contact_who_rings_while_an_alarm_is_open_is_answered_with_it(
    modem: VirtualModem, house: House
) -> None:
    answers = Answers()
    house.answer_with = answers.message(modem)
    modem.phone(SON, presses="1")
    modem.ring("+86" + SON)
    await house.until(lambda: bool(answers.keys))
    await house.until(lambda: modem.calls[0].over)
    assert house.rings == ["+86" + SON]
    assert modem.calls[0].said[0] == WORDS
    assert answers.keys == ["1"]


async def test_a_stranger_is_never_answered_and_texts_go_on_while_it_rings(modem: VirtualModem, house: House) -> None:
    modem.ring(STRANGER)
    await house.until(lambda: len(house.rings) >= 2)
    assert (await house.driver.send_sms(SON, "短信")).sent
    assert "ATA" not in modem.commands
    assert modem.calls[0].stat == 4
    modem.hang_up()


async def test_a_stranger_who_rings_and_rings_does_not_keep_us_from_calling_for_help(
    modem: VirtualModem, house: House
) -> None:
    modem.ring(STRANGER)
    await house.until(lambda: bool(house.rings))
    modem.phone(SON, presses="1")
    assert (await house.call(SON, Message(WORDS))).answer == "1"
    assert "ATA" not in modem.commands
    assert modem.calls[0].said == []


async def test_the_operator_says_how_much_credit_is_left(modem: VirtualModem, house: House) -> None:
    assert await house.driver.ask_credit("*100#")
    await house.until(lambda: bool(house.driver.status.credit))
    assert house.driver.status.credit == "您的余额为36.50元"
    for code in ("*100#;ATD120;", "120", "**21*120#", "*21*13800138000#", "*002*110*11#"):
        assert not await house.driver.ask_credit(code), "asks nothing, or forwards the home's calls"
    assert not any("120" in command for command in modem.commands)


def test_a_sim_that_may_not_call_is_our_fault_and_not_the_numbers() -> None:
    from gateway.drivers.modem.call_words import ending_of

    assert ending_of("NO CARRIER", "5,50", alerted=False).cause is Cause.SUBSCRIPTION
    assert ending_of("NO CARRIER", "No cause information available", alerted=True).end is CallEnd.REJECTED
    assert ending_of("NO CARRIER", "User busy", alerted=True).end is CallEnd.BUSY
    assert ending_of("NO CARRIER", "", alerted=False).end is CallEnd.FAILED

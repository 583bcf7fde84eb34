"""One modem or two: the second carries what the first cannot, and nothing goes twice."""

from __future__ import annotations

from gateway.channels.call import CallReport, CallWords
from gateway.channels.port import Delivered, NotDelivered, State
from gateway.drivers.modem.call_words import CallEnd
from gateway.drivers.modem.cell import ModemStatus
from gateway.drivers.modem.errors import Cause
from gateway.drivers.modem.phone import CallResult, Message
from gateway.drivers.modem.send import SmsResult
from gateway.runtime.bearer import NO_MODEM_RETRY_S, CellPaths, Modems, ring_answer

SON = "13800138000"
GONE = SmsResult(False, reason="not registered with a network", retry_after_s=15)
WRONG = SmsResult(False, reason="unassigned number")
HALF = SmsResult(False, "7", "silent", 5, parts=2, parts_sent=1)
PERHAPS = SmsResult(False, reason="silent", retry_after_s=5, perhaps=True)
TOOK = SmsResult(True, "12,13")


class Modem:
    def __init__(self, name: str, sms: SmsResult = TOOK, call: CallResult | None = None) -> None:
        self.name, self.sms = name, sms
        self.result = call or CallResult(CallEnd.ANSWERED, "keyed", "1")
        self.texts: list[str] = []
        self.calls: list[Message] = []
        self.status = ModemStatus()

    async def send_sms(self, number: str, text: str) -> SmsResult:
        self.texts.append(text)
        return self.sms

    async def ask_credit(self, code: str) -> bool:
        return True

    async def call(self, number: str, message: Message) -> CallResult:
        self.calls.append(message)
        return self.result


def modems(*found: Modem) -> Modems:
    made = Modems()
    for modem in found:
        made.add(modem)
    return made


async def test_the_first_modem_carries_and_its_name_is_part_of_the_reference() -> None:
    first, second = Modem("modem"), Modem("modem2")
    assert await modems(first, second).send_sms(SON, "短信") == Delivered("modem:12,13")
    assert second.texts == []


async def test_the_second_carries_what_the_first_cannot() -> None:
    first, second = Modem("modem", GONE), Modem("modem2")
    assert await modems(first, second).send_sms(SON, "短信") == Delivered("modem2:12,13")


async def test_a_sim_that_failed_its_self_test_is_asked_last_until_it_is_proved() -> None:
    first, second = Modem("modem"), Modem("modem2")
    made = modems(first, second)
    made.paths.prove("modem", False)
    assert await made.send_sms(SON, "短信") == Delivered("modem2:12,13")
    await made.call(SON, CallWords("话"))
    assert (first.texts, len(first.calls), len(second.calls)) == ([], 0, 1)
    second.sms = GONE
    assert await made.send_sms(SON, "短信") == Delivered("modem:12,13")  # a doubtful way is better than none
    made.paths.prove("modem", True)
    assert await made.send_sms(SON, "短信") == Delivered("modem:12,13")


BROKE = SmsResult(False, reason="CMS 30: unknown subscriber", retry_after_s=600, cause=Cause.SUBSCRIPTION)


async def test_a_sim_without_credit_is_a_lost_cell_until_it_may_send_again() -> None:
    told: list[bool] = []
    made, modem = Modems(told.append), Modem("modem", BROKE)
    made.add(modem)
    made.paths.set("modem", False)
    for _ in range(3):
        await made.send_sms(SON, "短信")
    assert (told, made.health().state) == ([True], State.DOWN)
    assert made.health().why == "the operator lets it send nothing: modem"
    modem.sms = GONE  # no network tells nothing of the contract
    await made.send_sms(SON, "短信")
    modem.sms = TOOK
    await made.send_sms(SON, "短信")
    assert (told, made.health().state) == ([True, False], State.UP)


async def test_its_test_finds_a_sim_that_may_send_again_and_a_new_card_begins_anew() -> None:
    told: list[bool] = []
    made, modem = Modems(told.append), Modem("modem", BROKE)
    made.add(modem)
    made.paths.set("modem", False)
    (alone,) = made.each()
    await alone.send(SON, "x")
    modem.sms = TOOK
    await alone.send(SON, "x")
    assert told == [True, False]
    modem.sms = BROKE
    await alone.send(SON, "x")
    made.paths.set("modem", True)  # the card is pulled, another is put in
    assert not made.paths.set("modem", False)


async def test_with_a_second_modem_that_may_send_the_cell_is_not_lost() -> None:
    told: list[bool] = []
    made = Modems(told.append)
    for modem in (Modem("modem", BROKE), Modem("modem2")):
        made.add(modem)
        made.paths.set(modem.name, False)
    assert await made.send_sms(SON, "短信") == Delivered("modem2:12,13")
    assert (told, made.health().state) == ([False], State.DEGRADED)


async def test_a_number_abroad_that_is_barred_says_nothing_of_the_others() -> None:
    told: list[bool] = []
    made = Modems(told.append)
    made.add(Modem("modem", BROKE))
    made.paths.set("modem", False)
    await made.send_sms("+6591234567", "短信")
    assert (told, made.health().state) == ([], State.UP)


async def test_both_gone_is_tried_again_as_soon_as_either_may_be_back() -> None:
    far = SmsResult(False, reason="out of credit", retry_after_s=600)
    assert await modems(Modem("modem", far), Modem("modem2", GONE)).send_sms(SON, "短信") == NotDelivered(
        GONE.reason, 15
    )


async def test_a_wrong_number_and_what_may_have_gone_is_not_sent_by_the_other() -> None:
    for refused in (WRONG, HALF, PERHAPS):
        second = Modem("modem2")
        outcome = await modems(Modem("modem", refused), second).send_sms(SON, "短信")
        assert outcome == NotDelivered(refused.reason, refused.retry_after_s)
        assert second.texts == []


async def test_without_a_modem_it_waits_for_one() -> None:
    assert await Modems().send_sms(SON, "短信") == NotDelivered("no modem is configured", NO_MODEM_RETRY_S)
    assert (await Modems().call(SON, CallWords("话"))).retry_after_s is None
    assert Modems().health().state is State.OFF


async def test_a_call_goes_over_the_second_where_the_first_cannot_dial() -> None:
    down = CallResult(CallEnd.FAILED, "the modem is not ready", retry_after_s=3)
    first, second = Modem("modem", call=down), Modem("modem2")
    assert await modems(first, second).call(SON, CallWords("话")) == CallReport("answered", "keyed", "1")
    for end in (CallEnd.BUSY, CallEnd.NO_ANSWER, CallEnd.REJECTED):  # the contact was reached: once is enough
        second = Modem("modem2")
        report = await modems(Modem("modem", call=CallResult(end)), second).call(SON, CallWords("话"))
        assert (report.result, second.calls) == (end.value, [])


async def test_a_sim_that_may_not_call_is_not_asked_to() -> None:
    made, silent, able = Modems(), Modem("modem"), Modem("modem2")
    made.add(silent, voice=False)
    made.add(able)
    assert (await made.call(SON, CallWords("话", {"1": "好"}))).answer == "1"
    assert silent.calls == []
    assert (able.calls[0].text, able.calls[0].thanks) == ("话", {"1": "好"})


def test_the_cell_is_lost_when_every_modem_is() -> None:
    paths = CellPaths()
    paths.expect("modem")
    paths.expect("modem2")
    assert not paths.set("modem", False)
    assert paths.health().state is State.DEGRADED
    assert not paths.set("modem2", False)
    assert paths.health().state is State.UP
    assert not paths.set("modem", True)
    assert paths.set("modem2", True)
    assert paths.health().why == "lost: modem, modem2"


def test_a_sim_that_failed_its_test_is_lost_though_it_is_registered() -> None:
    paths = CellPaths()
    paths.set("modem", False)
    assert paths.prove("modem", False)
    assert paths.health().why == "self-test failed: modem"
    assert paths.health().state is State.DOWN
    assert not paths.prove("modem", True)
    assert paths.health().state is State.UP


async def test_one_modem_is_tested_by_itself() -> None:
    first, second = modems(Modem("modem", GONE), Modem("modem2")).each()
    assert await first.send(SON, "x") == NotDelivered(GONE.reason, 15)
    assert await second.send(SON, "x") == Delivered("modem2:12,13")


def test_who_rings_is_answered_with_what_the_house_says_or_not_at_all() -> None:
    answer = ring_answer(lambda number: CallWords("话") if number == SON else None)
    assert answer("13911112222") is None
    message = answer(SON)
    assert message is not None
    assert (message.text, message.stay_s) == ("话", 0)

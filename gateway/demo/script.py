"""The demo as a script: one line a step, every step checked, exit 0 only if all held."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.demo.house import DemoMissing, Line, VirtualHouse
from gateway.demo.household import HOME
from gateway.home.model import read_home

PRE_ALARM_S = 4  # short for the script's sake; the home's default is 10 s
TOGETHER_S = 2.0  # T-07: both paths start within 2 s


class DidNotHold(Exception):
    """A step's claim was not true; the text says which."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it shows, and the check that it did."""

    title: str
    play: Callable[[VirtualHouse], Awaitable[None]]


def claim(true: object, what: str) -> None:
    """Raises `DidNotHold` unless it is true."""
    if not true:
        raise DidNotHold(what)


def texts(house: VirtualHouse, part: str, since: int) -> list[Line]:
    """Texts that reached a contact's phone and hold `part`."""
    return [x for x in house.timeline[since:] if x.where == "sms" and x.text.startswith("→") and part in x.text]


def told(house: VirtualHouse, state: str, since: int, code: str = "CALL_FIXED") -> list[Line]:
    """Messages the platform stored and acknowledged, by the alarm's code and state."""
    return [x for x in house.timeline[since:] if x.where == "platform" and f"{code} {state}" in x.text]


async def press_to_acceptance(house: VirtualHouse) -> None:
    """The main path."""
    since = house.mark()
    house.press("bedroom-button")
    heard = await house.expect("elder", "已收到呼叫", since=since)
    claim(
        heard.at - house.timeline[since].at <= TOGETHER_S, "the elder hears within 2 s that the press was heard (T-01)"
    )
    claim(not texts(house, "按了紧急按钮", since), "no text goes out during the pre-alarm")
    sms = await house.expect("sms", "→", "按了紧急按钮", since=since)
    platform = await house.expect("platform", "RAISED", since=since)
    claim(abs(sms.at - platform.at) <= TOGETHER_S, "contacts and platform are told in parallel (T-07)")
    claim("王小明" in sms.text and "卧室" in sms.text, "the text goes to contact 1 and says where")
    house.contact_answers("1")
    await house.expect("platform", "ACCEPTED", since=since)
    await house.expect("elder", "已经联系到王小明", since=since)
    await close_all(house)


async def press_and_cancel(house: VirtualHouse) -> None:
    """A press by mistake."""
    since = house.mark()
    house.press("bathroom-cord")
    await house.expect("elder", "已收到呼叫", since=since)
    house.press("cancel-button")
    await house.expect("elder", "已取消", since=since)
    await house.expect("platform", "CANCELLED_LOCAL", since=since)
    await asyncio.sleep(PRE_ALARM_S + 1)
    claim(not texts(house, "按了紧急按钮", since), "nobody is texted")
    claim(not told(house, "RAISED", since), "nothing is raised")


async def broker_down(house: VirtualHouse) -> None:
    """An alarm while the platform cannot be reached."""
    since = house.mark()
    house.pull_network()
    house.press("bedroom-button")
    await house.expect("sms", "→", "按了紧急按钮", since=since)
    claim(not told(house, "RAISED", since), "the platform cannot know yet")
    await house.restore_network()
    await house.expect("platform", "RAISED", "delayed", since=since, within_s=60)
    await asyncio.sleep(2)
    claim(len(told(house, "RAISED", since)) == 1, "the platform stores it once")
    house.contact_answers("1")
    await house.expect("elder", "已经联系到", since=since)
    await close_all(house)


async def killed_between_press_and_text(house: VirtualHouse) -> None:
    """kill -9 in the pre-alarm."""
    since = house.mark()
    house.press("bedroom-button")
    await house.expect("elder", "已收到呼叫", since=since)
    await house.kill_gateway()
    await house.start_gateway()
    await house.expect("sms", "→", "按了紧急按钮", since=since)
    await house.expect("platform", "RAISED", since=since)
    await asyncio.sleep(1)
    claim(len(texts(house, "按了紧急按钮", since)) == 1, "one text, not two")
    claim(len(told(house, "RAISED", since)) == 1, "the platform stores it once")
    house.contact_answers("1")
    await house.expect("elder", "已经联系到", since=since)
    await close_all(house)


async def modem_unplugged(house: VirtualHouse) -> None:
    """The stick is pulled, and put back while an alarm waits."""
    since = house.mark()
    house.pull_modem()
    house.press("bedroom-button")
    await house.expect("platform", "RAISED", since=since)
    claim(not texts(house, "按了紧急按钮", since), "no text can go out")
    house.restore_modem()
    await house.expect("sms", "→", "按了紧急按钮", since=since, within_s=90)
    house.contact_answers("1")
    await house.expect("elder", "已经联系到", since=since)
    await close_all(house)


async def line_free(house: VirtualHouse) -> None:
    """Until nobody is on the phone."""
    await house.until(lambda: all(c.over for c in house.modem.calls), 60, "the line is free")


async def called_and_passed_on(house: VirtualHouse) -> None:
    """The gateway calls beside its text: contact 1 cannot, contact 2 hears it twice and goes."""
    since = house.mark()
    house.contact_will("answer", "2")
    house.contact_will("answer", "31", "13800000002")
    house.press("bedroom-button")
    sms = await house.expect("sms", "→", "按了紧急按钮", since=since)
    rings = await house.expect("phone", "王小明", "it rings", since=since)
    claim(rings.at - sms.at < 20, "the call follows the text (domain 4.4)")
    await house.expect("phone", "王小明 hears", "家报警", since=since)
    await house.expect("phone", "王小明 presses 2", since=since)
    await house.expect("phone", "王小红 presses 1", since=since, within_s=60)
    await house.expect("platform", "ACCEPTED", since=since)
    heard = await house.expect("elder", "已经联系到", since=since)
    claim("王小红" in heard.text or "c2" in heard.text, "the elder hears who goes")  # an id where no name may be logged
    house.contact_will("no_answer")
    house.contact_will("no_answer", number="13800000002")
    await close_all(house)


async def rings_back(house: VirtualHouse) -> None:
    """The contact phones the home's number instead of texting; with nothing open nobody is answered."""
    await line_free(house)
    since = house.mark()
    house.contact_rings("31")
    await asyncio.sleep(2)
    house.modem.hang_up()
    claim(not house.seen("phone", "the gateway answers", since=since), "nobody is answered while nothing is open")
    house.contact_will("reject")  # in a meeting; rings back from the corridor
    house.press("bedroom-button")
    await house.expect("sms", "→", "按了紧急按钮", since=since)
    if CALLED:
        await house.expect("phone", "☎ → 王小明", since=since)
        await line_free(house)
    rung = house.mark()
    house.contact_rings("31")
    heard = await house.expect("phone", "hears", "家报警", since=rung)
    claim("王阿婆" in heard.text and "按了紧急按钮" in heard.text, "the call says whose home it is and what happened")
    await house.expect("phone", "presses 1", since=rung)
    await house.expect("platform", "ACCEPTED", since=rung)
    claim(sum("家报警" in x.text for x in house.timeline[rung:] if x.where == "phone") == 2, "3 says it again, once")
    await house.expect("elder", "已经联系到", since=rung)
    await close_all(house)


async def twelve_hours_of_silence(house: VirtualHouse) -> None:
    """Nobody moves; time leaps."""
    since = house.mark()
    house.motion("hall-pir")
    await asyncio.sleep(0.5)
    await house.leap(11 + 50 / 60)
    claim(not house.seen("elder", "按绿键", since=since), "nothing is asked before the time")
    await house.leap(6 / 60)
    await house.expect("elder", "绿键报平安", since=since)
    claim(not told(house, "RAISED", since, "INACTIVITY"), "the home asks before it alarms")
    await house.leap(5 / 60)
    await house.expect("platform", "INACTIVITY RAISED", since=since)
    sms = await house.expect("sms", "→", "没有动静", since=since)
    claim("12小时" in sms.text, "the text says how long")


async def close_all(house: VirtualHouse) -> None:
    """The platform's desk closes what is open, so that the next step begins with a quiet home."""
    for alarm in house.status().get("alarms", []):
        house.accept_at_platform(alarm["alarm"], "CLOSED", "HELPED")
    await house.until(lambda: not house.status().get("alarms", [1]), 20, "every alarm is closed")


CALLED = "call" in read_home(HOME).view.contacts[0].channels
"""Whether mobiles are called beside their text: the chain's to decide, and shown once it does."""

STEPS = (
    Step("press → the elder hears → pre-alarm → text and platform in parallel → “1” → accepted, the elder is told",
         press_to_acceptance),
    Step("press → cancel in time: nobody is called out, the platform is informed", press_and_cancel),
    Step("network down during an alarm: the text still goes, the platform gets it once, marked delayed", broker_down),
    Step("kill -9 between press and text: after the restart the alarm goes on, nothing is sent twice",
         killed_between_press_and_text),
    Step("modem unplugged during an alarm: the platform is told, the text follows when the modem is back",
         modem_unplugged),
    *([Step("the phone rings beside the text: contact 1 presses 2, contact 2 hears it twice, presses 1 and goes",
            called_and_passed_on)] if CALLED else []),
    Step("the contact rings back: nothing open, no answer; an alarm open, its words, 3 repeats, 1 accepts", rings_back),
    Step("12 h without activity: a spoken question, no answer, raised", twelve_hours_of_silence),
)  # fmt: skip


async def play(say: Callable[[str], None], *, timeline: bool = False) -> bool:
    """Plays all steps in one house; returns whether every one held."""
    house = VirtualHouse(
        pre_alarm_s=PRE_ALARM_S, on_line=(lambda x: say(f"       {x.where:<9}{x.text}")) if timeline else None
    )
    held = 0
    began = time.monotonic()
    try:
        await house.start()
        say(f"ok     a whole home is up: gateway, Bluetooth, meter, modem, platform ({time.monotonic() - began:.1f} s)")
        for number, step in enumerate(STEPS, 1):
            held += await _played(house, number, step, say)
    except (DemoMissing, TimeoutError) as error:
        say(f"FAILED the house did not come up: {error}")
        _show_log(house, say)
        return False
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(house.stop(), 60)
    say(f"{held} of {len(STEPS)} steps held in {time.monotonic() - began:.0f} s")
    return held == len(STEPS)


async def _played(house: VirtualHouse, number: int, step: Step, say: Callable[[str], None]) -> bool:
    began = time.monotonic()
    since = house.mark()
    try:
        await step.play(house)
    except (DidNotHold, TimeoutError, RuntimeError) as error:
        say(f"FAILED {number}. {step.title}: {error}")
        for line in house.timeline[since:]:
            say(f"         {line.at - began:6.1f} s  {line.where:<9}{line.text}")
        _show_log(house, say)
        return False
    say(f"ok     {number}. {step.title} ({time.monotonic() - began:.1f} s)")
    return True


def _show_log(house: VirtualHouse, say: Callable[[str], None]) -> None:
    with contextlib.suppress(OSError):
        for row in (house.folder / "gateway.log").read_text(encoding="utf-8").splitlines()[-15:]:
            say(f"         log: {row[:300]}")

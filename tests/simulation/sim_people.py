"""The people of a simulated home: contacts who answer or not, an elder who hears the voice, a desk at the platform.

Everything they do follows from the story's seed and from what they were told, never from how much else has happened:
so a story with half its happenings left out still has the same people in it.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any, Final

from sim_folds import MAIN

from gateway.actions import Call, Publish, Say, Text

if TYPE_CHECKING:
    from sim_world import World

_TIME: Final = re.compile(r"\d{5,}")
BLUR_MS: Final = 10_000
ANSWERED: Final = ("V01", "V08", "V15")  # prompts after which the elder may do something
SEEN_TO: Final = ("RAISED", "UNANSWERED", "ACCEPTED", "ATTENDED")  # states at which the desk may
RUBBISH: Final = ("好的", "收到", "1/2", "11111", "??", "马上", "120", "1 99", "您好 1", "")


class People:
    """They hear; what they do about it is pushed into the world's future."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._traits: dict[str, Any] = world.story.traits

    def _dice(self, who: str, key: str) -> random.Random:
        """Dice of this person's for what was said under `key`. Two lives that are compared do not say it at the same
        millisecond: there the times in it are blurred, or its people would do other things for that alone."""
        if self._traits.get("blurred"):
            key = _TIME.sub(lambda found: str(round(int(found[0]) / BLUR_MS)), key)
        return random.Random(f"{self._world.story.seed} {(who, key)}")

    def got_text(self, text: Text) -> None:
        """A contact's phone rings."""
        if text.template == "S25" and (dice := self._dice("contact", text.key)).random() < self._traits["answers"]:
            self._answer(text.contact, dice.choice(["到了", "我到了", "2", "快到了"]), dice.choice([5_000, 400_000]))
        if text.template not in MAIN and text.template != "S17":
            return
        dice = self._dice("contact", text.key)
        reference = str(text.params["ref"])
        delay = dice.choice([5_000, 20_000, 90_000, 400_000, 4_000_000])
        if dice.random() >= self._traits["answers"]:
            if dice.random() < 0.15:
                self._answer(text.contact, dice.choice(RUBBISH), delay)
            return
        if dice.random() < 0.25:
            self._answer(text.contact, dice.choice(["2", f"2 {reference}"]), delay)
            return
        self._answer(text.contact, dice.choice(["1", "1", f"1 {reference}", f"1{reference}", "１"]), delay)
        if dice.random() < 0.2:
            self._answer(text.contact, "1", delay + 3_000)  # sent twice
        if dice.random() < 0.6:
            self._world.push(delay + dice.randrange(300_000, 3_000_000), "visit", by=text.contact)

    def phone_rings(self, call: Call) -> str:
        """A contact's phone rings aloud: how the call goes. Who answers may press a key."""
        dice = self._dice("phone", call.key)
        if dice.random() >= self._traits["answers"]:
            return dice.choice(["no_answer", "no_answer", "busy", "rejected", "failed"])
        if "line" in call.params:  # it asks nothing
            return "answered"
        answer = dice.choice(["1", "2", None])
        if answer is not None:
            value = {"contact": call.contact, "answer": answer, "ref": str(call.params["ref"]), "via": "call"}
            self._world.push(20_000, "keyed", value=value)
        return "answered"

    def _answer(self, contact: str, words: str, delay: int) -> None:
        self._world.push(delay, "sms", contact=contact, words=words)

    def heard(self, say: Say) -> None:
        """The elder hears a prompt."""
        if say.prompt not in ANSWERED:
            return
        dice = self._dice("elder", say.key)
        if say.prompt == "V01" and dice.random() < self._traits["cancels"]:
            self._world.push(dice.randrange(500, 12_000), "press", device="cancel", gesture="press", key=None)
        elif say.prompt == "V15" and dice.random() < 0.7:
            self._world.push(dice.randrange(2_000, 70_000), "press", device="bedroom", gesture="press", key=None)
        elif say.prompt == "V08" and dice.random() < self._traits["reassures"] / 2:
            delay = dice.randrange(2_000, 200_000)
            device = dice.choice(["green", "green", "green", "cancel", "bedroom", None])
            if device is None:
                self._world.push(delay, "say", device="hall", kind="motion", value=True)
            else:
                self._world.push(delay, "press", device=device, gesture="press", key=None)

    def read(self, message: Publish) -> None:
        """The platform shows an alarm to its desk."""
        state, alarm = message.body.get("state"), message.alarm
        if message.channel != "alarm" or alarm is None or state not in SEEN_TO:
            return
        dice = self._dice("desk", message.key)
        if state in ("RAISED", "UNANSWERED") and dice.random() < self._traits["desk"]:
            self._desk(dice.choice([3_000, 60_000, 900_000]), alarm, "ACCEPTED")
            if dice.random() < 0.5:
                self._desk(dice.randrange(1_000_000, 3_000_000), alarm, "ATTENDED")
        if state in ("ACCEPTED", "ATTENDED", "UNANSWERED") and dice.random() < 0.7 and self._traits["desk"]:
            outcome = dice.choice(["HELPED", "FALSE_ALARM", "REFERRED", "NOT_AN_OUTCOME"])
            self._desk(dice.randrange(600_000, 9_000_000), alarm, "CLOSED", outcome)

    def _desk(self, delay: int, alarm: int, stage: str, outcome: str | None = None) -> None:
        self._world.push(delay, "desk", word={"alarm": alarm, "stage": stage, "by": "desk-3", "outcome": outcome})

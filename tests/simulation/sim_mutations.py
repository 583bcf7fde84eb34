"""Deliberate mistakes, each of a kind somebody could make: the simulation must notice every one of them.

Applied by monkeypatch to the running code, never to a file. `breaks` says in a person's words what would happen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from gateway.alarms import life
from gateway.alarms.chain import Chain
from gateway.alarms.desk import Desk
from gateway.alarms.life import Book, Move, State
from gateway.alarms.reaching import Reaching
from gateway.alarms.telling import Telling
from gateway.clock import Trust
from gateway.controller import Controller, people
from gateway.controller.due import Dues
from gateway.controller.heard import HeardKeys
from gateway.observations import Kind
from gateway.rules.call_button import CallButton
from gateway.rules.inactivity import Inactivity
from gateway.rules.rule import Recovery
from gateway.runtime import carrier, heart, lane

Patch = pytest.MonkeyPatch


@dataclass(frozen=True, slots=True)
class Mutation:
    """`seen_as`: how the names of the invariants begin that may catch it. `twin`: it takes two lives to see."""

    name: str
    breaks: str
    seen_as: tuple[str, ...]
    apply: Callable[[Patch], None]
    twin: bool = False


def _around(patch: Patch, owner: Any, name: str, change: Callable[..., Any]) -> None:
    """Replaces a method by `change(original, self, ...)`."""
    original = getattr(owner, name)
    patch.setattr(owner, name, lambda *args, **more: change(original, *args, **more))


def _cancel_ends(patch: Patch) -> None:
    patch.setitem(life.MOVES, (State.RAISED, Move.CANCEL), State.CLOSED)


def _unanswered_is_final(patch: Patch) -> None:
    patch.setattr(Chain, "_repeat", lambda self, alarm, t: self._record.do(alarm, t, "x", "x", timers={"repeat": None}))


def _nobody_resumes(patch: Patch) -> None:
    patch.setattr(
        Chain, "lapse", lambda self, alarm, t, _: self._record.do(alarm, t, "x", "x", timers={"resume": None})
    )


def _voice_falls_silent(patch: Patch) -> None:
    def go_on(original: Any, self: Chain, alarm: Any, t: int, name: str) -> None:
        if name == "speak":
            self._record.do(alarm, t, "x", "x", timers={"speak": None})
        else:
            original(self, alarm, t, name)

    _around(patch, Chain, "go_on", go_on)


def _one_round_stops(patch: Patch) -> None:
    def tell_next(original: Any, self: Chain, alarm: Any, t: int) -> None:
        if len(alarm.asked) >= 2:
            self._record.do(alarm, t, "x", "x", timers={"next": None})
        else:
            original(self, alarm, t)

    _around(patch, Chain, "tell_next", tell_next)


def _delivered_is_accepted(patch: Patch) -> None:
    def on_delivery(original: Any, self: Controller, observation: Any) -> None:
        original(self, observation)
        value = observation.value
        if value.get("result") == "sent" and isinstance(value.get("alarm"), int):
            self.desk.stage(value["alarm"], "ACCEPTED", str(value["contact"]), None, self.t)

    original = people.on_delivery
    patch.setitem(people.HEARD_OF, Kind.DELIVERY, lambda c, o: on_delivery(original, c, o))


def _two_is_yes(patch: Patch) -> None:
    _around(
        patch,
        Desk,
        "reply",
        lambda original, self, contact, answer, ref, t, **more: original(self, contact, "1", ref, t, **more),
    )


def _strangers_accept(patch: Patch) -> None:
    patch.setattr(Chain, "is_contact", lambda self, contact: True)


def _gap_is_silence(patch: Patch) -> None:
    patch.setattr(Inactivity, "gap", lambda *_: None)


def _lost_is_silence(patch: Patch) -> None:
    patch.setattr(Inactivity, "blinded", lambda *_: ())


def _activity(kind: Kind, value: Any) -> Callable[[Patch], None]:
    def apply(patch: Patch) -> None:
        def is_activity(original: Any, self: Inactivity, o: Any) -> bool:
            return original(self, o) or (o.kind is kind and o.value == value)

        _around(patch, Inactivity, "_is_activity", is_activity)
        patch.setattr(Inactivity, "hears_stillness", True)  # else it would not even hear of what it mistakes

    return apply


def _away_forever(patch: Patch) -> None:
    def configure(original: Any, self: Inactivity, home: Any, parameters: Any, t: int) -> Any:
        signals = original(self, home, parameters, t)
        self._away_max = 10**12
        return signals

    _around(patch, Inactivity, "configure", configure)


def _snapshot_without_timers(patch: Patch) -> None:
    to_json = Book.to_json

    def without(self: Book) -> dict[str, Any]:
        made = to_json(self)
        return {**made, "alarms": [{**row, "timers": {}} for row in made["alarms"]]}

    patch.setattr(Book, "to_json", without)


def _recovery_forgets(patch: Patch) -> None:
    def rebuild(original: Any, self: Controller, observation: Any, events: Any) -> None:
        original(self, observation, [e for e in events if e.what != "told"])

    _around(patch, Controller, "rebuild", rebuild)


def _texts_die_with_the_process(patch: Patch) -> None:
    patch.setattr(carrier.Carrier, "resume", lambda self, pending: [self._heart.finished(s.id) for s in pending])


def _steps_move_timers(patch: Patch) -> None:
    def new_clock(original: Any, self: Controller, value: dict[str, Any]) -> None:
        before = self.offset_ms
        original(self, value)
        for alarm in self.book.live():
            alarm.timers = {n: max(self.t, due - self.offset_ms + before) for n, due in alarm.timers.items()}
        self.book._look_through()

    _around(patch, Controller, "_new_clock", new_clock)


def _everything_waits_for_the_disk(patch: Patch) -> None:
    patch.setattr(heart, "ACT_FROM_MEMORY_S", 60.0)


def _presses_put_it_off(patch: Patch) -> None:
    def pressed(original: Any, self: Desk, alarm: Any, t: int) -> None:
        original(self, alarm, t)
        if alarm.state is State.PRE_ALARM:
            self.record.do(alarm, t, "x", "x", timers={"pre": t + 10_000})

    _around(patch, Desk, "_pressed_again", pressed)


def _last_come_first_served(patch: Patch) -> None:
    patch.setattr(lane, "PRIORITY", {"P0": 3, "P1": 3, "P2": 1, "P3": 0, "P4": 0, "TEST": 2})


def _never_cut_off(patch: Patch) -> None:
    def look(self: Controller) -> None:
        self.desk.tell.unreachable = False

    patch.setattr(Controller, "look_at_paths", look)


def _texts_need_the_platform(patch: Patch) -> None:
    _around(patch, Telling, "text", lambda original, self, *a, **k: None if self.no_uplink else original(self, *a, **k))
    patch.setattr(Telling, "no_uplink", False, raising=False)

    def look(original: Any, self: Controller) -> None:
        original(self)
        self.desk.tell.no_uplink = self._technical.active("UPLINK_LOST")

    _around(patch, Controller, "look_at_paths", look)


def _stale_words(patch: Patch) -> None:
    patch.setattr(Desk, "wanted", lambda *_: True)


def _always_coming(patch: Patch) -> None:
    def say(original: Any, self: Telling, alarm: Any, t: int, prompt: str | None, **params: Any) -> None:
        original(self, alarm, t, prompt, **(params | {"coming": True} if prompt == "V03" else params))

    _around(patch, Telling, "say", say)


def _thanks_for_calling(patch: Patch) -> None:
    patch.setattr(Inactivity, "_answer", lambda self, o: (Recovery("INACTIVITY", "activity"),))


def _any_clock_is_right(patch: Patch) -> None:
    patch.setattr(Trust, "trusted", property(lambda self: True))


def _packets_count_twice(patch: Patch) -> None:
    patch.setattr(HeardKeys, "is_new", lambda self, key, t: True)


def _long_press_is_lost(patch: Patch) -> None:
    def observe(original: Any, self: CallButton, o: Any) -> Any:
        return () if o.value == "long" else original(self, o)

    _around(patch, CallButton, "observe", observe)


def _landlines_get_texts(patch: Patch) -> None:
    def text(original: Any, self: Telling, alarm: Any, to: str, *args: Any, **more: Any) -> None:
        home = self.home
        self.home = replace(home, contacts=tuple(replace(c, channels=("sms", "call")) for c in home.contacts))
        original(self, alarm, to, *args, **more)
        self.home = home

    _around(patch, Telling, "text", text)


def _rings_for_ever(patch: Patch) -> None:
    def called(original: Any, self: Reaching, alarm: Any, contact: Any, result: str, t: int) -> Any:
        alarm.dialled = {**alarm.dialled, contact.id: 1}
        return original(self, alarm, contact, result, t)

    _around(patch, Reaching, "called", called)


def _calls_are_forgotten(patch: Patch) -> None:
    patch.setattr(Telling, "call", lambda *_: None)


def _consent_is_not_asked(patch: Patch) -> None:
    patch.setattr(Chain, "callable", lambda self, alarm, t: list(self._tell.home.contacts))


def _told_again_and_again(patch: Patch) -> None:
    def once(original: Any, self: Reaching, alarm: Any, *args: Any, **more: Any) -> None:
        alarm.heard = []
        original(self, alarm, *args, **more)

    _around(patch, Reaching, "once", once)


def _moments_are_missed(patch: Patch) -> None:
    patch.setattr(Dues, "heard", lambda self, place: None)


MUTATIONS: Final = (
    Mutation("landlines_get_texts", "a text goes where nobody can read it", ("phone",), _landlines_get_texts),
    Mutation("rings_for_ever", "a contact who does not answer is rung all night", ("phone",), _rings_for_ever),
    Mutation("calls_forgotten", "the telephone of the first contact stays silent", ("iv", "ii"), _calls_are_forgotten),
    Mutation("consent_not_asked", "the family hears what the elder did not agree to", ("viii",), _consent_is_not_asked),
    Mutation("told_again", "a contact hears of every cancel key anew", ("once",), _told_again_and_again),
    Mutation("cancel_ends_raised", "the elder's cancel after sending ends the alarm unseen", ("ii",), _cancel_ends),
    Mutation("unanswered_is_final", "nobody is told any more once nobody answered", ("ii",), _unanswered_is_final),
    Mutation("nobody_resumes", "who promised and does not come is never replaced", ("ii",), _nobody_resumes),
    Mutation("voice_falls_silent", "the elder waits without a word", ("ii",), _voice_falls_silent),
    Mutation("one_round_stops", "the chain ends after two contacts", ("ii", "i "), _one_round_stops),
    Mutation("delivered_is_accepted", "a delivered text counts as somebody who goes", ("ii",), _delivered_is_accepted),
    Mutation("two_is_yes", "'I cannot' is taken for 'I go'", ("ii",), _two_is_yes),
    Mutation("strangers_accept", "anybody's text stops the chain", ("ii",), _strangers_accept),
    Mutation("gap_is_silence", "a power cut counts as silence", ("iii",), _gap_is_silence),
    Mutation("lost_is_silence", "a dead sensor counts as silence", ("iii",), _lost_is_silence),
    Mutation("no_motion_is_motion", "going quiet counts as activity", ("iii",), _activity(Kind.MOTION, False)),
    Mutation("moments_missed", "a rule that began to count is not asked when it is due", ("iii",), _moments_are_missed),
    Mutation("heartbeat_is_activity", "a heartbeat counts as activity", ("iii",), _activity(Kind.CONTACT, "closed")),
    Mutation("away_forever", "one 'away' switches the watch off", ("iii",), _away_forever),
    Mutation("snapshot_without_timers", "a restart forgets what was due", ("i ", "ii"), _snapshot_without_timers),
    Mutation("recovery_forgets", "a restart forgets who was told", ("i ",), _recovery_forgets),
    Mutation("texts_die", "a crash loses texts that were written down", ("i ",), _texts_die_with_the_process),
    Mutation("steps_move_timers", "a wall-clock step moves alarms", ("v ",), _steps_move_timers, twin=True),
    Mutation("disk_first", "a broken disk silences a call", ("iv",), _everything_waits_for_the_disk),
    Mutation("presses_put_it_off", "pressing again delays the call", ("iv",), _presses_put_it_off),
    Mutation("last_first", "an emergency queues behind a service text", ("iv",), _last_come_first_served),
    Mutation("never_cut_off", "the elder is promised help when nothing goes out", ("vii",), _never_cut_off),
    Mutation("texts_need_platform", "no platform, no texts", ("vi ", "iv", "ii"), _texts_need_the_platform),
    Mutation("stale_words", "old sentences are said when they are no longer true", ("vii",), _stale_words),
    Mutation("always_coming", "the platform's word is told as 'X is coming'", ("vii",), _always_coming),
    Mutation("thanks_for_calling", "a call for help is thanked as 'I am well'", ("vii",), _thanks_for_calling),
    Mutation("any_clock_is_right", "a clock nobody vouches for measures the gap", ("time",), _any_clock_is_right),
    Mutation("packets_count_twice", "one packet heard twice is two presses", ("one press",), _packets_count_twice),
    Mutation("long_press_is_lost", "a long press is no call", ("one press",), _long_press_is_lost),
)  # fmt: skip

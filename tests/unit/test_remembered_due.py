"""What the controller and the book remember for speed is what they would find by looking again."""

from __future__ import annotations

import random

import pytest
from virtual_home import House

from gateway.alarms.life import Book
from gateway.controller import Controller
from gateway.observations import Kind

WORDS = (
    (Kind.BUTTON, "press", "bedroom"), (Kind.BUTTON, "press", "pendant"), (Kind.BUTTON, "press", "cancel"),
    (Kind.BUTTON, "press", "green"), (Kind.MOTION, True, "hall-pir"), (Kind.CONTACT, "open", "front-door"),
    (Kind.SEEN, False, "hall-pir"), (Kind.AWAY, True, None), (Kind.AWAY, False, None), (Kind.RECORDER, False, None),
    (Kind.RECORDER, True, None), (Kind.RESTART, {}, None), (Kind.CONDITION, {"code": "UPLINK_LOST"}, None),
    (Kind.CONDITION, {"code": "UPLINK_LOST", "on": False}, None),
    (Kind.REPLY, {"contact": "c1", "answer": "1", "ref": None}, None),
)  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_the_remembered_due_time_is_the_one_a_fresh_look_finds(seed: int) -> None:
    rng, house = random.Random(seed), House()
    for _ in range(200):
        if rng.random() < 0.4:
            house.wait(rng.choice((0.5, 11, 130, 3700, 13 * 3600)))
        kind, value, device = rng.choice(WORDS)
        house.say(kind, value, device)
        if rng.random() < 0.3 and house.controller.book.next_number > 1:
            stage = rng.choice(("ACCEPTED", "ATTENDED", "CLOSED"))
            house.platform(rng.randrange(1, house.controller.book.next_number), stage, outcome="HELPED")
        _agrees(house.controller)
    again = Controller.from_json(house.controller.to_json())
    _agrees(again)
    assert again.next_due() == house.controller.next_due()


def _looked_at(controller: Controller) -> int | None:
    dues = [due for rule in controller.rules if (due := rule.next_due()) is not None]
    timer = controller.book.next_timer()
    return min(dues + ([] if timer is None else [timer[0]]), default=None)


def _agrees(controller: Controller) -> None:
    assert controller.next_due() == _looked_at(controller)
    book = controller.book
    fresh = Book.from_json(book.to_json())
    assert book.next_timer() == fresh.next_timer()
    assert [a.number for a in book.live()] == [n for n, a in book.alarms.items() if not a.ended]

"""Recorded alarm events, one a line: `BadObservation`, or a book that takes them and reads back from its own JSON."""

from __future__ import annotations

import json

from fuzz_rig import honest_record, raises_only

from gateway.alarms.life import AlarmEvent, Book, event_from_json
from gateway.controller import Controller
from gateway.home.model import read_home
from gateway.observations import BadObservation, Kind, Observation

JSON = True


def seeds() -> list[bytes]:
    from gateway.demo.household import HOME

    controller = Controller(read_home(HOME).view, offset_ms=1_772_324_130_000, trust="NTP")
    events = list(controller.handle(Observation(Kind.BUTTON, "press", 5_000, "bedroom-button")).events)
    events += controller.advance(700_000).events
    events += controller.handle(Observation(Kind.REPLY, {"contact": "c1", "answer": "x"}, 710_000)).events
    events += controller.handle(Observation(Kind.REPLY, {"contact": "c1", "answer": "1"}, 720_000)).events
    lines = [json.dumps(e.to_json()) for e in events]
    return ["\n".join(lines).encode(), "\n".join(lines[:3]).encode(), *[x.encode() for x in lines[-4:]]]


def one_input(data: bytes) -> None:
    book = Book()
    controller = Controller(t=0, offset_ms=1_772_324_130_000)
    for line in data.split(b"\n")[:60]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        event = raises_only((BadObservation,), lambda row=row: event_from_json(row))
        if isinstance(event, AlarmEvent):
            assert event_from_json(json.loads(json.dumps(event.to_json()))) == event
            book.apply(event)
            controller.rebuild(Observation(Kind.TICK, None, controller.t), [event])
    controller.rebuilt()
    with honest_record():
        controller.advance(controller.t + 3_600_000)
    again = json.loads(json.dumps(book.to_json()))
    assert json.loads(json.dumps(Book.from_json(again).to_json())) == again

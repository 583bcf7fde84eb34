"""A snapshot's JSON: `BadSnapshot`, or a controller that goes on: presses, replies, hours and another snapshot."""

from __future__ import annotations

import json

from fuzz_rig import honest_record, raises_only

from gateway.controller import BadSnapshot, Controller
from gateway.home.model import read_home
from gateway.observations import Kind, Observation

JSON = True
START_WALL_MS = 1_772_324_130_000
DAY_MS = 86_400_000


def seeds() -> list[bytes]:
    from gateway.demo.household import HOME

    view = read_home(HOME).view
    controller = Controller(view, t=1_000, offset_ms=START_WALL_MS, trust="NTP")
    made = [controller.to_json()]
    for kind, value, device in (
        (Kind.BUTTON, "press", "bedroom-button"),
        (Kind.MOTION, True, "hall-pir"),
        (Kind.CONTACT, "open", "front-door"),
        (Kind.CONDITION, {"code": "UPLINK_LOST", "on": True}, None),
        (Kind.AWAY, {"away": True}, None),
    ):
        controller.handle(Observation(kind, value, controller.t + 20_000, device, f"k{controller.t}"))
        made.append(json.loads(json.dumps(controller.to_json())))
    controller.advance(controller.t + DAY_MS)
    made.append(controller.to_json())
    return [json.dumps(m).encode() for m in made]


def one_input(data: bytes) -> None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return
    controller = raises_only((BadSnapshot,), lambda: Controller.from_json(document))
    if isinstance(controller, Controller):
        with honest_record():
            _live_on(controller)


def _live_on(controller: Controller) -> None:
    t = controller.t
    for kind, value, device in (
        (Kind.BUTTON, "press", "bedroom-button"),
        (Kind.WATER_VOLUME, 3.5, "front-door"),
        (Kind.REPLY, {"contact": "c1", "answer": "1", "ref": None}, None),
        (Kind.ACK, {"alarm": 1, "stage": "CLOSED", "by": "x", "outcome": "HELPED"}, None),
        (Kind.CANCEL, None, None),
        (Kind.CONDITION, {"code": "UPLINK_LOST", "on": False}, None),
    ):
        t += 15_000
        controller.handle(Observation(kind, value, t, device))
    controller.advance(t + DAY_MS // 4)
    again = json.loads(json.dumps(controller.to_json()))
    assert json.dumps(Controller.from_json(again).to_json()) == json.dumps(again)

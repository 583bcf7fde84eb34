"""What people and the platform say, for the alarms: keys, replies, stages, deliveries, visits. Rules hear it before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from gateway.alarms.trial import COMMAND as TEST_ALARM
from gateway.observations import Kind, Observation
from gateway.rules.call_button import role_of
from gateway.rules.visits import mode_of
from gateway.visits.ledger import ON_SITE

if TYPE_CHECKING:
    from gateway.controller.controller import Controller


def _on_button(controller: Controller, observation: Observation) -> None:
    """A key by its role; that of a call is a rule's."""
    desk, t, device = controller.desk, controller.t, observation.device
    role = role_of(controller.home, device)
    if role == "cancel":
        desk.cancel(t)
    elif role == "duress":
        desk.found("DURESS", t, "duress_pressed", device, {"rule": "duress_key"})
    elif role == "ok":
        _on_ok(controller, observation)
    elif role == "service" and not desk.ok(t) and not controller.green_answers:
        # while a question is open the green key means OK
        desk.found("SERVICE_REQUEST", t, "service_requested", device, {"rule": "green_key"})


def _on_ok(controller: Controller, _: Observation) -> None:
    if not controller.desk.ok(controller.t) and not controller.green_answers:
        controller.desk.tell.ok_reported(controller.t)
        controller.desk.ok_too_late(controller.t)


def _on_cancel(controller: Controller, _: Observation) -> None:
    controller.desk.cancel(controller.t)


def _on_reply(controller: Controller, observation: Observation) -> None:
    value = observation.value
    reference = value.get("ref")
    controller.desk.reply(
        str(value.get("contact")),
        str(value.get("answer")),
        reference if isinstance(reference, str) else None,
        controller.t,
        via=str(value.get("via", "sms")),
        line_waits=controller.line_waits,
    )


def _on_ack(controller: Controller, observation: Observation) -> None:
    """A person's stage from the platform; RECEIVED only empties the outbox, which is the journal's work."""
    value = observation.value
    number, outcome = _alarm_of(value), value.get("outcome")
    if number is not None:
        by = str(value.get("by", "platform"))[:64]
        outcome = outcome if isinstance(outcome, str) else None
        controller.desk.stage(number, str(value.get("stage")), by, outcome, controller.t)


def on_delivery(controller: Controller, observation: Observation) -> None:
    """How a text or a call went."""
    value = observation.value
    number = _alarm_of(value)
    if number is not None:
        channel, result = str(value.get("channel", "sms")), str(value.get("result"))
        controller.desk.delivery(number, str(value.get("contact")), channel, result, controller.t)


def _alarm_of(value: dict[str, Any]) -> int | None:
    number = value.get("alarm")
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _on_command(controller: Controller, observation: Observation) -> None:
    """A test of the whole way, of the button first where `press` asks for it; others are not the heart's."""
    value = observation.value
    if value.get("cmd") == TEST_ALARM:
        controller.desk.test(controller.t, value)


def _on_visit(controller: Controller, observation: Observation) -> None:
    value = observation.value
    if mode_of(value) != ON_SITE:  # a call by phone puts nobody at the door
        return
    if not isinstance(value, dict) or value.get("event", "arrived") == "arrived":
        by = value.get("by") if isinstance(value, dict) else value
        controller.desk.arrived(by if isinstance(by, str) else "visitor", controller.t)


HEARD_OF: Final[dict[Kind, Callable[[Controller, Observation], None]]] = {
    Kind.BUTTON: _on_button,
    Kind.CANCEL: _on_cancel,
    Kind.OK: _on_ok,
    Kind.REPLY: _on_reply,
    Kind.ACK: _on_ack,
    Kind.DELIVERY: on_delivery,
    Kind.VISIT: _on_visit,
    Kind.COMMAND: _on_command,
}

"""What rules say, carried on: what they find to the alarms, words to people, conditions to the platform."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from gateway.controller import daily
from gateway.controller.result import Notice
from gateway.rules.rule import Finding, Line, Note, Recovery, Signal, Spoken, Summary, Technical, Upgrade
from gateway.rules.supervision import INTERFERENCE

if TYPE_CHECKING:
    from gateway.controller.controller import Controller

_BLINDING: Final = frozenset({"DEVICE_LOST", INTERFERENCE})
"""What changes the set of devices that cannot be heard."""


def heed(controller: Controller, signals: Iterable[Signal], t: int, rule: str = "") -> None:
    """Carries on what `rule` said at `t`; while rebuilding, only conditions are: alarms change as the record says."""
    lost = False
    for signal in signals:
        if isinstance(signal, Technical):
            _condition(controller, signal, t)
            lost = lost or signal.code in _BLINDING
        elif not controller.rebuilding:
            _carry(controller, signal, t, rule)
        elif isinstance(signal, Finding):
            controller.retelling.found(signal.code)
            controller.confirm(signal.code, signal.t)  # as in life: of two rules with one code the other asks not
    if lost:
        for other in controller.rules:
            heed(controller, other.blinded(controller.supervision.lost, t), t, other.name)
    if signals:
        controller.dues.anew()
        controller.check_readiness(t)


def _carry(controller: Controller, signal: Signal, t: int, rule: str) -> None:
    tell = controller.desk.tell
    match signal:
        case Finding():
            _found(controller, signal, t, rule)
        case Recovery():
            controller.desk.recovered(signal.code, t, signal.reason, signal.device)
        case Upgrade():
            evidence = {"rule": rule, **signal.evidence}
            controller.desk.upgraded(
                signal.code, signal.to, signal.device, t, signal.reason, evidence, severity=signal.severity
            )
        case Spoken():
            tell.spoken(signal.prompt, signal.t, signal.params)
        case Line():
            tell.line(signal.contact, signal.template, signal.t, signal.params)
        case Note():
            tell.note(signal.code, signal.t, signal.reason, signal.more)
        case Summary():
            on = daily.conditions(controller.rules, controller.home, controller.asked)
            activity = controller.asked(controller.daily_line, controller.daily_line.yesterday, signal.t)
            visits = controller.asked(controller.visits, controller.visits.assessments, signal.t)
            more = daily.more(activity, visits, controller.statuses())
            alarms = daily.agreed(signal.body["alarms"], controller.rules, controller.home)
            tell.summary(signal.t, signal.since, signal.body | more | on | {"alarms": alarms})


def _found(controller: Controller, finding: Finding, t: int, rule: str) -> None:
    controller.look_at_paths()
    at, evidence = min(finding.t, t), {"rule": rule, **finding.evidence}
    controller.desk.found(finding.code, at, finding.reason, finding.device, evidence, severity=finding.severity, now=t)
    controller.confirm(finding.code, finding.t)


def _condition(controller: Controller, signal: Technical, t: int) -> None:
    """A condition begins or ends: the platform, upkeep, the line about the day and the summary hear of it."""
    kind = "device" if signal.code.startswith("DEVICE_") or signal.subject in controller.home.devices else "subject"
    begun = "LOST" if signal.code.startswith("DEVICE_LOST") else "RAISED"
    status = begun if signal.on else "RESTORED"
    code = "DEVICE_RESTORED" if signal.code == "DEVICE_LOST" and not signal.on else signal.code
    controller.notice(Notice(code, t, kind, signal.subject, status, signal.reason))
    heed(controller, controller.upkeep.changed(signal, t), t, controller.upkeep.name)
    controller.daily_line.changed(signal)
    controller.daily_summary.changed(signal, t)
    if signal.code == "CELL_LOST" and not signal.on and not controller.rebuilding:
        controller.desk.way_is_back(t)

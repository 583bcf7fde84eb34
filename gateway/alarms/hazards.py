"""Smoke, gas, CO and water: the voice that goes on, and the siren (domain 3.2, 1.9). Who is told is the chain's.

Rules this file keeps: the siren sounds for smoke, gas and CO and for nothing else; it stops when somebody is there, or
the alarm is closed, or the elder presses cancel, which hushes the home and withdraws nothing.
"""

from __future__ import annotations

from typing import Final

from gateway.alarms.codes import CODES, Flow
from gateway.alarms.life import Alarm
from gateway.alarms.record import Record, Timers

SIREN: Final = frozenset({"SMOKE", "GAS", "CO"})
_LOOP: Final = "loop"


class Hazards:
    """The voice and the siren of an alarm that must drive people out."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._tell = record.tell

    def sound(self, alarm: Alarm, t: int) -> None:
        """Says what to do, and goes on saying it; the siren where it belongs."""
        prompt = CODES[alarm.code].ask
        if prompt is None:
            return
        self._record.do(alarm, t, "sounded", "evacuation", timers={_LOOP: self._again(alarm, t)})
        self._tell.say(alarm, t, prompt)
        if alarm.code in SIREN:
            self._tell.siren(alarm, t, "on")

    def go_on(self, alarm: Alarm, t: int) -> None:
        """Says it again, until its time is over."""
        over = t - alarm.opened_t >= self._record.parameters.ms("hazard.loop_min")
        timers: Timers = {_LOOP: None if over else self._again(alarm, t)}
        self._record.do(alarm, t, "sounded", "evacuation", timers=timers)
        if not over:
            self._tell.say(alarm, t, CODES[alarm.code].ask)

    def hush(self, alarm: Alarm, t: int) -> None:
        """Somebody at home has heard it: voice and siren stop, everything else goes on."""
        if CODES[alarm.code].flow is Flow.HAZARD and _LOOP in alarm.timers:
            self._record.do(alarm, t, "hushed", "cancelled_by_elder", timers={_LOOP: None})
            self.silence(alarm, t)

    def silence(self, alarm: Alarm, t: int) -> None:
        """The siren stops; the loop ends with the move that brought us here."""
        if alarm.code in SIREN:
            self._tell.siren(alarm, t, "off")

    def _again(self, alarm: Alarm, t: int) -> int:
        return self._record.in_(t, "hazard.flood_loop_s" if alarm.code == "FLOOD" else "hazard.loop_s")

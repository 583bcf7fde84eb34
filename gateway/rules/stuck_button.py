"""A button that is held down or chatters: one technical condition, so that its one alarm stays one (issue 4.1).

Never stands before a call: the presses that make it stuck have called already, and a press after a pause is a person's:
whoever is heard presses again, and then waits; a held button repeats within seconds. Each device is judged alone; a
stuck one takes nothing from another. What a stuck button may still do is the alarm desk's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.call_button import role_of
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, PlainRule, Signal, Technical

CODE: Final = "DEVICE_STUCK"
MINUTE_MS: Final = 60_000
MAX_DEVICES: Final = 256


class StuckButton(PlainRule):
    """Keeps the presses of the last minute of each call button, and which buttons are stuck since when."""

    name = "stuck_button"
    hears = frozenset({Kind.BUTTON})
    declared = Declared(
        "a button held down or chattering: one condition, its alarm stays one",
        needs=("buttons",),
        says=("DEVICE_STUCK",),
        parameters=(
            "call_button.join_s",
            "call_button.stuck_pause_s",
            "call_button.stuck_presses",
            "call_button.stuck_quiet_min",
            "call_button.stuck_s",
        ),
    )

    def __init__(self) -> None:
        self._home = HomeView()
        self._held = self._quiet = self._pause = 0
        self._most = 0.0
        self._apart = False  # every press is to be an alarm of its own: then none is one too many
        self._began: dict[str, int] = {}  # device -> begin of a run of presses without a pause
        self._presses: dict[str, list[int]] = {}
        self._on: set[str] = set()

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """The limits in force."""
        self._home = home
        self._held, self._quiet = parameters.ms("call_button.stuck_s"), parameters.ms("call_button.stuck_quiet_min")
        self._pause = parameters.ms("call_button.stuck_pause_s")
        self._most = parameters["call_button.stuck_presses"]
        self._apart = parameters["call_button.join_s"] <= 0
        return NOTHING

    def stuck(self, device: str | None) -> bool:
        """Whether this button is known to be stuck."""
        return device in self._on

    def run_since(self, device: str | None, t: int) -> int | None:
        """When the unbroken run began that a press of a stuck button at `t` goes on; None after a pause.

        Asked before the press itself is counted (`table`: a call is decided first).
        """
        if device is None or device not in self._on or t - self._presses[device][-1] >= self._pause:
            return None
        return self._began[device]

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Counts a press; says once that the button is stuck."""
        device, t = observation.device, observation.t
        if (
            self._apart
            or observation.kind is not Kind.BUTTON
            or device is None
            or role_of(self._home, device) != "call"
        ):
            return NOTHING
        presses = self._presses.pop(device, [])
        if not presses or t - presses[-1] >= self._pause:
            self._began[device] = t
        presses = [*[p for p in presses if t - p < MINUTE_MS][-int(self._most) :], t]
        self._presses[device] = presses  # the latest last
        if len(self._presses) > MAX_DEVICES:
            self._forget(next(iter(self._presses)))
        if device in self._on or not (len(presses) > self._most or t - self._began[device] > self._held):
            return NOTHING
        self._on.add(device)
        return (Technical(CODE, device, True, "held" if len(presses) <= self._most else "chatters"),)

    def _forget(self, device: str) -> None:
        del self._presses[device]
        self._began.pop(device, None)
        self._on.discard(device)

    def next_due(self) -> int | None:
        """When the first stuck button has been quiet for long enough."""
        return min((self._presses[d][-1] + self._quiet for d in self._on), default=None)

    def advance(self, t: int) -> Iterable[Signal]:
        """Buttons that went quiet are well again."""
        well = sorted(d for d in self._on if self._presses[d][-1] + self._quiet <= t)
        for device in well:
            self._forget(device)
        return [Technical(CODE, device, False, "quiet") for device in well]

    def conditions(self) -> Iterable[tuple[str, str]]:
        """Which buttons are stuck."""
        return [(CODE, device) for device in self._on]

    def to_json(self) -> dict[str, Any]:
        """Presses, runs and what is stuck."""
        return {"presses": self._presses, "began": self._began, "on": sorted(self._on)}

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        presses = {str(d): [int(t) for t in times] for d, times in data["presses"].items() if times}
        began = {str(d): int(t) for d, t in data["began"].items()}
        self._presses = presses
        self._began = {d: began.get(d, times[0]) for d, times in presses.items()}
        self._on = {str(d) for d in data["on"]} & set(presses)

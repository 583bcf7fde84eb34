"""What the rules about water share: whose water a meter counts, a decoder for each, and when they can judge."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.meter_flow import Flow, WaterFlow
from gateway.rules.rule import NOTHING, PlainRule, Readiness, Signal, Status

KINDS: Final = frozenset({Kind.WATER, Kind.WATER_VOLUME})


class OwnWater:
    """The water meters that count this home's own use. A shared one counts the neighbours'; a well's pump fills a tank
    whatever anybody does (domain 1.9): neither says what this home used."""

    def __init__(self) -> None:
        self.meters: frozenset[str] = frozenset()
        self.others = False  # there are water meters, but none of this home's own use
        self._home = HomeView()
        self._flows: dict[str, WaterFlow] = {}

    def configure(self, home: HomeView) -> None:
        """Which meters count, now."""
        water = [d for d in home.devices.values() if d.kind == "water_meter"]
        own = {d.id for d in water if d.supply in (None, "own")}
        before = {m: self._home.devices.get(m) for m in own}
        self.meters, self.others = frozenset(own), bool(water) and not own
        self._flows = {m: f for m, f in self._flows.items() if m in own and before[m] == home.devices[m]}
        self._home = home

    def read(self, observation: Observation) -> Flow | None:
        """What an observation tells of the use of water here; None for nothing."""
        device = observation.device
        if observation.kind not in KINDS or device not in self.meters:
            return None
        assert device is not None
        flow = self._flows.get(device)
        if flow is None:
            flow = self._flows[device] = WaterFlow(self._home.devices[device])
        return flow.read(observation)

    @property
    def registers(self) -> frozenset[str]:
        """The meters that ever told a register."""
        return frozenset(m for m, flow in self._flows.items() if flow.has_register)

    def status(self, lost: Set[str], consented: bool) -> Status:
        """The readiness of a rule about this home's water."""
        if not consented:
            return Status(Readiness.OFF, "no_consent")
        if not self.meters:
            return Status(Readiness.OFF, "not_own_supply" if self.others else "no_water_meter")
        if lost & self.meters:
            return Status(Readiness.UNAVAILABLE, "sensor_lost")
        return Status(Readiness.ARMED)

    def to_json(self) -> dict[str, Any]:
        """The state of the decoders, for a snapshot."""
        return {m: f.to_json() for m, f in self._flows.items()}

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`, called after `configure`."""
        for meter, state in data.items():
            if meter in self.meters:
                self._flows[meter] = WaterFlow(self._home.devices[meter])
                self._flows[meter].from_json(state)


class WaterRule(PlainRule):
    """The frame of a rule that watches each own meter by itself: consent, lost meters and recordings, and one timer."""

    def __init__(self) -> None:
        self._water = OwnWater()
        self._consented = False
        self._lost: frozenset[str] = frozenset()
        self._recording = True
        self._due: int | None = None

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Which meters count."""
        self._water.configure(home)
        self._consented = home.consented("MONITORING")
        return NOTHING

    @property
    def _watched(self) -> frozenset[str]:
        """The meters that may be read."""
        return self._water.meters if self._consented else frozenset()

    def next_due(self) -> int | None:
        """When what was told may be over."""
        return self._due

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """What a lost meter does not tell is not counted."""
        self._lost = frozenset(lost)
        return NOTHING

    def status(self) -> Status:
        """OFF without consent or a meter of its own, UNAVAILABLE while a meter or the recording is lost."""
        found = self._water.status(self._lost, self._consented)
        if found.readiness is Readiness.ARMED and not self._recording:
            return Status(Readiness.UNAVAILABLE, "recording_lost")
        return found

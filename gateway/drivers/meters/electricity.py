"""Electricity meters on one RS-485 line, polled in turn: bytes of DL/T 645-2007 to energy, power and voltage reports.

Knows what to ask, how often, and what a meter that does not answer means. Knows nothing of rules: whether a register
may stand still or run backwards is theirs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.drivers.meters.bus import MAX_RETRIES, TURNAROUND_S, LineSettings, MeterBus
from gateway.drivers.meters.dlt645 import WILDCARD, Frame, readings
from gateway.drivers.meters.dlt645_items import ENERGY_IMPORT, POWER, VOLTAGE_A, BadData
from gateway.drivers.port import DriverContext, DriverFault
from gateway.observations import BadObservation, Kind, Report, check_id, check_value

INTERVAL_S: Final = 60.0  # an appliance shows within a minute, and a line of eight meters still has time to be slow
MIN_INTERVAL_S: Final = 0.1  # tests and demo; a real line at 2400 baud needs half a second a value
MAX_METERS: Final = 32  # unit loads on one RS-485 segment
SILENT_ROUNDS: Final = 3  # as for every device: silent for three times its interval is lost
LIVENESS_SLACK_S: Final = 10.0  # so that our own fault, which says what to do, comes before the supervisor's

ITEMS: Final[dict[int, tuple[Kind, float, int]]] = {
    # data identifier: (kind, factor from the meter's unit, decimals left)
    ENERGY_IMPORT: (Kind.ENERGY, 1, 2),  # kWh
    POWER: (Kind.POWER, 1000, 1),  # kW to W
    VOLTAGE_A: (Kind.VOLTAGE, 1, 1),  # V; homes have one phase
}

_ADDRESS: Final = re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter on the line: its name in the home, and the 12 digits on its plate (or 12 A if it is alone there)."""

    device: str
    address: str

    def __post_init__(self) -> None:
        check_id(self.device)
        if self.address != WILDCARD and not _ADDRESS.fullmatch(self.address):
            raise ValueError(f"meter {self.device}: address: expected 12 digits or {WILDCARD}, found {self.address!r}")


class ElectricityMeters:
    """A `Driver`. Reads energy, power and voltage of each meter once a round; a round starts every `interval_s`.

    `beat` on every answer, error replies included. Raises `DriverFault` when the port cannot be had or is lost, and
    after `SILENT_ROUNDS` rounds in which no meter answered. Counters: `unanswered:DEVICE`, `error_reply:DEVICE`,
    `implausible`, and those of the line (`retries`, `bad_checksum`, `partial_frames`, `echoes`, `stray_replies`).
    """

    def __init__(
        self, line: LineSettings, meters: Sequence[Meter], *, interval_s: float = INTERVAL_S, name: str | None = None
    ) -> None:
        if not 1 <= len(meters) <= MAX_METERS:
            raise ValueError(f"meters on {line.path}: expected 1 to {MAX_METERS}, found {len(meters)}")
        if len({m.address for m in meters}) < len(meters) or len({m.device for m in meters}) < len(meters):
            raise ValueError(f"meters on {line.path}: two have the same address or the same device")
        if len(meters) > 1 and any(m.address == WILDCARD for m in meters):
            raise ValueError(f"meters on {line.path}: {WILDCARD} is only for a meter that is alone on its line")
        if not interval_s >= MIN_INTERVAL_S:
            raise ValueError(
                f"meters on {line.path}: interval: expected at least {MIN_INTERVAL_S} s, found {interval_s}"
            )
        self._line = line
        self._meters = tuple(meters)
        self._interval_s = interval_s
        self.name = name or "meter:electricity"
        self.devices = tuple(m.device for m in meters)
        self.liveness_s = SILENT_ROUNDS * (interval_s + self._longest_round_s()) + LIVENESS_SLACK_S

    async def run(self, context: DriverContext) -> None:
        """Polls until cancelled."""
        bus = MeterBus(self._line, context.count)
        await bus.open()
        try:
            await self._poll(bus, context)
        finally:
            await bus.close()

    def _longest_round_s(self) -> float:
        attempt_s = self._line.reply_timeout_s + TURNAROUND_S
        return len(self._meters) * len(ITEMS) * (1 + MAX_RETRIES) * attempt_s

    async def _poll(self, bus: MeterBus, context: DriverContext) -> None:
        silent = 0
        clock = asyncio.get_running_loop().time
        while True:
            started = clock()
            answered = [await self._read(bus, meter, context) for meter in self._meters]
            silent = 0 if any(answered) else silent + 1
            if silent >= SILENT_ROUNDS:
                raise DriverFault(
                    f"no meter on {self._line.path} answers: check that it has power, the wires A and B, its address, "
                    f"and {self._line.baud} baud parity {self._line.parity}"
                )
            await bus.rest(max(0.0, started + self._interval_s - clock()))

    async def _read(self, bus: MeterBus, meter: Meter, context: DriverContext) -> bool:
        """Asks one meter for everything. Whether it answered at all."""
        answered = reported = False
        for item in ITEMS:
            frame = await bus.ask(meter.address, item)
            if frame is None:
                context.count(f"unanswered:{meter.device}")
                break  # it will not answer the next question either; the others wait
            answered = True
            context.beat()
            report = self._report(meter, item, frame, context)
            if report is not None:
                reported = True
                context.emit(report)
        if answered and not reported:
            context.emit(Report(Kind.SEEN, None, meter.device))
        return answered

    def _report(self, meter: Meter, item: int, frame: Frame, context: DriverContext) -> Report | None:
        if frame.errors:
            context.count(f"error_reply:{meter.device}")
            return None
        kind, factor, decimals = ITEMS[item]
        value: Any
        try:
            value = readings(frame)[0].value
            value = check_value(kind, round(value * factor, decimals) if isinstance(value, float) else value)
        except (BadData, BadObservation):
            context.count("implausible")
            return None
        # No key: a register has no counter of its own, so two equal readings cannot be told from one repeated.
        return Report(kind, value, meter.device)

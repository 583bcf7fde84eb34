"""What is heard from enrolled devices becomes reports. Pure: bytes, an address and a time in, reports and counts out.

Knows the home (addresses, keys, roles), what a BTHome reading means to us, and in which order reports must leave.
Knows nothing of D-Bus, bleak or tasks.

Order and memory: the readings of one packet leave routine first, life safety last, and only the last report carries the
ledger. So whatever the journal commits, the counter is never ahead of the press it belongs to.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gateway.drivers.ble import bthome
from gateway.drivers.ble.bthome import BadFrame, KeyMissing, NotAuthentic, Packet, Reading
from gateway.drivers.ble.bthome_objects import BUTTON
from gateway.drivers.ble.counters import Guard, Judgement, Ledger, Verdict
from gateway.home.model import Device, Home
from gateway.observations import LIFE_SAFETY, BadObservation, Kind, Report, check_value

MAC: Final = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}")
ALERT_INTERVAL_S: Final = 3600.0  # a technical condition for one device opens at most hourly, however loud a forger is
UNVERIFIED_INTERVAL_S: Final = 60.0  # anybody can send a plain press: one question a minute is plenty

KINDS: Final[dict[int, Kind]] = {
    0x01: Kind.BATTERY,
    0x02: Kind.TEMPERATURE, 0x45: Kind.TEMPERATURE, 0x57: Kind.TEMPERATURE, 0x58: Kind.TEMPERATURE,
    0x03: Kind.HUMIDITY, 0x2E: Kind.HUMIDITY,
    0x0A: Kind.ENERGY, 0x4D: Kind.ENERGY,
    0x0B: Kind.POWER, 0x5C: Kind.POWER,
    0x0C: Kind.VOLTAGE, 0x4A: Kind.VOLTAGE,
    0x11: Kind.CONTACT, 0x1A: Kind.CONTACT, 0x1B: Kind.CONTACT, 0x2D: Kind.CONTACT,
    0x15: Kind.BATTERY_LOW,
    0x17: Kind.CO,
    0x1C: Kind.GAS,
    0x1D: Kind.HEAT,
    0x1E: Kind.LIGHT,
    0x20: Kind.FLOOD,
    0x21: Kind.MOTION,
    0x23: Kind.OCCUPANCY, 0x25: Kind.OCCUPANCY,
    0x29: Kind.SMOKE,
    0x2B: Kind.TAMPER,
    BUTTON: Kind.BUTTON,
    0x4F: Kind.WATER_VOLUME,
}  # fmt: skip
"""By object id and not by name: the format uses one name for several things (`power`, `gas`, `battery`, `moisture`)."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one advert comes to."""

    reports: tuple[Report, ...] = ()
    counts: tuple[str, ...] = ()


@dataclass(slots=True)
class _Known:
    """An enrolled device and what is remembered of it."""

    device: Device
    mac: bytes
    key: bytes | None
    guard: Guard
    plain_guard: Guard = field(default_factory=Guard)  # of plain packets that should have been sealed
    held: set[int] = field(default_factory=set)  # buttons that are held down, by their place in the packet
    alerted_s: float | None = None
    unverified_s: float | None = None


class Hearing:
    """Turns service data into reports, device by device."""

    def __init__(self, home: Home, memories: Mapping[str, Any]) -> None:
        """`memories`: what the journal kept, by name (`ble:<device>`); other names are ignored."""
        self.damaged: list[str] = []  # devices whose memory was no ledger; they start anew
        self._known: dict[str, _Known] = {}
        self._memories = memories
        self.enrol(home)

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices that this driver hears."""
        return tuple(known.device.id for known in self._known.values())

    @property
    def sealed(self) -> bool:
        """Whether any device seals what it says."""
        return any(known.key is not None for known in self._known.values())

    def enrol(self, home: Home) -> None:
        """Takes a new home. A device whose key changed was enrolled anew and starts from its next counter."""
        before = {known.device.id: known for known in self._known.values()}
        self._known = {}
        for device_id, address in home.addresses.items():
            device = home.view.devices.get(device_id)
            if device is None or not MAC.fullmatch(address.upper()):
                continue
            key, mac = home.keys.get(device_id), bytes.fromhex(address.replace(":", ""))
            old = before.get(device_id)
            if old is None:
                known = _Known(device, mac, key, Guard(self._remembered(device_id)))
            elif (old.key, old.mac) == (key, mac):
                known = replace(old, device=device)
            else:
                known = _Known(device, mac, key, Guard(Ledger(era=old.guard.ledger.era + 1)))
            self._known[address.upper()] = known

    def _remembered(self, device_id: str) -> Ledger | None:
        data = self._memories.get(memory_name(device_id))
        if data is None:
            return None
        try:
            return Ledger.from_json(data)
        except ValueError:
            self.damaged.append(device_id)
            return None

    def hear(self, address: str, data: bytes | None, now_s: float) -> Heard:
        """`data`: BTHome service data, None where the advert had none. `now_s`: monotonic seconds. Never raises."""
        known = self._known.get(address.upper())
        if known is None:
            return Heard(counts=("foreign",))
        if data is None:
            return Heard(counts=("not_bthome",))
        try:
            packet = bthome.decode(data, known.mac, known.key)
        except KeyMissing:
            return _refused(known, "key_missing", now_s)
        except NotAuthentic:
            return _refused(known, "auth_failed", now_s)
        except BadFrame:
            return Heard(counts=("bad_frame",))
        mark = hashlib.sha256(data).hexdigest()[:12]
        if not packet.encrypted and known.key is not None:
            return _downgraded(known, packet, mark, now_s)
        if packet.counter is not None:
            call = known.device.role == "call" and any(_is_gesture(r) for r in packet.readings)
            judgement = known.guard.judge_sealed(packet.counter, mark, call, now_s)
        else:
            judgement = known.guard.judge_plain(packet.packet_id, mark, now_s)
        return _answer(known, packet, judgement, now_s)


def memory_name(device_id: str) -> str:
    """The name under which the journal keeps a device's ledger."""
    return f"ble:{device_id}"


def _answer(known: _Known, packet: Packet, judgement: Judgement, now_s: float) -> Heard:
    match judgement.verdict:
        case Verdict.SAME:
            return Heard(counts=("duplicate",))
        case Verdict.DROPPED:
            return _with_alert(known, "counter_backwards", [], ["replay_dropped"], now_s)
        case Verdict.LIMITED:
            return Heard(counts=("replay_limited",))
        case Verdict.SUSPECT:
            readings, counts = _meaning(known, packet)
            presses = [
                Report(Kind.BUTTON, value, known.device.id, f"{_key(known, judgement.name, index)}:suspect")
                for index, kind, value in readings
                if kind is Kind.BUTTON
            ]
            return _with_alert(known, "counter_backwards", presses, ["replay_suspect", *counts], now_s)
        case Verdict.NEW:
            return _news(known, packet, judgement)


def _news(known: _Known, packet: Packet, judgement: Judgement) -> Heard:
    readings, counts = _meaning(known, packet)
    device = known.device.id
    reports = [Report(kind, value, device, _key(known, judgement.name, index)) for index, kind, value in readings]
    if known.guard.ledger.alert is not None:
        reports.insert(0, _condition(device, known.guard.ledger.alert, on=False))
        known.guard.set_alert(None)
    if not readings:
        reports.append(Report(Kind.SEEN, None, device, _key(known, judgement.name, 0)))
    if packet.unknown is not None:
        counts.append("unknown_object")
    if judgement.rebaselined:
        counts.append("rebaselined")
    return Heard(_remember(known, reports), ("packet", *counts))


def _downgraded(known: _Known, packet: Packet, mark: str, now_s: float) -> Heard:
    """A plain packet in the name of a device that seals: never acted upon, never silent."""
    judgement = known.plain_guard.judge_plain(packet.packet_id, mark, now_s)
    if judgement.verdict is Verdict.SAME:
        return Heard(counts=("duplicate",))
    reports: list[Report] = []
    gestures = [(i, v) for i, kind, v in _meaning(known, packet)[0] if kind is Kind.BUTTON]
    if known.device.role == "call" and gestures and _due(known.unverified_s, UNVERIFIED_INTERVAL_S, now_s):
        known.unverified_s = now_s
        index, gesture = gestures[0]
        value = {"code": "UNVERIFIED_PRESS", "on": True, "reason": "plaintext", "gesture": gesture}
        key = f"{_key(known, judgement.name, index)}:unverified"
        reports.append(Report(Kind.CONDITION, value, known.device.id, key))
    return _with_alert(known, "downgrade", reports, ["downgrade"], now_s)


def _refused(known: _Known, reason: str, now_s: float) -> Heard:
    return _with_alert(known, reason, [], [reason], now_s)


def _with_alert(known: _Known, reason: str, reports: list[Report], counts: list[str], now_s: float) -> Heard:
    """Adds the technical condition AUTH_FAILED, once until an authentic packet ends it and at most hourly."""
    if known.guard.ledger.alert is None and _due(known.alerted_s, ALERT_INTERVAL_S, now_s):
        known.alerted_s = now_s
        known.guard.set_alert(reason)
        reports.insert(0, _condition(known.device.id, reason, on=True))
    return Heard(_remember(known, reports), tuple(counts))


def _due(last_s: float | None, interval_s: float, now_s: float) -> bool:
    return last_s is None or now_s - last_s >= interval_s


def _condition(device: str, reason: str, *, on: bool) -> Report:
    return Report(Kind.CONDITION, {"code": "AUTH_FAILED", "on": on, "reason": reason}, device)


def _remember(known: _Known, reports: list[Report]) -> tuple[Report, ...]:
    if not reports:
        return ()
    reports.sort(key=lambda report: report.kind in LIFE_SAFETY)  # stable: the packet's order within each half
    memory = (memory_name(known.device.id), known.guard.ledger.to_json())
    return (*reports[:-1], replace(reports[-1], memory=memory))


def _key(known: _Known, name: str, index: int) -> str:
    return f"ble:{known.device.id}:{name}:{index}"


# ---- what a reading means


def _meaning(known: _Known, packet: Packet) -> tuple[list[tuple[int, Kind, Any]], list[str]]:
    """(place in the packet, kind, value) of each reading that means something to us, and what to count."""
    found: list[tuple[int, Kind, Any]] = []
    counts: list[str] = []
    for index, reading in enumerate(packet.readings):
        kind = KINDS.get(reading.object_id)
        if kind is None:
            continue
        value = _gesture(known, index, reading, counts) if kind is Kind.BUTTON else _plain_value(kind, reading)
        if value is None:
            continue
        try:
            found.append((index, kind, check_value(kind, value)))
        except BadObservation:
            counts.append("bad_value")
    return found, counts


def _plain_value(kind: Kind, reading: Reading) -> Any:
    if kind is Kind.CONTACT:
        return "open" if reading.value else "closed"
    if kind is Kind.WATER_VOLUME:
        return reading.value / 1000  # L -> m3
    return reading.value


def _is_gesture(reading: Reading) -> bool:
    return reading.object_id == BUTTON and reading.detail != "none"


def _gesture(known: _Known, index: int, reading: Reading, counts: list[str]) -> str | None:
    """The gesture to report, or None. Letting go counts as `hold` where the beginning of the hold was not heard."""
    if reading.detail == "hold_release":
        if index in known.held:
            known.held.discard(index)
            return None
        return "hold"
    if reading.value is None:
        if not _is_gesture(reading):
            return None
        counts.append("unknown_gesture")  # somebody did something to the button: better asked than missed
        return "press" if known.device.role == "call" else None
    if reading.value == "hold":
        known.held.add(index)
    return str(reading.value)

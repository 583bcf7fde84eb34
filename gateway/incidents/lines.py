"""One entry of the journal as a line of the record: what was seen, decided, asked for, and what became of it.

Pure. What people wrote in their own words and the samples of an accelerometer are left out: the first may name
somebody, the second says nothing to a reader.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.clock import iso
from gateway.journal.encoding import read_did
from gateway.journal.export import ExportedRow
from gateway.observations import Kind, Observation

SHOWN_PATCH: Final = (
    "code", "severity", "device", "room", "evidence", "accepted_by", "outcome", "presses", "asking", "test",
)  # fmt: skip
MAX_PENDING: Final = 4_096  # messages whose RECEIVED is still out; older ones are told without it
LEFT_OUT: Final = frozenset({"text"})


@dataclass(frozen=True, slots=True)
class Line:
    """A line before it is chained. `marks` are the state changes, see `chain`."""

    row: int
    wall_ms: int
    alarms: tuple[int, ...]
    marks: tuple[str, ...]
    body: dict[str, Any]


@dataclass(slots=True)
class LineMaker:
    """Makes lines in the journal's order; remembers which message was about which alarm until it is acknowledged."""

    _sent: OrderedDict[int, int] = field(default_factory=OrderedDict)  # seq -> alarm

    def line(self, row: ExportedRow) -> Line | None:
        """The line of a row, or None for one that is no alarm's business."""
        did = read_did(row.body)
        self._remember(did)
        value = row.observation.value
        received = self._received(value) if row.observation.kind is Kind.ACK else []  # [seq, alarm]
        alarms = {e["alarm"] for e in row.events if isinstance(e.get("alarm"), int)}
        alarms |= {alarm for *_, alarm in did if isinstance(alarm, int)} | {a for _, a in received}
        alarms |= _named(value)
        if not alarms:
            return None
        body: dict[str, Any] = {
            "row": row.log_id,
            "t": row.observation.t,
            "at": iso(row.wall_ms),
            "trust": row.trust,
            "alarms": sorted(alarms),
        }
        if received:
            body["received"] = received
        elif row.observation.kind is not Kind.TICK:
            body["seen"] = _seen(row.observation)
        if row.events:
            body["decided"] = [_decided(event) for event in row.events]
        if did:
            body["asked"] = did
        return Line(row.log_id, row.wall_ms, tuple(sorted(alarms)), tuple(_marks(row.events)), body)

    def remember(self, body: dict[str, Any]) -> None:
        """Takes up a line made before: what it sent waits to be received, what it received does not any more."""
        asked, received = body.get("asked"), body.get("received")
        if isinstance(asked, list):
            self._remember(row for row in asked if isinstance(row, list) and len(row) == 4)
        if isinstance(received, list):
            for row in received:
                if isinstance(row, list) and row and isinstance(row[0], int):
                    self._sent.pop(row[0], None)

    def _remember(self, did: Iterable[list[Any]]) -> None:
        for kind, _, seq, alarm in did:
            if kind == "publish" and isinstance(seq, int) and isinstance(alarm, int):
                self._sent[seq] = alarm
        while len(self._sent) > MAX_PENDING:
            self._sent.popitem(last=False)

    def _received(self, value: Any) -> list[list[int]]:
        if not isinstance(value, dict) or value.get("stage") != "RECEIVED" or not isinstance(value.get("seq"), list):
            return []
        return [[seq, self._sent.pop(seq)] for seq in value["seq"] if isinstance(seq, int) and seq in self._sent]


def _named(value: Any) -> set[int]:
    """Alarms an observation speaks of: an answer of the platform, a delivery, a follow-up, what was said at home."""
    if not isinstance(value, dict):
        return set()
    found = {value["alarm"]} if _is_number(value.get("alarm")) else set()
    said = value.get("said")
    if isinstance(said, list):
        found |= {row[0] for row in said if isinstance(row, list) and row and _is_number(row[0])}
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _seen(observation: Observation) -> dict[str, Any]:
    seen: dict[str, Any] = {"kind": observation.kind.value}
    if observation.device is not None:
        seen["device"] = observation.device
    if observation.key is not None:
        seen["key"] = observation.key
    if observation.late:
        seen["late"] = True
    value = observation.value
    if observation.kind is Kind.ACCELERATION:
        value = {"rate_hz": value.get("rate_hz")} | _samples(value)
    elif observation.kind is Kind.CONFIG:
        value = {"revision": value.get("revision")} if isinstance(value, dict) else None
    elif isinstance(value, dict):
        value = {k: v for k, v in value.items() if k not in LEFT_OUT}
    if value is not None:
        seen["value"] = value
    return seen


def _samples(value: dict[str, Any]) -> dict[str, int]:
    """How many samples; of several bursts in a word of its own, for older lines say "samples": 0 of those."""
    if "bursts" in value:
        return {"in_bursts": sum(len(g) for _, g in value["bursts"])}
    return {"samples": len(value.get("g", ()))}


def _decided(event: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {name: event[name] for name in ("alarm", "t", "what", "reason", "state") if name in event}
    patch = event.get("patch")
    if isinstance(patch, dict):
        made |= {name: patch[name] for name in SHOWN_PATCH if patch.get(name) is not None}
    return made


def _marks(events: Iterable[dict[str, Any]]) -> Iterable[str]:
    for event in events:
        if (state := event.get("state")) is None:
            continue
        patch = event.get("patch") or {}
        if event.get("what") == "opened":
            yield f"{event['alarm']}={state}:{patch.get('code')}:{patch.get('severity')}"
        elif "outcome" in patch:
            yield f"{event['alarm']}={state}:{patch['outcome']}"
        else:
            yield f"{event['alarm']}={state}"

"""Rows as bytes: JSON in shorthand with a CRC32 over every column, the row's own table and id included.

SQLite's main file has no page checksums (measured: 53 of 400 flipped bits read back wrong without a word,
research/fleet.md 1.2), so each row carries its own. Knows the shapes of rows; knows no SQL.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from gateway import actions
from gateway.actions import PRIORITY, Publish
from gateway.journal.entry import Entry, Mark, OutboxRow, StoredAction
from gateway.journal.shorthand import ACTION, DECISION, OBSERVATION, expand, shorten
from gateway.observations import Kind, Observation

RECEIPT: Final = shorten(b'{"kind":"ack","value":{"stage":"RECEIVED","seq":[', OBSERVATION)
"""How the row of a platform's receipt begins: it lies beside its alarm's row, but is no event of its own (T-33)."""
MAX_STATE_BYTES: Final = 64 << 20  # a snapshot unpacks to no more; states are some 100 KB
DROPPABLE_PRIO: Final = 2  # P3, P4 and tests; never P0, P1, P2
ALARM_PRIO: Final = 0  # a severity we do not know is treated as an alarm


_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # json.dumps makes one each time


class BadRow(Exception):
    """A row that is not what was written, or not of our vocabulary. The text says which and why."""


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One row of table `outbox`."""

    id: int
    prio: int
    seq: int | None
    kind: str
    created: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """An entry ready to be written: bytes only, so nothing the caller does later can change it."""

    log_id: int
    t: int
    alarm: bool
    body: bytes
    memory: tuple[tuple[str, bytes], ...]
    actions: tuple[ActionRow, ...]
    done: tuple[int, ...]
    acked: tuple[int, ...]
    urgent: bool
    droppable: bool
    size: int  # bytes it holds in memory, about


@dataclass(frozen=True, slots=True)
class SnapshotPart:
    """The controller's state after log row `upto`, packed by the owner thread."""

    upto: int
    t: int
    body: bytes
    urgent: bool = False
    droppable: bool = True

    @property
    def size(self) -> int:
        """Bytes it holds in memory."""
        return len(self.body)


def dump(value: Any) -> bytes:
    """JSON bytes. A lone surrogate (half an emoji in somebody's SMS) survives the round trip."""
    return _encode(value).encode("utf-8", "surrogatepass")


def load(body: bytes) -> Any:
    """The inverse of `dump`, in shorthand or not; raises `BadRow`."""
    try:
        return json.loads(expand(body).decode("utf-8", "surrogatepass"))
    except (ValueError, KeyError, RecursionError) as error:
        raise BadRow(f"not JSON: {type(error).__name__}") from None


def crc(table: str, body: bytes, *columns: object) -> int:
    """The checksum of a row: its table, its other columns in order, its body."""
    head = "\x1f".join([table, *map(str, columns), ""]).encode("utf-8", "surrogatepass")
    return zlib.crc32(body, zlib.crc32(head))


def make_part(entry: Entry, log_id: int, stored: Iterable[StoredAction], carried: dict[str, bytes]) -> Part:
    """The entry as bytes; `carried` is memory of entries dropped before it. TypeError, ValueError: not JSON."""
    o = entry.observation
    row: dict[str, Any] = {"kind": o.kind.value, "value": o.value, "wall": entry.wall_ms, "trust": entry.trust}
    row |= {name: v for name, v in (("device", o.device), ("key", o.key)) if v is not None}
    if o.late:
        row["late"] = True
    if entry.events:
        row["events"] = entry.events
    stored = tuple(stored)
    if entry.alarm_class and (did := [brief for s in stored if (brief := _brief(s)) is not None]):
        row["did"] = did  # the action itself is deleted once carried out; the incident record must still name it
    memory = dict(carried)
    if entry.memory is not None:
        memory[entry.memory[0]] = dump(entry.memory[1])
    body = shorten(dump(row), DECISION if entry.events or "did" in row else OBSERVATION)
    rows = tuple(map(_action_row, stored))
    size = 200 + len(body) + sum(100 + len(a.body) for a in rows) + sum(map(len, memory.values()))
    return Part(
        log_id, o.t, entry.alarm_class, body, tuple(memory.items()), rows,
        entry.done, entry.acked, entry.urgent, entry.droppable, size,
    )  # fmt: skip


def _brief(stored: StoredAction) -> list[Any] | None:
    """What an action was, in a few bytes: [kind, word, to whom or seq, alarm]; None for what no record needs."""
    action = stored.action
    if isinstance(action, Publish):
        return None if action.alarm is None else [action.kind, action.channel, stored.seq, action.alarm]
    word = getattr(action, "prompt", None) or getattr(action, "template", None) or getattr(action, "pattern", None)
    alarm = getattr(action, "alarm", None)
    return None if alarm is None else [action.kind, word, getattr(action, "contact", None), alarm]


def read_did(body: bytes) -> tuple[list[Any], ...]:
    """The briefs of a log row: what was asked for with the entry. Rows of older versions have none."""
    rows = load(body)
    found = rows.get("did", ()) if isinstance(rows, dict) else ()
    return tuple(row for row in found if isinstance(row, list) and len(row) == 4)


def message(stored: StoredAction) -> OutboxRow | None:
    """The stored action as a message for the platform, without asking the disk for it; None if it is none."""
    action = stored.action
    if not isinstance(action, Publish) or stored.seq is None:
        return None
    prio = PRIORITY.get(action.severity, ALARM_PRIO)
    return OutboxRow(stored.seq, prio, action.channel, action.body, action.severity, stored.created_t)


def _action_row(stored: StoredAction) -> ActionRow:
    severity = getattr(stored.action, "severity", "P4")
    prio = PRIORITY.get(severity, ALARM_PRIO)
    body = shorten(dump(actions.to_json(stored.action)), ACTION)
    return ActionRow(stored.id, prio, stored.seq, stored.action.kind, stored.created_t, body)


def read_log(t: int, body: bytes) -> tuple[Observation, tuple[dict[str, Any], ...], Mark]:
    """A log row's body, its CRC already checked. Raises `BadRow` for what a newer version may have written."""
    row = load(body)
    try:
        kind, value, wall, trust = Kind(row["kind"]), row["value"], row["wall"], row["trust"]
        device, key, events = row.get("device"), row.get("key"), tuple(row.get("events", ()))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadRow(f"not an observation: {type(error).__name__}") from None
    if not isinstance(wall, int) or not all(name is None or isinstance(name, str) for name in (device, key, trust)):
        raise BadRow("not an observation: wall, trust, device or key is of the wrong type")
    if not all(isinstance(event, dict) for event in events):
        raise BadRow("not an observation: events: expected objects")
    return Observation(kind, value, t, device, key, row.get("late") is True), events, Mark(t, wall, trust)


def read_action(row: ActionRow) -> StoredAction:
    """An outbox row as the action it holds; raises `BadRow`."""
    data = load(row.body)
    try:
        return StoredAction(row.id, row.seq, actions.from_json(data), row.created)
    except (TypeError, ValueError) as error:
        raise BadRow(f"not an action: {error}") from None


def read_message(row: ActionRow) -> OutboxRow:
    """An outbox row as the message it holds; raises `BadRow`."""
    action = read_action(row).action
    if not isinstance(action, Publish) or row.seq is None:
        raise BadRow("not a message")
    return OutboxRow(row.seq, row.prio, action.channel, action.body, action.severity, row.created)


def pack_state(state: dict[str, Any], mark: Mark | None) -> bytes:
    """A state as JSON. Copied at once: the caller's dict may change while the owner thread works."""
    where = None if mark is None else [mark.wall_ms, mark.trust]
    return dump({"state": state, "at": where})


def unpack_state(t: int, packed: bytes) -> tuple[dict[str, Any], Mark | None]:
    """The inverse, from the compressed body of a snapshot row; raises `BadRow`."""
    try:
        row = load(zlib.decompressobj().decompress(packed, MAX_STATE_BYTES))
        state, at = row["state"], row["at"]
        return dict(state), None if at is None else Mark(t, int(at[0]), str(at[1]))
    except (zlib.error, KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise BadRow(f"not a state: {type(error).__name__}") from None

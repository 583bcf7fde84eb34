"""What is said on the wire to the platform: topics, JSON bodies up, and the reading of what comes down.

Pure. Knows the platform's wire (architecture.md "The platform's wire") and its bounds; must not know paho, sockets,
clocks or the journal. Everything from outside is bounded and raises only `BadMessage`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from gateway.alarms.words import explain
from gateway.bounds import untamed
from gateway.observations import bounded, shown

MAX_DOWN_BYTES: Final = 16 * 1024  # an acknowledgement of 1000 rows is 8 KiB; a command is far smaller
MAX_ALARM_BYTES: Final = 1024  # domain 2.2 "Alarm message size"
MAX_EVENT_BYTES: Final = 8 * 1024  # a daily summary is typically 4 KiB (domain 5.2)
MAX_HEARTBEAT_BYTES: Final = 300  # domain 5.1
MAX_ACKED: Final = 1024  # rows one acknowledgement may name; our window holds 16
MAX_SEQ: Final = 1 << 53  # what every JSON reader keeps exactly
MAX_NAME_CHARS: Final = 64

NAME: Final = re.compile(r"[a-z0-9_-]{1,64}")
"""Site and gateway ids in topics. A space makes NATS drop the connection, '.' is rewritten by it (research 2.5)."""

CHANNELS: Final = frozenset({"alarm", "event", "summary"})
ESSENTIAL: Final = (
    "gateway", "epoch", "seq", "at", "delayed", "test",
    "alarm", "code", "severity", "state", "device", "room", "reason",
)  # fmt: skip
"""What a message keeps when it must be cut to its size."""

SPARE: Final = ("evidence", "why")
"""What goes first, in this order, before a message is cut to that: the record at home has it all."""

_COMMAND: Final = re.compile(r"[a-z_]{1,32}")
_DIGITS: Final = re.compile(r"[0-9]{1,15}")


class BadMessage(ValueError):
    """Their fault: a message that is not of the contract. The text says what was found and expected."""


class StaleEpoch(BadMessage):
    """Well-formed, but about another journal's rows (a card was swapped): must touch nothing."""


class Stage(StrEnum):
    """How far the platform's side is. RECEIVED is a machine's word and empties the outbox; the others are people's."""

    RECEIVED = "RECEIVED"
    ACCEPTED = "ACCEPTED"
    ATTENDED = "ATTENDED"
    CLOSED = "CLOSED"


OUTCOMES: Final = frozenset(
    {"HELPED", "FALSE_ALARM", "TEST", "NO_ONE_HOME", "HOSPITALISED", "DECEASED", "REFERRED", "TECHNICAL"}
)
"""Domain 3.2: how an alarm may be closed."""


class Row(Protocol):
    """One durable message that waits in the journal's outbox."""

    @property
    def seq(self) -> int: ...
    @property
    def prio(self) -> int: ...
    @property
    def channel(self) -> str: ...
    @property
    def body(self) -> dict[str, Any]: ...
    @property
    def created_t(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Received:
    """The platform has stored these rows of this journal."""

    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StageReached:
    """A person at the platform took an alarm over, attended it or closed it."""

    alarm: int | str
    stage: Stage
    by: str
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one gateway. Raises `BadMessage` for a name that no broker would carry unharmed."""

    site: str
    gateway: str

    def __post_init__(self) -> None:
        for what, value in (("site", self.site), ("gateway", self.gateway)):
            if not isinstance(value, str) or not NAME.fullmatch(value):
                raise BadMessage(f"{what}: expected 1 to {MAX_NAME_CHARS} of a-z 0-9 _ -, found {shown(value)}")

    def up(self, channel: str) -> str:
        return f"hw/v1/{self.site}/{self.gateway}/up/{channel}"

    def down(self, channel: str) -> str:
        return f"hw/v1/{self.site}/{self.gateway}/down/{channel}"


ALL_UP: Final = "hw/v1/+/+/up/#"
"""What the platform subscribes to."""


def parse_up_topic(topic: str) -> tuple[str, str, str]:
    """(site, gateway, channel) of a topic under `ALL_UP`; raises `BadMessage` for any other."""
    parts = topic.split("/")
    if len(parts) != 6 or parts[:2] != ["hw", "v1"] or parts[4] != "up":
        raise BadMessage(f"topic: expected hw/v1/SITE/GATEWAY/up/CHANNEL, found {shown(topic)}")
    names = Topics(parts[2], parts[3])
    if not NAME.fullmatch(parts[5]):
        raise BadMessage(f"topic: channel: found {shown(parts[5])}")
    return names.site, names.gateway, parts[5]


# Upward


def upward(row: Row, *, gateway: str, epoch: str, late: bool) -> tuple[str, bytes]:
    """(channel, JSON) of one durable row.

    The row's own `at`, `delayed` and `test` are kept; `late` (it could not go when it was born) can only set `delayed`,
    never clear it. `at` is null where the controller had no time to give. Never fails and never leaves an alarm unsent:
    what is too large is cut down to `ESSENTIAL`, and says so with `"cut": true`.
    """
    channel = row.channel if row.channel in CHANNELS else "event"
    body: dict[str, Any] = {
        **row.body,
        "gateway": gateway,
        "epoch": epoch,
        "seq": row.seq,
        "at": row.body.get("at"),
        "delayed": bool(row.body.get("delayed")) or late,
        "test": bool(row.body.get("test")),
    }
    if channel == "alarm":
        body["why"] = _why(body)
    return channel, _fitted(body, MAX_ALARM_BYTES if channel == "alarm" else MAX_EVENT_BYTES)


def _why(body: Mapping[str, Any]) -> dict[str, str]:
    """Why the alarm was found, in Chinese and English, made of what the message itself holds."""
    evidence = body.get("evidence")
    return explain(str(body.get("code")), evidence if isinstance(evidence, dict) else {})


def heartbeat(body: Mapping[str, Any], *, gateway: str, epoch: str) -> bytes:
    """The heartbeat as JSON of at most 300 B; the last keys are left out until it fits, and it says so."""
    whole: dict[str, Any] = {"gateway": gateway, "epoch": epoch, **body}
    data = _dump(whole)
    while len(data) > MAX_HEARTBEAT_BYTES and len(whole) > 2:
        whole.pop("cut", None)
        whole.popitem()
        whole["cut"] = True
        data = _dump(whole)
    return data


def state(online: bool, boot: str) -> bytes:
    """Birth (online) or will (not) for `/up/state`, retained. `boot` tells two lives of one gateway apart."""
    return _dump({"state": "ONLINE" if online else "OFFLINE", "boot": boot})


def received(epoch: str, seqs: list[int]) -> bytes:
    """The platform's acknowledgement that it has stored these rows."""
    return _dump({"epoch": epoch, "seq": seqs, "stage": Stage.RECEIVED.value})


def stage_reached(
    alarm: int | str, stage: Stage, by: str, outcome: str | None = None, epoch: str | None = None
) -> bytes:
    """The platform's word that a person accepted, attended or closed an alarm."""
    body: dict[str, Any] = {"alarm": alarm, "stage": stage.value, "by": by, "outcome": outcome}
    return _dump(body if epoch is None else {**body, "epoch": epoch})


def encode(body: Mapping[str, Any]) -> bytes:
    """Any message as compact JSON."""
    return _dump(body)


def _fitted(body: dict[str, Any], limit: int) -> bytes:
    data = _dump(body)
    for spare in SPARE:
        if len(data) > limit and spare in body:
            del body[spare]
            data = _dump(body | {"cut": True})
    if len(data) <= limit:
        return data
    least = {key: body[key] for key in ESSENTIAL if key in body}
    for chars in (200, 64, 16):
        data = _dump({**{key: _shortened(value, chars) for key, value in least.items()}, "cut": True})
        if len(data) <= limit:
            break
    return data


def _shortened(value: Any, chars: int) -> Any:
    if isinstance(value, (dict, list)):
        value = _dump(value).decode()
    return value[:chars] if isinstance(value, str) else value


def _dump(body: Mapping[str, Any] | list[Any]) -> bytes:
    # A body comes from our own journal; a value JSON cannot carry is our bug, but must not keep an alarm from going.
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):
        items = body.items() if isinstance(body, Mapping) else enumerate(body)
        plain = {str(key): value if _plain(value) else shown(value) for key, value in items}
        return json.dumps(plain, separators=(",", ":")).encode()


def _plain(value: Any) -> bool:
    if isinstance(value, str):
        return value.isprintable()
    return value is None or isinstance(value, (bool, int))


# Downward


def parse_ack(payload: bytes, epoch: str) -> Received | StageReached:
    """Reads `/down/ack`. Raises `BadMessage`; `StaleEpoch` if it names another journal than `epoch`.

    A people's stage may leave the epoch out (the contract's first cut); one that carries it must carry ours.
    """
    body = load(payload)
    stage = _stage(body.get("stage"))
    if stage is Stage.RECEIVED or "epoch" in body:
        _same_epoch(body.get("epoch"), epoch)
    if stage is Stage.RECEIVED:
        return Received(_seqs(body.get("seq")))
    outcome = body.get("outcome")
    if stage is Stage.CLOSED and not (isinstance(outcome, str) and outcome in OUTCOMES):
        raise BadMessage(f"outcome: expected one of {', '.join(sorted(OUTCOMES))}, found {shown(outcome)}")
    return StageReached(
        alarm=_alarm(body.get("alarm")),
        stage=stage,
        by=_text("by", body.get("by")),
        outcome=outcome if stage is Stage.CLOSED else None,
    )


def parse_command(payload: bytes, epoch: str) -> dict[str, Any]:
    """Reads `/down/cmd`: an object with `cmd` (a word of a-z and _), optional `id` and anything bounded beside it."""
    body = load(payload)
    name = body.get("cmd")
    if not isinstance(name, str) or not _COMMAND.fullmatch(name):
        raise BadMessage(f"cmd: expected 1 to 32 of a-z _, found {shown(name)}")
    if "id" in body:
        _text("id", body["id"])
    if "epoch" in body:
        _same_epoch(body["epoch"], epoch)
    if not bounded(body):
        raise BadMessage("cmd: too large, too deep or with too many keys")
    return body


def load(payload: bytes, limit: int = MAX_DOWN_BYTES) -> dict[str, Any]:
    """A JSON object of at most `limit` bytes that can be stored and printed again; raises only `BadMessage`."""
    if len(payload) > limit:
        raise BadMessage(f"expected at most {limit} bytes, found {len(payload)}")
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and over-long integers are ValueErrors
        raise BadMessage(f"not JSON: {type(error).__name__}") from None
    if not isinstance(body, dict):
        raise BadMessage(f"expected an object, found {shown(body)}")
    if (why := untamed(body)) is not None:
        raise BadMessage(why)
    return body


def whole(value: Any) -> bool:
    """Whether `value` can be a `seq`: a positive integer, no bool, within what JSON keeps exactly."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < MAX_SEQ


def _same_epoch(found: Any, ours: str) -> None:
    if not isinstance(found, str) or not 0 < len(found) <= MAX_NAME_CHARS:
        raise BadMessage(f"epoch: expected the journal's epoch, found {shown(found)}")
    if found != ours:
        raise StaleEpoch("epoch: of another journal")


def _stage(value: Any) -> Stage:
    try:
        return Stage(value)
    except ValueError:
        raise BadMessage(f"stage: expected one of {', '.join(Stage)}, found {shown(value)}") from None


def _seqs(value: Any) -> tuple[int, ...]:
    if whole(value):
        return (value,)
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_ACKED:
        raise BadMessage(f"seq: expected a list of 1 to {MAX_ACKED} numbers")
    for seq in value:
        if not whole(seq):
            raise BadMessage(f"seq: expected positive whole numbers, found {shown(seq)}")
    return tuple(dict.fromkeys(value))


def _alarm(value: Any) -> int | str:
    if whole(value):
        return int(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return _text("alarm", value)


def _text(what: str, value: Any) -> str:
    if isinstance(value, str) and 0 < len(value) <= MAX_NAME_CHARS and value.isprintable():
        return value
    raise BadMessage(f"{what}: expected a text of 1 to {MAX_NAME_CHARS} characters, found {shown(value)}")

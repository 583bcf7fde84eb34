"""What comes down from the platform: `BadMessage`, or something the journal can keep and the controller can take."""

from __future__ import annotations

import json

from fuzz_rig import raises_only

from gateway.journal.encoding import dump
from gateway.journal.encoding import load as load_row
from gateway.observations import Kind, check_value
from gateway.upstream.messages import (
    MAX_ACKED,
    MAX_SEQ,
    BadMessage,
    Received,
    Stage,
    StageReached,
    parse_ack,
    parse_command,
    received,
    stage_reached,
)

JSON = True
EPOCH = "feedfacefeedface"


def seeds() -> list[bytes]:
    return [
        received(EPOCH, [1, 2, 3]),
        received("0123456789abcdef", [1]),
        stage_reached(7, Stage.ACCEPTED, "desk-3"),
        stage_reached("7", Stage.CLOSED, "desk-3", "HELPED", EPOCH),
        json.dumps({"cmd": "visit", "id": "c-1", "epoch": EPOCH, "args": {"a": [1, 2.5, None, True]}}).encode(),
    ]


def one_input(data: bytes) -> None:
    word = raises_only((BadMessage,), lambda: parse_ack(data, EPOCH))
    if isinstance(word, Received):
        assert 1 <= len(word.seqs) <= MAX_ACKED
        assert all(0 < s < MAX_SEQ for s in word.seqs)
    elif isinstance(word, StageReached):
        value = {"stage": word.stage.value, "alarm": word.alarm, "by": word.by, "outcome": word.outcome}
        assert load_row(dump(check_value(Kind.ACK, value))) == value
    command = raises_only((BadMessage,), lambda: parse_command(data, EPOCH))
    if command is not None:
        assert load_row(dump(check_value(Kind.COMMAND, command))) == command
        str(command).encode()  # what a log line makes of it

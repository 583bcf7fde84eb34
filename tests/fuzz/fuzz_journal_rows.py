"""Rows of the journal and the registry's file, their checksum right and their content anything: `BadRow` and its kin.

A row of another version of ours is such a row: it may be left out, it may not stop the gateway.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

from fuzz_rig import raises_only

from gateway.actions import Publish, Say, Text, to_json
from gateway.home.storage import _Damaged, _header, _unsealed
from gateway.journal.encoding import ActionRow, BadRow, dump, read_action, read_log, read_message, unpack_state
from gateway.journal.entry import Mark, OutboxRow
from gateway.upstream.messages import upward

JSON = True


def seeds() -> list[bytes]:
    body = {"alarm": 1, "code": "CALL_FIXED", "severity": "P0", "state": "RAISED", "reason": "pressed"}
    event = {"alarm": 1, "t": 5, "what": "opened", "reason": "pressed", "state": "DETECTED", "timers": {"raise": 9}}
    rows: tuple[Any, ...] = (
        {"kind": "button", "value": "press", "wall": 5, "trust": "NTP", "device": "b", "key": "k", "events": [event]},
        {"kind": "reply", "value": {"contact": "c1", "answer": "1"}, "wall": 5, "trust": "NONE", "late": True},
        to_json(Publish("k", "alarm", body, "P0", 1)),
        to_json(Say("k", "V01", {"n": 10}, 1, "P0")),
        to_json(Text("k", "c1", "S01", {"time": "08:15"}, 1, "P0")),
        {"state": {"version": 1}, "at": [5, "NTP"]},
        {"home": {"1": {"id": "r1"}}},
    )
    return [dump(row) for row in rows]


def one_input(data: bytes) -> None:
    row = raises_only((BadRow,), lambda: read_log(5, data))
    if row is not None:
        observation, events, mark = row
        assert isinstance(mark, Mark)
        assert isinstance(mark.wall_ms, int)
        assert all(isinstance(e, dict) for e in events)
        assert observation.device is None or isinstance(observation.device, str)
    for seq in (None, 7):
        stored = ActionRow(1, 0, seq, "publish", 5, data)
        raises_only((BadRow,), lambda row=stored: read_action(row))
        message = raises_only((BadRow,), lambda row=stored: read_message(row))
        if isinstance(message, OutboxRow):
            channel, sent = upward(message, gateway="g1", epoch="feedface", late=False)
            assert json.loads(sent)["seq"] == 7
            assert channel
    raises_only((BadRow,), lambda: unpack_state(5, zlib.compress(data)))
    raises_only((BadRow,), lambda: unpack_state(5, data))
    raises_only((_Damaged,), lambda: _unsealed(data))
    tables = raises_only((_Damaged,), lambda: _unsealed(_header(data) + data))
    assert tables is None or isinstance(tables, dict)

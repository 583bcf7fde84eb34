"""`hearthwatch decode`: frames in, one line of JSON out for each, in order, while they come.

Knows the protocols' names and where their decoders live; knows no protocol.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final

import click

MAX_LINE_BYTES: Final = 1 << 20  # as a recording's line; no frame comes near

PROTOCOLS: Final = {
    "bthome": ("gateway.drivers.ble.bthome", "decode_bthome"),
    "dlt645": ("gateway.drivers.meters.dlt645", "decode_dlt645"),
    "sms-pdu": ("gateway.drivers.modem.pdu", "decode_sms_pdu"),
}
KEYED: Final = frozenset({"bthome"})


@click.command("decode")
@click.option("--mac", help="The sender's address: sealed frames are bound to it.")
@click.option("--key", help="The device's bind key, 32 hex digits.")
@click.argument("protocol", type=click.Choice(list(PROTOCOLS)))
@click.argument("frames", metavar="FRAME…|-", nargs=-1, required=True)
def command(protocol: str, frames: tuple[str, ...], mac: str | None, key: str | None) -> None:
    """Decodes frames in hex; with - the lines of standard input. Exit 2 if any was bad."""
    module, function = PROTOCOLS[protocol]
    decode = getattr(importlib.import_module(module), function)
    extra = {"mac": mac, "key": key} if protocol in KEYED else {}
    bad = 0
    for frame in _lines(frames, sys.stdin.buffer):
        answer = {"ok": False, "error": f"line longer than {MAX_LINE_BYTES} bytes"}
        if frame is not None:
            answer = {"ok": True, **decode(frame, **extra)}
        bad += not answer["ok"]
        sys.stdout.write(json.dumps(_plain(answer), ensure_ascii=False, allow_nan=False) + "\n")
        sys.stdout.flush()  # a reader at the other end of a pipe sees each line at once
    sys.exit(2 if bad else 0)


def _lines(frames: Iterable[str], standard_input: IO[bytes]) -> Iterator[str | None]:
    """Each non-blank frame; None for one that is too long to be kept."""
    for frame in frames:
        if frame != "-":
            if frame.strip():
                yield frame.strip()
            continue
        while line := standard_input.readline(MAX_LINE_BYTES + 1):
            if len(line) > MAX_LINE_BYTES:
                while not line.endswith(b"\n") and (line := standard_input.readline(MAX_LINE_BYTES)):
                    pass
                yield None
            elif text := line.decode("utf-8", "replace").strip():
                yield text


def _plain(value: Any) -> Any:
    """The value with null for what is not a number: JSON has none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value

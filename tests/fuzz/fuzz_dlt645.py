"""DL/T 645: frames or named refusals, however the stream is cut; items or `BadData`; the PyPI `dlt645` sees the same.

The first byte says how the rest is cut.
"""

from __future__ import annotations

from dlt645.protocol.protocol import DLT645Protocol
from fuzz_rig import raises_only

from gateway.drivers.meters.dlt645 import MAX_FRAME, PREAMBLE, Decoder, Frame, Refused, build, decode_dlt645, readings
from gateway.drivers.meters.dlt645_items import BadData, readings_1997, readings_2007

ITEMS_2007 = (
    0x00010000, 0x0001FF00, 0x02010100, 0x0201FF00, 0x02020100, 0x02030000, 0x0203FF00, 0x02060100, 0x02800002,
    0x04000101, 0x04000102, 0x04000401, 0x0400040F,
)  # fmt: skip
ITEMS_1997 = (0x9010, 0xB611, 0xB630, 0xC010, 0xC011, 0xC032)


def seeds() -> list[bytes]:
    made = [build("123456789012", 0x91, di.to_bytes(4, "little") + bytes(range(1, 5))) for di in ITEMS_2007]
    made += [build("123456789012", 0x81, di.to_bytes(2, "little") + b"\x12\x34\x56") for di in ITEMS_1997]
    made += [build("123456789012", 0xD1, b"\x02"), build("A" * 12, 0x13), b"\x68" * 30]
    return [b"\x00" + made[0], *[bytes([i]) + frame for i, frame in enumerate(made)], b"\x07" + made[0] * 3]


def one_input(data: bytes) -> None:
    cut, wire = data[:1], data[1:]
    whole = Decoder()
    found = whole.feed(wire) + whole.silence()
    pieces = Decoder()
    again: list[Frame | Refused] = []
    step = 1 + (cut[0] if cut else 0)
    for at in range(0, len(wire), step):
        again += pieces.feed(wire[at : at + step])
        assert pieces.pending <= MAX_FRAME
    again += pieces.silence()
    assert again == found
    assert whole.pending == pieces.pending == 0
    assert len(found) <= len(wire)
    for each in found:
        if isinstance(each, Frame):
            raises_only((BadData,), lambda frame=each: readings(frame))
            _second_opinion(each)
    assert decode_dlt645(wire[:300].hex())["ok"] in (True, False)
    assert decode_dlt645(wire[:300].decode("latin-1"))["ok"] in (True, False)
    di = int.from_bytes(wire[:4], "little")
    raises_only((BadData,), lambda: readings_2007(di, wire[4:300]))
    raises_only((BadData,), lambda: readings_1997(di & 0xFFFF, wire[4:300]))


def _second_opinion(frame: Frame) -> None:
    """An independent decoder reads the same control code and data out of the frame built anew."""
    if not frame.address.isdecimal():
        return
    theirs = DLT645Protocol.deserialize(build(frame.address, frame.control, frame.data)[len(PREAMBLE) :])
    assert theirs is not None
    assert (theirs.ctrl_code, bytes(theirs.data)) == (frame.control, frame.data)

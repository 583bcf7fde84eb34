"""SMS PDUs, one a line in hex, and their reassembly: a message or `BadPdu`; nothing is lost, nothing grows.

Read as a text, the same octets are sent and come back: as SMS-SUBMIT, and as the SMS-DELIVER a network makes of it.
"""

from __future__ import annotations

from fuzz_rig import raises_only

from gateway.drivers.modem.encode import MAX_PARTS, encode_submit
from gateway.drivers.modem.pdu import BadPdu, Deliver, Submit, decode_pdu, decode_sms_pdu, whole
from gateway.drivers.modem.reassembly import MAX_OPEN, MAX_PARTS_IN, Reassembler

MAX_TEXT = 160


def seeds() -> list[bytes]:
    long = [p.hex for p in encode_submit("+8613800000001", "好" * 150, reference=9)]
    delivered = [deliver(p) for p in long]
    return [
        b"07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07",
        b"0891683108200505F0240D91683108000010F00008620103218041320231",  # UCS-2 "1"... as a modem lists it
        b"079144872000626044000C9144775400001000008001101091000021" + b"050003CC0201" + b"906536FB0DBABFE56C32",
        b"00060B0B813108108300F062010321804132620103218041320" + b"00",
        *[p.encode() for p in long],
        "\n".join(delivered).encode(),
        "\n".join(reversed(delivered + delivered[:1])).encode(),
    ]


def deliver(submit: str) -> str:
    """The SMS-DELIVER that a network makes of our SMS-SUBMIT."""
    data = bytes.fromhex(submit)
    first, address = data[1], data[3 : 3 + 2 + (data[3] + 1) // 2]
    rest = data[3 + len(address) :]  # protocol, coding, validity, length, text
    return (b"\0" + bytes([first & 0x40 | 4]) + address + rest[:2] + bytes(7) + rest[3:]).hex()


def one_input(data: bytes) -> None:
    _there_and_back(data.decode("utf-16-be", "surrogatepass" if len(data) % 2 == 0 else "ignore"))
    text = data.decode("latin-1")
    assert decode_sms_pdu(text)["ok"] in (True, False)
    box = Reassembler(60.0)
    went_in, came_out = 0, []
    for number, line in enumerate(text.split("\n")):
        message = raises_only((BadPdu,), lambda pdu=line: decode_pdu(pdu))
        if isinstance(message, Deliver | Submit):
            whole(message.text).encode()
            assert len(message.text) <= MAX_TEXT
            assert len(message.number) <= 21
        if isinstance(message, Deliver):
            went_in += 1
            came_out += box.add(message, ("SM", number), float(number))
            assert len(box._open) <= MAX_OPEN
    came_out += box.expire(float("inf"))
    assert box.due is None
    assert sum(len(m.slots) for m in came_out) == went_in  # each stored part is handed over, to be deleted
    assert all(len(m.text) <= MAX_TEXT * MAX_PARTS_IN for m in came_out)


def _there_and_back(text: str) -> None:
    try:
        parts = encode_submit("+8613800000001", text, reference=7)
    except ValueError:
        assert len(text) > 67 * MAX_PARTS // 2  # a surrogate pair is two units
        return
    sent = [decode_pdu(p.hex) for p in parts]
    assert whole("".join(m.text for m in sent if isinstance(m, Submit))) == whole(text)
    box = Reassembler(60.0)
    received = [m for p in parts if isinstance(d := decode_pdu(deliver(p.hex)), Deliver) for m in box.add(d, None, 0.0)]
    assert [(m.number, m.text, m.complete) for m in received] == [("+8613800000001", whole(text), True)]

"""The AT engine: any bytes are events, however they are cut; at most one final result a command, a bounded buffer.

The first byte chooses the pending command, the second how the rest is cut. What reads the lines is fed too.
"""

from __future__ import annotations

from fuzz_rig import raises_only

from gateway.drivers.modem.at import MAX_LINE, AtEngine, Bare, Command, Ended, Event, Info, Prompt, Urc
from gateway.drivers.modem.cell import Registration, signal_dbm
from gateway.drivers.modem.errors import classify
from gateway.drivers.modem.inbox import _listed
from gateway.drivers.modem.pdu import BadPdu, decode_pdu

COMMANDS = (
    Command("AT+CMGS=20", "+CMGS", prompt=True),
    Command("AT+CMGL=4", "+CMGL", bare=Bare.PDU),
    Command("ATI", bare=Bare.ANY),
    Command("AT+CREG?", "+CREG"),
    Command("AT+CSQ", "+CSQ"),
    Command("ATD13800000001;"),
    None,
)


def seeds() -> list[bytes]:
    lines = (
        b"AT+CMGS=20\r\r\n> 0011\x1a\r\n+CMGS: 7\r\n\r\nOK\r\n",
        b"\r\n+CMGL: 1,1,,23\r\n07916831\r\n+CMGL: 2,1,,3\r\n00\r\nOK\r\n",
        b"SIMCOM\r\nRevision: 1\r\n\r\nOK\r\n",
        b"\r\n+CREG: 1\r\n+CREG: 0,1\r\nOK\r\n",
        b'\r\n+CSQ: 21,99\r\n\r\nOK\r\n+CMTI: "SM",3\r\n',
        b'RING\r\nNO CARRIER\r\n+CLIP: "13800000001",129\r\n',
        b"\r\n+CMT: ,23\r\n07911326040000F0\r\n+CMS ERROR: 331\r\n+CME ERROR: SIM busy\r\nRDY\r\nERROR\r\n",
    )
    return [bytes([which, step]) + line for which, line in enumerate(lines) for step in (0, 2)]


def one_input(data: bytes) -> None:
    head, wire = data[:2].ljust(2, b"\0"), data[2:]
    command = COMMANDS[head[0] % len(COMMANDS)]
    whole = _conversation(command, wire, len(wire) or 1)
    pieces = _conversation(command, wire, 1 + head[1] % 64)
    assert pieces == whole
    assert len(whole) <= len(wire) + 1
    assert sum(isinstance(e, Ended) for e in whole) <= (command is not None)
    for event in whole:
        _consume(event)
    list(_listed([e.line for e in whole if isinstance(e, Info)]))


def _conversation(command: Command | None, wire: bytes, step: int) -> list[Event]:
    engine = AtEngine()
    if command is not None:
        engine.begin(command, 0.0, 5.0)
    else:
        engine.probe()
    events: list[Event] = []
    for at in range(0, len(wire), step):
        events += engine.receive(wire[at : at + step])
        assert len(engine._buffer) <= MAX_LINE
        assert engine.probes_owed >= 0
    engine.advance(10.0)
    assert engine.pending is None
    return events


def _consume(event: Event) -> None:
    if isinstance(event, Ended):
        assert classify(event.result, event.number).text
    elif isinstance(event, Urc):
        Registration().read(event.name, event.fields, asked=False)
        if event.pdu is not None:
            raises_only((BadPdu,), lambda: decode_pdu(event.pdu or ""))
    elif isinstance(event, Info):
        fields = event.line.partition(":")[2]
        Registration().read("+CREG", fields, asked=True)
        signal_dbm(fields)
    else:
        assert isinstance(event, Prompt) or event

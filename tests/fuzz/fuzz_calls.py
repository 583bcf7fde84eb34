"""What a modem says about a call: any line is a call, a key, a caller or nothing; every ending has an outcome."""

from __future__ import annotations

from gateway.drivers.modem.at import AtEngine, Info, Urc
from gateway.drivers.modem.call_words import KEYS, CallEnd, caller, ending_of, key_of, standing_calls
from gateway.drivers.modem.cell import ussd_text
from gateway.drivers.modem.errors import RETRY_AFTER_S


def seeds() -> list[bytes]:
    return [
        b'+CLCC: 1,0,0,0,0,"13800138000",129\r\n+CLCC: 2,1,4,0,0,"+8613800138000",145,""\r\n',
        b"+QTONEDET: 49\r\n+RXDTMF: 1\r\n+DTMF: #\r\n+QTTS: 0\r\n+CTTS: 0\r\nVOICE CALL: BEGIN\r\n",
        b'RING\r\n+CLIP: "+8613800138000",145,,,,0\r\nNO CARRIER\r\nBUSY\r\nNO ANSWER\r\n',
        b"+CEER: 5,17\r\n+CEER: User busy\r\n+CEER: No cause information available\r\n",
        b'+CUSD: 0,"60A876844F59989D4E3A",72\r\n+CUSD: 2\r\n',
    ]


def one_input(data: bytes) -> None:
    engine = AtEngine()
    for event in engine.receive(data):
        if not isinstance(event, Urc):
            continue
        key, number = key_of(event), caller(event.fields)
        assert key is None or (len(key) == 1 and key in KEYS)
        assert number is None or len(number) <= 24
        assert len(ussd_text(event.fields)) <= 160
    lines = [line.decode("latin-1") for line in data.splitlines()]
    for call in standing_calls(lines):
        assert 0 <= call.stat <= 5
    for line in lines:
        for word in ("NO CARRIER", "BUSY", line):
            ending = ending_of(word, line, alerted=len(line) % 2 == 0)
            assert ending.end in CallEnd
            assert ending.end is not CallEnd.ANSWERED  # only CLCC proves that
            assert ending.cause is None or ending.cause in RETRY_AFTER_S
    assert not any(isinstance(e, Info) for e in engine.receive(b"\r\n"))

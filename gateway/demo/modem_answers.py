"""What the virtual modem answers to each AT command: its settings, SIM, registration and message stores.

Knows 27.007 and 27.005 as far as our driver and gammu go. Knows no port and no network; `virtual_modem` has those.
"""

from __future__ import annotations

import re
from typing import Final

MAX_STORED: Final = 50  # messages a SIM holds
MAX_LOG: Final = 10_000
_IDENTITY: Final = {
    "+CGMI": "Quectel", "+GMI": "Quectel", "+CGMM": "EC20F", "+GMM": "EC20F", "+CGMR": "EC20CEFAGR06A03M4G",
    "+GMR": "EC20CEFAGR06A03M4G", "+CGSN": "861234567890123", "+GSN": "861234567890123", "+CIMI": "460001234567890",
}  # fmt: skip
_QUIET_OK: Final = frozenset(
    {
        "+CLIP", "+COLP", "+CRC", "+CLVL", "+CCLK", "+CTZU", "+CSDH", "+CMMS", "+CNMA", "+CGATT", "+CGREG",
        "+CRSL", "+CSSN", "+CSMP", "+CPBS", "+CGEREP", "+CFUN", "+CCFC",
    }
)  # fmt: skip


class ModemAnswers:
    """The firmware's mind. `say` and `raw` put its words on a wire; a subclass has one."""

    def __init__(self) -> None:
        self.commands: list[str] = []  # what was asked of it, newest last
        self.stores: dict[str, dict[int, str]] = {"SM": {}, "ME": {}}
        self.pin = "1234"
        self._sim = "READY"
        self._stat = 1
        self._settings()

    def _settings(self) -> None:
        """What a power cycle forgets."""
        self._buffer = bytearray()
        self._expect: int | None = None  # TPDU octets of the message that is being typed
        self._echo, self._pdu_mode, self._error_form = True, True, 0
        self._new = [0, 0, 0, 0, 0]  # AT+CNMI
        self._tell = {"+CREG": 0, "+CEREG": 0}
        self._store = "SM"

    def raw(self, data: bytes) -> None:
        """Bytes on the wire, as they are."""
        raise NotImplementedError

    def _say(self, text: str) -> None:
        """A line on the wire, unless the firmware hangs."""
        raise NotImplementedError

    def _dial(self, line: str) -> bool:
        """Carries out a line of the telephone (ATD, ATA, ATH); whether it was one. `modem_calls` has it."""
        raise NotImplementedError

    def _ok(self, *lines: str) -> None:
        for line in lines:
            self._say(line)
        self._say("OK")

    def _cme(self, number: int) -> None:
        self._say(f"+CME ERROR: {number}" if self._error_form else "ERROR")

    def _command(self, line: str) -> None:
        self.commands = [*self.commands[-MAX_LOG:], line]
        upper = line.upper()
        if self._dial(line):
            return None
        match = re.match(r"AT(\+[A-Z0-9]+)", upper)
        if match is None:
            if upper in ("ATE0", "ATE1"):
                self._echo = upper == "ATE1"
            return self._ok() if re.match(r"AT($|[EZVXISH&])", upper) else self._cme(3)
        name, rest = match[1], line[match.end() :]
        handler = getattr(self, "_at_" + name[1:].lower(), None)
        if name in _IDENTITY:
            return self._ok() if rest else self._ok(_IDENTITY[name])
        if handler is not None:
            handler(rest)
        elif name in _QUIET_OK:
            self._ok()
        else:
            self._cme(4)
        return None

    def _at_cmee(self, rest: str) -> None:
        if rest[:1] == "=" and rest[1:].isdigit():
            self._error_form = int(rest[1:])
        self._ok()

    def _at_cpin(self, rest: str) -> None:
        if rest.startswith("="):
            if self._sim == "SIM PIN" and rest[1:].strip('"') == self.pin:
                self._sim = "READY"
                return self._ok()
            return self._cme(16)
        return self._cme(10) if self._sim == "MISSING" else self._ok(f"+CPIN: {self._sim}")

    def _at_csq(self, rest: str) -> None:
        self._ok("+CSQ: (0-31,99),(0-7,99)" if rest == "=?" else "+CSQ: 21,99")

    def _at_creg(self, rest: str, name: str = "+CREG") -> None:
        if rest == "?":
            return self._ok(f"{name}: {self._tell[name]},{self._stat}")
        if rest == "=?":
            return self._ok(f"{name}: (0-2)")
        self._tell[name] = int(rest[1:]) if rest[1:].isdigit() else 0
        return self._ok()

    def _at_cereg(self, rest: str) -> None:
        self._at_creg(rest, "+CEREG")

    def _at_cops(self, rest: str) -> None:
        self._ok(*['+COPS: 0,0,"CHINA MOBILE",7'] if rest == "?" else [])

    def _at_cscs(self, rest: str) -> None:
        self._ok(*{"?": ['+CSCS: "GSM"'], "=?": ['+CSCS: ("GSM","IRA","UCS2")']}.get(rest, []))

    def _at_csca(self, rest: str) -> None:
        self._ok(*['+CSCA: "+8613800100500",145'] if rest == "?" else [])

    def _at_csms(self, rest: str) -> None:
        self._ok({"?": "+CSMS: 1,1,1,1", "=?": "+CSMS: (0,1)"}.get(rest, "+CSMS: 1,1,1"))

    def _at_cmgf(self, rest: str) -> None:
        if rest in ("?", "=?"):
            return self._ok("+CMGF: (0,1)" if rest == "=?" else f"+CMGF: {int(not self._pdu_mode)}")
        if rest != "=0":  # gammu falls back to PDU mode, which is the one worth testing
            return self._cme(4)
        return self._ok()

    def _at_cnmi(self, rest: str) -> None:
        if rest in ("?", "=?"):
            return self._ok("+CNMI: " + ("(0-2),(0-3),(0,2),(0-2),(0,1)" if rest == "=?" else _joined(self._new)))
        values = [int(v) for v in rest[1:].split(",") if v.isdigit()]
        self._new = (values + self._new[len(values) :])[:5]
        return self._ok()

    def _at_cpms(self, rest: str) -> None:
        if rest == "=?":
            return self._ok('+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")')
        if self._sim == "MISSING":
            return self._say("+CMS ERROR: 310")
        if rest.startswith("="):
            self._store = rest[1:].split(",")[0].strip('"')
            if self._store not in self.stores:
                self._store = "SM"
                return self._say("+CMS ERROR: 302")
        used = f"{len(self.stores[self._store])},{MAX_STORED}"
        named = f'"{self._store}",{used}'
        return self._ok("+CPMS: " + ",".join([named if rest == "?" else used] * 3))

    def _at_cmgs(self, rest: str) -> None:
        if not rest[1:].isdigit():
            return self._say("+CMS ERROR: 304")
        self._expect = int(rest[1:])
        self.raw(b"\r\n> ")
        return None

    def _at_cmgl(self, rest: str) -> None:
        if rest == "=?":
            return self._ok("+CMGL: (0-4)")
        stored = sorted(self.stores[self._store].items())
        return self._ok(*[f"+CMGL: {i},{_status(pdu)},,{tpdu_octets(pdu)}\r\n{pdu}" for i, pdu in stored])

    def _at_cmgr(self, rest: str) -> None:
        pdu = self.stores[self._store].get(int(rest[1:] or 0))
        if pdu is None:
            return self._say("+CMS ERROR: 321")
        return self._ok(f"+CMGR: {_status(pdu)},,{tpdu_octets(pdu)}\r\n{pdu}")

    def _at_cmgd(self, rest: str) -> None:
        if rest == "=?":
            return self._ok(f"+CMGD: ({_joined(sorted(self.stores[self._store]))}),(0-4)")
        self.stores[self._store].pop(int(rest[1:].split(",")[0]), None)
        return self._ok()


def tpdu_octets(pdu: str) -> int:
    """The length a modem states for a PDU: without the SMSC octets."""
    return len(pdu) // 2 - 1 - int(pdu[:2] or "0", 16)


def _status(pdu: str) -> int:
    """27.005 3.1: 0 received and unread, 3 stored and sent (an SMS-SUBMIT)."""
    first = 2 * (1 + int(pdu[:2] or "0", 16))
    return 3 if pdu[first : first + 2] and int(pdu[first : first + 2], 16) & 3 == 1 else 0


def _joined(values: list[int]) -> str:
    return ",".join(map(str, values))

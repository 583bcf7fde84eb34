"""The virtual modem, telling what happens on its wire at the moment it happens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evidence import Point

from gateway.demo.modem_calls import PhoneCall
from gateway.demo.virtual_modem import VirtualModem


class WatchedModem(VirtualModem):
    """`nears` is told just before a moment comes, `reached` when it has come."""

    def __init__(self, link: Path, reached: Callable[[Point], None], nears: Callable[[Point], None]) -> None:
        super().__init__(link)
        self.reached, self.nears = reached, nears
        self.asked: list[str] = []  # PDUs

    @property
    def wire(self) -> int:
        """The modem's end of the line."""
        return self._master

    def _at_cmgs(self, rest: str) -> None:
        self.reached(Point.PROMPT)
        super()._at_cmgs(rest)

    def _submit(self, pdu: str, octets: int) -> None:
        self.asked.append(pdu)
        super()._submit(pdu, octets)
        self.reached(Point.ASKED)

    def _settle(self, pdu: str, octets: int) -> None:
        self.nears(Point.ANSWERED)
        super()._settle(pdu, octets)
        self.reached(Point.ANSWERED)

    @property
    def in_call(self) -> bool:
        """Whether a call stands, ringing or answered."""
        return self._standing() is not None

    def _begin(self, call: PhoneCall) -> None:
        super()._begin(call)
        self.reached(Point.RINGS)

    def _at_qtts(self, rest: str) -> None:
        super()._at_qtts(rest)
        if rest.startswith("=1"):
            self.reached(Point.SPEAKS)

    def press(self, key: str) -> None:
        """The far end presses a key."""
        super().press(key)
        self.reached(Point.KEYED)

"""What a CME or CMS error means for a message, as data: whose fault, in words, and when to try again.

Sources: 3GPP TS 27.005 3.2.5 (CMS), TS 24.011 E-2 (1-127), TS 23.040 9.2.3.22 (128-255), TS 27.007 9.2 (CME).
512 and above are the makers'; 512-515 are read as most of them do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.drivers.modem.at import Result


class Cause(StrEnum):
    """Whose fault it is; decides whether to try again, and when."""

    NETWORK = "network"  # congested, out of order, no cover: passes
    NUMBER = "number"  # unassigned, barred, malformed: does not pass
    SUBSCRIPTION = "subscription"  # our SIM may not send: out of credit, barred, no SMS booked
    SIM = "sim"  # missing, locked, broken
    MEMORY = "memory"  # the modem's store is full
    BUSY = "busy"  # the modem is starting or at something else
    REFUSED = "refused"  # the modem or the network does not accept this message
    UNKNOWN = "unknown"


RETRY_AFTER_S: Final[dict[Cause, float | None]] = {
    Cause.NETWORK: 15.0,  # [P]: half of T-09's 30 s, so that two attempts fit into T-10's 60 s
    Cause.NUMBER: None,
    Cause.SUBSCRIPTION: 600.0,  # [P]: somebody may top the card up; the next contact must not wait for it
    Cause.SIM: 120.0,  # [P]: somebody may push the card in
    Cause.MEMORY: 5.0,  # the driver clears what it has handed over
    Cause.BUSY: 3.0,
    Cause.REFUSED: None,
    Cause.UNKNOWN: 30.0,  # T-09
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The meaning of one error. `retry_after_s` None: trying again cannot help."""

    cause: Cause
    text: str

    @property
    def retry_after_s(self) -> float | None:
        """Seconds after which another attempt makes sense."""
        return RETRY_AFTER_S[self.cause]


_CMS: Final[dict[int, tuple[Cause, str]]] = {
    1: (Cause.NUMBER, "unassigned number"),
    8: (Cause.SUBSCRIPTION, "barred by the operator"),
    10: (Cause.SUBSCRIPTION, "call barred"),
    17: (Cause.NETWORK, "network failure"),
    21: (Cause.REFUSED, "message rejected"),
    22: (Cause.NETWORK, "congestion"),
    27: (Cause.NETWORK, "destination out of service"),
    28: (Cause.SUBSCRIPTION, "unidentified subscriber"),
    29: (Cause.SUBSCRIPTION, "facility rejected"),
    30: (Cause.SUBSCRIPTION, "unknown subscriber"),
    38: (Cause.NETWORK, "network out of order"),
    41: (Cause.NETWORK, "temporary failure"),
    42: (Cause.NETWORK, "congestion"),
    47: (Cause.NETWORK, "resources unavailable"),
    50: (Cause.SUBSCRIPTION, "facility not subscribed"),
    69: (Cause.SUBSCRIPTION, "facility not implemented"),
    192: (Cause.NETWORK, "service centre busy"),
    193: (Cause.SUBSCRIPTION, "no service centre subscription"),
    194: (Cause.NETWORK, "service centre failure"),
    195: (Cause.NUMBER, "invalid number"),
    196: (Cause.NUMBER, "destination barred"),
    197: (Cause.REFUSED, "rejected as a duplicate"),
    208: (Cause.MEMORY, "SIM message store full"),
    209: (Cause.SIM, "SIM has no message store"),
    211: (Cause.MEMORY, "memory full"),
    212: (Cause.BUSY, "SIM toolkit busy"),
    300: (Cause.UNKNOWN, "modem failure"),
    301: (Cause.BUSY, "message service reserved"),
    302: (Cause.BUSY, "operation not allowed now"),
    303: (Cause.REFUSED, "operation not supported"),
    304: (Cause.REFUSED, "invalid PDU"),
    305: (Cause.REFUSED, "invalid text"),
    310: (Cause.SIM, "SIM not inserted"),
    311: (Cause.SIM, "SIM PIN required"),
    312: (Cause.SIM, "phone lock"),
    313: (Cause.SIM, "SIM failure"),
    314: (Cause.BUSY, "SIM busy"),
    315: (Cause.SIM, "SIM wrong"),
    316: (Cause.SIM, "SIM PUK required"),
    317: (Cause.SIM, "SIM PIN2 required"),
    318: (Cause.SIM, "SIM PUK2 required"),
    320: (Cause.MEMORY, "memory failure"),
    321: (Cause.MEMORY, "no such message"),
    322: (Cause.MEMORY, "memory full"),
    330: (Cause.SIM, "service centre number unknown: set it with AT+CSCA"),
    331: (Cause.NETWORK, "no network service"),
    332: (Cause.NETWORK, "network timeout"),
    500: (Cause.UNKNOWN, "unknown error"),
    512: (Cause.NETWORK, "network did not take the connection"),
    513: (Cause.NETWORK, "radio link failure"),
    514: (Cause.NETWORK, "network protocol failure"),
    515: (Cause.BUSY, "modem is starting"),
}
_CME: Final[dict[int, tuple[Cause, str]]] = {
    3: (Cause.BUSY, "operation not allowed now"),
    4: (Cause.REFUSED, "operation not supported"),
    5: (Cause.SIM, "phone lock"),
    10: (Cause.SIM, "SIM not inserted"),
    11: (Cause.SIM, "SIM PIN required"),
    12: (Cause.SIM, "SIM PUK required"),
    13: (Cause.SIM, "SIM failure"),
    14: (Cause.BUSY, "SIM busy"),
    15: (Cause.SIM, "SIM wrong"),
    16: (Cause.SIM, "incorrect PIN"),
    17: (Cause.SIM, "SIM PIN2 required"),
    18: (Cause.SIM, "SIM PUK2 required"),
    20: (Cause.MEMORY, "memory full"),
    23: (Cause.MEMORY, "memory failure"),
    30: (Cause.NETWORK, "no network service"),
    31: (Cause.NETWORK, "network timeout"),
    32: (Cause.SUBSCRIPTION, "network allows emergency calls only"),
}


def classify(result: Result, number: int | None) -> Verdict:
    """The verdict on a final result that is not OK. Unknown numbers are `Cause.UNKNOWN`: worth another attempt."""
    code = "" if number is None else f" {number}"
    table = {Result.CMS: _CMS, Result.CME: _CME}.get(result, {})
    cause, text = table.get(-1 if number is None else number, (Cause.UNKNOWN, "unknown error"))
    if result is Result.CMS and number is not None and cause is Cause.UNKNOWN and 128 <= number < 192:
        cause, text = Cause.REFUSED, "not accepted by the service centre"  # TP-FCS: protocol, data coding, class
    return Verdict(cause, f"{result}{code}: {text}")

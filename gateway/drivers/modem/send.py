"""One text to one number: refuses what must never be dialled, splits, hands over part by part, says how it went.

Knows the line and the error table. Does not decide who is texted, in which order or how often.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gateway.drivers.modem.at import Result
from gateway.drivers.modem.encode import SubmitPart, encode_submit
from gateway.drivers.modem.errors import Cause, classify
from gateway.drivers.modem.link import AtLink, PerhapsSent
from gateway.drivers.port import DriverFault
from gateway.home.numbers import is_emergency

RETRY_DOWN_S: Final = 5.0  # the modem is being restarted: about as long as that takes
RETRY_UNREGISTERED_S: Final = 15.0  # as for other network causes (errors.RETRY_AFTER_S)

_REFERENCE: Final = re.compile(r"\+CMGS:\s*(\d{1,3})\b")


@dataclass(frozen=True, slots=True)
class SmsResult:
    """How a text went. `sent`: the network took every part. `retry_after_s` None: trying again cannot help.

    `reference` is the network's (TP-MR), of each part that was taken, joined by commas, in a failure too.
    `perhaps`: the part that failed may have gone all the same; a retry may bring a second copy.
    """

    sent: bool
    reference: str | None = None
    reason: str = ""
    retry_after_s: float | None = None
    parts: int = 0
    parts_sent: int = 0
    perhaps: bool = False
    cause: Cause | None = None


def prepare(number: str, text: str, reference: int) -> tuple[SubmitPart, ...] | SmsResult:
    """The parts to send, or why this can never be sent. `reference` names the parts of a long message."""
    if is_emergency(number):
        return SmsResult(False, reason="an emergency number: the gateway never texts those", cause=Cause.REFUSED)
    try:
        return encode_submit(re.sub(r"[\s()-]", "", number), text, reference=reference)
    except ValueError as error:
        return SmsResult(False, reason=str(error), cause=Cause.REFUSED)


async def send_parts(link: AtLink, parts: tuple[SubmitPart, ...]) -> SmsResult:
    """Hands the parts to the network in order and stops at the first that it does not take. Never raises."""
    references: list[str] = []

    def failed(
        reason: str, retry_after_s: float | None, cause: Cause | None = None, perhaps: bool = False
    ) -> SmsResult:
        taken = len(references)
        told = f"{reason} ({taken} of {len(parts)} parts were taken)" if len(parts) > 1 else reason
        return SmsResult(False, ",".join(references) or None, told, retry_after_s, len(parts), taken, perhaps, cause)

    try:
        if len(parts) > 1:
            await link.command("AT+CMMS=1")  # keeps the radio link between parts (27.005 3.5.6); refusal is no matter
        for part in parts:
            reply = await link.submit(part.hex, part.tpdu_octets)
            if not reply.ok:
                verdict = classify(reply.result, reply.number)
                return failed(verdict.text, verdict.retry_after_s, verdict.cause)
            references.append(_reference(reply.lines))
    except PerhapsSent as fault:
        return failed(str(fault), RETRY_DOWN_S, perhaps=True)
    except DriverFault as fault:
        return failed(str(fault), RETRY_DOWN_S)
    return SmsResult(True, ",".join(references), str(Result.OK), None, len(parts), len(parts))


def _reference(lines: tuple[str, ...]) -> str:
    """The TP-MR of a `+CMGS: <mr>` line; "?" from a modem that says OK without one."""
    return next((m[1] for line in lines if (m := _REFERENCE.match(line))), "?")

"""The long absence: who went out, by the door or by their own word, and is not back (AWAY_TOO_LONG).

After a day, as a rule. Sooner, at the fixed limit of silence, where nobody can say that they went: they said so but
left the door open, or this home's door has proved a poor witness, for people turned up inside whom it had not let in.
It is the only word that is ever said of somebody who closed the door, stayed, and fell (docs/inactivity.md).
"""

from __future__ import annotations

from typing import Any, Final

from gateway.rules.inactivity.presence import Presence, Where
from gateway.rules.rule import Finding, Recovery

CODE: Final = "AWAY_TOO_LONG"
AWAY: Final = frozenset({Where.AWAY, Where.DECLARED_AWAY})


class LongAbsence:
    """One notice for each absence."""

    def __init__(self) -> None:
        self._notice_ms = 0
        self._limit_ms = 0
        self._door_alone = False  # a door without any witness inside tells of use, not of who is out: DOOR_NOT_USED
        self.noticed = False  # this absence

    def configure(self, notice_ms: int, limit_ms: int, *, door_alone: bool) -> None:
        """After how long nobody back is a notice, and after how long where it is doubtful that anybody went."""
        self._notice_ms, self._limit_ms, self._door_alone = notice_ms, limit_ms, door_alone

    def due(self, presence: Presence) -> int | None:
        """When the notice is due, if nobody comes back."""
        out = presence.out_since
        if out is None or self.noticed:
            return None
        if presence.where() not in AWAY or (self._door_alone and not presence.said_so):
            return None
        return out + self._after(presence)

    def _after(self, presence: Presence) -> int:
        doubtful = presence.where() is Where.AWAY and (presence.stands_open or presence.may_be_in)
        return min(self._limit_ms, self._notice_ms) if doubtful else self._notice_ms

    def found(self, presence: Presence, t: int, last_device: str | None) -> Finding:
        """Nobody is back at `t`."""
        out = presence.out_since
        assert out is not None
        self.noticed = True
        evidence: dict[str, Any] = {
            "out_min": (t - out) // 60_000,
            "limit_h": round(self._after(presence) / 3_600_000, 2),
            "last_sign": {"device": last_device},
        }
        if presence.where() is Where.AWAY and presence.may_be_in:
            evidence["turned_up_inside"] = presence.turned_up_share
        return Finding(CODE, t, "door_left_open" if presence.stands_open else "not_back", None, evidence)

    def back(self, reason: str) -> tuple[Recovery, ...]:
        """Somebody is back, or says so: a notice that is still asked about ends."""
        noticed, self.noticed = self.noticed, False
        return (Recovery(CODE, reason),) if noticed else ()

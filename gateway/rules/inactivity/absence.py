"""The long absence: who went out, by the door or by their own word, and is not back (AWAY_TOO_LONG).

After a day, as a rule. Sooner, at the fixed limit of silence, where nobody can say that they went: they said so but
left the door open, or this home's door has proved a poor witness, for people turned up inside whom it had not let in.
Sooner as well where the home has shown how long its people stay out (`usual_absence`), and never later than that day.
It is the only word that is ever said of somebody who closed the door, stayed, and fell (docs/inactivity.md).
"""

from __future__ import annotations

from typing import Any, Final

from gateway.parameters import Parameters
from gateway.rules.inactivity.presence import Presence, Where
from gateway.rules.inactivity.usual_absence import Terms, UsualAbsence
from gateway.rules.rule import Finding, Recovery

CODE: Final = "AWAY_TOO_LONG"
AWAY: Final = frozenset({Where.AWAY, Where.DECLARED_AWAY})
BY_THE_DOOR: Final = frozenset({Where.AWAY, Where.UNKNOWN})


class LongAbsence:
    """One notice for each absence; learns of those that end how long they usually are."""

    def __init__(self) -> None:
        self._limit_ms = 0
        self._door_alone = False  # a door without any witness inside tells of use, not of who is out: DOOR_NOT_USED
        self._learns = True
        self._terms = Terms(0, 0, 1.0, 0)
        self._usual = UsualAbsence()
        self._plain = False  # this absence began by the door, was not declared, and a return could have been seen
        self._longest = 0  # ms without a passage of the door, in this absence
        self._ended: tuple[int, int, bool] | None = None  # the last absence: its `_longest`, when, whether by the door
        self._wait_ms: int | None = None  # how long this one may last by what was learned
        self.noticed = False  # this absence

    def configure(self, parameters: Parameters, limit_ms: int, presence: Presence, *, door_alone: bool) -> None:
        """After how long nobody back is a notice; `limit_ms`: where it is doubtful that anybody went."""
        self._limit_ms, self._door_alone = limit_ms, door_alone
        self._learns = parameters["away.learned"] > 0
        self._terms = Terms(
            parameters.ms("away.learned_least_h"),
            parameters.ms("away.notice_h"),
            parameters["away.learned_margin"],
            int(parameters["away.learned_after_days"]),
        )
        self._judge(presence)

    # ---- what is learned

    def follow(self, presence: Presence, before: int | None, t: int) -> None:
        """What happened at `t` may have begun, prolonged or ended an absence; `before` it was one since then, or None.

        One that ended is learned when the next begins: until then the door may yet speak at the same moment, and show
        that it goes on (`Presence.rewind`).
        """
        now = presence.out_since
        if now == before:
            return
        if before is None:
            self._learn()
            self._plain, self._longest = presence.where() in BY_THE_DOOR, 0
        else:
            self._longest = max(self._longest, t - before)
            over = now is None and self._plain
            self._ended = (self._longest, t, presence.ended_by_door) if over else None
        self._judge(presence)

    def _learn(self) -> None:
        if self._ended is not None:
            length, t, by_door = self._ended
            self._usual.ended(length, t, by_door=by_door, most_ms=self._terms.most_ms)
        self._ended = None

    def unseen(self) -> None:
        """Somebody may be back unseen, guests are there, or it was declared: no absence to learn from or judge by."""
        self._plain, self._wait_ms = False, None

    def _judge(self, presence: Presence) -> None:
        out = presence.out_since
        judged = out is not None and self._plain and self._learns
        self._wait_ms = self._usual.wait_ms(out or 0, self._terms) if judged else None

    # ---- what is said

    def due(self, presence: Presence) -> int | None:
        """When the notice is due, if nobody comes back."""
        out = presence.out_since
        if out is None or self.noticed:
            return None
        if presence.where() not in AWAY or (self._door_alone and not presence.said_so):
            return None
        return out + self._after(presence)

    def _after(self, presence: Presence) -> int:
        wait = self._terms.most_ms if self._wait_ms is None else self._wait_ms
        doubtful = presence.where() is Where.AWAY and (presence.stands_open or presence.may_be_in)
        return min(self._limit_ms, wait) if doubtful else wait

    def found(self, presence: Presence, t: int, last_device: str | None) -> Finding:
        """Nobody is back at `t`."""
        out = presence.out_since
        assert out is not None
        self.noticed = True
        after = self._after(presence)
        evidence: dict[str, Any] = {
            "out_min": (t - out) // 60_000,
            "limit_h": round(after / 3_600_000, 2),
            "last_sign": {"device": last_device},
        }
        if presence.where() is Where.AWAY and presence.may_be_in:
            evidence["turned_up_inside"] = presence.turned_up_share
        elif after == self._wait_ms:
            evidence["usual"] = self._usual.told(out)
        return Finding(CODE, t, "door_left_open" if presence.stands_open else "not_back", None, evidence)

    def back(self, reason: str) -> tuple[Recovery, ...]:
        """Somebody is back, or says so: a notice that is still asked about ends."""
        noticed, self.noticed = self.noticed, False
        return (Recovery(CODE, reason),) if noticed else ()

    def told(self, t: int) -> dict[str, Any]:
        """For people: what was learned by `t`, and after how many hours an absence that began then is told of."""
        wait = self._usual.wait_ms(t, self._terms) if self._learns else None
        hours = (self._terms.most_ms if wait is None else wait) / 3_600_000
        return {"notice_h": round(hours, 1), "learned": wait is not None, **self._usual.told(t)}

    # ---- snapshot

    def to_json(self) -> dict[str, Any]:
        """This absence, and those of the last weeks."""
        return {
            "usual": self._usual.to_json(),
            "plain": self._plain,
            "longest": self._longest,
            "ended": None if self._ended is None else list(self._ended),
            "wait": self._wait_ms,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._usual.from_json(data["usual"])
        self._plain, self._longest = bool(data["plain"]), int(data["longest"])
        ended, wait = data["ended"], data["wait"]
        self._ended = None if ended is None else (int(ended[0]), int(ended[1]), bool(ended[2]))
        self._wait_ms = None if wait is None else int(wait)

"""Which rows go to the platform now, and when again: the policy in front of paho.

Pure: time comes as an argument (seconds of any monotonic clock). Knows rows by `seq` and holds no bodies: the journal
is the only keeper, so a row can be forgotten here without being lost. Must not know sockets, topics or JSON.

Rules kept here, each with a property test:
1. At most `size` rows hold a place, and at most `size` publishes wait for the broker's PUBACK. paho would keep any
   number in RAM, in FIFO order, and put them all on the wire after a reconnect (research 2.2).
2. A PUBACK gives no row up. Only `acked`, the platform's own word, does.
3. A new alarm overtakes everything: in a full window it takes the place of a row the broker already has.
4. An unacknowledged alarm goes again every 30 s sixteen times, then every 10 min (T-09), any other row every 10 min.
5. No platform acknowledgement for 30 s: the path has failed (T-08). Then alarms go on, of the rest one row at a time
   probes, after 30 s, 60 s, … 10 min. The first acknowledgement makes everything due again.
6. A broker may say that nobody listens (MQTT 5 only): it has thrown the row away. It goes again after 0.5, 1, 2, 4, 8,
   16 s, since after the restart of a broker that lost its sessions we may be back before the platform is; until then
   only alarms go.
7. A publish without PUBACK for 10 s is repeated; the second miss on a live socket drops the socket, since paho never
   sends again by itself. Missing platform acknowledgements do the same, at most every 10 min, then 20, 40, 60.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

ALARM: Final = 0
"""`prio` of P0 and P1 rows (actions.PRIORITY)."""

WINDOW: Final = 16  # research 2.4: of 300 un-acked rows 131 stood before an alarm; 16 is below any broker's own limit
MISSES_TO_DROP: Final = 2  # ack timeouts on one live socket (research 2.2)
ALARM_FAST_REPEATS: Final = 16  # T-09
UNHEARD_REPEATS: Final = 6  # 31.5 s; then the path counts as failed like any without acknowledgement (T-08)


@dataclass(frozen=True, slots=True)
class Timing:
    """The intervals of the policy, in seconds. Tests shorten them; the home does not set them."""

    puback_s: float = 10.0  # research 2.2: an alarm carries its own 10 s timeout towards the broker
    ack_s: float = 30.0  # T-08, and T-09's fast repeat
    slow_s: float = 600.0  # T-09's slow repeat; every other row's repeat
    ack_drop_cap_s: float = 3600.0  # a silent platform is not helped by reconnects, another broker might be
    unheard_s: float = 0.5  # the first of six doubling pauses, together about one `ack_s`
    settle_s: float = 60.0  # an acknowledged row stays out this long while the journal deletes it


@dataclass(slots=True)
class _Sent:
    """What is known of one row that was published."""

    alarm: bool
    attempts: int
    at: float  # last published
    due: float  # publish again, unless acknowledged
    mid: int | None  # the broker has not yet taken it under this id
    placed: bool  # holds a place in the window
    misses: int = 0  # ack timeouts on this connection


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `expire` found: whether to drop the socket and why."""

    drop: str | None = None


class Window:
    """The rows in flight. All methods are to be called from one thread."""

    def __init__(self, size: int = WINDOW, timing: Timing | None = None) -> None:
        self.size = size
        self.timing = timing or Timing()
        self.failed = False
        self._sent: dict[int, _Sent] = {}
        self._mids: dict[int, int] = {}  # mid -> seq; also of publishes that were repeated meanwhile
        self._settled: dict[int, float] = {}  # seq -> until, the oldest first
        self._hush_until = float("-inf")  # nobody listens: only alarms go
        self._hushes = 0
        self._probe_wait_s = self.timing.ack_s
        self._ack_drop_after = float("-inf")
        self._ack_drop_wait_s = self.timing.slow_s

    # The connection

    def connected(self, now: float, receive_maximum: int = WINDOW) -> None:
        """A new connection: nothing is on its wire, all is due at once. A broker may ask for a smaller window."""
        self.disconnected()
        self.size = max(1, min(WINDOW, receive_maximum))
        for sent in self._sent.values():
            sent.due = now

    def disconnected(self) -> None:
        """The wire is gone; what was on it may or may not have arrived."""
        self._mids.clear()
        for sent in self._sent.values():
            sent.mid, sent.placed, sent.misses = None, False, 0

    # Choosing

    def skip(self, now: float) -> frozenset[int]:
        """Rows the journal shall not offer now: in flight, not yet due again, or acknowledged and about to go.

        In a full window all that was ever sent: a new alarm must not hide behind old ones that are due.
        """
        full = self.in_flight >= self.size
        waiting = {seq for seq, sent in self._sent.items() if full or sent.placed or sent.due > now}
        return frozenset(waiting | {seq for seq, until in self._settled.items() if until > now})

    def admit(self, seq: int, prio: int, now: float) -> bool:
        """Whether this row may be published now. May take the place of another row for a new alarm (rule 3)."""
        sent = self._sent.get(seq)
        if self._settled.get(seq, now) > now or (sent is not None and (sent.placed or sent.due > now)):
            return False
        if len(self._mids) >= self.size:
            return False
        if prio != ALARM and (now < self._hush_until or (self.failed and any(not s.alarm for s in self._placed()))):
            return False
        if len(self._placed()) < self.size:
            return True
        return prio == ALARM and sent is None and self._make_place()

    def published(self, seq: int, prio: int, mid: int, now: float) -> None:
        """The row went out under this message id."""
        sent = self._sent.get(seq)
        attempts = 1 if sent is None else sent.attempts + 1
        fast = prio == ALARM and attempts <= ALARM_FAST_REPEATS
        due = now + (self.timing.ack_s if fast else self.timing.slow_s)
        misses = 0 if sent is None else sent.misses
        self._sent[seq] = _Sent(prio == ALARM, attempts, now, due, mid, placed=True, misses=misses)
        self._mids[mid] = seq

    def offered(self, seqs: Iterable[int], skipped: Collection[int]) -> None:
        """All that the journal had to offer beside `skipped`: other rows it no longer has, they are forgotten."""
        known = set(seqs)
        for seq in [s for s, sent in self._sent.items() if not sent.placed and s not in known and s not in skipped]:
            del self._sent[seq]

    # Hearing

    def puback(self, mid: int, taken: bool, now: float, *, heard: bool = True) -> int | None:
        """The broker answered a publish; returns its row. Refused (MQTT 5 only): the path has failed, the row stays.

        Not `heard` (MQTT 5 only): it had no subscriber for it (rule 6).
        """
        seq = self._mids.pop(mid, None)
        if seq is None:
            return None
        sent = self._sent.get(seq)
        if sent is not None and sent.mid == mid:
            sent.mid = None
            if not taken:
                sent.placed = False
            elif heard:
                self._heard(now)
            elif now < self._hush_until or self._hushes < UNHEARD_REPEATS:
                self._unheard(sent, now)
        if not taken:
            self.failed = True
        return seq

    def acked(self, seqs: Iterable[int], now: float) -> tuple[int, ...]:
        """The platform has these rows. Returns those that we did send: nobody can acknowledge what never went out."""
        ours = tuple(seq for seq in seqs if self._sent.pop(seq, None) is not None)
        for seq in ours:
            self._settled.pop(seq, None)
            self._settled[seq] = now + self.timing.settle_s
        if ours:
            self._heard(now)
            self._probe_wait_s = self.timing.ack_s
        if ours and self.failed:
            self.failed = False
            self._ack_drop_wait_s = self.timing.slow_s
            for sent in self._sent.values():
                sent.due = sent.due if sent.placed else min(sent.due, now)
        return ours

    def deleted(self, seqs: Iterable[int]) -> None:
        """The journal no longer has these acknowledged rows: nothing need be remembered of them."""
        for seq in seqs:
            self._settled.pop(seq, None)

    # Time

    def expire(self, now: float) -> Verdict:
        """Lets time pass: repeats become due, the path may fail, the socket may have to go."""
        for seq in [seq for seq, until in self._settled.items() if until <= now]:
            del self._settled[seq]
        drop: str | None = None
        for sent in self._placed():
            if sent.mid is not None and now >= sent.at + self.timing.puback_s:
                sent.placed, sent.due, sent.mid = False, min(sent.due, now), None
                sent.misses += 1
                if sent.misses >= MISSES_TO_DROP or len(self._mids) >= self.size:
                    drop = "the broker does not answer publishes"
            elif sent.mid is None and now >= sent.at + self.timing.ack_s:
                sent.placed = False
                sent.misses += 1
                self.failed = True
                self._probe(sent, now)
                if sent.misses >= MISSES_TO_DROP and now >= self._ack_drop_after:
                    self._ack_drop_after = now + self._ack_drop_wait_s
                    self._ack_drop_wait_s = min(2 * self._ack_drop_wait_s, self.timing.ack_drop_cap_s)
                    drop = drop or "the platform does not acknowledge"
        return Verdict(drop)

    def next_due(self, now: float) -> float | None:
        """The next future time at which `expire` or a new offer can change anything; None: only an event can."""
        times = [self._deadline(sent) for sent in self._sent.values()]
        times += [*self._first_settled(now), self._hush_until]
        return min((t for t in times if t > now), default=None)

    def _first_settled(self, now: float) -> Iterator[float]:
        """When the first row that is still kept out may come back, if any: the oldest are first."""
        return islice((until for until in self._settled.values() if until > now), 1)

    @property
    def in_flight(self) -> int:
        """Rows that hold a place."""
        return len(self._placed())

    @property
    def to_repeat(self) -> bool:
        """Whether any row was sent and lost its place: it goes again when it is due."""
        return any(not sent.placed for sent in self._sent.values())

    @property
    def unanswered(self) -> int:
        """Publishes without a PUBACK: what paho keeps in its own queue for us."""
        return len(self._mids)

    def _placed(self) -> list[_Sent]:
        return [sent for sent in self._sent.values() if sent.placed]

    def _deadline(self, sent: _Sent) -> float:
        if not sent.placed:
            return sent.due
        return sent.at + (self.timing.puback_s if sent.mid is not None else self.timing.ack_s)

    def _unheard(self, sent: _Sent, now: float) -> None:
        if now >= self._hush_until:
            self._hush_until = now + self.timing.unheard_s * 2.0**self._hushes
            self._hushes += 1
        sent.placed, sent.due = False, self._hush_until

    def _heard(self, now: float) -> None:
        """Somebody listens again: what was held back for that goes at once."""
        if now < self._hush_until:
            for sent in self._sent.values():
                sent.due = now if sent.due == self._hush_until else sent.due
        self._hush_until, self._hushes = float("-inf"), 0

    def _probe(self, sent: _Sent, now: float) -> None:
        """Makes this row the one that tries whether the platform is back, if none does."""
        waited = [s for s in self._sent.values() if not s.alarm and (s.placed or s.due <= now + self._probe_wait_s)]
        if not sent.alarm and not waited:
            sent.due = min(sent.due, now + self._probe_wait_s)
            self._probe_wait_s = min(2 * self._probe_wait_s, self.timing.slow_s)

    def _make_place(self) -> bool:
        """Takes the place of a row that the broker already has; others before alarms, the oldest first."""
        victims = [sent for sent in self._placed() if sent.mid is None]
        if not victims:
            return False
        min(victims, key=lambda sent: (sent.alarm, sent.at)).placed = False
        return True

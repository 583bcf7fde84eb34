"""Which messages wait for the platform, in the order they go: an index in memory, so that none is needed on disk.

Rebuilt at every start from rows whose CRC was checked. Owner thread only. Some 300 bytes a message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gateway.journal.encoding import DROPPABLE_PRIO, ActionRow, Part


class OutboxIndex:
    """Pending messages by priority, then seq. Actions that are not messages are known by count only."""

    def __init__(self) -> None:
        self._by_prio: dict[
            int, dict[int, int]
        ] = {}  # prio -> seq -> action id; seqs grow, so insertion order is theirs
        self._where: dict[int, tuple[int, int]] = {}  # action id -> (prio, seq)
        self._id_of: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._where)

    def add(self, row: ActionRow) -> None:
        """A message that is on disk now; anything but a message is ignored."""
        if row.seq is None:
            return
        self._by_prio.setdefault(row.prio, {})[row.seq] = row.id
        self._where[row.id] = (row.prio, row.seq)
        self._id_of[row.seq] = row.id

    def remove(self, action_id: int) -> None:
        """No longer on disk; an id that is no message is ignored."""
        if (where := self._where.pop(action_id, None)) is not None:
            prio, seq = where
            del self._by_prio[prio][seq]
            del self._id_of[seq]

    def apply(self, part: Part) -> None:
        """What the part, now durable, added and finished."""
        for row in part.actions:
            self.add(row)
        for seq in part.acked:
            if (action_id := self._id_of.get(seq)) is not None:
                self.remove(action_id)
        for action_id in part.done:
            self.remove(action_id)

    def id_of(self, seq: int) -> int | None:
        """The action id of a pending message."""
        return self._id_of.get(seq)

    def pending(self, skip: Collection[int]) -> Iterator[tuple[int, int]]:
        """(seq, action id) in the order to send. The index may change while this is iterated."""
        for prio in sorted(self._by_prio):
            for seq, action_id in list(self._by_prio[prio].items()):
                if seq not in skip:
                    yield seq, action_id

    def oldest_droppable(self, count: int) -> list[int]:
        """Action ids of the oldest messages that may be dropped to make room, the least important class first."""
        found: list[int] = []
        for prio in sorted(self._by_prio, reverse=True):
            if prio >= DROPPABLE_PRIO:
                found += list(self._by_prio[prio].values())[: count - len(found)]
        return found

"""What the platform keeps: each message once, and the last word of each gateway.

The only file here that knows SQL. Knows no MQTT and no clock. All methods are called from one thread at a time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_SCHEMA: Final = (
    "pragma journal_mode=wal",
    # An acknowledgement makes the gateway delete its row: what is acknowledged must survive a power cut.
    "pragma synchronous=full",
    """create table if not exists event(
        gateway text not null, epoch text not null, seq integer not null,
        channel text not null, body text not null, received_at text not null,
        primary key(gateway, epoch, seq)) without rowid""",
    """create table if not exists home(
        gateway text primary key, site text not null, epoch text, state text, boot text,
        heartbeat text, heartbeat_at text) without rowid""",
)


@dataclass(frozen=True, slots=True)
class Message:
    """A durable message of a gateway. (gateway, epoch, seq) names it for ever."""

    site: str
    gateway: str
    epoch: str
    seq: int
    channel: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Home:
    """The last that is known of one gateway."""

    gateway: str
    site: str
    epoch: str | None
    state: str | None
    boot: str | None
    heartbeat: dict[str, Any] | None
    heartbeat_at: str | None


class Store:
    """One SQLite file, or `:memory:`."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for statement in _SCHEMA:
            self._db.execute(statement)

    def close(self) -> None:
        self._db.close()

    def add(self, messages: Iterable[Message], received_at: str) -> list[bool]:
        """Stores in one transaction; for each whether it is new. A second delivery changes nothing."""
        self._db.execute("begin immediate")
        try:
            new = [self._add(message, received_at) for message in messages]
        except BaseException:  # whatever it was: an open transaction would refuse every message from here on
            self._db.execute("rollback")
            raise
        self._db.execute("commit")
        return new

    def set_state(self, gateway: str, site: str, state: str, boot: str) -> bool:
        """The gateway's birth or will; False if that was known."""
        known = self.home(gateway)
        if known is not None and (known.state, known.boot) == (state, boot):
            return False
        self._know(gateway, site)
        self._db.execute("update home set state=?, boot=? where gateway=?", (state, boot, gateway))
        return True

    def set_heartbeat(self, gateway: str, site: str, body: dict[str, Any], at: str) -> None:
        """The gateway's rule loop lives."""
        self._know(gateway, site)
        text = json.dumps(body, ensure_ascii=False)
        self._db.execute("update home set heartbeat=?, heartbeat_at=? where gateway=?", (text, at, gateway))

    def home(self, gateway: str) -> Home | None:
        row = self._db.execute(f"{_HOMES} where gateway=?", (gateway,)).fetchone()
        return None if row is None else _home(row)

    def homes(self) -> list[Home]:
        return [_home(row) for row in self._db.execute(f"{_HOMES} order by gateway")]

    def homes_at(self, site: str) -> int:
        """How many gateways of a site are known."""
        return int(self._db.execute("select count(*) from home where site=?", (site,)).fetchone()[0])

    def events(self, gateway: str | None = None) -> list[Message]:
        """All messages in the order of (gateway, epoch, seq)."""
        rows = self._db.execute(
            "select gateway, epoch, seq, channel, body from event where ?1 is null or gateway=?1", (gateway,)
        )
        return [Message("", name, epoch, seq, channel, json.loads(body)) for name, epoch, seq, channel, body in rows]

    def _add(self, message: Message, received_at: str) -> bool:
        body = json.dumps(message.body, ensure_ascii=False)
        cursor = self._db.execute(
            "insert or ignore into event values(?,?,?,?,?,?)",
            (message.gateway, message.epoch, message.seq, message.channel, body, received_at),
        )
        self._know(message.gateway, message.site)
        self._db.execute("update home set epoch=? where gateway=?", (message.epoch, message.gateway))
        return cursor.rowcount == 1

    def _know(self, gateway: str, site: str) -> None:
        self._db.execute(
            "insert into home(gateway, site) values(?,?) on conflict(gateway) do update set site=excluded.site",
            (gateway, site),
        )


_HOMES: Final = "select gateway, site, epoch, state, boot, heartbeat, heartbeat_at from home"


def _home(row: tuple[Any, ...]) -> Home:
    heartbeat = None if row[5] is None else json.loads(row[5])
    return Home(row[0], row[1], row[2], row[3], row[4], heartbeat, row[6])

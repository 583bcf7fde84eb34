"""The platform: store, then acknowledge. A reference of what any real platform has to do for "nothing is lost" to hold.

For each message: commit it (a second delivery has no second effect), then publish RECEIVED to the gateway, then let the
broker forget it. A crash between any two of these steps only leads to one more delivery.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gateway.receiver.area import Areas
from gateway.receiver.reading import MAX_UP_BYTES, Heartbeat, State, read, standing
from gateway.receiver.store import Home, Message, Store
from gateway.upstream import messages
from gateway.upstream.backoff import Backoff
from gateway.upstream.connection import Incoming, Plan
from gateway.upstream.faults import TURNED_AWAY, Fault
from gateway.upstream.messages import BadMessage, Stage, Topics
from gateway.upstream.session import LinkDown, Session
from gateway.upstream.settings import UpstreamSettings

_log = logging.getLogger(__name__)

BATCH: Final = 200  # messages a transaction: one disk flush for all
RECEIVE_MAXIMUM: Final = 500  # unanswered messages a broker may send us: two full batches wait while one is committed
SUPERVISE_S: Final = 30.0  # heartbeats are minutes apart
CLIENT_ID: Final = "hearthwatch-platform"

Event = dict[str, Any]


class UnknownGateway(LookupError):
    """Nothing was ever heard from this gateway, so nothing can be said to it."""


class Platform:
    """One platform at one broker. `on_event` is called in the loop for all that is new, with a JSON object."""

    def __init__(self, settings: UpstreamSettings, store: Path | str, on_event: Callable[[Event], None]) -> None:
        self._settings = settings
        self._store = Store(store)
        self._on_event = on_event
        self._queue: asyncio.Queue[Incoming] = asyncio.Queue()
        self._session: Session | None = None
        self._ended = asyncio.Event()
        self._storing: asyncio.Task[None] | None = None
        self._standing: dict[str, str] = {}
        self._areas = Areas()
        self.counts: Counter[str] = Counter()
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Receives until cancelled, connecting again whenever the broker goes."""
        backoff = Backoff(scale=self._settings.limits.backoff_scale)
        try:
            while True:
                try:
                    fault = await self._once()
                    if fault is None or fault.kind not in TURNED_AWAY:
                        backoff.worked()
                except LinkDown as down:
                    fault = down.fault
                if fault is not None:
                    backoff.failed(turned_away=fault.kind in TURNED_AWAY)
                    self._tell_down(fault)
                await asyncio.sleep(backoff.pause_s(alarm_waits=True))  # alarms may wait at the broker
        finally:
            if self._storing is not None:
                await asyncio.wait({self._storing})
            self._store.close()

    def say(
        self, gateway: str, alarm: int | str, stage: Stage, by: str, outcome: str | None = None, *, epoch: bool = True
    ) -> bool:
        """A person accepted, attended or closed an alarm. False if there is no connection; raises `UnknownGateway`."""
        home = self._known(gateway)
        payload = messages.stage_reached(alarm, stage, by, outcome, home.epoch if epoch else None)
        return self._down(home, "ack", payload)

    def command(self, gateway: str, body: dict[str, Any]) -> bool:
        """Sends a command (`{"cmd": …}`) to a gateway; as `say`."""
        return self._down(self._known(gateway), "cmd", messages.encode(body))

    def home(self, gateway: str) -> Home | None:
        """The last that is known of a gateway."""
        return self._store.home(gateway)

    def events(self, gateway: str | None = None) -> list[Message]:
        """All that was stored."""
        return self._store.events(gateway)

    # One connection

    async def _once(self) -> Fault | None:
        """Serves one connection to its end; what ended it. Raises `LinkDown` if there was none."""
        self._ended.clear()
        self._queue = asyncio.Queue()  # what an old connection brought comes again with the new one
        session = Session(
            self._plan(),
            on_puback=self._puback,
            on_message=self._queue.put_nowait,
            on_subscribed=self._subscribed,
            on_ended=self._ended.set,
        )
        await session.open()
        self._session = session
        session.subscribe(messages.ALL_UP)
        working = asyncio.create_task(self._work(session))
        try:
            await self._ended.wait()
        finally:
            self._session = None
            self.connected.clear()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await session.close()
        return session.fault

    def _plan(self) -> Plan:
        host, port = self._settings.brokers[0]
        return Plan(
            host=host,
            port=port,
            client_id=self._settings.client_id or CLIENT_ID,
            protocol=self._settings.protocol,
            limits=self._settings.limits,
            tls=self._settings.tls,
            username=self._settings.username,
            password=self._settings.password,
            session_expiry_s=self._settings.session_expiry_s,
            max_body=MAX_UP_BYTES,
            receive_maximum=RECEIVE_MAXIMUM,
        )

    def _tell_down(self, fault: Fault) -> None:
        self._on_event({"event": "link", "state": "DOWN", "detail": f"{fault.kind}: {fault.detail}"})

    def _subscribed(self, granted: bool, detail: str) -> None:
        self.connected.set()
        self._on_event({"event": "link", "state": "UP" if granted else "REFUSED", "detail": detail})

    def _puback(self, _mid: int, taken: bool, _detail: str) -> None:
        self.counts["publish_refused"] += not taken

    async def _work(self, session: Session) -> None:
        while True:
            try:
                async with asyncio.timeout(SUPERVISE_S):
                    batch = [await self._queue.get()]
            except TimeoutError:
                batch = []
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await self._take(session, batch)
            except Exception:  # noqa: BLE001 - task boundary: not confirmed, so the broker brings it again
                self.counts["store_failed"] += 1
                _log.exception("messages could not be stored")
                session.drop(Fault("store", "messages could not be stored"))
                return
            self._supervise()

    async def _take(self, session: Session, batch: list[Incoming]) -> None:
        rows: list[Message] = []
        for incoming in batch:
            try:
                word = read(incoming.topic, incoming.payload)
            except BadMessage as error:
                self.counts["refused"] += 1
                self._on_event({"event": "refused", "topic": incoming.topic[:200], "reason": str(error)})
                continue
            if isinstance(word, Message):
                rows.append(word)
            else:
                self._note(word)
        if rows:
            self._storing = asyncio.create_task(self._store_and_tell(rows))
            await asyncio.shield(self._storing)  # a link that breaks now must not hide what is being stored
            self._acknowledge(session, rows)
        for incoming in batch:
            session.confirm(incoming)

    async def _store_and_tell(self, rows: list[Message]) -> None:
        now = _now()
        new = await asyncio.to_thread(self._store.add, rows, now)
        for row, is_new in zip(rows, new, strict=True):
            self.counts["stored" if is_new else "duplicates"] += 1
            if is_new:
                self._on_event({**row.body, "event": row.channel, "received_at": now})
                self._look_at_area(row)

    def _look_at_area(self, row: Message) -> None:
        """A village without mains is told so home by home; one that is not reached asks its contacts as ever."""
        homes = self._store.homes_at(row.site)
        for gateway, body in self._areas.heard(row, homes, datetime.now(UTC).timestamp()).items():
            self._on_event({"event": "area", "gateway": gateway, "site": row.site, "outage": body["on"]})
            if not self.command(gateway, body):
                self.counts["area_unsaid"] += 1

    def _acknowledge(self, session: Session, rows: list[Message]) -> None:
        per: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        for row in rows:
            per[row.site, row.gateway, row.epoch].append(row.seq)
        for (site, gateway, epoch), seqs in per.items():
            session.publish(Topics(site, gateway).down("ack"), messages.received(epoch, seqs))

    def _note(self, word: State | Heartbeat) -> None:
        if isinstance(word, Heartbeat):
            self._store.set_heartbeat(word.gateway, word.site, word.body, _now())
            self._on_event({**word.body, "event": "heartbeat"})
        elif self._store.set_state(word.gateway, word.site, word.state, word.boot):
            self._on_event({"event": "state", "gateway": word.gateway, "state": word.state, "boot": word.boot})

    def _supervise(self) -> None:
        now = datetime.now(UTC)
        for home in self._store.homes():
            at = home.heartbeat_at
            age_s = None if at is None else (now - datetime.fromisoformat(at)).total_seconds()
            found = standing(home.state, age_s)
            if self._standing.get(home.gateway) != found:
                self._standing[home.gateway] = found
                self._on_event({"event": "supervision", "gateway": home.gateway, "state": found})

    def _known(self, gateway: str) -> Home:
        home = self._store.home(gateway)
        if home is None:
            raise UnknownGateway(gateway)
        return home

    def _down(self, home: Home, channel: str, payload: bytes) -> bool:
        if self._session is None:
            return False
        return self._session.publish(Topics(home.site, home.gateway).down(channel), payload) is not None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

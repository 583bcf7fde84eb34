"""The way to the platform: keeps a connection, sends what the journal holds, hears what the platform says.

Mechanism and wiring. What goes when is `window`'s to say, when to connect again `backoff`'s, what is said `messages`'.
Must not know SQLite, rules or alarms: rows come from a coroutine, acknowledgements and commands go to callbacks. All of
it runs in the asyncio loop; the only other thread belongs to `connection`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from gateway.upstream import messages
from gateway.upstream.connection import Plan
from gateway.upstream.dialling import Address, Dialler
from gateway.upstream.faults import Fault
from gateway.upstream.inbox import Handler, Inbox
from gateway.upstream.messages import Row, Topics
from gateway.upstream.session import LinkDown, Session
from gateway.upstream.settings import UpstreamSettings
from gateway.upstream.tls import BadCredentials, fingerprint, make_context
from gateway.upstream.window import ALARM, WINDOW, Window

_log = logging.getLogger(__name__)

DELAYED_AFTER_MS: Final = 30_000  # T-08: a message this old when it goes is a delayed one
ROWS_RETRY_S: Final = 1.0  # the journal could not be read; with its 0.5 s patience an alarm still goes within 2 s
NO_SUBSCRIBER: Final = "No matching subscribers"  # paho's name of MQTT 5 reason 0x10
BESIDE_ROWS: Final = 2  # birth and heartbeat, beside the rows, within a broker's receive maximum
NEWEST_AMONG: Final = 64  # alarms looked through to see whether a new one waits

Rows = Callable[[int, Collection[int]], Awaitable[Sequence[Row]]]
"""`await rows(limit, skip)`: at most `limit` rows of the outbox but those in `skip`, ordered by (prio, seq)."""


class PathState(StrEnum):
    """How the way to the platform is."""

    DOWN = "DOWN"  # no connection to any broker
    UP = "UP"  # connected, and nothing speaks against it
    FAILED = "FAILED"  # connected, but the platform does not acknowledge (T-08)


class Upstream:
    """The gateway's link. `run` until cancelled; everything else may be called at any time, in the loop."""

    def __init__(
        self,
        settings: UpstreamSettings,
        gateway_id: str,
        site: str,
        epoch: str,
        rows: Rows,
        on_ack: Handler,
        on_command: Handler,
        on_state: Callable[[PathState, str], None],
        *,
        now_ms: Callable[[], int],
        boot: str | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """`now_ms` is controller time, against which rows carry `created_t`; `boot` names this life of the gateway."""
        self._settings = settings
        self._topics = Topics(site, gateway_id)
        self._gateway, self._epoch = gateway_id, epoch
        self._boot = boot or secrets.token_hex(4)
        self._rows, self._now_ms = rows, now_ms
        self._on_state = on_state
        self._window = Window(timing=settings.window)
        self._counts: Counter[str] = Counter()
        self._inbox = Inbox(
            self._topics,
            epoch,
            self._window,
            self._counts,
            on_ack=on_ack,
            on_command=on_command,
            on_settled=self._settled,
        )
        self._kick = asyncio.Event()
        self._ask = True  # the journal may have rows that can go; asking it wakes its thread, so not for every PUBACK
        self._left = False  # the last answer had rows that found no place
        self._due: float | None = None  # when the window will want something by itself
        self._dialler = Dialler(settings, self._new_session, self._newest_alarm, self._fail, self._kick, rng)
        self._session: Session | None = None
        self._state, self._detail = PathState.DOWN, "not started"
        self._shed_session = False
        self._renew = False
        self._files: object = None
        self._connected_ms = 0
        self._heartbeat_mid: int | None = None

    # For the runtime

    async def run(self) -> None:
        """Keeps the link until cancelled. A clean stop tells the platform OFFLINE; nothing else ends it."""
        try:
            while True:
                await self._once()
                if self._renew:
                    self._renew = False
                else:
                    await self._dialler.pause()
        finally:
            self._inbox.stop()
            self._tell(PathState.DOWN, "stopped")

    def wake(self) -> None:
        """There may be new rows: call after each commit that published."""
        self._ask = True
        self._kick.set()

    def offer(self, row: Row) -> bool:
        """A row that has just become durable. True if it went at once; if not, call `wake`.

        Saves an alarm the way through the journal's thread. Only while nothing waits: order is `_pump`'s to keep.
        """
        session, now = self._session, asyncio.get_running_loop().time()
        if session is None or session.over or self._ask or self._left:
            return False
        if not self._window.admit(row.seq, row.prio, now) or not self._send(session, row):
            return False
        self._kick_for_news()  # its deadlines are to be kept
        return True

    def publish_heartbeat(self, body: Mapping[str, Any]) -> bool:
        """Sends a heartbeat (T-13) if connected; False if not, or if the last one still waits for the broker.

        Also the moment when renewed certificates on disk are noticed: if they fit, the link is made anew with them.
        """
        self._notice_new_certificates()
        if self._session is None or self._heartbeat_mid is not None:
            self._counts["heartbeat_not_sent"] += 1
            return False
        payload = messages.heartbeat(body, gateway=self._gateway, epoch=self._epoch)
        self._heartbeat_mid = self._session.publish(self._topics.up("heartbeat"), payload)
        return self._heartbeat_mid is not None

    def status(self) -> dict[str, Any]:
        """For doctor, heartbeat and tests: state, where to, rows in flight, counts by name. No secrets."""
        host, port = self._dialler.broker
        return {
            "state": self._state.value,
            "detail": self._detail,
            "broker": f"{host}:{port}",
            "in_flight": self._window.in_flight,
            "unanswered": self._window.unanswered,
            "failures_in_a_row": self._dialler.backoff.failures,
            "counts": dict(self._counts),
        }

    # One connection

    async def _once(self) -> None:
        """Connects and serves until the connection ends."""
        loop = asyncio.get_running_loop()
        try:
            session, receive_maximum = await self._dialler.open()
        except LinkDown:
            return
        began = loop.time()
        try:
            await self._serve(session, receive_maximum)
        finally:
            self._session = None
            self._heartbeat_mid = None
            self._window.disconnected()
            if not session.over:
                await self._farewell(session)
        self._shed_session = session.oversized
        if session.fault is not None and not self._renew:
            self._fail(session.fault)
            self._dialler.ended(loop.time() - began)

    def _new_session(self, broker: Address, found_at: Address | None, on_reached: Callable[[], None]) -> Session:
        self._counts["attempts"] += 1
        session = Session(
            self._plan(broker, found_at),
            on_puback=self._puback,
            # Bound to this session, not to "the current one": what waited at the broker comes with the CONNACK.
            on_message=lambda message: self._inbox.take(session, message),
            on_subscribed=self._subscribed,
            on_ended=self._kick.set,
            on_reached=on_reached,
        )
        return session

    def _plan(self, broker: Address, found_at: Address | None) -> Plan:
        settings = self._settings
        host, port = broker
        if settings.tls is not None:
            self._files = fingerprint(settings.tls)
        return Plan(
            host=host,
            port=port,
            client_id=settings.client_id or f"{self._gateway}-{self._epoch[:8]}",
            protocol=settings.protocol,
            limits=settings.limits,
            tls=settings.tls,
            username=settings.username,
            password=settings.password,
            session_expiry_s=settings.session_expiry_s,
            clean_start=self._shed_session,  # the broker would hand us the monstrous message again and again
            will=(self._topics.up("state"), messages.state(False, self._boot)),
            max_body=messages.MAX_DOWN_BYTES,
            address=found_at,
            waits_to_speak=True,
        )

    async def _serve(self, session: Session, receive_maximum: int) -> None:
        loop = asyncio.get_running_loop()
        self._session = session
        self._connected_ms = self._now_ms()
        self._counts["connects"] += 1
        self._window.connected(loop.time(), receive_maximum - BESIDE_ROWS)
        session.subscribe(*self._inbox.filters)
        session.publish(self._topics.up("state"), messages.state(True, self._boot), retain=True)
        self._ask = True
        while not session.over and not self._renew:
            self._kick.clear()
            retry_s = await self._pump(session)
            self._tell_path()
            now = loop.time()
            due = self._due = self._window.next_due(now)
            wait_s = retry_s if due is None else min(due - now, retry_s or due)
            await self._kicked(wait_s)

    async def _farewell(self, session: Session) -> None:
        """A clean end: on a stop the platform hears OFFLINE from us; for new certificates we are back at once."""
        if not self._renew:
            payload = messages.state(False, self._boot)
            farewell_s = self._settings.limits.farewell_s
            await session.publish_and_wait(self._topics.up("state"), payload, retain=True, timeout=farewell_s)
        await session.close()

    # Rows up

    async def _pump(self, session: Session) -> float | None:
        """Sends what may go now. Returns after how many seconds to try again although nothing happens, or None."""
        now = asyncio.get_running_loop().time()
        verdict = self._window.expire(now)
        if verdict.drop is not None:
            self._counts["dropped"] += 1
            session.drop(Fault("unanswered", verdict.drop))
            return None
        if not self._ask and (self._due is None or now < self._due):
            return None
        self._ask = False
        try:
            skip = self._window.skip(now)
            rows = await self._rows(WINDOW, skip)
        except Exception as error:  # noqa: BLE001 - task boundary: a journal in trouble must not take the link down
            _log.warning("the outbox could not be read: %s", type(error).__name__)
            self._counts["rows_failed"] += 1
            self._ask = True
            return ROWS_RETRY_S
        self._left = len(rows) == WINDOW
        for row in rows:
            if not self._window.admit(row.seq, row.prio, now):
                self._left = True
            elif not self._send(session, row):
                break
        if len(rows) < WINDOW:
            self._window.offered((row.seq for row in rows), skip)
        return None

    def _send(self, session: Session, row: Row) -> bool:
        late = row.created_t < self._connected_ms or self._now_ms() - row.created_t > DELAYED_AFTER_MS
        channel, payload = messages.upward(row, gateway=self._gateway, epoch=self._epoch, late=late)
        mid = session.publish(self._topics.up(channel), payload)
        if mid is None:
            return False
        self._counts["published"] += 1
        self._window.published(row.seq, row.prio, mid, asyncio.get_running_loop().time())
        return True

    def _puback(self, mid: int, taken: bool, detail: str) -> None:
        if mid == self._heartbeat_mid:
            self._heartbeat_mid = None
        if not taken:
            self._counts["publish_refused"] += 1
            _log.warning("the broker refused a publish: %s", detail)
        heard = detail != NO_SUBSCRIBER
        self._counts["unheard"] += not heard
        if self._window.puback(mid, taken, asyncio.get_running_loop().time(), heard=heard) is not None:
            self._counts["puback"] += 1
            self._room_again()

    def _subscribed(self, granted: bool, detail: str) -> None:
        if not granted:  # nothing will ever be acknowledged; T-08 says so in its time, the status says why
            self._counts["subscription_refused"] += 1
            _log.warning("the broker refused our subscription: %s", detail)

    def _settled(self) -> None:
        self._dialler.backoff.worked()
        self._room_again()

    def _room_again(self) -> None:
        """A place or a publish came free: of use to rows that found none, and to those that are to go again."""
        self._ask = self._ask or self._left or self._window.to_repeat
        self._kick_for_news()

    def _kick_for_news(self) -> None:
        """A turn of the link for each message and each answer is most of its work: only if there is something to do."""
        due = self._window.next_due(asyncio.get_running_loop().time())
        sooner = due is not None and (self._due is None or due < self._due)
        if self._ask or sooner or self._state is not self._path():
            self._kick.set()

    # Between connections

    async def _newest_alarm(self) -> int:
        try:
            rows = await self._rows(NEWEST_AMONG, frozenset())
        except Exception as error:  # noqa: BLE001 - task boundary, as in _pump
            _log.warning("the outbox could not be read: %s", type(error).__name__)
            self._counts["rows_failed"] += 1
            return 0
        return max((row.seq for row in rows if row.prio == ALARM), default=0)

    async def _kicked(self, timeout: float | None) -> bool:
        try:
            async with asyncio.timeout(timeout):
                return await self._kick.wait()
        except TimeoutError:
            return False

    def _notice_new_certificates(self) -> None:
        tls = self._settings.tls
        if tls is None or self._session is None or fingerprint(tls) == self._files:
            return
        try:
            make_context(tls)
        except BadCredentials:  # half-way replaced, or wrong: the connection we have is better
            self._counts["new_credentials_unusable"] += 1
            return
        self._counts["credentials_renewed"] += 1
        self._renew = True
        self._kick.set()

    def _fail(self, fault: Fault) -> None:
        self._counts[f"fault_{fault.kind}"] += 1
        self._tell(PathState.DOWN, f"{fault.kind}: {fault.detail}")

    def _tell_path(self) -> None:
        if self._session is None or self._session.over:
            return
        path = self._path()
        self._tell(path, "connected" if path is PathState.UP else "the platform does not acknowledge")

    def _path(self) -> PathState:
        """How a connection that stands is."""
        return PathState.FAILED if self._window.failed else PathState.UP

    def _tell(self, state: PathState, detail: str) -> None:
        changed = state is not self._state
        self._state, self._detail = state, detail
        if changed:
            _log.info("path to the platform: %s (%s)", state.value, detail)
            self._on_state(state, detail)

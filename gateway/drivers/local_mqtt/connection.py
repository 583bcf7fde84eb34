"""One connection to the home's broker: a thread that runs paho, and nothing else.

Mechanism only. paho's thread decides nothing and touches nothing of the loop: it hands over with
`call_soon_threadsafe`. It is a sibling of `gateway.upstream.connection`, which knows the same traps of paho 2.2
(research/fleet.md 2.2): own thread around paho's public loop(), a new client for each connection, the kernel's
shutdown, a bound on announced lengths. Other than there, messages are not bounded by hanging up but by waiting: the
broker keeps what we have no room for; and packets may be large, since one that is refused would come again for ever.
"""

from __future__ import annotations

import _socket
import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gateway.drivers.local_mqtt.heard import Message

if TYPE_CHECKING:
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import MQTTErrorCode

READ_AHEAD_BYTES: Final = 4096  # paho asks for a packet in three pieces, and each waits for the interpreter's lock
MAX_PACKET_BYTES: Final = 4 * 1024 * 1024  # twice the longest list of devices; an MQTT 5 broker keeps back what is more
MAX_UNSETTLED: Final = 256
"""Messages that wait for the loop or their commit; beyond it we read no further, and the broker keeps what it has. Our
own bound: mosquitto 2.0.11 sends up to 20 more with each acknowledgement, whatever is still unacknowledged (run)."""
RECEIVE_MAXIMUM: Final = 20  # unacknowledged messages an MQTT 5 broker may send; mosquitto's own default
CONNECT_S: Final = 10.0  # a broker in the home answers in milliseconds; a sleeping mini PC in seconds
USER_TIMEOUT_MS: Final = 20_000  # TCP_USER_TIMEOUT: sent and not acknowledged by the far kernel
LOOP_WAIT_S: Final = 5.0  # paho's select; what we send wakes it at once, this only paces its keepalive check
NOBODYS_FILTER: Final = "hearthwatch/are-you-there"  # unsubscribing from it changes nothing and must be answered

log = logging.getLogger(__name__)


class _ClosedOnFailure(ssl.SSLSocket):
    """paho leaves a socket whose handshake failed open, to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files; read for each connection, so that a renewed certificate is used."""

    ca: Path
    cert: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Raises OSError (SSLError included) naming what is wrong with the files."""
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(self.ca))
        context.sslsocket_class = _ClosedOnFailure
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.cert is not None:
            context.load_cert_chain(self.cert, self.key, password="")
        return context


@dataclass(frozen=True, slots=True)
class Plan:
    """All that one connection needs to know."""

    host: str
    port: int
    client_id: str
    version: int = 5
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Tls | None = None
    keepalive_s: int = 30
    session_expiry_s: int = 0
    body_limit: Callable[[str], int] = lambda _: 64 * 1024


class Connection:
    """One attempt and, if it succeeds, the connection until it ends. Never used twice."""

    def __init__(self, plan: Plan, on_message: Callable[[Message], None], on_answer: Callable[[], None]) -> None:
        """Both are called in the loop; `on_answer` when the broker answered a probe."""
        self._plan, self._on_message, self._on_answer = plan, on_message, on_answer
        self._loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[bool] = self._loop.create_future()  # whether the broker knew our session
        self.granted: asyncio.Future[str] = self._loop.create_future()  # filters it refused, or ""
        self.ended: asyncio.Future[str] = self._loop.create_future()  # why
        self._client: mqtt.Client | None = None
        self._sock: socket.socket | None = None
        self._lock = threading.Lock()  # held around a kernel shutdown only, never around a call into paho
        self._room = threading.BoundedSemaphore(MAX_UNSETTLED)
        self._thread = threading.Thread(target=self._main, name="local mqtt", daemon=True)
        self._gone = self._disconnected = False
        self._why = ""

    # ---- from the loop

    def start(self) -> None:
        """Begins to connect: `opened` or `ended` will be set."""
        self._thread.start()

    def subscribe(self, *filters: str) -> None:
        """Subscribes at QoS 1; `granted` will be set."""
        if self._client is not None and not self._gone:
            self._client.subscribe([(one, 1) for one in filters])

    def publish(self, topic: str, payload: bytes) -> bool:
        """Hands a message to the wire at QoS 1; False if the connection is ending."""
        return self._client is not None and not self._gone and self._client.publish(topic, payload, 1).rc == 0

    def confirm(self, mid: int) -> None:
        """This message is settled: there is room for another, and the broker may forget it (0: it has already)."""
        self._room.release()
        if mid and self._client is not None and not self._gone:
            self._client.ack(mid, 1)

    def probe(self) -> None:
        """Asks for a sign of life that changes nothing at the broker."""
        if self._client is not None and not self._gone:
            self._client.unsubscribe(NOBODYS_FILTER)

    async def close(self, timeout: float) -> None:
        """Says goodbye and waits for the thread, at most `timeout` seconds; then hangs up."""
        if not self.ended.done() and self._client is not None and self.opened.done():
            self._client.disconnect()
            await asyncio.wait({self.ended}, timeout=timeout)
        self.drop()
        if not self.ended.done():
            await asyncio.wait({self.ended}, timeout=timeout)
        for future in (self.opened, self.granted):
            future.cancel()

    def drop(self) -> None:
        """Hangs up now, whatever the far end does."""
        self._gone = True
        with self._lock:
            if self._sock is not None:
                try:
                    _socket.socket.shutdown(self._sock, socket.SHUT_RDWR)  # SSLSocket's own would strip TLS off it
                except OSError:
                    log.debug("the socket was already gone")

    # ---- in the connection's thread

    def _main(self) -> None:
        try:
            client = self._client = self._make_client()
            try:
                self._run(client)
            finally:
                client._reset_sockets()  # frees paho's wake-up pair now and not when the collector comes by
        except Exception as error:  # noqa: BLE001 - thread boundary: decoders and resolvers raise what they like
            self._why = self._why or _reason(error)
        self._post(_resolve, self.ended, self._why or "the broker closed the connection")

    def _run(self, client: mqtt.Client) -> None:
        plan = self._plan
        arguments: dict[str, Any] = {"host": plan.host, "port": plan.port, "keepalive": plan.keepalive_s}
        if plan.version == 5:
            arguments |= {"clean_start": False, "properties": self._properties()}
        client.connect(**arguments)
        wait_s = min(LOOP_WAIT_S, plan.keepalive_s / 4)
        while not self._disconnected and client.loop(wait_s) == 0:
            pass

    def _make_client(self) -> mqtt.Client:
        import paho.mqtt.client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion

        plan, five = self._plan, self._plan.version == 5
        client = _bounded_client()(
            CallbackAPIVersion.VERSION2,
            client_id=plan.client_id,
            protocol=mqtt.MQTTv5 if five else mqtt.MQTTv311,
            clean_session=None if five else False,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_S
        client.suppress_exceptions = True
        if plan.username is not None:
            client.username_pw_set(plan.username, plan.password)
        if plan.tls is not None:
            client.tls_set_context(plan.tls.context())
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = lambda *_: self._post(self._on_answer)
        client.on_message = self._on_publish
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = lambda *_: None  # else ack() may write from the loop's thread
        return client

    def _properties(self) -> Any:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._plan.session_expiry_s
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        return properties

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._why = f"the broker refused us: {reason}"
        else:
            self._post(_resolve, self.opened, bool(flags.session_present))

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._disconnected = True
        self._why = self._why or f"the connection was lost: {reason}"

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        self._post(_resolve, self.granted, ", ".join(str(reason) for reason in reasons if reason.is_failure))

    def _on_publish(self, _client: Any, _data: Any, found: Any) -> None:
        try:
            topic = found.topic
        except UnicodeDecodeError:
            topic = ""  # nobody asked for it: it is confirmed and forgotten
        while not self._room.acquire(timeout=1.0):
            if self._gone:
                return
        payload = bytes(found.payload[: self._plan.body_limit(topic) + 1])  # one too many is enough to be refused
        self._post(self._deliver, Message(topic, payload, bool(found.retain), found.mid, found.qos))

    def _on_socket_open(self, _client: Any, _data: Any, sock: Any) -> None:
        with self._lock:
            self._sock = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (OSError, AttributeError):
            log.debug("no TCP_USER_TIMEOUT here")
        if self._gone:
            self.drop()

    def _on_socket_close(self, _client: Any, _data: Any, _sock: Any) -> None:
        with self._lock:
            self._sock = None

    def _deliver(self, message: Message) -> None:
        if not self._gone:
            self._on_message(message)

    def _post(self, call: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            log.debug("the loop is closed; nobody is left to tell")


def _resolve(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the broker's certificate was not accepted: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return "the broker's name cannot be resolved"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return type(error).__name__


def _bounded_client() -> type[mqtt.Client]:
    """paho's client, refusing to allocate what a packet merely announces (made late: importing paho costs 160 ms)."""
    import paho.mqtt.client as mqtt

    class Bounded(mqtt.Client):
        _ahead = b""

        def _sock_recv(self, bufsize: int) -> bytes:
            if bufsize > MAX_PACKET_BYTES:
                raise ConnectionError(f"a packet of {bufsize} bytes; set message_size_limit at the broker")
            if not self._ahead:
                self._ahead = super()._sock_recv(max(bufsize, READ_AHEAD_BYTES))
            found, self._ahead = self._ahead[:bufsize], self._ahead[bufsize:]
            return found

        def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
            done = super().loop_read(max_packets)
            while done == 0 and self._ahead:  # no socket is ready for what was read already
                done = super().loop_read(max_packets)
            return done

    return Bounded

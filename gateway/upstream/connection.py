"""One connection's life: a thread that runs paho, and nothing else.

Mechanism only; when to connect and what to send is decided elsewhere. Used by the gateway's link and by the reference
platform. What it must not do: decide anything, or let paho's thread touch what belongs to the asyncio loop.

What paho 2.2 does to the unwary (research/fleet.md 2.2, and its source), and what is done about it here:
- on_publish runs holding the mutex that publish() takes: callbacks only hand over with `call_soon_threadsafe`.
- a PUBACK may overtake publish()'s return: handed over, it runs after the publishing callback has noted the id.
- a reconnecting client puts its whole queue on the wire: each connection is a new client that never reconnects.
- its own thread dies silently of what its decoders raise, and loop_stop() hangs while a PUBACK is missing on a live
  socket: the thread is ours, runs paho's public loop(), and always ends with `on_ended`.
- SSLSocket.shutdown() from another thread would strip TLS off a socket in use, and until TLS stands nobody is told of
  the socket: a duplicate of it, made before it connects, is what `drop` shuts down.
- its ids are 16 bit and come round to one that a swallowed PUBACK still holds: publish() refuses, and is asked again.
- its publish() and ack() raise OSError while it is being closed: an end like any other.
- a packet's announced length (up to 256 MiB) is allocated at once: `_Bounded` refuses it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from gateway.upstream.faults import Fault, of_connack, of_error, of_loss
from gateway.upstream.settings import Limits, Tls
from gateway.upstream.tls import make_context

if TYPE_CHECKING:
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import MQTTErrorCode

_log = logging.getLogger(__name__)

MAX_PACKET_BYTES: Final = 256 * 1024  # sixteen times the largest body we read: above it, the far end is not sane
READ_AHEAD_BYTES: Final = 4096  # some ten acknowledgements
TOPIC_ROOM_BYTES: Final = 512  # beside the body, in the packet size that we tell an MQTT 5 broker
MAX_HANDED_OVER: Final = 256  # incoming messages that wait for the loop; a broker may have 20 unanswered
RECEIVE_MAXIMUM: Final = 20  # unanswered messages we let an MQTT 5 broker send; mosquitto's own default for 3.1.1
LOOP_WAIT_S: Final = 5.0  # paho's select; publishing wakes it at once, this only paces its keepalive check
ID_IN_USE: Final = 15  # MQTT_ERR_QUEUE_SIZE; we set no limit to its queue, so it means nothing else
MAX_IDS_HELD: Final = 256  # in one row, at most: the window is a few dozen
NO_LINGER: Final = struct.pack("ii", 1, 0)  # closing resets; unsent bytes are not sent any more
NO_RECEIVE_MAXIMUM: Final = 65535  # MQTT 5 3.2.2.3.3: absent means this


@dataclass(frozen=True, slots=True)
class Plan:
    """All that one connection needs to know."""

    host: str
    port: int
    client_id: str
    protocol: str
    limits: Limits
    tls: Tls | None = None
    username: str | None = None
    password: str | None = None
    session_expiry_s: int = 0
    clean_start: bool = False
    will: tuple[str, bytes] | None = None  # published by the broker, retained, when we vanish
    max_body: int = 16 * 1024
    receive_maximum: int = RECEIVE_MAXIMUM
    address: tuple[str, int] | None = None  # where the host was found before: asks no name server
    waits_to_speak: bool = False  # after TCP and TLS, CONNECT is not sent before `speak`


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message from the broker. It stays with the broker until `Connection.confirm`."""

    topic: str
    payload: bytes
    retain: bool
    mid: int
    qos: int


class Events(Protocol):
    """What a connection tells. All are called in the asyncio loop; `on_ended` last and exactly once."""

    def on_reached(self) -> None: ...
    def on_up(self, session_present: bool, receive_maximum: int) -> None: ...
    def on_subscribed(self, granted: bool, detail: str) -> None: ...
    def on_puback(self, mid: int, taken: bool, detail: str) -> None: ...
    def on_message(self, message: Incoming) -> None: ...
    def on_ended(self, fault: Fault, was_up: bool) -> None: ...


class Connection:
    """A single attempt and, if it succeeds, the connection until it ends. Never used twice."""

    def __init__(self, plan: Plan, events: Events, loop: asyncio.AbstractEventLoop) -> None:
        self._plan = plan
        self._events = events
        self._loop = loop
        self._client: mqtt.Client | None = None
        self._sock: socket.socket | None = None  # a duplicate, for `drop`
        self._sock_lock = threading.Lock()  # held for a system call or two, never around a call into paho
        self._thread = threading.Thread(target=self._main, name=f"mqtt {plan.host}", daemon=True)
        self._gone = False  # end as soon as possible
        self._may_speak = threading.Event()
        self.peer: tuple[str, int] | None = None  # where it is connected to
        self._up = False
        self._disconnected = False
        self._fault: Fault | None = None
        self._complaint = ""
        self._handed_over = 0
        self.oversized = False

    # From the asyncio loop

    def start(self) -> None:
        """Begins to connect; everything else is told through the events."""
        self._thread.start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int | None:
        """Hands a QoS 1 message to the wire; its id, or None if the connection is already going down."""
        client = self._client
        if client is None or self._gone or not self._up:
            return None
        try:
            # An id is 16 bit and comes round; paho takes the next one, and refuses it while a publish whose PUBACK was
            # swallowed still holds it, which it does for as long as the connection lives.
            for _ in range(MAX_IDS_HELD):
                info = client.publish(topic, payload, qos=1, retain=retain)
                if info.rc != ID_IN_USE:
                    return info.mid if info.rc == 0 else None
        except OSError:  # its thread is ending this moment and has closed its wake-up pair; `on_ended` is on its way
            pass
        return None

    def subscribe(self, *filters: str) -> None:
        """Subscribes at QoS 1."""
        if self._client is not None and not self._gone:
            with contextlib.suppress(OSError):  # as in `publish`
                self._client.subscribe([(one, 1) for one in filters])

    def confirm(self, message: Incoming) -> None:
        """The message was dealt with: the broker may forget it."""
        if self._client is not None and not self._gone and message.qos:
            with contextlib.suppress(OSError):  # as in `publish`; the message comes again
                self._client.ack(message.mid, message.qos)

    def close(self) -> None:
        """Ends it cleanly: DISCONNECT, so that the broker forgets the will."""
        if self._client is not None and self._up:
            self._fault = self._fault or Fault("closed", "by us")
            with contextlib.suppress(OSError):
                self._client.disconnect()
        else:
            self.drop(Fault("closed", "by us"))

    def speak(self) -> None:
        """Lets a connection that `waits_to_speak` send its CONNECT."""
        self._may_speak.set()

    def drop(self, fault: Fault) -> None:
        """Ends it now, whatever the far end does; the broker will publish the will.

        What the kernel still holds for the far end is thrown away: a CONNECT that arrives late, after the one of our
        next connection, would take the session over from it.
        """
        self._fault = self._fault or fault
        self._gone = True
        with self._sock_lock:
            if self._sock is not None:
                _shut(self._sock)
        self._may_speak.set()  # after that: it was not to speak

    @property
    def alive(self) -> bool:
        """Whether the thread still runs; a hanging name server can keep one beyond its `on_ended`."""
        return self._thread.is_alive()

    # In the connection's own thread

    def _main(self) -> None:
        try:
            client = self._client = self._make_client()
            try:
                self._run(client)
            finally:
                client.on_log = None
                self._forget_socket()
                client._reset_sockets()  # frees paho's wake-up pair now and not when the collector comes by
        except Exception as error:  # noqa: BLE001 - task boundary: decoders and resolvers raise what they like
            if not isinstance(error, OSError):
                _log.warning("connection to the broker ended by %s", type(error).__name__)
            self._fault = self._fault or of_error(error)
        fault = self._fault or of_loss("closed", self._complaint)
        self._post(self._events.on_ended, fault, self._up)

    def _run(self, client: mqtt.Client) -> None:
        plan = self._plan
        arguments: dict[str, Any] = {"host": plan.host, "port": plan.port, "keepalive": plan.limits.keepalive_s}
        if plan.protocol == "5":
            arguments |= {"clean_start": plan.clean_start, "properties": self._connect_properties()}
        client.connect(**arguments)
        wait_s = min(LOOP_WAIT_S, plan.limits.keepalive_s / 4)
        while not self._disconnected and client.loop(wait_s) == 0:
            pass

    def _make_client(self) -> mqtt.Client:
        import paho.mqtt.client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion

        plan = self._plan
        v5 = plan.protocol == "5"
        client = _bounded_client(self)(
            CallbackAPIVersion.VERSION2,
            client_id=plan.client_id,
            protocol=mqtt.MQTTv5 if v5 else mqtt.MQTTv311,
            clean_session=None if v5 else plan.clean_start,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.max_inflight_messages_set(0)  # our own window is in front
        client.connect_timeout = plan.limits.connect_s
        client.suppress_exceptions = True
        if plan.username is not None:
            client.username_pw_set(plan.username, plan.password)
        if plan.tls is not None:
            client.tls_set_context(make_context(plan.tls))
        if plan.will is not None:
            client.will_set(plan.will[0], plan.will[1], qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_socket_open = self._on_socket_open
        # With this set, publish() never writes the socket from the caller's thread, but wakes ours.
        client.on_socket_register_write = lambda *_: None
        client.on_log = self._on_log
        return client

    def _connect_properties(self) -> Any:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._plan.session_expiry_s
        properties.ReceiveMaximum = self._plan.receive_maximum
        properties.MaximumPacketSize = self._plan.max_body + TOPIC_ROOM_BYTES
        return properties

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._fault = of_connack(str(reason))
            return
        self._up = True
        receive_maximum = getattr(properties, "ReceiveMaximum", NO_RECEIVE_MAXIMUM)
        self._post(self._events.on_up, bool(flags.session_present), int(receive_maximum))

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._disconnected = True
        self._fault = self._fault or of_loss(str(reason), self._complaint)

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        self._post(self._events.on_subscribed, not refused, ", ".join(refused))

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        self._post(self._events.on_puback, mid, not reason.is_failure, str(reason))

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        if self._handed_over >= MAX_HANDED_OVER:
            self.drop(Fault("flood", f"more than {MAX_HANDED_OVER} messages at once"))
            return
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._handed_over += 1
        payload = bytes(message.payload[: self._plan.max_body + 1])  # one byte too many is enough to be refused
        self._post(self._deliver, Incoming(topic, payload, bool(message.retain), message.mid, message.qos))

    def _reach(self) -> socket.socket:
        """Connects by TCP, to each address of the name in turn. Raises OSError; at once when dropped meanwhile."""
        plan = self._plan
        found = socket.getaddrinfo(*(plan.address or (plan.host, plan.port)), 0, socket.SOCK_STREAM)
        error: OSError = OSError("the name has no address")
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            try:
                self._remember(sock)
                sock.settimeout(plan.limits.connect_s)
                sock.connect(address)
                self.peer = sock.getpeername()[:2]
            except OSError as failed:
                error = failed
                sock.close()
                self._forget_socket()
            else:
                return sock
        raise error

    def _remember(self, sock: socket.socket) -> None:
        timeout_ms = int(self._plan.limits.user_timeout_s * 1000)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout_ms)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (OSError, AttributeError):
            _log.debug("no TCP_USER_TIMEOUT here")
        with self._sock_lock:
            if self._gone:
                raise ConnectionAbortedError("dropped while connecting")
            self._sock = sock.dup()

    def _forget_socket(self) -> None:
        with self._sock_lock:
            if self._sock is not None:
                self._sock.close()
            self._sock = None

    def _on_socket_open(self, _client: Any, _data: Any, _sock: Any) -> None:
        """TCP and TLS stand; CONNECT follows when this returns."""
        if self._plan.waits_to_speak and not self._gone:
            self._post(self._events.on_reached)
            self._may_speak.wait(self._plan.limits.connect_s + self._plan.limits.connack_s)

    def _on_log(self, _client: Any, _data: Any, level: int, text: str) -> None:
        import paho.mqtt.client as mqtt

        if level == mqtt.MQTT_LOG_ERR:
            self._complaint = text[:200]

    def _deliver(self, message: Incoming) -> None:
        self._handed_over -= 1
        self._events.on_message(message)

    def _post(self, call: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            _log.debug("the loop is closed; nobody is left to tell")


def _shut(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        _log.debug("the socket was already gone, or never connected")


def _bounded_client(owner: Connection) -> type[mqtt.Client]:
    """paho's client, refusing to allocate what a packet merely announces, on a socket that we made (made late:
    importing paho costs 160 ms). It reads ahead: paho asks for a packet in three pieces, and each waits for the
    interpreter's lock."""
    import paho.mqtt.client as mqtt

    class Bounded(mqtt.Client):
        _ahead = b""

        def _create_socket_connection(self) -> socket.socket:
            return owner._reach()

        def _sock_recv(self, bufsize: int) -> bytes:
            if bufsize > MAX_PACKET_BYTES:
                owner.oversized = True
                raise ConnectionError(f"a packet of {bufsize} bytes was announced")
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

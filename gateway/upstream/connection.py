"""One connection to the platform's broker: what it tells, and what can be asked of it.

Mechanism only; when to connect and what to send is decided elsewhere, how bytes come and go is `gateway.mqtt.wire`'s.
Used by the gateway's link and by the reference platform.

What paho 2.2 does to the unwary beside what `wire` names (research/fleet.md 2.2): its ids are 16 bit and come round to
one that a swallowed PUBACK still holds: publish() refuses, and is asked again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gateway.mqtt.wire import Way, Wire
from gateway.upstream.faults import Fault, of_connack, of_error, of_loss
from gateway.upstream.settings import Limits, Tls
from gateway.upstream.tls import make_context

MAX_PACKET_BYTES: Final = 256 * 1024  # sixteen times the largest body we read: above it, the far end is not sane
TOPIC_ROOM_BYTES: Final = 512  # beside the body, in the packet size that we tell an MQTT 5 broker
RECEIVE_MAXIMUM: Final = 20  # unanswered messages we let an MQTT 5 broker send; mosquitto's own default for 3.1.1
ID_IN_USE: Final = 15  # MQTT_ERR_QUEUE_SIZE; we set no limit to its queue, so it means nothing else
MAX_IDS_HELD: Final = 256  # in one row, at most: the window is a few dozen
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

    def __init__(self, plan: Plan, events: Events) -> None:
        self._plan = plan
        self._events = events
        limits = plan.limits
        way = Way(
            plan.host, plan.port, limits.keepalive_s, limits.connect_s, limits.user_timeout_s, MAX_PACKET_BYTES,
            plan.address,
        )  # fmt: skip
        self._wire = Wire(way, self._make_client, self._ended, name=f"mqtt {plan.host}")
        self._may_speak = threading.Event()
        self._dropped = False
        self._up = False
        self._fault: Fault | None = None

    # From the asyncio loop

    def start(self) -> None:
        """Begins to connect; everything else is told through the events."""
        self._wire.start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int | None:
        """Hands a QoS 1 message to the wire; its id, or None if the connection is already going down."""
        client = self._wire.client
        if client is None or not self._up:
            return None
        mid: int | None = None
        # An id is 16 bit and comes round; paho takes the next one, and refuses it while a publish whose PUBACK was
        # swallowed still holds it, which it does for as long as the connection lives.
        for _ in range(MAX_IDS_HELD):
            info = client.publish(topic, payload, qos=1, retain=retain)
            if info.rc != ID_IN_USE:
                mid = info.mid if info.rc == 0 else None
                break
        self._wire.flush()
        return mid

    def subscribe(self, *filters: str) -> None:
        """Subscribes at QoS 1."""
        if (client := self._wire.client) is not None:
            client.subscribe([(one, 1) for one in filters])
            self._wire.flush()

    def confirm(self, message: Incoming) -> None:
        """The message was dealt with: the broker may forget it."""
        if message.qos and (client := self._wire.client) is not None:
            client.ack(message.mid, message.qos)
            self._wire.flush()

    def close(self) -> None:
        """Ends it cleanly: DISCONNECT, so that the broker forgets the will."""
        client = self._wire.client
        if client is not None and self._up:
            self._fault = self._fault or Fault("closed", "by us")
            client.disconnect()
            self._wire.flush()
        else:
            self.drop(Fault("closed", "by us"))

    def speak(self) -> None:
        """Lets a connection that `waits_to_speak` send its CONNECT."""
        self._may_speak.set()

    def drop(self, fault: Fault) -> None:
        """Ends it now, whatever the far end does; the broker will publish the will."""
        self._fault = self._fault or fault
        self._dropped = True
        self._wire.hang_up()
        self._may_speak.set()  # after that: it was not to speak

    @property
    def lingers(self) -> bool:
        """Whether it still hangs on its way there, for example in a name server; that can outlast its `on_ended`."""
        return self._wire.opening

    @property
    def oversized(self) -> bool:
        """Whether it ended because a packet was announced that nobody sane sends."""
        return self._wire.oversized

    @property
    def peer(self) -> tuple[str, int] | None:
        """Where it is connected to."""
        return self._wire.peer

    def _ended(self, error: Exception | None) -> None:
        if error is not None:
            self._fault = self._fault or of_error(error)
        self._events.on_ended(self._fault or of_loss("closed", self._wire.complaint), self._up)

    # In the opening thread

    def _make_client(self, kind: type[Any]) -> tuple[Any, dict[str, Any]]:
        import paho.mqtt.client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion

        plan = self._plan
        v5 = plan.protocol == "5"
        client = kind(
            CallbackAPIVersion.VERSION2,
            client_id=plan.client_id,
            protocol=mqtt.MQTTv5 if v5 else mqtt.MQTTv311,
            clean_session=None if v5 else plan.clean_start,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.max_inflight_messages_set(0)  # our own window is in front
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
        return client, {"clean_start": plan.clean_start, "properties": self._connect_properties()} if v5 else {}

    def _connect_properties(self) -> Any:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._plan.session_expiry_s
        properties.ReceiveMaximum = self._plan.receive_maximum
        properties.MaximumPacketSize = self._plan.max_body + TOPIC_ROOM_BYTES
        return properties

    def _on_socket_open(self, _client: Any, _data: Any, _sock: Any) -> None:
        """TCP and TLS stand; CONNECT follows when this returns."""
        if self._plan.waits_to_speak and not self._dropped:
            self._wire.tell(self._events.on_reached)
            self._may_speak.wait(self._plan.limits.connect_s + self._plan.limits.connack_s)

    # In the loop, called by paho: nothing of it may be called from here

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._fault = of_connack(str(reason))
            return
        self._up = True
        receive_maximum = getattr(properties, "ReceiveMaximum", NO_RECEIVE_MAXIMUM)
        self._wire.tell(self._events.on_up, bool(flags.session_present), int(receive_maximum))

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._fault = self._fault or of_loss(str(reason), self._wire.complaint)

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        self._wire.tell(self._events.on_subscribed, not refused, ", ".join(refused))

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        self._wire.tell(self._events.on_puback, mid, not reason.is_failure, str(reason))

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        payload = bytes(message.payload[: self._plan.max_body + 1])  # one byte too many is enough to be refused
        found = Incoming(topic, payload, bool(message.retain), message.mid, message.qos)
        self._wire.tell(self._events.on_message, found)

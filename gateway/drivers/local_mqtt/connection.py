"""One connection to the home's broker: what came of it, and what can be asked of it.

Mechanism only; how bytes come and go is `gateway.mqtt.wire`'s. Other than towards the platform the broker keeps what we
have no room for, and packets may be large, since one that is refused would come again for ever.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.drivers.local_mqtt.heard import Message
from gateway.mqtt.sockets import ClosedOnFailure
from gateway.mqtt.wire import Way, Wire

MAX_PACKET_BYTES: Final = 4 * 1024 * 1024  # twice the longest list of devices; an MQTT 5 broker keeps back what is more
MAX_UNSETTLED: Final = 256
"""Messages that wait for their commit; beyond it we read no further, and the broker keeps what it has. Our own bound:
mosquitto 2.0.11 sends up to 20 more with each acknowledgement, whatever is still unacknowledged (run)."""
RECEIVE_MAXIMUM: Final = 20  # unacknowledged messages an MQTT 5 broker may send; mosquitto's own default
CONNECT_S: Final = 10.0  # a broker in the home answers in milliseconds; a sleeping mini PC in seconds
USER_TIMEOUT_S: Final = 20.0  # TCP_USER_TIMEOUT: sent and not acknowledged by the far kernel
NOBODYS_FILTER: Final = "hearthwatch/are-you-there"  # unsubscribing from it changes nothing and must be answered


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files; read for each connection, so that a renewed certificate is used."""

    ca: Path
    cert: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Raises OSError (SSLError included) naming what is wrong with the files."""
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(self.ca))
        context.sslsocket_class = ClosedOnFailure
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
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[bool] = loop.create_future()  # whether the broker knew our session
        self.granted: asyncio.Future[str] = loop.create_future()  # filters it refused, or ""
        self.ended: asyncio.Future[str] = loop.create_future()  # why
        way = Way(plan.host, plan.port, plan.keepalive_s, CONNECT_S, USER_TIMEOUT_S, MAX_PACKET_BYTES)
        self._wire = Wire(way, self._make_client, self._end, name="local mqtt")
        self._unsettled = 0
        self._why = ""

    # ---- from the loop

    def start(self) -> None:
        """Begins to connect: `opened` or `ended` will be set."""
        self._wire.start()

    def subscribe(self, *filters: str) -> None:
        """Subscribes at QoS 1; `granted` will be set."""
        if (client := self._wire.client) is not None:
            client.subscribe([(one, 1) for one in filters])
            self._wire.flush()

    def publish(self, topic: str, payload: bytes) -> bool:
        """Hands a message to the wire at QoS 1; False if the connection is ending."""
        client = self._wire.client
        if client is None or client.publish(topic, payload, 1).rc != 0:
            return False
        self._wire.flush()
        return True

    def confirm(self, mid: int) -> None:
        """This message is settled: there is room for another, and the broker may forget it (0: it has already)."""
        self._unsettled -= 1
        if mid and (client := self._wire.client) is not None:
            client.ack(mid, 1)
            self._wire.flush()
        if self._unsettled < MAX_UNSETTLED:
            self._wire.resume()

    def probe(self) -> None:
        """Asks for a sign of life that changes nothing at the broker."""
        if (client := self._wire.client) is not None:
            client.unsubscribe(NOBODYS_FILTER)
            self._wire.flush()

    async def close(self, timeout: float) -> None:
        """Says goodbye and waits for the end, at most `timeout` seconds; then hangs up."""
        client = self._wire.client
        if not self.ended.done() and client is not None and self.opened.done():
            client.disconnect()
            self._wire.flush()
            await asyncio.wait({self.ended}, timeout=timeout)
        self.drop()
        if not self.ended.done():
            await asyncio.wait({self.ended}, timeout=timeout)
        for future in (self.opened, self.granted):
            future.cancel()

    def drop(self) -> None:
        """Hangs up now, whatever the far end does."""
        self._wire.hang_up()

    def _deliver(self, message: Message) -> None:
        self._unsettled += 1
        if self._unsettled >= MAX_UNSETTLED:
            self._wire.pause()
        self._on_message(message)

    def _end(self, error: Exception | None) -> None:
        if error is not None:
            self._why = self._why or _reason(error)
        _resolve(self.ended, self._why or "the broker closed the connection")

    # ---- in the opening thread

    def _make_client(self, kind: type[Any]) -> tuple[Any, dict[str, Any]]:
        import paho.mqtt.client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion

        plan, five = self._plan, self._plan.version == 5
        client = kind(
            CallbackAPIVersion.VERSION2,
            client_id=plan.client_id,
            protocol=mqtt.MQTTv5 if five else mqtt.MQTTv311,
            clean_session=None if five else False,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if plan.username is not None:
            client.username_pw_set(plan.username, plan.password)
        if plan.tls is not None:
            client.tls_set_context(plan.tls.context())
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = lambda *_: self._wire.tell(self._on_answer)
        client.on_message = self._on_publish
        return client, {"clean_start": False, "properties": self._properties()} if five else {}

    def _properties(self) -> Any:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._plan.session_expiry_s
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        return properties

    # ---- in the loop, called by paho: nothing of it may be called from here

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._why = f"the broker refused us: {reason}"
        else:
            self._wire.tell(_resolve, self.opened, bool(flags.session_present))

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._why = self._why or f"the connection was lost: {reason}"

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        self._wire.tell(_resolve, self.granted, ", ".join(str(reason) for reason in reasons if reason.is_failure))

    def _on_publish(self, _client: Any, _data: Any, found: Any) -> None:
        try:
            topic = found.topic
        except UnicodeDecodeError:
            topic = ""  # nobody asked for it: it is confirmed and forgotten
        payload = bytes(found.payload[: self._plan.body_limit(topic) + 1])  # one too many is enough to be refused
        message = Message(topic, payload, bool(found.retain), found.mid, found.qos, bool(found.dup))
        self._wire.tell(self._deliver, message)


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

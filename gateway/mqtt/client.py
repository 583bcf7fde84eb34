"""paho's client, one packet at a time, on a socket somebody else made and somebody else watches.

What it adds to paho 2.2 (research/fleet.md 2.2, and its source): it reads ahead, refuses to allocate what a packet
merely announces (up to 256 MiB), takes its socket from its owner, and knows when it next has to look at its keepalive.
It writes at once, from whoever calls: that is what paho does with no thread and no `on_socket_register_write`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import socket

READ_AHEAD_BYTES: Final = 4096  # paho asks for a packet in three pieces; this is some ten acknowledgements
MAX_COMPLAINT_CHARS: Final = 200


@cache
def client_class() -> type[Any]:
    """`WireClient`. Made late: importing paho costs 160 ms."""
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import MQTTErrorCode

    class WireClient(mqtt.Client):
        """`reach` makes the socket; `max_packet_bytes` and `oversized` are of announced lengths."""

        reach: Callable[[], socket.socket]
        max_packet_bytes = 1 << 20
        oversized = False
        complaint = ""  # the last thing paho had to say, when something was wrong
        _ahead = b""

        def read_packet(self) -> bool:
            """Takes in one packet; False when there is no whole one, or the connection has ended."""
            if self._sock is None:
                return False
            rc = self._packet_read()
            if rc == MQTTErrorCode.MQTT_ERR_AGAIN:
                return self._held_by_tls() > 0
            if rc != MQTTErrorCode.MQTT_ERR_SUCCESS and self._sock is not None:
                self._loop_rc_handle(rc)
            return self._sock is not None

        def next_look(self) -> float | None:
            """When `loop_misc` is due by the monotonic clock; None: this broker wants no keepalive."""
            if not self._keepalive:
                return None
            heard = self._ping_t or min(self._last_msg_out, self._last_bytes_received)
            return float(heard + self._keepalive)

        def close_socket(self) -> None:
            """Ends it without a word, whatever stands."""
            self._reset_sockets()

        def _held_by_tls(self) -> int:
            """Bytes that no selector tells of: TLS has them unpacked already."""
            pending = getattr(self._sock, "pending", None)
            return 0 if pending is None else int(pending())

        def _create_socket_connection(self) -> Any:
            return self.reach()

        def _send_connect(self, keepalive: int) -> MQTTErrorCode:
            """What was said before we speak is heard first: that a broker wants no client without a certificate comes
            behind the handshake, and a write that fails on its closed socket would be all there is to tell."""
            try:
                self._ahead = super()._sock_recv(READ_AHEAD_BYTES)
            except BlockingIOError:
                pass
            except OSError as error:
                self._easy_log(mqtt.MQTT_LOG_ERR, "failed to receive on socket: %s", error)
                return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
            return super()._send_connect(keepalive)

        def _sock_recv(self, bufsize: int) -> bytes:
            if bufsize > self.max_packet_bytes:
                self.oversized = True
                raise ConnectionError(f"a packet of {bufsize} bytes was announced")
            if not self._ahead:
                self._ahead = super()._sock_recv(max(bufsize, READ_AHEAD_BYTES))
            found, self._ahead = self._ahead[:bufsize], self._ahead[bufsize:]
            return found

        def _easy_log(self, level: Any, fmt: str, *args: Any) -> None:
            if level == mqtt.MQTT_LOG_ERR:
                self.complaint = (fmt % args)[:MAX_COMPLAINT_CHARS]

    return WireClient


def due_in_s(client: Any) -> float | None:
    """Seconds until this client's `loop_misc` is due."""
    due = client.next_look()
    return None if due is None else max(0.0, due - time.monotonic())

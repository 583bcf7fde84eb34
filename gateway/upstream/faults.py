"""Why there is no connection, in words a status page can show.

Pure classification of what sockets, TLS and brokers say.

No fault is final: a wrong clock is set, a certificate is renewed, a broker is repaired. It only says what to look at.
"""

from __future__ import annotations

import errno
import socket
import ssl
from dataclasses import dataclass
from typing import Final

from gateway.upstream.tls import BadCredentials

MAX_DETAIL_CHARS: Final = 160


TURNED_AWAY: Final = frozenset(
    {
        "credentials", "server_certificate", "client_certificate", "tls", "protocol_version", "client_id",
        "server_unavailable", "not_authorized", "quota", "connack", "taken_over",
    }
)  # fmt: skip
"""Kinds that say: the broker is there and will not have us. Asking again within the second cannot help, and costs it
(and a SIM card's data) a TLS handshake each time."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`kind` is counted and tested against; `detail` is for people and holds no secret."""

    kind: str
    detail: str


def of_error(error: Exception) -> Fault:
    """What kept a connection from being made."""
    if isinstance(error, BadCredentials):
        return Fault("credentials", _cut(str(error)))
    if isinstance(error, ssl.SSLCertVerificationError):
        text = getattr(error, "verify_message", None) or "certificate not accepted"
        hint = "; is the clock right?" if "expired" in text or "not yet valid" in text else ""
        return Fault("server_certificate", _cut(text + hint))
    if isinstance(error, ssl.SSLError):
        return Fault("tls", _cut(getattr(error, "reason", None) or type(error).__name__))
    if isinstance(error, socket.gaierror):
        return Fault("name", "the broker's name cannot be resolved")
    if isinstance(error, TimeoutError):
        return Fault("timeout", "no answer in time")
    if isinstance(error, ConnectionRefusedError):
        return Fault("refused", "nothing listens there")
    if isinstance(error, OSError):
        if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN):
            return Fault("unreachable", "no network to the broker")
        return Fault("lost", _cut(error.strerror or type(error).__name__))
    return Fault("error", type(error).__name__)


_CONNACK: Final = {
    "unsupported protocol version": "protocol_version",
    "client identifier not valid": "client_id",
    "server unavailable": "server_unavailable",
    "server busy": "server_unavailable",
    "use another server": "server_unavailable",
    "server moved": "server_unavailable",
    "bad user name or password": "not_authorized",
    "not authorized": "not_authorized",
    "banned": "not_authorized",
    "bad authentication method": "not_authorized",
    "connection rate exceeded": "quota",
    "quota exceeded": "quota",
}


def of_connack(reason: str) -> Fault:
    """The broker's own refusal, from the reason's name."""
    return Fault(_CONNACK.get(reason.lower(), "connack"), _cut(reason))


def of_loss(reason: str, log: str) -> Fault:
    """The end of a connection that had been open; `log` is the last thing the library complained about."""
    lowered = log.lower()
    if "session taken over" in reason.lower():
        return Fault("taken_over", "another client uses our name")
    if "alert" in lowered or "certificate" in lowered:
        return Fault("client_certificate", _cut(log))
    if "protocol error" in reason.lower():  # also how paho tells that MQTT 3.1.1 itself was refused
        return Fault("protocol_version", "the broker does not speak this MQTT version")
    if "keep alive" in reason.lower() or "keepalive" in lowered:
        return Fault("keepalive", "the broker fell silent")
    return Fault("lost", _cut(log or reason or "closed"))


def _cut(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:MAX_DETAIL_CHARS]

"""The TLS side of the link: pinned issuer, client certificate, host name verified, TLS 1.2 or newer.

Knows files and `ssl`; must not know MQTT. Nothing is cached: a context is made for each connection, so a certificate
renewed on disk is used from the next connection on.
"""

from __future__ import annotations

import ssl

from gateway.mqtt.sockets import ClosedOnFailure
from gateway.upstream.settings import Tls


class BadCredentials(OSError):
    """A certificate or key file is missing, unreadable or does not fit. Never final: the files may be replaced."""


def make_context(tls: Tls) -> ssl.SSLContext:
    """A client context from the files as they are now. Raises `BadCredentials` naming the file, never its content."""
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(tls.ca))
    except (OSError, ValueError) as error:
        raise BadCredentials(f"{tls.ca}: {_why(error)}") from None
    context.sslsocket_class = ClosedOnFailure
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.cert is not None and tls.key is not None:
        try:
            # Without a password argument OpenSSL would ask on the terminal for an encrypted key, and wait for ever.
            context.load_cert_chain(tls.cert, tls.key, password="")
        except (OSError, ValueError) as error:
            raise BadCredentials(f"{tls.cert}, {tls.key}: {_why(error)}") from None
    return context


def fingerprint(tls: Tls) -> tuple[tuple[int, int, int] | None, ...]:
    """Changes when one of the files is replaced or rewritten."""
    marks: list[tuple[int, int, int] | None] = []
    for path in (tls.ca, tls.cert, tls.key):
        try:
            found = path.stat() if path is not None else None
        except OSError:
            found = None
        marks.append(None if found is None else (found.st_ino, found.st_mtime_ns, found.st_size))
    return tuple(marks)


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return getattr(error, "reason", None) or "not a certificate or key that fits"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__

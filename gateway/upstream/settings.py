"""How to reach the platform: addresses, protocol, credentials and the link's own time limits.

Plain data, checked when made. Knows nothing of files' contents or sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.config.sections import MqttConfig
from gateway.upstream.window import Timing

PORT_PLAIN: Final = 1883
PORT_TLS: Final = 8883
PROTOCOLS: Final = ("5", "3.1.1")
MAX_BROKERS: Final = 8


class BadSettings(ValueError):
    """A setting that cannot work. The text names the key, what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Who we are and whom we trust. Files are read afresh for every connection, so a renewed one is picked up."""

    ca: Path  # the only issuer trusted; the system's are not
    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits of one link. The home does not set them; tests shorten them."""

    keepalive_s: int = 30  # domain 5.1; a half-open link is noticed in twice this (research 2.2)
    connect_s: float = 15.0  # name, TCP and TLS together; cellular needs several seconds for each
    connack_s: float = 10.0  # a broker that accepts TCP and says nothing
    user_timeout_s: float = 20.0  # TCP_USER_TIMEOUT: sent and not acknowledged by the far kernel
    farewell_s: float = 2.0  # how long a clean stop waits for the broker to take OFFLINE
    backoff_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """[mqtt] of the configuration, as the link needs it. Raises `BadSettings`."""

    brokers: tuple[tuple[str, int], ...]  # tried in turn
    protocol: str = "5"
    tls: Tls | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    client_id: str | None = None  # default: gateway and journal, so that a swapped card starts a session of its own
    session_expiry_s: int = 14 * 86400  # commands and acknowledgements wait this long for us (research 2.1)
    window: Timing = field(default_factory=Timing)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 1 <= len(self.brokers) <= MAX_BROKERS:
            raise BadSettings(f"brokers: expected 1 to {MAX_BROKERS}, found {len(self.brokers)}")
        for host, port in self.brokers:
            if not host or len(host) > 253 or not 0 < port < 65536:
                raise BadSettings(f"brokers: expected host and port 1 to 65535, found {host[:60]!r}, {port!r}")
        if self.protocol not in PROTOCOLS:
            raise BadSettings(f'protocol: expected "5" or "3.1.1", found {self.protocol!r}')
        if self.tls is not None and (self.tls.cert is None) != (self.tls.key is None):
            raise BadSettings("tls: cert and key belong together, found only one")


def parse_broker(text: str, *, tls: bool) -> tuple[str, int]:
    """`host`, `host:port` or `[v6]:port` as (host, port). Raises `BadSettings`."""
    host, port = text.strip(), ""
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":")
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    if not port:
        return host, PORT_TLS if tls else PORT_PLAIN
    if not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65536:
        raise BadSettings(f"broker: expected host:port, found {text[:60]!r}")
    return host, int(port)


def from_config(config: MqttConfig, resolve: Callable[[str], Path] = Path) -> UpstreamSettings:
    """The link's settings from the configuration file's [mqtt]; `resolve` finds its certificate files.

    Raises `BadSettings`, for an empty `hosts` too.
    """
    tls: Tls | None = None
    if config.ca:
        cert, key = (resolve(name) if name else None for name in (config.cert, config.key))
        tls = Tls(resolve(config.ca), cert, key)
    return UpstreamSettings(
        brokers=tuple(parse_broker(host, tls=tls is not None) for host in config.hosts),
        protocol="5" if config.version == 5 else "3.1.1",
        tls=tls,
        username=config.username or None,
        password=config.password or None,
        client_id=config.client_id or None,
        limits=Limits(keepalive_s=config.keepalive_s),
    )

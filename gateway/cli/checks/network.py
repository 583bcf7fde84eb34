"""The way to the platform: brokers, certificates, and the clock that judges them."""

from __future__ import annotations

import ctypes
import datetime
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.cli.findings import Finding, fail, ok, warn

if TYPE_CHECKING:
    from cryptography import x509

    from gateway.config import Config

CONNECT_TIMEOUT_S: Final = 3.0
COMMAND_TIMEOUT_S: Final = 5.0
EXPIRY_NOTICE_DAYS: Final = 30  # long enough for an installer's monthly round
TIMEX_BYTES: Final = 512  # struct timex is 208 bytes on 64-bit Linux
TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised


def check_broker(config: Config) -> list[Finding]:
    """Whether each broker takes a TCP connection. No MQTT is spoken: a second client would push the gateway off."""
    mqtt = config.mqtt
    if not mqtt.enabled or not mqtt.hosts:
        advice = 'set mqtt.hosts = ["host:port"] and mqtt.enabled = true'
        return [warn("platform", "no broker configured: alarms go out by text only", advice)]
    reached = [_connect(host) for host in mqtt.hosts]
    found = []
    for host, wrong in zip(mqtt.hosts, reached, strict=True):
        if wrong is None:
            found.append(ok("platform", f"{host} takes connections"))
        elif None in reached:
            found.append(warn("platform", f"{host}: {wrong}", "another broker answers; this one would be its stand-in"))
        else:
            found.append(fail("platform", f"{host}: {wrong}", "check the network, the firewall and mqtt.hosts"))
    return found


def check_local_broker(config: Config) -> list[Finding]:
    """Whether the broker in the home takes a TCP connection; nothing is said to it."""
    local = config.local_mqtt
    if not local.enabled:
        return []
    where = f"{local.host}:{local.port}"
    if (wrong := _connect(where)) is not None:
        return [fail("local broker", f"{where}: {wrong}", "start it, or correct local_mqtt.host and local_mqtt.port")]
    if not config.local_mqtt_maps and not local.zigbee2mqtt:
        return [warn("local broker", "nothing to listen to", "set local_mqtt.zigbee2mqtt or add a [[local_mqtt.map]]")]
    return [ok("local broker", f"{where} takes connections")]


def _connect(host: str) -> str | None:
    name, _, port = host.rpartition(":")
    try:
        socket.create_connection((name.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
    except OSError as error:
        return str(error.strerror or error)
    return None


def check_certificates(config: Config) -> list[Finding]:
    """Whether the PEM files are there, in date and belong together; the key is nobody else's to read."""
    mqtt = config.mqtt
    if not mqtt.enabled or not mqtt.hosts:
        return []
    if not mqtt.ca:
        return [warn("certificates", "no TLS to the platform", "set mqtt.ca, mqtt.cert and mqtt.key")]
    found = [_certificate(config.resolved(mqtt.ca), "authority")]
    if mqtt.cert:
        found.append(_certificate(config.resolved(mqtt.cert), "certificate", config.gateway.id))
        found.append(_key(config.resolved(mqtt.key), config.resolved(mqtt.cert)))
    return found


def _certificate(path: Path, what: str, name: str | None = None) -> Finding:
    try:
        certificate = _load(path)
    except (OSError, ValueError) as error:
        return fail(what, f"{path}: {_reason(error)}", "put the PEM file of the enrolment there")
    now = datetime.datetime.now(datetime.UTC)
    until = certificate.not_valid_after_utc
    if until <= now:
        return fail(what, f"{path} expired on {until:%Y-%m-%d}", "enrol again; if the date is wrong, set the clock")
    if certificate.not_valid_before_utc > now:
        return fail(what, f"{path} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} only", "set the clock")
    common = [str(a.value) for a in certificate.subject if a.oid.dotted_string == "2.5.4.3"]
    if name is not None and common != [name]:
        text = f"{path} is of {', '.join(common) or 'nobody'}, not of gateway.id {name}"
        return warn(what, text, "the broker's access list goes by this name; make them equal")
    if until - now < datetime.timedelta(days=EXPIRY_NOTICE_DAYS):
        return warn(what, f"{path} expires on {until:%Y-%m-%d}", "renew it")
    return ok(what, f"{path}, valid until {until:%Y-%m-%d}")


def _key(path: Path, certificate: Path) -> Finding:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), None)
        fits = key.public_key() == _load(certificate).public_key()
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        return fail("key", f"{path}: {_reason(error)}", "put the PEM file of the enrolment there, without a password")
    if not fits:
        return fail("key", f"{path} does not belong to {certificate}", "take both from the same enrolment")
    if path.stat().st_mode & 0o077:
        return warn("key", f"{path} can be read by others", f"chmod 600 {path}")
    return ok("key", f"{path} belongs to the certificate")


def _load(path: Path) -> x509.Certificate:
    from cryptography import x509

    return x509.load_pem_x509_certificate(path.read_bytes())


def _reason(error: Exception) -> str:
    return (error.strerror or "cannot be read") if isinstance(error, OSError) else "is not a usable PEM file"


def check_clock() -> list[Finding]:
    """Whether the system's clock is synchronised: certificates, and time-of-day rules, go by it."""
    now = datetime.datetime.now(datetime.UTC)
    synchronised = _timedatectl()
    if synchronised is None:
        synchronised = _adjtimex()
    if synchronised is None:
        return [warn("clock", "cannot tell whether it is synchronised", "sudo apt install chrony")]
    if not synchronised:
        advice = "sudo apt install chrony, or fit a clock module; without it delays across a power cut are unknown"
        return [warn("clock", f"not synchronised ({now:%Y-%m-%d %H:%M} UTC)", advice)]
    return [ok("clock", f"synchronised ({now:%Y-%m-%d %H:%M} UTC)")]


def _timedatectl() -> bool | None:
    if shutil.which("timedatectl") is None:
        return None
    try:
        done = subprocess.run(
            ["timedatectl", "show", "-p", "NTPSynchronized", "--value"],
            capture_output=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {b"yes": True, b"no": False}.get(done.stdout.strip())


def _adjtimex() -> bool | None:
    """The kernel's own word; with modes 0 the call only reads."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != TIME_ERROR

"""Every key of the configuration, with its unit, range, default and reason. The file and the documentation follow this.

Knows what can be set and how sections must agree with each other; reads nothing. Numbers of the alarm logic (T-xx) are
settings of the home (`gateway.parameters`), not of the machine, and so are not here.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.config.keys import option
from gateway.config.local_mqtt import ActionConfig, LocalMqttConfig, MapConfig, local_disagreements
from gateway.home.model import check_number, units
from gateway.observations import ID_PATTERN

_NAME: Final = r"[A-Za-z0-9_-]{1,32}"
_NAME_SHAPE: Final = "1 to 32 of A-Z a-z 0-9 _ -"
_HOST: Final = r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):[0-9]{1,5}"


def _zone(found: str) -> str | None:
    try:
        zoneinfo.ZoneInfo(found)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return 'a time zone such as "Asia/Shanghai"'
    return None


def _host(found: str) -> str | None:
    return None if 1 <= int(found.rpartition(":")[2]) <= 65535 else "a port from 1 to 65535"


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """Who this gateway is and where it keeps what it must not lose."""

    id: str = option(
        "gateway-1",
        "This gateway's name: in topics, and the common name of its certificate.",
        pattern=_NAME,
        shape=_NAME_SHAPE,
    )
    site: str = option("home", "The site or village it belongs to: in topics.", pattern=_NAME, shape=_NAME_SHAPE)
    state_dir: str = option(
        "/var/lib/hearthwatch",
        "Journal, home registry and control socket live here. A relative path is relative to this file.",
        pattern=r".+",
        shape="a directory",
    )
    log_level: str = option(
        "info", "How much is logged; never names, numbers or keys.", choices=("debug", "info", "warning", "error")
    )
    tz: str = option(
        "Asia/Shanghai",
        "Civil time of the home, whatever the host's zone says (A19).",
        pattern=r"[A-Za-z0-9_+/-]{1,64}",
        shape="a name of the time zone database",
        check=_zone,
    )


@dataclass(frozen=True, slots=True)
class BleConfig:
    """Bluetooth: call buttons and sensors that advertise (BTHome v2)."""

    enabled: bool = option(True, "Listen for Bluetooth advertisements.")
    adapter: str = option(
        "", 'Adapter such as "hci0"; empty: the first one.', pattern=r"hci[0-9]{1,2}", shape='"hci0" to "hci99"'
    )
    scanning: str = option(
        "passive",
        "Passive hears every press; active can swallow one. Passive needs Experimental = true in BlueZ's main.conf.",
        choices=("passive", "active"),
    )
    liveness_s: float = option(
        300.0, "Nothing heard from anybody for this long: the radio is restarted.", unit="s", low=30, high=86400
    )


@dataclass(frozen=True, slots=True)
class MeterConfig:
    """One electricity meter (DL/T 645-2007) on a serial port. Repeat the section for more; meters may share a port."""

    port: str = option(
        doc="Serial port; prefer /dev/serial/by-id/…, which survives replugging.",
        pattern=r"/.+",
        shape="an absolute path",
    )
    device: str = option(
        doc="Id of the meter among the home's devices.",
        pattern=ID_PATTERN.pattern,
        shape="1 to 64 of A-Z a-z 0-9 _ . : / -",
    )
    address: str = option(
        "",
        "Meter address as printed on it; empty: the address the home registry has for the device.",
        pattern=r"[0-9]{12}",
        shape="12 digits",
    )
    baud: int = option(
        2400, "Speed of the line; DL/T 645-2007 starts at 2400.", choices=(600, 1200, 2400, 4800, 9600, 19200)
    )
    parity: str = option("E", "Parity of the line: E even (DL/T 645-2007), N none, O odd.", choices=("E", "N", "O"))
    interval_s: float = option(60.0, "Read the meter this often.", unit="s", low=1, high=3600)
    enabled: bool = option(True, "Read this meter.")


@dataclass(frozen=True, slots=True)
class ModemConfig:
    """The 4G modem that texts contacts. Only an organisation-registered SIM proven to reach them (domain 1.9)."""

    enabled: bool = option(True, "Text contacts through a modem.")
    port: str = option(
        "/dev/ttyUSB2",
        "The modem's AT port; prefer /dev/serial/by-id/…",
        pattern=r"/.+",
        shape="an absolute path",
    )
    baud: int = option(
        115200,
        "Speed of the AT port; USB modems ignore it.",
        choices=(9600, 19200, 38400, 57600, 115200, 230400, 460800),
    )
    pin: str = option("", "PIN of the SIM; empty: none.", pattern=r"[0-9]{4,8}", shape="4 to 8 digits", secret=True)

    call_command: str = option(
        "",
        "Command that plays a WAV on its standard input into the call, for a modem without a voice of its own.",
    )
    voice: bool = option(True, "Call contacts through it; false: this SIM carries texts only.")


@dataclass(frozen=True, slots=True)
class SecondModemConfig(ModemConfig):
    """A second modem, or the same maker's with another operator's SIM: texts and calls the first cannot carry."""

    enabled: bool = option(False, "Use a second modem.")
    port: str = option(
        "/dev/ttyUSB6", "The second modem's AT port; prefer /dev/serial/by-id/…", pattern=r"/.+",
        shape="an absolute path",
    )  # fmt: skip


def _person(found: str) -> str | None:
    try:
        check_number(found)
    except ValueError:
        return "a number a person or a platform answers at, never a public emergency number"
    return None


def _short(most: int) -> Callable[[str], str | None]:
    return lambda found: None if units(found) <= most else f"at most {most} characters"


@dataclass(frozen=True, slots=True)
class SmsConfig:
    """What texts say beside the alarm, and how the way they take is tested."""

    house: str = option(
        "", "Which house it is, for contacts who are not family (溪边12号): at most 6 characters.", check=_short(6)
    )
    helpline: str = option("", "Number to call about faulty equipment, named in texts.", check=_short(13))
    self_test_number: str = option(
        "", "The platform's number: a test text goes there monthly and must be reported delivered; empty: none.",
        check=_person,
    )  # fmt: skip
    self_test_days: int = option(30, "How often the test text goes (T-16).", unit="days", low=1, high=90)
    credit_ussd: str = option(
        "", "Code that asks the operator for the credit left, asked with each test; empty: none.",
        pattern=r"(?!\*+(?:21|61|62|67|002|004)\*)[*#][0-9*#]{1,19}",
        shape='2 to 20 of 0-9 * # that begin with * or # and forward no calls, such as "*100#"',
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PushConfig:
    """Push messages (WeCom, DingTalk, Feishu, Bark, ntfy, mail…) beside texts: `pip install hearthwatch[push]`."""

    enabled: bool = option(False, "Push to the addresses the home registry has for contacts.")
    link_base: str = option(
        "", "Page of the platform that takes an accept link; the signed part is appended. Empty: no link.",
        pattern=r"https://[^\s?#]{1,200}/", shape='"https://…/"',
    )  # fmt: skip
    link_hours: int = option(12, "A link expires after this.", unit="h", low=1, high=72)


@dataclass(frozen=True, slots=True)
class SirenConfig:
    """The siren for smoke, gas and carbon monoxide."""

    command: str = option(
        "", 'Command that is called with "on" or "off" (a GPIO pin, a relay); empty: there is no siren.'
    )


@dataclass(frozen=True, slots=True)
class PowerConfig:
    """What the gateway itself runs on, as Linux tells it (/sys/class/power_supply): mains and standby battery."""

    enabled: bool = option(True, "Watch it; where Linux knows of no supply there is nothing to watch.")
    battery: bool = option(
        False, "This gateway has a battery (T-21): one that cannot be read is a fault, and told (DRIVER_BLIND)."
    )


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """The way to the platform."""

    enabled: bool = option(True, "Connect to the platform.")
    hosts: tuple[str, ...] = option(
        (), 'Brokers in order of preference, each "host:port"; none: contacts are told by text only.',
        pattern=_HOST, shape='"host:port"', check=_host,
    )  # fmt: skip
    version: int = option(5, "MQTT version: 5, or 3 for 3.1.1.", choices=(5, 3))
    ca: str = option("", "PEM file of the certificate authority of the broker; empty: no TLS.")
    cert: str = option("", "PEM file of this gateway's certificate; its common name is the gateway's id.")
    key: str = option("", "PEM file of its private key; readable by the gateway's user only.")
    username: str = option("", "User name where the broker wants one instead of a certificate.")
    password: str = option("", "Its password.", secret=True)
    client_id: str = option(
        "", "MQTT client id, for a broker that demands a certain one; empty: made of the gateway's id and its journal.",
        pattern=r"[A-Za-z0-9_-]{0,64}", shape="0 to 64 of A-Z a-z 0-9 _ -",
    )  # fmt: skip
    keepalive_s: int = option(30, "A dead link is noticed within twice this.", unit="s", low=5, high=1200)
    heartbeat_s: int = option(
        300, "How often the platform hears that the rules run (T-13); it takes 15 min of silence for a dead gateway.",
        unit="s", low=30, high=300,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class VoiceConfig:
    """What the elder hears."""

    enabled: bool = option(True, "Speak through the sound device; what is spoken is written down either way.")
    volume: int = option(80, "Loudness by day.", unit="%", low=0, high=100)
    command: str = option("", "Command that speaks the text on its standard input; empty: espeak-ng in Mandarin.")
    listen_model: str = option(
        "",
        "Folder of a Vosk model: after a question the home listens for yes, OK and help, here and nowhere else; "
        "nothing is recorded. Needs `pip install hearthwatch[voice]`. Empty: it does not listen.",
    )


@dataclass(frozen=True, slots=True)
class JournalConfig:
    """What is kept of what happened."""

    max_mib: int = option(
        256, "The journal's cap; above it the oldest that is no alarm goes first, and says so.",
        unit="MiB", low=8, high=65536,
    )  # fmt: skip
    reserve_mib: int = option(
        16, "Kept free for alarms on a full disk: given up when nothing else is left.", unit="MiB", low=1, high=4096
    )
    retention_days: int = option(
        90, "Alarms and events are kept at least this long (T-33).", unit="days", low=90, high=3650
    )
    raw_days: int = option(
        30, "Routine sensor readings are deleted after this (PIPL art. 19).", unit="days", low=1, high=30
    )


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. `path` is the file it came from, None if from nowhere."""

    gateway: GatewayConfig = field(default_factory=GatewayConfig)
    ble: BleConfig = field(default_factory=BleConfig)
    meters: tuple[MeterConfig, ...] = ()
    modem: ModemConfig = field(default_factory=ModemConfig)
    modem2: SecondModemConfig = field(default_factory=SecondModemConfig)
    sms: SmsConfig = field(default_factory=SmsConfig)
    push: PushConfig = field(default_factory=PushConfig)
    siren: SirenConfig = field(default_factory=SirenConfig)
    power: PowerConfig = field(default_factory=PowerConfig)
    mqtt: MqttConfig = field(default_factory=MqttConfig)
    local_mqtt: LocalMqttConfig = field(default_factory=LocalMqttConfig)
    local_mqtt_maps: tuple[MapConfig, ...] = ()
    local_mqtt_actions: tuple[ActionConfig, ...] = ()
    voice: VoiceConfig = field(default_factory=VoiceConfig)
    journal: JournalConfig = field(default_factory=JournalConfig)
    path: Path | None = None

    def resolved(self, found: str) -> Path:
        """A path of this file as it is on this machine: relative ones are relative to the file."""
        return Path(found) if self.path is None else self.path.parent / found

    @property
    def state_dir(self) -> Path:
        """Where the gateway keeps its state."""
        return self.resolved(self.gateway.state_dir)

    @property
    def home_file(self) -> Path:
        """The home registry."""
        return self.state_dir / "home.json"

    @property
    def control_socket(self) -> Path:
        """Where a running gateway is spoken to."""
        return self.state_dir / "control.sock"


SECTIONS: Final[dict[str, type]] = {
    "gateway": GatewayConfig,
    "ble": BleConfig,
    "meter": MeterConfig,
    "modem": ModemConfig,
    "modem2": SecondModemConfig,
    "sms": SmsConfig,
    "push": PushConfig,
    "siren": SirenConfig,
    "power": PowerConfig,
    "mqtt": MqttConfig,
    "local_mqtt": LocalMqttConfig,
    "local_mqtt.map": MapConfig,
    "local_mqtt.action": ActionConfig,
    "voice": VoiceConfig,
    "journal": JournalConfig,
}


@dataclass(frozen=True, slots=True)
class Repeated:
    """A section that may stand several times: [[meter]]."""

    attribute: str  # of Config
    most: int


REPEATED: Final = {
    "meter": Repeated("meters", 32),  # an RS-485 line carries 32 unit loads; a home has two or three
    "local_mqtt.map": Repeated("local_mqtt_maps", 64),
    "local_mqtt.action": Repeated("local_mqtt_actions", 64),
}


def disagreements(config: Config) -> list[str]:
    """What is wrong between keys that are each right."""
    found = []
    mqtt = config.mqtt
    if bool(mqtt.cert) != bool(mqtt.key):
        found.append("mqtt.cert and mqtt.key: expected both or neither")
    if mqtt.cert and not mqtt.ca:
        found.append("mqtt.ca: expected the authority's PEM file beside mqtt.cert, found none")
    if mqtt.password and not mqtt.username:
        found.append("mqtt.username: expected a user name beside mqtt.password, found none")
    if config.journal.reserve_mib >= config.journal.max_mib:
        found.append("journal.reserve_mib: expected less than journal.max_mib")
    found += local_disagreements(config.local_mqtt, config.local_mqtt_maps)
    if config.modem2.enabled and not config.modem.enabled:
        found.append("modem2.enabled: expected modem.enabled = true beside it; one modem alone is [modem]")
    if config.modem2.enabled and config.modem2.port == config.modem.port:
        found.append(f"modem2.port: the first modem has {config.modem.port} already")
    lines: dict[str, MeterConfig] = {}
    for i, meter in enumerate(config.meters):
        first = lines.setdefault(meter.port, meter)
        if (meter.baud, meter.parity) != (first.baud, first.parity):
            found.append(f"meter[{i}]: expected the baud and parity of the other meter on {meter.port}")
        if any(m.device == meter.device for m in config.meters[:i]):
            found.append(f"meter[{i}].device: expected a device no other meter has, found {meter.device!r}")
        if config.modem.enabled and meter.enabled and meter.port == config.modem.port:
            found.append(f"meter[{i}].port: the modem has {meter.port} already")
        if config.modem2.enabled and meter.enabled and meter.port == config.modem2.port:
            found.append(f"meter[{i}].port: the second modem has {meter.port} already")
    return found

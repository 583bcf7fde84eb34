"""The configuration's sections about a broker in the home: how to reach it, and what its topics mean.

Knows what can be set; reads nothing and speaks no MQTT.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.config.keys import option
from gateway.observations import GESTURES, ID_PATTERN, Kind

_KIND_WORDS: Final = tuple(
    str(k)
    for k in (
        Kind.BUTTON, Kind.MOTION, Kind.OCCUPANCY, Kind.CONTACT, Kind.PRESSURE, Kind.BED, Kind.APPLIANCE, Kind.FLUSH,
        Kind.LIGHT, Kind.SMOKE, Kind.GAS, Kind.CO, Kind.FLOOD, Kind.HEAT, Kind.TAMPER, Kind.TEST, Kind.END_OF_LIFE,
        Kind.WORN, Kind.POWER, Kind.ENERGY, Kind.WATER, Kind.WATER_VOLUME, Kind.TEMPERATURE, Kind.HUMIDITY,
        Kind.BATTERY, Kind.BATTERY_LOW, Kind.VOLTAGE, Kind.HEART_RATE, Kind.SPO2, Kind.BODY_TEMPERATURE, Kind.SEEN,
    )
)  # fmt: skip
_TOPIC_BYTES: Final = 256  # far above any real topic; MQTT's own limit is 65535


def _filter(found: str) -> str | None:
    levels = found.split("/")
    plain = all(level == "+" or not set(level) & set("+#") for level in levels[:-1])
    last = levels[-1] in ("+", "#") or not set(levels[-1]) & set("+#")
    good = plain and last and not found.startswith("$") and len(found.encode()) <= _TOPIC_BYTES
    return None if good else "an MQTT topic; + stands for one level, # for all that follow"


def _topic(found: str) -> str | None:
    if not found:
        return None
    good = not set(found) & set("+#") and found[0] not in "$/" and found[-1] != "/" and len(found.encode()) <= 128
    return None if good else "an MQTT topic without wildcards"


@dataclass(frozen=True, slots=True)
class LocalMqttConfig:
    """A broker in the home: Zigbee2MQTT, and any JSON topic that [[local_mqtt.map]] gives a meaning. What waits there
    for us at QoS 1 survives our restart; a message is acknowledged only when the journal has it."""

    enabled: bool = option(False, "Listen to a broker in the home.")
    host: str = option(
        "127.0.0.1", "Where it is.", pattern=r"[A-Za-z0-9._:-]{1,253}", shape="a host name or an address"
    )
    port: int = option(1883, "Its port; with TLS usually 8883.", low=1, high=65535)
    version: int = option(5, "MQTT version: 5, or 3 for 3.1.1.", choices=(5, 3))
    username: str = option("", "User name where the broker wants one.")
    password: str = option("", "Its password.", secret=True)
    ca: str = option("", "PEM file of the certificate authority of the broker; empty: no TLS.")
    cert: str = option("", "PEM file of a client certificate, where the broker wants one.")
    key: str = option("", "PEM file of its private key.")
    client_id: str = option(
        "", "Our name at the broker, under which it keeps what we miss; empty: hearthwatch-<gateway.id>.",
        pattern=r"[A-Za-z0-9_-]{1,64}", shape="1 to 64 of A-Z a-z 0-9 _ -",
    )  # fmt: skip
    keepalive_s: int = option(30, "A dead broker is noticed within twice this.", unit="s", low=5, high=1200)
    zigbee2mqtt: str = option(
        "zigbee2mqtt", "Base topic of Zigbee2MQTT; empty: there is none. Give its devices `qos: 1` there, else a press "
        "while we restart is lost.", pattern=r".*", shape="an MQTT topic", check=_topic,
    )  # fmt: skip
    bridge_grace_s: float = option(
        20.0, "Zigbee2MQTT may be away this long (its own restart takes 10 s) before its devices count as blind.",
        unit="s", low=0, high=600,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class MapConfig:
    """What a topic of the local broker means. Example: `home/button {"id":7,"action":"press"}` is a call with
    topic = "home/button", kind = "button"; the id 7 is that press's identity, and the same id within ten minutes is
    the same press. Retained messages are never events."""

    topic: str = option(doc="Topic, or filter with + and #.", pattern=r".+", shape="an MQTT topic", check=_filter)
    kind: str = option(doc="What it tells.", choices=_KIND_WORDS)
    device: str = option(
        "", "Id of the device; empty: from `device_field`, or else the topic itself.",
        pattern=ID_PATTERN.pattern, shape="1 to 64 of A-Z a-z 0-9 _ . : / -",
    )  # fmt: skip
    device_field: str = option("", "JSON field with the device's id or address; a.b is b within a.")
    format: str = option("json", "How the payload is written: JSON, or the bare text of the value.",
                         choices=("json", "text"))  # fmt: skip
    value_field: str = option(
        "", "JSON field with the value; empty: the whole payload where it is a single value, else `value`."
    )
    value: str = option("", "The value where the payload has none; empty: press for a button, true for a state.")
    values: tuple[str, ...] = option(
        (), 'What their words mean, each "theirs=ours", as in ["ON=true", "OFF=false"].',
        pattern=r"[^=]{1,64}=.{1,64}", shape='"theirs=ours"',
    )  # fmt: skip
    key_field: str = option("id", "JSON field with the identity of a press; empty: none.")
    repeats: bool = option(False, "The device repeats its state: only a change is an event, the rest a sign of life.")


@dataclass(frozen=True, slots=True)
class ActionConfig:
    """What an `action` of a Zigbee2MQTT model means. Any action of a device that is registered as a call button is a
    call anyway; rows are for models that are registered as something else, and for actions that are to be ignored."""

    model: str = option(doc='The model as Zigbee2MQTT names it, or "*".', pattern=r".{1,64}", shape="a model")
    action: str = option(doc='The action, or "*".', pattern=r".{1,64}", shape="an action")
    gesture: str = option("press", "What it is.", choices=(*GESTURES, "ignore"))


def local_disagreements(local: LocalMqttConfig, maps: tuple[MapConfig, ...]) -> list[str]:
    """What is wrong between keys that are each right."""
    found = []
    if bool(local.cert) != bool(local.key):
        found.append("local_mqtt.cert and local_mqtt.key: expected both or neither")
    if local.cert and not local.ca:
        found.append("local_mqtt.ca: expected the authority's PEM file beside local_mqtt.cert, found none")
    if local.password and not local.username:
        found.append("local_mqtt.username: expected a user name beside local_mqtt.password, found none")
    for i, row in enumerate(maps):
        if row.device and row.device_field:
            found.append(f"local_mqtt.map[{i}]: expected device or device_field, found both")
        if row.repeats and row.kind == "button":
            found.append(f"local_mqtt.map[{i}].repeats: expected false, found true; each press is a press")
        if row.format == "text" and (row.device_field or row.value_field):
            found.append(f"local_mqtt.map[{i}]: expected no fields, found some; a text has none")
        if not row.device and not row.device_field and not _is_id(row.topic):
            found.append(f"local_mqtt.map[{i}].device: expected one, found none; {row.topic!r} cannot serve as an id")
    return found


def _is_id(topic: str) -> bool:
    return ID_PATTERN.fullmatch(topic.replace("+", "x").replace("#", "x")) is not None

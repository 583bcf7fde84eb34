"""The vocabulary in: what a device or a person said, and when.

Knows the kinds, what value each carries and its bounds. Knows nothing of who reads them, of rules, or of clocks:
a driver makes a `Report`, the runtime stamps it with controller time and so makes an `Observation`.
Everything that moves the controller is one of these, people and machines included.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

MAX_ID_CHARS: Final = 64  # device, contact and key names; long enough for any MAC or meter address with a prefix
MAX_TEXT_CHARS: Final = 700  # ten SMS parts: more than anybody answers
MAX_SAMPLES: Final = 20_000  # 100 Hz for 200 s in one burst
MAX_BURSTS: Final = 2_000  # ten seconds in bursts of one sample at 200 Hz
MAX_EARLY_MS: Final = 1_000  # a burst that arrives so early continues what came before: as much as radios delay
MAX_LAG_MS: Final = 600_000  # how long before an observation's time its last sample may have been taken
MAX_KEYS: Final = 64
MAX_DEPTH: Final = 6
MAX_LEFT_S: Final = 10_000_000  # a battery for 115 days is none that runs out
MAX_OFFSET_MS: Final = 7_258_118_400_000  # 2200-01-01: wall minus controller time, whichever began first

ID_PATTERN: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")


class Kind(StrEnum):
    """What was said. The first block comes from sensors, the second from people and machines.

    In Python 3.11 a member reached through its class (`Kind.AWAY`) costs 0.2 us, ten times a name or a set: what is
    asked with every observation is asked as `kind in _A_SET`, or of a name the module has given the member.
    """

    MOTION = "motion"
    OCCUPANCY = "occupancy"
    PRESSURE = "pressure"
    BED = "bed"
    APPLIANCE = "appliance"
    FLUSH = "flush"
    LIGHT = "light"
    CONTACT = "contact"
    BUTTON = "button"
    SMOKE = "smoke"
    GAS = "gas"
    CO = "co"
    FLOOD = "flood"
    HEAT = "heat"  # a heat detector's alarm
    TAMPER = "tamper"
    TEST = "test"  # a detector is being tested; without a device: somebody who tests them all
    END_OF_LIFE = "end_of_life"  # a detector says that it is worn out
    WORN = "worn"  # false: taken off, in the wash, on its charger
    POWER = "power"  # W
    ENERGY = "energy"  # kWh, cumulative register
    WATER = "water"  # L in the interval that ends at `at`
    WATER_VOLUME = "water_volume"  # m3, cumulative register
    TEMPERATURE = "temperature"  # degC
    HUMIDITY = "humidity"  # %
    BATTERY = "battery"  # %
    BATTERY_LOW = "battery_low"  # the device's own judgement
    HEART_RATE = "heart_rate"  # 1/min
    SPO2 = "spo2"  # %
    BODY_TEMPERATURE = "body_temperature"  # degC
    BLOOD_PRESSURE = "blood_pressure"  # {"systolic","diastolic"} mmHg
    VOLTAGE = "voltage"  # V
    ACCELERATION = "acceleration"
    POSITION = "position"
    TICK = "tick"
    RECORDER = "recorder"

    CANCEL = "cancel"
    OK = "ok"
    REPLY = "reply"
    ACK = "ack"
    DELIVERY = "delivery"
    AWAY = "away"
    MUTE = "mute"
    VISIT = "visit"
    COMMAND = "command"
    CONFIG = "config"
    CLOCK = "clock"
    RESTART = "restart"
    SEEN = "seen"  # a sign of life without a reading; false: nobody can tell; WAY_IS_BACK: one could tell again
    CONDITION = "condition"  # a technical condition begins or ends: {"code","on"}
    SUPPLY = "supply"  # what the gateway itself runs on: {"mains","percent","left_s","bad"}, null where nobody can tell


LIFE_SAFETY: Final = frozenset(
    {
        Kind.BUTTON, Kind.SMOKE, Kind.GAS, Kind.CO, Kind.FLOOD, Kind.HEAT, Kind.CANCEL, Kind.OK, Kind.REPLY,
        Kind.VISIT,
    }
)  # fmt: skip
"""Commit at once, and are handled (marked late) however late they come."""

WAY_IS_BACK: Final = "way_is_back"
"""Value of `seen`: what made a device unheard of (its bridge, its broker) is over. Proves nothing of the device."""

GESTURES: Final = ("press", "double", "triple", "long", "hold")


class BadObservation(ValueError):
    """Their fault: a line or reading that is not of the vocabulary. The text says what was found and expected."""


@dataclass(slots=True, unsafe_hash=True)
class Observation:
    """One thing that was said, at controller time `t` (ms). `value` was validated by `check_value`.

    Never changed: mypy sees to that (`Final`). A frozen dataclass does so at run time, and takes 1 us longer to make.
    """

    kind: Final[Kind]
    value: Final[Any]
    t: Final[int]
    device: Final[str | None] = None
    key: Final[str | None] = None  # the source's own identity of this event ("ble:AA..:5001"); same key, same event
    late: Final[bool] = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a driver hands the runtime: an observation without its time.

    `memory` is a (name, JSON value) pair the journal keeps in the same transaction as the observation, for example
    the last counter of a button: neither can survive a crash without the other.
    """

    kind: Kind
    value: Any
    device: str | None = None
    key: str | None = None
    memory: tuple[str, Any] | None = None


def check_value(kind: Kind, value: Any) -> Any:
    """Returns `value` if it is of the kind's shape and within bounds, else raises `BadObservation`."""
    check = _CHECKS.get(kind)
    return value if check is None else check(kind, value)


def check_id(value: Any, what: str = "device") -> str:
    """Returns `value` if it is a name we accept in topics, files and logs, else raises `BadObservation`."""
    if isinstance(value, str) and ID_PATTERN.fullmatch(value):
        return value
    raise BadObservation(f"{what}: expected 1 to {MAX_ID_CHARS} of A-Z a-z 0-9 _ . : / -, found {shown(value)}")


def shown(value: Any) -> str:
    """A short, safe rendering of a foreign value for an error text."""
    text = repr(value) if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."


def meant(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` where something known is near, else nothing: an error text lists no hundred names."""
    near = difflib.get_close_matches(word[:MAX_TEXT_CHARS], list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _bool(kind: Kind, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise BadObservation(f"{kind}: expected true or false, found {shown(value)}")


def _number(low: float, high: float) -> Callable[[Kind, Any], Any]:
    def check(kind: Kind, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise BadObservation(f"{kind}: expected a number, found {shown(value)}")
        if not low <= value <= high:  # NaN fails both
            raise BadObservation(f"{kind}: expected {low:g} to {high:g}, found {shown(value)}")
        return value

    return check


def _one_of(*words: str) -> Callable[[Kind, Any], Any]:
    def check(kind: Kind, value: Any) -> Any:
        if isinstance(value, str) and value in words:
            return value
        raise BadObservation(f"{kind}: expected one of {', '.join(words)}, found {shown(value)}")

    return check


def _anything(kind: Kind, value: Any) -> Any:
    if not bounded(value):
        raise BadObservation(f"{kind}: value too large, too deep or not JSON")
    return value


def _object(kind: Kind, value: Any) -> Any:
    if not isinstance(value, dict):
        raise BadObservation(f"{kind}: expected an object, found {shown(value)}")
    return _anything(kind, value)


def _condition(kind: Kind, value: Any) -> Any:
    _object(kind, value)
    if not isinstance(value.get("code"), str):
        raise BadObservation(f"{kind}: code: expected a text, found {shown(value.get('code'))}")
    return value


def _supply(kind: Kind, value: Any) -> Any:
    _object(kind, value)
    for name in ("mains", "bad"):
        if not (value.get(name) is None or isinstance(value.get(name), bool)):
            raise BadObservation(f"{kind}: {name}: expected true, false or null, found {shown(value.get(name))}")
    for name, most in (("percent", 100), ("left_s", MAX_LEFT_S)):
        number = value.get(name)
        if number is not None:
            _number(0, most)(kind, number)
    return value


def _clock(kind: Kind, value: Any) -> Any:
    _object(kind, value)
    offset = value.get("offset_ms", 0)
    if isinstance(offset, bool) or not isinstance(offset, int) or abs(offset) > MAX_OFFSET_MS:
        raise BadObservation(f"{kind}: offset_ms: expected whole ms up to the year 2200, found {shown(offset)}")
    return value


def _acceleration(kind: Kind, value: Any) -> Any:
    if not isinstance(value, dict):
        raise BadObservation(f"{kind}: expected an object, found {shown(value)}")
    rate = value.get("rate_hz")
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 1 <= rate <= 1000:
        raise BadObservation(f"{kind}: rate_hz: expected 1 to 1000, found {shown(rate)}")
    if not _is_lag(value.get("lag_ms", 0)):
        raise BadObservation(f"{kind}: lag_ms: expected 0 to {MAX_LAG_MS} ms, found {shown(value.get('lag_ms'))}")
    if "bursts" not in value:
        _samples(kind, value.get("g"), MAX_SAMPLES)
        return value
    bursts = value["bursts"]
    if not isinstance(bursts, list) or not 1 <= len(bursts) <= MAX_BURSTS:
        raise BadObservation(f"{kind}: bursts: expected 1 to {MAX_BURSTS} of [ms before, samples]")
    left = MAX_SAMPLES
    for burst in bursts:
        if not (isinstance(burst, list) and len(burst) == 2):
            raise BadObservation(f"{kind}: bursts: expected [ms before, samples]")
        place, samples = burst
        count = _samples(kind, samples, left)
        left -= count
        if not (_is_lag(place) or (value.get("on_grid") is True and _is_place(place, count * 1000 / rate))):
            raise BadObservation(f"{kind}: bursts: expected 0 to {MAX_LAG_MS} ms before, found {shown(place)}")
    return value


def _samples(kind: Kind, samples: Any, most: int) -> int:
    if not isinstance(samples, list) or not 1 <= len(samples) <= most:
        raise BadObservation(f"{kind}: g: expected 1 to {MAX_SAMPLES} samples")
    for xyz in samples:
        if not (isinstance(xyz, list) and len(xyz) == 3 and all(_is_g(x) for x in xyz)):
            raise BadObservation(f"{kind}: g: expected [x,y,z] within 32 g, found {shown(xyz)}")
    return len(samples)


def _is_lag(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool) and 0 <= x <= MAX_LAG_MS


def _is_place(x: Any, length_ms: float) -> bool:
    """Whether `fall.stream.Stream.append` can have put a burst so long there: parts of a ms count.

    One that comes too early to continue the samples before it follows them all the same (a sensor's clock is fast, its
    bursts are long): it ends up to its own length after the moment it could be early by, and 2 ms to be whole.
    """
    return isinstance(x, float) and -(MAX_EARLY_MS + 2 + length_ms) <= x <= MAX_LAG_MS


def _is_g(x: Any) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, bool) and -32 <= x <= 32


def _position(kind: Kind, value: Any) -> Any:
    if not isinstance(value, dict):
        raise BadObservation(f"{kind}: expected an object, found {shown(value)}")
    for name, limit in (("lat", 90.0), ("lon", 180.0)):
        number = value.get(name)
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not -limit <= number <= limit:
            raise BadObservation(f"{kind}: {name}: expected -{limit:g} to {limit:g}, found {shown(number)}")
    if value.get("datum", "WGS84") not in ("WGS84", "GCJ02"):
        raise BadObservation(f"{kind}: datum: expected WGS84 or GCJ02, found {shown(value.get('datum'))}")
    return _anything(kind, value)


def bounded(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether `value` is JSON of modest size: depth, keys, text and finite numbers within the named bounds."""
    if value is None or isinstance(value, (bool, int)):
        return not isinstance(value, int) or abs(value) < 1 << 53
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return len(value) <= MAX_TEXT_CHARS
    if depth == 0:
        return False
    if isinstance(value, list):
        return len(value) <= 10_000 and all(bounded(v, depth - 1) for v in value)
    if isinstance(value, dict):
        return len(value) <= MAX_KEYS and all(
            isinstance(k, str) and len(k) <= MAX_ID_CHARS and bounded(v, depth - 1) for k, v in value.items()
        )
    return False


def _none(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    raise BadObservation(f"{kind}: expected null, found {shown(value)}")


_YES_OR_NO: Final = (
    Kind.MOTION, Kind.OCCUPANCY, Kind.PRESSURE, Kind.BED, Kind.APPLIANCE, Kind.FLUSH, Kind.LIGHT,
    Kind.SMOKE, Kind.GAS, Kind.CO, Kind.FLOOD, Kind.HEAT, Kind.TAMPER, Kind.TEST, Kind.END_OF_LIFE, Kind.WORN,
    Kind.BATTERY_LOW, Kind.RECORDER,
)  # fmt: skip

# Bounds are plausibility of the instrument, wide on purpose: thresholds belong to rules.
_CHECKS: Final[dict[Kind, Callable[[Kind, Any], Any]]] = {
    **dict.fromkeys(_YES_OR_NO, _bool),
    Kind.CONTACT: _one_of("open", "closed"),
    Kind.BUTTON: _one_of(*GESTURES),
    Kind.POWER: _number(-1e6, 1e6),
    Kind.ENERGY: _number(-1e7, 1e7),
    Kind.WATER: _number(0, 1e6),
    Kind.WATER_VOLUME: _number(0, 1e7),
    Kind.TEMPERATURE: _number(-60, 150),
    Kind.HUMIDITY: _number(0, 100),
    Kind.BATTERY: _number(0, 100),
    Kind.HEART_RATE: _number(0, 400),
    Kind.SPO2: _number(0, 100),
    Kind.VOLTAGE: _number(-1000, 1000),
    Kind.BODY_TEMPERATURE: _number(-60, 150),
    Kind.BLOOD_PRESSURE: _object,
    Kind.ACCELERATION: _acceleration,
    Kind.POSITION: _position,
    Kind.TICK: _none,
    Kind.CANCEL: _anything,
    Kind.OK: _anything,
    Kind.REPLY: _object,
    Kind.ACK: _object,
    Kind.DELIVERY: _object,
    Kind.AWAY: _anything,
    Kind.MUTE: _anything,
    Kind.VISIT: _anything,
    Kind.COMMAND: _object,
    Kind.CLOCK: _clock,
    Kind.RESTART: _anything,
    Kind.SEEN: _anything,
    Kind.CONDITION: _condition,
    Kind.SUPPLY: _supply,
}  # fmt: skip
# Kind.CONFIG is checked by home.model, which knows its shape.

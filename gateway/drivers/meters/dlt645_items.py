"""What the data of DL/T 645 mean: data identifier (DI) to size, decimals, sign and unit. Pure.

Knows the tables of DL/T 645-2007 annex A (energy, instantaneous values, clock and addresses) and the few identifiers
of DL/T 645-1997 annex A that are still met. Knows nothing of frames. Values are BCD, low byte first.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

ENERGY_IMPORT: Final = 0x00010000
POWER: Final = 0x02030000
VOLTAGE_A: Final = 0x02010100
ADDRESS: Final = 0x04000401

MAX_TARIFFS: Final = 63  # 2007 table A.1: DI1 01..3F
MAX_SETTLEMENTS: Final = 12  # DI0 01..0C: register at the last .. twelfth last settlement day
_BLOCK: Final = 0xFF

Value = float | str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of a reply. None: the meter sent no number (FF.. for an absent phase, or bytes that are not BCD)."""

    item: str  # the DI in hex, "00010000"
    value: Value
    unit: str | None


@dataclass(frozen=True, slots=True)
class _Format:
    size: int
    read: Callable[[bytes], Value]
    unit: str | None = None


class BadData(ValueError):
    """The data are not of the size that their identifier has."""


def readings_2007(di: int, data: bytes) -> tuple[Reading, ...]:
    """The values of a DL/T 645-2007 read reply to `di`. Raises `BadData` if their size is wrong."""
    return _readings(f"{di:08X}", data, _block_2007(di) or [di], _format_2007, "{:08X}")


def readings_1997(di: int, data: bytes) -> tuple[Reading, ...]:
    """The values of a DL/T 645-1997 read reply to the two-byte `di`. Raises `BadData` if their size is wrong."""
    return _readings(f"{di:04X}", data, [di], _FORMATS_1997.get, "{:04X}")


def _readings(
    name: str, data: bytes, items: Sequence[int], format_of: Callable[[int], _Format | None], label: str
) -> tuple[Reading, ...]:
    first = format_of(items[0])
    if first is None:  # valid but not in our tables: shown as the standard prints it, high byte first
        return (Reading(name, data[::-1].hex().upper(), None),)
    count, rest = divmod(len(data), first.size)
    if rest or not 1 <= count <= len(items):
        wanted = f"{first.size}" if len(items) == 1 else f"1 to {len(items)} times {first.size}"
        raise BadData(f"{name}: expected {wanted} bytes of data, found {len(data)}")
    cut = (data[i * first.size : (i + 1) * first.size] for i in range(count))
    return tuple(
        Reading(label.format(item), first.read(part), first.unit) for item, part in zip(items, cut, strict=False)
    )


# -- values ---------------------------------------------------------------------------------------------------------


def _number(data: bytes, decimals: int, signed: bool) -> float | None:
    """BCD, low byte first; if `signed`, the highest bit is the sign. None if any digit is not decimal."""
    high = data[-1]
    negative = signed and bool(high & 0x80)
    digits = bytes([high & 0x7F if signed else high, *data[-2::-1]]).hex()
    if not digits.isdecimal():
        return None
    value: float = int(digits) / 10**decimals
    return -value if negative and value else value


def _digits(data: bytes) -> str | None:
    text = data[::-1].hex()
    return text if text.isdecimal() else None


def _date(data: bytes) -> str | None:
    """YYMMDDWW as an ISO date. The weekday is dropped: meters number it from 0 or 1 and it adds nothing."""
    text = _digits(data)
    if text is None:
        return None
    try:
        return datetime.date(2000 + int(text[0:2]), int(text[2:4]), int(text[4:6])).isoformat()
    except ValueError:
        return None


def _time(data: bytes) -> str | None:
    """hhmmss as an ISO time."""
    text = _digits(data)
    if text is None:
        return None
    try:
        return datetime.time(int(text[0:2]), int(text[2:4]), int(text[4:6])).isoformat()
    except ValueError:
        return None


def _fixed(size: int, decimals: int, unit: str | None, *, signed: bool = False) -> _Format:
    return _Format(size, partial(_number, decimals=decimals, signed=signed), unit)


# -- DL/T 645-2007, annex A -----------------------------------------------------------------------------------------

_KWH, _KVARH, _KVAH = "kWh", "kvarh", "kVAh"
_ENERGY_UNITS: Final[dict[int, str]] = {  # by DI2, table A.1
    **dict.fromkeys((0x00, 0x01, 0x02), _KWH),
    **dict.fromkeys(range(0x03, 0x09), _KVARH),
    **dict.fromkeys((0x09, 0x0A), _KVAH),
    **{phase + 0x15: _KWH for phase in (0x00, 0x14, 0x28)},  # phases A, B, C: import
    **{phase + 0x16: _KWH for phase in (0x00, 0x14, 0x28)},  # and export
}
_ENERGY_SIGNED: Final = frozenset({0x00, 0x03, 0x04})  # combined registers may be below zero

_PHASE_FORMATS: Final[dict[int, tuple[_Format, tuple[int, ...]]]] = {
    # by DI2 of 02xxyy00, table A.2; with the values of DI1 that exist (00 total, 01..03 phases A..C)
    0x01: (_fixed(2, 1, "V"), (1, 2, 3)),
    0x02: (_fixed(3, 3, "A", signed=True), (1, 2, 3)),
    0x03: (_fixed(3, 4, "kW", signed=True), (0, 1, 2, 3)),
    0x04: (_fixed(3, 4, "kvar", signed=True), (0, 1, 2, 3)),
    0x05: (_fixed(3, 4, "kVA", signed=True), (0, 1, 2, 3)),
    0x06: (_fixed(2, 3, None, signed=True), (0, 1, 2, 3)),  # power factor
    0x07: (_fixed(2, 1, "°"), (1, 2, 3)),
}

_FORMATS_2007: Final[dict[int, _Format]] = {
    0x02800001: _fixed(3, 3, "A", signed=True),  # neutral
    0x02800002: _fixed(2, 2, "Hz"),
    0x02800003: _fixed(3, 4, "kW", signed=True),  # mean of one minute
    0x02800007: _fixed(2, 1, "°C", signed=True),
    0x02800008: _fixed(2, 2, "V"),  # clock battery
    0x04000101: _Format(4, _date),
    0x04000102: _Format(3, _time),
    ADDRESS: _Format(6, _digits),
    0x04000402: _Format(6, _digits),  # meter number
}


def _format_2007(di: int) -> _Format | None:
    group, register, part, settlement = di.to_bytes(4, "big")
    if group == 0x00 and register in _ENERGY_UNITS and part <= MAX_TARIFFS and settlement <= MAX_SETTLEMENTS:
        return _fixed(4, 2, _ENERGY_UNITS[register], signed=register in _ENERGY_SIGNED)
    if group == 0x02 and settlement == 0 and register in _PHASE_FORMATS:
        layout, parts = _PHASE_FORMATS[register]
        return layout if part in parts else None
    return _FORMATS_2007.get(di)


def _block_2007(di: int) -> list[int] | None:
    """The identifiers inside a block (DI1 = FF): total and tariffs of a register, or the phases."""
    group, register, part, settlement = di.to_bytes(4, "big")
    if part != _BLOCK:
        return None
    if group == 0x00 and register in _ENERGY_UNITS:
        parts: Sequence[int] = range(MAX_TARIFFS + 1)
    elif group == 0x02 and settlement == 0 and register in _PHASE_FORMATS:
        parts = _PHASE_FORMATS[register][1]
    else:
        return None
    return [di & 0xFFFF00FF | part << 8 for part in parts]


# -- DL/T 645-1997, annex A -----------------------------------------------------------------------------------------

_FORMATS_1997: Final[dict[int, _Format]] = {
    **{di: _fixed(4, 2, _KWH) for register in (0x9010, 0x9020) for di in range(register, register + 0x0F)},
    **{di: _fixed(2, 0, "V") for di in (0xB611, 0xB612, 0xB613)},
    **{di: _fixed(2, 2, "A") for di in (0xB621, 0xB622, 0xB623)},
    **{di: _fixed(3, 4, "kW") for di in (0xB630, 0xB631, 0xB632, 0xB633)},
    0xC010: _Format(4, _date),
    0xC011: _Format(3, _time),
    0xC032: _Format(6, _digits),
}

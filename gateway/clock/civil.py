"""Wall time as text and back, independent of the host's time zone (T-34, A19). Pure; replay's hot path."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final

MINUTE_MS: Final = 60_000

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""T-34, A19: fixed +08:00 without daylight saving; neither the host's zone nor its tzdata can move it."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_PLAIN: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - of a local time whose offset is counted apart
_DAY_MS: Final = 86_400_000
_AS_WRITTEN: Final = (len("2026-03-01T08:15:30+08:00"), len("2026-03-01T08:15:30.000+08:00"))


def zone(name: str) -> tzinfo:
    """The zone of that IANA name; Asia/Shanghai is fixed at +08:00. Raises ValueError if there is none."""
    if name == "Asia/Shanghai":
        return SHANGHAI
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"tz: expected a zone such as Asia/Shanghai, found {name[:40]!r}") from error


def iso(wall_ms: int, tz: tzinfo = SHANGHAI) -> str:
    """`2026-03-01T08:15:30.000+08:00`. Replay's hot path: all but the seconds is cached by minute.

    Raises ValueError outside the years 1 to 9999.
    """
    minute, rest = divmod(wall_ms, MINUTE_MS)
    prefix, suffix = _minute(minute, tz)
    return f"{prefix}{rest // 1000:02d}.{rest % 1000:03d}{suffix}"


@lru_cache(maxsize=4096)
def _minute(minute: int, tz: tzinfo) -> tuple[str, str]:
    try:
        moment = (EPOCH + timedelta(minutes=minute)).astimezone(tz)
    except OverflowError as error:
        raise ValueError(f"no year from 1 to 9999 holds minute {minute}") from error
    text = moment.replace(second=0).isoformat()  # zones before 1920 were seconds off; nobody here is that old
    return text[:17], text[19:25]


def parse_iso(text: str, tz: tzinfo | None = None) -> int:
    """UTC ms of `2026-03-01T08:15:30[.fff]+08:00` (or `Z`). Raises ValueError.

    A time without offset is taken in `tz`, or refused where that is None. Of the wider ISO 8601 (week dates, basic
    format, a bare date, a space for the T) nothing is accepted: a recording is written by programs.
    """
    if len(text) < 16 or text[10] != "T" or text[4] != "-" or text[7] != "-" or text[13] != ":":
        raise ValueError(f"expected a time such as 2026-03-01T08:15:30+08:00, found {text[:40]!r}")
    if len(text) in _AS_WRITTEN and text[-6] in "+-":  # the offset apart: zoned times are slow to subtract
        local, offset_ms = datetime.fromisoformat(text[:-6]), _offset_ms(text[-6:])
        if local.tzinfo is None:
            return _whole_ms(local - _EPOCH_PLAIN) - offset_ms
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        if tz is None:
            raise ValueError(f"expected a time with its offset, found {text[:40]!r}")
        moment = moment.replace(tzinfo=tz)
    return _whole_ms(moment - EPOCH)


def _whole_ms(span: timedelta) -> int:
    return span.days * _DAY_MS + span.seconds * 1000 + span.microseconds // 1000


@lru_cache(maxsize=64)
def _offset_ms(text: str) -> int:
    """Of `+08:00`. A recording has one, or two where the clock is put forward and back."""
    moment = datetime.fromisoformat("1970-01-02T00:00:00" + text)
    return _DAY_MS - _whole_ms(moment - EPOCH)

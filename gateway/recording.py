"""Recordings: JSON Lines in, a header and then one observation a line; and the lines alarms are printed as.

Pure text in, observations out. Controller time of a plain recording starts with its first line; an exported journal
carries its own controller time (`t`) and a snapshot, so that a real day runs again as it ran.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Final

from gateway.alarms.life import AlarmEvent, Book
from gateway.clock import iso, parse_iso
from gateway.clock import zone as named_zone
from gateway.controller import BadSnapshot, Controller, Notice
from gateway.home.model import CONSENTS, DEVICE_KINDS, MAX_DEVICES, BadHome, HomeView, view_from_json
from gateway.observations import (
    ID_PATTERN,
    LIFE_SAFETY,
    MAX_OFFSET_MS,
    BadObservation,
    Kind,
    Observation,
    bounded,
    check_id,
    check_value,
    shown,
)
from gateway.rules.fall.model import Model

VERSION: Final = 1
MAX_LINE_BYTES: Final = 1 << 20
MAX_NAME_CHARS: Final = 200  # of a device in a recording made elsewhere
MAX_STEM_CHARS: Final = 56  # leaves room for a number that tells it from another
_KINDS: Final = {kind.value: kind for kind in Kind}
_CONFIG: Final = Kind.CONFIG
_ACCELERATION: Final = Kind.ACCELERATION
_SPACE: Final = " \t\n\r"  # what JSON calls so
_decode: Final = json.JSONDecoder().raw_decode
_NO_ID: Final = re.compile(r"[^A-Za-z0-9_.:/-]")
MAX_LATE_MS: Final = 5_000
"""A line up to this late is handled at the current time; a later one is dropped unless life depends on it."""
_MIN_WALL: Final = 0  # 1970: a clock that was never set
_MAX_WALL: Final = MAX_OFFSET_MS  # 2200: beyond it a line is damaged, and time would run for years to reach it


class BadHeader(ValueError):
    """The first line is not a recording's header."""


class TooLate(BadObservation):
    """The line is older than what was handled already, and no life depends on it."""


@dataclass(slots=True)
class Recording:
    """Reads the lines of one recording in order. `controller` is made from the header, at the first line's time."""

    tz: tzinfo
    home: HomeView
    snapshot: dict[str, Any] | None = None
    settings: Mapping[str, float] = field(default_factory=dict)
    fall_models: Mapping[str, Model] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)  # of devices: as the recording has them -> as ids
    controller: Controller | None = field(default=None)
    _ids: dict[str, str] = field(default_factory=dict)  # names the lines had, checked: ten thousand at most

    def read(self, line: str | bytes) -> Observation:
        """One line as an observation of the controller's time; raises `BadObservation` with the reason."""
        row = _object(line)
        at = self._at(row.get("at"))
        word = row.get("kind")
        kind = _KINDS.get(word) if isinstance(word, str) else None
        if kind is None:
            raise BadObservation(f"kind: unknown kind {shown(word)}")
        device = row.get("device")
        if device is not None:
            device = (self._ids.get(device) if isinstance(device, str) else None) or self._id_of(device)
        key = row.get("key")
        if key is not None and not (isinstance(key, str) and 0 < len(key) <= 200):
            raise BadObservation(f"key: expected 1 to 200 characters, found {shown(key)}")
        value = row.get("value")
        value = self._config(value) if kind is _CONFIG else check_value(kind, value)
        if kind is _ACCELERATION:  # handled at its last sample
            at += length_ms(value)
        return self._placed(kind, value, at, row.get("t"), device, key, row.get("late") is True)

    def _id_of(self, name: Any) -> str:
        """The id of a device a line names so; raises `BadObservation`."""
        found = check_id(self.names.get(name, name) if isinstance(name, str) else name)
        if len(self._ids) < MAX_DEVICES:
            self._ids[name] = found
        return found

    def _placed(
        self, kind: Kind, value: Any, at: int, t: object, device: str | None, key: str | None, late: bool
    ) -> Observation:
        if t is not None and (isinstance(t, bool) or not isinstance(t, int) or abs(t) > _MAX_WALL):
            raise BadObservation(f"t: expected whole milliseconds, found {shown(t)}")
        if self.controller is None:
            self._begin(at if t is None else at - t)
        controller = self.controller
        assert controller is not None
        if t is None:
            t = at - controller.offset_ms
        elif not _MIN_WALL <= t + controller.offset_ms <= _MAX_WALL:
            raise BadObservation("t: not between the years 1970 and 2200")
        if t < controller.t:
            if controller.t - t > MAX_LATE_MS:
                if kind not in LIFE_SAFETY:
                    raise TooLate(f"at: {controller.t - t} ms before a line handled already")
                late = True
            if kind is _ACCELERATION:  # its samples keep their times
                value = {**value, "lag_ms": value.get("lag_ms", 0) + controller.t - t}
            t = controller.t
        return Observation(kind, value, t, device, key, late)

    def _begin(self, offset_ms: int) -> None:
        if self.snapshot is not None:
            try:
                self.controller = Controller.from_json(self.snapshot, self.fall_models)
            except BadSnapshot as error:
                raise BadHeader(str(error)) from None
        else:
            self.controller = Controller(self.home, offset_ms=offset_ms, trust="NTP", fall_models=self.fall_models)

    def _at(self, text: Any) -> int:
        if not isinstance(text, str) or len(text) > 40:
            raise BadObservation(f"at: expected an ISO 8601 time, found {shown(text)}")
        try:
            at = parse_iso(text, self.tz)
        except (ValueError, OverflowError):
            raise BadObservation(f"at: expected an ISO 8601 time, found {shown(text)}") from None
        if not _MIN_WALL <= at <= _MAX_WALL:
            raise BadObservation(f"at: expected a time between 1970 and 2200, found {shown(text)}")
        return at

    def _config(self, value: Any) -> Any:
        """A home view, with the settings this replay was given on top: they must outlive a change of the home."""
        if not isinstance(value, dict) or not bounded(value, depth=8):
            raise BadObservation("config: expected a home view")
        if self.settings:
            value = {**value, "settings": {**_table(value.get("settings")), **self.settings}}
        try:
            view_from_json(value)
        except (BadHome, AttributeError, TypeError) as error:
            raise BadObservation(f"config: {error}") from None
        return value

    def line_of(self, event: AlarmEvent, book: Book) -> str | None:
        """The line an alarm's transition is printed as; None for an event that is no transition."""
        alarm = book.alarms.get(event.alarm)
        if event.state is None or alarm is None or self.controller is None:
            return None
        return _dump(
            {
                "at": self.stamp(event.t),
                "alarm": event.alarm,
                "code": alarm.code,
                "severity": alarm.severity,
                "state": event.state.value,
                "device": self._as_recorded(alarm.device),
                "room": alarm.room,
                "reason": event.reason,
                "evidence": alarm.evidence,
            }
        )

    def notice_line(self, notice: Notice) -> str:
        """The line a notice is printed as."""
        return _dump(
            {
                "notice": notice.code,
                "at": self.stamp(notice.t),
                notice.kind: self._as_recorded(notice.subject),
                "status": notice.status,
                "reason": notice.reason,
            }
        )

    def _as_recorded(self, device: str | None) -> str | None:
        """The name the recording has for a device."""
        return next((name for name, ours in self.names.items() if ours == device), device)

    def stamp(self, t: int) -> str:
        """Controller time `t` in the recording's zone, with milliseconds."""
        assert self.controller is not None
        return iso(self.controller.wall_ms(t), self.tz)


def read_header(
    line: str | bytes,
    home: HomeView | None = None,
    settings: Mapping[str, float] | None = None,
    fall_models: Mapping[str, Model] | None = None,
) -> Recording:
    """The recording that a header announces; raises `BadHeader`.

    Without `home`: one resident living alone, all consents, no contacts. The header's devices join the home's;
    `settings` (`--set`, `--parameters`) override the home's, `fall_models` the shipped ones, by placement.
    """
    try:
        row = _object(line, deep=True)
    except BadObservation as error:
        raise BadHeader(f"header: {error}") from None
    if row.get("recording") != VERSION:
        raise BadHeader(f'header: expected {{"recording":{VERSION},…}}, found recording={shown(row.get("recording"))}')
    zone = row.get("tz", "Asia/Shanghai")
    try:
        tz = named_zone(zone) if isinstance(zone, str) else named_zone("")
    except ValueError:
        raise BadHeader(f"header: tz: unknown time zone {shown(zone)}") from None
    rows = row.get("devices", [])
    if not isinstance(rows, list) or len(rows) > MAX_DEVICES:
        raise BadHeader(f"header: devices: expected a list of at most {MAX_DEVICES}")
    rows = [_lenient(r) for r in rows]
    names = _named(rows)
    base = home if home is not None else HomeView(consents=dict.fromkeys(CONSENTS, True))
    try:
        view = view_from_json(_joined(base, rows, settings or {}))
    except BadHome as error:
        raise BadHeader("header: " + "; ".join(error.problems[:5])) from None
    snapshot = row.get("snapshot")
    if snapshot is not None and not isinstance(snapshot, dict):
        raise BadHeader("header: snapshot: expected an object")
    if snapshot is not None and settings:
        kept = _table(snapshot.get("home"))
        snapshot = {**snapshot, "home": {**kept, "settings": {**_table(kept.get("settings")), **settings}}}
    return Recording(tz, view, snapshot, settings or {}, fall_models or {}, names)


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _joined(home: HomeView, rows: list[dict[str, Any]], settings: Mapping[str, float]) -> dict[str, Any]:
    document = home.to_json()
    named = {r["id"] for r in rows if isinstance(r.get("id"), str)}
    document["devices"] = [d for d in document["devices"] if d["id"] not in named] + rows
    document["settings"] = {**document["settings"], **settings}
    for room in {r["room"] for r in rows if isinstance(r.get("room"), str)} - set(document["rooms"]):
        document["rooms"][room] = room[:3]
    return document


def _lenient(row: object) -> dict[str, Any]:
    """A header's device: kinds we do not know are `other`, so that newer recordings still run."""
    if not isinstance(row, dict):
        raise BadHeader("header: devices: expected objects")
    kind = row.get("kind")
    return {**row, "kind": "other"} if isinstance(kind, str) and kind not in DEVICE_KINDS else row


def _named(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Gives devices whose names are no ids ("front door reed") ids made of them, in `rows`; returns which."""
    taken = {row["id"] for row in rows if isinstance(row.get("id"), str)}
    names: dict[str, str] = {}
    for row in rows:
        name = row.get("id")
        if not isinstance(name, str) or ID_PATTERN.fullmatch(name) or not 0 < len(name) <= MAX_NAME_CHARS:
            continue
        plain = stem = _NO_ID.sub("_", name)[:MAX_STEM_CHARS]
        number = 1
        while plain in taken:
            number += 1
            plain = f"{stem}.{number}"
        taken.add(plain)
        names[name] = row["id"] = plain
    return names


def _object(line: str | bytes, *, deep: bool = False) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES and not deep:
        raise BadObservation(f"line longer than {MAX_LINE_BYTES} bytes")
    try:
        # decoded here, json.loads would guess at UTF-16 in every line; only the first can begin with a byte order mark
        row = json.loads(line) if deep else _loaded(line if isinstance(line, str) else line.decode())
    except (ValueError, RecursionError) as error:
        raise BadObservation(f"not JSON: {type(error).__name__}") from None
    if not isinstance(row, dict):
        raise BadObservation(f"expected an object, found {shown(row)}")
    return row


def _loaded(text: str) -> Any:
    """`json.loads` without its looking for what surrounds the value, which took as long as the value."""
    text = text.strip(_SPACE)
    value, end = _decode(text)
    if end != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return value


def length_ms(value: Mapping[str, Any]) -> int:
    """From the first to the last sample of an `acceleration`, in whole ms, rounded up: handled when all are there."""
    if "bursts" in value:
        first = max(float(lag) + _span(samples, value) for lag, samples in value["bursts"])
        return max(0, math.ceil(first - 1e-6))
    return math.ceil(_span(value["g"], value) - 1e-6)


def _span(samples: list[Any], value: Mapping[str, Any]) -> float:
    return float((len(samples) - 1) * 1000 / value["rate_hz"])


def observation_line(observation: Observation, wall_ms: int, tz: tzinfo) -> str:
    """An observation as a line of a recording, with its controller time, the inverse of `Recording.read`."""
    if observation.kind is _ACCELERATION:  # its line begins with its first sample
        wall_ms -= length_ms(observation.value)
    row: dict[str, Any] = {"at": iso(wall_ms, tz), "t": observation.t}
    if observation.device is not None:
        row["device"] = observation.device
    row["kind"] = observation.kind.value
    row["value"] = observation.value
    if observation.key is not None:
        row["key"] = observation.key
    if observation.late:
        row["late"] = True
    return _dump(row)


def _dump(row: dict[str, Any]) -> str:
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        return json.dumps(row, separators=(",", ":"))  # half a surrogate pair: no file takes it but as \ud83d
    return text

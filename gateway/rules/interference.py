"""All at once (T-29): when every device that beacons regularly falls silent together, it is the air, not the devices.

Counts as one fault, RADIO_INTERFERENCE, in place of a lost device each (A4). It needs a set of some devices that speak
often; the first of them that is heard again ends it, and each of the others is then judged by its own interval.
"""

from __future__ import annotations

from typing import Any, Final

OFTEN_MS: Final = 150_000
"""Only devices that speak at least so often can show within five minutes that nobody is heard (T-29)."""
MISSED: Final = 2
"""So many intervals of the slowest must be missed: one lost packet each is chance, two of every device are not."""


class Chorus:
    """The set of devices that speak often, and when any of them was last heard."""

    def __init__(self) -> None:
        self.silence_ms = 30_000
        self.least = 3
        self.members: dict[str, int] = {}  # device -> its interval
        self._heard: int | None = None
        self.deaf: frozenset[str] = frozenset()  # who is unheard of while it lasts
        self._lost: frozenset[str] = frozenset()
        self._silence: int | None = None  # what is more than chance; None with too few devices
        self._known = False  # whether `_silence` holds: asked with every observation, changed rarely

    def joins(self, device: str, interval: int | None) -> None:
        """A device's interval was learned, or is not known any more."""
        if interval is not None and interval <= OFTEN_MS:
            self.members[device] = interval
        else:
            self.members.pop(device, None)
        self._known = False

    def without(self, lost: set[str]) -> None:
        """Devices lost one by one are not waited for."""
        self._lost, self._known = frozenset(lost), False

    def keep_only(self, known: set[str]) -> None:
        """Devices that are gone sing no more."""
        self.members = {device: interval for device, interval in self.members.items() if device in known}
        self.deaf &= frozenset(self.members)
        self._known = False

    @property
    def sang(self) -> bool:
        """Whether any of them was ever heard: until then there is no silence."""
        return self._heard is not None

    def heard(self, device: str, t: int) -> bool:
        """Somebody was heard; returns whether that ends the silence of all."""
        if device not in self.members:
            return False
        self._heard = t
        over, self.deaf = bool(self.deaf), frozenset()
        return over

    def pause(self, t: int) -> None:
        """Nobody could listen until `t`: silence counts from there."""
        if self._heard is not None:
            self._heard = t

    def due(self) -> int | None:
        """When the silence of all is more than chance; None with too few devices, or while it lasts."""
        if self.deaf or self._heard is None:
            return None
        if not self._known:
            singing = [interval for device, interval in self.members.items() if device not in self._lost]
            enough = len(singing) >= self.least
            self._silence = max(self.silence_ms, MISSED * max(singing)) + 1 if enough else None
            self._known = True
        return None if self._silence is None else self._heard + self._silence

    def fall_silent(self) -> None:
        """All of those who were heard until now are deaf at once."""
        self.deaf = frozenset(self.members) - self._lost

    def to_json(self) -> dict[str, Any]:
        """For a snapshot; the members are learned again from the sightings."""
        return {"heard": self._heard, "deaf": sorted(self.deaf)}

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`, once the members are known."""
        self._heard = None if data["heard"] is None else int(data["heard"])
        self.deaf = frozenset(data["deaf"]) & frozenset(self.members)

"""One power cut in a village, not a thousand homes with a loose plug (domain 5.3, T-19). Pure: time is an argument.

When so many homes of a site say within ten minutes that they have no mains, the area has none: each home that is dark
is told so, and tells its contacts nothing of it. It is over when the most have mains again; who has not is told that,
and it is a matter for the contacts then. Kept in memory: after a restart of the platform a gateway believes the last
word for so long as it said.

What counts is when a home went dark, not when that was heard: after days away the platform hears of them all at once.
And a home that never says it has mains again is not dark for ever.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from gateway.receiver.store import Message

CODE: Final = "MAINS_FAIL"
SHARE: Final = 0.3  # domain 5.3: at least 30 % of a village
WITHIN_S: Final = 600.0  # domain 5.3: within 10 min
LEAST: Final = 3
"""Two neighbours on one fuse are no village."""
HOURS: Final = 6.0
"""How long a home may believe it without hearing more, and how long its own word is believed here."""
EARLIEST_S: Final = 1_767_225_600.0
"""2026-01-01, as the gateway's own clock has it: a moment before that was written without a clock."""


class Areas:
    """Which homes of each site are dark, and which sites are. All times in seconds of UTC."""

    def __init__(self) -> None:
        self._dark: dict[str, dict[str, float]] = {}  # site -> gateway -> since when
        self._out: set[str] = set()

    def heard(self, message: Message, homes: int, now_s: float) -> dict[str, dict[str, Any]]:
        """What to command which gateways after this message of one; `homes` is how many its site has."""
        body, site, gateway = message.body, message.site, message.gateway
        if message.channel != "event" or body.get("code") != CODE:
            return {}
        enough = max(LEAST, SHARE * homes)
        dark = {name: since for name, since in self._dark.get(site, {}).items() if _believed(since, now_s)}
        self._dark[site] = dark
        words = self._over(site, enough)
        if body.get("state") != "RAISED":
            dark.pop(gateway, None)
            return words | self._over(site, enough)
        since = _since(body, now_s)
        if since is None or not _believed(since, now_s):
            return words
        dark[gateway] = max(since, dark.get(gateway, since))
        if site in self._out:
            return {gateway: _word(on=True)}
        if sum(now_s - at <= WITHIN_S for at in dark.values()) < enough:
            return words
        self._out.add(site)
        return {name: _word(on=True) for name in dark}

    def _over(self, site: str, enough: float) -> dict[str, dict[str, Any]]:
        """Ends an outage of too few; who is still dark is told that it is a plug after all."""
        dark = self._dark[site]
        if site not in self._out or len(dark) >= enough:
            return {}
        self._out.discard(site)
        return {name: _word(on=False) for name in dark}


def _believed(since_s: float, now_s: float) -> bool:
    return now_s - since_s <= HOURS * 3600


def _since(body: dict[str, Any], now_s: float) -> float | None:
    """When the home went dark, as it says; where it had no clock to say it by, now, if it could say so at once."""
    try:
        at = datetime.fromisoformat(str(body.get("at")))
        said = at.timestamp() if at.tzinfo is not None else 0.0
    except (ValueError, OverflowError):
        said = 0.0
    if EARLIEST_S <= said <= now_s + WITHIN_S:
        return min(said, now_s)
    return None if body.get("delayed") is True else now_s


def _word(*, on: bool) -> dict[str, Any]:
    """The command to one home."""
    return {"cmd": "area_outage", "on": on, "hours": HOURS} if on else {"cmd": "area_outage", "on": False}

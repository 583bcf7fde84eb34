"""One power cut in a village, not a thousand homes with a loose plug (domain 5.3, T-19). Pure: time is an argument.

When so many homes of a site say within ten minutes that they have no mains, the area has none: each home that is dark
is told so, and tells its contacts nothing of it. It is over when the most have mains again; who has not is told that,
and it is a matter for the contacts then. Kept in memory: after a restart of the platform a gateway believes the last
word for so long as it said.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.receiver.store import Message

CODE: Final = "MAINS_FAIL"
SHARE: Final = 0.3  # domain 5.3: at least 30 % of a village
WITHIN_S: Final = 600.0  # domain 5.3: within 10 min
LEAST: Final = 3
"""Two neighbours on one fuse are no village."""
HOURS: Final = 6.0  # how long a home may believe it without hearing more


class Areas:
    """Which homes of each site are dark, and which sites are."""

    def __init__(self) -> None:
        self._dark: dict[str, dict[str, float]] = {}  # site -> gateway -> when it said so
        self._out: set[str] = set()

    def heard(self, message: Message, homes: int, now_s: float) -> dict[str, dict[str, Any]]:
        """What to command which gateways after this message of one; `homes` is how many its site has."""
        body, site, gateway = message.body, message.site, message.gateway
        if message.channel != "event" or body.get("code") != CODE:
            return {}
        dark = self._dark.setdefault(site, {})
        if body.get("state") == "RAISED":
            dark.setdefault(gateway, now_s)
            if site in self._out:
                return {gateway: _word(on=True)}
        else:
            dark.pop(gateway, None)
        lately = sum(now_s - since <= WITHIN_S for since in dark.values())
        enough = max(LEAST, SHARE * homes)
        if site not in self._out and lately >= enough:
            self._out.add(site)
            return {name: _word(on=True) for name in dark}
        if site in self._out and len(dark) < enough:
            self._out.discard(site)
            return {name: _word(on=False) for name in dark}
        return {}


def _word(*, on: bool) -> dict[str, Any]:
    """The command to one home."""
    return {"cmd": "area_outage", "on": on, "hours": HOURS} if on else {"cmd": "area_outage", "on": False}

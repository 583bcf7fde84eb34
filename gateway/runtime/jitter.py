"""This gateway's own delay after a power cut, so that a village does not speak in one voice (T-19, domain 0-12).

From the gateway's id and nothing else: the same after every restart, and different from its neighbours'.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from zlib import crc32

from gateway.home.model import HomeView
from gateway.parameters import TABLE

MAINS_JITTER: Final = "technical.mains_jitter_s"


def jitter_s(gateway_id: str) -> int:
    """Seconds, evenly spread from 0 to the parameter's most."""
    return crc32(gateway_id.encode()) % (round(TABLE[MAINS_JITTER].high) + 1)


def settled(view: HomeView, gateway_id: str) -> HomeView:
    """The home as this gateway runs it: with its own jitter, unless the home sets one."""
    if MAINS_JITTER in view.settings:
        return view
    return replace(view, settings={**view.settings, MAINS_JITTER: float(jitter_s(gateway_id))})

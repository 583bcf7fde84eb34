"""This gateway's own delay after a power cut and its slot of the morning, so that a village speaks not in one voice
(T-15, T-19, domain 0-12).

From the gateway's id and nothing else: the same after every restart, and different from its neighbours'.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from zlib import crc32

from gateway.home.model import HomeView
from gateway.parameters import TABLE

MAINS_JITTER: Final = "technical.mains_jitter_s"
SUMMARY_SLOT: Final = "summary.slot_min"
OWN: Final = (MAINS_JITTER, SUMMARY_SLOT)
"""The numbers that are each gateway's own, unless its home sets them."""


def own(name: str, gateway_id: str) -> int:
    """This gateway's number, evenly spread from 0 to the parameter's most."""
    seed = gateway_id if name == MAINS_JITTER else f"{name}:{gateway_id}"  # the first as it always was
    return crc32(seed.encode()) % (round(TABLE[name].high) + 1)


def settled(view: HomeView, gateway_id: str) -> HomeView:
    """The home as this gateway runs it: with its own numbers, unless the home sets them."""
    mine = {name: float(own(name, gateway_id)) for name in OWN if name not in view.settings}
    return replace(view, settings={**view.settings, **mine}) if mine else view

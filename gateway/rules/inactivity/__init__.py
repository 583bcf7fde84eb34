"""Inactivity: a learned line of silence per time of day under a hard cap, judged only while somebody is at home.

`witnesses` says what is an act of a person and what is lost with a device, `presence` whether the resident is in,
`survival` how long a silence this home has at each time of day, `rule` joins them.
"""

from gateway.rules.inactivity.rule import CODE, Inactivity
from gateway.rules.inactivity.witnesses import WITNESS_KINDS

__all__ = ["CODE", "WITNESS_KINDS", "Inactivity"]

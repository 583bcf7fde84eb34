"""Where the sun stands and when the moon is new, as exactly as a calendar of days needs it.

Pure arithmetic. Times are Julian Ephemeris Days (TT). After J. Meeus, Astronomical Formulae for Calculators ch. 18 (sun
with its five planetary terms) and Astronomical Algorithms ch. 49 (new moon, main and planetary terms): good to about
2 min of time between 1900 and 2100, the sun's longitude to about 0.002 degrees.
"""

from __future__ import annotations

from math import cos, radians, sin
from typing import Final

TT_MINUS_UT_DAYS: Final = 72 / 86400
"""TT - UT, 64 s in 2000 and 69 s in 2020; under the formulae's own error for this century."""
J2000: Final = 2451545.0
SYNODIC_MONTH: Final = 29.530588861

_MOON_TERMS: Final[tuple[tuple[float, int, int, int, int, int], ...]] = (
    # coefficient (days), power of E, and multiples of the sun's anomaly M, the moon's M', its latitude F, the node O
    (-0.40720, 0, 0, 1, 0, 0), (0.17241, 1, 1, 0, 0, 0), (0.01608, 0, 0, 2, 0, 0), (0.01039, 0, 0, 0, 2, 0),
    (0.00739, 1, -1, 1, 0, 0), (-0.00514, 1, 1, 1, 0, 0), (0.00208, 2, 2, 0, 0, 0), (-0.00111, 0, 0, 1, -2, 0),
    (-0.00057, 0, 0, 1, 2, 0), (0.00056, 1, 1, 2, 0, 0), (-0.00042, 0, 0, 3, 0, 0), (0.00042, 1, 1, 0, 2, 0),
    (0.00038, 1, 1, 0, -2, 0), (-0.00024, 1, -1, 2, 0, 0), (-0.00017, 0, 0, 0, 0, 1), (-0.00007, 0, 2, 1, 0, 0),
    (0.00004, 0, 0, 2, -2, 0), (0.00004, 0, 3, 0, 0, 0), (0.00003, 0, 1, 1, -2, 0), (0.00003, 0, 0, 2, 2, 0),
    (-0.00003, 0, 1, 1, 2, 0), (0.00003, 0, -1, 1, 2, 0), (-0.00002, 0, -1, 1, -2, 0), (-0.00002, 0, 1, 3, 0, 0),
    (0.00002, 0, 0, 4, 0, 0),
)  # fmt: skip
_PLANETS: Final[tuple[tuple[float, float, float], ...]] = (
    # coefficient (days), angle at k = 0, degrees a lunation
    (0.000325, 299.77, 0.107408), (0.000165, 251.88, 0.016321), (0.000164, 251.83, 26.651886),
    (0.000126, 349.42, 36.412478), (0.000110, 84.66, 18.206239), (0.000062, 141.74, 53.303771),
    (0.000060, 207.14, 2.453732), (0.000056, 154.84, 7.306860), (0.000047, 34.52, 27.261239),
    (0.000042, 207.19, 0.121824), (0.000040, 291.34, 1.844379), (0.000037, 161.72, 24.198154),
    (0.000035, 239.56, 25.513099), (0.000023, 331.55, 3.592518),
)  # fmt: skip


def solar_longitude(jde: float) -> float:
    """The sun's apparent longitude in degrees, 0 to 360, at `jde`."""
    t = (jde - 2415020.0) / 36525  # centuries since 1900 January 0.5
    mean = 279.69668 + 36000.76892 * t + 0.0003025 * t * t
    m = radians(358.47583 + 35999.04975 * t - 0.000150 * t * t - 0.0000033 * t**3)
    centre = (1.919460 - 0.004789 * t - 0.000014 * t * t) * sin(m)
    centre += (0.020094 - 0.000100 * t) * sin(2 * m) + 0.000293 * sin(3 * m)
    planets = (
        0.00134 * cos(radians(153.23 + 22518.7541 * t))  # Venus
        + 0.00154 * cos(radians(216.57 + 45037.5082 * t))
        + 0.00200 * cos(radians(312.69 + 32964.3577 * t))  # Jupiter
        + 0.00179 * sin(radians(350.74 + 445267.1142 * t - 0.00144 * t * t))  # the moon
        + 0.00178 * sin(radians(231.19 + 20.20 * t))
    )
    aberration_and_nutation = -0.00569 - 0.00479 * sin(radians(259.18 - 1934.142 * t))
    return (mean + centre + planets + aberration_and_nutation) % 360


def when_sun_at(longitude: float, near: float) -> float:
    """The JDE at which the sun reaches `longitude`, next to the JDE `near` (within half a year of it)."""
    jde = near
    for _ in range(6):  # each step leaves about a sixtieth of the error: six end far below a second
        ahead = (longitude - solar_longitude(jde) + 180) % 360 - 180
        jde += ahead * 365.2422 / 360
    return jde


def new_moon(k: int) -> float:
    """The JDE of the new moon number `k`; 0 is that of 2000 January 6."""
    t = k / 1236.85
    e = 1 - 0.002516 * t - 0.0000074 * t * t
    m = 2.5534 + 29.10535670 * k - 0.0000014 * t * t
    mm = 201.5643 + 385.81693528 * k + 0.0107582 * t * t
    f = 160.7108 + 390.67050284 * k - 0.0016118 * t * t
    node = 124.7746 - 1.56375588 * k + 0.0020672 * t * t
    jde = 2451550.09766 + SYNODIC_MONTH * k + 0.00015437 * t * t
    for size, power, a, b, c, d in _MOON_TERMS:
        jde += size * e**power * sin(radians(a * m + b * mm + c * f + d * node))
    jde += sum(size * sin(radians(start + step * k)) for size, start, step in _PLANETS)
    return jde

"""Two datums of one point: WGS-84, as satellites give it, and GCJ-02, as maps in China show it.

Pure. A position without its label is worth 500 m at most, so every one carries its datum. The forward formula is the
one published with the constants of the Krasovsky 1940 ellipsoid (a, ee) that all open implementations share; there is
no official text. Outside China it changes nothing. The inverse is by iteration: good to a centimetre.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, cos, degrees, pi, radians, sin, sqrt
from typing import Final

KRASOVSKY_A_M: Final = 6378245.0
KRASOVSKY_EE: Final = 0.00669342162296594323
EARTH_RADIUS_M: Final = 6371008.8  # mean radius; a fence of some hundred metres needs no ellipsoid
INVERSE_STEPS: Final = 6  # each leaves about a thousandth of the error of the one before
_CHINA: Final = (0.8293, 55.8271, 72.004, 137.8347)  # the box outside which the formula is not applied


@dataclass(frozen=True, slots=True)
class Point:
    """Degrees of WGS-84."""

    lat: float
    lon: float


def wgs84(lat: float, lon: float, datum: str) -> Point:
    """The point in WGS-84, whichever of "WGS84" and "GCJ02" it was given in."""
    return gcj02_to_wgs84(lat, lon) if datum == "GCJ02" else Point(lat, lon)


def wgs84_to_gcj02(point: Point) -> tuple[float, float]:
    """(lat, lon) as maps in China show the point."""
    d_lat, d_lon = _offset(point.lat, point.lon)
    return point.lat + d_lat, point.lon + d_lon


def gcj02_to_wgs84(lat: float, lon: float) -> Point:
    """The point that `wgs84_to_gcj02` turns into (lat, lon)."""
    guess_lat, guess_lon = lat, lon
    for _ in range(INVERSE_STEPS):
        d_lat, d_lon = _offset(guess_lat, guess_lon)
        guess_lat, guess_lon = lat - d_lat, lon - d_lon
    return Point(guess_lat, guess_lon)


def distance_m(one: Point, other: Point) -> float:
    """The great-circle distance in metres (haversine)."""
    d_lat, d_lon = radians(other.lat - one.lat), radians(other.lon - one.lon)
    h = sin(d_lat / 2) ** 2 + cos(radians(one.lat)) * cos(radians(other.lat)) * sin(d_lon / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(h)))


def _offset(lat: float, lon: float) -> tuple[float, float]:
    south, north, west, east = _CHINA
    if not (south <= lat <= north and west <= lon <= east):
        return 0.0, 0.0
    x, y = lon - 105.0, lat - 35.0
    waves = (20 * sin(6 * x * pi) + 20 * sin(2 * x * pi)) * 2 / 3
    north_m = -100.0 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + waves
    north_m += (20 * sin(y * pi) + 40 * sin(y / 3 * pi)) * 2 / 3
    north_m += (160 * sin(y / 12 * pi) + 320 * sin(y * pi / 30)) * 2 / 3
    east_m = 300.0 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + waves
    east_m += (20 * sin(x * pi) + 40 * sin(x / 3 * pi)) * 2 / 3
    east_m += (150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi)) * 2 / 3
    phi = radians(lat)
    magic = 1 - KRASOVSKY_EE * sin(phi) ** 2
    d_lat = degrees(north_m * magic * sqrt(magic) / (KRASOVSKY_A_M * (1 - KRASOVSKY_EE)))
    d_lon = degrees(east_m * sqrt(magic) / (KRASOVSKY_A_M * cos(phi)))
    return d_lat, d_lon

"""How many departures by the entrance door the inactivity rule raises an alarm about: none should be.

    python tests/fitting/fit_departures.py DATA

DATA holds homes.json and its folders (../shared/data/homes). Into each home with an entrance sensor departures are put,
at moments by day at which the resident is at home: the door opens and closes within seven seconds, and nothing is heard
for three days. The fixed limit and the learned line are in force as at a home.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator
from pathlib import Path

from homes import HOUR, Home, advanced, controller_time, moments, observation, rule_of, unlived

from gateway.observations import Kind, Observation
from gateway.rules.inactivity import Inactivity

DEPARTURES = 300  # of a home
OUT_MS = 72 * HOUR


def main() -> None:
    """One line a home."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    whole = raised = 0
    for home in unlived(parser.parse_args().data):
        if not home.exit_sensor:
            continue
        hours = list(departures(home))
        found = [hour for hour in hours if hour is not None]
        whole, raised = whole + len(hours), raised + len(found)
        after = ", ".join(f"{hour:.1f} h" for hour in found)
        print(f"{home.name}: {len(found)} of {len(hours)} departures raised{' after ' if found else ''}{after}")
    print(f"all: {raised} of {whole}")


def departures(home: Home) -> Iterator[float | None]:
    """Hours from each departure to an INACTIVITY alarm; None: there was none."""
    rule = rule_of(home)
    door = next(r.device for r in home.rows if r.kind == "door")
    left = [t for t, night in reversed(moments(home, DEPARTURES)) if not night]
    for row in home.rows:
        while left and left[-1] <= row.t:
            yield _raised(copy.deepcopy(rule), controller_time(left.pop()), door)
        list(advanced(rule, controller_time(row.t) - 1))
        rule.observe(observation(row))


def _raised(rule: Inactivity, t: int, door: str) -> float | None:
    for after, state in ((1_000, "open"), (8_000, "closed")):
        list(advanced(rule, t + after - 1))
        rule.observe(Observation(Kind.CONTACT, state, t + after, door))
    found = next((found.t for found in advanced(rule, t + OUT_MS) if found.code == "INACTIVITY"), None)
    return None if found is None else (found - t) / HOUR


if __name__ == "__main__":
    main()

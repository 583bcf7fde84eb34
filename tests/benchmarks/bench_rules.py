"""The tables of the rules on the development data, and what an hour of data costs. `make bench-rules`.

.venv/bin/python tests/benchmarks/bench_rules.py [falls|inactivity|others|time …] [--quick]

Scores `hearthwatch replay` from outside, with the scorers beside the data; they need numpy and pandas in a Python of
their own (SCORER_PYTHON; the make target makes one). The data is ../shared/data or RULES_DATA. Loud where any of it is
missing. The data may not be redistributed: nothing of it is kept here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from figures import Figure, table
from home_recordings import homes, recording, without_commas
from machine import described

HERE: Final = Path(__file__).parent
REPO: Final = HERE.parents[1]
HEARTHWATCH: Final = [sys.executable, "-m", "gateway.cli.main"]
REPLAY: Final = f"{sys.executable} -m gateway.cli.main replay"
QUICK: Final = "--quick" in sys.argv
WITHOUT_UMAFALL: Final = REPO / "tests" / "fitting" / "waist_without_umafall.json"
WEEK_S: Final = 7 * 86_400
OTHERS: Final = ("NIGHT_EXIT", "BED_ABSENCE", "ROOM_OVERSTAY", "WATER_LOW_USE", "POWER_LOW_USE", "DOOR_LEFT_OPEN")

# (what, data set, the scorer's words, replay's words, goals: sensitivity, specificity, false alarms an hour)
FALLS: Final[tuple[tuple[str, str, str, str, tuple[float, float, float | None]], ...]] = (
    ("SisFall waist", "sisfall", "", "", (97.5, 98.5, 3)),
    ("SisFall waist, 12.5 Hz", "sisfall", "--hz 12.5", "", (95.5, 96.5, None)),
    ("SisFall waist, 2 g", "sisfall", "--clip-g 2", "", (95.5, 96.5, None)),
    ("SisFall waist, 10 % lost", "sisfall", "--drop 0.1", "", (93.5, 94.5, None)),
    ("UMAFall waist, 20 Hz", "umafall", "--placement waist --hz 20", "", (90, 98, None)),
    ("UMAFall chest, 20 Hz", "umafall", "--placement chest --hz 20", "", (90, 98, None)),
    ("UMAFall waist, unseen", "umafall", "--placement waist --hz 20", f"--parameters {WITHOUT_UMAFALL}",
     (95, 95, None)),
    ("WEDA-FALL wrist", "weda-fall", "--placement wrist", "", (90, 93, None)),
    ("WEDA-FALL wrist, 12.5 Hz", "weda-fall", "--placement wrist --hz 12.5", "", (84, 87, None)),
    ("WEDA-FALL wrist, 2 g", "weda-fall", "--placement wrist --clip-g 2", "", (84, 87, None)),
    ("WEDA-FALL wrist, 10 % lost", "weda-fall", "--placement wrist --drop 0.1", "", (84, 87, None)),
)  # fmt: skip


class Missing(Exception):
    """What is needed and not here."""


def main() -> int:
    """0: everything asked for was measured, whatever the goals say. 3: something needed is missing."""
    wanted = [word for word in sys.argv[1:] if not word.startswith("--")] or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        sys.stderr.write(f"no such table: {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}\n")
        return 2
    print(f"{described()}{' · quick: not the figures to quote' if QUICK else ''}", flush=True)
    missing = []
    for name in wanted:
        began = time.monotonic()
        try:
            figures = PARTS[name]()
        except Missing as error:
            missing.append(f"{name}: {error}")
            continue
        print(f"\n## {name} ({time.monotonic() - began:.0f} s)\n\n{table(figures)}", flush=True)
    for what in missing:
        print(f"\n!!!! NOT MEASURED !!!! {what}", flush=True)
    return 3 if missing else 0


# ---- what is needed


def data(part: str) -> Path:
    """The development data of one kind."""
    named = os.environ.get("RULES_DATA")
    places = [Path(named)] if named else [p / "shared" / "data" for p in (REPO.parent, REPO.parent.parent)]
    for place in places:
        if (place / part).is_dir():
            return place / part
    raise Missing(f"no {part} in {' or '.join(map(str, places))}; RULES_DATA names another place")


def scorer(name: str, *words: str) -> dict[str, Any]:
    """Runs one of the scorers beside the data and reads what it found."""
    python = os.environ.get("SCORER_PYTHON", str(REPO / ".venv-rules" / "bin" / "python"))
    if not Path(python).exists():
        raise Missing(
            f"no Python with numpy and pandas at {python}: make bench-rules makes one, SCORER_PYTHON names one"
        )
    tools = data("homes").parents[1] / "tools"
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        command = [python, str(tools / name), *words, "--json", str(found)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tools)
        if done.returncode or not found.exists():
            raise Missing(f"{name} failed: {done.stderr.strip()[-400:]}")
        result: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
        return result


# ---- the tables


def falls() -> Sequence[Figure]:
    """Sensitivity, specificity, false alarms and delay by data set and placement."""
    figures = []
    for what, folder, words, replay, (sensitivity, specificity, an_hour) in FALLS:
        limit = ["--limit", "150"] if QUICK else []
        place = str(data("falls") / folder)
        found = scorer("score_falls.py", place, *words.split(), *limit, "--cmd", f"{REPLAY} {replay} -")
        note = f"{found['falls']} falls, {found['adl']} others"
        sys.stderr.write(f"{what}: {json.dumps(found)}\n")  # a table of half an hour: not to be lost to an interruption
        figures += [
            Figure(f"{what}: sensitivity", found["sensitivity"] or 0, "%", sensitivity, True, note=note),
            Figure(f"{what}: specificity", found["specificity"] or 0, "%", specificity, True),
            Figure(f"{what}: false alarms a scripted hour", found["fa_per_hour"] or 0, "", an_hour),
            Figure(f"{what}: delay p95", found["delay_p95_s"] or 0, "s", 2.6),
        ]
        if found["elders_specificity"] is not None and folder == "sisfall":
            figures.append(Figure(f"{what}: elders' specificity", found["elders_specificity"], "%", 97.5, True))
    return figures


def inactivity() -> Sequence[Figure]:
    """False alarms a home-month and time to the alarm, by what the homes have."""
    incidents, leaves = ("2", "3") if QUICK else ("10", "10")
    bridge = f"{sys.executable} {data('homes').parents[1] / 'tools' / 'inactivity_bridge.py'} {REPLAY} -"
    words = ("--group", "events", "--incidents", incidents, "--leaves", leaves, "--cmd", bridge)
    with tempfile.TemporaryDirectory() as folder:
        without_commas(data("homes"), Path(folder))
        found = scorer("inactivity_bench.py", "--homes", folder, *words)
    figures = []
    for group, row in found["groups"].items():
        note = f"{row['false_alarms']} in {row['weeks']} home-weeks"
        figures.append(Figure(f"{group}: false alarms a home-month", row["fa_home_month"] or 0, "", 1.5, note=note))
        for part, median, worst in (("day", 4.3, 8.5), ("night", 5.8, 10.0)):
            times = row.get(part)
            if times:
                figures.append(Figure(f"{group}: by {part}, median", _hours(times["median_h"]), "h", median))
                figures.append(Figure(f"{group}: by {part}, p90", _hours(times["p90_h"]), "h", worst))
        if "all" in row:
            figures.append(Figure(f"{group}: within 12 h", 100 * row["all"]["within"]["12"], "%", 99, True))
        if "leave_false" in row:
            figures.append(Figure(f"{group}: alarms after leaving", max(row["leave_false"].values()), "", 0))
        if "absence_notice_share" in row:  # with a few departures only none is long enough for a notice
            figures.append(Figure(f"{group}: absence notices", 100 * row["absence_notice_share"], "%", 100, True))
    return figures


def _hours(value: float | None) -> float:
    return 99.0 if value is None else value


def others() -> Sequence[Figure]:
    """What the other rules about people would have asked in homes in which nothing happened: asked, and sent."""
    asked: Counter[str] = Counter()
    sent: Counter[str] = Counter()
    weeks: Counter[str] = Counter()
    for home in homes(data("homes")):
        lines = list(recording(data("homes"), home))
        told = [json.loads(line) for line in _replayed("\n".join(lines)).splitlines()]
        span = _seconds(json.loads(lines[-1])["at"]) - _seconds(json.loads(lines[1])["at"])
        for code in _watched(json.loads(lines[0])["devices"]):
            weeks[code] += span
        asked.update(row["code"] for row in told if row.get("state") == "DETECTED")
        asked.update(row["notice"] for row in told if row.get("status") == "RAISED" and "notice" in row)
        sent.update(row["code"] for row in told if row.get("state") == "RAISED")
    return [
        Figure(f"{code}: false a home-week", sent[code] / (weeks[code] / WEEK_S), "",
               note=f"{sent[code]} sent, {asked[code]} asked or noted in {weeks[code] / WEEK_S:.1f} home-weeks")
        for code in OTHERS if weeks[code]
    ]  # fmt: skip


def _watched(devices: Sequence[dict[str, Any]]) -> set[str]:
    """Which of the codes these devices could have raised."""
    kinds = {d["kind"] for d in devices}
    bathroom = any(d.get("room") in ("bathroom", "toilet", "bath") and d["kind"] == "motion" for d in devices)
    has = {
        "NIGHT_EXIT": any(d.get("entrance") for d in devices),
        "DOOR_LEFT_OPEN": any(d.get("entrance") for d in devices),
        "BED_ABSENCE": "bed" in kinds,
        "ROOM_OVERSTAY": bathroom,
        "WATER_LOW_USE": "water_meter" in kinds,
        "POWER_LOW_USE": "electricity_meter" in kinds,
    }
    return {code for code, there in has.items() if there}


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def _replayed(lines: str) -> str:
    done = subprocess.run([*HEARTHWATCH, "replay", "-"], input=lines, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"replay failed: {done.stderr[-300:]}")
    return done.stdout


def what_it_costs() -> Sequence[Figure]:
    """A day of 50 Hz acceleration in the rule, parsing apart; a look; a year of a home's events, parsing included."""
    return [_a_day_of_acceleration(), *_a_moment(), *_a_year_of_events()]


def _a_day_of_acceleration() -> Figure:
    """An hour of made-up walking, sitting and knocks through the fall rule alone, times 24."""
    from gateway.home.model import CONSENTS, Device, HomeView
    from gateway.observations import Kind, Observation
    from gateway.parameters import Parameters
    from gateway.rules.civil import CivilTime
    from gateway.rules.fall.rule import Fall

    rule = Fall(CivilTime(0, "NTP"))
    devices = {"belt": Device("belt", "wearable", placement="waist")}
    rule.configure(HomeView(devices=devices, consents=dict.fromkeys(CONSENTS, True)), Parameters(), 0)
    samples = _walked()
    bursts = [
        Observation(Kind.ACCELERATION, {"rate_hz": 50, "g": samples[n : n + 50]}, (n + 50) * 20, "belt")
        for n in range(0, len(samples), 50)
    ]
    began = time.process_time()
    for burst in bursts:
        while (due := rule.next_due()) is not None and due <= burst.t:
            list(rule.advance(due))
        list(rule.observe(burst))
    hour = time.process_time() - began
    return Figure("a day of 50 Hz acceleration in the rule", 24 * hour, "s", 10, note=f"{hour:.2f} s an hour of data")


def _a_moment() -> Sequence[Figure]:
    """One look at 100 Hz, the dearest rate: its features and what the model makes of them."""
    from gateway.rules.fall.features import measure
    from gateway.rules.fall.model import shipped
    from gateway.rules.fall.stream import Stream

    stream, looks, figures = Stream(), 200, []
    stream.append(10_000, 100, _walked()[:1000])
    for placement in ("waist", "chest", "wrist"):
        model = shipped(placement)
        began = time.process_time()
        for _ in range(looks):
            model.judge(measure(stream, 7_500))
        each = 1000 * (time.process_time() - began) / looks
        figures.append(Figure(f"a look at a moment, {placement}", each, "ms", 5))
    return figures


def _walked() -> list[list[float]]:
    """An hour of samples that look like walking, sitting and a knock now and then; no data set is needed."""
    import math
    import random

    dice, samples = random.Random(7), []
    for n in range(180_000):
        walking = (n // 3000) % 3 == 1
        swing = 0.35 * math.sin(n / 50 * 2 * math.pi * 1.9) if walking else 0.0
        knock = 1.8 if n % 9000 in (4000, 4001, 4002) else 0.0
        samples.append([round(dice.gauss(0.05, 0.02), 3), round(1 + swing + knock, 3), round(dice.gauss(0.1, 0.02), 3)])
    return samples


def _a_year_of_events() -> Sequence[Figure]:
    """A month of a real home (61,578 rows), laid end to end until it is a year."""
    lines = list(recording(data("homes"), "casas_al/al2011"))
    header, rows = lines[0], [json.loads(line) for line in lines[1:-1]]
    first = datetime.fromisoformat(rows[0]["at"])
    days = (datetime.fromisoformat(rows[-1]["at"]) - first).days + 1
    with tempfile.TemporaryFile("w+") as tape:
        tape.write(header + "\n")
        count = 0
        for month in range(1 if QUICK else -(-365 // days)):
            for row in rows:
                at = datetime.fromisoformat(row["at"]) + timedelta(days=month * days)
                tape.write(json.dumps(row | {"at": at.isoformat()}) + "\n")
                count += 1
        tape.seek(0)
        began = time.perf_counter()
        done = subprocess.run([*HEARTHWATCH, "replay", "-"], stdin=tape, capture_output=True, check=False)
        took = time.perf_counter() - began
    if done.returncode:
        raise Missing(f"replay failed: {done.stderr.decode()[-300:]}")
    year_s = took * (365 / days if QUICK else 1)
    an_hour = 1000 * took / (count / len(rows) * days * 24)
    note = f"{count} events, {count / took:,.0f} a second; {an_hour:.2f} ms an hour of data"
    return [Figure("a year of a home's events, replay and parsing", year_s, "s", 20, note=note)]


PARTS: Final[dict[str, Callable[[], Sequence[Figure]]]] = {
    "time": what_it_costs,
    "others": others,
    "inactivity": inactivity,
    "falls": falls,
}

if __name__ == "__main__":
    sys.exit(main())

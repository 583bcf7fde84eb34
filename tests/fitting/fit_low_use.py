"""What low use of water and of electricity is worth on homes in which nothing happened, by what other homes chose.

    python tests/fitting/fit_low_use.py DATA      # false alarms and hours to the alarm, by share and longest wait

DATA holds homes.json and its folders (../shared/data/homes). Both rules that say WATER_LOW_USE live through each home
as one: `water_low_use`, and the dry day of `inactivity` where a meter is alone. An accident is the end of all flow (for
electricity the home's own quietest nights go on); it is drawn where somebody used something shortly before.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import math
import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fit_inactivity import quantile
from homes import DAY, HOUR, SURE_H, Row, read_rows

from gateway.home.model import CONSENTS, Device, HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.civil import CivilTime
from gateway.rules.inactivity import Inactivity
from gateway.rules.power_low_use import PowerLowUse
from gateway.rules.rule import Finding, PlainRule, Recovery
from gateway.rules.water_low_use import WaterLowUse

QUESTION = 5 * 60_000
STOPS = 40  # of a home by day, and as many by night
HORIZON = 5 * DAY
BUDGET = 1.5  # false alarms a home-month (issue 5)
SHARES = (0.1, 0.25, 0.4)
MOST = (24.0, 48.0, 72.0)  # h; 24: no learned wait
WARM = 14 * DAY
Setting = tuple[float, float]


class Rules:
    """The rules about one home's meter, and the questions that stand."""

    def __init__(self, kind: str, device: str, setting: Setting, t: int) -> None:
        civil, (share, most) = CivilTime(0, "NTP"), setting
        power = kind == "power"
        self.rules: list[PlainRule] = [PowerLowUse(civil)] if power else [WaterLowUse(civil), Inactivity(civil)]
        self.asked: int | None = None
        self.raised: list[int] = []
        room = "power_low_use" if power else "water_low_use"
        numbers = {f"{room}.share": share, f"{room}.most_h": most, "inactivity.meter_alone_most_h": most}
        meter = Device(device, "electricity_meter" if power else "water_meter", interval_s=60)
        view = HomeView(devices={device: meter}, consents=dict.fromkeys(CONSENTS, True))
        for rule in self.rules:
            rule.configure(view, Parameters(numbers), t)

    def until(self, t: int) -> None:
        """Lets time pass until `t`."""
        while (due := min((d for rule in self.rules if (d := rule.next_due()) is not None), default=t + 1)) <= t:
            for rule in self.rules:
                if (own := rule.next_due()) is not None and own <= due:
                    self._take(rule.advance(due), due)
        if self.asked is not None and self.asked + QUESTION <= t:
            self.raised.append(self.asked + QUESTION)
            self.asked = None

    def say(self, observation: Observation) -> None:
        """The meter, or the recorder, says something."""
        self.until(observation.t)
        for rule in self.rules:
            self._take(rule.observe(observation), observation.t)

    def _take(self, signals: Any, t: int) -> None:
        for signal in signals:
            if isinstance(signal, Finding) and signal.code.endswith("LOW_USE"):
                self.asked = t
                for rule in self.rules:
                    rule.opened(signal.code, t)
            elif isinstance(signal, Recovery):
                self.asked = None


@dataclass
class Meter:
    """One home with a meter."""

    name: str
    kind: str
    rows: list[Row]
    outages: list[tuple[int, int]]
    stops: list[tuple[int, bool]] = field(default_factory=list)

    @property
    def months(self) -> float:
        lost = sum(b - a for a, b in self.outages if a > self.rows[0].t + WARM)
        return (self.rows[-1].t - self.rows[0].t - WARM - lost) / DAY / 30.4

    def beside_outage(self, t: int) -> bool:
        """Whether the recording was out in the silence before `t`, or soon after it."""
        return any(a < t + 6 * HOUR and b > t - 2 * DAY for a, b in self.outages)


@dataclass
class Judged:
    """False alarms, and the hours until each stop was noticed."""

    months: float = 0.0
    alarms: int = 0
    hours: list[float] = field(default_factory=list)

    def add(self, other: Judged) -> Judged:
        return Judged(self.months + other.months, self.alarms + other.alarms, self.hours + other.hours)


def meters(data: Path) -> Iterator[Meter]:
    """The homes with a water or an electricity meter, and moments at which somebody was there."""
    for record in json.loads((data / "homes.json").read_text(encoding="utf-8")):
        kind = next((k for k in ("water", "power") if k in record["kinds"]), None)
        if kind is None:
            continue
        rows = read_rows(data, record)
        status = [r for r in rows if r.kind == "status"]
        lost = [(a.t, b.t) for a, b in itertools.pairwise(status) if a.value == 0]
        meter = Meter(record["home"], kind, rows, lost)
        meter.stops = _moments(meter, random.Random(f"1 {meter.name}"))
        yield meter


def _moments(meter: Meter, rng: random.Random) -> list[tuple[int, bool]]:
    busy = quantile([r.value for r in meter.rows if r.kind == "power"], 0.7) if meter.kind == "power" else 0.0
    acts = [r.t for r in meter.rows if r.kind == meter.kind and r.value > busy]
    found: dict[bool, list[int]] = {False: [], True: []}
    for _ in range(100 * STOPS):
        t = round(rng.uniform(meter.rows[0].t + WARM, meter.rows[-1].t - 6 * HOUR))
        night, after = not 7 <= t % DAY / HOUR < 22, bisect_left(acts, t)
        sure = SURE_H["night" if night else "day"] * HOUR
        known = 0 < after < len(acts) and acts[after] - acts[after - 1] <= sure and not meter.beside_outage(t)
        if known and len(found[night]) < STOPS:
            found[night].append(t)
    return sorted((t, night) for night, times in found.items() for t in times)


def judge(meter: Meter, setting: Setting) -> Judged:
    """Lives through the home with these numbers."""
    rows = meter.rows
    device = next(r.device for r in rows if r.kind == meter.kind)
    rules, found, left = Rules(meter.kind, device, setting, rows[0].t), Judged(meter.months), list(meter.stops)
    standby = sorted(r.value for r in rows if r.kind == "power")
    idle = standby[len(standby) // 10] if standby else 0.0
    for row in rows:
        while left and left[0][0] <= row.t:
            t, _ = left.pop(0)
            rules.until(t)
            if rules.asked is None:
                found.hours.append(_noticed(copy.deepcopy(rules), t, device, idle))
        rules.say(_said(row))
    rules.until(rows[-1].t)
    found.alarms = sum(t >= rows[0].t + WARM and not meter.beside_outage(t) for t in rules.raised)
    return found


def _noticed(rules: Rules, t: int, device: str, idle: float) -> float:
    before = len(rules.raised)
    for at in range(t, t + HORIZON, 15 * 60_000):
        if idle:
            rules.say(Observation(Kind.POWER, idle, at, device))
        rules.until(at)
        if len(rules.raised) > before:
            return (rules.raised[before] - t) / HOUR
    return math.inf


def _said(row: Row) -> Observation:
    if row.kind == "status":
        return Observation(Kind.RECORDER, row.value > 0, row.t)
    return Observation(Kind(row.kind), row.value, row.t, row.device)


def tell(name: str, judged: Judged, note: str = "") -> None:
    rate = judged.alarms / judged.months
    times = " / ".join(f"{quantile(judged.hours, p):.1f}" for p in (0.5, 0.9))
    print(f"| {name} | {judged.alarms} in {judged.months:.2f} | {rate:.2f} | {times} | {note} |", flush=True)


def chosen(seen: dict[Setting, Judged]) -> Setting:
    """The fastest within the budget; if none are, the quietest."""
    within = [s for s, judged in seen.items() if judged.alarms <= BUDGET * judged.months]
    if not within:
        return min(seen, key=lambda s: seen[s].alarms / seen[s].months)
    return min(within, key=lambda s: (quantile(seen[s].hours, 0.5), quantile(seen[s].hours, 0.9)))


def report(found: Sequence[Meter]) -> None:
    """Every setting on all homes, then each home by what the others chose."""
    grid = list(itertools.product(SHARES, MOST))
    table = {meter.name: {s: judge(meter, s) for s in grid} for meter in found}
    for setting in grid:
        pooled = Judged()
        for meter in found:
            pooled = pooled.add(table[meter.name][setting])
        tell(f"share {setting[0]}, at most {setting[1]:.0f} h", pooled)
    left_out = Judged()
    for meter in found if len(found) > 1 else ():
        others = [table[o.name] for o in found if o is not meter]
        pooled_by = {s: Judged() for s in grid}
        for s, other in itertools.product(grid, others):
            pooled_by[s] = pooled_by[s].add(other[s])
        pick = chosen(pooled_by)
        left_out = left_out.add(table[meter.name][pick])
        tell(meter.name, table[meter.name][pick], f"chosen without it: {pick[0]}, {pick[1]:.0f} h")
    if left_out.months:
        tell("all, each left out", left_out)


def main() -> None:
    """Water and electricity apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    found = list(meters(parser.parse_args().data))
    for kind in ("water", "power"):
        print(f"\n{kind}\n\n| | false alarms in home-months | a month | hours, median / p90 | |\n|---|---|---|---|---|")
        report([meter for meter in found if meter.kind == kind])


if __name__ == "__main__":
    main()

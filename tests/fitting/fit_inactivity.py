"""Chooses how far out the learned lines of inactivity lie, and tells by leaving one home out what they are worth.

    python tests/fitting/fit_inactivity.py DATA loho     # chosen on all homes but one, judged on that one; intervals
    python tests/fitting/fit_inactivity.py DATA curve    # the settings in force, and `inactivity.caution` around them

DATA holds homes.json and its folders (../shared/data/homes). Nothing but the standard library is needed; the same data
gives the same figures. Homes with an entrance sensor are judged apart from those without, among which the first appear
again with their entrance sensor taken away.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from homes import HOUR, Home, Silence, Stop, homes, near_outage

from gateway.rules.civil import SHANGHAI_MS, CivilTime
from gateway.rules.inactivity.habit import TAILS, TAILS_NO_EXIT, Habit

CAP = 12 * HOUR
QUESTION = 5 * 60_000
STOPS = 200  # of a home by day, and as many by night
SHIFTS = tuple(minutes * 60_000 for minutes in (-30, -15, 0, 15, 30))
"""Near misses count as well: a line that held by ten minutes held by luck. So each silence is also judged as if it had
been so much shorter or longer, and the mean is what a choice is made by. What is reported is the count as it was."""
BUDGET = {True: 1.0, False: 3.0}
"""Such alarms a home-month with and without an entrance sensor, those the hard cap alone would have raised left out."""
AIMS = (3.5, 7.0, 5.0, 8.5)  # h: by day median and 90th percentile, by night the same (issue 5)
HOURS = (4.0, 4.5, 5.0, 5.5, 6.0)  # tails of the line by the hour
PACES = (4.0, 5.0, 6.0, 7.0)  # tails of the pace
FEWS = (0.0, 2.0, 4.0)  # how much longer both are while few days are known
CURVE = (0.6, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)
DRAWS = 1000  # of homes, for the intervals
Tails = tuple[float, float, float]


@dataclass
class Judged:
    """What came of homes: false alarms by shift, hours until each stop was noticed (inf: never)."""

    months: float = 0.0
    by_shift: list[float] = field(default_factory=lambda: [0.0] * len(SHIFTS))
    by_cap: int = 0
    hours: dict[bool, list[float]] = field(default_factory=lambda: {False: [], True: []})

    @property
    def false_alarms(self) -> float:
        return self.by_shift[SHIFTS.index(0)]

    @property
    def blamed(self) -> float:
        """False alarms a month that a bolder or shyer line would change, near misses weighed in."""
        return (sum(self.by_shift) / len(SHIFTS) - self.by_cap) / self.months

    def figures(self) -> list[float]:
        """False alarms a month; by day median and p90, by night median and p90, hours; the share within 12 h."""
        day, night = self.hours[False], self.hours[True]
        both = day + night
        within = sum(h <= 12 for h in both) / max(len(both), 1)
        times = [quantile(v, p) for v in (day, night) for p in (0.5, 0.9)]
        return [self.false_alarms / self.months, *times, within]

    def slowness(self) -> float:
        return sum(min(h, 24) / aim for h, aim in zip(self.figures()[1:5], AIMS, strict=True))


def quantile(values: Sequence[float], p: float) -> float:
    return sorted(values)[max(math.ceil(p * len(values)) - 1, 0)] if values else math.nan


def judge(home: Home, grid: Sequence[Tails]) -> dict[Tails, Judged]:
    """Lives through the home's silences once, and judges each by a line for each of these tails."""
    civil = CivilTime(0, "NTP")
    learner = _habit(civil, home, grid[0])
    habits = {tails: _habit(civil, home, tails, learner) for tails in grid}
    found = {tails: Judged(home.months) for tails in grid}
    moments: list[tuple[int, int, int]] = [(s.ended, 0, n) for n, s in enumerate(home.silences)]
    moments += [(stop.began, 1, n) for n, stop in enumerate(home.stops) if stop.began is not None]
    today = None
    for t, is_stop, n in sorted(moments):
        for tails, habit in habits.items():
            if is_stop:
                _stopped(found[tails], home.stops[n], habit)
            elif t - home.silences[n].began > HOUR:
                _count(found[tails], home, home.silences[n], habit)
        if is_stop:
            continue
        learner.silence_ended(home.silences[n].began, t, whole=home.silences[n].whole)
        if civil.day(t) != today:
            today = civil.day(t)
            for habit in habits.values():
                habit.draw_line(today)
    for stop, judged in itertools.product(home.stops, found.values()):
        if stop.began is None:
            hours = math.inf if stop.raised is None else (stop.raised + QUESTION - stop.t) / HOUR
            judged.hours[stop.night].append(hours)
    return found


def _habit(civil: CivilTime, home: Home, tails: Tails, learner: Habit | None = None) -> Habit:
    """A line of its own; what is learned is the learner's."""
    habit = Habit(civil)
    habit.configure(CAP, 1, exit_sensor=home.exit_sensor)
    habit.tails = tails
    if learner is not None:
        habit.survival, habit.pace._days = learner.survival, learner.pace._days
    return habit


def _stopped(found: Judged, stop: Stop, habit: Habit) -> None:
    assert stop.began is not None
    raised = stop.began + CAP if stop.capped else crossing(habit, stop.began, whole=True)
    if raised >= stop.t:  # else a false alarm stood already
        found.hours[stop.night].append((raised - stop.t) / HOUR)


def crossing(habit: Habit, began: int, *, whole: bool) -> int:
    """When a silence that goes on is raised: asked about `QUESTION` before it reaches the line."""
    t = began
    while True:
        asked = max(began + habit.at_ms(t, began if whole else None) - QUESTION, t)
        if asked < (end := habit.next_slot(t)):
            return asked + QUESTION
        t = end


def _count(found: Judged, home: Home, silence: Silence, habit: Habit) -> None:
    raised = crossing(habit, silence.began, whole=silence.whole)
    if raised + SHANGHAI_MS < home.warm or near_outage(home, min(raised, silence.ended)):
        return
    by_cap = raised >= silence.began + CAP
    found.by_cap += silence.ended >= silence.began + CAP
    for n, shift in enumerate(SHIFTS):
        found.by_shift[n] += raised <= silence.ended + (0 if by_cap else shift)


def pooled(parts: Iterable[Judged]) -> Judged:
    """All of it as one."""
    whole = Judged()
    for part in parts:
        whole.months += part.months
        whole.by_cap += part.by_cap
        whole.by_shift = [a + b for a, b in zip(whole.by_shift, part.by_shift, strict=True)]
        for night, hours in part.hours.items():
            whole.hours[night] += hours
    return whole


def chosen(seen: dict[Tails, Judged], budget: float) -> Tails:
    """The fastest tails within the budget; if none are, the quietest."""
    within = [tails for tails, judged in seen.items() if judged.blamed <= budget]
    if not within:
        return min(seen, key=lambda tails: seen[tails].blamed)
    return min(within, key=lambda tails: seen[tails].slowness())


def intervals(parts: Sequence[Judged]) -> Iterator[tuple[float, float]]:
    """95 % of each figure, by drawing homes anew."""
    rng = random.Random(0)
    draws = [pooled(rng.choices(parts, k=len(parts))).figures() for _ in range(DRAWS)]
    for column in zip(*draws, strict=True):
        yield quantile(column, 0.025), quantile(column, 0.975)


def row(name: str, judged: Judged, note: str = "") -> None:
    alarms, day, day90, night, night90, within = judged.figures()
    counted = f"{judged.false_alarms:.0f} ({judged.by_cap} by the cap) in {judged.months:.2f}"
    times = f"{day:.1f} / {day90:.1f} | {night:.1f} / {night90:.1f}"
    print(f"| {name} | {counted} | {alarms:.2f} | {times} | {within:.1%} | {note} |", flush=True)


def head(title: str) -> None:
    print(
        f"\n{title}\n\n| home | false alarms in home-months | a month | day h, median / p90 | night h | within 12 h | |"
    )
    print("|---|---|---|---|---|---|---|")


def loho(found: Sequence[Home]) -> None:
    """Each home by tails that were chosen on the others."""
    grid, budget = list(itertools.product(HOURS, PACES, FEWS)), BUDGET[found[0].exit_sensor]
    table = {home.name: judge(home, grid) for home in found}
    left_out = []
    for home in found:
        others = {t: pooled(table[o.name][t] for o in found if o is not home) for t in grid}
        tails = chosen(others, budget)
        left_out.append(table[home.name][tails])
        row(home.name, left_out[-1], f"chosen without it: {told(tails)}")
    row("all, each left out", pooled(left_out))
    print("| 95 %, homes drawn anew | | " + " | ".join(f"{low:.2f} … {high:.2f}" for low, high in intervals(left_out)))
    everything = {t: pooled(table[h.name][t] for h in found) for t in grid}
    best = chosen(everything, budget)
    row("chosen on all of them", everything[best], f"{told(best)}: not what unseen homes will see")


def told(tails: Tails) -> str:
    return ", ".join(f"{tail:g}" for tail in tails)


def curve(found: Sequence[Home], tails: Tails) -> None:
    """The tails in force, shorter and longer."""
    grid = {caution: (tails[0] * caution, tails[1] * caution, tails[2]) for caution in CURVE}
    table = [judge(home, list(grid.values())) for home in found]
    for caution, numbers in grid.items():
        parts = [judged[numbers] for judged in table]
        row(
            f"caution {caution}",
            pooled(parts),
            f"near misses weighed in, cap left out: {pooled(parts).blamed:.2f} a month",
        )


def main() -> None:
    """Both tables, homes with and without an entrance sensor apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("what", choices=("loho", "curve"))
    options = parser.parse_args()
    found = list(homes(options.data, STOPS))
    for exit_sensor, tails in ((True, TAILS), (False, TAILS_NO_EXIT)):
        group = [home for home in found if home.exit_sensor is exit_sensor]
        head("With an entrance sensor" if exit_sensor else "Without, or with it taken away")
        if options.what == "loho":
            loho(group)
        else:
            curve(group, tails)


if __name__ == "__main__":
    main()

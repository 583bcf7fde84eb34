"""From a failing story to a short one a person can read, and to a recording `hearthwatch replay` reads."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from sim_history import Committed, Decided, Died, History, Violation, Woke
from sim_invariants import judge
from sim_story import DAY, START_MS, Happening, Story
from sim_world import World

from gateway.clock import iso, zone
from gateway.observations import Kind, Observation
from gateway.recording import observation_line

BUDGET_S: Final = 20.0  # of CPU
LINES: Final = 60
TZ: Final = zone("Asia/Shanghai")

Check = Callable[[Story], list[Violation]]


def judged(story: Story) -> list[Violation]:
    """What is wrong with one life of this story."""
    return judge(World(story).run())


def shrink(story: Story, check: Check, budget_s: float = BUDGET_S) -> tuple[Story, Violation]:
    """Drops happenings while the same invariant still breaks, for at most `budget_s` s of CPU."""
    deadline = time.process_time() + budget_s
    broken = check(story)
    if not broken:  # nothing in a story depends on the host: then the simulation itself is at fault, and says so
        raise AssertionError(f"seed {story.seed} failed once and holds when lived again: not reproducible")
    worst = min(broken, key=lambda v: v.true_ms)

    def breaks(shorter: Story) -> Violation | None:
        return next((v for v in check(shorter) if v.invariant == worst.invariant), None)

    days = (worst.true_ms - START_MS) / DAY + 0.01
    cut = [h for h in story.happenings if h["at"] <= days * DAY]
    shorter = replace(story, days=min(days, story.days), happenings=cut)
    if (found := breaks(shorter)) is not None:
        story, worst = shorter, found
    kinds = Counter(_sort(h) for h in story.happenings)
    for kind, _ in kinds.most_common():  # whole sorts of happenings first: all heartbeats of a sensor, all stalls
        shorter = replace(story, happenings=[h for h in story.happenings if _sort(h) != kind])
        if time.process_time() < deadline and (found := breaks(shorter)) is not None:
            story, worst = shorter, found
    size = max(1, len(story.happenings) // 2)
    while time.process_time() < deadline:
        start, dropped = 0, False
        while start < len(story.happenings) and time.process_time() < deadline:
            kept = story.happenings[:start] + story.happenings[start + size :]
            shorter = replace(story, happenings=kept)
            if (found := breaks(shorter)) is not None:
                story, worst, dropped = shorter, found, True
            else:
                start += size
        if size == 1 and not dropped:
            break
        size = max(1, size // 2)
    return story, worst


def _sort(happening: Happening) -> tuple[str, str]:
    return happening["what"], str(happening.get("device") or happening.get("which") or "")


def told(story: Story, violation: Violation, history: History) -> str:
    """The story as a short timeline."""
    rows: list[tuple[int, int, str]] = [(START_MS + h["at"], 0, _happening(h)) for h in story.happenings]
    for item in history.items:
        if isinstance(item, Decided):
            for event in item.events:
                moved = event.state.value if event.state else event.what
                rows.append((item.true_ms, 1, f"    alarm {event.alarm}: {moved} ({event.reason})"))
        elif isinstance(item, (Died, Woke)):
            rows.append((item.true_ms, 1, f"    {'dies' if isinstance(item, Died) else 'wakes'} ({item.how})"))
    rows.sort(key=lambda row: row[:2])
    lines = [f"{iso(at, TZ)}  {text}" for at, _, text in rows if at <= violation.true_ms + 1000]
    head = [
        f"seed {story.seed}, {len(story.happenings)} happenings, {story.days:.2f} days",
        f"breaks {violation.invariant}: {violation.text}",
    ]
    if len(lines) > LINES:
        lines = [f"... {len(lines) - LINES} lines before", *lines[-LINES:]]
    return "\n".join([*head, *lines])


def _happening(happening: Happening) -> str:
    rest = ", ".join(f"{k}={v}" for k, v in happening.items() if k not in ("at", "what"))
    return f"{happening['what']} {rest}"


def recorded(history: History, path: Path) -> Path:
    """What reached the disk, as a recording: `hearthwatch replay PATH` tells the same alarms."""
    lines = ['{"recording":1,"tz":"Asia/Shanghai","devices":[]}']
    for item in history.items:
        if isinstance(item, Committed):
            lines.append(observation_line(item.observation, START_MS + item.observation.t, TZ))
        elif isinstance(item, Woke) and item.kept_t is not None:  # where time stood when it woke
            lines.append(observation_line(Observation(Kind.TICK, None, item.kept_t), START_MS + item.kept_t, TZ))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def report(story: Story, check: Check, folder: Path) -> str:
    """What a person needs after a failure: the seed, the short story, and how to run it again."""
    shorter, violation = shrink(story, check)
    history = World(shorter).run()
    path = recorded(history, folder / f"seed-{story.seed}.jsonl")
    return (
        f"{told(shorter, violation, history)}\n"
        f"again:  pytest tests/simulation --sim-seed {story.seed}   (or HEARTHWATCH_SIM_SEED={story.seed})\n"
        f"replay: hearthwatch replay {path}"
    )

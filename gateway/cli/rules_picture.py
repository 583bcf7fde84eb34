"""What a rule has learned as a picture: a curve over the day in characters, or, with the extra `plot`, as an image.

Any rule may give numbers of one day (24 or a multiple, evenly spaced) in what it has learned; this draws them and knows
nothing of their meaning. A curve whose name begins with `line` is the alarm line and is drawn over the others. What a
curve counts is the last word of its name (`line_min`, `heard_pct`): curves of one unit share a scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

BARS: Final = "▁▂▃▄▅▆▇█"
GAP: Final = "·"  # nothing is known of this time
BESIDE: Final = ("C0", "C1", "C2", "C4", "C5", "C7", "C8", "C9")  # nothing red beside the alarm line
SHOWN: Final = 48  # characters a day
MIN_POINTS: Final = 8
MAX_CURVES: Final = 40

Number = float | int | None


def curves(learned: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, list[Number]]]:
    """(name, values) of every list of numbers in what a rule has learned, however deep."""
    for name, value in learned.items():
        if isinstance(value, dict):
            yield from curves(value, f"{prefix}{name}.")
        elif isinstance(value, list) and len(value) >= MIN_POINTS and all(_is_number(x) for x in value):
            yield prefix + name, value


def facts(learned: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, value) of everything that is no curve, in words."""
    drawn = {name for name, _ in curves(learned)}
    for name, value in learned.items():
        if name in drawn:
            continue
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", text) for inner, text in facts(value) if f"{name}.{inner}" not in drawn)
        elif value not in (None, [], {}):
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def sparkline(values: list[Number], low: float, high: float) -> str:
    """The values as bars of eight heights; several points under one character show the highest."""
    per = max(1, -(-len(values) // SHOWN))
    groups = [[v for v in values[i : i + per] if v is not None] for i in range(0, len(values), per)]
    span = (high - low) or 1.0
    return "".join(BARS[min(7, int((max(g) - low) / span * 8))] if g else GAP for g in groups)


def text(learned: dict[str, Any]) -> list[str]:
    """The picture as lines: the curves of one unit on one scale, and the hours below."""
    found = list(curves(learned))[:MAX_CURVES]
    if not any(_known(values) for _, values in found):
        return []
    scales: dict[str, list[float]] = {}
    for name, values in found:
        scales.setdefault(_unit(name), [0.0]).extend(_known(values))
    width = max(len(name) for name, _ in found)
    lines = [
        f"{name:<{width}} {sparkline(values, min(scales[_unit(name)]), max(scales[_unit(name)]))} "
        f"{min(_known(values)):g} to {max(_known(values)):g}"
        for name, values in found
        if _known(values)
    ]
    if all(len(values) % 24 == 0 for _, values in found):
        shown = len(sparkline(found[0][1], 0, 1))
        lines.append(" " * (width + 1) + "".join(f"{h:<{shown // 8}}" for h in range(0, 24, 3)).rstrip() + " h")
    return lines


def plot(rows: list[dict[str, Any]], path: Path) -> int:
    """Draws every rule that has learned a day into one image; returns how many. Needs matplotlib (extra `plot`)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    days = [(row["rule"], found) for row in rows if (found := list(curves(row["learned"])))]
    if not days:
        return 0
    figure, axes = pyplot.subplots(len(days), 1, figsize=(10, 3 * len(days)), squeeze=False, layout="constrained")
    for axis, (rule, found) in zip(axes[:, 0], days, strict=True):
        unit = _unit(next((name for name, _ in found if _is_line(name)), found[0][0]))
        other = axis.twinx() if any(_unit(name) != unit for name, _ in found) else axis
        steps = []
        for n, (name, values) in enumerate(found):
            hours = [i * 24 / len(values) for i in range(len(values))]
            line = _is_line(name)
            steps += (axis if _unit(name) == unit else other).step(
                [*hours, 24], [*values, values[-1]], where="post", label=name, linewidth=2.5 if line else 1,
                color="crimson" if line else BESIDE[n % len(BESIDE)], linestyle="-" if _unit(name) == unit else ":",
            )  # fmt: skip
        axis.set(title=rule, xlim=(0, 24), xticks=range(0, 25, 3), xlabel="hour of day", ylabel=unit)
        if other is not axis:
            other.set_ylabel(", ".join(sorted({_unit(name) for name, _ in found} - {unit})))
        axis.legend(handles=steps, loc="upper left", bbox_to_anchor=(1.08, 1), fontsize="small")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return len(days)


def _unit(name: str) -> str:
    """What a curve counts: min, h, pct, days."""
    return name.rpartition(".")[2].rpartition("_")[2]


def _is_line(name: str) -> bool:
    return name.rpartition(".")[2].startswith("line")


def _known(values: list[Number]) -> list[float]:
    return [v for v in values if v is not None]


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))

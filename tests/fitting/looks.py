"""The moments of recorded trials, measured by the rule's own code: what models are fitted on and judged by.

Each trial is played as the rule would hear it (resampled, clipped, cut into packets of which some are lost), once for
every `Condition`. Needs numpy (`pip install -e .[fit]`); the data sets are not part of the project (docs/falls.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gateway.rules.fall.features import measure
from gateway.rules.fall.seeking import TRIGGER_G, Look, Seeker
from gateway.rules.fall.stream import LOST_MS, Stream


@dataclass(frozen=True)
class Condition:
    """How the sensor hears a trial. `turn`: mounted at a random angle, so that clipping meets other axes.

    And what is wrong with it: its scale, an offset of each axis, the times of its packets, the rate it claims to have.
    """

    hz: float = 25.0
    clip_g: float = 4.0
    drop: float = 0.0
    turn: bool = False
    gain: float = 1.0
    offset_g: float = 0.0
    jitter_ms: float = 0.0
    claims: float = 1.0  # the rate it states, as a share of the true one

    def __str__(self) -> str:
        """As in the table."""
        told = [f"{self.hz:g} Hz +-{self.clip_g:g} g"]
        told += [f"{self.drop:.0%} lost"] if self.drop else []
        told += ["turned"] if self.turn else []
        told += [f"gain {self.gain:g}"] if self.gain != 1 else []
        told += [f"offset {self.offset_g:g} g"] if self.offset_g else []
        told += [f"jitter +-{self.jitter_ms:g} ms"] if self.jitter_ms else []
        return ", ".join(told + ([f"claims {self.claims:.0%} of its rate"] if self.claims != 1 else []))


@dataclass(frozen=True)
class Seen:
    """One look at one trial. `positive`: at the fall; None: in a fall's trial but not at its impact."""

    trial: int
    subject: str
    age: int
    code: str
    is_fall: bool
    impact_s: float | None
    anchor_s: float
    decided_s: float
    heard: bool
    surpassed: bool
    condition: Condition
    features: list[float]

    @property
    def in_time(self) -> bool:
        """Whether an alarm of this look finds the fall (1 s before to 6 s after)."""
        return self.impact_s is not None and -1 <= self.decided_s - self.impact_s <= 6

    @property
    def positive(self) -> bool | None:
        """What it is an example of."""
        if not self.is_fall:
            return False
        assert self.impact_s is not None
        if self.in_time and abs(self.anchor_s - self.impact_s) <= 1.0:
            return True
        return False if self.decided_s < self.impact_s - 1 else None


@dataclass
class Trial:
    """One recording of one act."""

    number: int
    subject: str
    age: int
    code: str
    is_fall: bool
    impact_s: float | None
    hours: float
    t_ms: np.ndarray
    g: np.ndarray

    def forget_signal(self) -> None:
        """Lets go of the samples once they were measured."""
        self.t_ms = self.g = np.empty(0)


def trials(folder: Path, placement: str) -> Iterator[Trial]:
    """Every trial of one placement in a data set's folder, in order of file and row."""
    number = 0
    for path in sorted(folder.glob("*.npz")):
        if "_" in path.stem and not path.stem.endswith("_" + placement):
            continue
        with np.load(path, allow_pickle=False) as z:
            t_ms, mg = z["t_ms"].astype(float), z["acc_mg"].astype(float) / 1000.0
            for row in json.loads(str(z["trials"])):
                part = slice(row["start"], row["stop"])
                t = t_ms[part]
                yield Trial(
                    number, row["subject"], row.get("age") or 0, row["code"], bool(row["is_fall"]), row.get("impact_s"),
                    (t[-1] - t[0]) / 3.6e6, t, mg[part],
                )  # fmt: skip
                number += 1


def resample(t_ms: np.ndarray, g: np.ndarray, hz: float, phase: float = 0.0) -> np.ndarray:
    """To `hz`, averaged over the new step first, as a sensor's own filter does."""
    t = t_ms / 1000.0
    if len(t) < 4:
        return g
    source = (len(t) - 1) / max(t[-1] - t[0], 1e-6)
    k = max(1, round(source / hz))
    if k > 1:
        pad = np.pad(g, ((k // 2, k - 1 - k // 2), (0, 0)), mode="edge")
        c = np.cumsum(np.vstack([np.zeros(3), pad]), axis=0)
        g = (c[k:] - c[:-k]) / k
    grid = np.arange(t[0] + phase / hz, t[-1], 1.0 / hz)
    return np.stack([np.interp(grid, t, g[:, i]) for i in range(3)], axis=1)


def turned(rng: np.random.Generator) -> np.ndarray:
    """A random rotation."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.diag(r))


def looks(trial: Trial, placement: str, condition: Condition, rng: np.random.Generator) -> Iterator[Seen]:
    """What the rule would look at in this trial under this condition."""
    c = condition
    phase = float(rng.random()) if c.turn else 0.0
    g = resample(trial.t_ms, trial.g, c.hz, phase)
    if c.turn:
        g = g @ turned(rng)
    g = g * c.gain + c.offset_g * rng.choice([-1.0, 1.0], 3) if c.offset_g or c.gain != 1 else g
    g = np.round(np.clip(g, -c.clip_g, c.clip_g), 3)
    size = 5 if c.drop or c.jitter_ms else int(c.hz)
    stream, seeker = Stream(), Seeker(TRIGGER_G[placement])
    zero = 1_000_000.0

    def seen(look: Look) -> Seen:
        return Seen(
            trial.number, trial.subject, trial.age, trial.code, trial.is_fall, trial.impact_s,
            (look.moment.t - zero) / 1000 + phase / c.hz, (look.t - zero) / 1000 + phase / c.hz, look.moment.heard,
            look.surpassed, c, measure(stream, look.moment.t),
        )  # fmt: skip

    for i in range(0, len(g), size):
        if c.drop and rng.random() < c.drop:
            continue
        samples = g[i : i + size].tolist()
        before, late = stream.last, rng.uniform(-c.jitter_ms, c.jitter_ms) if c.jitter_ms else 0.0
        last_t = zero + round((i + len(samples) - 1) * 1000 / c.hz + late)
        run, missing = stream.append(last_t, c.hz * c.claims, samples)
        if run is None:
            continue
        if missing and before is not None:
            seeker.gap(before, run.t0)
        for look in seeker.take(run):
            yield seen(look)
    if (last := stream.last) is not None:
        yield from map(seen, seeker.give_up(last + LOST_MS))

"""What holds of inactivity whatever a home does: silence, strangers, the order within a batch, the calendar."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.controller import Controller
from gateway.home.model import CONSENTS, Device, HomeView
from gateway.observations import Kind, Observation

START: Final = 1_772_324_130_000  # an afternoon in Shanghai
MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
DEVICES: Final = (
    Device("hall", "motion"), Device("kitchen", "motion"), Device("bed", "pressure"), Device("cupboard", "contact"),
    Device("door", "contact", entrance=True),
)  # fmt: skip
STRANGERS: Final = (Device("cellar", "temperature"), Device("smoke", "smoke"), Device("meter", "electricity_meter"))
WATCHED: Final = frozenset({"INACTIVITY", "AWAY_TOO_LONG"})
Row = tuple[int, Kind, Any, str | None]
seeds = st.integers(0, 10**9)
lived = settings(max_examples=5, deadline=None)  # each is weeks of a home


def life(rng: random.Random, days: int = 10) -> list[Row]:
    """Days of somebody with habits: up, about, out by the door at times, in bed; some accidents of silence."""
    rows: list[Row] = []
    states = {"bed": False, "cupboard": False}
    t = 0
    while t < days * DAY:
        hour = (START + 8 * HOUR + t) % DAY / HOUR
        if not 7 <= hour < 23:
            t += rng.randrange(1, 5) * HOUR
            device = "bed"
        else:
            t += rng.choice((2, 5, 20, 40, 90)) * MINUTE
            device = rng.choice(("hall", "kitchen", "kitchen", "cupboard", "out"))
        if device == "out":
            away = rng.choice((20 * MINUTE, 2 * HOUR, 5 * HOUR, 30 * HOUR))
            trip = ((0, "open"), (6_000, "closed"), (away, "open"), (away + 4_000, "closed"))
            rows += [(t + dt, Kind.CONTACT, value, "door") for dt, value in trip]
            t += away + 20_000
            rows.append((t, Kind.MOTION, True, "hall"))
        elif device in states:
            states[device] = not states[device]
            kind = Kind.PRESSURE if device == "bed" else Kind.CONTACT
            rows.append((t, kind, states[device] if device == "bed" else ("closed", "open")[states[device]], device))
        else:
            rows.append((t, Kind.MOTION, True, device))
        if rng.random() < 0.004:
            t += rng.choice((9, 15, 40)) * HOUR
    return rows


def told(rows: Sequence[Row], devices: Sequence[Device] = DEVICES, offset_ms: int = START) -> list[tuple[Any, ...]]:
    """Every transition of an inactivity or a long absence, until a day and a half after the last row."""
    view = HomeView(devices={d.id: d for d in devices}, consents=dict.fromkeys(CONSENTS, True))
    controller = Controller(view, offset_ms=offset_ms, trust="NTP")
    seen: list[tuple[Any, ...]] = []
    for t, kind, value, device in (*rows, (rows[-1][0] + 36 * HOUR, Kind.TICK, None, None)):
        for event in controller.handle(Observation(kind, value, t, device)).events:
            code = controller.book.alarms[event.alarm].code
            if code in WATCHED and event.state is not None:
                seen.append((event.t, code, event.state.value))
    return seen


@lived
@given(seeds, st.integers(1, 400))
def test_whole_days_later_the_same_things_happen(seed: int, days: int) -> None:
    rows = life(random.Random(seed))
    assert told(rows, offset_ms=START + days * DAY) == told(rows)


@lived
@given(seeds)
def test_ticks_are_no_activity_and_change_nothing(seed: int) -> None:
    rng = random.Random(seed)
    rows = life(rng)
    end = rows[-1][0]
    ticks: list[Row] = [(rng.randrange(end), Kind.TICK, None, None) for _ in range(300)]
    assert told(sorted([*rows, *ticks], key=lambda row: row[0])) == told(rows)


@lived
@given(seeds)
def test_silence_that_begins_at_home_is_asked_about_within_the_hard_cap(seed: int) -> None:
    rows = life(random.Random(seed))
    rows += [
        (rows[-1][0] + 40 * HOUR, Kind.MOTION, True, "hall"),
        (rows[-1][0] + 41 * HOUR, Kind.MOTION, True, "kitchen"),
    ]
    asked = [t for t, code, state in told(rows) if code == "INACTIVITY" and state == "RAISED" and t > rows[-1][0]]
    assert len(asked) == 1
    assert 150 * MINUTE <= asked[0] - rows[-1][0] <= 12 * HOUR


@lived
@given(seeds)
def test_devices_that_see_nobody_change_nothing(seed: int) -> None:
    rng = random.Random(seed)
    rows = life(rng)
    chatter: list[Row] = []
    for _ in range(400):
        t, device = rng.randrange(rows[-1][0]), rng.choice(STRANGERS)
        value = {"temperature": 20.5, "smoke": False, "electricity_meter": 90.0}[device.kind]
        kind = {"temperature": Kind.TEMPERATURE, "smoke": Kind.SMOKE, "electricity_meter": Kind.POWER}[device.kind]
        chatter.append((t, kind, value, device.id))
    both = sorted([*rows, *chatter], key=lambda row: row[0])
    assert told(both, (*DEVICES, *STRANGERS)) == told(rows)


@lived
@given(seeds)
def test_order_within_a_batch_changes_nothing(seed: int) -> None:
    """What is said in one minute arrives in one moment, in any order; a device keeps its own order, as a radio does."""
    rng = random.Random(seed)
    rows = [(t - t % MINUTE, kind, value, device) for t, kind, value, device in life(rng)]
    shuffled: list[Row] = []
    for t in sorted({row[0] for row in rows}):
        batch = [row for row in rows if row[0] == t]
        order = [row[3] for row in batch]
        rng.shuffle(order)
        queues = {device: [row for row in batch if row[3] == device] for device in order}
        shuffled += [queues[device].pop(0) for device in order]
    assert told(shuffled) == told(rows)


@lived
@given(seeds)
def test_lost_recordings_never_add_to_a_silence(seed: int) -> None:
    """However long the recorder is out, what is asked about has been observed silence all of it."""
    rng = random.Random(seed)
    rows = [(0, Kind.MOTION, True, "hall")]
    t = observed = 0
    while observed < 12 * HOUR - 5 * MINUTE:
        watched, out = rng.randrange(1, 4) * HOUR, rng.randrange(1, 50) * HOUR
        rows += [(t + watched, Kind.RECORDER, False, None), (t + watched + out, Kind.RECORDER, True, None)]
        observed += watched
        t += watched + out
    asked = [t for t, code, state in told(rows) if code == "INACTIVITY" and state == "DETECTED"]
    gaps = [(a[0], b[0]) for a, b in zip(rows[1::2], rows[2::2], strict=True)]
    unseen = sum(min(end, asked[0]) - start for start, end in gaps if start < asked[0])
    assert asked[0] - unseen == 12 * HOUR - 5 * MINUTE


@lived
@given(seeds)
def test_a_snapshot_at_any_moment_goes_on_exactly(seed: int) -> None:
    rng = random.Random(seed)
    rows = life(rng)
    view = HomeView(devices={d.id: d for d in DEVICES}, consents=dict.fromkeys(CONSENTS, True))
    whole = Controller(view, offset_ms=START, trust="NTP")
    torn = Controller(view, offset_ms=START, trust="NTP")
    for n, (t, kind, value, device) in enumerate(rows):
        whole.handle(Observation(kind, value, t, device))
        torn.handle(Observation(kind, value, t, device))
        if n % 97 == seed % 97:
            torn = Controller.from_json(json.loads(json.dumps(torn.to_json())))
    assert torn.to_json()["rules"]["inactivity"] == whole.to_json()["rules"]["inactivity"]
    assert torn.next_due() == whole.next_due()

"""What the child tells the journal and the registry, the same in the child and in the check; and what must come of it.

`parts(count)` is the story, `told(parts)` what a restart must find after exactly these. The ids are those of a new
journal, so that a part can name what it finishes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway.actions import Action, Lamp, Publish, Say, Text
from gateway.journal import Entry
from gateway.observations import Kind, Observation

STEP_MS = 86_400_000  # a day an entry: thirty of them, and the oldest routine rows are forgotten
WALL_MS = 1_767_000_000_000
SNAPSHOT_EVERY = 11
WAKING = (9001, 9002, 9003)  # presses after a restart


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state after all that was told before it."""

    state: dict[str, Any]


Told = Entry | Snapshot


def parts(count: int) -> list[Told]:
    """`count` entries, a snapshot after every eleventh."""
    made: list[Told] = []
    for n in range(1, count + 1):
        made.append(_entry(n))
        if n % SNAPSHOT_EVERY == 0:
            made.append(Snapshot({"at": n, "learned": [n * i for i in range(300)]}))
    return made


def _entry(n: int) -> Entry:
    """By turns: a call with four actions, two routine observations, and something that is finished."""
    turn, cycle = n % 4, n // 4
    if turn == 1:
        return press(n, four_actions(n))
    if turn in (2, 3):
        return motion(n, (("pir", n), (f"counter-{cycle % 3}", {"packet": n}))[turn - 2])
    call = n - 3  # the press of this cycle: actions 4 * (cycle - 1) + 1 ..., message cycle
    first = 4 * (cycle - 1) + 1
    if cycle % 3 == 0:
        observation = Observation(Kind.ACK, {"stage": "RECEIVED", "seq": [cycle - 1, cycle]}, n * STEP_MS)
        return Entry(observation, (), WALL_MS + n, "NTP", acked=(cycle - 1, cycle))
    value = {"alarm": call, "contact": "c1", "template": "S01", "result": "sent"}
    event = {"alarm": call, "t": n * STEP_MS, "what": "sent", "reason": "c1"}
    observation = Observation(Kind.DELIVERY, value, n * STEP_MS, key=f"{call}:text")
    return Entry(observation, (event,), WALL_MS + n, "NTP", done=(first, first + 1, first + 2), urgent=True)


def press(n: int, actions: tuple[Action, ...], t: int | None = None) -> Entry:
    """A call: at once, with its counter in memory."""
    t = n * STEP_MS if t is None else t
    observation = Observation(Kind.BUTTON, "press", t, "button", f"ble:{n}")
    event = {"alarm": n, "t": t, "what": "opened", "reason": "pressed", "state": "PRE_ALARM"}
    return Entry(observation, (event,), WALL_MS + n, "NTP", ("button", n), actions, urgent=True)


def waking_press(n: int) -> Entry:
    """A press after a restart; of no new day, so that nothing more is forgotten."""
    return press(n, four_actions(n), t=n)


def motion(n: int, memory: tuple[str, Any]) -> Entry:
    """A routine observation."""
    return Entry(Observation(Kind.MOTION, True, n * STEP_MS, "kitchen-pir"), (), WALL_MS + n, "NTP", memory)


def four_actions(n: int) -> tuple[Action, ...]:
    """What a call asks for."""
    body = {"code": "CALL", "severity": "P0", "name": n, "reason": "call button pressed once in the bedroom"}
    return (
        Say(f"{n}:say", "V01", {}, n, "P0"),
        Lamp(f"{n}:lamp", "calling", n),
        Text(f"{n}:text", "c1", "S01", {"place": "bedroom"}, n, "P0"),
        Publish(f"{n}:publish", "alarm", body, "P0", n),
    )


@dataclass(slots=True)
class Held:
    """What a restart finds, by value."""

    snapshot: dict[str, Any] | None = None
    tail: list[tuple[Observation, list[dict[str, Any]]]] = field(default_factory=list)
    pending: dict[int, Action] = field(default_factory=dict)
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)  # seq -> body
    memory: dict[str, Any] = field(default_factory=dict)


def told(story: list[Told]) -> Held:
    """What must be there after exactly this much of the story."""
    held, action_id, seq = Held(), 0, 0
    ids: dict[int, int] = {}
    for part in story:
        if isinstance(part, Snapshot):
            held.snapshot, held.tail = part.state, []
            continue
        held.tail.append((part.observation, list(part.events)))
        for action in part.actions:
            action_id += 1
            if isinstance(action, Publish):
                seq += 1
                ids[seq] = action_id
                held.rows[seq] = action.body
            else:
                held.pending[action_id] = action
        for finished in part.done:
            held.pending.pop(finished, None)
        for acked in part.acked:
            held.rows.pop(acked, None)
        if part.memory is not None:
            held.memory[part.memory[0]] = part.memory[1]
    return held


def home(revision: int) -> dict[str, Any]:
    """The home as the child described it in this revision; 0 is the empty one."""
    contacts = [
        {"id": f"c{i}", "name": f"明{revision}", "phone": f"1380000{revision:02d}{i:02d}", "order": i}
        for i in range(1, 4)
    ]
    return {
        "residents": [{"id": "r1", "name": f"婆{revision}"}],
        "contacts": contacts,
        "settings": {"call_button.pre_alarm_s": revision},
    }

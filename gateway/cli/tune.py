"""`hearthwatch tune`: settings that would have spared this home its false alarms, and what they would have cost it.

Proposes and changes nothing. A proposal is run over the home's own journal before it is made; one that loses an alarm
that was real, or that nobody called false, is not made. Life-safety codes have no knob here, and no knob goes beyond
its bound.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click

from gateway.cli.errors import UserError
from gateway.cli.options import config_option, load_config
from gateway.cli.what_if import Scenario, Told, Unread, compare, run, run_to_the_end
from gateway.parameters import TABLE, Parameters

if TYPE_CHECKING:
    from gateway.config import Config

FALSE_STATES: Final = frozenset({"CANCELLED_LOCAL", "RECOVERED"})
NO_ANSWER: Final = frozenset({"rule_unavailable", "no_consent"})
LEAST_FALSE: Final = 2  # one is no habit
ENOUGH: Final = 0.5  # a step that spares half of them is enough: no more is given away than needed


@dataclass(frozen=True, slots=True)
class Knob:
    """One number that spares false alarms of `code` as it grows: the values tried in order, the last is the bound."""

    code: str
    parameter: str
    values: tuple[float, ...]
    cost: str  # what every real alarm of this code pays


KNOBS: Final = (
    Knob("INACTIVITY", "inactivity.caution", (1.25, 1.5, 2), "silence is asked about later at every hour"),
    Knob("INACTIVITY", "inactivity.limit_h", (13, 14, 16), "silence is asked about that much later"),
    Knob("NIGHT_EXIT", "night_exit.wait_min", (20, 30, 45), "who went out at night is missed that much later"),
    Knob("GEOFENCE_EXIT", "geofence.fixes", (3, 4), "who left is noticed so many fixes later"),
    Knob("DOOR_NOT_USED", "door_not_used.limit_h", (30, 36, 48), "a door nobody uses is asked about that much later"),
    Knob("ROOM_OVERSTAY", "room_overstay.limit_min", (75, 90, 120), "who cannot get up in there waits so much longer"),
    Knob("BED_ABSENCE", "bed_absence.after_min", (60, 75, 90), "who fell on the way to bed waits that much longer"),
    Knob("STOVE_ON", "stove.limit_min", (120, 150, 180), "a stove left on is asked about that much later"),
    Knob("WATER_LOW_USE", "water_low_use.quiet_h", (14, 16, 18), "a day without water is asked about so much later"),
    Knob("POWER_LOW_USE", "power_low_use.quiet_h", (14, 16, 18), "a day without power is asked about so much later"),
)
"""Bounds: 16 h keeps an alarm of silence within T-14's day with a night in it; the others are [P]."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One setting, what it would have spared and what it would have cost on this journal."""

    parameter: str
    now: float
    value: float
    unit: str
    code: str
    false_alarms: int
    spared: int
    real_alarms: int
    later_s_max: float
    cost: str


@click.command("tune")
@click.option(
    "--recording", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Instead of the journal."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
@config_option
def command(recording: Path | None, as_json: bool, config_path: Path) -> None:
    """Proposes settings from the alarms of this home that were cancelled, answered or closed as false.

    Changes nothing: each proposal names the command that would.
    """
    from gateway.recording import BadHeader

    try:
        if recording is not None:
            with recording.open("rb") as source:
                _tell(source, as_json)
        else:
            with _journal(load_config(config_path)) as source:
                _tell(source, as_json)
    except BadHeader as error:
        raise UserError(str(error), where=recording or "the journal", advice="hearthwatch replay says more") from None


def _tell(source: IO[bytes], as_json: bool) -> None:
    unread = Unread(lambda text: click.echo(text, err=True))
    told, settings = run_to_the_end(source, Scenario(), None, unread)
    unread.summed_up()
    found, kept = propose(source, told, settings)
    if as_json:
        click.echo(json.dumps({"proposals": [asdict(p) for p in found], "untouched": kept}, ensure_ascii=False))
        return
    if not found:
        click.echo("Nothing to propose: no setting would have spared false alarms here without losing others.")
    for p in found:
        click.echo(
            f"{p.parameter} {p.now:g} → {p.value:g} {p.unit}: would have spared {p.spared} of {p.false_alarms} false "
            f"{p.code}\n  cost: {p.cost}; over this journal {p.real_alarms} other {p.code} lost none, "
            f"at most {p.later_s_max / 60:.0f} min later"
            f"\n  to do it: hearthwatch home set setting {p.parameter}={p.value:g}"
        )
    for code, count in kept.items():
        click.echo(
            f"{code}: {count} false; no setting is proposed for it (life comes first, today's setting spares them "
            "already, or nothing would help)"
        )


def propose(
    source: IO[bytes], told: Iterable[Told], settings: Mapping[str, float]
) -> tuple[list[Proposal], dict[str, int]]:
    """The proposals for a recording whose alarms are `told`, and the false alarms nothing is proposed for.

    `settings`: the home's at the end of it.
    """
    rows = _alarms(told)
    false: dict[str, list[Told]] = {}
    for row in rows:
        if is_false(row):
            false.setdefault(row.code, []).append(row)
    found: list[Proposal] = []
    for knob in KNOBS:
        wrong = false.get(knob.code, [])
        if len(wrong) >= LEAST_FALSE and knob.parameter in TABLE and knob.code not in {p.code for p in found}:
            found += _try(source, knob, Parameters(settings)[knob.parameter])
    proposed = {p.code for p in found}
    return found, {code: len(rows) for code, rows in sorted(false.items()) if code not in proposed}


def is_false(row: Told) -> bool:
    """Cancelled or answered before anybody was told, or closed as a false alarm.

    A question that ended because its sensor was lost was answered by nobody.
    """
    return (row.state in FALSE_STATES and row.reason not in NO_ANSWER) or row.outcome == "FALSE_ALARM"


def _alarms(told: Iterable[Told]) -> list[Told]:
    """Without notices, and without what was tried out: a test is neither false nor real."""
    return [row for row in told if row.number is not None and not row.test]


def _try(source: IO[bytes], knob: Knob, now: float) -> list[Proposal]:
    """The first step that spares enough and loses nothing, else the one that spares most; none that spares nothing.

    Against what would be told with the number in force today, all along: what it spares by itself asks for no more.
    """
    best: list[Proposal] = []
    rows = _alarms(run(source, Scenario({knob.parameter: now})))
    wrong = [row for row in rows if row.code == knob.code and is_false(row)]
    if len(wrong) < LEAST_FALSE:
        return []
    others = [row for row in rows if row.code == knob.code and not is_false(row)]
    for value in knob.values:
        if value <= now:
            continue
        difference = compare(rows, _alarms(run(source, Scenario({knob.parameter: value}))))
        removed = {row.number for row in difference.removed}
        quiet = {was.number for was, would in difference.changed if was.sent and not would.sent}
        if any(row.number in removed | quiet for row in rows if not is_false(row)):
            break  # a longer step loses it too
        spared = sum(row.number in removed for row in wrong)
        later = max((would.t - was.t for was, would in difference.changed if not is_false(was)), default=0)
        made = Proposal(
            knob.parameter, now, value, TABLE[knob.parameter].unit, knob.code,
            len(wrong), spared, len(others), later / 1000, knob.cost,
        )  # fmt: skip
        if spared and (not best or spared > best[0].spared):
            best = [made]
        if spared >= ENOUGH * len(wrong):
            break
    return best


@contextmanager
def _journal(config: Config) -> Iterator[IO[bytes]]:
    """The journal as a recording that can be run again and again."""
    from gateway.cli.events import recording_lines
    from gateway.journal import JournalError

    path = config.state_dir / "journal.db"
    if not path.exists():
        raise UserError(
            "there is no journal yet", where=path, advice="run the gateway first: hearthwatch run --config …"
        )
    with tempfile.TemporaryFile() as kept:
        try:
            for line in recording_lines(path, None, config):
                kept.write(line.encode() + b"\n")
        except JournalError as error:
            raise UserError(str(error), where=path, advice="hearthwatch doctor says more") from None
        yield kept

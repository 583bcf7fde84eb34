"""`hearthwatch prompts`: what the elder hears, rendered at build time, and the family's own recordings over it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.errors import BadInput, UserError
from gateway.cli.options import config_option, load_config

if TYPE_CHECKING:
    from gateway.channels.prompts import Prompts


@click.group("prompts")
def command() -> None:
    """What the elder hears: render the prompts, import recordings of the family, mark what was understood."""


@command.command()
@config_option
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Another folder than the gateway's own.")
def render(config_path: Path, folder: Path | None) -> None:
    """Renders all prompts in Mandarin with espeak-ng (16 kHz, mono, slow)."""
    from gateway.channels.speaker import CannotSpeak, EspeakSpeaker

    prompts = _prompts(config_path, folder)
    try:
        count = asyncio.run(prompts.render(EspeakSpeaker().render))
    except CannotSpeak as error:
        raise UserError(str(error), advice="sudo apt install espeak-ng") from None
    except OSError as error:
        raise UserError(f"the prompts cannot be written: {error.strerror}") from None
    click.echo(f"{count} files rendered")


@command.command("import")
@config_option
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--dialect", type=click.Choice(["mandarin", "minnan"]), default="mandarin", help="What is spoken. [mandarin]"
)
def import_(config_path: Path, source: Path, dialect: str) -> None:
    """Takes in recordings (a folder or a ZIP of V01.wav, V03-coming.wav…). Until `understood` Mandarin follows each."""
    from gateway.channels.prompts import unpacked

    prompts = _prompts(config_path)
    try:
        judged = prompts.take_in(unpacked(source), dialect)
    except ValueError as error:
        raise BadInput(str(error), where=source) from None
    except OSError as error:
        raise UserError(f"{error.strerror}", where=source) from None
    for verdict in judged:
        click.echo(f"{verdict.form or '—':<12}{verdict.name}: {verdict.problem or 'taken'}")
    good = sum(not v.problem for v in judged)
    click.echo(f"{good} of {len(judged)} taken; still missing: {', '.join(prompts.missing()) or 'none'}")
    if good < len(judged):
        raise SystemExit(2)


@command.command("list")
@config_option
@click.option("--dialect", type=click.Choice(["mandarin", "minnan"]), default="mandarin", help="What to read aloud.")
def list_(config_path: Path, dialect: str) -> None:
    """The sentences to read aloud, and which of them are recorded and understood."""
    from gateway.channels.prompts import recording_script

    recordings = _prompts(config_path).recordings()
    if dialect == "minnan":
        click.echo("A draft that no native speaker has checked: say it as you say it at home.")
    for form, sentence in recording_script()[dialect].items():
        found = recordings.get(form)
        state = "" if found is None else f"{found.dialect}, {'understood' if found.understood else 'to be taught back'}"
        click.echo(f"{form:<12}{sentence}  {f'[{state}]' if state else ''}".rstrip())


@command.command()
@config_option
def check(config_path: Path) -> None:
    """Whether everything the elder must hear can be played. Exit code 1 if a prompt has no sound at all."""
    from gateway.alarms.words import load

    prompts, words = _prompts(config_path), load()
    silent = []
    for form in words.prompts:
        sound = prompts.said(form, prompts.mandarin(form, {"n": 10}))
        if sound is None:
            silent.append(form)
        else:
            click.echo(f"{form:<12}{sound.seconds:5.1f} s  {sound.level_db:5.1f} dB")
    if silent:
        raise UserError(f"no sound for {', '.join(silent)}", advice="hearthwatch prompts render")


@command.command()
@config_option
@click.argument("names", nargs=-1, required=True)
@click.option("--no", "not_understood", is_flag=True, help="She does not understand it: Mandarin follows again.")
def understood(config_path: Path, names: tuple[str, ...], not_understood: bool) -> None:
    """Notes what the elder said at the teach-back: these recordings (V01 V07…) are understood, and stand alone now."""
    marked = _prompts(config_path).understood(names, not not_understood)
    if not marked:
        raise BadInput("none of these is recorded", advice="hearthwatch prompts list")
    click.echo(f"{'not understood' if not_understood else 'understood'}: {', '.join(marked)}")


def _prompts(config_path: Path, folder: Path | None = None) -> Prompts:
    from gateway.alarms.words import load
    from gateway.channels.prompts import FOLDER, Prompts

    return Prompts(folder or load_config(config_path).state_dir / FOLDER, load())

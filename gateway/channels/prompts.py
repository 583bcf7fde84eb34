"""The prompts as sound on disk: Mandarin rendered at build time, and the family's own recordings over it (家人原声).

Knows files, which recording is of which prompt, and whether the elder said at the teach-back that it was understood.
Until then the Mandarin prompt is said after it: a voice she loves and words she knows. Knows no loudspeaker.

    prompts/mandarin/V09.wav         a sentence without blanks; V01.0.wav, V01.1.wav... the parts between blanks
    prompts/mandarin/n-10.wav        a number; word-contact.wav, word-device.wav: who stands in for a name
    prompts/family/V09.wav           a recording, evened and trimmed; family.json says in which dialect
"""

from __future__ import annotations

import json
import os
import re
import tomllib
import zipfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from gateway.alarms.proofread import FORMS, PLACEHOLDER
from gateway.alarms.words import Catalogue
from gateway.channels.sound import BadSound, Sound, joined, read_wav

FOLDER: Final = "prompts"  # in the state directory
DIALECTS: Final = ("mandarin", "minnan")
MAX_FILES: Final = 100  # of one import: 32 sentences, with room for second tries
MAX_IMPORT_BYTES: Final = 64 << 20
SHORTEST_S: Final = 0.4
LONGEST_S: Final = 12.0  # with the Mandarin prompt after it 20 s, under the voice's limit of 25 s
QUIETEST_DB: Final = -45.0  # of a whole file as recorded; below that it is the room
MOST_CLIPPED: Final = 0.01
GAP_S: Final = 0.5  # between a recording and the Mandarin prompt after it
NUMBERS: Final = 100  # {n} is 0 to 99 seconds
STAND_INS: Final = {"contact": "family", "device": "device", "visitor": "family"}

_FORM: Final = "|".join(fact for forms in FORMS.values() for fact in forms)
_NAME: Final = re.compile(rf"[vV]?(\d{{1,2}})(?:[-_ ]?({_FORM}))?(?:\s*\(\d+\))?", re.IGNORECASE)

Render = Callable[[str], Awaitable[bytes]]
"""A text as a WAV file, by a machine; raises `CannotSpeak`."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording: in which dialect, how long, and whether the elder said it was understood."""

    form: str
    dialect: str
    seconds: float
    understood: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """One file of an import: which prompt it is (None: its name says nothing), and what is wrong with it."""

    name: str
    form: str | None
    problem: str = ""


class Prompts:
    """The prompts under one folder. Reading is for the loudspeaker; importing for `hearthwatch prompts`."""

    def __init__(self, root: Path, words: Catalogue) -> None:
        self._root, self._mandarin, self._family = root, root / "mandarin", root / "family"
        self._words = words

    # ---- what is said

    def mandarin(self, form: str, values: Mapping[str, Any]) -> Sound | None:
        """The rendered prompt: whole, or spliced of its parts where it has blanks; a name is `family` or `device` here.

        None if it was not rendered, or a part of it cannot be read.
        """
        template = self._words.prompts.get(form, "")
        if not self.has_blanks(form):
            return _read(self._mandarin / f"{form}.wav")
        sounds = [_read(self._mandarin / f"{name}.wav") for name in self._parts(form, template, values)]
        return None if not sounds or None in sounds else joined([s for s in sounds if s is not None])

    def _parts(self, form: str, template: str, values: Mapping[str, Any]) -> Iterator[str]:
        for i, piece in enumerate(PLACEHOLDER.split(template)):  # text, name, text, name, text
            if i % 2 and piece == "n":
                yield f"n-{values.get('n', 0)}"
            elif i % 2:
                yield f"word-{piece}"
            elif any(c.isalnum() for c in piece):
                yield f"{form}.{i // 2}"

    def has_blanks(self, form: str) -> bool:
        """Whether the prompt is not the same every time."""
        return PLACEHOLDER.search(self._words.prompts.get(form, "")) is not None

    def recorded(self, form: str) -> tuple[Sound, Recording] | None:
        """The family's own voice for a prompt, and what is known of it."""
        found = self._kept().get(form)
        sound = _read(self._family / f"{form}.wav") if found else None
        return (sound, found) if sound is not None and found is not None else None

    def said(self, form: str, mandarin: Sound | None) -> Sound | None:
        """What is played: the recording, and after it the Mandarin prompt until the elder said she understands."""
        recorded = self.recorded(form)
        if recorded is None:
            return mandarin
        sound, about = recorded
        return sound if about.understood or mandarin is None else joined([sound, mandarin], GAP_S)

    def any(self) -> bool:
        """Whether there is anything to be played."""
        return any(self._mandarin.glob("V*.wav")) or any(self._family.glob("V*.wav"))

    # ---- rendering

    async def render(self, speak: Render) -> int:
        """Renders every prompt with a machine's voice; returns how many files were written."""
        self._mandarin.mkdir(parents=True, exist_ok=True)
        texts = dict(self._texts())
        for name, text in texts.items():
            _write(self._mandarin / f"{name}.wav", read_wav(await speak(text)).trimmed().wav())
        self._hand_over()
        return len(texts)

    def _texts(self) -> Iterator[tuple[str, str]]:
        for form, template in self._words.prompts.items():
            if not PLACEHOLDER.search(template):
                yield form, template
                continue
            for i, piece in enumerate(PLACEHOLDER.split(template)[::2]):
                if any(c.isalnum() for c in piece):
                    yield f"{form}.{i}", piece
        yield from ((f"n-{n}", str(n)) for n in range(NUMBERS))
        yield from ((f"word-{blank}", self._words.words[word]) for blank, word in STAND_INS.items())

    # ---- the family's recordings

    def take_in(self, recordings: Iterable[tuple[str, bytes]], dialect: str) -> list[Judged]:
        """Takes in what a phone recorded (file name, bytes), each by itself; none of them counts as understood yet."""
        if dialect not in DIALECTS:
            raise ValueError(f"dialect: expected one of {', '.join(DIALECTS)}")
        kept, judged = self._kept(), []
        self._family.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, data in recordings:
            verdict, sound = self._judge(name, data)
            judged.append(verdict)
            if sound is not None and verdict.form is not None:
                if (old := kept.get(verdict.form)) is not None and old.understood:
                    kept[verdict.form] = replace(old, understood=False)
                    self._keep(kept)  # before the sound: a power cut between must not vouch for what nobody taught back
                _write(self._family / f"{verdict.form}.wav", sound.wav())
                kept[verdict.form] = Recording(verdict.form, dialect, round(sound.seconds, 1))
        self._keep(kept)
        return judged

    def _judge(self, name: str, data: bytes) -> tuple[Judged, Sound | None]:
        form = self.form_of(name)
        if form is None:
            return Judged(name, None, "the name says no prompt: expected V01.wav to V20.wav, V03-coming.wav…"), None
        try:
            raw = read_wav(data)
        except BadSound as error:
            return Judged(name, form, str(error)), None
        if raw.level_db < QUIETEST_DB:
            return Judged(name, form, f"too quiet ({raw.level_db:.0f} dB): hold the phone nearer"), None
        if raw.clipped > MOST_CLIPPED:
            return Judged(name, form, "too loud: it is distorted; hold the phone further away"), None
        sound = raw.trimmed().evened()
        if not SHORTEST_S <= sound.seconds <= LONGEST_S:
            expected = f"expected {SHORTEST_S:g} to {LONGEST_S:g} s of speech"
            return Judged(name, form, f"{sound.seconds:.1f} s: {expected}"), None
        return Judged(name, form), sound

    def form_of(self, name: str) -> str | None:
        """Which prompt a file is by its name: `V03-coming.wav`, `v3_coming.WAV`, `03 (2).wav`."""
        match = _NAME.fullmatch(Path(name).stem.strip())
        if match is None:
            return None
        form = f"V{int(match[1]):02d}" + (f"-{match[2].lower()}" if match[2] else "")
        return form if form in self._words.prompts else None

    def understood(self, prompts: Iterable[str], understood: bool = True) -> list[str]:
        """The elder said at the teach-back that she understands these (`V03` means its other forms too), or does not.

        Returns the forms that were recorded and are marked now.
        """
        wanted, kept = {p.upper().partition("-")[0] for p in prompts}, self._kept()
        marked = [form for form in kept if form.partition("-")[0] in wanted]
        for form in marked:
            kept[form] = Recording(form, kept[form].dialect, kept[form].seconds, understood)
        if marked:
            self._keep(kept)
        return marked

    def recordings(self) -> dict[str, Recording]:
        """What there is of the family's voice, by prompt."""
        return self._kept()

    def missing(self) -> list[str]:
        """Prompts that nobody recorded."""
        kept = self._kept()
        return [form for form in self._words.prompts if form not in kept]

    def _kept(self) -> dict[str, Recording]:
        try:
            rows = json.loads((self._family / "family.json").read_bytes())
            found = [
                Recording(str(r["form"]), str(r["dialect"]), float(r["seconds"]), r["understood"] is True) for r in rows
            ]
        except (OSError, ValueError, TypeError, LookupError, RecursionError):
            return {}
        return {r.form: r for r in found if r.form in self._words.prompts}

    def _keep(self, kept: Mapping[str, Recording]) -> None:
        rows = [asdict(r) for _, r in sorted(kept.items())]
        _write(self._family / "family.json", json.dumps(rows, indent=1).encode())
        self._hand_over()

    def _hand_over(self) -> None:
        """What root wrote here (sudo hearthwatch prompts ...) must be the gateway's to read, and nobody else's."""
        if os.geteuid() != 0:
            return
        owner = self._root.parent.stat()
        for path in (self._root, *self._root.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)


def recording_script() -> dict[str, dict[str, str]]:
    """What is read aloud, by dialect and prompt."""
    text = (files("gateway.channels") / "recording_script.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def unpacked(source: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a folder or a ZIP; raises ValueError for what is too large or no archive, OSError if unreadable."""
    if source.is_dir():
        found = sorted(p for p in source.iterdir() if p.is_file() and not p.name.startswith("."))
        _bounded([p.stat().st_size for p in found])
        yield from ((p.name, p.read_bytes()) for p in found)
        return
    try:
        with zipfile.ZipFile(source) as archive:
            infos = [i for i in archive.infolist() if not i.is_dir() and not Path(i.filename).name.startswith(".")]
            _bounded([i.file_size for i in infos])  # as stated; reading stops there too
            for info in infos:
                yield Path(info.filename).name, archive.read(info)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"the archive cannot be read: {type(error).__name__}") from None


def _bounded(sizes: list[int]) -> None:
    if len(sizes) > MAX_FILES or sum(sizes) > MAX_IMPORT_BYTES:
        raise ValueError(f"expected at most {MAX_FILES} files and {MAX_IMPORT_BYTES >> 20} MiB")


def _read(path: Path) -> Sound | None:
    try:
        return read_wav(path.read_bytes())
    except (OSError, BadSound):
        return None


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all: neither a power cut nor a full card leaves half a sentence. Raises OSError."""
    fresh = path.with_name(path.name + ".new")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(data)  # all of it or OSError: a card that is full takes a part of a bare write and says nothing
            out.flush()
            os.fsync(out.fileno())
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    fresh.replace(path)

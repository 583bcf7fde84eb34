"""`hearthwatch prompts` as a person types it: render, record, import, teach back, check."""

from __future__ import annotations

import shutil
import zipfile
from array import array
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.alarms.words import load
from gateway.channels.sound import Sound
from gateway.cli.main import hearthwatch

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="apt-get install espeak-ng")


def speech(seconds: float = 1.5) -> bytes:
    return Sound(array("h", [6000 if i // 40 % 2 else -6000 for i in range(round(seconds * 16000))])).wav()


class Home:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "hearthwatch.toml").write_text('[gateway]\nstate_dir = "state"\n')

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(hearthwatch, ["prompts", words[0], "-c", str(self.folder), *words[1:]])


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@needs_espeak
def test_rendered_once_everything_can_be_heard(home: Home) -> None:
    before = home.run("check")
    assert before.exit_code == 1
    assert "V01" in before.output
    assert "prompts render" in before.output
    rendered = home.run("render")
    assert rendered.exit_code == 0, rendered.output
    after = home.run("check")
    assert after.exit_code == 0, after.output
    assert len(after.output.splitlines()) == len(load().prompts)
    for line in after.output.splitlines():
        form, seconds, _, level, _ = line.split()
        assert 1 < float(seconds) < 12, form
        assert -30 < float(level) < -12, form


@needs_espeak
def test_an_image_is_built_with_prompts_in_a_folder_of_its_own(home: Home, tmp_path: Path) -> None:
    assert home.run("render", "--to", str(tmp_path / "build")).exit_code == 0
    assert (tmp_path / "build" / "mandarin" / "V09.wav").stat().st_size > 50_000
    assert not (tmp_path / "state").exists()


def test_a_family_records_is_told_what_failed_and_the_elder_understands(home: Home, tmp_path: Path) -> None:
    script = home.run("list", "--dialect", "minnan")
    assert "no native speaker has checked" in script.output
    packed = tmp_path / "recordings.zip"
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("phone/V09.wav", speech())
        made.writestr("phone/v10 (1).WAV", speech())
        made.writestr("phone/V11.wav", b"an mp3")
    taken = home.run("import", str(packed), "--dialect", "minnan")
    assert taken.exit_code == 2  # one of them must be recorded again
    assert "2 of 3 taken" in taken.output
    assert "V11.wav: expected a WAV file" in taken.output
    assert "[minnan, to be taught back]" in home.run("list").output
    assert "understood: V09" in home.run("understood", "V09").output
    assert "[minnan, understood]" in home.run("list").output
    assert "not understood: V09" in home.run("understood", "--no", "V09").output


def test_what_is_not_there_is_said(home: Home, tmp_path: Path) -> None:
    assert home.run("understood", "V09").exit_code == 2
    assert home.run("import", str(tmp_path / "none.zip")).exit_code == 2
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    refused = home.run("import", str(tmp_path / "bad.zip"))
    assert refused.exit_code == 2
    assert "archive" in refused.output
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "V12.wav").write_bytes(speech())
    assert home.run("import", str(folder)).exit_code == 0

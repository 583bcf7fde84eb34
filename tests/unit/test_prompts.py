"""The prompts as sound: rendered, spliced, recorded by the family, and alone only once the elder understood."""

from __future__ import annotations

import io
import json
import resource
import stat
import zipfile
from array import array
from pathlib import Path
from typing import Any

import pytest

from gateway.alarms import words
from gateway.alarms.proofread import PLACEHOLDER
from gateway.channels.prompts import GAP_S, MAX_FILES, Prompts, recording_script, unpacked
from gateway.channels.sound import RATE, Sound

ZH = words.load()


def speech(seconds: float = 2.0, level: int = 6000) -> bytes:
    """Something as loud as speech."""
    return Sound(array("h", [level if i // 40 % 2 else -level for i in range(round(seconds * RATE))])).wav()


class Machine:
    """A voice that says one tenth of a second a character."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def __call__(self, text: str) -> bytes:
        self.said.append(text)
        return speech(0.1 * len(text))


@pytest.fixture
async def prompts(tmp_path: Path) -> Prompts:
    prompts = Prompts(tmp_path / "prompts", ZH)
    await prompts.render(Machine())
    return prompts


def seconds(found: Sound | None) -> float:
    assert found is not None
    return found.seconds


# ---- rendered


async def test_every_prompt_can_be_played_once_rendered(prompts: Prompts) -> None:
    for form, text in ZH.prompts.items():
        found = prompts.mandarin(form, {"n": 10, "contact": "女儿", "device": "拉绳", "visitor": "小陈"})
        assert seconds(found) >= 0.09 * sum(c.isalnum() for c in PLACEHOLDER.sub("", text)), form


async def test_a_prompt_with_blanks_is_spliced_of_its_parts(prompts: Prompts) -> None:
    text = ZH.prompts["V01"]
    spliced = PLACEHOLDER.sub(lambda m: {"n": "10", "contact": ZH.words["family"]}[m[1]], text)
    assert seconds(prompts.mandarin("V01", {"n": 10})) == pytest.approx(0.1 * len(spliced), abs=0.4)
    assert prompts.mandarin("V01", {"n": 100}) is None  # no such number: spoken some other way, not wrongly
    assert prompts.mandarin("V99", {}) is None


async def test_no_name_of_a_person_is_rendered_to_disk(tmp_path: Path) -> None:
    machine = Machine()
    count = await Prompts(tmp_path, ZH).render(machine)
    assert count == len(machine.said) == len(list((tmp_path / "mandarin").iterdir()))
    assert all("{" not in text for text in machine.said)


async def test_a_damaged_file_is_no_prompt(prompts: Prompts, tmp_path: Path) -> None:
    (tmp_path / "prompts" / "mandarin" / "V09.wav").write_bytes(b"RIFF damaged")
    (tmp_path / "prompts" / "mandarin" / "n-10.wav").unlink()
    assert prompts.mandarin("V09", {}) is None
    assert prompts.mandarin("V01", {"n": 10}) is None
    assert prompts.mandarin("V10", {}) is not None


# ---- recorded


async def test_a_recording_is_followed_by_mandarin_until_it_is_understood(prompts: Prompts) -> None:
    mandarin = prompts.mandarin("V09", {})
    judged = prompts.take_in([("V09.wav", speech(1.5))], "minnan")
    assert [v.problem for v in judged] == [""]
    both = seconds(prompts.said("V09", mandarin))
    assert both == pytest.approx(1.5 + GAP_S + seconds(mandarin), abs=0.3)
    assert prompts.understood(["V09"]) == ["V09"]
    assert seconds(prompts.said("V09", mandarin)) == pytest.approx(1.5, abs=0.3)
    assert prompts.understood(["V09"], False) == ["V09"]
    assert seconds(prompts.said("V09", mandarin)) == both


async def test_a_new_recording_must_be_taught_back_again(prompts: Prompts) -> None:
    prompts.take_in([("V09.wav", speech())], "mandarin")
    prompts.understood(["V09"])
    prompts.take_in([("V09.wav", speech())], "minnan")
    found = prompts.recordings()["V09"]
    assert (found.dialect, found.understood) == ("minnan", False)


async def test_one_prompt_is_understood_with_all_its_forms(prompts: Prompts) -> None:
    prompts.take_in([(f"{f}.wav", speech()) for f in ("V03", "V03-coming", "V04")], "mandarin")
    assert sorted(prompts.understood(["v03"])) == ["V03", "V03-coming"]
    assert prompts.understood(["V20"]) == []


async def test_a_recording_needs_no_mandarin_to_be_heard(tmp_path: Path) -> None:
    prompts = Prompts(tmp_path, ZH)
    assert not prompts.any()
    prompts.take_in([("V10.wav", speech(1.0))], "mandarin")
    assert prompts.any()
    assert seconds(prompts.said("V10", None)) == pytest.approx(1.0, abs=0.3)
    assert prompts.said("V11", None) is None


async def test_what_is_recorded_survives_and_a_damaged_list_is_an_empty_one(tmp_path: Path) -> None:
    Prompts(tmp_path, ZH).take_in([("V10.wav", speech())], "minnan")
    assert Prompts(tmp_path, ZH).recordings()["V10"].dialect == "minnan"
    for damaged in ("", "[", "{}", '[{"form": 1}]', "[1]", json.dumps([{"form": "V99", "dialect": "x"}])):
        (tmp_path / "family" / "family.json").write_text(damaged)
        assert Prompts(tmp_path, ZH).recordings() == {}


def test_a_voice_of_the_family_is_nobody_elses_to_hear(tmp_path: Path) -> None:
    Prompts(tmp_path, ZH).take_in([("V10.wav", speech())], "minnan")
    assert stat.S_IMODE((tmp_path / "family").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "family" / "V10.wav").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("V01.wav", "V01"),
        ("v3_Coming.WAV", "V03-coming"),
        ("03 (2).wav", "V03"),
        ("V04-fall.wav", "V04-fall"),
        ("V04 fall.wav", "V04-fall"),
        ("V99.wav", None),
        ("V05-fall.wav", None),
        ("录音.wav", None),
        ("../V01x.wav", None),
    ],
)
def test_a_file_says_by_its_name_what_it_is(tmp_path: Path, name: str, form: str | None) -> None:
    assert Prompts(tmp_path, ZH).form_of(name) == form


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (speech(2, 20), "too quiet"),
        (speech(2, 32767), "too loud"),
        (speech(0.05), "expected 0.4 to 12 s"),
        (speech(20), "expected 0.4 to 12 s"),
        (b"ID3 an mp3", "WAV"),
    ],
)
def test_what_nobody_could_hear_is_refused_with_the_reason(tmp_path: Path, data: bytes, problem: str) -> None:
    prompts = Prompts(tmp_path, ZH)
    judged = prompts.take_in([("V10.wav", data), ("V11.wav", speech())], "mandarin")
    assert problem in judged[0].problem
    assert judged[1].problem == ""  # one bad file costs the others nothing
    assert set(prompts.recordings()) == {"V11"}
    assert "V10" in prompts.missing()


def test_a_dialect_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="dialect"):
        Prompts(tmp_path, ZH).take_in([], "klingon")


# ---- the script


def test_the_script_has_every_prompt_in_both_dialects_and_no_blanks() -> None:
    script = recording_script()
    for dialect in ("mandarin", "minnan"):
        assert set(script[dialect]) == set(ZH.prompts), dialect
        assert not any("{" in sentence for sentence in script[dialect].values())
    minutes = sum(len(s) for s in script["mandarin"].values()) / 3 / 60  # three characters a second
    assert minutes < 3


def test_no_recorded_sentence_claims_more_than_its_prompt() -> None:
    """A recording cannot know who was told or how many seconds are left, nor promise a visit nobody promised."""
    script = recording_script()["mandarin"]
    for form, sentence in script.items():
        assert not any(c.isdigit() for c in sentence), form
        assert "家人" not in sentence, form  # it may be the desk that was told
        if form != "V03-coming":
            assert "马上来" not in sentence, form
        if not PLACEHOLDER.search(ZH.prompts[form]):
            assert sentence == ZH.prompts[form]


# ---- folder and archive


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, data in files.items():
            made.writestr(name.replace("__", "/").replace("_wav", ".wav"), data)
    return out.getvalue()


def test_a_folder_and_an_archive_give_the_same(tmp_path: Path) -> None:
    folder, packed = tmp_path / "folder", tmp_path / "all.zip"
    folder.mkdir()
    (folder / "V01.wav").write_bytes(b"1")
    (folder / ".DS_Store").write_bytes(b"x")
    packed.write_bytes(archive(phone__V01_wav=b"1"))
    assert list(unpacked(folder)) == list(unpacked(packed)) == [("V01.wav", b"1")]


def test_an_archive_that_is_none_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = tmp_path / "all.zip"
    packed.write_bytes(b"PK no archive")
    with pytest.raises(ValueError, match="archive"):
        list(unpacked(packed))
    packed.write_bytes(archive(**{f"a{i}": b"" for i in range(MAX_FILES + 1)}))
    with pytest.raises(ValueError, match="at most"):
        list(unpacked(packed))
    monkeypatch.setattr("gateway.channels.prompts.MAX_IMPORT_BYTES", 1000)
    packed.write_bytes(archive(V01_wav=bytes(5000)))  # a bomb is small until it is unpacked
    with pytest.raises(ValueError, match="at most"):
        list(unpacked(packed))


async def test_a_card_that_is_full_leaves_the_sentence_that_was_there(prompts: Prompts) -> None:
    prompts.take_in([("V09.wav", speech(1.0))], "minnan")
    before = prompts.recorded("V09")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))  # as a full card does: it takes the first part
    try:
        with pytest.raises(OSError):
            prompts.take_in([("V09.wav", speech(3.0))], "minnan")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert prompts.recorded("V09") == before
    assert not list(prompts._family.glob("*.new"))


async def test_a_power_cut_in_an_import_vouches_for_no_new_recording(
    prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts.take_in([("V09.wav", speech(1.0))], "minnan")
    prompts.understood(["V09"])
    keep = prompts._keep

    def cut(kept: Any) -> None:
        """The first time the list is written; the second time the power is gone."""
        monkeypatch.setattr(prompts, "_keep", gone)
        keep(kept)

    def gone(_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(prompts, "_keep", cut)
    with pytest.raises(KeyboardInterrupt):
        prompts.take_in([("V09.wav", speech(3.0))], "minnan")
    found = prompts.recorded("V09")
    assert found is not None
    assert found[0].seconds == pytest.approx(3.0, abs=0.3)  # the new one is there,
    assert not found[1].understood  # and Mandarin follows it


def test_an_archive_cannot_write_outside(tmp_path: Path) -> None:
    packed = tmp_path / "all.zip"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("../../V10.wav", speech())
    packed.write_bytes(out.getvalue())
    prompts: Any = Prompts(tmp_path / "p", ZH)
    assert [v.form for v in prompts.take_in(unpacked(packed), "mandarin")] == ["V10"]
    assert not (tmp_path.parent / "V10.wav").exists()
    assert {p.name for p in (tmp_path / "p" / "family").iterdir()} == {"V10.wav", "family.json"}

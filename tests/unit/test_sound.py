"""Sound as numbers: every WAV a phone makes is read, made even, and never crashes what reads it."""

from __future__ import annotations

import io
import math
import random
import struct
import wave
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.channels.sound import FULL, MAX_WAV_BYTES, RATE, SPEECH_DB, BadSound, Sound, joined, read_wav


def tone(seconds: float = 1.0, level_db: float = -20.0, hz: float = 440.0, rate: int = RATE) -> list[float]:
    peak = 10 ** (level_db / 20) * math.sqrt(2)
    return [peak * math.sin(2 * math.pi * hz * i / rate) for i in range(round(seconds * rate))]


def sound(*args: float, **kwargs: float) -> Sound:
    return Sound(array("h", [round(v * FULL) for v in tone(*args, **kwargs)]))


def wav(values: list[float], rate: int = RATE, bits: int = 16, channels: int = 1) -> bytes:
    """As a phone writes it, by the standard library."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(bits // 8)
        file.setframerate(rate)
        for value in values:
            number = round(value * (2 ** (bits - 1) - 1))
            octets = bytes([number + 128]) if bits == 8 else number.to_bytes(bits // 8, "little", signed=True)
            file.writeframesraw(octets * channels)
    return out.getvalue()


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize(("bits", "channels"), [(16, 1), (16, 2), (24, 1), (32, 2), (8, 1)])
def test_whatever_a_phone_records_becomes_16_khz_mono(rate: int, bits: int, channels: int) -> None:
    made = read_wav(wav(tone(0.5, -20, 300, rate), rate, bits, channels))
    assert made.seconds == pytest.approx(0.5, abs=0.001)
    assert made.level_db == pytest.approx(-20, abs=0.7)
    crossings = sum(a < 0 <= b for a, b in zip(made.samples, made.samples[1:], strict=False))
    assert crossings == pytest.approx(150, abs=2)  # still 300 Hz


def test_what_we_write_the_standard_library_reads() -> None:
    original = sound(0.3)
    with wave.open(io.BytesIO(original.wav())) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        assert file.getnframes() == len(original.samples)
    assert read_wav(original.wav()) == original


def test_floats_and_the_extensible_header_of_recorders_are_read() -> None:
    values = tone(0.2)
    body = struct.pack(f"<{len(values)}f", *values)
    form = struct.pack("<HHIIHH", 3, 1, RATE, RATE * 4, 4, 32)
    data = b"RIFF" + struct.pack("<I", 0) + b"WAVEfmt " + struct.pack("<I", 16) + form
    assert read_wav(data + b"data" + struct.pack("<I", len(body)) + body).level_db == pytest.approx(-20, abs=0.1)
    plain = sound(0.2)
    body = plain.wav()[44:]
    form = struct.pack("<HHIIHHHHI", 0xFFFE, 1, RATE, RATE * 2, 2, 16, 22, 16, 4) + struct.pack("<H", 1) + bytes(14)
    data = b"RIFF" + struct.pack("<I", 0) + b"WAVE" + b"LIST" + struct.pack("<I", 3) + b"abc\0"
    data += b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(body)) + body
    assert read_wav(data) == plain


def test_a_length_that_lies_means_to_the_end() -> None:
    data = bytearray(sound(0.2).wav())
    data[40:44] = struct.pack("<I", 0x7FFFFFFF)  # as espeak-ng writes to a pipe
    assert read_wav(bytes(data)).seconds == pytest.approx(0.2, abs=0.001)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"OggS" + bytes(100),
        b"ID3" + bytes(100),
        wav([], 16000),
        wav(tone(0.1), 4000),
        wav(tone(0.1), 96000),
        wav(tone(0.1), 16000, 16, 3),
        bytes(MAX_WAV_BYTES + 1),
    ],
)
def test_what_is_no_sound_of_ours_says_what_was_expected(data: bytes) -> None:
    with pytest.raises(BadSound, match=r"expected|no sound"):
        read_wav(data)


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_file_is_a_sound_or_a_bad_sound(data: st.DataObject) -> None:
    good = bytearray(sound(0.01).wav())
    for _ in range(data.draw(st.integers(1, 8))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        made = read_wav(bytes(good[: data.draw(st.integers(0, len(good)))]))
    except BadSound:
        return
    assert made.seconds < 1


def test_louder_and_softer_are_in_decibels_and_full_scale_is_the_end() -> None:
    assert sound().louder(-6).level_db == pytest.approx(-26, abs=0.05)
    assert sound().louder(0) == sound()
    loud = sound().louder(60)
    assert loud.peak == FULL
    assert loud.clipped > 0.9


def test_a_whisper_and_a_shout_are_brought_to_the_same_level() -> None:
    for level in (-40.0, -30.0, -10.0):
        assert sound(1.0, level).evened().level_db == pytest.approx(SPEECH_DB, abs=0.1)
    peaky = Sound(array("h", [0] * 999 + [20000]))
    assert peaky.evened().peak < FULL  # never into clipping
    nothing = Sound(array("h", [0] * 100))
    assert nothing.evened() == nothing


def test_quiet_at_both_ends_goes_and_the_words_stay() -> None:
    quiet = Sound(array("h", [random.Random(1).randrange(-90, 90) for _ in range(RATE)]))
    made = joined([quiet, sound(0.5), quiet]).trimmed()
    assert 0.5 < made.seconds < 0.8
    assert quiet.trimmed().seconds == 0


def test_joined_has_its_pauses() -> None:
    assert joined([sound(0.2), sound(0.3)], 0.5).seconds == pytest.approx(1.0, abs=0.01)
    assert joined([]).seconds == 0
    assert joined([]).level_db == -96

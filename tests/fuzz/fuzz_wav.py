"""A phone's WAV file: any bytes are 16 kHz mono of a length that fits, or `BadSound`."""

from __future__ import annotations

import struct
from array import array

from fuzz_rig import raises_only

from gateway.channels.sound import FULL, RATE, BadSound, Sound, read_wav


def seeds() -> list[bytes]:
    made = Sound(array("h", [3000 if i // 20 % 2 else -3000 for i in range(400)])).wav()
    stereo = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 0, b"WAVE", b"fmt ", 16, 1, 2, 44100, 176400, 4, 16, b"data", 80
    )
    floats = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 0, b"WAVE", b"fmt ", 16, 3, 1, 8000, 32000, 4, 32, b"data", 80)
    return [made, stereo + bytes(range(80)), floats + struct.pack("<20f", *([0.5, -1e30] * 10))]


def one_input(data: bytes) -> None:
    found: list[Sound] = []
    raises_only((BadSound,), lambda: found.append(read_wav(data)))
    for sound in found:
        assert sound.seconds <= len(data) * 2 / RATE + 1  # 8 bits at 8 kHz double
        assert sound.peak <= FULL + 1
        assert sound.trimmed().seconds <= sound.seconds
        assert abs(sound.evened().peak) <= FULL
        assert read_wav(sound.wav()) == sound if sound.samples else True

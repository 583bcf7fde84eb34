"""Spoken sound as numbers: reads a WAV file of a phone or of espeak-ng, makes it 16 kHz mono, measures, joins, writes.

Pure, and without numpy: a prompt has 160,000 samples, and it is read once. Knows RIFF and PCM; knows no prompt, no file
name and no loudspeaker. Whatever comes in ends as a `Sound` or as `BadSound`.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

RATE: Final = 16_000  # Hz; speech has little above 8 kHz, old ears nothing
MIN_RATE: Final = 8_000
MAX_RATE: Final = 48_000
MAX_WAV_BYTES: Final = 8 << 20  # 40 s of 48 kHz, 16 bit, stereo
FULL: Final = 32_767
SILENCE_DB: Final = -96.0
QUIET: Final = 180  # -45 dBFS: breath and room before and after the words
KEPT_S: Final = 0.12  # of quiet at either end: words that begin hard sound cut off
SPEECH_DB: Final = -20.0  # RMS to which recordings are brought, so that none is louder than the next
MOST_GAIN_DB: Final = 24.0  # more would be the room's noise

_PCM: Final = 1
_FLOAT: Final = 3
_EXTENSIBLE: Final = 0xFFFE


class BadSound(ValueError):
    """Their file is no sound we can use. Says what was expected."""


@dataclass(frozen=True, slots=True)
class Sound:
    """16 kHz, mono, 16 bit."""

    samples: array[int]

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / RATE

    @property
    def level_db(self) -> float:
        """RMS in dBFS; `SILENCE_DB` for nothing."""
        if not self.samples:
            return SILENCE_DB
        mean = sum(s * s for s in self.samples) / len(self.samples)
        return max(SILENCE_DB, 10 * math.log10(mean / FULL**2)) if mean else SILENCE_DB

    @property
    def peak(self) -> int:
        """The largest sample."""
        return max((abs(s) for s in self.samples), default=0)

    @property
    def clipped(self) -> float:
        """The share of samples at full scale."""
        full = sum(1 for s in self.samples if abs(s) >= FULL - 1)
        return full / len(self.samples) if self.samples else 0.0

    def louder(self, db: float) -> Sound:
        """The sound `db` louder (or softer, below 0); what would be clipped stays at full scale."""
        if db == 0:
            return self
        factor = 10 ** (db / 20)
        return Sound(array("h", [max(-FULL, min(FULL, round(s * factor))) for s in self.samples]))

    def evened(self) -> Sound:
        """Brought to the level of speech, never into clipping."""
        if not self.peak:
            return self
        room = 20 * math.log10((FULL - 1000) / self.peak)
        return self.louder(min(SPEECH_DB - self.level_db, room, MOST_GAIN_DB))

    def trimmed(self) -> Sound:
        """Without the quiet before and after the words."""
        loud = [i for i, s in enumerate(self.samples) if abs(s) > QUIET]
        if not loud:
            return Sound(array("h"))
        kept = round(KEPT_S * RATE)
        return Sound(self.samples[max(0, loud[0] - kept) : loud[-1] + 1 + kept])

    def wav(self) -> bytes:
        """As a WAV file."""
        body = struct.pack(f"<{len(self.samples)}h", *self.samples)
        head = struct.pack("<4sI4s", b"RIFF", 36 + len(body), b"WAVE")
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, _PCM, 1, RATE, RATE * 2, 2, 16)
        return head + form + struct.pack("<4sI", b"data", len(body)) + body


def joined(sounds: Sequence[Sound], gap_s: float = 0.0) -> Sound:
    """One after the other, with a pause between."""
    gap = array("h", bytes(2 * round(gap_s * RATE)))
    made = array("h")
    for i, sound in enumerate(sounds):
        made += (gap if i else array("h")) + sound.samples
    return Sound(made)


def read_wav(data: bytes) -> Sound:
    """The sound of a WAV file: PCM of 8 to 32 bits or float, 8 to 48 kHz, one or two channels. Raises `BadSound`."""
    if len(data) > MAX_WAV_BYTES:
        raise BadSound(f"expected at most {MAX_WAV_BYTES >> 20} MiB")
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise BadSound("expected a WAV file (PCM); record or export as WAV")
    form, body = _chunks(data)
    kind, channels, rate, _, frame, bits = struct.unpack_from("<HHIIHH", form)
    if kind == _EXTENSIBLE and len(form) >= 26:
        kind = int.from_bytes(form[24:26], "little")
    if not MIN_RATE <= rate <= MAX_RATE or channels not in (1, 2) or frame != channels * bits // 8 or not frame:
        raise BadSound(f"expected {MIN_RATE // 1000} to {MAX_RATE // 1000} kHz, one or two channels")
    samples = _samples(body[: len(body) // frame * frame], kind, bits)
    if channels == 2:
        samples = array("h", [(a + b) // 2 for a, b in zip(samples[::2], samples[1::2], strict=True)])
    return Sound(_at_our_rate(samples, rate))


def _chunks(data: bytes) -> tuple[bytes, bytes]:
    """The format and the sound. A length that runs past the end (a pipe, an aborted recording) means: to the end."""
    at, form, body = 12, b"", None
    while at + 8 <= len(data) and body is None:
        name, size = struct.unpack_from("<4sI", data, at)
        chunk = data[at + 8 : at + 8 + size]
        if name == b"fmt ":
            form = chunk
        elif name == b"data":
            body = chunk
        at += 8 + size + size % 2
    if len(form) < 16 or not body:
        raise BadSound("the WAV file has no sound in it")
    return form, body


def _samples(body: bytes, kind: int, bits: int) -> array[int]:
    if kind == _FLOAT and bits == 32:
        floats = struct.unpack(f"<{len(body) // 4}f", body)
        return array("h", [round(max(-1.0, min(1.0, f if f == f else 0.0)) * FULL) for f in floats])
    if kind != _PCM or bits not in (8, 16, 24, 32):
        raise BadSound("expected PCM of 8, 16, 24 or 32 bits; record or export as WAV (PCM)")
    if bits == 8:
        return array("h", [(octet - 128) * 256 for octet in body])
    width = bits // 8
    upper = bytes(b for i in range(width - 2, len(body), width) for b in body[i : i + 2]) if width > 2 else body
    samples = array("h", upper)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _at_our_rate(samples: array[int], rate: int) -> array[int]:
    """Each of our samples is the mean of theirs that it stands for (going down), or lies between two (going up)."""
    if rate == RATE or not samples:
        return samples
    count, step = len(samples) * RATE // rate, rate / RATE
    if step > 1:
        sums = [0, *accumulate(samples)]
        edges = [min(len(samples), round(i * step)) for i in range(count + 1)]
        return array("h", [(sums[b] - sums[a]) // max(1, b - a) for a, b in pairwise(edges)])
    last = len(samples) - 1
    made = array("h")
    for i in range(count):
        at = i * step
        left = int(at)
        right = min(last, left + 1)
        made.append(round(samples[left] + (samples[right] - samples[left]) * (at - left)))
    return made

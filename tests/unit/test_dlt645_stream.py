"""DL/T 645 frames are built, found in any stream, and nothing else ever raised."""

from __future__ import annotations

import pytest
from dlt645_frames import METER, by_hand, feed_all
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.drivers.meters.dlt645 import MAX_DATA, MAX_FRAME, Decoder, Frame, Refused, build, read_request

addresses = st.from_regex(r"\A[0-9]{12}\Z")
awkward = st.sampled_from([0x16 - 0x33, 0x68 - 0x33, 0xFE - 0x33, 0x68, 0x16, 0xFE]).map(lambda b: b % 256)
payloads = st.lists(st.one_of(st.integers(0, 255), awkward), max_size=MAX_DATA).map(bytes)


@given(addresses, st.integers(0, 255), payloads, st.integers(0, 4))
def test_build_and_decode_agree(address: str, control: int, data: bytes, preambles: int) -> None:
    assert build(address, control, data) == b"\xfe" * 4 + by_hand(address, control, data)
    stream = b"\xfe" * preambles + by_hand(address, control, data)
    assert Decoder().feed(stream) == [Frame(address, control, data)]


@pytest.mark.parametrize("address", ["686868686868", "161616161616", "161616166868", "680000000016"])
@pytest.mark.parametrize("byte", [0x68, 0x16, 0xFE, 0xFF])
def test_the_frame_bytes_may_stand_inside_address_and_data(address: str, byte: int) -> None:
    data = bytes([(byte - 0x33) % 256] * 12)
    assert Decoder().feed(build(address, 0x91, data)) == [Frame(address, 0x91, data)]


@given(addresses, payloads, st.binary(max_size=40), st.binary(max_size=40))
@settings(max_examples=300)
def test_the_frame_is_found_between_any_garbage(address: str, data: bytes, before: bytes, after: bytes) -> None:
    sound = by_hand(address, 0x91, data)
    found = feed_all(before + sound + after)
    # The garbage may itself be the beginning of a frame whose checksum holds: then nobody could tell.
    assert Frame(address, 0x91, data) in found or any(isinstance(f, Frame) and _head(f) in before for f in found)


def _head(frame: Frame) -> bytes:
    return b"\x68" + bytes.fromhex(frame.address)[::-1] + b"\x68"


@given(st.lists(st.tuples(st.binary(max_size=20), payloads), max_size=4), st.data())
def test_how_a_stream_is_cut_changes_nothing(parts: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    stream = b"".join(noise + by_hand(METER, 0x91, payload) for noise, payload in parts)
    whole = feed_all(stream)
    single, decoder = [], Decoder()
    for byte in stream:
        single += decoder.feed(bytes([byte]))
    assert single + decoder.silence() == whole
    cut = data.draw(st.integers(0, len(stream)))
    decoder = Decoder()
    assert decoder.feed(stream[:cut]) + decoder.feed(stream[cut:]) + decoder.silence() == whole


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_noise_raises_nothing_and_costs_no_memory(chunks: list[bytes]) -> None:
    decoder = Decoder()
    for chunk in chunks:
        decoder.feed(chunk)
        assert decoder.pending < MAX_FRAME
    decoder.silence()
    assert decoder.pending == 0


def test_a_line_full_of_frame_starts_stays_bounded() -> None:
    decoder = Decoder()
    for _ in range(50):
        decoder.feed(b"\x68" * 4096)
        assert decoder.pending < MAX_FRAME


def test_a_false_start_delays_a_frame_only_until_the_line_is_silent() -> None:
    false_start = b"\x68" + bytes(6) + b"\x68\x91" + bytes([MAX_DATA])  # promises 200 bytes that never come
    sound = by_hand(METER, 0x91, b"\x01")
    decoder = Decoder()
    assert decoder.feed(false_start + sound) == []
    assert decoder.silence() == [Frame(METER, 0x91, b"\x01")]


def test_a_bad_checksum_is_named_and_the_next_frame_found() -> None:
    bad = bytearray(by_hand(METER, 0x91, b"\x01"))
    bad[-2] ^= 0xFF
    assert feed_all(bytes(bad) + by_hand(METER, 0x91, b"\x02")) == [
        Refused("bad_checksum"),
        Frame(METER, 0x91, b"\x02"),
    ]


def test_half_a_frame_is_forgotten_on_reset() -> None:
    decoder = Decoder()
    sound = by_hand(METER, 0x91, b"\x01")
    decoder.feed(sound[:8])
    decoder.reset()
    assert decoder.feed(sound[8:]) == []


@pytest.mark.parametrize("address", ["", "12345", "1234567890123", "12345678901X", "1A2345678901", "１23456789012"])
def test_an_impossible_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="12 digits"):
        read_request(address, 0x00010000)


def test_open_high_digits_are_an_address() -> None:
    assert build("AAAAAA789012", 0x11)[4:].hex().startswith("68129078aaaaaa68")


def test_too_much_data_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 200"):
        build(METER, 0x11, bytes(MAX_DATA + 1))

"""DL/T 645 in words: values read as the standard writes them, and a bad line says what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dlt645_frames import METER, by_hand, reply
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.meters.dlt645 import (
    ERROR_BITS,
    MAX_DATA,
    MAX_LINE_CHARS,
    WILDCARD,
    Frame,
    decode_dlt645,
    read_address_request,
    read_request,
    readings,
)
from gateway.drivers.meters.dlt645_items import BadData

# Published frames; every checksum was recomputed by hand before it was let in here (many in circulation are wrong).
PUBLISHED = [
    # PyPI dlt645 3.2.0 server on a socat pty
    ("FEFEFEFE 68 129078563412 68 91 08 33333433 89674533 54 16", METER, [("00010000", 1234.56, "kWh")]),
    # captures explained line by line in Chinese tutorials of the protocol
    ("68 61 01 00 00 00 00 68 91 08 33 33 34 33 59 33 33 33 8A 16", "000000000161", [("00010000", 0.26, "kWh")]),
    ("68 61 01 00 00 00 00 68 91 06 33 34 34 35 34 43 10 16", "000000000161", [("02010100", 100.1, "V")]),
    ("68 25 04 03 02 01 00 68 91 08 33 33 34 33 75 39 45 33 8B 16", "000102030425", [("00010000", 1206.42, "kWh")]),
    # Heyuan ASDU-LS manual: DL/T 645-1997
    ("68 03 00 00 00 00 00 68 81 04 44 E9 33 34 EC 16", "000000000003", [("B611", 100, "V")]),
]
PUBLISHED_REQUESTS = [
    ("68 129078563412 68 11 04 33333433 68 16", METER, "00010000"),
    ("FE FE FE FE 68 61 01 00 00 00 00 68 11 04 33 33 34 33 14 16", "000000000161", "00010000"),
    ("68 61 01 00 00 00 00 68 11 04 33 34 34 35 17 16", "000000000161", "02010100"),
    ("68 AA AA AA AA AA AA 68 11 04 33 33 34 33 AE 16", WILDCARD, "00010000"),
    ("FE FE FE 68 AA AA AA AA AA AA 68 13 00 DF 16", WILDCARD, None),
    ("68 03 00 00 00 00 00 68 01 02 44 E9 03 16", "000000000003", "B611"),
]


def values(hex_text: str) -> list[tuple[str, Any, str | None]]:
    decoded = decode_dlt645(hex_text)
    assert decoded["ok"], decoded
    return [(r["item"], r["value"], r["unit"]) for r in decoded["readings"]]


# -- published frames -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "address", "expected"), PUBLISHED)
def test_published_replies(text: str, address: str, expected: list[tuple[str, float, str]]) -> None:
    assert decode_dlt645(text)["address"] == address
    assert values(text) == expected


@pytest.mark.parametrize(("text", "address", "item"), PUBLISHED_REQUESTS)
def test_published_requests_decode_without_readings(text: str, address: str, item: str | None) -> None:
    decoded = decode_dlt645(text)
    assert (decoded["ok"], decoded["address"], decoded["request"]) == (True, address, item)
    assert decoded["readings"] == []


def test_our_requests_are_the_published_ones() -> None:
    assert read_request(METER, 0x00010000).hex() == "fefefefe681290785634126811043333343368" + "16"
    assert read_address_request().hex() == "fefefefe68aaaaaaaaaaaa681300df16"


def test_a_plain_reply_is_exactly_the_documented_object() -> None:
    assert decode_dlt645(PUBLISHED[0][0]) == {
        "ok": True,
        "address": METER,
        "encrypted": False,
        "counter": None,
        "readings": [{"item": "00010000", "value": 1234.56, "unit": "kWh"}],
    }


# -- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("di", "wire", "value", "unit"),
    [
        ("00010000", "99999999", 999999.99, "kWh"),
        ("00000000", "56341280", -1234.56, "kWh"),  # combined energy: the top bit is the sign
        ("00010000", "56341280", 80123456 / 100, "kWh"),  # the import register has none
        ("00020000", "01000000", 0.01, "kWh"),
        ("00030000", "01000080", -0.01, "kvarh"),
        ("00010101", "10000000", 0.1, "kWh"),  # tariff 1 at the last settlement day
        ("00150000", "10000000", 0.1, "kWh"),  # phase A
        ("02010100", "0422", 220.4, "V"),
        ("02010300", "0422", 220.4, "V"),
        ("02020100", "230500", 0.523, "A"),
        ("02020100", "230580", -0.523, "A"),
        ("02030000", "021301", 1.1302, "kW"),
        ("02030000", "021381", -1.1302, "kW"),
        ("02030000", "000080", 0, "kW"),  # minus nothing
        ("02060000", "9909", 0.999, None),
        ("02070100", "0090", 900.0, "°"),
        ("02800002", "9849", 49.98, "Hz"),
        ("02800007", "5502", 25.5, "°C"),
        ("04000101", "03042612", None, None),  # month 26
        ("04000101", "02251126", "2026-11-25", None),  # YYMMDDWW, low byte first
        ("04000102", "001510", "10:15:00", None),
        ("04000102", "006110", None, None),
        ("04000401", "129078563412", METER, None),
        ("04000402", "129078563412", METER, None),
    ],
)
def test_values_and_units(di: str, wire: str, value: object, unit: str | None) -> None:
    assert values(reply(di, bytes.fromhex(wire))) == [(di, value, unit)]


@pytest.mark.parametrize(
    ("di", "wire"),
    [("02010200", "ffff"), ("02020200", "ffffff"), ("02030000", "ffffff"), ("00010000", "ffffffff")],
)
def test_an_absent_phase_is_no_number(di: str, wire: str) -> None:
    assert values(reply(di, bytes.fromhex(wire)))[0][1] is None


@given(st.binary(min_size=4, max_size=4))
def test_an_energy_register_is_its_digits_or_nothing(wire: bytes) -> None:
    digits = wire[::-1].hex()
    expected = int(digits) / 100 if digits.isdecimal() else None
    assert values(reply("00010000", wire))[0][1] == expected


@given(st.integers(-799_999, 799_999))
def test_power_reads_back_as_written(tenths_of_a_watt: int) -> None:
    wire = bytearray(bytes.fromhex(f"{abs(tenths_of_a_watt):06d}")[::-1])
    wire[-1] |= 0x80 if tenths_of_a_watt < 0 else 0
    assert values(reply("02030000", bytes(wire)))[0][1] == tenths_of_a_watt / 10_000


def test_a_block_is_taken_apart() -> None:
    assert values(reply("0201FF00", bytes.fromhex("0422 ffff 9821"))) == [
        ("02010100", 220.4, "V"),
        ("02010200", None, "V"),
        ("02010300", 219.8, "V"),
    ]
    assert [item for item, _, _ in values(reply("0203FF00", bytes(12)))] == [
        "02030000",
        "02030100",
        "02030200",
        "02030300",
    ]
    energy = values(reply("0001FF00", bytes.fromhex("00010000 10000000 20000000")))
    assert energy == [("00010000", 1.0, "kWh"), ("00010100", 0.1, "kWh"), ("00010200", 0.2, "kWh")]
    assert values(reply("0001FF01", bytes(8)))[1][0] == "00010101"  # at the last settlement day


def test_a_block_of_a_single_phase_meter_has_one_value() -> None:
    assert values(reply("0201FF00", bytes.fromhex("0422"))) == [("02010100", 220.4, "V")]


@pytest.mark.parametrize(
    ("di", "size"), [("00010000", 3), ("00010000", 5), ("00010000", 8), ("0201FF00", 3), ("0201FF00", 8)]
)
def test_data_of_the_wrong_size_are_refused(di: str, size: int) -> None:
    decoded = decode_dlt645(reply(di, bytes(size)))
    assert not decoded["ok"]
    assert di in decoded["error"]


@pytest.mark.parametrize("di", ["09990000", "00014000", "00FF0000", "02010000", "FFFFFFFF", "0210FF00"])
def test_an_item_that_we_have_no_table_for_is_shown_as_printed(di: str) -> None:
    assert values(reply(di, bytes.fromhex("0102AB"))) == [(di, "AB0201", None)]


def test_1997_replies() -> None:
    def old(di: str, wire: str) -> list[tuple[str, Any, str | None]]:
        return values(by_hand(METER, 0x81, bytes.fromhex(di)[::-1] + bytes.fromhex(wire)).hex())

    assert old("9010", "56341200") == [("9010", 1234.56, "kWh")]
    assert old("B621", "2305") == [("B621", 5.23, "A")]
    assert old("B630", "021301") == [("B630", 1.1302, "kW")]
    assert old("C011", "001510") == [("C011", "10:15:00", None)]


def test_reply_to_read_address() -> None:
    text = by_hand(METER, 0x93, bytes.fromhex(METER)[::-1]).hex()
    assert values(text) == [("04000401", METER, None)]


# -- error replies, more to follow ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("bit", "name"), ERROR_BITS.items())
@pytest.mark.parametrize("control", [0xD1, 0xC1])
def test_each_error_bit_has_its_name(control: int, bit: int, name: str) -> None:
    decoded = decode_dlt645(by_hand(METER, control, bytes([bit])).hex())
    assert decoded["ok"]
    assert decoded["readings"] == []
    assert decoded["refused"] == [name]


def test_several_or_no_error_bits() -> None:
    assert decode_dlt645(by_hand(METER, 0xD1, b"\x06").hex())["refused"] == ["no_such_data", "not_authorised"]
    assert decode_dlt645(by_hand(METER, 0xD1, b"\x00").hex())["refused"] == ["unspecified"]
    assert decode_dlt645(by_hand(METER, 0xD1, b"").hex())["refused"] == ["unspecified"]


def test_more_follows_and_the_following_frame() -> None:
    first = decode_dlt645(reply("0001FF00", bytes(8), control=0xB1))
    assert first["more"]
    assert len(first["readings"]) == 2
    following = decode_dlt645(reply("0001FF00", bytes(4) + b"\x01", control=0x92))  # ends with its sequence number
    assert "more" not in following
    assert len(following["readings"]) == 1


def test_a_read_reply_without_identifier_is_refused() -> None:
    assert not decode_dlt645(by_hand(METER, 0x91, b"\x00\x00").hex())["ok"]
    with pytest.raises(BadData):
        readings(Frame(METER, 0x91, b""))


def test_the_reply_to_a_write_has_no_readings() -> None:
    assert values(by_hand(METER, 0x94, b"").hex()) == []


# -- bad lines ------------------------------------------------------------------------------------------------------

GOOD = "FEFEFEFE" + reply("00010000", bytes.fromhex("56341200")).upper()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no start 68"),
        ("FEFEFEFE", "no start 68"),
        ("hello", "not hex"),
        ("6", "not hex"),
        ("电表", "not hex"),
        ("68 00", "truncated"),
        (GOOD[:-2], "found 19"),
        (GOOD + "00", "found 21"),
        ("00" + GOOD, "no start 68"),
        (GOOD[:-4] + "5516", "checksum: expected 54, found 55"),
        (GOOD[:-2] + "17", "no end 16"),
        (GOOD[:22] + "69" + GOOD[24:], "no second 68"),
        ("68" + "00" * 6 + "68 91 C9 00 00", "at most 200"),
        ("68" * MAX_LINE_CHARS, "too long"),
    ],
)
def test_a_bad_line_says_what_is_wrong(text: str, complaint: str) -> None:
    decoded = decode_dlt645(text)
    assert not decoded["ok"]
    assert complaint in decoded["error"]


@given(st.one_of(st.text(max_size=60), st.binary(max_size=230).map(bytes.hex)))
def test_any_line_is_answered_with_json(text: str) -> None:
    decoded = decode_dlt645(text)
    assert isinstance(decoded["ok"], bool)
    assert json.loads(json.dumps(decoded)) == decoded


@given(st.integers(0, 255), st.binary(max_size=MAX_DATA))
def test_any_sound_frame_is_answered_with_json(control: int, data: bytes) -> None:
    decoded = decode_dlt645(by_hand(METER, control, data).hex())
    assert json.loads(json.dumps(decoded)) == decoded
    assert decoded["ok"] or decoded["error"]


@given(st.integers(0, 19), st.integers(1, 255))
def test_one_damaged_byte_never_passes(position: int, flip: int) -> None:
    damaged = bytearray.fromhex(GOOD)[4:]
    damaged[position] ^= flip
    assert not decode_dlt645(damaged.hex())["ok"]

"""Short messages as octets: vectors from outside, round trips, and whatever a stranger may send."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.sms_network import deliver_pdus, pack_septets, read_submit, report_pdu
from gateway.drivers.modem.encode import MAX_PARTS, encode_submit, split_ucs2
from gateway.drivers.modem.pdu import (
    BadPdu,
    Concat,
    Deliver,
    StatusReport,
    Submit,
    decode_pdu,
    decode_sms_pdu,
)
from gateway.drivers.modem.reassembly import GAP, MAX_OPEN, Reassembler

# Examples published on many pages; tests/integration/test_gammu_peer.py has gammu read them too.
HELLO = "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37"
HOW_ARE_YOU = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"

# What gammu 1.42 sent through our virtual modem: `sendsms TEXT 13800138000 -unicode -len 400 -text 水*66 + 😀守护*5`.
GAMMU_PART_1 = "0891683108100005F051000B813108108300F00008FF8A0500036C0201" + "6C34" * 66
GAMMU_PART_2 = "0891683108100005F051000B813108108300F00008FF2E0500036C0202" + "D83DDE005B8862A4" * 5
GAMMU_7BIT = "0891683108100005F011000D91683108108300F00000FF07E8329BFD06C500"


def deliver(pdu: str) -> Deliver:
    message = decode_pdu(pdu)
    assert isinstance(message, Deliver)
    return message


def submit(pdu: str) -> Submit:
    message = decode_pdu(pdu)
    assert isinstance(message, Submit)
    return message


# --- in -------------------------------------------------------------------------------------------------------------


def test_a_published_deliver_is_read_with_its_sender_centre_and_time() -> None:
    message = deliver(HOW_ARE_YOU)
    assert (message.number, message.text, message.smsc) == ("+31641600986", "How are you?", "+31624000000")
    assert message.time == "2002-08-26T19:37:41+00:00"
    assert message.concat is None


def test_a_national_sender_has_no_plus() -> None:
    message = deliver(HELLO)
    assert (message.number, message.text) == ("27838890001", "hellohello")
    assert message.time == "1999-03-29T15:16:59+02:00"


def test_what_gammu_sends_is_read_in_both_alphabets() -> None:
    first, second, plain = submit(GAMMU_PART_1), submit(GAMMU_PART_2), submit(GAMMU_7BIT)
    assert first.concat == Concat(0x6C, 1, 2)
    assert second.concat == Concat(0x6C, 2, 2)
    assert first.text + second.text == "水" * 66 + "😀守护" * 5
    assert (plain.number, plain.text, plain.concat) == ("+8613800138000", "hello 1", None)


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        ("\x1b\x14 \x1b\x65 \x1b\x28\x1b\x29", "^ € {}"),
        ("\x00\x02\x10\x5f\x7f", "@$Δ§à"),
        ("\x1b\x41 end", "A end"),  # no such extension: its basic character
        ("end\x1b", "end"),
    ],
)
def test_seven_bit_text_with_the_extension_table(septets: str, text: str) -> None:
    head = "00" + "04" + "0B813108108300F0" + "0000" + "62112211031523"
    assert deliver(f"{head}{len(septets):02X}{pack_septets(septets).hex()}").text == text


def test_the_fill_bits_after_a_header_are_skipped_in_seven_bit_text() -> None:
    parts = [deliver(p) for p in deliver_pdus("+8613800138000", "Lorem ipsum " * 20, reference=7)]
    assert [p.concat for p in parts] == [Concat(7, 1, 2), Concat(7, 2, 2)]
    assert "".join(p.text for p in parts) == "Lorem ipsum " * 20


def test_an_alphanumeric_sender_is_a_name() -> None:
    pdu = "00" + "04" + "09D0C8329BFD06" + "0000" + "62112211031523" + "0131"  # nine semi-octets hold five septets
    assert deliver(pdu).number == "Hello"


def test_eight_bit_data_is_kept_and_readable_as_latin_1() -> None:
    message = deliver("00" + "04" + "0B813108108300F0" + "0004" + "62112211031523" + "03" + "31E9FF")
    assert (message.text, message.data) == ("1éÿ", b"1\xe9\xff")


def test_a_16_bit_concatenation_reference_is_read() -> None:
    message = deliver(
        "00" + "44" + "0B813108108300F0" + "0008" + "62112211031523" + "09" + "0608041234" + "0302" + "0031"
    )
    assert message.concat == Concat(0x1234, 2, 3)
    assert message.text == "1"


def test_a_concatenation_that_makes_no_sense_is_ignored_and_the_text_kept() -> None:
    message = deliver("00" + "44" + "0B813108108300F0" + "0008" + "62112211031523" + "08" + "050003010305" + "0031")
    assert (message.concat, message.text) == (None, "1")


def test_a_date_that_is_none_does_not_lose_the_answer() -> None:
    message = deliver("00" + "04" + "0B813108108300F0" + "0000" + "FFFFFFFFFFFFFF" + "0131")
    assert (message.time, message.text) == (None, "1")


def test_octets_beyond_the_end_are_ignored() -> None:
    assert deliver(HOW_ARE_YOU + "0000").text == "How are you?"


@pytest.mark.parametrize(
    ("status", "delivered", "final"),
    [(0x00, True, True), (0x01, True, True), (0x30, False, False), (0x46, False, True), (0x63, False, True)],
)
def test_a_status_report_tells_delivered_still_trying_and_given_up(status: int, delivered: bool, final: bool) -> None:
    report = decode_pdu(report_pdu("0B813108108300F0", 42, status))
    assert isinstance(report, StatusReport)
    assert (report.reference, report.number) == (42, "13800138000")
    assert (report.delivered, report.final) == (delivered, final)


@pytest.mark.parametrize(
    ("pdu", "about"),
    [
        ("", "hex"),
        ("0", "hex"),
        ("zz", "hex"),
        ("00", "first octet"),
        ("FF" * 300, "at most 255"),
        ("0C" + "91" * 12, "SMSC"),
        ("0003", "reserved"),
        ("0004FF91", "digits"),
        (HOW_ARE_YOU[:-2], "text: expected 11 octets, found 10"),
        ("00" + "04" + "0B813108108300F0" + "0008" + "62112211031523" + "8D" + "00" * 141, "length"),
        ("00" + "04" + "0B813108108300F0" + "0008" + "62112211031523" + "03" + "003100", "half"),
        ("00" + "44" + "0B813108108300F0" + "0008" + "62112211031523" + "02" + "0531", "header"),
        ("00" + "44" + "0B813108108300F0" + "0008" + "62112211031523" + "05" + "0400090000", "element"),
        ("00" + "04" + "0B813108108300F0" + "0020" + "62112211031523" + "0131", "compressed"),
        ("00" + "04" + "0B81F108108300F0" + "0000" + "62112211031523" + "0131", "fill"),
        ("00" + "04" + "0B813F08108300F0" + "0000" + "62112211031523" + "0131", "fill"),
    ],
)
def test_a_bad_pdu_says_why_and_nothing_else(pdu: str, about: str) -> None:
    with pytest.raises(BadPdu, match=about):
        decode_pdu(pdu)


@given(st.binary(max_size=300).map(bytes.hex) | st.text(max_size=80))
def test_whatever_comes_is_a_message_or_a_bad_pdu(pdu: str) -> None:
    answer = decode_sms_pdu(pdu)
    assert isinstance(answer["ok"], bool)
    json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()  # no half surrogate, no NaN


@given(st.data())
def test_a_damaged_pdu_is_a_message_or_a_bad_pdu(data: st.DataObject) -> None:
    octets = bytearray.fromhex(data.draw(st.sampled_from([HELLO, HOW_ARE_YOU, GAMMU_PART_2, GAMMU_7BIT])))
    for at in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=3)):
        octets[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(octets)))
    json.dumps(decode_sms_pdu(octets[:cut].hex()), ensure_ascii=False).encode()


# --- out ------------------------------------------------------------------------------------------------------------


def test_a_short_text_is_one_ucs2_message_with_a_report_and_a_day_of_validity() -> None:
    (part,) = encode_submit("13800138000", "【居家守护】测试")
    assert part.hex == "0031000B813108108300F00008A710" + "【居家守护】测试".encode("utf-16-be").hex().upper()
    assert part.tpdu_octets == len(part.hex) // 2 - 1
    message = submit(part.hex)
    assert (message.report_wanted, message.validity_min, message.concat) == (True, 1440, None)


def test_a_number_abroad_is_sent_as_international() -> None:
    (part,) = encode_submit("+6591234567", "1", report=False)
    assert part.hex.startswith("0011000A915619325476")
    assert submit(part.hex).number == "+6591234567"


@pytest.mark.parametrize(("units", "parts"), [(70, 1), (71, 2), (134, 2), (135, 3)])
def test_seventy_units_fit_and_then_sixty_seven_a_part(units: int, parts: int) -> None:
    found = encode_submit("13800138000", "水" * units, reference=9)
    assert len(found) == parts
    assert "".join(submit(p.hex).text for p in found) == "水" * units
    if parts > 1:
        assert [submit(p.hex).concat for p in found] == [Concat(9, i, parts) for i in range(1, parts + 1)]


def test_a_surrogate_pair_is_never_split() -> None:
    pieces = split_ucs2("水" * 66 + "😀" + "水" * 10)
    assert [len(p) // 2 for p in pieces] == [66, 12]
    assert [p.decode("utf-16-be") for p in pieces] == ["水" * 66, "😀" + "水" * 10]


def test_half_a_surrogate_pair_is_sent_as_a_replacement_and_stops_nothing() -> None:
    (part,) = encode_submit("13800138000", "报警\ud83d")
    assert submit(part.hex).text == "报警\ufffd"


@pytest.mark.parametrize("number", ["", "+", "abc", "1" * 21, "138 0013 8000", "１３８"])
def test_a_number_that_is_none_is_refused_and_not_shown(number: str) -> None:
    with pytest.raises(ValueError, match="not shown"):
        encode_submit(number, "1")


def test_a_text_of_more_parts_than_allowed_is_refused() -> None:
    assert len(encode_submit("13800138000", "水" * 67 * MAX_PARTS)) == MAX_PARTS
    with pytest.raises(ValueError, match="at most"):
        encode_submit("13800138000", "水" * (67 * MAX_PARTS + 1))


@pytest.mark.parametrize(
    ("minutes", "octet"), [(5, 0), (6, 1), (720, 143), (750, 144), (1440, 167), (2880, 168), (10**7, 255)]
)
def test_validity_is_rounded_up_to_what_the_field_can_say(minutes: int, octet: int) -> None:
    (part,) = encode_submit("13800138000", "1", validity_min=minutes)
    head = "0031000B813108108300F0" + "0008"
    assert part.hex.startswith(head + f"{octet:02X}")


@given(st.text(max_size=400), st.integers(0, 255))
def test_any_text_of_ours_is_read_back_by_us_and_by_the_network(text: str, reference: int) -> None:
    sent = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
    parts = encode_submit("+8613800138000", text, reference=reference)
    assert "".join(submit(p.hex).text for p in parts) == sent
    read = [read_submit(p.hex) for p in parts]
    assert "".join(r.text for r in read) == sent
    assert [(r.part, r.parts) for r in read] == [(p.part, p.parts) for p in parts]
    assert all(len(p.hex) // 2 <= 160 for p in parts)


@given(st.text(max_size=400).filter(lambda t: not any("\ud800" <= c <= "\udfff" for c in t)))
def test_any_text_of_a_phone_is_read_and_joined(text: str) -> None:
    box = Reassembler(60)
    found = [m for p in deliver_pdus("+8613800138000", text, 3) for m in box.add(deliver(p), None, 0.0)]
    assert [(m.number, m.text) for m in found] == [("+8613800138000", text)]


# --- the command line's object --------------------------------------------------------------------------------------


def test_the_json_object_of_a_deliver() -> None:
    assert decode_sms_pdu(HOW_ARE_YOU) == {
        "ok": True,
        "address": "+31641600986",
        "encrypted": False,
        "counter": None,
        "readings": [
            {"item": "smsc", "value": "+31624000000", "unit": None},
            {"item": "type", "value": "deliver", "unit": None},
            {"item": "time", "value": "2002-08-26T19:37:41+00:00", "unit": None},
        ],
        "number": "+31641600986",
        "text": "How are you?",
        "part": 1,
        "parts": 1,
        "reference": None,
    }


def test_the_json_object_of_a_part_names_its_place() -> None:
    answer = decode_sms_pdu(GAMMU_PART_2.lower())
    assert (answer["part"], answer["parts"], answer["reference"]) == (2, 2, 0x6C)


def test_the_json_object_of_a_report_and_of_a_bad_pdu() -> None:
    answer = decode_sms_pdu(report_pdu("0B813108108300F0", 42, 0))
    assert (answer["ok"], answer["reference"], answer["text"]) == (True, 42, None)
    assert {"item": "delivered", "value": True, "unit": None} in answer["readings"]
    assert decode_sms_pdu("00")["ok"] is False


# --- long messages --------------------------------------------------------------------------------------------------


def part(number: str, reference: int, i: int, parts: int, text: str = "x") -> Deliver:
    return Deliver(number, text, Concat(reference, i, parts), "", None, None)


def test_parts_in_any_order_and_repeated_make_one_message_with_all_its_slots() -> None:
    box = Reassembler(60)
    assert box.add(part("+1", 5, 2, 2, "b"), ("SM", 1), 0) == []
    assert box.add(part("+1", 5, 2, 2, "b"), ("SM", 2), 1) == []
    assert box.add(part("+2", 5, 1, 2, "z"), ("SM", 3), 1) == []  # somebody else with the same reference
    (whole,) = box.add(part("+1", 5, 1, 2, "a"), ("SM", 4), 2)
    assert (whole.number, whole.text, whole.slots, whole.complete) == (
        "+1",
        "ab",
        (("SM", 1), ("SM", 2), ("SM", 4)),
        True,
    )


def test_a_pair_that_another_phone_split_is_whole_again() -> None:
    box = Reassembler(60)
    box.add(part("+1", 5, 1, 2, "好\ud83d"), None, 0)
    (whole,) = box.add(part("+1", 5, 2, 2, "\ude00"), None, 0)
    assert whole.text == "好😀"


def test_what_never_completes_is_handed_over_with_its_gap_when_its_time_is_up() -> None:
    box = Reassembler(60)
    box.add(part("+1", 5, 2, 3, "b"), ("SM", 1), 10)
    assert box.due == 70
    assert box.expire(69.9) == []
    (broken,) = box.expire(70)
    assert (broken.text, broken.complete) == (f"{GAP}b{GAP}", False)
    assert box.due is None


def test_a_flood_of_first_parts_is_bounded_and_loses_nothing() -> None:
    box = Reassembler(60)
    out = [m for i in range(1000) for m in box.add(part(f"+{i}", 1, 1, 2, str(i)), None, 0)]
    assert len(out) == 1000 - MAX_OPEN
    assert out[0].text == "0" + GAP


def test_a_message_that_claims_255_parts_is_handed_over_part_by_part() -> None:
    box = Reassembler(60)
    (only,) = box.add(part("+1", 1, 200, 255, "x"), None, 0)
    assert only.text == "x"

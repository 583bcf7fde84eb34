"""AT commands without a modem: answers, what comes unasked in the middle of them, noise, and the cell's condition."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.modem.at import (
    MAX_LINE,
    AtEngine,
    Bare,
    Command,
    Ended,
    Event,
    Info,
    ProbeAnswered,
    Prompt,
    Refused,
    Result,
    TimedOut,
    Urc,
)
from gateway.drivers.modem.cell import CellWatch, Registration, signal_dbm
from gateway.drivers.modem.errors import Cause, classify

OK = Ended(Result.OK)


def asked(text: str, prefix: str | None = None, bare: Bare = Bare.NONE, prompt: bool = False) -> AtEngine:
    engine = AtEngine()
    assert engine.begin(Command(text, prefix, bare, prompt), 0.0, 2.0) == text.encode() + b"\r"
    return engine


def sending() -> AtEngine:
    """An engine that has handed over a message and waits for the network."""
    engine = asked("AT+CMGS=20", "+CMGS", prompt=True)
    assert engine.receive(b"\r\n> ") == [Prompt()]
    assert engine.answer_prompt("0011AA", 0.0, 60.0) == b"0011AA\x1a"
    return engine


# --- answers --------------------------------------------------------------------------------------------------------


def test_a_question_gets_its_lines_and_its_end() -> None:
    engine = asked("AT+CSQ", "+CSQ")
    assert engine.receive(b"\r\n+CSQ: 21,99\r\n\r\nOK\r\n") == [Info("+CSQ: 21,99"), OK]
    assert engine.pending is None
    assert engine.deadline is None


def test_the_same_comes_of_the_same_bytes_one_at_a_time() -> None:
    wire = b'AT+CMGR=1\r\r\n+CMGR: 0,,24\r\n+CMTI: "SM",4\r\n07AA\r\n\r\nOK\r\nRING\r\n'
    whole = asked("AT+CMGR=1", "+CMGR", Bare.PDU).receive(wire)
    engine = asked("AT+CMGR=1", "+CMGR", Bare.PDU)
    assert [e for octet in wire for e in engine.receive(bytes([octet]))] == whole
    assert whole == [Info("+CMGR: 0,,24"), Urc("+CMTI", '"SM",4'), Info("07AA"), OK, Urc("RING", "RING")]


@pytest.mark.parametrize(
    ("line", "ended"),
    [
        (b"ERROR", Ended(Result.ERROR)),
        (b"+CME ERROR: 10", Ended(Result.CME, 10)),
        (b"+CMS ERROR: 322", Ended(Result.CMS, 322)),
        (b"+CME ERROR: SIM not inserted", Ended(Result.CME, 10)),
        (b"+CMS ERROR: some new words", Ended(Result.CMS, None)),
        (b"COMMAND NOT SUPPORT", Ended(Result.ERROR)),
    ],
)
def test_an_error_ends_the_command_with_its_number(line: bytes, ended: Ended) -> None:
    assert asked("AT+CPIN?", "+CPIN").receive(b"\r\n" + line + b"\r\n") == [ended]


def test_an_echo_is_no_answer_neither_of_the_command_nor_of_the_message() -> None:
    engine = asked("AT+CMGS=20", "+CMGS", prompt=True)
    assert engine.receive(b"AT+CMGS=20\r\r\n> ") == [Prompt()]
    engine.answer_prompt("0011AA", 0.0, 60.0)
    assert engine.receive(b"0011AA\x1a\r\n+CMGS: 7\r\n\r\nOK\r\n") == [Info("+CMGS: 7"), OK]


def test_a_prompt_nobody_waits_for_releases_nothing() -> None:
    engine = asked("AT+CSQ", "+CSQ")
    assert Prompt() not in engine.receive(b"\r\n> \r\n")
    with pytest.raises(RuntimeError):
        engine.answer_prompt("00", 0.0, 1.0)


def test_an_error_instead_of_a_prompt_ends_the_command() -> None:
    assert asked("AT+CMGS=20", "+CMGS", prompt=True).receive(b"\r\n+CMS ERROR: 310\r\n") == [Ended(Result.CMS, 310)]


def test_a_second_command_while_one_waits_is_our_bug() -> None:
    engine = asked("AT")
    with pytest.raises(RuntimeError, match="still pending"):
        engine.begin(Command("AT"), 0.0, 1.0)


def test_a_command_times_out_once_and_its_late_answer_is_stray() -> None:
    engine = asked("AT+CSQ", "+CSQ")
    assert engine.advance(1.99) == []
    assert engine.advance(2.0) == [TimedOut("AT+CSQ")]
    assert engine.advance(9.0) == []
    assert engine.receive(b"OK\r\n") == [Refused("stray_result")]


# --- what comes unasked ---------------------------------------------------------------------------------------------


def test_an_incoming_message_in_the_middle_of_an_answer_is_told_apart() -> None:
    engine = asked("AT+CSQ", "+CSQ")
    events = engine.receive(b'\r\n+CMTI: "ME",3\r\n+CSQ: 21,99\r\n+CEREG: 2\r\nOK\r\n')
    assert events == [Urc("+CMTI", '"ME",3'), Info("+CSQ: 21,99"), Urc("+CEREG", "2"), OK]


def test_a_direct_message_brings_its_pdu_even_between_a_header_and_its_own_pdu() -> None:
    engine = asked("AT+CMGR=1", "+CMGR", Bare.PDU)
    events = engine.receive(b"+CMGR: 0,,24\r\n+CDS: 26\r\n0006AA\r\n0791BB\r\nOK\r\n")
    assert events == [Info("+CMGR: 0,,24"), Urc("+CDS", "26", "0006AA"), Info("0791BB"), OK]


def test_a_direct_message_without_its_pdu_takes_nothing_else_with_it() -> None:
    engine = asked("AT")
    assert engine.receive(b"+CMT: ,24\r\nOK\r\n") == [Refused("urc_without_pdu"), OK]


@pytest.mark.parametrize("name", ["+CREG", "+CEREG"])
def test_registration_asked_and_unasked_differ_by_their_fields(name: str) -> None:
    engine = asked(f"AT{name}?", name)
    wire = f'{name}: 5\r\n{name}: 1,"1A2B","01C3",7\r\n{name}: 2,1,"1A2B","01C3",7\r\nOK\r\n'.encode()
    assert engine.receive(wire) == [
        Urc(name, "5"),
        Urc(name, '1,"1A2B","01C3",7'),
        Info(f'{name}: 2,1,"1A2B","01C3",7'),
        OK,
    ]


def test_no_carrier_ends_a_call_but_not_a_question() -> None:
    assert asked("ATD10086;").receive(b"NO CARRIER\r\n") == [Ended(Result.CALL, word="NO CARRIER")]
    assert asked("AT").receive(b"NO CARRIER\r\nOK\r\n") == [Urc("NO CARRIER", "NO CARRIER"), OK]


def test_a_modem_that_restarts_says_so() -> None:
    assert AtEngine().receive(b"\r\nRDY\r\n") == [Urc("RDY", "RDY")]


# --- probes ---------------------------------------------------------------------------------------------------------


def test_the_ok_to_a_probe_does_not_end_the_message() -> None:
    engine = sending()
    assert engine.probe() == b"AT\r"
    assert engine.receive(b"\r\nOK\r\n") == [ProbeAnswered()]
    assert engine.receive(b"\r\n+CMGS: 7\r\n\r\nOK\r\n") == [Info("+CMGS: 7"), OK]
    assert engine.probes_owed == 0


def test_a_probe_answered_after_the_message_is_still_known_for_one() -> None:
    engine = sending()
    engine.probe()
    assert engine.receive(b"\r\n+CMGS: 7\r\n\r\nOK\r\n\r\nOK\r\n") == [Info("+CMGS: 7"), OK, ProbeAnswered()]


def test_a_busy_modems_word_to_a_probe_is_not_the_networks_word_to_the_message() -> None:
    engine = sending()
    engine.probe()
    assert engine.receive(b"\r\n+CME ERROR: 515\r\n") == [ProbeAnswered()]
    assert engine.receive(b"\r\n+CMS ERROR: 38\r\n") == [Ended(Result.CMS, 38)]


# --- noise ----------------------------------------------------------------------------------------------------------


def test_a_line_without_end_is_dropped_and_the_next_one_read() -> None:
    engine = asked("AT")
    events = [e for _ in range(10) for e in engine.receive(b"x" * MAX_LINE)]
    assert events == [Refused("line_too_long")]
    assert engine.receive(b"tail\r\nOK\r\n") == [OK]


def test_noise_around_and_between_lines_does_not_hide_the_answer() -> None:
    engine = asked("AT")
    assert engine.receive(b"\x00\xff\xfe\r\n\x00OK\xff\r\n") == [OK]
    assert engine.receive(b"ab\xffcd\r\n") == [Refused("garbage")]


def test_lines_that_mean_nothing_here_are_counted_and_not_taken_for_an_answer() -> None:
    engine = asked("AT+CSQ", "+CSQ")
    assert engine.receive(b"^RSSI: 21\r\n+QIND: x\r\nhello\r\n") == [Refused("unsolicited_unknown")] * 3


@given(st.lists(st.binary(max_size=200) | st.sampled_from([b"\r\nOK\r\n", b"> ", b"+CMT: ,1\r\n", b"+CMGS: 1\r\n"])))
def test_whatever_comes_is_an_event_and_the_buffer_stays_small(chunks: list[bytes]) -> None:
    engine = asked("AT+CMGS=20", "+CMGS", prompt=True)
    events: list[Event] = []
    for chunk in chunks:
        new = engine.receive(chunk)
        events += new
        if Prompt() in new and engine.pending is not None:
            engine.answer_prompt("00", 0.0, 1.0)
    assert len(events) <= sum(map(len, chunks)) + 1
    assert len(engine._buffer) <= MAX_LINE
    assert sum(isinstance(e, Ended) for e in events) <= 1


@given(
    st.binary(max_size=400) | st.text("AT+CMGS: 0>\r\n", max_size=80).map(str.encode),
    st.lists(st.integers(0, 400), max_size=5),
)
def test_how_the_bytes_are_cut_makes_no_difference(wire: bytes, cuts: list[int]) -> None:
    whole = asked("AT+CMGS=20", "+CMGS", prompt=True).receive(wire)
    engine = asked("AT+CMGS=20", "+CMGS", prompt=True)
    edges = [0, *sorted(min(c, len(wire)) for c in cuts), len(wire)]
    assert [e for a, b in pairwise(edges) for e in engine.receive(wire[a:b])] == whole


# --- what the answers mean ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "number", "cause", "again"),
    [
        (Result.CMS, 38, Cause.NETWORK, True),
        (Result.CMS, 41, Cause.NETWORK, True),
        (Result.CMS, 42, Cause.NETWORK, True),
        (Result.CMS, 331, Cause.NETWORK, True),
        (Result.CMS, 513, Cause.NETWORK, True),
        (Result.CMS, 1, Cause.NUMBER, False),
        (Result.CMS, 196, Cause.NUMBER, False),
        (Result.CMS, 8, Cause.SUBSCRIPTION, True),
        (Result.CMS, 310, Cause.SIM, True),
        (Result.CME, 10, Cause.SIM, True),
        (Result.CMS, 322, Cause.MEMORY, True),
        (Result.CMS, 130, Cause.REFUSED, False),
        (Result.CMS, 500, Cause.UNKNOWN, True),
        (Result.CMS, 9999, Cause.UNKNOWN, True),
        (Result.CMS, None, Cause.UNKNOWN, True),
        (Result.ERROR, None, Cause.UNKNOWN, True),
    ],
)
def test_an_error_tells_whose_fault_it_is_and_whether_to_try_again(
    result: Result, number: int | None, cause: Cause, again: bool
) -> None:
    verdict = classify(result, number)
    assert verdict.cause is cause
    assert (verdict.retry_after_s is not None) is again
    assert number is None or str(number) in verdict.text


def test_one_registered_domain_is_enough() -> None:
    cell = Registration()
    assert not cell.registered
    cell.read("+CREG", "0,2", asked=True)
    cell.read("+CEREG", '2,5,"1A2B"', asked=True)
    assert cell.registered
    assert cell.roaming
    cell.read("+CREG", "1", asked=False)
    assert not cell.roaming
    assert not cell.read("+CREG", "one", asked=False)


@pytest.mark.parametrize(
    ("fields", "dbm"), [("21,99", -71), ("0,0", -113), ("31,99", -51), ("99,99", None), ("", None)]
)
def test_signal_in_dbm(fields: str, dbm: int | None) -> None:
    assert signal_dbm(fields) == dbm


def test_a_lost_cell_is_said_once_after_its_time_and_its_return_once() -> None:
    watch = CellWatch(180)
    assert watch.update(False, 0) is None
    assert watch.due == 180
    assert watch.update(True, 100) is None  # a short gap is nobody's business
    assert watch.update(False, 200) is None
    assert watch.update(False, 379) is None
    assert watch.update(False, 380) is True
    assert watch.update(False, 9000) is None
    assert watch.due is None
    assert watch.update(True, 9001) is False
    assert watch.update(True, 9002) is None

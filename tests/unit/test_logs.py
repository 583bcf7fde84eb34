"""A log may be read by a stranger: no name, no number, no key, whatever happened (A31)."""

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.runtime.logs import (
    BURST,
    MAX_LINES_KNOWN,
    MAX_MESSAGE_CHARS,
    MAX_RAW_CHARS,
    MAX_TRACE_CHARS,
    WINDOW_S,
    HumanFormatter,
    JsonFormatter,
    Logs,
    RepeatFilter,
    setup,
)
from gateway.runtime.redaction import Redactor

MOBILE = "13800138000"
LANDLINE = "059585681234"
NAME = "王阿公"
KEY = "231d39c1d7cc1ab1aee224cd096db932"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logs(stream: io.StringIO) -> Iterator[Logs]:
    installed = setup(logging.DEBUG, stream, as_json=True)
    installed.redactor.know([NAME, "Mei"], [MOBILE, LANDLINE, "+6581234567"])
    yield installed
    installed.close()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def digits_of(text: str) -> str:
    return "".join(c for c in text if c.isdecimal())


separators = st.text(" -.()/（）–_,\u00a0\u3000", max_size=3)


@st.composite
def spellings(draw: st.DrawFn, number: str) -> str:
    prefix = draw(st.sampled_from(["", "+86", "0086", "86", "(+86)", "+86 ", "+86-", "＋86"]))
    digits = [chr(ord("０") + int(d)) if draw(st.booleans()) and draw(st.booleans()) else d for d in number]
    text = digits[0]
    for digit in digits[1:]:
        text += draw(separators) + digit
    return prefix + text


@given(spellings(MOBILE), st.text(max_size=12), st.text(max_size=12))
@example("138 0013 8000", "1512 ", "")
@example("13800138000", "20260301", "7")
def test_a_registered_number_never_comes_out_in_any_spelling(spelled: str, before: str, after: str) -> None:
    redact = Redactor()
    redact.know([], [MOBILE])
    said = redact(f"{before}{spelled}{after}")
    assert spelled not in said
    assert digits_of(spelled)[-11:] not in digits_of(said) or digits_of(spelled)[-11:] in digits_of(before + after)


@given(spellings(LANDLINE))
def test_nor_does_a_registered_landline(spelled: str) -> None:
    redact = Redactor()
    redact.know([], [LANDLINE])
    assert not any(c.isdecimal() for c in redact(f"call {spelled} now").replace("00", ""))


@pytest.mark.parametrize(
    "spelled",
    ["0595-85681234", "0595 8568 1234", "(0595)85681234", "+86 595 8568 1234", "85681234", "8568-1234", "595 85681234"],
)
def test_a_landline_as_people_write_it(spelled: str) -> None:
    redact = Redactor()
    redact.know([], [LANDLINE])
    assert not any(c.isdecimal() for c in redact(f"call {spelled} now"))


@pytest.mark.parametrize(
    "hidden",
    ["3108108300F0", "683108108300F0", "00310033003800300030003100330038003000300030",
     r"b'13800138000'", "%2B8613800138000", '{"to":"+8613800138000"}'],
)  # fmt: skip
def test_a_registered_number_as_machines_write_it(hidden: str) -> None:
    redact = Redactor()
    redact.know([], [MOBILE])
    assert hidden not in redact(f"AT> {hidden}")
    assert MOBILE not in redact(hidden)


@pytest.mark.parametrize(
    "strange",
    ["13912345678", "139 1234 5678", "139-1234-5678", "+86 139 1234 5678", "0086-13912345678", "(86)13912345678",
     "１３９１２３４５６７８", "+6591234567", "+1 (212) 555-0100", "010-12345678", "0755 2345 6789", "05951234567",
     "(021) 6234 5678", "+442079460958"],
)  # fmt: skip
def test_a_strangers_number_is_known_by_its_shape(strange: str) -> None:
    said = Redactor()(f"sms from {strange}: refused")
    assert "[phone]" in said
    assert len(digits_of(said)) == 0


@pytest.mark.parametrize(
    ("secret", "word"),
    [(KEY, "[key]"), (KEY.upper(), "[key]"), (":".join(KEY[i : i + 2] for i in range(0, 32, 2)), "[hex]"),
     ("350582194910010013", "[id]"), ("35058219491001001X", "[id]"), ("350582 19491001 001x", "[id]"),
     ("0891683108200505F0040B913108108300F00008", "[hex]"), ("89860012345678901234", "[number]"),
     (r"b'\x01\x02\x03\x04\xaa\xbb\xcc\xdd'", "[bytes]")],
)  # fmt: skip
def test_identity_numbers_keys_and_pdus_are_known_by_their_shape(secret: str, word: str) -> None:
    said = Redactor()(f"got {secret} there")
    assert word in said
    assert secret not in said


@pytest.mark.parametrize(
    "plain",
    ["2026-03-01T08:15:30.000+08:00", "driver ble failed, restart 3: no adapter hci0", "A4:C1:38:12:34:56 pressed 17",
     "alarm 17 opened at t=86400123", "took 503 ms of 500", "192.168.1.17:8883 refused", "meter 00010000 = 1234.56 kWh",
     "seq 41234 epoch 9f3ac01d2b44", "50dc002f-7a21-46ad-bef7-b8267b074d01", "python 3.11.7, bleak 3.1.0"],
)  # fmt: skip
def test_what_a_person_needs_stays_readable(plain: str) -> None:
    redact = Redactor()
    redact.know([NAME, "Mei"], [MOBILE])
    assert redact(plain) == plain


@pytest.mark.parametrize(
    "spelled",
    [NAME, json.dumps(NAME), json.dumps(NAME).upper().replace("\\U", "\\u"), repr(NAME.encode()),
     "%E7%8E%8B%E9%98%BF%E5%85%AC",
     "738B963F516C", "e78e8be998bfe585ac", f"给{NAME}打电话"],
)  # fmt: skip
def test_a_registered_name_never_comes_out(spelled: str) -> None:
    redact = Redactor()
    redact.know([NAME], [])
    said = redact(f"text {spelled} end")
    assert spelled not in said
    assert "[private]" in said


def test_a_latin_name_is_found_as_a_word_only() -> None:
    redact = Redactor()
    redact.know(["Mei"], [])
    assert redact("MEI and mei: Meigs") == "[private] and [private]: Meigs"


def test_when_the_home_changes_so_does_what_is_private() -> None:
    redact = Redactor()
    redact.know([NAME], [])
    redact.know(["李奶奶"], [])
    assert redact(f"{NAME} 李奶奶") == f"{NAME} [private]"
    redact.know([], [])
    assert redact("李奶奶") == "李奶奶"


def test_a_line_is_json_with_its_fields(logs: Logs, stream: io.StringIO) -> None:
    logging.getLogger("gateway.drivers").warning("lost %s", "port", extra={"driver": "modem", "n": 3, "to": MOBILE})
    (line,) = lines(stream)
    assert line.pop("at", "").endswith("+08:00")  # type: ignore[attr-defined]
    assert line == {
        "level": "WARNING", "logger": "gateway.drivers", "message": "lost port", "driver": "modem", "n": 3,
        "to": "[private]",
    }  # fmt: skip


def test_a_number_as_an_int_is_a_number_too(logs: Logs, stream: io.StringIO) -> None:
    logging.getLogger("x").warning("to", extra={"to": int(MOBILE), "who": {"name": NAME}})
    assert MOBILE not in stream.getvalue()
    assert NAME not in stream.getvalue()


def test_exceptions_are_redacted_with_their_whole_chain(logs: Logs, stream: io.StringIO) -> None:
    try:
        try:
            raise KeyError(f"{NAME} +86 138-0013-8000")
        except KeyError as inner:
            raise ValueError(f"key {KEY}") from inner
    except ValueError:
        logging.getLogger("x").exception("no text to %s", MOBILE)
    text = stream.getvalue()
    for secret in (NAME, MOBILE, "138-0013-8000", KEY, repr(NAME)):
        assert secret not in text
    (line,) = lines(stream)
    assert "ValueError: key [key]" in str(line["exception"])
    assert "KeyError" in str(line["exception"])


def test_a_deep_recursion_is_cut_and_keeps_its_end(logs: Logs, stream: io.StringIO) -> None:
    def deep(n: int) -> None:
        if n == 0:
            raise RuntimeError("x" * 50_000 + " the end")
        deep(n - 1)

    try:
        deep(200)
    except RuntimeError:
        logging.getLogger("x").exception("deep")
    (line,) = lines(stream)
    assert len(str(line["exception"])) < MAX_TRACE_CHARS + 10
    assert "the end" in str(line["exception"])


def test_a_line_is_bounded_and_one_line(logs: Logs, stream: io.StringIO) -> None:
    logging.getLogger("x").info("a\nb\r\x1b[31m" + "long " * 100_000)
    assert len(stream.getvalue()) < MAX_MESSAGE_CHARS + 300
    assert stream.getvalue().count("\n") == 1


def test_what_nobody_caught_is_redacted_too(logs: Logs, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise ValueError(f"no such contact {NAME}")

    thread = threading.Thread(target=fails)
    thread.start()
    thread.join()
    try:
        fails()
    except ValueError:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"slow answer of {MOBILE}", stacklevel=1)
    messages = [str(line["message"]) for line in lines(stream)]
    assert messages[:2] == ["uncaught exception"] * 2
    assert "slow answer of [private]" in messages[2]
    assert NAME not in stream.getvalue()


def test_logging_never_raises(logs: Logs, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", logging.getLogger().handlers[:1])  # without pytest's own

    class Evil:
        def __str__(self) -> str:
            raise RuntimeError(NAME)

    log = logging.getLogger("x")
    log.info("%s", Evil())
    log.info("%d apples", "no number")
    log.info("lone surrogate \udc80", extra={"evil": Evil(), "nan": float("nan")})
    log.info("lone surrogate \udc80")
    log.info(None)
    messages = [str(line["message"]) for line in lines(stream)]
    assert [m.startswith("unprintable") for m in messages] == [True, True, True, False, False]
    assert NAME not in stream.getvalue()
    stream.close()
    log.error("into a closed pipe")


def test_people_get_one_readable_line() -> None:
    terminal = Terminal()
    logs = setup("INFO", terminal)
    logs.redactor.know([NAME], [])
    try:
        logging.getLogger("gateway.drivers.ble").warning("no %s\nadapter \x1b[2J", NAME, extra={"port": "hci0"})
    finally:
        logs.close()
    text = terminal.getvalue()
    assert text.count("\n") == 1
    assert text[9:] == "WARNING drivers.ble: no [private]\\nadapter \\x1b[2J port=hci0\n"


def test_under_journald_a_line_carries_its_level() -> None:
    record = logging.makeLogRecord({"msg": "x", "levelno": logging.ERROR, "levelname": "ERROR"})
    assert JsonFormatter(Redactor(), journal=True).format(record).startswith("<3>{")
    assert "x" in HumanFormatter(Redactor()).format(record)


def record(text: str) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": text, "name": "x", "levelno": 30})


def test_a_repeated_line_is_counted_instead() -> None:
    now = 0.0
    keep: Callable[[logging.LogRecord], bool] = RepeatFilter(lambda: now).filter
    assert [keep(record("same")) for _ in range(1000)].count(True) == BURST
    assert keep(record("another"))
    now = WINDOW_S + 1
    last = record("same")
    assert keep(last)
    assert "(and 990 more like this)" in HumanFormatter(Redactor()).format(last)


def test_the_memory_of_repeats_is_bounded() -> None:
    keep = RepeatFilter(lambda: 0.0)
    for n in range(MAX_LINES_KNOWN * 3):
        assert keep.filter(record(f"line {n}"))
    assert len(keep._seen) == MAX_LINES_KNOWN


@given(st.text(max_size=300))
def test_any_text_can_be_redacted_and_twice_is_once(text: str) -> None:
    redact = Redactor()
    redact.know([NAME], [MOBILE])
    once = redact(text)
    assert redact(once) == once or "[" in once


def test_redaction_of_a_hostile_line_is_quick() -> None:
    import time

    redact = Redactor()
    redact.know([NAME] * 15, [f"1380013{n:04d}" for n in range(20)])
    bits = ("1", "1 ", "+1-", "8 6 ", "a1", "\\x01", "(", "86 - 86 - 1", "０", "0", "aa:", "+", "138 ", "0 0 8 6 ", " ")
    for hostile in ((bit * MAX_RAW_CHARS)[:MAX_RAW_CHARS] for bit in bits):
        began = time.process_time()
        redact(hostile)
        assert time.process_time() - began < 1

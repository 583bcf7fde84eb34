"""Logs a stranger may read: one bounded line an event, without names, numbers or keys (A31).

Knows the standard library's logging and the redactor; not what is logged. To a terminal one readable line, else JSON
lines, to stderr, which systemd hands to journald. A logger never raises and never floods: the same line more than ten
times a minute is counted instead. What Python itself would print (uncaught exceptions, warnings) comes this way too.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, TextIO

from gateway.clock import iso
from gateway.runtime.redaction import Redactor

MAX_RAW_CHARS: Final = 8_192  # looked at by the redactor: a runaway message must not cost seconds of patterns
MAX_MESSAGE_CHARS: Final = 2_000  # more than any line of ours; a foreign library's dump is cut
MAX_TRACE_CHARS: Final = 6_000  # the innermost 30 frames
MAX_FIELDS: Final = 16
BURST: Final = 10  # the same line, in
WINDOW_S: Final = 60.0
MAX_LINES_KNOWN: Final = 512

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "repeats"}
_JOURNAL_LEVEL: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class _RedactingFormatter(logging.Formatter):
    """Collects a record's redacted, bounded parts; what they look like is the subclass's."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Never raises: a record that cannot be rendered says that, and where it came from."""
        try:
            return self._render(record)
        except Exception as error:  # noqa: BLE001 - whatever a foreign object's __str__ does
            return self._render(_unprintable(record, error))

    def _render(self, record: logging.LogRecord) -> str:
        raise NotImplementedError

    def _message(self, record: logging.LogRecord) -> str:
        text = self._safe(record.getMessage(), MAX_MESSAGE_CHARS)
        repeats = getattr(record, "repeats", 0)
        return f"{text} (and {repeats} more like this)" if repeats else text

    def _trace(self, record: logging.LogRecord) -> str:
        if not record.exc_info or record.exc_info[0] is None:
            return ""
        text = "".join(traceback.format_exception(*record.exc_info, limit=-30))
        if len(text) > MAX_RAW_CHARS:
            text = text[: MAX_RAW_CHARS // 2] + "\n...\n" + text[-MAX_RAW_CHARS // 2 :]
        text = self._redact(text)
        return text if len(text) <= MAX_TRACE_CHARS else text[:1000] + "\n...\n" + text[1000 - MAX_TRACE_CHARS :]

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        extra = [(k, v) for k, v in vars(record).items() if k not in _STANDARD]
        return {self._safe(k, 64): self._value(v) for k, v in extra[:MAX_FIELDS]}

    def _value(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        text = self._safe(str(value), MAX_MESSAGE_CHARS)
        return value if isinstance(value, (int, float)) and text == str(value) and value == value else text

    def _safe(self, text: str, most: int) -> str:
        redacted = self._redact(text[:MAX_RAW_CHARS])
        return redacted if len(redacted) <= most else redacted[: most - 3] + "..."


class JsonFormatter(_RedactingFormatter):
    """One JSON object a line: at, level, logger, message, the record's extra fields, `exception` if there is one."""

    def __init__(self, redact: Redactor, *, journal: bool = False) -> None:
        """`journal`: begin with journald's `<level>` mark, which it takes off again."""
        super().__init__(redact)
        self._journal = journal

    def _render(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": iso(int(record.created * 1000)),
            "level": record.levelname,
            "logger": self._safe(str(record.name), 100),
            "message": self._message(record),
        }
        line |= {k: v for k, v in self._fields(record).items() if k not in line}
        if trace := self._trace(record):
            line["exception"] = trace
        text = json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
        return f"<{_JOURNAL_LEVEL.get(record.levelno, 6)}>{text}" if self._journal else text


class HumanFormatter(_RedactingFormatter):
    """`08:15:30 WARNING drivers.ble: ...` on one line; a traceback indented below it."""

    def _render(self, record: logging.LogRecord) -> str:
        name = self._safe(str(record.name), 100).removeprefix("gateway.")
        fields = "".join(f" {k}={v}" for k, v in self._fields(record).items())
        at = iso(int(record.created * 1000))[11:19]
        head = _one_line(f"{at} {record.levelname:<7} {name}: {self._message(record)}{fields}")
        trace = "".join(f"\n    {_one_line(line)}" for line in self._trace(record).splitlines())
        return (head + trace).encode("utf-8", "backslashreplace").decode()


def _one_line(text: str) -> str:
    """Control characters made visible: a device's text must not forge a log line or drive a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def _unprintable(record: logging.LogRecord, error: Exception) -> logging.LogRecord:
    message = f"unprintable log record from line {record.lineno} of {record.module}: {type(error).__name__}"
    return logging.LogRecord(str(record.name), record.levelno, record.pathname, record.lineno, message, None, None)


@dataclass(slots=True)
class _Seen:
    since: float
    passed: int = 0
    held: int = 0


class RepeatFilter(logging.Filter):
    """Lets the same line pass `BURST` times in `WINDOW_S`, and says with the next one how many it held back.

    The same: logger, level and template, whatever the arguments are.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._seen: OrderedDict[tuple[str, int, str], _Seen] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is printed; adds `repeats` to one that stands for others too."""
        template = record.msg[:200] if isinstance(record.msg, str) else type(record.msg).__name__
        key = (record.name, record.levelno, template)
        now = self._monotonic()
        seen = self._seen.get(key)
        if seen is None or now - seen.since > WINDOW_S:
            if seen is not None and seen.held:
                record.repeats = seen.held
            seen = self._seen[key] = _Seen(now)
            if len(self._seen) > MAX_LINES_KNOWN:
                self._seen.popitem(last=False)
        self._seen.move_to_end(key)
        if seen.passed < BURST:
            seen.passed += 1
            return True
        seen.held += 1
        return False


class _QuietHandler(logging.StreamHandler[TextIO]):
    """A handler whose own failure (a closed pipe) is counted and not printed: there is nowhere to print it."""

    failures = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - the signature is logging's
        self.failures += 1


class Logs:
    """The installed logging. `redactor.know(...)` whenever the home changes; `close()` puts everything back (tests)."""

    def __init__(self, redactor: Redactor, handler: logging.Handler) -> None:
        self.redactor, self._handler = redactor, handler
        root = logging.getLogger()
        self._before = (root.handlers[:], root.level, sys.excepthook, threading.excepthook, sys.unraisablehook)
        root.handlers[:] = [handler]
        logging.captureWarnings(True)
        sys.excepthook = _uncaught
        threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
        sys.unraisablehook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)

    def close(self) -> None:
        """Restores what `setup` replaced."""
        root = logging.getLogger()
        handlers, level, sys.excepthook, threading.excepthook, sys.unraisablehook = self._before
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(False)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, (KeyboardInterrupt, SystemExit)):
        return
    logging.getLogger("gateway").critical("uncaught exception", exc_info=(kind, error or kind(), trace))


def setup(level: int | str = logging.INFO, stream: TextIO | None = None, *, as_json: bool | None = None) -> Logs:
    """Sends all logging of this process, third parties' included, through the redactor to `stream` (stderr).

    `as_json` None: lines for people if the stream is a terminal, else JSON.
    """
    stream = stream or sys.stderr
    redactor = Redactor()
    if as_json is None:
        as_json = not stream.isatty()
    journal = "JOURNAL_STREAM" in os.environ and stream is sys.stderr
    handler = _QuietHandler(stream)
    handler.setFormatter(JsonFormatter(redactor, journal=journal) if as_json else HumanFormatter(redactor))
    handler.addFilter(RepeatFilter())
    logs = Logs(redactor, handler)
    logging.getLogger().setLevel(level)
    return logs

"""Bytes of a message as JSON, or a word that says what is wrong with them. Pure; trusts nothing.

Knows sizes and JSON; knows no topic and no device.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

MAX_BODY_BYTES: Final = 64 * 1024  # the fattest state Zigbee2MQTT was seen to publish has 4 KiB
MAX_LIST_BYTES: Final = 2 * 1024 * 1024  # bridge/devices: some 8 KiB of definition for each device
MAX_TEXT_BYTES: Final = 256  # a bare value
MAX_TOPIC_CHARS: Final = 140  # of a topic within a key: one of Zigbee2MQTT's has a name of 128 at most
MAX_KEY_CHARS: Final = 40  # of an identity as it stands; a longer one is shown by its hash


class Malformed(ValueError):
    """Their fault: the message is not what its topic carries. `word` is what is counted."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def read_json(payload: bytes, most: int = MAX_BODY_BYTES) -> Any:
    """The JSON value of `payload`; raises `Malformed`, and nothing else, whatever it is given."""
    text = read_text(payload, most)
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise Malformed("too_deep") from None
    except ValueError:
        raise Malformed("not_json") from None


def read_text(payload: bytes, most: int = MAX_TEXT_BYTES) -> str:
    """The text of `payload`; raises `Malformed`."""
    if len(payload) > most:
        raise Malformed("too_long")
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Malformed("not_utf8") from None


def identity(topic: str, found: Any) -> str | None:
    """The key of an event by the identity its sender gave it; None where it gave none. Raises `Malformed`."""
    if found is None or found == "":
        return None
    if isinstance(found, bool) or not isinstance(found, (str, int, float)):
        raise Malformed("wrong_type")
    text = str(found)
    plain = len(text) <= MAX_KEY_CHARS and text.isascii() and text.isprintable()
    return f"mqtt:{_place(topic)}:{text if plain else digest(text.encode('utf-8', 'surrogatepass'))}"


def delivery(topic: str, mid: int, payload: bytes, number: int) -> str | None:
    """The key of an event without identity: the broker repeats a delivery under the same message id.

    None at QoS 0, where nothing is repeated. Message ids come again after 65,535 messages, keys are forgotten sooner;
    and they begin anew with their broker, hence the `number` of the connection (`deliveries`).
    """
    return f"mqtt:{_place(topic)}:{number}m{mid}-{digest(payload)}" if mid else None


def _place(topic: str) -> str:
    """A topic within a key: a recording takes keys of 200 characters, topics may have 65,535 bytes."""
    return topic if len(topic) <= MAX_TOPIC_CHARS else digest(topic.encode("utf-8", "surrogatepass"))


def digest(data: bytes) -> str:
    """Twelve hex digits that stand for `data`."""
    return hashlib.sha256(data).hexdigest()[:12]


def _no_constant(_: str) -> Any:
    raise ValueError  # NaN and Infinity are not JSON

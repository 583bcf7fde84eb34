"""Links by which a contact accepts an alarm from a push message: signed, expiring, bound to one contact and one alarm.

Pure but for the key file. A link opens nothing by itself: the page it leads to shows the alarm and asks "can you go?";
only the answer, sent from that page with the link, is verified here (`verify`) and becomes a `reply`. Who has the link
has what the text message's owner has, no more: it accepts, it never closes (A8), and it names no person.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.observations import ID_PATTERN

KEY_FILE: Final = "accept_link.key"  # in the state directory
KEY_OCTETS: Final = 32
TAG_OCTETS: Final = 16  # of HMAC-SHA256: 2^128 guesses within hours
MAX_TOKEN_CHARS: Final = 400
MAX_ALARM: Final = 2**53


class BadLink(ValueError):
    """No link of ours, or one that is over. Says which; never what was found."""


@dataclass(frozen=True, slots=True)
class AcceptLink:
    """What a link says: `reference` are the alarm's two digits, `until_s` UTC seconds, `epoch` the journal's."""

    epoch: str
    alarm: int
    reference: str
    contact: str
    until_s: int


def read_key(state_dir: Path) -> bytes:
    """The gateway's key, made on first use, readable by its user only. Raises OSError; a damaged file is made anew:
    links out there then no longer count, which costs a tap and never an alarm."""
    path = state_dir / KEY_FILE
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = b""
    if len(key) == KEY_OCTETS:
        path.chmod(0o600)
        return key
    key = secrets.token_bytes(KEY_OCTETS)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, key)
        os.fsync(handle)
    finally:
        os.close(handle)
    fresh.replace(path)
    return key


def sign(key: bytes, link: AcceptLink) -> str:
    """The token that is appended to the page's address: letters, digits, `-` and `_`."""
    body = json.dumps([link.epoch, link.alarm, link.reference, link.contact, link.until_s], separators=(",", ":"))
    return _text(_tag(key, body.encode()) + body.encode())


def verify(key: bytes, token: str, now_s: float) -> AcceptLink:
    """What a token says, if this key signed it and it has not expired. Raises `BadLink`."""
    if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN_CHARS:
        raise BadLink("link: not of the form of a link")
    try:
        octets = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise BadLink("link: not of the form of a link") from None
    tag, body = octets[:TAG_OCTETS], octets[TAG_OCTETS:]
    if not hmac.compare_digest(tag, _tag(key, body)):
        raise BadLink("link: not signed by this gateway")
    epoch, alarm, reference, contact, until_s = json.loads(body)  # ours: nobody else can sign
    if now_s > until_s:
        raise BadLink("link: expired")
    return AcceptLink(epoch, alarm, reference, contact, until_s)


def make(epoch: str, alarm: int, reference: str, contact: str, until_s: float) -> AcceptLink:
    """A link, its fields checked; raises ValueError for one that could not be verified later."""
    if not 0 < alarm < MAX_ALARM or not ID_PATTERN.fullmatch(contact) or not ID_PATTERN.fullmatch(epoch):
        raise ValueError("link: alarm, contact or epoch out of range")
    if not (reference.isascii() and reference.isdigit() and len(reference) <= 2):
        raise ValueError("link: expected a reference of one or two digits")
    return AcceptLink(epoch, alarm, reference, contact, int(until_s))


def _tag(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, b"hearthwatch accept link 1\0" + body, hashlib.sha256).digest()[:TAG_OCTETS]


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()

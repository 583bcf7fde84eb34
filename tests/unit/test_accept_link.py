"""Accept links: only the gateway's own, only in time, only as they were made; and a key nobody else can read."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.accept_link import KEY_FILE, AcceptLink, BadLink, make, read_key, sign, verify

KEY, OTHER = b"k" * 32, b"o" * 32
NOW = 1_772_323_200.0
LINK = make("3f9a0c", 17, "17", "c1", NOW + 3600)


def test_a_link_says_which_alarm_and_which_contact_and_no_name() -> None:
    token = sign(KEY, LINK)
    assert verify(KEY, token, NOW) == LINK
    assert verify(KEY, token, NOW + 3600) == LINK
    assert token.replace("-", "").replace("_", "").isalnum()
    assert len(token) < 120  # short enough for any service


def test_an_expired_link_opens_nothing() -> None:
    with pytest.raises(BadLink, match="expired"):
        verify(KEY, sign(KEY, LINK), NOW + 3601)


def test_another_gateways_link_opens_nothing() -> None:
    with pytest.raises(BadLink, match="not signed"):
        verify(KEY, sign(OTHER, LINK), NOW)


@given(place=st.integers(0, 200), bit=st.integers(0, 7))
def test_not_one_bit_of_a_link_can_be_changed(place: int, bit: int) -> None:
    token = sign(KEY, LINK)
    octets = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    octets[place % len(octets)] ^= 1 << bit
    with pytest.raises(BadLink):
        verify(KEY, base64.urlsafe_b64encode(octets).rstrip(b"=").decode(), NOW)


@given(st.one_of(st.text(max_size=500), st.binary(max_size=300).map(lambda b: base64.urlsafe_b64encode(b).decode())))
def test_whatever_comes_is_a_bad_link_and_nothing_else(token: str) -> None:
    with pytest.raises(BadLink):
        verify(KEY, token, NOW)


@pytest.mark.parametrize(
    ("alarm", "reference", "contact"), [(0, "17", "c1"), (2**53, "17", "c1"), (1, "170", "c1"), (1, "1", "c 1")]
)
def test_a_link_that_could_not_be_verified_is_not_made(alarm: int, reference: str, contact: str) -> None:
    with pytest.raises(ValueError, match="link"):
        make("3f9a0c", alarm, reference, contact, NOW)


def test_the_key_is_made_once_and_only_its_user_may_read_it(tmp_path: Path) -> None:
    key = read_key(tmp_path)
    assert len(key) == 32
    assert read_key(tmp_path) == key
    file = tmp_path / KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    read_key(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == [KEY_FILE]


def test_a_damaged_key_is_made_anew_and_its_links_are_over(tmp_path: Path) -> None:
    token = sign(read_key(tmp_path), LINK)
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(BadLink):
        verify(read_key(tmp_path), token, NOW)
    assert isinstance(LINK, AcceptLink)

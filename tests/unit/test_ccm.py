"""What opens sealed frames: OpenSSL as Python has it and the `cryptography` package agree on every text."""

from __future__ import annotations

import contextlib
import random
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from gateway.demo.pki import Pki
from gateway.drivers.ble import ccm

SEED = 20261126
WAYS = [pytest.param(lambda: ccm._openssl(_present()), id="openssl"), pytest.param(ccm._cryptography, id="package")]


def _present() -> str:
    for name in ccm.LIBRARIES:
        try:
            ccm._openssl(name)
        except (OSError, AttributeError):
            continue
        return name
    pytest.fail(f"none of {ccm.LIBRARIES} is here: every sealed button of this gateway would cost 8 MiB")


@pytest.mark.parametrize("way", WAYS)
def test_what_was_sealed_is_opened_and_what_was_touched_is_not(way: object) -> None:
    unseal, rng = way(), random.Random(SEED)  # type: ignore[operator]
    for length in [*range(40), 100, 252]:
        key, nonce, plain = rng.randbytes(16), rng.randbytes(13), rng.randbytes(length)
        box = AESCCM(key, tag_length=4).encrypt(nonce, plain, None)
        sealed, tag = box[:-4], box[-4:]
        assert unseal(key, nonce, sealed, tag) == plain, f"seed {SEED}, length {length}"
        assert unseal(rng.randbytes(16), nonce, sealed, tag) is None
        assert unseal(key, rng.randbytes(13), sealed, tag) is None
        for text in (sealed, tag):
            if text:
                touched = bytearray(text)
                touched[rng.randrange(len(touched))] ^= 1 << rng.randrange(8)
                pair = (bytes(touched), tag) if text is sealed else (sealed, bytes(touched))
                assert unseal(key, nonce, *pair) is None, f"seed {SEED}, length {length}"


@pytest.mark.parametrize("way", WAYS)
def test_a_forged_frame_leaves_no_error_for_a_connection_to_find(way: object, tmp_path: Path) -> None:
    """The loop opens frames and serves the platform's TLS in one thread: a neighbour's rubbish once cut the line."""
    unseal = way()  # type: ignore[operator]
    line = connected(tmp_path)
    for sealed, tag in ((b"forged", b"\0\0\0\0"), (b"", b"\0\0\0\0")):
        assert unseal(ccm._KEY, ccm._NONCE, sealed, tag) is None
        with pytest.raises(ssl.SSLWantReadError):  # nothing has come, and nothing else is wrong
            line.read()


def connected(folder: Path) -> ssl.SSLObject:
    """The client's end of a TLS connection that stands."""
    pki = Pki(folder)
    own = pki.server()
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(own.cert, own.key)
    down, up = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context(cafile=str(pki.ca)).wrap_bio(down, up, server_hostname="localhost")
    server = theirs.wrap_bio(up, down, server_side=True)
    for _ in range(3):
        for end in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return client


@pytest.mark.parametrize("way", WAYS)
def test_the_known_texts_are_those_of_the_published_example(way: object) -> None:
    unseal = way()  # type: ignore[operator]
    assert ccm._is_sound(unseal)
    assert unseal(ccm._KEY, ccm._NONCE, bytes.fromhex("a47266c95f73"), bytes.fromhex("78237214")) is not None


def test_a_library_that_does_not_look_at_the_tag_is_not_trusted() -> None:
    assert not ccm._is_sound(lambda key, nonce, sealed, tag: bytes.fromhex("02ca0903bf13") if sealed else b"")
    assert not ccm._is_sound(lambda key, nonce, sealed, tag: None)


def test_where_no_library_is_found_the_package_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ccm, "LIBRARIES", ("libcrypto-of-nobody.so", "libc.so.6"))  # the second lacks the functions
    ccm.opener.cache_clear()
    try:
        assert ccm._is_sound(ccm.opener())
    finally:
        ccm.opener.cache_clear()


def test_a_short_key_is_our_fault_and_reads_no_foreign_memory() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        ccm._openssl(_present())(b"short", ccm._NONCE, b"", b"\0\0\0\0")


def test_opening_leaves_the_package_and_its_memory_alone() -> None:
    code = (
        "import sys; from gateway.drivers.ble import bthome; bthome.load_cipher();"
        "sys.exit(any(name.startswith('cryptography') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

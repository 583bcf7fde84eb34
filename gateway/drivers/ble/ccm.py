"""AES-128-CCM, opened with the OpenSSL that this Python's `ssl` has loaded already. Knows nothing of frames.

The `cryptography` package can do it as well and is the second choice: it comes with an OpenSSL of its own, which is
8 MiB of the 50 a gateway may take. What OpenSSL answers is tried on known texts before anything is trusted to it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Final

LIBRARIES: Final = ("libcrypto.so.3", "libcrypto.so.1.1")
"""By their names in the loader's list: nothing is looked for by a compiler or `ldconfig`, as `find_library` would."""
_SET_NONCE_LENGTH: Final = 0x09  # EVP_CTRL_AEAD_SET_IVLEN of openssl/evp.h
_SET_TAG: Final = 0x11  # EVP_CTRL_AEAD_SET_TAG

_KEY: Final = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")  # the example of bthome.io/encryption
_NONCE: Final = bytes.fromhex("5448e68f80a5d2fc4100112233")
_KNOWN: Final = (
    ("a47266c95f73", "78237214", "02ca0903bf13"),
    ("a47266c95f73", "78237215", None),
    ("", "c11847aa", ""),
    ("", "c11847ab", None),
)
"""Sealed, tag, and what is to come of it."""

Open = Callable[[bytes, bytes, bytes, bytes], bytes | None]
"""(key, nonce, sealed, tag) -> what was sealed, or None where the tag does not fit."""


@cache
def opener() -> Open:
    """How a sealed text is opened here; loads what that needs, so ask before the first press must be read."""
    for name in LIBRARIES:
        try:
            found = _openssl(name)
        except (OSError, AttributeError):  # no such library, or without one of the functions
            continue
        if _is_sound(found):
            return found
    return _cryptography()


def _is_sound(unseal: Open) -> bool:
    """Whether it opens what is genuine and nothing else; an old OpenSSL may not look at the tag of an empty text."""
    for sealed, tag, plain in _KNOWN:
        expected = None if plain is None else bytes.fromhex(plain)
        if unseal(_KEY, _NONCE, bytes.fromhex(sealed), bytes.fromhex(tag)) != expected:
            return False
    return True


def _openssl(name: str) -> Open:
    library = ctypes.PyDLL(name)  # keeps the interpreter's lock: to hand it over would take longer than the work
    pointer, number, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p

    def function(named: str, result: type | None, *arguments: type) -> Callable[..., int]:
        found = getattr(library, named)
        found.restype, found.argtypes = result, arguments
        return found  # type: ignore[no-any-return]

    new, free = function("EVP_CIPHER_CTX_new", pointer), function("EVP_CIPHER_CTX_free", None, pointer)
    try:  # once for all; else OpenSSL 3 looks for its provider with every text, which takes longer than the text
        cipher = function("EVP_CIPHER_fetch", pointer, pointer, text, text)(None, b"AES-128-CCM", None)
    except AttributeError:  # OpenSSL 1.1
        cipher = function("EVP_aes_128_ccm", pointer)()
    begin = function("EVP_DecryptInit_ex", number, pointer, pointer, pointer, text, text)
    control = function("EVP_CIPHER_CTX_ctrl", number, pointer, number, number, text)
    update = function("EVP_DecryptUpdate", number, pointer, text, ctypes.POINTER(number), text, number)
    # OpenSSL keeps a thread's errors until they are taken, and what `ssl` does next in this thread would find ours: a
    # neighbour's forged frame would cut the gateway off from the platform. The loop serves both.
    forget_errors = function("ERR_clear_error", None)

    def unseal(key: bytes, nonce: bytes, sealed: bytes, tag: bytes) -> bytes | None:
        if len(key) != 16:
            raise ValueError(f"expected a key of 16 bytes, found {len(key)}")
        context = new()
        if not context:
            raise MemoryError
        try:
            plain, length = ctypes.create_string_buffer(len(sealed) + 1), number()
            genuine = (
                begin(context, cipher, None, None, None) == 1
                and control(context, _SET_NONCE_LENGTH, len(nonce), None) == 1
                and control(context, _SET_TAG, len(tag), tag) == 1
                and begin(context, None, None, key, nonce) == 1
                and update(context, plain, ctypes.byref(length), sealed, len(sealed)) == 1
                and length.value == len(sealed)
            )
            return plain.raw[: length.value] if genuine else None
        finally:
            free(context)
            forget_errors()

    return unseal


def _cryptography() -> Open:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM

    def unseal(key: bytes, nonce: bytes, sealed: bytes, tag: bytes) -> bytes | None:
        try:
            return AESCCM(key, tag_length=len(tag)).decrypt(nonce, sealed + tag, None)
        except InvalidTag:
            return None

    return unseal

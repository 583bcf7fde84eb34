"""The GSM 7-bit default alphabet and its packing (3GPP TS 23.038 clause 6).

Knows septets and characters. Knows nothing of messages, headers or modems.
"""

from __future__ import annotations

from typing import Final

ESCAPE: Final = 0x1B

BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Final = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}  # fmt: skip


def unpack(octets: bytes, count: int, skip: int = 0) -> bytes:
    """The septets `skip`..`count` of a packed field, one a byte; `skip` covers a header and its fill bits.

    `octets` must hold at least ceil(count * 7 / 8) octets.
    """
    bits = int.from_bytes(octets, "little")
    return bytes((bits >> (7 * i)) & 0x7F for i in range(skip, count))


def to_text(septets: bytes) -> str:
    """Septets as text. An unknown extension shows its basic character, a lone escape a space (23.038 6.2.1.1)."""
    out: list[str] = []
    escaped = False
    for septet in septets:
        if escaped:
            out.append(" " if septet == ESCAPE else EXTENSION.get(septet, BASIC[septet]))
            escaped = False
        elif septet == ESCAPE:
            escaped = True
        else:
            out.append(BASIC[septet])
    return "".join(out)

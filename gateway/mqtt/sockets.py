"""TLS sockets that leave no descriptor behind."""

from __future__ import annotations

import errno
import ssl


class ClosedOnFailure(ssl.SSLSocket):
    """paho leaves a socket whose handshake failed open, to the garbage collector; `ssl` one that was reset before."""

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except OSError as error:
            if self._sslobj is None and error.errno not in (errno.ENOTCONN, errno.EINVAL):  # type: ignore[attr-defined]
                self.close()  # wrapping looks whether something was sent before the handshake, and raises
            raise

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise

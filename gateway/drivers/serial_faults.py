"""Why a serial port would not open, in words that say what, where and what to do.

Knows errno, /proc and the habits of Linux desktops (the dialout group, ModemManager). Knows nothing of protocols.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Final

from gateway.drivers.port import DriverFault

MAX_HOLDERS: Final = 3  # more names than this help nobody


def open_fault(path: str, error: Exception) -> DriverFault:
    """The `DriverFault` for `error`, raised while opening `path` (OSError, termios.error or ValueError)."""
    code = _errno(error)
    if code in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return DriverFault(
            f"serial port {path} is not there: plug the adapter in, or correct the path "
            "(a name under /dev/serial/by-id survives replugging)"
        )
    if code in (errno.EACCES, errno.EPERM):
        return DriverFault(
            f"no permission for serial port {path}: add the user that runs the gateway to the group dialout "
            "(sudo usermod -aG dialout USER) and start it anew"
        )
    if code in (errno.EAGAIN, errno.EBUSY):
        who = ", ".join(holders(path)) or "another process (not visible to this user)"
        return DriverFault(
            f"serial port {path} is in use by {who}: stop it, or give it another port "
            "(ModemManager: set ID_MM_DEVICE_IGNORE=1 in a udev rule)"
        )
    if code == errno.ENOTTY:
        return DriverFault(f"{path} is not a serial port: correct the path")
    if code == errno.EINVAL:
        # Linux ptys drop the parity bit, after which glibc's tcsetattr answers EINVAL (research serial.md, fact 3).
        return DriverFault(
            f'serial port {path} refuses its settings: check baud and parity (a virtual port takes only parity "N")'
        )
    return DriverFault(f"serial port {path} cannot be opened: {error}")


def _errno(error: BaseException | None) -> int | None:
    """The first errno along the chain: pyserial buries that of tcgetattr in a text."""
    while error is not None:
        if error.args and isinstance(error.args[0], int):
            return error.args[0]
        error = error.__context__
    return None


def holders(path: str) -> list[str]:
    """Who has `path` open, as "name (process 123)". /proc shows other users' processes to root only."""
    target = os.path.realpath(path)
    found: list[str] = []
    for entry in os.listdir("/proc"):
        if len(found) == MAX_HOLDERS:
            break
        if entry.isdigit() and _has_open(entry, target):
            found.append(_name(entry))
    return found


def _has_open(pid: str, target: str) -> bool:
    with contextlib.suppress(OSError):  # it ended meanwhile, or is somebody else's
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{fd}") == target:
                    return True
    return False


def _name(pid: str) -> str:
    if int(pid) == os.getpid():
        return f"this gateway itself (process {pid})"
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
            return f"{comm.read().strip()} (process {pid})"
    except OSError:
        return f"process {pid}"

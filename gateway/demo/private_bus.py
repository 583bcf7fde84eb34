"""A D-Bus system bus of our own: the real dbus-daemon in a temporary directory, for the demo and the tests.

Whoever uses bleak finds it by `DBUS_SYSTEM_BUS_ADDRESS`, which must be in the environment before bleak connects.
"""

from __future__ import annotations

import select
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final

START_TIMEOUT_S: Final = 10.0  # it takes milliseconds; a loaded machine more
STOP_TIMEOUT_S: Final = 5.0

VARIABLE: Final = "DBUS_SYSTEM_BUS_ADDRESS"

_CONFIG: Final = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <keep_umask/>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class NoDBus(RuntimeError):
    """dbus-daemon is missing or did not start; the text names the apt package."""


class PrivateBus:
    """One dbus-daemon. `address` is what `DBUS_SYSTEM_BUS_ADDRESS` must say; valid between `start` and `stop`."""

    def __init__(self) -> None:
        self.address = ""
        self._directory: str | None = None
        self._daemon: subprocess.Popen[str] | None = None

    def start(self) -> PrivateBus:
        """Starts the daemon and waits until it listens; raises `NoDBus`. Blocks for some milliseconds."""
        program = shutil.which("dbus-daemon")
        if program is None:
            raise NoDBus("dbus-daemon is missing: apt install dbus")
        self._directory = tempfile.mkdtemp(prefix="hw-bus-")  # short: a socket path has at most 107 bytes
        config = Path(self._directory, "bus.conf")
        config.write_text(_CONFIG.format(socket=Path(self._directory, "bus")), encoding="utf-8")
        self._daemon = subprocess.Popen(
            [program, f"--config-file={config}", "--nofork", "--print-address=1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # "Failed to set fd limit": harmless without root
            text=True,
        )
        assert self._daemon.stdout is not None
        ready, _, _ = select.select([self._daemon.stdout], [], [], START_TIMEOUT_S)
        self.address = self._daemon.stdout.readline().strip() if ready else ""
        if not self.address:
            self.stop()
            raise NoDBus("dbus-daemon did not start")
        return self

    def stop(self) -> None:
        """Ends the daemon; every connection to it breaks."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            daemon.terminate()
            try:
                daemon.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
            if daemon.stdout is not None:
                daemon.stdout.close()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def __enter__(self) -> PrivateBus:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

"""A real mosquitto in a directory of its own: started, killed, frozen and thawed at will.

For the demo and the tests. Knows how to configure mosquitto 2.0 (research/fleet.md 2.1); must not know the gateway.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

START_S: Final = 20.0  # a loaded two-core machine
STOP_S: Final = 10.0
POLL_S: Final = 0.02

ACL: Final = """\
# The certificate's common name is the user name; a gateway may touch only its own subtree.
pattern write hw/v1/+/%u/up/#
pattern read hw/v1/+/%u/down/#
user platform
topic readwrite hw/v1/#
"""


class BrokerMissing(RuntimeError):
    """There is no mosquitto here, or it would not start. The text says what to do."""


@dataclass(frozen=True, slots=True)
class ServerTls:
    """The broker's certificate, and the issuer whose clients it lets in."""

    ca: Path
    cert: Path
    key: Path


class Broker:
    """One mosquitto. `durable`: writes its store at once; else as it comes, every 30 minutes."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        tls: ServerTls | None = None,
        acl: str | None = None,
        durable: bool = False,
        extra: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.tls = tls
        self._acl, self._durable, self._extra = acl, durable, extra
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        return ("localhost" if self.tls else "127.0.0.1", self.port)

    @property
    def running(self) -> bool:
        """Started, and neither stopped nor killed since."""
        return self._process is not None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """All it has logged so far."""
        path = self.folder / "mosquitto.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Starts it on its port and returns when it accepts connections. Raises `BrokerMissing`."""
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise BrokerMissing("mosquitto is not installed: apt-get install mosquitto")
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(self._config()) + "\n")
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log)
        self._await_listening(self._process)

    def stop(self) -> None:
        """Stops it as systemd would; it writes its store."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As a power cut would; what was not written is gone."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Still connected, says nothing: half-open, as a dead radio link looks."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)  # a frozen one would not hear SIGTERM
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)

    def _await_listening(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
            except OSError:
                time.sleep(POLL_S)
            else:
                return
        self.kill()
        raise BrokerMissing(f"mosquitto did not start on port {self.port}: {self.log[-300:]}")

    def _config(self) -> list[str]:
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"persistence_location {self.folder}/",
            "persistence true",
            "persistent_client_expiration 14d",
            "max_queued_messages 10000",
            "message_size_limit 65536",
            "set_tcp_nodelay true",  # else small acknowledgements wait 40 ms for each other
            "log_type all",
            "connection_messages true",
        ]
        if os.geteuid() == 0:
            lines.append("user root")  # else it could not read a private temporary directory
        if self._durable:
            lines += ["autosave_on_changes true", "autosave_interval 1"]
        if self.tls is None:
            lines.append("allow_anonymous true")
        else:
            lines += [
                f"cafile {self.tls.ca}",
                f"certfile {self.tls.cert}",
                f"keyfile {self.tls.key}",
                "require_certificate true",
                "use_identity_as_username true",
                "tls_version tlsv1.2",
                "allow_anonymous false",
            ]
        if self._acl is not None:
            acl = self.folder / "acl"
            acl.write_text(self._acl)
            acl.chmod(0o600)
            lines.append(f"acl_file {acl}")
        return [*lines, *self._extra]


def free_port() -> int:
    """A TCP port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

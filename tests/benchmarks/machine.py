"""What Linux says about a process and about this machine: CPU time, memory, wake-ups, bytes written."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

SCHEDSTAT_ON = Path("/proc/self/schedstat").exists()


@dataclass(frozen=True)
class Usage:
    """A process so far. Subtract two for what lies between."""

    at: float  # monotonic s
    cpu_s: float
    wakeups: int  # voluntary context switches of all its threads: how often it went to sleep and was woken
    wchar: int  # bytes handed to write calls, sockets and ptys included
    write_bytes: int  # bytes of pages dirtied for a block device; 0 on tmpfs

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            self.at - other.at,
            self.cpu_s - other.cpu_s,
            self.wakeups - other.wakeups,
            self.wchar - other.wchar,
            self.write_bytes - other.write_bytes,
        )


def usage(pid: int | None = None) -> Usage:
    """Reads it now. CPU from schedstat (ns) where there is one: a tick of /proc/PID/stat is 10 ms."""
    folder = Path(f"/proc/{pid or os.getpid()}")
    cpu_ns = wakeups = 0
    for thread in (folder / "task").iterdir():
        try:
            cpu_ns += int((thread / "schedstat").read_text().split()[0]) if SCHEDSTAT_ON else 0
            wakeups += _field(thread / "status", "voluntary_ctxt_switches")
        except FileNotFoundError:
            continue  # the thread ended meanwhile
    cpu_s = max(cpu_ns / 1e9, 0.0) if SCHEDSTAT_ON else ticks_s(pid)
    return Usage(time.monotonic(), cpu_s, wakeups, _field(folder / "io", "wchar"), _field(folder / "io", "write_bytes"))


def ticks_s(pid: int | None = None) -> float:
    """User and system seconds by /proc/PID/stat: coarse, but ended threads and waited-for children count."""
    fields = Path(f"/proc/{pid or os.getpid()}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int | None = None) -> float:
    """Resident memory now."""
    return _field(Path(f"/proc/{pid or os.getpid()}/status"), "VmRSS") / 1024


def peak_mib(pid: int | None = None) -> float:
    """The most it ever was."""
    return _field(Path(f"/proc/{pid or os.getpid()}/status"), "VmHWM") / 1024


def _field(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise KeyError(f"{path}: {name}")


def flush_ms(folder: Path, times: int = 200) -> list[float]:
    """How long this disk takes for 4 KiB and an fdatasync: what every durable commit pays at least."""
    found = []
    path = folder / "flush-probe"
    fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        os.pwrite(fd, bytes(4096 * times), 0)
        os.fsync(fd)
        for i in range(times):
            began = time.perf_counter()
            os.pwrite(fd, os.urandom(4096), i * 4096)
            os.fdatasync(fd)
            found.append((time.perf_counter() - began) * 1e3)
    finally:
        os.close(fd)
        path.unlink()
    return found


def described() -> str:
    """The machine in one line, for beside the table."""
    model = next(
        (x.partition(":")[2].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), "?"
    )
    memory = _field(Path("/proc/meminfo"), "MemTotal") // 1024
    return (
        f"{model}, {os.cpu_count()} cores, {memory} MiB, Linux {platform.release()}, Python {platform.python_version()}"
    )


def load() -> str:
    """The load average now: 1, 5, 15 min."""
    return " ".join(f"{x:.2f}" for x in os.getloadavg())

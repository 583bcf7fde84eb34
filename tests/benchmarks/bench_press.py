"""Press to durable, and press to both first attempts handed over, inside the real gateway, pre-alarm 0.

The gateway runs in a process of its own, wired to a virtual modem on a pty and a real broker, both elsewhere. A press
is a report handed to the heart, as a driver hands it. Stamps: the commit's future is done; the text's first command
(`AT+CMMS` for one of several parts, else `AT+CMGS`) is written to the port (`os.write` has returned); the bytes of the
alarm are in the broker's socket (paho's send has returned). With the state in RAM this is the pipeline alone; on the
disk, its flush comes on top.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from figures import Figure, hand_over, percentile
from machine import flush_ms
from spine import RAM, folder
from wires import HOME, Wires

PRESSES = int(os.environ.get("BENCH_PRESSES", "500"))
WARM_UP = 20
PAUSE_S = 0.02
OPEN = 10
CONTACTS = [{"id": "c1", "name": "王小明", "phone": "13800000001", "order": 1}]


class Stamps:
    """When what of the present press was done, monotonic s."""

    def __init__(self) -> None:
        self.text = self.published = 0.0
        self.both = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def note(self, name: str) -> None:
        """Called in whichever thread did it."""
        if not getattr(self, name):
            setattr(self, name, time.perf_counter())
            if self.text and self.published:
                self._loop.call_soon_threadsafe(self.both.set)


def watch_ports(stamps: list[Stamps]) -> None:
    """Looks over the shoulder of the two places where bytes leave the process."""
    import paho.mqtt.client as mqtt

    from gateway.drivers import serial_port

    write, send = serial_port._Owner._write_some, mqtt.Client._sock_send

    def write_some(self: Any, fd: int) -> None:
        is_text = bool(self._outgoing) and self._outgoing[0].startswith((b"AT+CMMS", b"AT+CMGS"))
        write(self, fd)
        if is_text and stamps:
            stamps[-1].note("text")

    def sock_send(self: Any, buffer: Any) -> Any:
        sent = send(self, buffer)
        if stamps and b"/up/alarm" in bytes(buffer):
            stamps[-1].note("published")
        return sent

    serial_port._Owner._write_some, mqtt.Client._sock_send = write_some, sock_send  # type: ignore[method-assign]


async def press(config_file: Path, open_alarms: int) -> None:
    """The child: prints one JSON list of [durable, text, published] in ms a press. `open_alarms` others stay open."""
    from gateway.config import read_config
    from gateway.observations import Kind, Report
    from gateway.runtime.gateway import Gateway

    stamps: list[Stamps] = []
    watch_ports(stamps)
    gateway = Gateway(read_config(config_file))
    await gateway.start()
    async with asyncio.timeout(30):
        while not _ready(gateway):  # noqa: ASYNC110 - a benchmark may poll
            await asyncio.sleep(0.05)
    for i in range(open_alarms):
        await gateway.heart.take(Report(Kind.BUTTON, "press", f"home/button/{499 - i}", f"open:{i}")).committed
    async with asyncio.timeout(60):
        while gateway.carrier.waiting_texts():  # noqa: ASYNC110 - their own texts are out
            await asyncio.sleep(0.05)
    found: list[list[float]] = []
    for i in range(WARM_UP + PRESSES):
        stamp = Stamps()
        stamps[:] = [stamp]
        durable: list[float] = []
        number = gateway.heart.controller.book.next_number
        began = time.perf_counter()
        submitted = gateway.heart.take(Report(Kind.BUTTON, "press", f"home/button/{i % 400}", f"k:{i}"))
        submitted.committed.add_done_callback(lambda _, durable=durable: durable.append(time.perf_counter()))
        async with asyncio.timeout(20):
            await stamp.both.wait()
        found.append([(at - began) * 1e3 for at in (durable[0], stamp.text, stamp.published)])
        stamps.clear()
        await asyncio.sleep(PAUSE_S)
        end = {"alarm": number, "stage": "CLOSED", "by": "desk", "outcome": "HELPED"}
        await gateway.heart.take(Report(Kind.ACK, end)).committed
        await asyncio.sleep(PAUSE_S)
    print(json.dumps(found[WARM_UP:]), flush=True)
    await gateway.stop()


def _ready(gateway: Any) -> bool:
    status = gateway.status()
    up = status["upstream"] is not None and status["upstream"]["state"] == "UP"
    return up and "modem" in {d["name"] for d in status["drivers"] if d["heard"]}


def measure(where: Path | None, open_alarms: int = 0) -> list[list[float]]:
    """Columns: durable, text, published; state on the disk or at `where`."""
    HOME["contacts"] = CONTACTS
    with folder() as place, folder(where) as state, Wires(place, state, modem=True, closes=False).up() as wires:
        child = wires.gateway()  # writes home and configuration
        wires.first(iter(range(1, 10**9)))
        wires.stop(child)
        run = [sys.executable, __file__, "--press", str(open_alarms), str(place / "hearthwatch.toml")]
        with (place / "children.log").open("ab") as log:
            done = subprocess.run(run, stdout=subprocess.PIPE, stderr=log, check=False, timeout=600)
        if done.returncode:
            raise RuntimeError((place / "children.log").read_text()[-2000:])
    return [list(column) for column in zip(*json.loads(done.stdout.splitlines()[-1]), strict=True)]


def run() -> Sequence[Figure]:
    """RAM first: that is the pipeline."""
    found = []
    for place, where, p50, p99 in (("RAM", RAM, 2.0, 6.0), ("disk", None, None, None)):
        durable, text, published = measure(where)
        both = [max(pair) for pair in zip(text, published, strict=True)]
        for what, column, goals in (
            ("press to durable", durable, (None, None)),
            ("press to both handed over", both, (p50, p99)),
            ("  of these the text", text, (None, None)),
            ("  of these the message", published, (None, None)),
        ):
            for name, share, goal in (("p50", 0.5, goals[0]), ("p99", 0.99, goals[1])):
                found.append(Figure(f"{what}, state on {place}, {name}", percentile(column, share), "ms", goal))
    _, text, _ = measure(None, OPEN)
    for name, share, goal in (("p50", 0.5, None), ("p99", 0.99, 100.0)):
        what = f"raised to text submitted, {OPEN} alarms open, state on disk, {name}"
        note = "without the modem's own time"
        found.append(Figure(what, percentile(text, share), "ms", goal, note=note))
    with folder() as place, contextlib.suppress(OSError):
        flush = flush_ms(place)
        found.append(Figure("this disk's own flush (4 KiB, fdatasync), p50", percentile(flush, 0.5), "ms"))
        found.append(Figure("this disk's own flush (4 KiB, fdatasync), p99", percentile(flush, 0.99), "ms"))
    return found


if __name__ == "__main__":
    if "--press" in sys.argv:
        asyncio.run(press(Path(sys.argv[-1]), int(sys.argv[-2])))
    else:
        hand_over(run)

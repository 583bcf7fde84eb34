"""The serial port on real ptys: what comes in, what goes out, how it dies, and that it comes back."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from stopwatch import stopwatch

from gateway.drivers import serial_port
from gateway.drivers.port import DriverFault
from gateway.drivers.serial_faults import open_fault
from gateway.drivers.serial_port import MAX_QUEUED_BYTES, MAX_UNREAD_BYTES, SerialPort

PATIENCE_S = 30.0  # a loaded two-core machine; nothing here normally takes a tenth of a second


class FarEnd:
    """The other end of the cable: a pty master in this process."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self.master, False)
        self.plugged = True

    def unplug(self) -> None:
        if self.plugged:
            self.plugged = False
            os.close(self.master)

    def say(self, data: bytes) -> None:
        assert os.write(self.master, data) == len(data)

    async def hear(self, size: int) -> bytes:
        """Reads exactly `size` bytes."""
        heard = b""
        async with asyncio.timeout(PATIENCE_S):
            while len(heard) < size:
                try:
                    heard += os.read(self.master, 65536)
                except BlockingIOError:
                    await asyncio.sleep(0.002)
        return heard


class Rig:
    """A port and what it told us."""

    def __init__(self, path: str, **settings: object) -> None:
        self.heard = bytearray()
        self.lost: list[str] = []
        self.changed = asyncio.Event()
        self.port = SerialPort(path, 2400, on_data=self._data, on_lost=self._lost, **settings)  # type: ignore[arg-type]

    def _data(self, data: bytes) -> None:
        self.heard += data
        self.changed.set()

    def _lost(self, reason: str) -> None:
        self.lost.append(reason)
        self.changed.set()

    async def until_heard(self, size: int) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.heard) < size:
                self.changed.clear()
                await self.changed.wait()
        return bytes(self.heard)

    async def until_lost(self) -> str:
        async with asyncio.timeout(PATIENCE_S):
            while not self.lost:
                self.changed.clear()
                await self.changed.wait()
        return self.lost[0]


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    end = FarEnd()
    yield end
    end.unplug()


@pytest.fixture
async def rig(far_end: FarEnd) -> AsyncIterator[Rig]:
    rig = Rig(far_end.path)
    await rig.port.open()
    yield rig
    await rig.port.close()


def owner_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("serial ")]


async def test_bytes_pass_both_ways_unchanged(far_end: FarEnd, rig: Rig) -> None:
    every_byte = bytes(range(256))
    far_end.say(every_byte)
    assert await rig.until_heard(256) == every_byte
    rig.port.write(every_byte[:100])
    rig.port.write(every_byte[100:])
    await rig.port.drain()
    assert await far_end.hear(256) == every_byte


async def test_callbacks_run_in_the_event_loop(far_end: FarEnd) -> None:
    names: list[str] = []
    done = asyncio.Event()

    def note(_: object) -> None:
        names.append(threading.current_thread().name)
        done.set()

    port = SerialPort(far_end.path, 9600, on_data=note, on_lost=note)
    await port.open()
    for act in (lambda: far_end.say(b"x"), far_end.unplug):
        done.clear()
        act()
        await asyncio.wait_for(done.wait(), PATIENCE_S)
    assert names == [threading.current_thread().name] * 2


async def test_hang_up_is_told_exactly_once_after_the_last_bytes(far_end: FarEnd, rig: Rig) -> None:
    far_end.say(b"last words")
    await rig.until_heard(10)
    far_end.unplug()
    assert far_end.path in await rig.until_lost()
    assert not rig.port.is_open
    await rig.port.close()
    assert owner_threads() == []  # so nobody is left to say it again; what it said before is in the loop's queue
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(rig.lost) == 1


async def test_a_write_to_a_vanished_port_is_told_once_and_later_ones_are_refused(far_end: FarEnd, rig: Rig) -> None:
    far_end.unplug()
    rig.port.write(b"into the void")  # the loop has not heard of the loss yet
    await rig.until_lost()
    with pytest.raises(DriverFault, match="not open"):
        rig.port.write(b"more")
    with pytest.raises(DriverFault, match="not open"):
        await rig.port.drain()
    assert len(rig.lost) == 1


async def test_whoever_waits_for_drain_hears_of_the_loss(far_end: FarEnd, rig: Rig) -> None:
    rig.port.write(b"x" * MAX_QUEUED_BYTES)  # more than a pty holds, and nobody reads
    waiting = asyncio.ensure_future(rig.port.drain())
    await asyncio.sleep(0)
    far_end.unplug()
    with pytest.raises(DriverFault, match="gone"):
        await asyncio.wait_for(waiting, PATIENCE_S)
    await rig.until_lost()


async def test_a_queue_that_nobody_empties_is_bounded_and_then_flows_again(far_end: FarEnd, rig: Rig) -> None:
    sent, fault = 0, ""
    while not fault:
        try:
            rig.port.write(b"y" * 1024)
            sent += 1024
        except DriverFault as refused:
            fault = str(refused)
    assert "stopped reading" in fault
    assert sent <= MAX_QUEUED_BYTES + 65536  # the queue and what the kernel took
    assert await far_end.hear(sent) == b"y" * sent
    await rig.port.drain()
    rig.port.write(b"again")
    assert await far_end.hear(5) == b"again"


async def test_a_babbling_line_stops_being_read_while_the_loop_is_busy(far_end: FarEnd, rig: Rig) -> None:
    taken = 0
    started = time.monotonic()
    while taken < 4 * MAX_UNREAD_BYTES and time.monotonic() - started < 1:  # the event loop does not run here
        try:
            taken += os.write(far_end.master, b"z" * 4096)
        except BlockingIOError:
            time.sleep(0.001)  # noqa: ASYNC251 - a blocked loop is what is being tested
    assert taken < 3 * MAX_UNREAD_BYTES
    assert await rig.until_heard(taken) == b"z" * taken  # nothing is dropped


async def test_close_ends_the_thread_frees_the_port_and_is_not_a_loss(far_end: FarEnd, rig: Rig) -> None:
    fds = len(os.listdir("/proc/self/fd"))
    assert len(owner_threads()) == 1
    await rig.port.close()
    await rig.port.close()
    assert owner_threads() == []
    assert len(os.listdir("/proc/self/fd")) <= fds - 4  # port, selector, wake pipe; pyserial's own pipes
    assert rig.lost == []


async def test_close_does_not_wait_for_a_far_end_that_takes_nothing(rig: Rig) -> None:
    rig.port.write(b"x" * MAX_QUEUED_BYTES)
    async with stopwatch() as watch:
        await rig.port.close()
        assert watch.s < serial_port.CLOSE_TIMEOUT_S
    assert owner_threads() == []


async def test_a_port_can_be_reopened_after_close_and_after_loss(tmp_path: Path) -> None:
    link = tmp_path / "ttyMeter"  # as /dev/serial/by-id: the name stays, the device behind it changes
    first, second = FarEnd(), FarEnd()
    link.symlink_to(first.path)
    rig = Rig(str(link))
    for _ in range(3):
        await rig.port.open()
        first.say(b"1")
        await rig.until_heard(1)
        rig.heard.clear()
        await rig.port.close()
    await rig.port.open()
    first.unplug()
    await rig.until_lost()
    link.unlink()
    with pytest.raises(DriverFault, match="not there"):
        await rig.port.open()
    link.symlink_to(second.path)
    await rig.port.open()
    second.say(b"back")
    assert await rig.until_heard(4) == b"back"
    await rig.port.close()
    second.unplug()
    assert owner_threads() == []


async def test_on_lost_may_open_again_at_once(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    first, second = FarEnd(), FarEnd()
    link.symlink_to(first.path)
    reopened: asyncio.Queue[asyncio.Task[None]] = asyncio.Queue()
    port = SerialPort(str(link), 9600, on_data=lambda _: None, on_lost=lambda _: reopened.put_nowait(again()))

    def again() -> asyncio.Task[None]:
        link.unlink()
        link.symlink_to(second.path)
        return asyncio.ensure_future(port.open())

    await port.open()
    first.unplug()
    async with asyncio.timeout(PATIENCE_S):
        await (await reopened.get())
    assert port.is_open
    await port.close()
    second.unplug()


async def test_a_second_opener_is_refused_and_told_who_has_it(far_end: FarEnd, rig: Rig) -> None:
    second = Rig(far_end.path)
    with pytest.raises(DriverFault, match=r"in use by this gateway itself .*: stop it"):
        await second.port.open()
    assert rig.port.is_open
    far_end.say(b"still mine")
    await rig.until_heard(10)


async def test_another_process_that_has_the_port_is_named(far_end: FarEnd) -> None:
    code = (
        "import serial,sys\n"
        "port = serial.Serial(sys.argv[1], exclusive=True)\n"
        "print('mine', flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", code, far_end.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"mine\n"
        with pytest.raises(DriverFault, match=rf"in use by .*\(process {other.pid}\)"):
            await Rig(far_end.path).port.open()
        other.communicate()
    rig = Rig(far_end.path)
    await rig.port.open()  # and it is free once that process is gone
    await rig.port.close()


async def test_a_path_that_is_no_serial_port_is_refused(tmp_path: Path) -> None:
    plain = tmp_path / "file"
    plain.write_text("not a port")
    with pytest.raises(DriverFault, match="not a serial port"):
        await Rig(str(plain)).port.open()
    with pytest.raises(DriverFault, match="not there"):
        await Rig(str(tmp_path / "nothing")).port.open()
    assert owner_threads() == []


async def test_impossible_settings_are_a_fault_and_not_a_traceback(far_end: FarEnd) -> None:
    with pytest.raises(DriverFault, match="cannot be opened"):
        await Rig(far_end.path, parity="Q").port.open()


async def test_opening_twice_is_our_own_mistake(rig: Rig) -> None:
    with pytest.raises(RuntimeError, match="already open"):
        await rig.port.open()


async def test_an_opening_that_is_cancelled_leaves_the_port_free(far_end: FarEnd) -> None:
    rig = Rig(far_end.path)
    opening = asyncio.ensure_future(rig.port.open())
    await asyncio.sleep(0)  # it has started
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not rig.port.is_open
    for thread in threading.enumerate():
        if thread.name.startswith("serial "):
            await asyncio.to_thread(thread.join, PATIENCE_S)
    assert owner_threads() == []
    await rig.port.open()
    await rig.port.close()
    assert rig.lost == []


async def test_an_idle_port_costs_no_cpu(rig: Rig) -> None:
    shares: list[float] = []
    for _ in range(3):  # a port that spins spins always; the best of three is its own, whatever else ran
        before, began = time.process_time(), time.monotonic()
        await asyncio.sleep(0.3)
        shares.append((time.process_time() - before) / (time.monotonic() - began))
    assert min(shares) < 0.1


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OSError(errno.EACCES, "no"), "dialout"),
        (OSError(errno.ENODEV, "no"), "/dev/serial/by-id"),
        (termios.error(errno.EINVAL, "Invalid argument"), 'takes only parity "N"'),
        (ValueError("Not a valid baudrate"), "cannot be opened"),
    ],
)
def test_each_refusal_says_what_to_do(error: Exception, advice: str) -> None:
    fault = str(open_fault("/dev/ttyUSB7", error))
    assert "/dev/ttyUSB7" in fault
    assert advice in fault


def test_pyserial_is_not_imported_before_a_port_is_opened() -> None:
    code = "import sys, gateway.drivers.serial_port; sys.exit('serial' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""A TI Zigbee stick (Z-Stack 3.30, MT over UNPI) on a pty, with virtual devices in its air.

Standard library only, no code of the hosts it speaks to; zigbee-herdsman (inside the real Zigbee2MQTT) is the judge.
Frames: FE, length, command 0, command 1, data, XOR. Not modelled: security, polling, retries, routes, fragmentation.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import struct
import tty
from collections.abc import Callable
from functools import reduce
from operator import xor
from pathlib import Path

from zigbee_device import HOME_AUTOMATION, IAS_ZONE, ZigbeeDevice
from znp_memory import COMMANDS, EXTADDR, NIB, PAN, STARTUP_OPTION, Memory

START = 0xFE
ASYNCHRONOUS, ANSWER = 0x40, 0x60
SYS, AF, ZDO, UTIL, APP_CONFIG = 1, 4, 5, 7, 0x0F
OK = b"\0"
COORDINATING = 9  # ZDO state: started as coordinator
BROADCAST = 0xFFF8
NO_ACK = 0xE9

Handler = Callable[["FakeZnp", bytes], bytes | None]


class FakeZnp:
    """The stick. `link` is the serial port's name; `unplug` takes it away."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.devices: list[ZigbeeDevice] = []
        self.unknown: list[tuple[int, int, str]] = []  # what a host asked that we have no answer to
        self.joining_s = 0  # the network is open for so long
        self._memory = Memory(formed=True)
        self._endpoints: dict[int, bytes] = {}
        self._state = 0
        self._buffer = b""
        self._counter = 0

    def plug(self) -> None:
        """Appears at `link`; needs a running loop."""
        self._master, self._slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.link.symlink_to(os.ttyname(self._slave))  # we keep the slave open: no end of file between hosts
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    def unplug(self) -> None:
        """Gone, as a pulled stick is."""
        asyncio.get_running_loop().remove_reader(self._master)
        self.link.unlink()
        os.close(self._master)
        os.close(self._slave)

    # ---- what happens in the air

    def join(self, device: ZigbeeDevice) -> None:
        """A device finds the open network and joins."""
        device.network = 0x1000 + len(self.devices)
        device.joined = True
        self.devices.append(device)
        short = struct.pack("<H", device.network)
        self._tell(ZDO, 0xCA, short + device.address + b"\0\0")  # ZDO_TC_DEV_IND
        self._tell(ZDO, 0xC1, short + device.announcement)  # ZDO_END_DEVICE_ANNCE_IND
        self._tell(ZDO, 0xFF, struct.pack("<HBHBBH", device.network, 1, 0x0013, 0, 0, 0xFFFF) + device.announcement)

    def zone(self, device: ZigbeeDevice, status: int) -> None:
        """A sensor says that its zone changed."""
        self._incoming(device, IAS_ZONE, device.zone_changed(status))

    def _incoming(self, device: ZigbeeDevice, cluster: int, frame: bytes, ours: int = 1) -> None:
        """AF_INCOMING_MSG: a frame of a device's endpoint 1 for our endpoint."""
        self._counter = (self._counter + 1) & 0xFF
        head = struct.pack("<HHHBBBBBIBB", 0, cluster, device.network, 1, ours, 0, 200, 0, 0, self._counter, len(frame))
        self._tell(AF, 0x81, head + frame + struct.pack("<HB", device.network, 29))

    # ---- the wire

    def _readable(self) -> None:
        with contextlib.suppress(OSError):
            self._buffer += os.read(self._master, 4096)
        while (start := self._buffer.find(bytes([START]))) >= 0:
            self._buffer = self._buffer[start:]
            if len(self._buffer) < 2 or len(self._buffer) < self._buffer[1] + 5:
                return
            end = self._buffer[1] + 4
            frame, check = self._buffer[1:end], self._buffer[end]
            if reduce(xor, frame) != check:
                self._buffer = self._buffer[1:]
                continue
            self._buffer = self._buffer[end + 1 :]
            self._asked(frame[1] & 0x1F, frame[2], frame[3:])

    def _asked(self, subsystem: int, command: int, data: bytes) -> None:
        handler = HANDLERS.get((subsystem, command))
        if handler is None:
            self.unknown.append((subsystem, command, data.hex()))
            if subsystem in (AF, ZDO, UTIL, APP_CONFIG):
                self._send(ANSWER | subsystem, command, OK)
            else:
                self._send(ANSWER, 0x00, bytes([2, 0x20 | subsystem, command]))  # RPC error: no such command
            return
        answer = handler(self, data)
        if answer is not None:
            self._send(ANSWER | subsystem, command, answer)
        for later in AFTERWARDS.get((subsystem, command), ()):
            later(self, data)

    def _tell(self, subsystem: int, command: int, data: bytes) -> None:
        self._send(ASYNCHRONOUS | subsystem, command, data)

    def _send(self, first: int, second: int, data: bytes) -> None:
        frame = bytes([len(data), first, second]) + data
        os.write(self._master, bytes([START]) + frame + bytes([reduce(xor, frame)]))

    # ---- SYS: reset, version, memory

    def _reset(self, _: bytes) -> None:
        if self._memory.items.get(STARTUP_OPTION, b"\0")[0] & 3:  # clear configuration or state
            self._memory = Memory(formed=False)
        self._state, self._endpoints = 0, {}
        self._tell(SYS, 0x80, bytes([0, 2, 1, 2, 7, 1]))

    # ---- starting

    def _device_info(self, _: bytes) -> bytes:
        short = 0 if self._state == COORDINATING else 0xFFFE
        return OK + self._memory.items[EXTADDR] + struct.pack("<H", short) + bytes([7, self._state, 0])

    def _network_info(self, _: bytes) -> bytes:
        base = self._memory.items[NIB]
        pan = struct.unpack_from("<H", base, 36)[0]
        return struct.pack("<HBHH", 0, self._state, pan, 0) + base[57:65] + bytes(8) + base[24:25]

    def _started(self, _: bytes) -> None:
        if struct.unpack_from("<H", self._memory.items[NIB], 36)[0] != PAN:
            self._memory = Memory(formed=True)
        self._state = COORDINATING
        self._tell(ZDO, 0xC0, bytes([COORDINATING]))  # ZDO_STATE_CHANGE_IND
        self._tell(APP_CONFIG, 0x80, bytes([0, 2, 0]))  # commissioning: done, formation, nothing left

    # ---- AF and ZDO

    def _register(self, data: bytes) -> bytes:
        self._endpoints[data[0]] = data
        return OK

    def _sent(self, data: bytes) -> None:
        """AF_DATA_REQUEST: to a short address."""
        short, theirs, ours, cluster, transaction = struct.unpack_from("<HBBHB", data)
        self._carried(short, theirs, ours, cluster, transaction, data[10 : 10 + data[9]])

    def _sent_long(self, data: bytes) -> None:
        """AF_DATA_REQUEST_EXT: to a short or a long address."""
        if data[0] == 3:
            short = next((d.network for d in self.devices if d.address == data[1:9]), 0xFFFE)
        else:
            short = struct.unpack_from("<H", data, 1)[0]
        theirs, ours = data[9], data[12]
        cluster, transaction = struct.unpack_from("<HB", data, 13)
        self._carried(short, theirs, ours, cluster, transaction, data[20:])

    def _carried(self, short: int, theirs: int, ours: int, cluster: int, transaction: int, body: bytes) -> None:
        device = self._device(short)
        lost = device is None and 0 < short < BROADCAST
        self._tell(AF, 0x80, bytes([NO_ACK if lost else 0, ours, transaction]))  # AF_DATA_CONFIRM
        if theirs == 0:
            self._zdo(short, cluster, body[0], body[1:])
        elif device is not None and (answer := device.zcl(cluster, body)) is not None:
            self._incoming(device, cluster, answer, ours)

    def _device(self, short: int) -> ZigbeeDevice | None:
        return next((d for d in self.devices if d.network == short and d.joined), None)

    def _zdo(self, short: int, cluster: int, transaction: int, body: bytes, native: int | None = None) -> None:
        """A ZDO request, answered as an incoming message and, where it was asked natively, as that command's own."""
        device = self._device(short)
        if short == 0 or short >= BROADCAST:
            answer = self._own_zdo(cluster, body)
        elif device is not None:
            answer = device.zdo(cluster)
        else:
            return
        self._tell(ZDO, 0xFF, struct.pack("<HBHBBH", short, 0, cluster | 0x8000, 0, transaction, 0) + answer)
        if native is not None:
            self._tell(ZDO, 0x80 | native, answer + b"\0\0" if native < 2 else struct.pack("<H", short) + answer)

    def _own_zdo(self, cluster: int, body: bytes) -> bytes:
        """The coordinator's own answers."""
        me = b"\0\0"
        if cluster in (0x0000, 0x0001):
            return b"\0" + self._memory.items[EXTADDR] + me
        if cluster == 0x0002:
            return b"\0" + me + b"\0\x40\x8f" + struct.pack("<HBHHHB", 0, 80, 160, 0, 160, 0)
        if cluster == 0x0004:
            return self._own_endpoint(body[2])
        if cluster == 0x0005:
            return b"\0" + me + bytes([len(self._endpoints), *self._endpoints])
        if cluster == 0x0031:
            return bytes(4)
        if cluster == 0x0036:
            self.joining_s = body[0]
            self._tell(ZDO, 0xCB, body[:1])  # ZDO_PERMIT_JOIN_IND
            return OK
        if cluster == 0x0038:  # Mgmt_NWK_Update: a quiet air on each of the 16 channels
            return b"\0" + body[:4] + struct.pack("<HHB", 0, 0, 16) + bytes([20] * 16)
        return b"\x84"

    def _own_endpoint(self, number: int) -> bytes:
        known = self._endpoints.get(number)
        if known is None:
            return b"\x82\0\0\0"
        endpoint, profile, kind, version, _, inputs = struct.unpack_from("<BHHBBB", known)
        descriptor = struct.pack("<BHHBB", endpoint, profile or HOME_AUTOMATION, kind, version, inputs) + known[8:]
        return b"\0\0\0" + bytes([len(descriptor)]) + descriptor

    def _permit_join(self, data: bytes) -> None:
        self.joining_s = data[3]
        self._tell(ZDO, 0xB6, bytes(3))  # ZDO_MGMT_PERMIT_JOIN_RSP
        self._tell(ZDO, 0xCB, data[3:4])
        self._tell(ZDO, 0xFF, struct.pack("<HBHBBH", 0, 0, 0x8036, 0, 0, 0) + OK)


def _native(command: int) -> Callable[[FakeZnp, bytes], None]:
    """A ZDO request as an MT command of its own: the cluster has the command's number."""

    def asked(stick: FakeZnp, data: bytes) -> None:
        if command == 0:  # by long address
            short = next((d.network for d in stick.devices if d.address == data[:8]), 0xFFFE)
        else:
            short = struct.unpack_from("<H", data)[0]
        stick._zdo(short, command, 0, data[2:], native=command)

    return asked


def _remember(command: int) -> Handler:
    return lambda stick, data: COMMANDS[command](stick._memory, data)


def _say(answer: bytes) -> Handler:
    return lambda _stick, _data: answer


_NATIVE = (0x00, 0x01, 0x02, 0x04, 0x05, 0x21, 0x31, 0x34)
HANDLERS: dict[tuple[int, int], Handler] = {
    (SYS, 0x00): FakeZnp._reset,
    (SYS, 0x01): _say(struct.pack("<H", 0x0659)),  # PING: SYS, AF, ZDO, UTIL, GP, APP_CNF
    (SYS, 0x02): _say(bytes([2, 1, 2, 7, 1]) + struct.pack("<IBI", 20230507, 0, 0)),  # VERSION
    (SYS, 0x04): lambda stick, _: stick._memory.items[EXTADDR],
    (SYS, 0x14): _say(OK),  # SET_TX_POWER
    **{(SYS, command): _remember(command) for command in COMMANDS},
    (UTIL, 0x00): FakeZnp._device_info,
    (APP_CONFIG, 0x05): _say(OK),  # BDB_START_COMMISSIONING
    (AF, 0x00): FakeZnp._register,
    (AF, 0x01): _say(OK),
    (AF, 0x02): _say(OK),
    (ZDO, 0x36): _say(OK),
    (ZDO, 0x40): _say(b"\1"),  # STARTUP_FROM_APP
    (ZDO, 0x4A): lambda _, data: b"\0" + data[1:3] + bytes(17),  # EXT_FIND_GROUP
    (ZDO, 0x50): FakeZnp._network_info,
    **{(ZDO, command): _say(OK) for command in _NATIVE},
}
AFTERWARDS: dict[tuple[int, int], tuple[Callable[[FakeZnp, bytes], None], ...]] = {
    (APP_CONFIG, 0x05): (FakeZnp._started,),
    (ZDO, 0x40): (FakeZnp._started,),
    (ZDO, 0x36): (FakeZnp._permit_join,),
    (AF, 0x01): (FakeZnp._sent,),
    (AF, 0x02): (FakeZnp._sent_long,),
    **{(ZDO, command): (_native(command),) for command in _NATIVE},
}

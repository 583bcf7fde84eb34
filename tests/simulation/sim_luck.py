"""The bad luck of a simulated home: crashes, dead paths, full disks, deaf radios, clocks that are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_hardware import BOOT_MS, NTP_AFTER_MS
from sim_history import Paths
from sim_loop import Crash
from sim_story import Happening

from gateway.observations import Kind, Report

if TYPE_CHECKING:
    from sim_world import World


class Luck:
    """Each `on_...` performs a happening of that name."""

    def __init__(self, world: World) -> None:
        self._world = world

    def on_kill(self, h: Happening) -> None:
        if not self._world.alive:
            return
        self._world.why = ("kill", h["off"])
        if h["what"] == "cut" and not self._world.gentle:
            self._world.why = ("cut", h["off"])
            self._world.push(0, "power", off=h["off"])
        if self._world.gentle:  # a clean stop and start: an abrupt one does not count the seconds since the last row
            self._world.heart.stop()
            self._world.journal.flush()
        elif h["when"] != "now":
            self._world.disk.trap = h["when"]
            return
        raise Crash

    on_cut = on_kill

    def on_power(self, h: Happening) -> None:
        """Power is gone (the process died by the same happening, or will by its trap)."""
        self._world.hardware.cut(h["off"] + BOOT_MS)
        if self._world.hardware.ntp:
            self._world.push(h["off"] + BOOT_MS + NTP_AFTER_MS, "wall", error=0)

    def on_disk(self, h: Happening) -> None:
        self._world.disk.mode = h["mode"]
        if h["mode"] != "ok":
            self._world.push(h["lasts"], "disk", mode="ok")
        if self._world.alive:
            self._world.take(Kind.CONDITION, {"code": "STORAGE_FAULT", "on": h["mode"] != "ok", "why": h["mode"]})

    def on_path(self, h: Happening) -> None:
        which = ("uplink", "cell") if h["which"] == "both" else (h["which"],)
        for path in which:
            self._world.paths[path] = False
        self._world.push(h["lasts"], "back", which=which)
        self._tell_paths(which)

    def on_back(self, h: Happening) -> None:
        for path in h["which"]:
            self._world.paths[path] = path == "cell" or self._world.uplink_allowed
        self._tell_paths(h["which"])

    def on_paths(self, _: Happening) -> None:
        self._tell_paths(("uplink", "cell"))

    def _tell_paths(self, which: tuple[str, ...]) -> None:
        self._world.history.items.append(
            Paths(self._world.hardware.now, self._world.paths["uplink"], self._world.paths["cell"])
        )
        if not self._world.alive:
            return
        for path in which:
            code = "UPLINK_LOST" if path == "uplink" else "CELL_LOST"
            self._world.take(Kind.CONDITION, {"code": code, "on": not self._world.paths[path]})
        self._world.wake_platform()
        if self._world.paths["cell"]:
            self._world.carrier.kick()

    def on_stall(self, h: Happening) -> None:
        """The process does not get to run for a moment: a busy machine, a slow card."""
        if self._world.alive:
            self._world.loop.now_us += h["ms"] * 1000
            self._world.hardware.now = self._world.loop.now_us // 1000

    def on_deaf(self, h: Happening) -> None:
        self._world.deaf[h["device"]] = self._world.hardware.now + h["lasts"]

    def on_blind(self, h: Happening) -> None:
        devices = [d.id for d in self._world.registry.devices.values() if d.kind in ("motion", "button")]
        for device in devices:
            self._world.deaf[device] = self._world.hardware.now + h["lasts"]
        self._world.push(h["lasts"], "sighted")
        if self._world.alive:
            self._world.take(Kind.CONDITION, {"code": "DRIVER_BLIND", "on": True, "subject": "ble"})
            for device in devices:
                self._world.heart.take(Report(Kind.SEEN, False, device))

    def on_sighted(self, _: Happening) -> None:
        if self._world.alive:
            self._world.take(Kind.CONDITION, {"code": "DRIVER_BLIND", "on": False, "subject": "ble"})

    def on_wall(self, h: Happening) -> None:
        if not self._world.steps and h["error"]:
            return
        self._world.hardware.error = h["error"]
        self._look_at_clock()
        if h["error"] and self._world.hardware.ntp:
            self._world.push(600_000, "wall", error=0)

    def on_ntp(self, h: Happening) -> None:
        self._world.hardware.ntp = h["on"]
        self._look_at_clock()

    def _look_at_clock(self) -> None:
        self._world.marks.clock_touched = True
        if self._world.alive:
            self._world.heart.wake_for_mark()

    def on_recorder(self, h: Happening) -> None:
        if self._world.alive:
            self._world.take(Kind.RECORDER, False)
        self._world.push(h["lasts"], "recording")

    def on_recording(self, h: Happening) -> None:
        if self._world.alive:
            self._world.take(Kind.RECORDER, True)
        else:
            self._world.push(60_000, **h)

"""Ways in: the drivers, each under its own supervisor, made from configuration and registry."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from gateway.alarms.replies import parse_reply
from gateway.drivers.port import Driver, DriverFault
from gateway.drivers.supervisor import DriverHealth, HealthState, Supervisor
from gateway.home.model import Home
from gateway.observations import Kind, Report
from gateway.runtime.bearer import ring_answer
from gateway.runtime.call_player import call_player

if TYPE_CHECKING:
    from gateway.config.sections import ModemConfig
    from gateway.drivers.ble.driver import BleDriver
    from gateway.drivers.local_mqtt.driver import LocalMqttDriver
    from gateway.drivers.power.driver import PowerDriver
    from gateway.runtime.gateway import Gateway

MODEMS: Final = ("modem", "modem2")
HURRY_AT: Final = 8  # reports whose commit a far end waits for: more of them must not wait for the group's second

log = logging.getLogger(__name__)


class WaysIn:
    """Starts, watches and stops the drivers; a driver that cannot even be made is a problem said, not a crash."""

    def __init__(self, gateway: Gateway, memory: Mapping[str, Any]) -> None:
        self._gateway = gateway
        self._memory = memory
        self._ble: BleDriver | None = None
        self._local: LocalMqttDriver | None = None
        self._supply: PowerDriver | None = None
        self._blind = set(gateway.heart.controller.reported("DRIVER_BLIND"))  # told by an earlier process
        self._awaited = 0  # reports whose commit a driver waits for
        self.texts_can_go = False  # the modem has registered since we started
        self.supervisors: list[Supervisor] = []

    def open(self) -> None:
        """Modem first (it is the way out as well), then the radio that hears the buttons, then meters."""
        config = self._gateway.config
        if config.modem.enabled:
            self._try("modem", lambda: self._modem("modem", config.modem))
            if config.modem2.enabled:
                self._try("modem2", lambda: self._modem("modem2", config.modem2))
        else:
            self._cell_lost("no modem is configured ([modem] enabled = false): contacts cannot be texted")
        if config.ble.enabled:
            self._try("ble", self._bluetooth)
        if config.local_mqtt.enabled:
            self._try("local_mqtt", self._local_mqtt)
        if config.power.enabled:
            self._try("power", self._power)
        lines = sorted((m for m in config.meters if m.enabled), key=lambda m: m.port)
        for port, meters in groupby(lines, key=lambda m: m.port):
            group = list(meters)
            self._try(f"meter on {port}", lambda g=group: self._meters(g))
        for gone in self._blind - {s.name for s in self.supervisors}:  # no longer part of this home
            self._gateway.heart.take(Report(Kind.CONDITION, {"code": "DRIVER_BLIND", "on": False, "subject": gone}))
        self._blind &= {s.name for s in self.supervisors}

    def _try(self, what: str, make: Any) -> None:
        try:
            driver = make()
        except (ValueError, OSError, ImportError) as error:
            self._gateway.problems.append(f"{what}: {error}")
            return
        supervisor = Supervisor(driver, self._emit_of(driver.name), self._health, emit_durable=self._emit_durable)
        self.supervisors.append(supervisor)
        supervisor.start()

    def _modem(self, name: str, config: ModemConfig) -> Driver:
        from gateway.drivers.modem.modem import ModemDriver

        ways_out = self._gateway.ways_out
        modem = ModemDriver(
            config.port,
            baud=config.baud,
            pin=config.pin or None,
            on_sms=self._on_sms,
            on_report=lambda reference, delivered: ways_out.reported(name, reference, delivered),
            on_ready=lambda: self._texts_can_go(name),
            on_ring=ring_answer(ways_out.rings),
            play=call_player(config.call_command),
            name=name,
        )
        ways_out.bearer.add(modem, voice=config.voice)
        return modem

    def _bluetooth(self) -> Driver:
        from gateway.drivers.ble.driver import BleDriver

        config = self._gateway.config.ble
        self._ble = BleDriver(
            self._gateway.registry.home(),
            memories=self._memory,
            adapter=config.adapter or None,
            active=config.scanning == "active",
            liveness_s=config.liveness_s,
        )
        return self._ble

    def _local_mqtt(self) -> Driver:
        from gateway.drivers.local_mqtt.driver import LocalMqttDriver

        config = self._gateway.config
        self._local = LocalMqttDriver(
            config.local_mqtt,
            self._gateway.registry.home(),
            gateway_id=config.gateway.id,
            maps=config.local_mqtt_maps,
            actions=config.local_mqtt_actions,
            memories=self._memory,
            resolve=config.resolved,
        )
        return self._local

    def _power(self) -> Driver:
        from gateway.drivers.power import driver

        self._supply = driver.PowerDriver(driver.FOLDER, battery=self._gateway.config.power.battery)
        return self._supply

    def _meters(self, group: list[Any]) -> Driver:
        from gateway.drivers.meters.bus import LineSettings
        from gateway.drivers.meters.electricity import ElectricityMeters, Meter

        addresses = self._gateway.registry.home().addresses
        meters = [Meter(m.device, m.address or addresses.get(m.device, "")) for m in group]
        line = LineSettings(group[0].port, group[0].baud, group[0].parity)
        interval = min(m.interval_s for m in group)
        return ElectricityMeters(line, meters, interval_s=interval, name=f"meter:{group[0].device}")

    # ---- what they tell

    def _emit(self, report: Report) -> None:
        self._gateway.heart.take(report)

    def _emit_of(self, driver: str) -> Callable[[Report], None]:
        """A modem speaks for itself; whether the home can text is said when all have spoken."""

        def emit(report: Report) -> None:
            if report.kind is Kind.CONDITION and report.value.get("code") == "CELL_LOST":
                self._cell(driver, lost=report.value["on"])
            else:
                self._emit(report)

        return emit if driver in MODEMS else self._emit

    def _emit_durable(self, report: Report) -> asyncio.Future[bool]:
        """The future is the journal's: add a callback, never await it in a task that may be cancelled."""
        committed = self._gateway.heart.take(report).committed
        if not committed.done():
            self._awaited += 1
            committed.add_done_callback(self._settled)
            if self._awaited >= HURRY_AT:
                self._gateway.journal.hurry()
        return committed

    def _settled(self, _: asyncio.Future[bool]) -> None:
        self._awaited -= 1

    def _health(self, health: DriverHealth) -> None:
        """A blind driver makes its devices blind, and both are said (decision 6)."""
        heart, up = self._gateway.heart, health.state is HealthState.UP
        was_blind = health.name in self._blind
        if up and not was_blind:
            return
        (self._blind.discard if up else self._blind.add)(health.name)
        if not up:
            log.error("%s is blind: %s", health.name, health.reason)
        heart.take(Report(Kind.CONDITION, {"code": "DRIVER_BLIND", "on": not up, "subject": health.name}))
        if health.name in MODEMS and not up:
            self._cell(health.name, lost=True)  # back is what `_texts_can_go` says: up is not yet registered
        if not up:
            for device in health.devices:
                heart.take(Report(Kind.SEEN, False, device))

    def _texts_can_go(self, modem: str) -> None:
        self._cell(modem, lost=False)
        self._gateway.carrier.kick()

    def _cell(self, modem: str, *, lost: bool) -> None:
        """One modem is lost or back: CELL_LOST is of the home, and on only while no modem can carry a text."""
        all_lost = self._gateway.ways_out.bearer.paths.set(modem, lost)
        self.texts_can_go = not all_lost
        self._gateway.heart.take(Report(Kind.CONDITION, {"code": "CELL_LOST", "on": all_lost}))

    def _cell_lost(self, why: str) -> None:
        log.warning("%s", why)
        self._gateway.heart.take(Report(Kind.CONDITION, {"code": "CELL_LOST", "on": True}))

    async def _on_sms(self, number: str, text: str) -> None:
        """A listed contact's answer becomes an observation; a stranger's is counted and forgotten (A8)."""
        contact = self._gateway.registry.home().contact_of(number)
        if contact is None:
            self._gateway.counts["sms_from_strangers"] += 1
            log.warning("a text from a number that is no contact was ignored")
            return
        reply = parse_reply(text)
        value = {"contact": contact, "answer": reply.answer, "ref": reply.ref}  # not the words: they may name anybody
        submitted = self._gateway.heart.take(Report(Kind.REPLY, value))
        await asyncio.wait({submitted.committed}, timeout=5.0)  # the modem deletes it only after this

    # ---- how they are

    def enrol(self, home: Home) -> None:
        """The home changed: the radio listens to its devices from now on."""
        if self._ble is not None:
            self._ble.enrol(home)
        if self._local is not None:
            self._local.enrol(home)

    async def permit_join(self, seconds: int) -> None:
        """Lets new Zigbee devices in for that long (A3: 180 s at most). Raises `DriverFault`."""
        if self._local is None:
            raise DriverFault("no Zigbee here: set [local_mqtt] enabled = true")
        await self._local.permit_join(seconds)

    def healthy(self) -> bool:
        """Whether every supervisor is alive; a blind driver is told, and no reason to restart everything."""
        return all(s.healthy() for s in self.supervisors)

    def blind(self) -> list[str]:
        """Names of the drivers that cannot hear now."""
        return sorted(self._blind)

    def power(self) -> dict[str, Any]:
        """What the gateway runs on, for the heartbeat (domain 5.1): `pwr` and `batt_pct`, as far as they are known."""
        reading = self._supply.latest if self._supply is not None else None
        if reading is None:
            return {}
        told: dict[str, Any] = {} if reading.mains is None else {"pwr": "MAINS" if reading.mains else "BATTERY"}
        return told if reading.percent is None else {**told, "batt_pct": round(reading.percent)}

    def status(self) -> list[dict[str, Any]]:
        """One row a driver."""
        return [
            {
                "name": s.name,
                "rung": str(st.rung),
                "reason": st.reason,
                "restarts": st.restarts,
                "heard": st.last_beat is not None,
                "counters": st.counters,
            }
            for s in self.supervisors
            for st in (s.status(),)
        ]

    async def close(self) -> None:
        """Stops all drivers at the same time."""
        await asyncio.gather(*(s.stop() for s in self.supervisors))

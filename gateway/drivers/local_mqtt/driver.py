"""The local MQTT driver: one persistent session at a broker in the home, each message acknowledged after our commit.

Holds the parts together; what messages mean is `zigbee2mqtt`'s and `mapping`'s, how bytes come is `connection`'s. One
connection a run: when it ends, the supervisor starts the next, and the broker sends again what we had not confirmed.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from gateway.config import ActionConfig, LocalMqttConfig, MapConfig
from gateway.drivers.local_mqtt.acks import Acks
from gateway.drivers.local_mqtt.connection import CONNECT_S, Connection, Plan, Tls
from gateway.drivers.local_mqtt.deliveries import MEMORY as DELIVERIES
from gateway.drivers.local_mqtt.deliveries import Deliveries
from gateway.drivers.local_mqtt.directory import MEMORY
from gateway.drivers.local_mqtt.heard import Message
from gateway.drivers.local_mqtt.mapping import Mapped
from gateway.drivers.local_mqtt.payload import MAX_BODY_BYTES, delivery
from gateway.drivers.local_mqtt.registered import Registered
from gateway.drivers.local_mqtt.states import States
from gateway.drivers.local_mqtt.zigbee2mqtt import Zigbee2Mqtt
from gateway.drivers.port import DriverContext, DriverFault
from gateway.home.model import Home
from gateway.observations import WAY_IS_BACK, Kind, Report

PROBE_S: Final = 60.0  # a quiet home says nothing for hours; the broker is asked this often whether it is there
LIVENESS_S: Final = 150.0  # two probes unanswered
SESSION_EXPIRY_S: Final = 7 * 86_400  # a press older than a week calls nobody any more
FAREWELL_S: Final = 1.0
COMMIT_S: Final = 1.5  # at a stop, presses under way get this long to be committed and confirmed
MAX_JOIN_S: Final = 180  # A3: the network is open for strangers no longer than this
RESPONSE_S: Final = 4.0  # whoever asks on the local socket gives up after 5; zigbee2mqtt answers in 0.2 s (run)
BRIDGE: Final = "zigbee2mqtt"  # the subject of its DRIVER_BLIND

log = logging.getLogger(__name__)


class LocalMqttDriver:
    """A `Driver` for one broker. What it knows of devices' states outlives its runs."""

    name = "local_mqtt"
    liveness_s = LIVENESS_S

    def __init__(
        self,
        config: LocalMqttConfig,
        home: Home,
        *,
        gateway_id: str,
        maps: Iterable[MapConfig] = (),
        actions: Iterable[ActionConfig] = (),
        memories: Mapping[str, Any] | None = None,
        resolve: Callable[[str], Path] = Path,
        probe_s: float = PROBE_S,
    ) -> None:
        """`memories`: what the journal kept, by name. `resolve` finds certificate files."""
        memories = memories or {}
        self._registered = Registered(home)
        states = States(self._registered, memories)
        self._mapped = Mapped(maps, self._registered, states)
        self._zigbee: Zigbee2Mqtt | None = None
        if config.zigbee2mqtt:
            self._zigbee = Zigbee2Mqtt(
                config.zigbee2mqtt, self._registered, states, actions=actions, directory=memories.get(MEMORY)
            )
        self._deliveries = Deliveries(memories.get(DELIVERIES))
        self._plan = _plan(config, gateway_id, resolve)
        self._grace_s, self._probe_s = config.bridge_grace_s, probe_s
        self._context: DriverContext | None = None
        self._connection: Connection | None = None
        self._acks: Acks | None = None
        self._answered = False
        self._blind_timer: asyncio.TimerHandle | None = None
        self._bridge_blind = False
        self._asked: dict[str, asyncio.Future[Any]] = {}

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices that are blind when the broker is."""
        zigbee = self._zigbee.devices if self._zigbee else ()
        return tuple(dict.fromkeys((*self._mapped.devices, *zigbee)))

    def enrol(self, home: Home) -> None:
        """Takes a changed home without a new connection."""
        self._registered.enrol(home)

    # ---- one run

    async def run(self, context: DriverContext) -> None:
        """Connects, subscribes, hears until the connection ends; raises `DriverFault` saying why it did."""
        self._context = context
        filters = (*self._mapped.filters, *(self._zigbee.filters if self._zigbee else ()))
        if not filters:
            raise DriverFault("[local_mqtt]: nothing to listen to; set zigbee2mqtt or add a [[local_mqtt.map]]")
        connection = self._connection = Connection(self._plan, self._take, self._on_answer)
        self._acks = Acks(connection.confirm, context.count)
        self._deliveries.connected()
        try:
            connection.start()
            await self._until(connection, connection.opened)
            connection.subscribe(*filters)
            refused = await self._until(connection, connection.granted)
            if refused:
                raise DriverFault(f"{self._where} refused a subscription: {refused}; look at the broker's access list")
            self._up()
            await self._listen(connection, context)
        finally:
            await self._leave(connection)

    async def _until(self, connection: Connection, step: asyncio.Future[Any]) -> Any:
        await asyncio.wait({step, connection.ended}, timeout=CONNECT_S, return_when=asyncio.FIRST_COMPLETED)
        if step.done():
            return step.result()
        why = connection.ended.result() if connection.ended.done() else "no answer in time"
        raise DriverFault(f"{self._where}: {why}; is it running, are host, port and user in [local_mqtt] right?")

    async def _listen(self, connection: Connection, context: DriverContext) -> None:
        while not connection.ended.done():
            self._answered = False
            await asyncio.wait({connection.ended}, timeout=self._probe_s)
            if not self._answered:
                connection.probe()
        context.count("disconnected")
        raise DriverFault(f"{self._where}: {connection.ended.result()}")

    async def _leave(self, connection: Connection) -> None:
        """What is under way is committed and confirmed if that is quick; the rest comes again next time."""
        assert self._acks is not None
        if self._blind_timer is not None:
            self._blind_timer.cancel()
            self._blind_timer = None
        if not connection.ended.done():
            await self._acks.idle(COMMIT_S)
        self._acks.close()
        self._connection = None
        if self._zigbee is not None:
            self._zigbee.disconnected()
        for asked in self._asked.values():
            asked.cancel()
        await connection.close(FAREWELL_S)

    @property
    def _where(self) -> str:
        return f"broker {self._plan.host}:{self._plan.port}"

    def _up(self) -> None:
        """The broker is there: what only it hid can be told again. The bridge must say so itself."""
        self._alive()
        for device in self._mapped.devices:
            self._emit(Report(Kind.SEEN, WAY_IS_BACK, device))
        if self._zigbee is not None:
            self._expect_bridge()

    # ---- what comes

    def _alive(self) -> None:
        self._answered = True
        if self._context is not None:
            self._context.beat()

    def _on_answer(self) -> None:
        self._alive()

    def _take(self, message: Message) -> None:
        """One message: what came of it is reported, and the broker told when that is durable."""
        context, acks = self._context, self._acks
        assert context is not None
        assert acks is not None
        self._alive()
        try:
            commits = self._heed(message, context)
        except Exception:  # border to our own bugs: one odd message must not stand in the way of the next press
            context.count("handler_failed")
            log.exception("local mqtt: a message could not be handled")
            commits = []
        acks.settle(message.mid if message.qos else 0, commits)

    def _heed(self, message: Message, context: DriverContext) -> list[asyncio.Future[bool]]:
        now_s = asyncio.get_running_loop().time()
        message = replace(message, number=self._deliveries.number(message))
        heard = [self._mapped.hear(message), self._zigbee.hear(message, now_s) if self._zigbee else None]
        commits: list[asyncio.Future[bool]] = []
        nameless = delivery(message.topic, message.mid, message.payload, message.number)
        goes_by_it = nameless and any(report.key == nameless for one in heard if one for report in one.reports)
        if goes_by_it and (number := self._deliveries.told(message)) is not None:
            commits.append(context.emit_durable(Report(Kind.TICK, None, memory=(DELIVERIES, number))))
        for one in heard:
            if one is None:
                continue
            for word in one.counts:
                context.count(word)
            commits += [context.emit_durable(report) for report in one.reports]
            if one.bridge is not None:
                self._bridge_said(one.bridge)
            if one.response is not None:
                self._responded(*one.response)
        return commits

    def _emit(self, report: Report) -> None:
        if self._context is not None:
            self._context.emit(report)

    # ---- the bridge: offline is blindness

    def _bridge_said(self, online: bool) -> None:
        if not online:
            self._expect_bridge()
            return
        if self._blind_timer is not None:
            self._blind_timer.cancel()
            self._blind_timer = None
        assert self._zigbee is not None
        self._bridge_blind = False
        self._emit(Report(Kind.CONDITION, {"code": "DRIVER_BLIND", "on": False, "subject": BRIDGE}))
        for device in self._zigbee.reachable:
            self._emit(Report(Kind.SEEN, WAY_IS_BACK, device))

    def _expect_bridge(self) -> None:
        if self._blind_timer is None and not self._bridge_blind:
            self._blind_timer = asyncio.get_running_loop().call_later(self._grace_s, self._bridge_is_blind)

    def _bridge_is_blind(self) -> None:
        self._blind_timer = None
        assert self._zigbee is not None
        devices = self._zigbee.devices
        if not devices:
            return  # nobody depends on it
        self._bridge_blind = True
        log.error("zigbee2mqtt is offline: %d devices are blind", len(devices))
        self._emit(Report(Kind.CONDITION, {"code": "DRIVER_BLIND", "on": True, "subject": BRIDGE}))
        for device in devices:
            self._emit(Report(Kind.SEEN, False, device))

    # ---- requests

    async def permit_join(self, seconds: int) -> None:
        """Opens the Zigbee network for new devices, at most `MAX_JOIN_S`; 0 closes it. Raises `DriverFault`."""
        if not 0 <= seconds <= MAX_JOIN_S:
            raise DriverFault(f"permit_join: expected 0 to {MAX_JOIN_S} seconds, found {seconds}")
        body = await self._request("permit_join", {"time": seconds})
        if not isinstance(body, dict) or body.get("status") != "ok":
            why = str(body.get("error", ""))[:100] if isinstance(body, dict) else ""
            raise DriverFault(f"permit_join: zigbee2mqtt refused: {why}")

    async def _request(self, what: str, body: dict[str, Any]) -> Any:
        connection, zigbee = self._connection, self._zigbee
        if connection is None or zigbee is None:
            raise DriverFault(f"{what}: not connected to the broker, or [local_mqtt] zigbee2mqtt is empty")
        if what in self._asked:
            raise DriverFault(f"{what}: asked already; wait for the answer")
        answer = self._asked[what] = asyncio.get_running_loop().create_future()
        try:
            topic = f"{zigbee.base}/bridge/request/{what}"
            if not connection.publish(topic, json.dumps(body).encode()):
                raise DriverFault(f"{what}: the connection to the broker is ending")
            async with asyncio.timeout(RESPONSE_S):
                return await answer
        except TimeoutError:
            raise DriverFault(f"{what}: no answer within {RESPONSE_S:g} s; is zigbee2mqtt running?") from None
        finally:
            del self._asked[what]

    def _responded(self, what: str, body: Any) -> None:
        answer = self._asked.get(what)
        if answer is not None and not answer.done():
            answer.set_result(body)


def _plan(config: LocalMqttConfig, gateway_id: str, resolve: Callable[[str], Path]) -> Plan:
    tls = None
    if config.ca:
        tls = Tls(resolve(config.ca), *(resolve(name) if name else None for name in (config.cert, config.key)))
    limit = Zigbee2Mqtt.body_limit if config.zigbee2mqtt else (lambda _: MAX_BODY_BYTES)
    return Plan(
        host=config.host,
        port=config.port,
        client_id=config.client_id or f"hearthwatch-{gateway_id}",
        version=config.version,
        username=config.username or None,
        password=config.password or None,
        tls=tls,
        keepalive_s=config.keepalive_s,
        session_expiry_s=SESSION_EXPIRY_S,
        body_limit=limit,
    )

"""Names, numbers, keys, the PIN and people's own words stay in the registry and in the texts to contacts: nowhere else.

One whole demo (every step of `hearthwatch demo --once` but the one that reads names in the spoken log), at log level
debug, with strangers, rubbish and people's own words on top; then every artefact is searched: files, the journal's raw
bytes and unpacked rows, MQTT, systemd's status, command lines and environments of all processes, commands' output.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from secret_finder import Found, SecretFinder

from gateway.demo.house import GATEWAY, VirtualHouse
from gateway.demo.household import HOME
from gateway.demo.script import PRE_ALARM_S, STEPS, close_all, press_to_acceptance
from gateway.drivers.modem.encode import encode_submit
from gateway.runtime.control import request

HEARTHWATCH = [sys.executable, "-m", "gateway.cli.main"]
PIN = "47118093"
OWN_WORDS = "我在厦门回不去，找隔壁老李开门"
STRANGER = "13999999999"
STRANGERS_WORDS = "急用钱吗？低息贷款，秒到账"
NEWCOMER, NEWCOMERS_PHONE = "陈大明", "13712345678"
HOLDERS = (  # where they belong, for the gateway's user only
    "hearthwatch.toml", "state/home.json", "state/home.json.prev", f"{GATEWAY}.key", "platform.key", "server.key",
)  # fmt: skip


@dataclass
class Spy:
    """Hears what everybody could: the whole broker, systemd's socket, and who is started with which words."""

    house: VirtualHouse
    folder: Path
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    notified: list[bytes] = field(default_factory=list)
    processes: set[tuple[str, bytes]] = field(default_factory=set)  # (name, what it held)
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """From before the gateway's first word."""
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, "spy", protocol=paho.MQTTv311)
        pki = self.house.folder
        self._client.tls_set(str(pki / "ca.crt"), str(pki / "platform.crt"), str(pki / "platform.key"))
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_message = lambda _c, _u, message: self.heard.append((message.topic, message.payload))
        host, port = self.house.broker.address
        self._client.connect_async(host, port)
        self._client.reconnect_delay_set(0.1, 0.5)
        self._client.loop_start()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def listen_for_systemd(self) -> str:
        """The socket's address for NOTIFY_SOCKET."""
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.settimeout(0.1)
        self._notify.bind(str(self.folder / "notify"))
        return str(self.folder / "notify")

    def stop(self) -> None:
        """Lets everything go; a second time does nothing."""
        if not self._stop.is_set():
            self._stop.set()
            self._watcher.join()
            self._notify.close()
            self._client.disconnect()
            self._client.loop_stop()

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            while True:
                try:
                    self.notified.append(self._notify.recv(65536))
                except (TimeoutError, OSError):
                    break
            child = self.house._child
            if child is not None:
                for pid in _with_descendants(child.pid):
                    self._look_at(pid)

    def _look_at(self, pid: int) -> None:
        for what in ("cmdline", "environ"):
            try:
                self.processes.add((f"{what} of {pid}", Path(f"/proc/{pid}/{what}").read_bytes()))
            except OSError:
                continue  # it has ended


def _with_descendants(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        try:
            for task in Path(f"/proc/{each}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


class DebugHouse(VirtualHouse):
    """The demo's house, saying all it can say, its SIM behind a PIN, a voice that is a process."""

    def _write_config(self, ca: Path, cert: Path, key: Path) -> None:
        super()._write_config(ca, cert, key)
        text = self.config_file.read_text()
        for section, more in (
            ("[gateway]", 'log_level = "debug"'),
            ("[modem]", f'pin = "{PIN}"'),
            ("[ble]", "[voice]\ncommand = \"sh -c 'cat >/dev/null; sleep 0.05'\"\n[ble]"),
        ):
            new = more if section == "[ble]" else f"{section}\n{more}"
            text = text.replace(section, new, 1)
        self.config_file.write_text(text)
        self.config_file.chmod(0o600)
        self.modem.pin = PIN
        self.modem._sim = "SIM PIN"


def secrets_of(house: VirtualHouse) -> SecretFinder:
    """Everything that must not get out, of the demo's home and of this test's people."""
    finder = SecretFinder()
    for person in (*HOME["residents"], *HOME["contacts"], {"id": "newcomer", "name": NEWCOMER}):
        finder.text(f"name of {person['id']}", person["name"])
    for contact in HOME["contacts"]:
        finder.phone(f"phone of {contact['id']}", contact["phone"])
    finder.phone("phone of the newcomer", NEWCOMERS_PHONE)
    finder.phone("phone of a stranger", STRANGER)
    for device in HOME["devices"]:
        if "key" in device:
            finder.key(f"key of {device['id']}", bytes.fromhex(device["key"]))
    for path in house.folder.glob("*.key"):
        finder.pem(path.name, path.read_text())
    finder.digits("PIN", PIN)
    finder.text("a contact's own words", OWN_WORDS)
    finder.text("part of a contact's own words", OWN_WORDS[2:7])
    finder.text("a stranger's words", STRANGERS_WORDS)
    return finder


def cli(*args: str, env: dict[str, str] | None = None) -> bytes:
    done = subprocess.run([*HEARTHWATCH, *args], capture_output=True, timeout=60, check=False, env=env)
    assert b"Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture
async def spied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[DebugHouse, Spy]]:
    outside = tmp_path / "spy"
    outside.mkdir()
    house = DebugHouse(tmp_path / "house", pre_alarm_s=PRE_ALARM_S, log_names=False)
    spy = Spy(house, outside)
    monkeypatch.setenv("NOTIFY_SOCKET", spy.listen_for_systemd())
    start_gateway = house.start_gateway

    async def start_spied() -> None:
        if not hasattr(spy, "_client"):
            spy.start()
        await start_gateway()

    monkeypatch.setattr(house, "start_gateway", start_spied)
    try:
        await house.start()
        yield house, spy
    finally:
        await house.stop()
        spy.stop()


async def live_through_everything(house: VirtualHouse) -> None:
    """Every step of the demo, and what people and strangers may say in between."""
    house.press("bedroom-button")
    await house.expect("sms", "→", "按了紧急按钮")
    house.contact_answers(STRANGERS_WORDS, number=STRANGER)
    house.contact_answers(OWN_WORDS)
    await house.expect("sms", "没看懂")
    house.contact_answers("1")
    await house.expect("elder", "已经联系到")
    await close_all(house)
    changes = [{"op": "set", "table": "contacts", "id": "c9", "values": {"name": NEWCOMER, "phone": NEWCOMERS_PHONE}}]
    added = await asyncio.to_thread(request, house.state / "control.sock", {"op": "home.set", "changes": changes})
    assert added["ok"], added
    await asyncio.to_thread(request, house.state / "control.sock", {"op": "visit", "by": "c1"})
    for step in STEPS:
        if step.play is not press_to_acceptance:  # done above: it reads a name in the spoken log
            await step.play(house)


def the_record(config: list[str]) -> dict[str, bytes]:
    """Every word of `hearthwatch incidents` about every incident; names only where somebody asks for them."""
    said = {
        name: cli("incidents", *name.split(), *config)
        for name in ("list --all", "list --json --all", "verify --json", "follow-ups")
    }
    rows = [json.loads(line) for line in said["list --json --all"].splitlines() if line.startswith(b"{")]
    for number in (
        str(row["incident"]) for row in rows
    ):  # beside them it may warn of what a leap in time left unsealed
        for command in (("show",), ("show", "--json"), ("export",), ("export", "--html")):
            said[f"{' '.join(command)} {number}"] = cli("incidents", *command, number, *config)
    return said


def a_start_with_a_damaged_home(house: VirtualHouse, folder: Path) -> dict[str, bytes]:
    """What is said where a home was edited by hand: a number twice, a key cut short, a name in the wrong place."""
    state = folder / "state"
    state.mkdir(parents=True)
    (folder / "hearthwatch.toml").write_text('[gateway]\nstate_dir = "state"\n')
    document = json.loads(json.dumps(HOME))
    document["devices"][0]["key"] = document["devices"][0]["key"][:-2]
    document["contacts"][1]["phone"] = document["contacts"][0]["phone"]
    document["contacts"][0]["role"] = document["contacts"][0]["name"]
    (state / "home.json").write_text(json.dumps(document, ensure_ascii=False))
    where = ["--config", str(folder / "hearthwatch.toml")]
    return {f"damaged: {what}": cli(*what.split(), *where) for what in ("run", "home check", "doctor")}


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_nothing_private_is_found_in_any_artefact_of_a_whole_demo(
    spied: tuple[DebugHouse, Spy], tmp_path: Path
) -> None:
    house, spy = spied
    finder = secrets_of(house)
    await live_through_everything(house)
    env = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": house.bus.address}
    config = ["--config", str(house.config_file)]
    said = {
        "status": json.dumps(house.status(), ensure_ascii=False).encode(),
        "doctor": await asyncio.to_thread(cli, "doctor", *config, env=env),
        "doctor --json": await asyncio.to_thread(cli, "doctor", "--json", *config, env=env),
        "events": await asyncio.to_thread(cli, "events", *config),
        "rules": await asyncio.to_thread(cli, "rules", "--json", *config),
        "tune": await asyncio.to_thread(cli, "tune", *config),
    }
    said |= await asyncio.to_thread(the_record, config)
    await house.stop()
    spy.stop()
    said |= await asyncio.to_thread(a_start_with_a_damaged_home, house, tmp_path / "damaged")

    found = finder.look_through(house.folder, but=HOLDERS)
    for name, blob in said.items():
        assert len(blob) > 100, name
        found += finder.look(name, blob)
    for topic, payload in spy.heard:
        found += finder.look(f"MQTT {topic}", topic.encode() + b" " + payload)
    found += [f for note in spy.notified for f in finder.look("systemd", note)]
    found += [f for name, blob in spy.processes for f in finder.look(name, blob)]
    assert found == [], "\n".join(map(str, found[:40]))

    _the_search_saw_what_there_was(house, spy, said)
    for name in HOLDERS:
        if name != "state/home.json.prev" or (house.folder / name).exists():
            assert (house.folder / name).stat().st_mode & 0o077 == 0, f"{name} can be read by others"


def _the_search_saw_what_there_was(house: VirtualHouse, spy: Spy, said: dict[str, bytes]) -> None:
    """Each artefact was there and held what it should: an empty one would hold no secret either."""
    assert {topic.rsplit("/", 2)[1] for topic, _ in spy.heard} == {"up", "down"}
    assert sum(b'"RAISED"' in payload for _, payload in spy.heard) >= 5
    assert any(n.startswith(b"READY=1") for n in spy.notified)
    assert any(b"STATUS=" in n for n in spy.notified)
    commands = [words for name, words in spy.processes if name.startswith("cmdline")]
    assert sum(b"gateway.demo.child" in words for words in commands) >= 2  # it was killed once
    assert any(b"sleep" in words for words in commands), "the voice was a process"
    assert b'"kind":"reply"' in said["events"]
    assert sum(name.startswith("export --html") for name in said) >= 5
    assert "应急处置记录".encode() in said["export --html 1"]
    assert all(b"home.json" in said[f"damaged: {what}"] for what in ("run", "home check"))
    log = (house.folder / "gateway.log").read_bytes()
    assert b"DEBUG" in log.upper()
    assert b"c1" in log
    spoken = [json.loads(x)["text"] for x in (house.state / "spoken.jsonl").read_text().splitlines()]
    assert any("已经联系到c1" in text for text in spoken), "ids stand where names were spoken"
    assert (house.state / "journal.db").stat().st_size > 10_000
    assert any("王阿婆" in sms.text for sms in house.modem.sent), "the texts themselves do hold names"


def test_the_finder_finds_every_spelling_wherever_it_is_planted(tmp_path: Path) -> None:
    finder = SecretFinder()
    finder.text("name", "王小明")
    finder.phone("phone", "13800000001")
    finder.key("key", bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932"))
    finder.digits("PIN", PIN)
    assert len(finder.needles) > 40
    for needle, (label, spelling) in finder.needles.items():
        assert Found(label, spelling, "x") in finder.look("x", b"before " + needle + b" after"), spelling
    (pdu,) = encode_submit("+8613800000001", "你好")  # as it goes to the modem
    assert {f.secret for f in finder.look("x", pdu.hex.encode())} == {"phone"}
    assert finder.look("x", b"138 alarms, 1380000 ms, 0001; contact c1 at \xe5\x8d\xa7\xe5\xae\xa4") == []
    _plant(tmp_path / "deep" / "j.db")
    assert {f.where for f in finder.look_through(tmp_path)} >= {"deep/j.db: table t"}
    assert finder.look_through(tmp_path, but=["deep/j.db"]) == []


def _plant(path: Path) -> None:
    """A name inside a packed state: not to be seen in the file's own bytes."""
    import sqlite3
    import zlib

    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("create table t(body blob)")
    connection.execute("insert into t values(?)", (zlib.compress(b"x" * 500 + "王小明".encode() + b"y" * 500),))
    connection.commit()
    connection.close()

"""The whole house on real wires: what a newcomer, an elder, a contact, a hostile neighbour and the night would see."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.house import GATEWAY, VirtualHouse
from gateway.demo.script import STEPS, play
from gateway.runtime.control import ControlUnavailable, request

HEARTHWATCH = [sys.executable, "-m", "gateway.cli.main"]


def cli(*args: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*HEARTHWATCH, *args], capture_output=True, text=True, timeout=60, check=False, **more)


@pytest.mark.timeout(300)
async def test_every_step_of_the_demo_holds() -> None:
    said: list[str] = []
    assert await play(said.append), "\n".join(said)
    assert sum(line.startswith("ok") for line in said) == len(STEPS) + 1


async def test_a_real_day_replayed_tells_the_same_story(house: VirtualHouse) -> None:
    house.motion()
    house.press("bedroom-button")
    await house.expect("platform", "RAISED")
    house.contact_answers("去不了2")  # unreadable: people's own words stay at home
    await house.expect("sms", "没看懂")
    await house.kill_gateway()
    await house.start_gateway()
    house.contact_answers("1")
    await house.expect("platform", "ACCEPTED")
    house.press("bathroom-cord")
    await house.expect("elder", "已收到", since=house.mark() - 1)
    house.press("cancel-button")
    await house.expect("platform", "CANCELLED_LOCAL")
    exported = cli("events", "--config", str(house.config_file))
    assert exported.returncode == 0, exported.stderr
    for secret in ("王阿婆", "王小明", "13800000001", "231d39c1", "去不了"):
        assert secret not in exported.stdout
    again = cli("replay", "-", input=exported.stdout)
    assert again.returncode == 0, again.stderr
    story = [(r["alarm"], r["state"]) for r in map(json.loads, again.stdout.splitlines()) if "alarm" in r]
    lived = re.findall(r"alarm (\d+) \w+ ([A-Z_]+) \(", (house.folder / "gateway.log").read_text())
    assert story == [(int(n), state) for n, state in lived]
    assert [s for n, s in story if n == 1] == ["DETECTED", "PRE_ALARM", "RAISED", "ACCEPTED"]


async def test_the_record_of_an_alarm_names_everybody_and_holds(house: VirtualHouse) -> None:
    """Pressed, answered, closed at home by an authenticated person; shown at once, printed, and verified afterwards."""
    config = ("--config", str(house.config_file))
    house.press("bedroom-button")
    await house.expect("sms", "→", "按了", within_s=60)
    house.contact_answers("1")
    await house.expect("platform", "ACCEPTED")
    unsaid = cli("incidents", "close", "1", "--outcome", "HELPED", "--by", "visitor-3", *config)
    assert unsaid.returncode == 2
    assert "why nobody had to" in unsaid.stderr
    closed = cli(
        "incidents", "close", "1", "--outcome", "HELPED", "--by", "visitor-3", "--no-emergency-call", "没受伤", *config
    )
    assert closed.returncode == 0, closed.stderr
    await house.expect("platform", "CLOSED")
    again = cli("incidents", "close", "1", "--outcome", "FALSE_ALARM", "--by", "visitor-3", *config)
    assert again.returncode != 0
    assert "nothing to close" in again.stderr
    nobody = cli("incidents", "follow-up", "7", "URGENT_NEED_RELIEF", "DONE", "--by", "town-2", *config)
    assert nobody.returncode != 0
    assert "none of that number" in nobody.stderr
    (due,) = cli("incidents", "follow-ups", "--json", *config).stdout.splitlines()
    assert (json.loads(due)["incident"], json.loads(due)["kind"]) == (1, "URGENT_NEED_RELIEF")
    noted = cli("incidents", "follow-up", "1", "URGENT_NEED_RELIEF", "DONE", "--by", "town-2", *config)
    assert noted.returncode == 0, noted.stderr
    assert cli("incidents", "follow-ups", *config).stdout == "no follow-up is due\n"
    told = json.loads(cli("incidents", "show", "1", "--json", *config).stdout)
    assert (told["state"], told["outcome"], told["accepted_by"]) == ("CLOSED", "HELPED", "c1")
    assert told["closed_by"] == "visitor-3"
    assert told["emergency_call"] == {"not_needed": "没受伤"}
    assert told["follow_ups"][0]["result"] == "DONE"
    values = [body.get("seen", {}).get("value") for body in told["lines"]]
    said = [row[1:] for value in values if isinstance(value, dict) for row in value.get("said", ())]
    spoken = [json.loads(line) for line in (house.state / "spoken.jsonl").read_text().splitlines()]
    heard = next(row["heard"] for row in spoken if row["prompt"] == "V01")  # false where there is no loudspeaker
    assert ["V01", "said" if heard else "not_said"] in said  # what really came out, not only what was asked for
    child = house._child
    assert child is not None
    child.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(child.wait, 20) == 0
    house._child = None
    held = cli("incidents", "verify", "--json", *config)
    assert held.returncode == 0, held.stdout
    result = json.loads(held.stdout)
    assert (result["holds"], result["incidents"]) == (True, 1)
    sealed = json.loads(cli("incidents", "show", "1", "--json", *config).stdout)
    assert sealed["lines"][: len(told["lines"])] == told["lines"]  # as shown before it was sealed; later ones follow
    printed = cli("incidents", "export", "1", "--html", "--names", *config).stdout
    for part in ("王小明", "未拨打：没受伤", "已落实", "校验完整"):
        assert part in printed
    (archive,) = (house.state / "incidents").glob("*.log")
    archive.write_bytes(archive.read_bytes().replace(b'"HELPED"', b'"REFERRED"'))
    assert cli("incidents", "verify", *config).returncode == 1


async def test_a_hostile_neighbour_changes_nothing(house: VirtualHouse) -> None:
    """Forged adverts, a stranger's text, rubbish on every wire: counted, and the next press still works."""
    button = house.devices["bedroom-button"]
    real = button.button("press")
    house.bluez.advertise(button.address, real[:-1] + bytes([real[-1] ^ 1]))  # forged MIC
    house.bluez.advertise("C4:7C:8D:66:66:66", house.devices["bathroom-cord"].button("press"))  # a stranger's button
    house.bluez.advertise(house.devices["bathroom-cord"].address, b"\x44" + os.urandom(200))
    house.contact_answers("1", number="13999999999")

    def counted(driver: str) -> dict[str, int]:
        return next((d["counters"] for d in house.status().get("drivers", ()) if d["name"] == driver), {})

    def rubbish_was_read() -> bool:
        return bool(counted("modem").get("urc_without_pdu") and counted("meter:meter"))

    def refused() -> bool:
        strangers = house.status().get("counts", {}).get("sms_from_strangers")
        return strangers == 1 and counted("ble").get("auth_failed", 0) >= 1

    await house.until(refused, 60, "the forged press and the stranger's text were looked at")
    assert house.status()["alarms"] == []
    house.modem.raw(os.urandom(3000) + b"\r\n+CMT: ,999\r\nZZZZ\r\n")
    house.line.say(b"\x68" * 500)
    house.meter.bad_checksum = True
    await house.until(rubbish_was_read, 60, "and what came over the wires")
    house.meter.bad_checksum = False
    house.press("bedroom-button")
    await house.expect("sms", "→", "按了", within_s=60)
    house.contact_answers("1", number="13999999999")
    await house.until(lambda: house.status()["counts"].get("sms_from_strangers") == 2, 20, "the stranger was counted")
    (alarm,) = house.status()["alarms"]
    assert alarm["state"] == "RAISED"


async def test_rubbish_from_the_platform_moves_nothing(house: VirtualHouse) -> None:
    house.press("bedroom-button")
    raised = await house.expect("platform", "RAISED")
    epoch = raised.data["epoch"]
    topic = f"hw/v1/demo/{GATEWAY}/down/ack"
    session = house.platform._session
    assert session is not None
    for payload in (
        b"",
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"stage":"CLOSED"}',
        json.dumps({"alarm": 1, "stage": "CLOSED", "by": "x"}).encode(),  # no outcome
        json.dumps({"alarm": "feedfacefeedface-1", "stage": "ACCEPTED", "by": "x"}).encode(),  # another journal's
        json.dumps({"alarm": 99, "stage": "ACCEPTED", "by": "x"}).encode(),
        json.dumps({"epoch": epoch, "seq": ["a", None, 10**30], "stage": "RECEIVED"}).encode(),
        b'{"cmd":"format_disk"}' + b" " * 20_000,
    ):
        session.publish(topic, payload)
    house.accept_at_platform(raised.data["alarm"])  # comes after them on the same wire, and finds the alarm waiting
    accepted = await house.expect("platform", "CALL_FIXED ACCEPTED")
    assert accepted.data["by"] == "desk"
    (alarm,) = house.status()["alarms"]
    assert alarm["state"] == "ACCEPTED"


async def test_the_home_is_changed_while_the_gateway_runs(house: VirtualHouse) -> None:
    """A new call button works at once; the change is journalled; the file has one writer."""
    done = cli(
        "home", "set", "device", "balcony", "kind=button", "address=C4:7C:8D:00:00:99", "--config",
        str(house.config_file),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    from gateway.demo.bthome_device import VirtualBthomeDevice

    house.devices["balcony"] = VirtualBthomeDevice("C4:7C:8D:00:00:99")
    house.press("balcony")
    await house.expect("elder", "已收到呼叫")
    refused = cli("home", "set", "contact", "c9", "name=急救", "phone=120", "--config", str(house.config_file))
    assert refused.returncode != 0
    assert "emergency" in refused.stderr


async def test_sigterm_ends_it_cleanly_and_the_platform_knows(house: VirtualHouse) -> None:
    child = house._child
    assert child is not None
    await house.expect("platform", "ONLINE")
    since = house.mark()
    child.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(child.wait, 20) == 0
    await house.expect("platform", "OFFLINE", since=since)
    assert not (house.state / "control.sock").exists()
    house._child = None


async def test_kill_nine_makes_the_broker_say_offline(house: VirtualHouse) -> None:
    await house.expect("platform", "ONLINE")
    since = house.mark()
    await house.kill_gateway()
    await house.expect("platform", "OFFLINE", since=since)


async def test_doctor_and_status_speak_of_a_running_gateway(house: VirtualHouse) -> None:
    env = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": house.bus.address}
    found = cli("doctor", "--json", "--config", str(house.config_file), env=env)
    rows = json.loads(found.stdout)
    assert rows, found.stderr


def test_a_broken_configuration_is_named_and_exits_two(tmp_path: Path) -> None:
    (tmp_path / "hearthwatch.toml").write_text('[gateway]\nid = 5\nstate_dirr = "x"\n[journal]\nmax_mib = 2\n')
    done = cli("run", "--config", str(tmp_path))
    assert done.returncode == 2
    for part in ("gateway.id", "state_dirr", "journal.max_mib"):
        assert part in done.stderr
    assert "Traceback" not in done.stderr


async def test_with_no_radio_modem_or_broker_it_runs_and_says_what_is_missing(tmp_path: Path) -> None:
    assert cli("init", str(tmp_path)).returncode == 0
    config = tmp_path / "hearthwatch.toml"
    text = config.read_text()
    text = re.sub(r"(?m)^#? ?state_dir = .*$", 'state_dir = "state"', text, count=1)
    text = re.sub(r"(?m)^#? ?hosts = .*$", 'hosts = ["127.0.0.1:9"]', text, count=1)
    config.write_text(text)
    env = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/nobody"}
    child = await asyncio.create_subprocess_exec(
        *HEARTHWATCH, "run", "--config", str(config), env=env, stderr=asyncio.subprocess.PIPE
    )
    try:
        socket = tmp_path / "state" / "control.sock"
        status: dict[str, Any] = {}
        reasons: dict[str, str] = {}
        async with asyncio.timeout(60):  # for a loaded machine
            while not (status and reasons["modem"] and reasons["ble"] and status["upstream"]["failures_in_a_row"]):
                with contextlib.suppress(ControlUnavailable):
                    status = (await asyncio.to_thread(request, socket, {"op": "status"}))["status"]
                    reasons = {d["name"]: d["reason"] for d in status["drivers"]}
                await asyncio.sleep(0.1)
        assert reasons["modem"]
        assert reasons["ble"]
        assert status["upstream"]["state"] == "DOWN"
        assert status["stuck"] == []
        refused = await asyncio.to_thread(request, socket, {"op": "leap", "ms": 1000})
        assert refused["ok"] is False
        assert "refused" in refused["error"]
    finally:
        child.terminate()
        _, err = await asyncio.wait_for(child.communicate(), 20)
    assert child.returncode == 0
    assert b"Traceback" not in err

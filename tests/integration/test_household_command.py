"""What somebody at the home says for it by the command line of a running gateway: away, guests, mute."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

from gateway.demo.house import VirtualHouse
from gateway.runtime.control import request


async def hearthwatch(house: VirtualHouse, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway.cli.main", *args, "--config", str(house.config_file)]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)


async def ask(house: VirtualHouse, **asked: Any) -> dict[str, Any]:
    return await asyncio.to_thread(request, house.folder / "state" / "control.sock", asked, 5.0)


async def status(house: VirtualHouse) -> dict[str, Any]:
    return (await ask(house, op="status"))["status"]


async def inactivity(house: VirtualHouse) -> tuple[str, str]:
    rule = (await status(house))["rules"]["inactivity"]
    return rule["status"], rule["reason"]


async def test_away_and_guests_rest_inactivity_and_say_how_long_at_most(house: VirtualHouse) -> None:
    before = await inactivity(house)
    for words, said, stands in (
        (("away", "on"), "away: on, 12 h at most", ("OFF", "away")),
        (("away", "off"), "away: off", before),
        (("guests", "on"), "guests: on, 7 days at most", ("UNAVAILABLE", "guests")),
        (("guests", "off"), "guests: off", before),
    ):
        done = await hearthwatch(house, *words)
        assert (done.returncode, done.stdout.strip()) == (0, said), done.stderr
        assert await inactivity(house) == stands


async def test_a_mute_is_for_thirty_minutes_at_most_and_survives_a_restart(house: VirtualHouse) -> None:
    assert (await hearthwatch(house, "mute", "on")).stdout.strip() == "mute: on, 30 min at most"
    too_long = await hearthwatch(house, "mute", "on", "--minutes", "31")
    assert (too_long.returncode, "expected 1 to 30" in too_long.stderr) == (1, True)
    assert (await hearthwatch(house, "mute", "on", "--minutes", "5")).stdout.strip() == "mute: on, 5 min at most"
    assert 200 < (await status(house))["muted_s"] <= 300
    await house.kill_gateway()
    await house.start_gateway()
    assert 100 < (await status(house))["muted_s"] <= 300
    assert (await hearthwatch(house, "mute", "off")).stdout.strip() == "mute: off"
    assert (await status(house))["muted_s"] == 0


async def test_what_is_not_on_or_off_is_refused_and_without_a_gateway_it_says_so(house: VirtualHouse) -> None:
    for what in ("away", "guests", "mute"):
        answer = await ask(house, op=f"household.{what}", on="yes")
        assert (answer["ok"], "expected true or false" in answer["error"]) == (False, True)
    await house.kill_gateway()
    alone = await hearthwatch(house, "away", "on")
    assert alone.returncode == 1
    assert "running gateway" in alone.stderr


async def test_a_visitor_at_the_door_attends_the_call_and_who_telephones_does_not(house: VirtualHouse) -> None:
    house.press("bedroom-button")
    await house.expect("platform", "RAISED")
    house.contact_answers("1")
    await house.expect("platform", "ACCEPTED")
    by_phone = await hearthwatch(house, "visit", "--by", "c1", "--mode", "phone")
    assert (by_phone.returncode, by_phone.stdout.strip()) == (0, "visit: c1 arrived (phone)"), by_phone.stderr
    left = await hearthwatch(house, "visit", "--by", "n1", "--left")
    assert left.stdout.strip() == "visit: n1 left (on_site)"
    assert (await status(house))["alarms"][0]["state"] == "ACCEPTED"
    assert (await hearthwatch(house, "visit", "--by", "badge-7", "--elder", "r1")).returncode == 0
    await house.expect("platform", "ATTENDED")
    for wrong in (("--by", "王小明"), ("--mode", "telepathy"), ("--elder", "王阿婆")):
        assert (await hearthwatch(house, "visit", *wrong)).returncode == 1

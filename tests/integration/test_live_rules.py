"""`rules` and `tune` on a gateway that runs and on what it left behind; the platform's windows on their way in."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from typing import Any

from gateway.demo.house import GATEWAY, VirtualHouse
from gateway.journal.export import export
from gateway.observations import Kind
from gateway.rules.civil import CivilTime
from gateway.rules.table import all_rules

HEARTHWATCH = [sys.executable, "-m", "gateway.cli.main"]


def cli(house: VirtualHouse, *args: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*HEARTHWATCH, *args, "--config", str(house.config_file)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


async def rules(house: VirtualHouse) -> dict[str, Any]:
    return json.loads((await asyncio.to_thread(cli, house, "rules", "--json")).stdout)


async def stop(house: VirtualHouse) -> None:
    child = house._child
    assert child is not None
    child.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(child.wait, 30) == 0
    house._child = None


async def test_rules_and_tune_live_and_from_what_is_left(house: VirtualHouse) -> None:
    """The same rules with the same words, from the socket of the running gateway and from its last snapshot."""
    house.motion()
    house.press("bedroom-button")
    await house.expect("platform", "RAISED")
    live = await rules(house)
    assert live["source"] == "the running gateway"
    assert [row["rule"] for row in live["rules"]] == [rule.name for rule in all_rules(CivilTime())]
    told = {row["rule"]: (row["status"], row["reason"]) for row in live["rules"]}
    assert told["call_button"] == ("ARMED", "")
    assert told["welfare"] == ("OFF", "setting")
    assert "call_button" in (await asyncio.to_thread(cli, house, "rules")).stdout
    tuned = json.loads((await asyncio.to_thread(cli, house, "tune", "--json")).stdout)
    assert tuned == {"proposals": [], "untouched": {}}  # a call is no false alarm
    await stop(house)
    left = await rules(house)
    assert left["source"] == "the journal's last snapshot"
    assert [row["rule"] for row in left["rules"]] == [row["rule"] for row in live["rules"]]
    assert {r["rule"]: (r["status"], r["reason"]) for r in left["rules"]}["call_button"] == ("ARMED", "")
    again = json.loads((await asyncio.to_thread(cli, house, "tune", "--json")).stdout)
    assert again == tuned


async def test_a_window_of_the_platform_reaches_the_visits_rule_and_a_stranger_s_command_nothing(
    house: VirtualHouse,
) -> None:
    await house.expect("platform", "ONLINE")  # else the platform does not know whom it speaks to
    upstream = (house.status() or {})["upstream"]
    assert upstream["counts"]["attempts"] == 1, "the first connection was lost for no reason"
    assert house.platform.command(GATEWAY, {"cmd": "format_disk", "from": "2026-03-01", "to": "2026-03-02"})
    window = {"cmd": "remote_only", "from": "2026-03-12", "to": "2026-03-18", "reason": "typhoon", "more": "x" * 200}
    assert house.platform.command(GATEWAY, window)
    assert house.platform.command(GATEWAY, {"cmd": "extra_visit_window", "from": "2026-09-20", "to": "2026-09-26"})
    assert house.platform.command(GATEWAY, {"cmd": "area_outage", "on": True, "hours": 3, "why": "typhoon"})

    def heard() -> list[Any]:
        with export(house.state / "journal.db") as rows:
            return [row.observation.value for row in rows if row.observation.kind is Kind.COMMAND]

    await house.until(lambda: len(heard()) == 3, 30, "both windows and the outage in the journal")
    assert heard() == [
        {"cmd": "remote_only", "from": "2026-03-12", "to": "2026-03-18", "reason": "typhoon"},
        {"cmd": "extra_visit_window", "from": "2026-09-20", "to": "2026-09-26"},
        {"cmd": "area_outage", "on": True, "hours": 3},
    ]

"""T-13: the platform hears every five minutes that the rules run, from the rule loop itself, or it hears nothing."""

from __future__ import annotations

import asyncio
import json
import random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.config import Config
from gateway.journal import Limits
from gateway.rules.rule import Readiness
from gateway.runtime.gateway import Gateway
from gateway.runtime.heartbeat import Heartbeat
from gateway.runtime.storage import journal_limits
from gateway.upstream import messages


class Inside:
    """A gateway as far as its heartbeat looks: what it did, in order, and whether something is stuck."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.sent: list[dict[str, Any]] = []
        self.stuck: tuple[str, ...] = ()
        self.statuses = {
            "call_button": SimpleNamespace(readiness=Readiness.ARMED),
            **{f"rule-{n}": SimpleNamespace(readiness=Readiness.UNAVAILABLE) for n in range(9)},
        }
        self.muted = False
        controller = SimpleNamespace(
            t=0,
            statuses=lambda: self.statuses,
            book=SimpleNamespace(live=lambda: iter([17, 18])),
            desk=SimpleNamespace(quiet=SimpleNamespace(muted=lambda _severity, _t: self.muted)),
        )
        self.heart = SimpleNamespace(
            tick=lambda: self.did.append("tick"),
            controller=controller,
            clock=SimpleNamespace(trust=lambda: "NTP"),
        )
        self.watchdog = SimpleNamespace(stuck=self._look)
        self.upstream: Any = SimpleNamespace(publish_heartbeat=self._publish)
        self.journal = SimpleNamespace(health=lambda: SimpleNamespace(outbox_rows=3))
        self.power: dict[str, Any] = {}
        self.ways_in = SimpleNamespace(blind=lambda: [f"device-{n}" for n in range(9)], power=lambda: self.power)

    def _look(self) -> tuple[str, ...]:
        self.did.append("look")
        return self.stuck

    def _publish(self, body: dict[str, Any]) -> bool:
        self.did.append("send")
        self.sent.append(body)
        return True


def heartbeat_of(inside: Inside, interval_s: float = 300.0, seed: int = 1) -> Heartbeat:
    return Heartbeat(cast(Gateway, inside), interval_s, random.Random(seed))


async def test_the_rules_run_first_and_are_looked_at_before_anything_is_said() -> None:
    inside = Inside()
    assert heartbeat_of(inside).beat()
    assert inside.did == ["tick", "look", "send"]


async def test_a_gateway_that_is_stuck_is_silent_and_speaks_again_when_it_is_not() -> None:
    inside = Inside()
    heart = heartbeat_of(inside)
    inside.stuck = ("store",)
    assert not heart.beat()
    assert inside.sent == []
    inside.stuck = ()
    assert heart.beat()
    assert [body["n"] for body in inside.sent] == [1]


async def test_a_rule_loop_that_fails_says_nothing() -> None:
    inside = Inside()

    def broken() -> None:
        raise RuntimeError("a bug in a rule")

    inside.heart.tick = broken
    with pytest.raises(RuntimeError):
        heartbeat_of(inside).beat()
    assert inside.sent == []


async def test_without_a_platform_nothing_is_sent() -> None:
    inside = Inside()
    inside.upstream = None
    assert not heartbeat_of(inside).beat()


async def test_what_it_says_are_indices_of_health_in_at_most_300_bytes() -> None:
    inside = Inside()
    heartbeat_of(inside).beat()
    body = inside.sent[0]
    assert (body["clock_trust"], body["open_alarms"], body["q_depth"]) == ("NTP", 2, 3)
    assert body["rules"] == {"armed": 1, "unavailable": [f"rule-{n}" for n in range(5)]}
    assert len(body["blind"]) == 5
    assert "motion" not in json.dumps(body)
    assert len(messages.heartbeat(body, gateway="gw-0001", epoch="9f86d081884c7d65")) <= 300


async def test_it_says_what_the_gateway_runs_on_where_that_is_known() -> None:
    inside = Inside()
    heart = heartbeat_of(inside)
    heart.beat()
    inside.power = {"pwr": "BATTERY", "batt_pct": 64}
    heart.beat()
    assert ["pwr" in body for body in inside.sent] == [False, True]
    assert (inside.sent[1]["pwr"], inside.sent[1]["batt_pct"]) == ("BATTERY", 64)
    assert len(messages.heartbeat(inside.sent[1], gateway="gw-0001", epoch="9f86d081884c7d65")) <= 300


async def test_a_home_that_was_muted_says_so() -> None:
    inside = Inside()
    heart = heartbeat_of(inside)
    heart.beat()
    inside.muted = True
    heart.beat()
    assert [body.get("muted") for body in inside.sent] == [None, True]


async def test_each_pause_is_the_interval_give_or_take_a_tenth_and_no_two_gateways_alike() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    one, other = heartbeat_of(Inside(), seed=seed), heartbeat_of(Inside(), seed=seed + 1)
    pauses = [one.pause_s() for _ in range(500)]
    assert 270.0 <= min(pauses) < 280.0
    assert 320.0 < max(pauses) <= 330.0
    assert pauses != [other.pause_s() for _ in range(500)]


async def test_it_goes_on_at_its_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that passes when it is slept on."""
    inside, slept = Inside(), []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 4:
            raise asyncio.CancelledError

    monkeypatch.setattr("gateway.runtime.heartbeat.asyncio.sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await heartbeat_of(inside, interval_s=60).run()
    assert len(inside.sent) == 4
    assert slept[0] == 2.0, "the platform sees a new start soon"
    assert all(54.0 <= s <= 66.0 for s in slept[1:])


def test_the_default_configuration_keeps_what_t_33_and_pipl_ask() -> None:
    limits = journal_limits(Config().journal)
    day_ms = 86_400_000
    assert limits.alarm_keep_ms == 90 * day_ms == Limits.MIN_ALARM_KEEP_MS
    assert limits.alarm_keep_rows == 1_000
    assert limits.routine_keep_ms == 30 * day_ms
    assert Config().mqtt.heartbeat_s == 300

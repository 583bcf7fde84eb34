"""Each rule keeps its word: it reads the numbers it declares and no other, says the codes it declares and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from every_kind_home import DEVICES, Script, fresh, observations, scripts
from hypothesis import given, settings

from gateway.alarms.codes import CODES
from gateway.cli.rules_doc import documentation
from gateway.home.model import CONSENTS, Contact, Device, HomeView
from gateway.observations import Observation
from gateway.parameters import TABLE, Parameters
from gateway.rules.civil import CivilTime
from gateway.rules.declared import ANY_CONDITION
from gateway.rules.rule import Finding, Note, Readiness, Rule, Signal, Technical, Upgrade
from gateway.rules.table import all_rules

REPO = Path(__file__).parents[2]
LATER = {"vitals", "upkeep"}
"""Read their numbers when something is said, not when they are configured."""
NAMES = [rule.name for rule in all_rules(CivilTime())]


class Spied(Parameters):
    """Remembers what is read."""

    __slots__ = ("read",)

    def __init__(self, **settings: float) -> None:
        super().__init__({k.replace("__", "."): v for k, v in settings.items()})
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> float:
        self.read.add(name)
        return super().__getitem__(name)

    def ms(self, name: str) -> int:
        self.read.add(name)
        return super().ms(name)


def rule_of(name: str) -> Rule:
    return next(rule for rule in all_rules(CivilTime(0, "NTP")) if rule.name == name)


def homes() -> list[HomeView]:
    agreed = dict.fromkeys(CONSENTS, True)
    return [
        HomeView(consents=agreed),
        HomeView(devices={d.id: d for d in DEVICES}, contacts=(Contact("c1", 1),), consents=agreed),
        HomeView(devices={"w": Device("w", "water_meter")}, consents=agreed),
    ]


def test_the_documentation_is_current() -> None:
    page = (REPO / "docs" / "rules.md").read_text(encoding="utf-8")
    assert page == documentation(), "run: hearthwatch rules-doc > docs/rules.md"


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_reads_the_numbers_it_declares_and_no_other(name: str) -> None:
    read: set[str] = set()
    for home in homes():
        spied = Spied()
        list(rule_of(name).configure(home, spied, 0))
        read |= spied.read
    declared = set(rule_of(name).declared.reads)
    assert declared >= read if name in LATER else declared == read


@pytest.mark.parametrize("name", NAMES)
def test_what_is_declared_exists_and_every_rule_says_what_it_does(name: str) -> None:
    declared = rule_of(name).declared
    assert len(declared.does) > 10
    assert declared.needs
    for number in declared.parameters:
        room, _, key = number.partition(".")
        assert number in TABLE or (key == "*" and any(n.startswith(f"{room}.") for n in TABLE)), number
    assert set(declared.says) <= {*CODES, ANY_CONDITION}
    assert declared.consent in {"", *CONSENTS}


@pytest.mark.parametrize("name", NAMES)
def test_without_the_consent_it_declares_a_rule_is_off_and_says_so(name: str) -> None:
    rule = rule_of(name)
    chosen = NEEDED | {"water_preset.rule": float(name == "low_water_preset")}
    rule.configure(HomeView(devices={d.id: d for d in DEVICES}), Parameters(chosen), 0)
    status = rule.status()
    if rule.declared.consent:
        assert status.readiness is Readiness.OFF
        assert status.reason in ("no_consent", "nobody_asked"), status
    else:
        assert status.reason != "no_consent"


NEEDED = {"welfare.by_h": 9, "geofence.radius_m": 100, "visits.class": 2, "door_not_used.watch": 2}
"""Without which these rules are off for another reason."""


def codes(signals: tuple[Signal, ...]) -> set[str]:
    found = {s.code for s in signals if isinstance(s, (Finding, Technical, Note))}
    return found | {s.to for s in signals if isinstance(s, Upgrade)}


@given(scripts)
@settings(deadline=None, max_examples=25)
def test_a_rule_says_the_codes_it_declares_and_no_other(script: Script) -> None:
    controller = fresh(visits__class=2.0)
    said: dict[str, set[str]] = {}
    for rule in controller.rules:
        _overhear(rule, said.setdefault(rule.name, set()))
    for observation in observations(script):
        controller.handle(observation)
    assert controller.faults == {}
    for rule in controller.rules:
        if ANY_CONDITION not in rule.declared.says:
            assert said[rule.name] <= set(rule.declared.says), rule.name


def _overhear(rule: Rule, into: set[str]) -> None:
    observe, advance = rule.observe, rule.advance

    def observed(observation: Observation) -> tuple[Signal, ...]:
        signals = tuple(observe(observation))
        into.update(codes(signals))
        return signals

    def advanced(t: int) -> tuple[Signal, ...]:
        signals = tuple(advance(t))
        into.update(codes(signals))
        return signals

    rule.observe = observed  # type: ignore[method-assign]
    rule.advance = advanced  # type: ignore[method-assign]


def test_every_number_is_some_rules_or_the_flows() -> None:
    """A number nobody reads is a setting that does nothing."""
    page = documentation()
    assert all(f"`{name}`" in page for name in TABLE)

"""Push messages: beside the text, with a link that is the contact's own; addresses stay secret."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway.actions import Lamp, Push
from gateway.alarms import words
from gateway.channels.port import Delivered, NotDelivered, Outcome, State
from gateway.channels.push import MISSING, AppriseService, NoPushService, PushChannel, PushService
from gateway.cli.home_screen import without_secrets
from gateway.home.model import BadHome, Home, read_home

SECRET = "ntfy://tokenSECRET@ntfy.example/王阿公"
DOCUMENT: dict[str, Any] = {
    "residents": [{"id": "r1", "name": "王阿公"}],
    "rooms": [{"id": "bedroom", "label": "卧室"}],
    "devices": [],
    "contacts": [
        {"id": "c1", "name": "女儿", "phone": "13800000001", "push": f"{SECRET} wecombot://KEY1"},
        {"id": "c2", "name": "邻居", "phone": "13800000002"},
    ],
    "consents": {},
    "settings": {},
}


class Service:
    """The far end: takes messages, or not."""

    def __init__(self, *, takes: bool = True, hangs: bool = False) -> None:
        self.takes, self.hangs = takes, hangs
        self.messages: list[tuple[tuple[str, ...], str]] = []

    async def notify(self, addresses: Sequence[str], text: str) -> bool:
        self.messages.append((tuple(addresses), text))
        if self.hangs:
            await asyncio.Event().wait()
        return self.takes


class House:
    def __init__(self, service: PushService | None = None, home: Home | None = None, **options: Any) -> None:
        self.home = home or read_home(DOCUMENT)
        self.service = service or Service()
        options.setdefault("make_service", lambda: self.service)
        self.push = PushChannel(lambda: self.home, words.load(), **options)

    async def carry(self, to: str = "c1", template: str = "S01") -> Outcome:
        params = {"time": "08:15", "place": "卧室", "ref": "17", "code": "CALL_FIXED"}
        return await self.push.carry(Push(f"a17:push:{to}", to, template, params, 17, "P0"))


async def test_the_daughter_gets_the_text_on_all_her_addresses_with_a_link() -> None:
    service = Service()
    house = House(service, link=lambda push: f"https://p.example/a/{push.contact}")
    assert await house.carry() == Delivered()
    addresses, text = service.messages[0]
    assert addresses == (SECRET, "wecombot://KEY1")
    assert text.startswith("【居家守护】王阿公08:15在卧室按了紧急按钮。")
    assert text.endswith("\n能去请点：https://p.example/a/c1")


async def test_without_a_page_there_is_no_link() -> None:
    service = Service()
    await House(service).carry()
    assert "http" not in service.messages[0][1]


async def test_who_has_no_address_is_pushed_nothing() -> None:
    house = House()
    for to in ("c2", "c9"):
        outcome = await house.carry(to)
        assert isinstance(outcome, NotDelivered)
        assert outcome.retry_after_s is None
    assert isinstance(await house.push.carry(Lamp("l", "off")), NotDelivered)


async def test_a_service_that_refuses_or_hangs_is_tried_again_later() -> None:
    for service in (Service(takes=False), Service(hangs=True)):
        house = House(service, limit_s=0.05)
        outcome = await house.carry()
        assert isinstance(outcome, NotDelivered)
        assert outcome.retry_after_s is not None
        assert house.push.health().state is State.DOWN
        house.push._service = Service()
        await house.carry()
        assert house.push.health().state is State.UP


async def test_push_that_is_not_configured_is_off_and_says_so() -> None:
    house = House(make_service=None)
    assert isinstance(await house.carry(), NotDelivered)
    assert house.push.health().state is State.OFF


async def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(NoPushService):
        AppriseService()
    house = House(make_service=AppriseService)
    assert await house.carry() == NotDelivered(MISSING, None)
    assert house.push.health().why == MISSING


async def test_apprise_is_asked_address_by_address_and_one_that_breaks_costs_the_others_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A stand-in of Apprise's two calls (`add`, `notify`): the extra itself is not installed for the tests."""
    import sys
    from types import SimpleNamespace

    got: list[tuple[str, str]] = []

    class Apprise:
        def add(self, address: str) -> bool:
            self.address = address
            return "://" in address

        def notify(self, *, body: str) -> bool:
            if "broken" in self.address:
                raise RuntimeError(f"cannot reach {self.address}")
            got.append((self.address, body))
            return True

    monkeypatch.setitem(sys.modules, "apprise", SimpleNamespace(Apprise=Apprise))
    service = AppriseService()
    assert await service.notify(["ntfy://broken", "bark://good"], "文字")
    assert got == [("bark://good", "文字")]
    assert not await service.notify(["ntfy://broken"], "文字")
    assert "broken" not in caplog.text


# ---- addresses are secrets


def test_no_address_is_in_the_view_on_the_screen_or_in_a_representation() -> None:
    home = read_home(DOCUMENT)
    assert home.view.contacts[0].channels == ("sms", "call", "push")
    assert "SECRET" not in repr(home)
    assert "SECRET" not in str(home.view.to_json())
    assert "SECRET" not in str(without_secrets(DOCUMENT))
    assert home.pushes["c1"][0] == SECRET


@pytest.mark.parametrize("push", ["", 7, "no-scheme", "ntfy://a " * 5, "ntfy://" + "x" * 600, "javascript:alert(1)"])
def test_an_address_that_is_none_is_refused_and_not_shown(push: object) -> None:
    document = {**DOCUMENT, "contacts": [{**DOCUMENT["contacts"][0], "push": push}]}
    with pytest.raises(BadHome) as caught:
        read_home(document)
    assert "contacts.c1.push" in str(caught.value)
    assert "alert" not in str(caught.value)


async def test_an_emergency_number_is_refused_a_second_time_whatever_got_into_the_registry() -> None:
    service = Service()
    house = House(service, replace(read_home(DOCUMENT), pushes={"c1": ("twilio://S:T@13800000001/120",)}))
    assert await house.carry() == NotDelivered("c1: an address names an emergency number", None)
    assert service.messages == []


async def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await House(Service(takes=False)).carry()
    await House().carry()
    for secret in ("SECRET", "KEY1", "王阿公", "女儿"):
        assert secret not in caplog.text


def test_a_home_without_addresses_is_the_home_it_was() -> None:
    document = {**DOCUMENT, "contacts": DOCUMENT["contacts"][1:]}
    home = read_home(document)
    assert home.pushes == {}
    assert replace(home).view.contacts[0].channels == ("sms", "call")

"""What the household can mend: told in the daytime, once a week at most, to who is near (domain 4.1, T-18 to T-20)."""

from __future__ import annotations

import json

import pytest
from virtual_home import House, home

from gateway.actions import Push
from gateway.controller import Controller
from gateway.controller.signals import heed
from gateway.home.model import Contact
from gateway.observations import Kind
from gateway.rules.rule import Technical

HOUR = 3600
DAY = 24 * HOUR


def mains(house: House, *, fail: bool) -> None:
    house.say(Kind.CONDITION, {"code": "MAINS_FAIL", "on": fail})


def condition(house: House, code: str, device: str, *, on: bool = True) -> None:
    """Another rule says that a device's condition began or ended."""
    controller = house.controller
    heed(controller, (Technical(code, device, on, "test"),), house.now_ms)
    house._keep(controller.advance(house.now_ms))


def test_an_hour_without_mains_is_told_and_so_is_its_end() -> None:
    house = House()
    mains(house, fail=True)
    house.wait(HOUR - 1)
    assert house.texts() == []
    house.wait(1)
    (text,) = house.texts("S13")
    assert (text.contact, text.params["mins"], text.alarm) == ("c1", 60, None)
    mains(house, fail=False)
    house.wait(299)
    assert house.told("S14") == []
    house.wait(1)
    assert house.told("S14") == ["c1"]


def test_a_short_outage_is_told_to_no_contact() -> None:
    house = House()
    mains(house, fail=True)
    house.wait(1800)
    mains(house, fail=False)
    house.wait(DAY)
    assert house.texts() == []


def test_the_elder_hears_of_the_mains_at_once_then_every_three_hours_of_the_day() -> None:
    house = House()
    mains(house, fail=True)
    house.wait(90)
    assert house.said() == ["V12"]
    house.wait(6 * HOUR)
    assert house.said() == ["V12"] * 3
    house.at_the_hour(22)
    so_far = len(house.said())
    house.at_the_hour(5, 59)
    assert len(house.said()) == so_far
    mains(house, fail=False)
    house.wait(300)
    assert house.said()[-1] == "V13"


@pytest.mark.parametrize("jitter_s", [0, 1, 60, 120])
def test_who_sits_in_the_dark_waits_for_no_jitter(jitter_s: int) -> None:
    """T-18: a minute after the lamp went out, whatever this gateway's own turn at the platform is (T-19)."""
    house = House(technical__mains_jitter_s=jitter_s)
    mains(house, fail=True)
    house.wait(59.999)
    assert house.said() == []
    house.wait(0.001)
    assert house.said() == ["V12"]
    house.wait(HOUR - 60)
    (text,) = house.texts("S13")
    assert text.params["mins"] == 60


def test_power_that_came_back_before_the_platform_was_told_is_said_to_be_back() -> None:
    house = House(technical__mains_jitter_s=120)
    mains(house, fail=True)
    house.wait(90)
    mains(house, fail=False)
    house.wait(299)
    assert house.said() == ["V12"]
    house.wait(1)
    assert house.said() == ["V12", "V13"]
    assert house.notices == []


def test_a_flicker_is_one_outage_and_nothing_is_said_while_it_seems_to_be_over() -> None:
    house = House()
    mains(house, fail=True)
    house.wait(3 * HOUR - 100)  # the elder would hear of it again in 160 s, and the contact has
    mains(house, fail=False)
    house.wait(200)
    assert house.said() == ["V12"]
    mains(house, fail=True)
    house.wait(1)
    assert house.said() == ["V12", "V12"]
    house.wait(HOUR)
    assert house.told("S13", "S14") == ["c1"]


def test_a_blip_of_which_nobody_heard_leaves_no_trace() -> None:
    house = House()
    for _ in range(5):
        mains(house, fail=True)
        house.wait(50)
        mains(house, fail=False)
        house.wait(HOUR / 4)
    assert (house.said(), house.texts(), house.notices) == ([], [], [])


def area(house: House, **value: object) -> None:
    house.say(Kind.COMMAND, {"cmd": "area_outage", **value})


def test_in_a_known_area_outage_no_contact_is_asked_to_look_at_a_plug() -> None:
    house = House()
    mains(house, fail=True)
    house.wait(HOUR / 2)
    area(house, on=True)
    house.wait(5 * HOUR)
    assert house.told("S13") == []
    assert house.said().count("V12") >= 2  # the elder is told all the same
    mains(house, fail=False)
    house.wait(300)
    area(house, on=False)
    house.wait(DAY)
    assert house.told("S13", "S14") == []


def test_who_is_still_dark_when_the_area_is_not_is_a_matter_for_the_contacts() -> None:
    house = House()
    area(house, on=True, hours=3)
    mains(house, fail=True)
    house.wait(2 * HOUR)
    area(house, on=False)
    house.wait(299)  # not every house has power again in the same second
    assert house.told("S13") == []
    house.wait(1)
    (text,) = house.texts("S13")
    assert (text.contact, text.params["mins"]) == ("c1", 125)


@pytest.mark.parametrize(("more", "hours"), [({}, 6), ({"hours": 2}, 2), ({"hours": 1.5}, 1.5)])
def test_a_word_that_is_never_taken_back_holds_for_so_long_and_no_longer(more: dict[str, float], hours: float) -> None:
    house = House()
    area(house, **more)
    mains(house, fail=True)
    house.wait(hours * HOUR + 299)
    assert house.told("S13") == []
    house.wait(1)
    assert house.told("S13") == ["c1"]


@pytest.mark.parametrize(
    "value", [{"on": 1}, {"on": "yes"}, {"hours": 0}, {"hours": -1}, {"hours": 25}, {"hours": True}, {"hours": "6"}]
)
def test_a_word_on_the_area_that_is_none_changes_nothing(value: dict[str, object]) -> None:
    house = House()
    area(house, **value)
    mains(house, fail=True)
    house.wait(HOUR)
    assert house.told("S13") == ["c1"]


def test_an_outage_of_the_area_silences_nothing_else() -> None:
    house = House()
    area(house, on=True)
    mains(house, fail=True)
    house.wait(61)
    assert [n.code for n in house.notices] == ["MAINS_FAIL"]  # the platform counts them
    house.press()
    house.wait(10)
    assert house.told("S01") == ["c1"]
    condition(house, "DEVICE_BATTERY_LOW", "bedroom")
    assert house.told("S16") == ["c1"]


def test_the_area_and_the_outage_survive_a_restart_and_time_unseen_counts_for_neither() -> None:
    house = House()
    area(house, on=True, hours=2)
    mains(house, fail=True)
    house.wait(30)
    house.controller = type(house.controller).from_json(house.controller.to_json())
    house.wait(HOUR)
    assert (house.said(), house.told("S13")) == (["V12"], [])
    house.now_ms += 600_000
    house.say(Kind.RESTART)
    house.wait(HOUR - 570)
    assert house.told("S13") == []  # two hours of the area and five minutes: not yet
    house.wait(300)
    (text,) = house.texts("S13")
    assert text.params["mins"] == 115  # 125 of which ten were not seen


def test_a_snapshot_of_an_older_version_knows_no_area() -> None:
    house = House()
    mains(house, fail=True)
    house.wait(HOUR / 2)
    state = house.controller.to_json()
    for name in ("back", "area"):
        del state["rules"]["upkeep"][name]
    house.controller = type(house.controller).from_json(state)
    house.wait(HOUR / 2)
    assert house.told("S13") == ["c1"]


def test_nobody_is_woken_for_a_battery() -> None:
    house = House()
    house.at_the_hour(23)
    condition(house, "DEVICE_BATTERY_LOW", "bedroom")
    assert house.texts() == []
    house.at_the_hour(6)
    (text,) = house.texts("S16")
    assert text.params["device"] == "bedroom"
    assert house.said() == ["V14"]


def test_what_waits_for_the_morning_is_told_though_the_gateway_was_started_anew_in_the_night() -> None:
    house = House()
    house.at_the_hour(23)
    condition(house, "DEVICE_BATTERY_LOW", "bedroom")
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    house.at_the_hour(6)
    assert [text.params["device"] for text in house.texts("S16")] == ["bedroom"]


def test_one_text_per_device_and_matter_a_week() -> None:
    house = House()
    for _ in range(6):
        condition(house, "DEVICE_BATTERY_LOW", "bedroom")
        condition(house, "DEVICE_BATTERY_LOW", "bedroom", on=False)
        condition(house, "DEVICE_BATTERY_LOW", "bedroom")
        house.wait(DAY)
    assert house.told("S16") == ["c1"]
    condition(house, "DEVICE_BATTERY_LOW", "bathroom")
    assert house.told("S16") == ["c1", "c1"]
    house.wait(DAY)
    condition(house, "DEVICE_BATTERY_LOW", "bedroom")
    assert len(house.told("S16")) == 3


@pytest.mark.parametrize(("device", "told"), [("bedroom", ["c1"]), ("pendant", ["c1"]), ("hall-pir", [])])
def test_only_a_lost_life_safety_device_is_the_familys_matter(device: str, told: list[str]) -> None:
    house = House()
    condition(house, "DEVICE_LOST", device)
    assert house.told("S15") == told


def test_who_has_a_key_is_told_too_and_nobody_without_consent() -> None:
    contacts = (Contact("c1", 1), Contact("c2", 2), Contact("n1", 1, "primary_visit_contact", can_enter=True))
    house = House(home(contacts=contacts))
    condition(house, "DEVICE_LOST", "bedroom")
    assert house.told("S15") == ["c1", "n1"]
    house = House(home(contacts=contacts, consents={"MONITORING": True}))
    condition(house, "DEVICE_LOST", "bedroom")
    assert house.texts() == []


def test_what_was_told_is_not_told_again_after_a_restart() -> None:
    house = House()
    mains(house, fail=True)
    house.wait(90 + HOUR)
    assert house.told("S13") == ["c1"]
    again = type(house.controller).from_json(house.controller.to_json())
    assert again.to_json() == house.controller.to_json()
    rebuilt = type(house.controller)(home(), offset_ms=house.controller.offset_ms, trust="NTP")
    for observation, events in house.history:
        rebuilt.rebuild(observation, events)
    rebuilt.rebuilt()
    upkeep = next(rule for rule in rebuilt.rules if rule.name == "upkeep")
    assert upkeep.to_json() == next(r for r in house.controller.rules if r.name == "upkeep").to_json()


# ---- who takes no texts


def pushed(house: House) -> list[tuple[str, str]]:
    return [(a.contact, a.template) for a in house.actions if isinstance(a, Push)]


def test_a_landline_with_a_push_address_hears_of_mains_battery_and_lost_button_like_anybody() -> None:
    """S13 to S16 were texted to nobody there: what a contact with SMS gets, one with push alone gets too."""
    house = House(home(contacts=(Contact("land", 1, channels=("call", "push")), Contact("c2", 2))))
    mains(house, fail=True)
    house.wait(60 + HOUR)
    mains(house, fail=False)
    house.wait(300)
    condition(house, "DEVICE_LOST", "pendant")
    condition(house, "DEVICE_BATTERY_LOW", "bedroom")
    assert pushed(house) == [("land", "S13"), ("land", "S14"), ("land", "S15"), ("land", "S16")]
    assert house.texts() == []
    mins = next(a.params["mins"] for a in house.actions if isinstance(a, Push))
    assert mins == 60


def test_who_takes_texts_is_not_told_twice_and_who_has_neither_is_passed_over() -> None:
    both = Contact("c1", 1, channels=("sms", "push"))
    house = House(home(contacts=(Contact("land", 0, channels=("call",)), both)))
    mains(house, fail=True)
    house.wait(60 + HOUR)
    assert (pushed(house), house.told("S13")) == ([], ["c1"])


def test_a_key_holder_with_push_alone_is_told_beside_the_first() -> None:
    neighbour = Contact("n1", 1, "primary_visit_contact", channels=("call", "push"), can_enter=True)
    house = House(home(contacts=(Contact("c1", 1), neighbour)))
    condition(house, "DEVICE_BATTERY_LOW", "bedroom")
    assert (house.told("S16"), pushed(house)) == (["c1"], [("n1", "S16")])

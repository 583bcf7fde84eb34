"""The home as data: what is refused, how a number is compared, and that the view tells no secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.home.model import (
    CONSENTS,
    EMERGENCY_NUMBERS,
    BadHome,
    check_number,
    is_emergency,
    normal_number,
    read_home,
    units,
    view_from_json,
)
from gateway.home.numbers import masked

HOME: dict[str, Any] = {
    "revision": 7,
    "residents": [{"id": "r1", "name": "王阿公"}, {"id": "r2", "name": "王阿婆"}],
    "rooms": [{"id": "kitchen", "label": "厨房"}, {"id": "entrance", "label": "大门"}],
    "devices": [
        {"id": "button-1", "kind": "button", "address": "aa:bb:cc:dd:ee:01", "key": "0123456789abcdef" * 2},
        {"id": "front-door", "kind": "contact", "room": "entrance", "entrance": True, "address": "AA:BB:CC:DD:EE:02"},
        {"id": "kitchen-pir", "kind": "motion", "room": "kitchen", "heartbeat_s": 3600, "label": "厨房感应"},
        {"id": "meter", "kind": "electricity_meter", "interval_s": 60, "address": "112233445566"},
    ],
    "contacts": [
        {"id": "c3", "name": "村委", "phone": "0595-85551234", "kind": "village_liaison"},
        {"id": "c2", "name": "小红", "phone": "+86 139 0000 0002", "order": 2},
        {"id": "c1", "name": "小明", "phone": "13800000001", "order": 1},
    ],
    "consents": {"MONITORING": True, "NOTIFY_FAMILY": True, "WHEREABOUTS": False},
    "settings": {"call_button.pre_alarm_s": 5},
}


def with_(**changes: Any) -> dict[str, Any]:
    return {**HOME, **changes}


def problems(document: Any) -> list[str]:
    with pytest.raises(BadHome) as caught:
        read_home(document)
    return caught.value.problems


# --- telephone numbers -------------------------------------------------------------------------------------------


def full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


SPELLINGS = [
    "{n}", " {n} ", "+86{n}", "+86 {n}", "0086{n}", "86{n}", "+86-{n}", "(+86) {n}", "0595{n}", "0595-{n}", "(0595){n}",
    "010{n}", "021-{n}", "+86595{n}", "+86 0595 {n}", "0086 595 {n}", "0{n}", "00{n}", "+{n}", "\u202a{n}\u202c",
    "\u200b{n}", "{n}.", "{n}#", "{n}\n",
]  # fmt: skip


@pytest.mark.parametrize("spelling", ["{n}", "+86{n}", "%2B86{n}", "0595-{n}", "%31{rest}", "{n}?from=x", "x/{n}/y"])
@pytest.mark.parametrize("service", ["twilio://SID:TOKEN@13800000001/", "clicksend://user:key@", "sinch://a:b@c?to="])
def test_no_push_address_names_an_emergency_number(service: str, spelling: str) -> None:
    """Some services that a push address may name send texts or make calls to the number in it."""
    for number in ("120", "110", "12345"):
        address = service + spelling.format(n=number, rest=number[1:])
        document = {"contacts": [{"id": "c1", "name": "小明", "phone": "13800000001", "push": f"ntfy://ok {address}"}]}
        with pytest.raises(BadHome, match=r"contacts\.c1\.push: names a public emergency") as caught:
            read_home(document)
        assert "TOKEN" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["ntfy://ntfy.sh/topic120", "gotify://192.168.1.120:8080/tok", "bark://86.0.0.110/k", "wecombot://key-119-abc",
     "ntfy://user:p120@host/x", "twilio://S:T@13800000001/13800000002"],
)  # fmt: skip
def test_an_address_that_only_looks_like_it_is_kept(address: str) -> None:
    row = {"id": "c1", "name": "小明", "phone": "13800000001", "push": address}
    assert read_home({"contacts": [row]}).pushes == {"c1": (address,)}


@pytest.mark.parametrize("number", sorted(EMERGENCY_NUMBERS))
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_emergency_number_is_refused_in_every_spelling(number: str, spelling: str) -> None:
    written = spelling.format(n=number)
    spaced = spelling.format(n=" ".join(number))
    dashed = spelling.format(n="-".join(number))
    for found in (written, spaced, dashed, full_width(written), full_width(dashed)):
        assert is_emergency(found), found
        with pytest.raises(ValueError, match="emergency"):
            check_number(found)
        assert any("emergency" in p for p in problems(with_(contacts=[{"id": "c1", "name": "小明", "phone": found}])))


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("13800000001", "13800000001"),
        (" +86 138-0000-0001", "13800000001"),
        ("0086 138 0000 0001", "13800000001"),
        ("8613800000001", "13800000001"),
        ("１３８００００ ０００１", "13800000001"),
        ("＋86 138－0000－0001", "13800000001"),
        ("\u202d138 0000 0001\u202c", "13800000001"),
        ("0595-85551234", "059585551234"),
        ("+86 595 8555 1234", "059585551234"),
        ("+86 10 8888 8888", "01088888888"),
        ("(010) 6555 1234", "01065551234"),
        ("+63 917 555 1234", "+639175551234"),
        ("0063 917 555 1234", "+639175551234"),
        ("+852 9123 4567", "+85291234567"),
    ],
)
def test_a_person_s_number_is_taken_however_it_is_written(written: str, number: str) -> None:
    assert check_number(written) == number
    assert normal_number(number) == number


@pytest.mark.parametrize(
    "number",
    [
        "", "小明", "1", "95588", "10086", "12306", "400-820-8820", "1380000000", "138000000011", "12800000001",
        "059596315", "0595 96315999", "16812345678901", "+1", "+861380000000", "+86+8613800000001", "138****0001",
        "٠١٣٨٠٠٠٠٠٠٠١", "1380000000a", "9" * 5000, None, 13800000001, True, ["13800000001"],
    ],
)  # fmt: skip
def test_short_codes_premium_numbers_and_what_is_no_number_are_refused(number: Any) -> None:
    with pytest.raises(ValueError, match=r"expected|masked|emergency"):
        check_number(number)


@given(st.text(max_size=40) | st.text("+0123456789 -()０１２９.", max_size=24))
def test_any_text_is_a_number_or_refused_and_never_a_hidden_emergency_number(text: str) -> None:
    try:
        found = check_number(text)
    except ValueError:
        return
    assert check_number(found) == found
    assert found.isascii()
    assert not is_emergency(found)
    assert len(found) >= 9


def test_the_sender_of_a_text_is_found_however_the_modem_writes_it() -> None:
    home = read_home(HOME)
    assert home.contact_of("+8613900000002") == "c2"
    assert home.contact_of("8613900000002") == "c2"
    assert home.contact_of("13900000002") == "c2"
    assert home.contact_of("+8613900000003") is None
    assert home.contact_of("10086") is None
    assert home.contact_of("") is None


def test_a_masked_number_tells_too_little_to_dial() -> None:
    assert masked("13800000001") == "138****0001"
    assert masked("110") == "****"


# --- the home ----------------------------------------------------------------------------------------------------


def test_a_valid_home_is_read_whole() -> None:
    home = read_home(HOME)
    assert home.view.revision == 7
    assert home.view.residents == ("r1", "r2")
    assert home.view.place("kitchen-pir") == "厨房"
    assert home.view.place("button-1") == "家里"
    assert home.names["c1"] == "小明"
    assert home.addresses["button-1"] == "AA:BB:CC:DD:EE:01"
    assert home.keys["button-1"] == bytes.fromhex("0123456789abcdef" * 2)
    assert home.labels == {"kitchen-pir": "厨房感应"}


def test_contacts_come_in_the_order_of_escalation_and_landlines_get_no_texts() -> None:
    contacts = read_home(HOME).view.contacts
    assert [c.id for c in contacts] == ["c1", "c2", "c3"], "family first, then the village liaison"
    assert [c.channels for c in contacts] == [("sms", "call"), ("sms", "call"), ("call",)]


def test_what_nobody_was_asked_about_was_not_agreed_to() -> None:
    view = read_home(HOME).view
    assert view.consented("NOTIFY_FAMILY")
    assert not view.consented("WHEREABOUTS")
    assert not view.consented("HEALTH_DATA")


def test_an_empty_home_is_valid() -> None:
    assert read_home({}).view.residents == ("r1",)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (with_(residents=[{"id": "r1", "name": "王阿公阿婆"}]), "residents.r1.name: expected 1 to 4"),
        (with_(residents=[{"id": "r1", "name": " "}]), "residents.r1.name"),
        (with_(residents=[{"id": "r1", "name": "王\n公"}]), "residents.r1.name"),
        (with_(residents=[{"id": "r1", "name": "\ud800"}]), "residents.r1.name"),
        (with_(residents=[{"name": "王"}]), "residents[0].id"),
        (with_(residents=[{"id": f"r{i}", "name": "王"} for i in range(9)]), "residents: expected a list of at most 8"),
        (with_(rooms=[{"id": "kitchen", "label": "大厨房间"}]), "rooms.kitchen.label"),
        (with_(rooms="kitchen"), "rooms: expected a list"),
        (with_(devices=[{"id": "x", "kind": "robot"}]), "devices.x.kind"),
        (with_(devices=[{"id": "x", "kind": ["motion"]}]), "devices.x.kind"),
        (with_(devices=[{"id": "x", "kind": "motion", "room": "attic"}]), "devices.x.room"),
        (with_(devices=[{"id": "x", "kind": "motion", "room": {}}]), "devices.x.room"),
        (with_(devices=[{"id": "x", "kind": "motion", "heartbeat_s": 0}]), "devices.x.heartbeat_s"),
        (with_(devices=[{"id": "x", "kind": "motion", "heartbeat_s": float("nan")}]), "devices.x.heartbeat_s"),
        (with_(devices=[{"id": "x", "kind": "motion", "heartbeat_s": True}]), "devices.x.heartbeat_s"),
        (with_(devices=[{"id": "x", "kind": "contact", "entrance": 1}]), "devices.x.entrance"),
        (with_(devices=[{"id": "x", "kind": "wearable", "placement": "neck"}]), "devices.x.placement"),
        (with_(devices=[{"id": "x", "kind": "button", "role": "panic"}]), "devices.x.role"),
        (with_(devices=[{"id": "x", "kind": "button", "address": "a b"}]), "devices.x.address"),
        (with_(devices=[{"id": "x", "kind": "motion"}, {"id": "x", "kind": "motion"}]), "an id that is not taken"),
        (with_(devices=[{"id": "é", "kind": "motion"}]), "devices[0].id"),
        (with_(contacts=[{"id": "r1", "name": "小明", "phone": "13800000001"}]), "an id that is not taken"),
        (with_(contacts=[{"id": "c1", "name": "小明", "phone": "13800000001", "order": 0}]), "contacts.c1.order"),
        (with_(contacts=[{"id": "c1", "name": "小明", "phone": "13800000001", "kind": "friend"}]), "contacts.c1.kind"),
        (with_(contacts=[{"id": "c1", "name": "小明"}]), "contacts.c1.phone"),
        (with_(consents={"EVERYTHING": True}), "EVERYTHING"),
        (with_(consents={"VISITS": "yes"}), "consents.VISITS: expected true or false"),
        (with_(consents=[]), "consents: expected a table"),
        (with_(settings={"call_button.pre_alarm_s": 500}), "settings.call_button.pre_alarm_s: expected 0 to 99 s"),
        (with_(settings={"nonsense": 1}), "settings.nonsense: unknown setting"),
        (with_(settings=3), "settings: expected a table"),
        (with_(revision=-1), "revision"),
        (with_(revision="7"), "revision"),
        ([], "home: expected a table"),
        (None, "home: expected a table"),
    ],
)
def test_each_wrong_thing_is_named(document: Any, says: str) -> None:
    assert any(says in p for p in problems(document)), problems(document)


def test_all_problems_are_told_at_once() -> None:
    found = problems(
        {"residents": [{"id": "r1"}], "contacts": [{"id": "c1", "name": "小明", "phone": "120"}], "settings": {"x": 1}}
    )
    assert len(found) == 3


def test_ten_thousand_problems_are_not_ten_thousand_lines() -> None:
    found = problems({"devices": [{"id": f"d{i}", "kind": "?"} for i in range(10_000)]})
    assert len(found) == 51
    assert found[-1] == "and 9950 more"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("call_button.pre_alarm", "; did you mean call_button.pre_alarm_s?"),
        ("x", "; `hearthwatch rules-doc` lists them"),
        ("长" * 5000, "unknown setting"),
    ],
)
def test_an_unknown_setting_is_told_in_one_line_not_in_a_hundred_names(name: str, says: str) -> None:
    [found] = problems({"settings": {name: 1}})
    assert says in found
    assert len(found) < 150


def test_two_devices_never_share_an_address_and_two_contacts_never_a_number() -> None:
    twice = [{"id": d, "kind": "motion", "address": a} for d, a in (("a", "AA:BB"), ("b", "aa:bb"))]
    assert "no other device" in problems({"devices": twice})[0]
    twice = [{"id": c, "name": c, "phone": p} for c, p in (("c1", "13800000001"), ("c2", "+86 138 0000 0001"))]
    assert "another contact" in problems({"contacts": twice})[0]


def test_a_bad_key_is_not_shown() -> None:
    found = problems({"devices": [{"id": "b", "kind": "button", "key": "c0ffee-secret"}]})
    assert "32 hex digits" in found[0]
    assert "secret" not in found[0]


# --- what the controller may know --------------------------------------------------------------------------------


def test_the_view_has_no_name_no_number_and_no_key() -> None:
    home = read_home(HOME)
    seen = json.dumps(home.view.to_json(), ensure_ascii=False) + repr(home.view)
    hidden = [*home.names.values(), *home.phones.values(), *home.addresses.values(), "0123456789abcdef", "厨房感应"]
    assert [secret for secret in hidden if secret in seen] == []


def test_a_home_in_a_log_line_shows_no_name_number_or_key() -> None:
    home = read_home(HOME)
    assert [s for s in (*home.names.values(), *home.phones.values(), "\\x01#Eg") if s in repr(home)] == []


def test_the_view_survives_its_journal() -> None:
    view = read_home(HOME).view
    again = view_from_json(json.loads(json.dumps(view.to_json())))
    assert again == view
    assert again.contacts[2].channels == ("call",)


def test_a_recording_needs_no_room_list() -> None:
    view = view_from_json({"devices": [{"id": "pir", "kind": "motion", "room": "kitchen"}], "later": 1})
    assert view.devices["pir"].room == "kitchen"
    assert view.place("pir") == "家里"


# --- fuzz --------------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ids = st.sampled_from(["r1", "c1", "x", "", "kitchen"]) | json_values
rows = st.lists(
    st.dictionaries(
        st.sampled_from(
            ["name", "label", "kind", "room", "role", "placement", "entrance", "heartbeat_s", "interval_s", "address",
             "key", "phone", "order", "channels", "hours", "can_enter", "distance"]
        ),
        json_values | st.sampled_from(["motion", "button", "kitchen", "13800000001", "小明"]),
    ).flatmap(lambda row: ids.map(lambda i: row | {"id": i}))
    | json_values,
    max_size=3,
)  # fmt: skip
documents = st.fixed_dictionaries(
    {},
    optional={
        "residents": rows | json_values,
        "rooms": rows | json_values,
        "devices": rows | json_values,
        "contacts": rows | json_values,
        "consents": st.dictionaries(st.sampled_from(CONSENTS), json_values) | json_values,
        "settings": st.dictionaries(st.sampled_from(["call_button.pre_alarm_s", "x"]), json_values) | json_values,
        "revision": json_values,
    },
)


@settings(max_examples=400)
@given(documents | json_values)
def test_any_document_is_a_home_or_bad_home(document: Any) -> None:
    try:
        home = read_home(document)
    except BadHome:
        return
    assert view_from_json(json.loads(json.dumps(home.view.to_json()))) == home.view
    assert not any(is_emergency(number) for number in home.phones.values())
    assert all(0 < units(name) <= 4 for name in home.names.values())


@settings(max_examples=200)
@given(documents | json_values)
def test_any_recorded_view_is_a_view_or_bad_home(document: Any) -> None:
    try:
        view = view_from_json(document)
    except BadHome:
        return
    assert view_from_json(view.to_json()) == view

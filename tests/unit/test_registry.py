"""The home registry: one writer, one revision a change, all of a change or none of it, and damage never goes unsaid."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.home import storage as storage_module
from gateway.home.changes import changed, empty, typed
from gateway.home.registry import BadHome, DamagedRegistry, Registry, RegistryBusy, document_from_json, read_document


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home.json"


def said(registry: Registry, words: str, *, remove: bool = False) -> Any:
    """What `hearthwatch home set WORDS` does to a registry."""
    return registry.apply(typed(words.split(), remove=remove))


def a_home(registry: Registry) -> None:
    for words in (
        "resident r1 name=王阿公",
        "room kitchen label=厨房",
        "device kitchen-pir kind=motion room=kitchen heartbeat_s=3600 address=AA:BB:CC:DD:EE:02",
        "contact c1 name=小明 phone=13800000001 order=1",
        "consent NOTIFY_FAMILY=true",
        "setting call_button.pre_alarm_s=5",
    ):
        said(registry, words)


def test_a_home_is_there_again_after_a_restart(path: Path) -> None:
    with Registry(path) as registry:
        assert registry.new
        a_home(registry)
        before = registry.home()
    with Registry(path) as registry:
        assert not registry.new
        assert registry.home() == before
        assert registry.recovered is None
    assert before.view.revision == 6
    assert before.view.devices["kitchen-pir"].heartbeat_s == 3600
    assert before.view.settings == {"call_button.pre_alarm_s": 5}
    assert before.phones == {"c1": "13800000001"}


def test_each_change_is_one_revision_and_no_change_is_none(path: Path) -> None:
    with Registry(path) as registry:
        assert registry.home().view.revision == 0
        assert said(registry, "room kitchen label=厨房").view.revision == 1
        assert said(registry, "room kitchen label=厨房").view.revision == 1
        two = [*typed(["room", "bath", "label=浴室"]), *typed(["device", "pir", "kind=motion", "room=bath"])]
        assert registry.apply(two).view.revision == 2


def test_setting_an_item_again_changes_only_what_was_named(path: Path) -> None:
    with Registry(path) as registry:
        a_home(registry)
        said(registry, "device kitchen-pir heartbeat_s=7200")
        said(registry, "device kitchen-pir address=")
        row = registry.document()["devices"][0]
    assert row == {"id": "kitchen-pir", "kind": "motion", "room": "kitchen", "heartbeat_s": 7200}


def test_items_are_removed(path: Path) -> None:
    with Registry(path) as registry:
        a_home(registry)
        said(registry, "contact c1", remove=True)
        said(registry, "consent NOTIFY_FAMILY", remove=True)
        home = said(registry, "settings call_button.pre_alarm_s", remove=True)
    assert (home.view.contacts, home.view.consents, home.view.settings) == ((), {}, {})


@pytest.mark.parametrize(
    ("words", "remove", "says"),
    [
        ("contact c1 phone=0595-110", False, "emergency"),
        ("contact c1 phone=１１０", False, "emergency"),
        ("contact c1 phone=138****0001", False, "masked"),
        ("contact c1 fone=13800000001", False, "did you mean phone?"),
        ("contacts c9", True, "does not exist"),
        ("contract c1 name=x", False, "did you mean contact?"),
        ("room kitchen", True, "devices.kitchen-pir.room"),
        ("device pir kind=motion room=kitchn", False, "expected one of the rooms kitchen, found 'kitchn'"),
        ("device pir kind=motion heartbeat_s=soon", False, "heartbeat_s: expected 1 to 2592000 seconds, found 'soon'"),
        ("device pir kind=contact entrance=maybe", False, "entrance: expected true or false"),
        ("device pir", False, "devices.pir.kind"),
        ("device", False, "expected an id"),
        ("device kind=motion", False, "expected an id"),
        ("device pir motion", False, "expected key=value"),
        ("consent NOTIFY_FAMILIE=true", False, "did you mean NOTIFY_FAMILY?"),
        ("consent NOTIFY_FAMILY=perhaps", False, "expected true or false"),
        ("consent", False, "expected NAME=VALUE"),
        ("consent VISITS", True, "is not set"),
        ("setting call_button.pre_alarm_s=100", False, "expected 0 to 99 s"),
        ("", False, "expected what to set"),
    ],
)
def test_a_refused_change_is_named_and_changes_nothing(path: Path, words: str, remove: bool, says: str) -> None:
    with Registry(path) as registry:
        a_home(registry)
        document, content = registry.document(), path.read_bytes()
        with pytest.raises(BadHome) as refused:
            said(registry, words, remove=remove)
        assert any(says in p for p in refused.value.problems), refused.value.problems
        assert registry.document() == document
        assert path.read_bytes() == content


def test_a_change_is_judged_as_a_whole(path: Path) -> None:
    """Removing a room that a device names is refused, unless the same change moves the device."""
    with Registry(path) as registry:
        a_home(registry)
        away = [{"op": "remove", "table": "rooms", "id": "kitchen"}]
        moved = [{"op": "set", "table": "devices", "id": "kitchen-pir", "values": {"room": None}}]
        with pytest.raises(BadHome):
            registry.apply(away)
        assert registry.apply(away + moved).view.rooms == {}


def test_a_document_goes_out_and_in_again(path: Path, tmp_path: Path) -> None:
    with Registry(path) as registry:
        a_home(registry)
        exported = json.loads(json.dumps(registry.document()))
        home = registry.home()
    with Registry(tmp_path / "other.json") as other:
        imported = other.apply([{"op": "replace", "document": exported}])
    assert imported.names == home.names
    assert imported.view.devices == home.view.devices
    assert imported.view.revision == 1, "revisions count this registry's changes, whatever a document says"


def test_a_replaced_home_keeps_nothing_of_the_old_one(path: Path) -> None:
    with Registry(path) as registry:
        a_home(registry)
        home = registry.apply([{"op": "replace", "document": {"residents": [{"id": "r2", "name": "李婶"}]}}])
    assert home.names == {"r2": "李婶"}
    assert home.view.settings == {}


def test_unknown_keys_of_a_document_are_refused_with_what_was_meant(path: Path) -> None:
    with Registry(path) as registry, pytest.raises(BadHome) as refused:
        registry.apply(
            [{"op": "replace", "document": {"devises": [], "rooms": [{"id": "a", "label": "厅", "colour": "red"}]}}]
        )
    assert refused.value.problems == ["devises: unknown table; did you mean devices?", "rooms.a.colour: unknown key"]


def test_a_second_writer_is_told_who_writes(path: Path) -> None:
    with Registry(path), pytest.raises(RegistryBusy, match=rf"process {os.getpid()} .*only writer"):
        Registry(path)


def test_a_second_process_cannot_write_and_can_read(path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from gateway.home.registry import *\n"
        "p = Path(sys.argv[1])\n"
        "print(Registry(p, readonly=True).home().view.revision)\n"
        "try: Registry(p)\n"
        "except RegistryBusy: print('busy')\n"
    )
    with Registry(path) as registry:
        a_home(registry)
        done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["6", "busy"]
    Registry(path).close()


def test_a_reader_writes_nothing_at_all(path: Path) -> None:
    with Registry(path, readonly=True) as reader:
        assert reader.home().view.revision == 0
        with pytest.raises(RegistryBusy, match="reading only"):
            said(reader, "room a label=厅")
    assert list(path.parent.iterdir()) == []


def test_an_empty_home_is_made_so_that_its_loss_is_noticed(path: Path) -> None:
    with Registry(path) as registry:
        registry.create()
        assert registry.home().view.revision == 0
        registry.create()
    assert Registry(path, readonly=True).new is False


def test_a_damaged_registry_is_recovered_and_reported(path: Path) -> None:
    with Registry(path) as registry:
        a_home(registry)
    path.write_bytes(path.read_bytes()[:-3])
    told: list[str] = []
    with Registry(path, on_recovered=told.append) as registry:
        assert registry.home().view.revision == 5, "the generation before the last"
        assert registry.recovered == told[0]
    with Registry(path) as registry:
        assert registry.recovered is None, "repaired, so it is reported once"
        assert registry.home().view.contacts
    assert path.with_name("home.json.damaged").exists()


def test_a_reader_reports_damage_but_repairs_nothing(path: Path) -> None:
    with Registry(path) as registry:
        a_home(registry)
    path.write_bytes(b"")
    with Registry(path, readonly=True) as reader:
        assert reader.recovered
    assert path.read_bytes() == b""


def test_a_registry_damaged_beyond_recovery_is_an_error_and_frees_its_lock(path: Path) -> None:
    path.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(DamagedRegistry, match=r"home\.json"):
            Registry(path)


def test_a_full_disk_leaves_the_home_in_force_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Registry(path) as registry:
        a_home(registry)
        before = registry.home()

        def full(_fd: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(storage_module.os, "fsync", full)
            with pytest.raises(OSError, match="No space"):
                said(registry, "room bath label=浴室")
        assert registry.home() == before
        assert said(registry, "room bath label=浴室").view.revision == before.view.revision + 1


def test_writers_of_several_threads_do_not_lose_each_other_s_changes(path: Path) -> None:
    with Registry(path) as registry:
        threads = [threading.Thread(target=said, args=(registry, f"room room{i} label=厅{i}")) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert registry.home().view.revision == 8
    assert len(Registry(path, readonly=True).home().view.rooms) == 8


def test_ten_thousand_devices_fit(path: Path) -> None:
    devices = [{"id": f"d{i}", "kind": "motion", "address": f"AA:{i}"} for i in range(10_000)]
    with Registry(path) as registry:
        registry.apply([{"op": "replace", "document": {"devices": devices}}])
    assert len(Registry(path, readonly=True).home().view.devices) == 10_000


def test_a_home_file_is_read_whether_it_is_a_registry_or_json(path: Path, tmp_path: Path) -> None:
    with Registry(path) as registry:
        a_home(registry)
        document = registry.document()
    plain = tmp_path / "plain.json"
    plain.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    assert read_document(plain) == document
    assert read_document(path) == document
    path.write_bytes(path.read_bytes()[:-1])
    path.with_name("home.json.prev").unlink()
    with pytest.raises(BadHome, match="damaged"):
        read_document(path)


@pytest.mark.parametrize("data", [b"", b"[1]", b"{", b"\xff", b"[" * 200_000, b'{"a":' + b"9" * 10_000 + b"}"])
def test_what_is_no_home_document_is_bad_home(data: bytes) -> None:
    with pytest.raises(BadHome, match="home:"):
        document_from_json(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
one_change = json_values | st.fixed_dictionaries(
    {"op": st.sampled_from(["set", "remove", "replace"]) | json_values},
    optional={
        "table": st.sampled_from(["rooms", "devices", "contacts", "consents", "settings", "meta"]) | json_values,
        "id": st.sampled_from(["kitchen", "kitchen-pir", "c1"]) | json_values,
        "values": st.dictionaries(st.sampled_from(["label", "phone", "kind", "VISITS"]), json_values) | json_values,
        "document": st.dictionaries(st.sampled_from(["rooms", "devices", "consents"]), json_values) | json_values,
    },
)


@given(st.lists(one_change, max_size=4) | json_values)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_change_from_the_socket_is_made_or_bad_home(tmp_path: Path, changes: Any) -> None:
    path = tmp_path / "fuzz.json"
    with Registry(path) as registry:
        before = registry.document()
        try:
            home = registry.apply(changes)
        except BadHome:
            assert registry.document() == before
            return
    with Registry(path, readonly=True) as reader:
        assert reader.home() == home


def test_changing_a_document_never_edits_the_one_in_force() -> None:
    document = empty()
    changed(document, typed(["room", "a", "label=厅"]))
    assert document == empty()

"""`hearthwatch home`: described word by word, checked, exported, recovered; also beside a running gateway."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import TIMEOUT_S, checks, document, err, hearthwatch, home_set, out

from gateway.home.registry import Registry
from gateway.runtime.control import ControlServer

# --- the home ----------------------------------------------------------------------------------------------------


def test_a_home_is_described_word_by_word_and_shown(made: Path) -> None:
    for words in (
        ("resident", "r1", "name=王阿公"),
        ("room", "kitchen", "label=厨房"),
        ("device", "b1", "kind=button", "address=AA:BB:CC:DD:EE:01", "key=00112233445566778899aabbccddeeff"),
        ("device", "kitchen-pir", "kind=motion", "room=kitchen", "heartbeat_s=3600"),
        ("contact", "c1", "name=小明", "phone=138 0000 0001", "order=1"),
        ("consent", "NOTIFY_FAMILY=true", "MONITORING=yes"),
        ("setting", "call_button.pre_alarm_s=5"),
    ):
        done = home_set(made, *words)
        assert done.returncode == 0, err(done)
    assert "revision 7" in out(done)
    shown = document(made)
    assert shown["contacts"] == [{"id": "c1", "name": "小明", "phone": "138****0001", "order": 1}]
    assert shown["devices"][0]["key"] == "(hidden)"
    assert document(made, "--secrets")["contacts"][0]["phone"] == "138 0000 0001"
    screen = out(hearthwatch("home", "show", "-c", made))
    assert "王阿公" in screen
    assert "厨房" in screen
    assert "00112233" not in screen
    assert "0000 0001" not in screen


@pytest.mark.parametrize("phone", ["110", "+86120", "0595-119", "１１０", "12345"])
def test_an_emergency_number_is_no_contact(made: Path, phone: str) -> None:
    done = home_set(made, "contact", "c1", "name=小明", f"phone={phone}")
    assert done.returncode == 2
    assert "people dial those, the gateway never does" in err(done)
    assert document(made)["contacts"] == []


def test_a_refused_change_names_every_problem_and_what_to_do(made: Path) -> None:
    done = home_set(made, "device", "pir", "knd=motion", "rom=kitchen")
    assert done.returncode == 2
    assert "devices.knd: unknown key; did you mean kind?" in err(done)
    assert "devices.rom: unknown key; did you mean room?" in err(done)
    assert "what to do" in err(done)


def test_items_are_removed_by_name(made: Path) -> None:
    home_set(made, "room", "kitchen", "label=厨房")
    assert home_set(made, "--remove", "room", "kitchen").returncode == 0
    assert document(made)["rooms"] == []
    done = home_set(made, "--remove", "room", "kitchen")
    assert done.returncode == 2
    assert "rooms.kitchen: does not exist" in err(done)


def test_a_home_is_exported_and_set_whole_from_a_file_or_standard_input(made: Path, tmp_path: Path) -> None:
    home_set(made, "contact", "c1", "name=小明", "phone=13800000001")
    exported = hearthwatch("home", "show", "-c", made, "--json", "--secrets").stdout
    masked = hearthwatch("home", "show", "-c", made, "--json").stdout
    file = tmp_path / "home.json"
    file.write_bytes(exported.replace("小明".encode(), "小红".encode()))
    assert hearthwatch("home", "check", "-c", made, file).returncode == 0
    assert hearthwatch("home", "set", "-c", made, "--file", file).returncode == 0
    assert document(made)["contacts"][0]["name"] == "小红"
    assert hearthwatch("home", "set", "-c", made, "--file", "-", given=exported).returncode == 0
    assert document(made)["contacts"][0]["name"] == "小明"
    done = hearthwatch("home", "set", "-c", made, "--file", "-", given=masked)
    assert done.returncode == 2
    assert "masked; export the home with --secrets" in err(done)


@pytest.mark.parametrize("given", [b"", b"{", b"[]", b"[" * 100_000, b"\xff"])
def test_a_file_that_is_no_home_is_refused(made: Path, given: bytes) -> None:
    done = hearthwatch("home", "set", "-c", made, "--file", "-", given=given)
    assert done.returncode == 2
    assert "home:" in err(done)


def test_home_check_names_the_gaps_and_fails_only_for_errors(made: Path, tmp_path: Path) -> None:
    done = hearthwatch("home", "check", "-c", made)
    assert done.returncode == 0
    assert "contacts" in out(done)
    assert "an alarm reaches nobody by text" in out(done)
    bad = tmp_path / "bad.json"
    bad.write_text('{"contacts": [{"id": "c1", "name": "小明", "phone": "120"}]}', encoding="utf-8")
    done = hearthwatch("home", "check", "-c", made, bad, "--json")
    assert done.returncode == 1
    answer = json.loads(out(done))
    assert answer["ok"] is False
    assert "emergency" in answer["checks"][0]["found"]


def test_a_damaged_home_is_recovered_with_a_warning(made: Path) -> None:
    for label in ("厨房", "厨"):
        home_set(made, "room", "kitchen", f"label={label}")
    registry = made / "state" / "home.json"
    registry.write_bytes(registry.read_bytes()[:-1])
    done = home_set(made, "room", "bath", "label=浴室")
    assert done.returncode == 0
    assert "home.json is damaged" in err(done)
    assert [r["label"] for r in document(made)["rooms"]] == ["厨房", "浴室"]


def test_a_home_damaged_beyond_recovery_is_an_error_and_never_an_empty_home(made: Path) -> None:
    for file in (made / "state").glob("home.json*"):
        file.write_bytes(b"")
    for words in (["home", "show"], ["home", "set", "room", "a", "label=厅"], ["home", "check"]):
        done = hearthwatch(*words, "-c", made)
        assert done.returncode == 1
        assert "no good generation is left" in err(done) + out(done)


# --- beside a running gateway ------------------------------------------------------------------------------------


@pytest.fixture
def running(made: Path) -> Iterator[list[dict[str, Any]]]:
    """The far end of the control socket: the real server, over the registry whose lock it holds."""
    requests: list[dict[str, Any]] = []
    state = made / "state"
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        with Registry(state / "home.json") as registry:

            async def home_set(request: dict[str, Any]) -> dict[str, Any]:
                requests.append(request)
                try:
                    return {"revision": registry.apply(request["changes"]).view.revision}
                except ValueError as bad:
                    return {"ok": False, "error": str(bad), "problems": getattr(bad, "problems", [])}

            async def status(_: dict[str, Any]) -> dict[str, Any]:
                drivers = [{"name": "modem", "rung": "BLIND", "reason": "no port", "restarts": 9}]
                return {"status": {"version": "0.1", "alarms": [], "drivers": drivers, "store": {"state": "OK"}}}

            server = ControlServer(state / "control.sock", {"home.set": home_set, "status": status})
            await server.start()
            ready.set()
            await asyncio.to_thread(stop.wait)
            await server.stop()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(TIMEOUT_S)
    yield requests
    stop.set()
    thread.join()


def test_a_change_goes_through_the_running_gateway(made: Path, running: list[dict[str, Any]]) -> None:
    done = home_set(made, "room", "kitchen", "label=厨房")
    assert done.returncode == 0, err(done)
    assert "in force in the running gateway" in out(done)
    values = {"label": "厨房"}
    assert running == [
        {"op": "home.set", "changes": [{"op": "set", "table": "rooms", "id": "kitchen", "values": values}]}
    ]
    assert document(made)["revision"] == 1, "show reads beside the writer"


def test_the_running_gateway_refuses_with_the_same_words(made: Path, running: list[dict[str, Any]]) -> None:
    done = home_set(made, "contact", "c1", "name=小明", "phone=110")
    assert done.returncode == 2
    assert "contacts.c1.phone: is a public emergency" in err(done)
    assert document(made)["revision"] == 0


def test_doctor_tells_what_the_running_gateway_says_of_itself(made: Path, running: list[dict[str, Any]]) -> None:
    found = checks(hearthwatch("doctor", "-c", made, "--json"))
    assert found["gateway"]["level"] == "OK"
    assert found["driver modem"] == {
        "what": "driver modem",
        "level": "FAIL",
        "found": "blind: no port",
        "advice": "its log says more: journalctl -u hearthwatch",
    }


def test_a_registry_held_by_a_gateway_that_does_not_answer_is_not_written(made: Path) -> None:
    with Registry(made / "state" / "home.json"):
        done = home_set(made, "room", "kitchen", "label=厨房")
        found = checks(hearthwatch("doctor", "-c", made, "--json"))
    assert done.returncode == 1
    assert f"process {os.getpid()} is writing this home registry" in err(done)
    assert "no gateway runs at" in err(done)
    assert found["gateway"]["level"] == "FAIL"
    assert document(made)["revision"] == 0

"""The command line as a person and a script meet it: real processes, real files, real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.checks.hardware import check_bluetooth
from gateway.cli.findings import Level
from gateway.config import parse_config
from gateway.demo.private_bus import PrivateBus
from gateway.home.registry import Registry
from gateway.runtime.control import ControlServer

HEAVY = ("rich", "tinydb", "paho", "bleak", "dbus_fast", "cryptography", "serial", "sqlite3", "hypothesis")
TIMEOUT_S = 60


def hearthwatch(*words: object, given: bytes | None = None, env: dict[str, str] | None = None) -> Any:
    """Runs the command as its own process; text out, exit code as it is."""
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", *map(str, words)],
        input=given,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
        env={**{k: v for k, v in os.environ.items() if k != "HEARTHWATCH_CONFIG"}, **(env or {})},
    )


def out(done: Any) -> str:
    return done.stdout.decode("utf-8")


def err(done: Any) -> str:
    text = done.stderr.decode("utf-8")
    assert "Traceback" not in text, text
    return text


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A directory as `init` leaves it."""
    directory = tmp_path / "gw"
    done = hearthwatch("init", directory)
    assert done.returncode == 0, err(done)
    return directory


def home_set(directory: Path, *words: str) -> Any:
    return hearthwatch("home", "set", "-c", directory, *words)


def document(directory: Path, *more: str) -> dict[str, Any]:
    done = hearthwatch("home", "show", "-c", directory, "--json", *more)
    assert done.returncode == 0, err(done)
    return json.loads(out(done))


# --- starting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["home", "--help"], ["decode", "--help"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    script = (
        "import sys\n"
        "from gateway.cli.main import hearthwatch\n"
        f"try: hearthwatch({words!r}, prog_name='hearthwatch')\n"
        "finally: print([m for m in sys.modules if m.partition('.')[0] in sys.argv[1].split(',')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, ",".join(HEAVY)], capture_output=True, text=True, timeout=TIMEOUT_S, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_decode_imports_only_what_its_protocol_needs() -> None:
    script = (
        "import sys\n"
        "from gateway.cli.main import hearthwatch\n"
        "try: hearthwatch(['decode', 'bthome', '40011a'])\n"
        "finally: print([m for m in ('rich', 'tinydb', 'paho', 'bleak', 'serial') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_names_every_command_and_hides_the_hidden() -> None:
    done = hearthwatch("--help")
    assert done.returncode == 0
    for name in ("init", "run", "demo", "doctor", "home", "events", "replay", "decode"):
        assert f"\n  {name} " in out(done)
    assert "config-doc" not in out(done)


def test_a_misspelt_command_is_answered_with_the_one_that_was_meant() -> None:
    done = hearthwatch("docter")
    assert done.returncode == 2
    assert "Did you mean `doctor`?" in err(done)


def test_a_command_whose_module_is_missing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "import sys\n"
        "from gateway.cli import main\n"
        "main.COMMANDS['demo'] = ('gateway.cli.not_there:command', '')\n"
        "main.hearthwatch(['demo'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 1
    assert "`hearthwatch demo` is not usable in this installation: no module gateway.cli.not_there" in err(done)


# --- init --------------------------------------------------------------------------------------------------------


def test_init_writes_a_configuration_and_an_empty_home(made: Path) -> None:
    assert sorted(p.name for p in made.iterdir()) == ["hearthwatch.toml", "state"]
    text = (made / "hearthwatch.toml").read_text(encoding="utf-8")
    assert parse_config(text).gateway.state_dir == "state"
    assert "# keepalive_s = 30" in text
    assert stat.S_IMODE((made / "hearthwatch.toml").stat().st_mode) == 0o600
    assert stat.S_IMODE((made / "state").stat().st_mode) == 0o700
    assert document(made)["revision"] == 0


def test_init_refuses_to_overwrite_and_changes_nothing(made: Path) -> None:
    file = made / "hearthwatch.toml"
    file.write_text("# mine\n", encoding="utf-8")
    done = hearthwatch("init", made)
    assert done.returncode == 1
    assert "overwrites nothing" in err(done)
    assert str(file) in err(done)
    assert file.read_text(encoding="utf-8") == "# mine\n"
    file.unlink()
    assert hearthwatch("init", made).returncode == 1, "the home is still there"
    assert not file.exists()


def test_init_refuses_a_name_that_could_not_be_read_back(tmp_path: Path) -> None:
    done = hearthwatch("init", tmp_path / "gw", "--id", "a/b")
    assert done.returncode == 2
    assert "gateway.id" in err(done)
    assert not (tmp_path / "gw").exists()


# --- the configuration -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["home", "show"], ["home", "check"], ["home", "set", "room", "a", "label=厅"], ["run"]]
)
def test_a_broken_configuration_is_exit_2_with_every_problem(made: Path, words: list[str]) -> None:
    (made / "hearthwatch.toml").write_text('[mqtt]\nversion = 4\n[modm]\n[ble]\nenabled = "yes"\n', encoding="utf-8")
    done = hearthwatch(*words, "--config", made / "hearthwatch.toml")
    assert done.returncode == 2
    for problem in (
        "mqtt.version: expected one of 5, 3, found 4",
        "modm: unknown section; did you mean modem?",
        "ble.enabled: expected true or false, found 'yes'",
    ):
        assert problem in err(done)
    assert str(made / "hearthwatch.toml") in err(done)


def test_a_missing_configuration_says_how_to_make_one(tmp_path: Path) -> None:
    done = hearthwatch("home", "show", "-c", tmp_path / "none.toml")
    assert done.returncode == 2
    assert "hearthwatch init DIR" in err(done)


def test_the_configuration_is_found_through_the_environment(made: Path) -> None:
    done = hearthwatch("home", "show", "--json", env={"HEARTHWATCH_CONFIG": str(made)})
    assert json.loads(out(done))["revision"] == 0


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


# --- doctor ------------------------------------------------------------------------------------------------------


def checks(done: Any) -> dict[str, Any]:
    answer = json.loads(out(done))
    assert answer["ok"] is not any(c["level"] == "FAIL" for c in answer["checks"])
    return {c["what"]: c for c in reversed(answer["checks"])}


def snapshot(directory: Path) -> dict[str, tuple[float, int]]:
    return {str(p): (p.stat().st_mtime, p.stat().st_size) for p in directory.rglob("*")}


def test_doctor_names_what_is_missing_with_advice_and_changes_nothing(made: Path) -> None:
    (made / "hearthwatch.toml").write_text(
        '[gateway]\nstate_dir = "state"\n[modem]\nport = "/dev/none"\n[mqtt]\nhosts = ["127.0.0.1:1"]\nca = "no.pem"\n',
        encoding="utf-8",
    )
    before = snapshot(made)
    done = hearthwatch("doctor", "-c", made, "--json", env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"})
    assert done.returncode == 1
    found = checks(done)
    levels = {what: c["level"] for what, c in found.items()}
    assert {
        "configuration": "OK",
        "state_dir": "OK",
        "serial modem": "FAIL",
        "bluetooth": "FAIL",
    }.items() <= levels.items()
    assert levels["platform"] == "FAIL"
    assert levels["authority"] == "FAIL"
    assert levels["gateway"] == "WARN"
    assert all(c["advice"] for c in found.values() if c["level"] != "OK")
    assert snapshot(made) == before


def test_doctor_finds_what_is_there(made: Path) -> None:
    controller, terminal = pty.openpty()
    listener = socket.create_server(("127.0.0.1", 0))
    try:
        port = os.ttyname(terminal)
        os.close(terminal)
        (made / "hearthwatch.toml").write_text(
            f'[gateway]\nstate_dir = "state"\n[modem]\nport = "{port}"\n'
            f'[mqtt]\nhosts = ["127.0.0.1:{listener.getsockname()[1]}", "127.0.0.1:1"]\n',
            encoding="utf-8",
        )
        found = json.loads(out(hearthwatch("doctor", "-c", made, "--json")))["checks"]
    finally:
        os.close(controller)
        listener.close()
    told = {(c["what"], c["level"]) for c in found}
    assert ("serial modem", "OK") in told
    assert ("platform", "OK") in told
    assert ("platform", "WARN") in told, "the second broker is a stand-in"
    assert ("certificates", "WARN") in told


def test_doctor_judges_certificates(made: Path) -> None:
    from gateway.cli.checks.network import check_certificates
    from gateway.demo.pki import Pki

    pki = Pki(made / "pki")
    good, old, other = pki.client("gateway-1"), pki.client("gateway-1", expired=True, file="old"), pki.client("gw-9")

    def levels(cert: Path, key: Path) -> dict[str, Level]:
        text = f'[mqtt]\nhosts=["h:1"]\nca="{pki.ca}"\ncert="{cert}"\nkey="{key}"\n'
        return {f.what: f.level for f in check_certificates(parse_config(text))}

    for key in (good.key, old.key, other.key):
        key.chmod(0o600)
    assert levels(good.cert, good.key) == {"authority": Level.OK, "certificate": Level.OK, "key": Level.OK}
    assert levels(old.cert, old.key)["certificate"] is Level.FAIL
    assert levels(other.cert, other.key)["certificate"] is Level.WARN, "the name is not the gateway's"
    assert levels(good.cert, other.key)["key"] is Level.FAIL
    assert levels(good.key, good.key)["certificate"] is Level.FAIL
    good.key.chmod(0o644)
    assert levels(good.cert, good.key)["key"] is Level.WARN


def test_doctor_looks_for_bluez_on_the_real_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.demo.fake_bluez import FakeBluez

    def look(text: str = "") -> list[tuple[Level, str]]:
        return [(f.level, f.found) for f in check_bluetooth(parse_config(text))]

    with PrivateBus() as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        assert look() == [(Level.FAIL, "BlueZ does not run")]
        ready, stop = threading.Event(), threading.Event()
        fake: list[FakeBluez] = []

        async def bluez() -> None:
            fake.append(await FakeBluez(bus.address).start())
            ready.set()
            await asyncio.to_thread(stop.wait)
            await fake[0].crash()

        thread = threading.Thread(target=asyncio.run, args=(bluez(),))
        thread.start()
        try:
            assert ready.wait(TIMEOUT_S)
            assert look() == [(Level.OK, "hci0, passive scanning")]
            assert look('[ble]\nadapter = "hci7"') == [(Level.FAIL, "adapter hci7 is not there")]
        finally:
            stop.set()
            thread.join()


def test_doctor_with_a_broken_configuration_is_exit_2(made: Path) -> None:
    (made / "hearthwatch.toml").write_text("[gateway]\nid = 3\n", encoding="utf-8")
    done = hearthwatch("doctor", "-c", made)
    assert done.returncode == 2
    assert "gateway.id: expected 1 to 32" in err(done)
    assert "FAIL" in out(done)


# --- decode ------------------------------------------------------------------------------------------------------


def test_decode_prints_one_line_for_each_frame_and_bad_ones_never_end_the_run() -> None:
    done = hearthwatch("decode", "bthome", "40011a", "zz", "4002ca09")
    lines = [json.loads(line) for line in out(done).splitlines()]
    assert [line["ok"] for line in lines] == [True, False, True]
    assert lines[0]["readings"] == [{"item": "battery", "value": 26, "unit": "%"}]
    assert lines[1]["error"]
    assert done.returncode == 2


def test_decode_reads_standard_input_and_skips_blank_lines() -> None:
    done = hearthwatch("decode", "bthome", "-", given=b"40011a\n\n   \r\n40011b")
    assert [json.loads(line)["readings"][0]["value"] for line in out(done).splitlines()] == [26, 27]
    assert done.returncode == 0
    assert hearthwatch("decode", "bthome", "-", given=b"").returncode == 0


def test_decode_answers_each_line_before_the_next_is_written() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.main", "decode", "bthome", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(3):
            process.stdin.write(b"40011a\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["ok"] is True
        process.stdin.close()
        assert process.wait(TIMEOUT_S) == 0


def test_decode_survives_a_line_of_megabytes_and_bytes_that_are_no_text() -> None:
    done = hearthwatch("decode", "bthome", "-", given=b"40" * (1 << 20) + b"\n\xff\xfe\n40011a\n")
    assert [json.loads(line)["ok"] for line in out(done).splitlines()] == [False, False, True]
    assert done.returncode == 2


def test_decode_knows_a_meter_s_answer_and_a_text_message() -> None:
    done = hearthwatch("decode", "dlt645", "fefe 6866554433221168 91 08 33333433 ab896745 7b16")
    answer = json.loads(out(done))
    assert answer["address"] == "112233445566"
    assert answer["readings"] == [{"item": "00010000", "value": 123456.78, "unit": "kWh"}]
    assert done.returncode == 0
    done = hearthwatch("decode", "sms-pdu", "0891683108200505F0240D91683188000000F1000842210201254523044F60597D")
    answer = json.loads(out(done))
    assert (answer["number"], answer["text"], answer["parts"]) == ("+8613880000001", "你好", 1)
    assert done.returncode == 0


def test_decode_refuses_an_unknown_protocol() -> None:
    done = hearthwatch("decode", "morse", "00")
    assert done.returncode == 2
    assert "bthome" in err(done)

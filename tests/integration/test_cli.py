"""The command line as a person and a script meet it: it starts light; init and a configuration that is wrong."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import TIMEOUT_S, document, err, hearthwatch, out

from gateway.config import parse_config

HEAVY = ("rich", "tinydb", "paho", "bleak", "dbus_fast", "cryptography", "serial", "sqlite3", "hypothesis")


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

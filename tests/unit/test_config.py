"""The configuration: what `init` writes can be read, each wrong thing is named, and the documentation is current."""

from __future__ import annotations

import dataclasses
import socket
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import BadConfig, Config, parse_config, read_config
from gateway.config import reading as reading_module
from gateway.config.keys import keys_of
from gateway.config.sections import SECTIONS
from gateway.config.writing import commented, documentation

REPO = Path(__file__).parents[2]


def problems(text: str) -> list[str]:
    with pytest.raises(BadConfig) as caught:
        parse_config(text)
    return caught.value.problems


def test_an_empty_file_is_every_default() -> None:
    config = parse_config("")
    assert config == Config()
    assert config.gateway.state_dir == "/var/lib/hearthwatch"
    assert config.mqtt.keepalive_s == 30
    assert config.meters == ()


def test_what_init_writes_reads_as_what_was_asked_for() -> None:
    text = commented({"gateway": {"id": "gw-7", "state_dir": "state"}, "mqtt": {"hosts": ["a:1", "b:2"]}})
    config = parse_config(text)
    assert config == dataclasses.replace(
        Config(),
        gateway=dataclasses.replace(Config().gateway, id="gw-7", state_dir="state"),
        mqtt=dataclasses.replace(Config().mqtt, hosts=("a:1", "b:2")),
    )


def test_every_key_is_in_the_written_file_and_valid_when_its_comment_sign_is_removed() -> None:
    lines = []
    for line in commented().splitlines():
        bare = line.removeprefix("# ")
        is_key = any(bare.startswith(f"{k.name} = ") for made in SECTIONS.values() for k in keys_of(made))
        lines.append(bare if is_key or bare.startswith("[[") else line)
    written = tomllib.loads("\n".join(lines))
    for name, made in SECTIONS.items():
        outer, _, inner = name.partition(".")
        section = written[outer][inner][0] if inner else written[outer]
        section = section[0] if isinstance(section, list) else section
        assert [k for k in section if f"{name}.{k}" not in SECTIONS] == [k.name for k in keys_of(made)]
    config = parse_config("\n".join(lines))
    assert config.meters[0].baud == 2400
    assert (
        dataclasses.replace(config, meters=(), mqtt=Config().mqtt, local_mqtt_maps=(), local_mqtt_actions=())
        == Config()
    )


def test_a_home_without_zigbee2mqtt_says_so_with_an_empty_topic() -> None:
    assert parse_config('[local_mqtt]\nzigbee2mqtt = ""').local_mqtt.zigbee2mqtt == ""


def test_every_key_has_an_explanation_and_every_number_a_range() -> None:
    for name, made in SECTIONS.items():
        for key in keys_of(made):
            assert key.doc.endswith((".", "…")), f"{name}.{key.name}"
            if key.type in (int, float):
                assert key.range, f"{name}.{key.name}"


def test_the_documentation_is_current() -> None:
    page = (REPO / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert page == documentation(), "run: hearthwatch config-doc > docs/configuration.md"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[gatway]", "gatway: unknown section; did you mean gateway?"),
        ('["local_mqtt.map"]', "local_mqtt.map: unknown section; did you mean local_mqtt?"),
        ("[local_mqtt]\nmap = 3", "local_mqtt.map: expected at most 64 sections [[local_mqtt.map]], found 3"),
        ('[[local_mqtt.map]]\ntopic = "a/#/b"\nkind = "button"', "local_mqtt.map[0].topic: expected an MQTT topic"),
        ('[[local_mqtt.map]]\ntopic = "a"\nkind = "config"', "local_mqtt.map[0].kind: expected one of 'button'"),
        ('[[local_mqtt.map]]\ntopic = "茶"\nkind = "button"', "cannot serve as an id"),
        ('[[local_mqtt.action]]\nmodel = "x"', "local_mqtt.action[0].action: expected an action, found nothing"),
        ("gateway = 3", "gateway: expected a section [gateway], found 3"),
        ("[mqtt]\nkeepalive = 30", "mqtt.keepalive: unknown key; did you mean keepalive_s?"),
        ('[mqtt]\nkeepalive_s = "30"', "mqtt.keepalive_s: expected a whole number of 5 to 1200 s, found '30'"),
        ("[mqtt]\nkeepalive_s = 1", "mqtt.keepalive_s: expected a whole number of 5 to 1200 s, found 1"),
        ("[mqtt]\nkeepalive_s = 30.5", "mqtt.keepalive_s: expected a whole number of 5 to 1200 s, found 30.5"),
        ("[mqtt]\nkeepalive_s = true", "mqtt.keepalive_s: expected a whole number of 5 to 1200 s, found True"),
        ("[mqtt]\nversion = 4", "mqtt.version: expected one of 5, 3, found 4"),
        ('[mqtt]\nhosts = "a:1"', "mqtt.hosts: expected a list of at most 16 texts, found 'a:1'"),
        ('[mqtt]\nhosts = ["a:1", "b"]', "mqtt.hosts: expected \"host:port\", found 'b'"),
        ('[mqtt]\nhosts = ["a:99999"]', "mqtt.hosts: expected a port from 1 to 65535, found 'a:99999'"),
        ("[mqtt]\nhosts = [1]", 'mqtt.hosts: expected "host:port", found 1'),
        ('[mqtt]\nca = "ca"\ncert = "c"', "mqtt.cert and mqtt.key: expected both or neither"),
        ('[mqtt]\ncert = "c"\nkey = "k"', "mqtt.ca: expected the authority's PEM file"),
        ('[ble]\nscanning = "quiet"', "ble.scanning: expected one of 'passive', 'active', found 'quiet'"),
        ("[ble]\nenabled = 1", "ble.enabled: expected true or false, found 1"),
        ("[ble]\nliveness_s = nan", "ble.liveness_s: expected a number of 30 to 86400 s, found nan"),
        ('[ble]\nadapter = "usb0"', 'ble.adapter: expected "hci0" to "hci99", found \'usb0\''),
        ('[gateway]\nid = "a/b"', "gateway.id: expected 1 to 32 of A-Z a-z 0-9 _ -, found 'a/b'"),
        ('[gateway]\nid = ""', "gateway.id: expected 1 to 32 of A-Z a-z 0-9 _ -, found ''"),
        ('[gateway]\ntz = "Mars/Olympus"', 'gateway.tz: expected a time zone such as "Asia/Shanghai"'),
        ('[gateway]\ntz = "../../etc/passwd"', "gateway.tz: expected a name of the time zone database"),
        ('[gateway]\nlog_level = "loud"', "gateway.log_level: expected one of"),
        ("[meter]\n", "meter: expected at most 32 sections [[meter]]"),
        ("[[meter]]\n", "meter[0].port: expected an absolute path, found nothing"),
        (
            '[[meter]]\nport = "/dev/a"\ndevice = "m"\naddress = "12"',
            "meter[0].address: expected 12 digits, found '12'",
        ),
        ("[journal]\nmax_mib = 8\nreserve_mib = 9", "journal.reserve_mib: expected less than journal.max_mib"),
        (
            "[journal]\nretention_days = 89",
            "journal.retention_days: expected a whole number of 90 to 3650 days, found 89",
        ),  # T-33
        (
            "[journal]\nraw_days = 31",
            "journal.raw_days: expected a whole number of 1 to 30 days, found 31",
        ),  # PIPL art. 19
        ("[mqtt]\nheartbeat_s = 301", "mqtt.heartbeat_s: expected a whole number of 30 to 300 s, found 301"),  # T-14
        ("[gateway", "the file is not TOML"),
        ("a = " + "[" * 100_000, "the file is"),
        ("a = " + "9" * 10_000, "the file is not TOML"),
    ],
)
def test_each_wrong_thing_is_named_with_what_was_found_and_expected(text: str, says: str) -> None:
    found = problems(text)
    assert any(says in p for p in found), found


def test_all_problems_are_told_at_once() -> None:
    text = '[ble]\nscanning = 1\n[modem]\nbaud = 1\n[[meter]]\n[voice]\nvolume = "loud"\n'
    assert len(problems(text)) == 5


def test_a_secret_is_shown_neither_in_an_error_nor_in_a_repr() -> None:
    assert problems('[modem]\npin = "12x4"') == [
        "modem.pin: expected 4 to 8 digits, found a value that is not shown",
    ]
    config = parse_config('[modem]\npin = "1234"\n[mqtt]\nusername = "u"\npassword = "hunter2"')
    assert config.modem.pin == "1234"
    assert "1234" not in repr(config)
    assert "hunter2" not in repr(config)


METERS = '[[meter]]\nport="/dev/a"\ndevice="m1"\n[[meter]]\nport="/dev/a"\ndevice="m2"\n'


def test_meters_may_share_a_port_if_they_speak_alike() -> None:
    assert [m.device for m in parse_config(METERS).meters] == ["m1", "m2"]
    assert "baud and parity" in problems(METERS + 'parity="N"\n')[0]


def test_two_meters_are_not_one_device_and_no_meter_is_the_modem() -> None:
    assert "no other meter" in problems(METERS.replace("m2", "m1"))[0]
    assert "the modem has /dev/a" in problems(METERS + '[modem]\nport="/dev/a"')[0]
    assert parse_config(METERS + '[modem]\nport="/dev/a"\nenabled=false').meters


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "hearthwatch.toml"
    file.write_text('[gateway]\nstate_dir = "state"\n', encoding="utf-8")
    config = read_config(file)
    assert config.state_dir == tmp_path / "state"
    assert config.home_file == tmp_path / "state" / "home.json"
    assert config.control_socket == tmp_path / "state" / "control.sock"
    assert config.resolved("/etc/ca.pem") == Path("/etc/ca.pem")


@pytest.mark.parametrize(
    ("content", "says"), [(b"\xff\xfe", "expected UTF-8"), (b"#" * 300_000, "at most 262144 bytes")]
)
def test_a_file_that_is_no_text_or_too_long_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(content)
    with pytest.raises(BadConfig, match=says):
        read_config(file)


def test_a_missing_file_is_a_problem_like_any_other(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="No such file"):
        read_config(tmp_path / "none.toml")
    with pytest.raises(BadConfig, match="directory"):
        read_config(tmp_path)


def test_reading_touches_neither_network_nor_hardware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a socket was made")

    monkeypatch.setattr(socket, "socket", refused)
    text = '[mqtt]\nhosts=["broker.example:8883"]\nca="/nowhere"\n[modem]\nport="/dev/nowhere"\n' + METERS
    file = tmp_path / "x.toml"
    file.write_text(text, encoding="utf-8")
    assert read_config(file).mqtt.hosts == ("broker.example:8883",)


toml_values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=6,
)
key_names = sorted({k.name for made in SECTIONS.values() for k in keys_of(made)})
toml_sections = st.dictionaries(st.sampled_from(key_names) | st.text(max_size=5), toml_values, max_size=4) | toml_values


@settings(max_examples=300)
@given(
    st.dictionaries(st.sampled_from(sorted(SECTIONS)) | st.text(max_size=5), toml_sections | st.lists(toml_sections))
)
def test_any_document_is_a_configuration_or_bad_config(document: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading_module.tomllib, "loads", lambda _text: document)
        try:
            config = parse_config("")
        except BadConfig as bad:
            assert all(isinstance(p, str) for p in bad.problems)  # noqa: PT017
            return
    assert isinstance(config, Config)


@given(st.text(max_size=60))
def test_any_text_is_a_configuration_or_bad_config(text: str) -> None:
    try:
        config = parse_config(text)
    except BadConfig:
        return
    assert isinstance(config, Config)

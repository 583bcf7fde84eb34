"""The configuration file: `BadConfig` with bounded problems, or a configuration whose repr holds no secret."""

from __future__ import annotations

from dataclasses import replace

from fuzz_rig import MAX_ERROR_TEXT

from gateway.config import BadConfig, Config
from gateway.config.reading import MAX_PROBLEMS, parse_config
from gateway.config.writing import commented

FULL = """[gateway]
id = "demo-1"
site = "demo"
state_dir = "state"
tz = "Asia/Shanghai"
[ble]
adapter = "hci0"
liveness_s = 3600
[modem]
port = "/dev/ttyUSB2"
pin = "1234"
[[meter]]
port = "/dev/ttyS1"
parity = "N"
device = "meter"
interval_s = 5
[mqtt]
hosts = ["[::1]:8883", "a.example:8883"]
ca = "ca.pem"
cert = "c.pem"
key = "k.pem"
username = "u"
password = "secret"
[voice]
volume = 0x10
[journal]
raw_days = 1_0
max_mib = 64
"""


def seeds() -> list[bytes]:
    sections = FULL.split("[")
    return [FULL.encode(), *(("[" + s).encode() for s in sections[1:] if s.strip("[")), commented().encode()[:4000]]


def _with_other_secrets(config: Config) -> Config:
    """A word like the password may stand where it is none, as the name of a file: so what it is must not be seen."""
    return replace(
        config,
        modem=replace(config.modem, pin="00000000"),
        modem2=replace(config.modem2, pin="00000000"),
        mqtt=replace(config.mqtt, password="another"),
        local_mqtt=replace(config.local_mqtt, password="another"),
    )


def one_input(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    try:
        config = parse_config(text)
    except BadConfig as error:
        problems = error.problems
    else:
        assert isinstance(config, Config)
        assert config.home_file.name == "home.json"
        assert repr(_with_other_secrets(config)) == repr(config)
        return
    assert 1 <= len(problems) <= MAX_PROBLEMS
    assert sum(map(len, problems)) <= MAX_ERROR_TEXT

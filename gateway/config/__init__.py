"""The gateway's configuration: which ports, which radio, which platform. One TOML file, read once at start.

`sections` says what can be set (and is the only place that says it), `reading` takes a file apart and names everything
that is wrong with it, `writing` makes the commented file of `init` and `docs/configuration.md`. Touches no network and
no hardware: a file is right or wrong whatever machine it is read on. Who lives here is the home registry's, not this.
"""

from gateway.config.local_mqtt import ActionConfig, LocalMqttConfig, MapConfig
from gateway.config.reading import BadConfig, parse_config, read_config
from gateway.config.sections import (
    BleConfig,
    Config,
    GatewayConfig,
    JournalConfig,
    MeterConfig,
    ModemConfig,
    MqttConfig,
    VoiceConfig,
)

__all__ = [
    "ActionConfig",
    "BadConfig",
    "BleConfig",
    "Config",
    "GatewayConfig",
    "JournalConfig",
    "LocalMqttConfig",
    "MapConfig",
    "MeterConfig",
    "ModemConfig",
    "MqttConfig",
    "VoiceConfig",
    "parse_config",
    "read_config",
]

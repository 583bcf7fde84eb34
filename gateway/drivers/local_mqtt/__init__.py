"""A broker in the home: Zigbee2MQTT and any JSON topic that the configuration gives a meaning (`driver` runs it)."""

"""MQTT as both ways need it, to the broker at home and the one of the platform: sockets and packets, no meaning."""

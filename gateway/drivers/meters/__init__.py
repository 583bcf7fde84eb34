"""Meters on a serial line: a pure codec a protocol, and a driver that polls."""

"""Hearthwatch (守望家): the gateway that stands in an elder's home."""

__version__ = "0.1.0"

"""The pure heart: observations and time in, actions out. Does no I/O, reads no clock, draws no random number."""

from gateway.controller.controller import Controller
from gateway.controller.result import Notice, Result
from gateway.controller.snapshot import BadSnapshot

__all__ = ["BadSnapshot", "Controller", "Notice", "Result"]

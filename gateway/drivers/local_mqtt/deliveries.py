"""Which delivery a message is: message ids begin anew when a broker does, and the same bytes are then another press.

A broker repeats what we have not confirmed under the id it had, and marks it (DUP, MQTT 3.1.1 section 3.3.1.1). What is
not marked is told for the first time, whatever its id: a broker that was killed, or lost its power together with us,
counts from one again, or from where it last saved. So the connection on which a message came first is part of its name.
Pure.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from gateway.drivers.local_mqtt.heard import Message

MEMORY: Final = "mqtt:deliveries"
MAX_REMEMBERED: Final = 256  # as many as keys are (`controller.heard`); a broker sends 20 without our answer
MAX_NUMBER: Final = 1 << 52  # stays exact in any JSON reader


class Deliveries:
    """Numbers the connections on which something was told that has no name of its own; outlives a run."""

    def __init__(self, memory: Any = None) -> None:
        """`memory`: what `told` once gave for the journal, or anything."""
        good = isinstance(memory, int) and not isinstance(memory, bool) and 0 <= memory <= MAX_NUMBER
        self._last: int = memory if good else 0
        self._new = True  # connection, of which nothing was told yet
        self._told: OrderedDict[tuple[str, int], int] = OrderedDict()

    def connected(self) -> None:
        """From now on it is another connection."""
        self._new = True

    def number(self, message: Message) -> int:
        """The connection on which this message came first. One from before our own restart came on the last."""
        if message.dup:
            return self._told.get((message.topic, message.mid), self._last)
        return self._last + self._new

    def told(self, message: Message) -> int | None:
        """Something was made of this message that goes by its number; what the journal is to keep, if that changed."""
        number = self.number(message)
        self._told[message.topic, message.mid] = number
        self._told.move_to_end((message.topic, message.mid))
        while len(self._told) > MAX_REMEMBERED:
            self._told.popitem(last=False)
        if number == self._last:
            return None
        self._last, self._new = number, False
        return number

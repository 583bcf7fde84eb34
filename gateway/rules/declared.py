"""What a rule declares of itself: what it does, what it needs, what it may say, and the numbers it reads.

`docs/rules.md` is generated from these (`gateway.cli.rules_doc`), and `tests/unit/test_rules_declared.py` holds each
rule to its word: it reads no other number and says no other code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.parameters import TABLE

ANY_CONDITION: Final = "*"
"""In `says`: every technical condition the machine reports."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One rule's declaration. Without `consent` it works whatever was agreed; `clock`: it needs a trusted hour.

    `parameters` are names of `gateway.parameters.TABLE`, `room.*` for all of a room.
    """

    does: str
    needs: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    consent: str = ""
    clock: bool = False

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of all numbers it reads, in the table's order."""
        return tuple(n for n in TABLE if n in self.parameters or f"{n.partition('.')[0]}.*" in self.parameters)

"""Which text a delivery report is about: the network's references of what was sent, kept until the centre has spoken.

Pure. A report names only a reference of one octet, of one modem, that comes round after 255 messages; so the newest
text with it is meant. Survives a restart as JSON beside the commit of each sent text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

MAX_KEPT: Final = 64  # texts; a home sends a handful a day, and a report comes within the text's 24 h of validity
MAX_EARLY: Final = 16  # reports that came before the text they are about was written down
EARLY_S: Final = 150.0  # and so long before: a network that takes its two minutes. Later the number is another text's

Row = dict[str, Any]


@dataclass(slots=True)
class _Sent:
    row: Row
    missing: set[str] = field(default_factory=set)


class DeliveryReports:
    """`sent` and `report` in whatever order they come; a verdict is (what was sent, delivered or not)."""

    def __init__(self, kept: Any = None) -> None:
        """`kept`: what `to_json` gave an earlier process; anything else is an empty beginning."""
        self._sent: dict[str, _Sent] = {}  # reference of the text -> it; oldest first
        self._early: dict[str, tuple[bool, float]] = {}
        for item in kept if isinstance(kept, list) else []:
            self._restore(item)

    def sent(self, reference: str | None, row: Row, now: float = 0.0) -> tuple[Row, bool] | None:
        """The network took a text (`modem:12,13`: two parts). A verdict, if its reports have come already.

        `now`: monotonic seconds, as in `report`.
        """
        parts = _parts(reference)
        if reference is None or not parts:
            return None
        for old in [r for r, s in self._sent.items() if s.missing & parts]:
            del self._sent[old]  # the counter has come round
        self._sent[reference] = _Sent(row, parts)
        while len(self._sent) > MAX_KEPT:
            del self._sent[next(iter(self._sent))]
        verdict = None
        for part in sorted(parts & self._early.keys()):
            delivered, came = self._early.pop(part)
            if now - came <= EARLY_S:
                verdict = self.report(part, delivered, now) or verdict
        return verdict

    def report(self, part: str, delivered: bool, now: float = 0.0) -> tuple[Row, bool] | None:
        """The centre's last word on one part. A text is delivered with its last part, and not with its first lost."""
        for reference, sent in self._sent.items():
            if part not in sent.missing:
                continue
            sent.missing.discard(part)
            if delivered and sent.missing:
                return None
            del self._sent[reference]
            return sent.row, delivered
        self._early[part] = delivered, now
        while len(self._early) > MAX_EARLY:
            del self._early[next(iter(self._early))]
        return None

    def to_json(self) -> list[dict[str, Any]]:
        """What a later process must know."""
        return [{"reference": r, "missing": sorted(s.missing), "row": s.row} for r, s in self._sent.items()]

    def _restore(self, item: Any) -> None:
        if not isinstance(item, dict) or len(self._sent) >= MAX_KEPT:
            return
        reference, missing, row = item.get("reference"), item.get("missing"), item.get("row")
        if isinstance(reference, str) and isinstance(missing, list) and isinstance(row, dict):
            self._sent[reference] = _Sent(row, {m for m in missing if isinstance(m, str)})


def _parts(reference: str | None) -> set[str]:
    """ "modem:12,13" is {"modem:12", "modem:13"}; a modem that gave no number gets no report."""
    bearer, colon, numbers = (reference or "").rpartition(":")
    return {f"{bearer}{colon}{n}" for n in numbers.split(",") if n.isdigit()}

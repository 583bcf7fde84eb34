"""Who notices what the gateway says in the home, texts and calls, and puts each on the timeline."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from gateway.demo.household import name_of
from gateway.demo.virtual_modem import VirtualModem

POLL_S: Final = 0.05  # how often the demo looks at files and ports; the gateway itself does not poll


class Witness:
    """Stands in the home of `state` and at the far end of `modem`; `note(where, text)` takes what is noticed."""

    def __init__(self, state: Path, modem: VirtualModem, note: Callable[..., None]) -> None:
        self._spoken, self._modem, self._note = state / "spoken.jsonl", modem, note
        self._spoken_at = 0
        self._texts_seen = 0
        self._calls_seen: dict[int, tuple[int, int, str, bool]] = {}  # call -> state, sentences, keys, over

    async def watch(self) -> None:
        """Looks for ever at what the gateway says, texts and calls."""
        while True:
            for row in self._new_spoken():
                self._note("elder", f"hears: {row['text']}", row)
            for sent in self._modem.sent[self._texts_seen :]:
                self._texts_seen += 1
                self._note("sms", f"→ {name_of(sent.number)}: {sent.text}")
            self._watch_calls()
            await asyncio.sleep(POLL_S)

    def _watch_calls(self) -> None:
        for i, call in enumerate(self._modem.calls):
            now = (call.stat, len(call.said), call.pressed, call.over)
            before = self._calls_seen.get(i, (-1, 0, "", False))
            if now == before:
                continue
            self._calls_seen[i] = now
            who = name_of(call.number)
            if before[0] == -1 and not call.incoming:
                self._note("phone", f"☎ → {who}: it rings")
            if now[0] == 0 and before[0] != 0:
                self._note("phone", f"☎ {who}: {'the gateway answers' if call.incoming else 'answers'}")
            for said in call.said[before[1] :]:
                self._note("phone", f"☎ {who} hears: {said}")
            if len(call.pressed) > len(before[2]):
                self._note("phone", f"☎ {who} presses {call.pressed[len(before[2]) :]}")
            if call.over:
                self._note("phone", f"☎ {who}: the call is over")

    def _new_spoken(self) -> list[dict[str, Any]]:
        try:
            with self._spoken.open("rb") as file:
                file.seek(self._spoken_at)
                raw = file.read()
        except FileNotFoundError:
            return []
        whole, _, _ = raw.rpartition(b"\n")
        self._spoken_at += len(whole) + 1 if whole else 0
        return [json.loads(line) for line in whole.splitlines() if line.strip()]

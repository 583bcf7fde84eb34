"""What the platform says: read, checked, handed on, and only then confirmed to the broker.

Knows the words (`messages`) and which rows were sent (`window`); must not know sockets or when to connect.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.upstream import messages
from gateway.upstream.connection import Incoming
from gateway.upstream.messages import Received, Topics
from gateway.upstream.session import Session
from gateway.upstream.window import Window

_log = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any]], Awaitable[Any] | None]
"""Called in the loop. What it returns is awaited before the broker may forget the message; False: not kept."""


class Inbox:
    """Hears `/down/ack` and `/down/cmd`. Whatever is wrong with a message is counted and changes nothing."""

    def __init__(
        self,
        topics: Topics,
        epoch: str,
        window: Window,
        counts: Counter[str],
        *,
        on_ack: Handler,
        on_command: Handler,
        on_settled: Callable[[], None],
    ) -> None:
        self._ack_topic, self._command_topic = topics.down("ack"), topics.down("cmd")
        self._epoch, self._window, self._counts = epoch, window, counts
        self._on_ack, self._on_command, self._on_settled = on_ack, on_command, on_settled
        self._confirming: set[asyncio.Task[None]] = set()

    @property
    def filters(self) -> tuple[str, str]:
        """What to subscribe to."""
        return self._ack_topic, self._command_topic

    def take(self, session: Session, message: Incoming) -> None:
        """Deals with one message and confirms it, at once or when what it caused is durable."""
        result: Awaitable[Any] | None = None
        if message.retain:  # it would come again with every connection: not a word said now
            self._counts["retained_ignored"] += 1
        else:
            result = self._handled(message)
        if result is None:
            session.confirm(message)
            return
        task = asyncio.ensure_future(self._confirm_after(result, session, message))
        self._confirming.add(task)
        task.add_done_callback(self._confirming.discard)

    def stop(self) -> None:
        """Waits for nothing any more; what is unconfirmed comes again with the next connection."""
        for task in self._confirming:
            task.cancel()

    def _handled(self, message: Incoming) -> Awaitable[Any] | None:
        try:
            return self._hear(message)
        except messages.StaleEpoch:
            self._counts["stale_epoch"] += 1
        except messages.BadMessage as error:
            self._counts["bad_message"] += 1
            if self._counts["bad_message"] == 1:  # a stranger must not fill the log; the value could hold a name
                _log.warning("a message from the platform was ignored: %s", str(error).partition(", found")[0])
        except Exception:  # noqa: BLE001 - task boundary: a bug in a handler must not take the link down
            self._counts["handler_failed"] += 1
            _log.exception("a message from the platform could not be handled")
        return None

    def _hear(self, message: Incoming) -> Awaitable[Any] | None:
        if message.topic == self._command_topic:
            command = messages.parse_command(message.payload, self._epoch)
            self._counts["commands"] += 1
            return self._on_command(command)
        if message.topic != self._ack_topic:
            raise messages.BadMessage("of a topic we did not ask for")
        word = messages.parse_ack(message.payload, self._epoch)
        if isinstance(word, Received):
            return self._settle(word)
        self._counts["stages"] += 1
        return self._on_ack({"stage": word.stage.value, "alarm": word.alarm, "by": word.by, "outcome": word.outcome})

    def _settle(self, word: Received) -> Awaitable[Any] | None:
        ours = self._window.acked(word.seqs, asyncio.get_running_loop().time())
        self._counts["ack_unknown"] += len(word.seqs) - len(ours)
        if not ours:
            return None
        self._counts["acked"] += len(ours)
        self._on_settled()
        kept = self._on_ack({"stage": "RECEIVED", "epoch": self._epoch, "seq": list(ours)})
        return None if kept is None else self._written_off(kept, ours)

    async def _written_off(self, kept: Awaitable[Any], seqs: tuple[int, ...]) -> Any:
        """Once the journal has deleted the rows, the window need not keep them out any more."""
        found = await kept
        if found is not False:
            self._window.deleted(seqs)
        return found

    async def _confirm_after(self, result: Awaitable[Any], session: Session, message: Incoming) -> None:
        try:
            kept = await result
        except Exception:  # noqa: BLE001 - task boundary; not confirmed, so it comes again with the next connection
            self._counts["handler_failed"] += 1
            _log.exception("a message from the platform was not kept")
            return
        if kept is not False:  # the journal's word that it gave the entry up
            session.confirm(message)

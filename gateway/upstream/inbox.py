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
"""Called in the loop. What it returns is waited for before the broker may forget the message; False: not kept. A
future stays its maker's: it is listened to and never cancelled, and costs no task."""


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
        self._awaited: set[asyncio.Task[Any]] = set()

    @property
    def filters(self) -> tuple[str, str]:
        """What to subscribe to."""
        return self._ack_topic, self._command_topic

    def take(self, session: Session, message: Incoming) -> None:
        """Deals with one message and confirms it, at once or when what it caused is durable."""
        kept: asyncio.Future[Any] | None = None
        if message.retain:  # it would come again with every connection: not a word said now
            self._counts["retained_ignored"] += 1
        else:
            kept = self._handled(message)
        if kept is None:
            session.confirm(message)
        else:
            kept.add_done_callback(lambda done: self._confirm(done, session, message))

    def stop(self) -> None:
        """Waits for nothing any more; what is unconfirmed comes again with the next connection."""
        for task in self._awaited:
            task.cancel()

    def _handled(self, message: Incoming) -> asyncio.Future[Any] | None:
        """What is to be kept before the broker may forget the message; None: nothing."""
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

    def _hear(self, message: Incoming) -> asyncio.Future[Any] | None:
        if message.topic == self._command_topic:
            command = messages.parse_command(message.payload, self._epoch)
            self._counts["commands"] += 1
            return self._future(self._on_command(command))
        if message.topic != self._ack_topic:
            raise messages.BadMessage("of a topic we did not ask for")
        word = messages.parse_ack(message.payload, self._epoch)
        if isinstance(word, Received):
            return self._settle(word)
        self._counts["stages"] += 1
        said = {"stage": word.stage.value, "alarm": word.alarm, "by": word.by, "outcome": word.outcome}
        return self._future(self._on_ack(said))

    def _future(self, result: Awaitable[Any] | None) -> asyncio.Future[Any] | None:
        if result is None or (isinstance(result, asyncio.Future) and not isinstance(result, asyncio.Task)):
            return result
        task = asyncio.ensure_future(result)
        if isinstance(task, asyncio.Task):
            self._awaited.add(task)
            task.add_done_callback(self._awaited.discard)
        return task

    def _settle(self, word: Received) -> asyncio.Future[Any] | None:
        ours = self._window.acked(word.seqs, asyncio.get_running_loop().time())
        self._counts["ack_unknown"] += len(word.seqs) - len(ours)
        if not ours:
            return None
        self._counts["acked"] += len(ours)
        self._on_settled()
        kept = self._future(self._on_ack({"stage": "RECEIVED", "epoch": self._epoch, "seq": list(ours)}))
        if kept is not None:
            kept.add_done_callback(lambda done: self._written_off(done, ours))
        return kept

    def _written_off(self, done: asyncio.Future[Any], seqs: tuple[int, ...]) -> None:
        """Once the journal has deleted the rows, the window need not keep them out any more."""
        if _was_kept(done):
            self._window.deleted(seqs)

    def _confirm(self, done: asyncio.Future[Any], session: Session, message: Incoming) -> None:
        if not done.cancelled() and (error := done.exception()) is not None:  # it comes again with the next connection
            self._counts["handler_failed"] += 1
            _log.error("a message from the platform was not kept", exc_info=error)
        elif _was_kept(done):
            session.confirm(message)


def _was_kept(done: asyncio.Future[Any]) -> bool:
    """False is the journal's word that it gave the entry up."""
    return not done.cancelled() and done.exception() is None and done.result() is not False

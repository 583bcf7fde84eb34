"""The least gateway that loses nothing: paho in, SQLite FULL outbox, paho out. A yardstick, not a product.

    yardstick.py LOCAL_PORT UPSTREAM_PORT OUTBOX.db

A press is acknowledged to the local broker only after its alarm lies in the outbox; a row leaves the outbox on the
upstream's PUBACK. It has no rules, no life of an alarm, no record of what happened, no second way out, no checksums and
no acknowledgement of the platform itself: what Hearthwatch costs above it is the price of those.
"""

from __future__ import annotations

import json
import queue
import sqlite3
import sys
import threading
from typing import Any

import paho.mqtt.client as mqtt

BATCH = WINDOW = 200
SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB NOT NULL);
"""


def make_client(name: str, clean: bool) -> mqtt.Client:
    """A client whose incoming messages wait for our own acknowledgement."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean, manual_ack=True)
    client.max_inflight_messages_set(WINDOW)
    client.reconnect_delay_set(1, 5)
    client.on_socket_open = lambda _c, _u, sock: sock.setsockopt(6, 1, 1)  # TCP_NODELAY, as the gateway has it
    return client


class Yardstick:
    """One writer thread (the main one); paho's threads only put what they saw into `work`."""

    def __init__(self, outbox: str) -> None:
        self.db = sqlite3.connect(outbox, isolation_level=None)
        self.db.executescript(SCHEMA)
        self.work: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.online = threading.Event()
        self.in_flight: dict[int, int] = {}  # MQTT message id -> outbox row
        self.sent_up_to = 0

    def run(self, local_port: int, upstream_port: int) -> None:
        """For ever."""
        self.local, self.upstream = make_client("yard-local", clean=False), make_client("yard-up", clean=True)
        self.local.on_connect = lambda *_: self.local.subscribe("home/button/#", 1)
        self.local.on_message = lambda _c, _u, message: self.work.put(("press", message))
        self.upstream.on_connect = lambda *_: self.work.put(("online", None))
        self.upstream.on_disconnect = lambda *_: self.online.clear()
        self.upstream.on_publish = lambda _c, _u, mid, *_: self.work.put(("acked", mid))
        for client, port in ((self.local, local_port), (self.upstream, upstream_port)):
            client.connect_async("127.0.0.1", port, 30)
            client.loop_start()
        while True:
            items = [self.work.get()]
            while len(items) < BATCH and not self.work.empty():
                items.append(self.work.get_nowait())
            self._commit(items)
            self._send()

    def _commit(self, items: list[tuple[str, Any]]) -> None:
        self.db.execute("BEGIN")
        for kind, item in items:
            if kind == "press":
                self._press(item)
            elif kind == "acked" and (row := self.in_flight.pop(item, None)) is not None:
                self.db.execute("DELETE FROM outbox WHERE seq = ?", (row,))
            elif kind == "online":
                self.online.set()
                self.in_flight.clear()
                self.sent_up_to = 0  # whatever is still in the outbox goes again
        self.db.execute("COMMIT")
        for kind, item in items:
            if kind == "press":
                self.local.ack(item.mid, item.qos)

    def _press(self, message: mqtt.MQTTMessage) -> None:
        try:
            press = json.loads(message.payload)
            if press["action"] == "press":
                body = json.dumps({"id": int(press["id"])})
                self.db.execute("INSERT INTO outbox (payload) VALUES (?)", (body,))
        except (ValueError, TypeError, KeyError, RecursionError):
            print("bad message on", message.topic, file=sys.stderr)

    def _send(self) -> None:
        if not self.online.is_set() or len(self.in_flight) >= WINDOW:
            return
        rows = self.db.execute(
            "SELECT seq, payload FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?",
            (self.sent_up_to, WINDOW - len(self.in_flight)),
        ).fetchall()
        for seq, payload in rows:
            info = self.upstream.publish("home/alarm", payload, qos=1)
            if info.rc != mqtt.MQTT_ERR_SUCCESS:
                break
            self.in_flight[info.mid] = seq
            self.sent_up_to = seq


if __name__ == "__main__":
    Yardstick(sys.argv[3]).run(int(sys.argv[1]), int(sys.argv[2]))

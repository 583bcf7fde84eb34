"""The platform's end, a process of its own: acknowledges; with `close` its desk closes each raised alarm."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from gateway.receiver.platform import Platform
from gateway.upstream.messages import Stage
from gateway.upstream.settings import UpstreamSettings


async def main(port: int, closes: bool) -> None:
    """Until killed."""

    def heard(event: dict[str, Any]) -> None:
        if closes and event.get("event") == "alarm" and event.get("state") == "RAISED":
            platform.say(event["gateway"], event["alarm"], Stage.CLOSED, "desk", "HELPED")

    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:  # the platform's disk is not what is measured
        settings = UpstreamSettings(brokers=(("127.0.0.1", port),), client_id="platform")
        platform = Platform(settings, Path(folder) / "platform.db", heard)
        running = asyncio.create_task(platform.run())
        await platform.connected.wait()
        print("ready", flush=True)
        await running


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2] == "close"))

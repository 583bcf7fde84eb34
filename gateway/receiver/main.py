"""`hearthwatch-platform`: the reference platform as a command. One JSON line on stdout for each new event.

On stdin it takes JSON lines, a person's word or a command:
`{"gateway":"g1","alarm":17,"stage":"ACCEPTED","by":"desk"}`, `{"gateway":"g1","cmd":"ping"}`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import click

from gateway.receiver.platform import Platform, UnknownGateway
from gateway.upstream.messages import BadMessage, Stage, load
from gateway.upstream.settings import BadSettings, Tls, UpstreamSettings, parse_broker


@click.command()
@click.option("--broker", default="localhost", show_default=True, help="host[:port] of the MQTT broker.")
@click.option("--protocol", type=click.Choice(["5", "3.1.1"]), default="5", show_default=True, help="MQTT version.")
@click.option("--ca", type=click.Path(path_type=Path), help="Issuer of the broker's certificate; switches TLS on.")
@click.option("--cert", type=click.Path(path_type=Path), help="The platform's own certificate.")
@click.option("--key", type=click.Path(path_type=Path), help="Its key.")
@click.option("--username", help="For a broker that asks for one.")
@click.option("--password", envvar="HEARTHWATCH_PLATFORM_PASSWORD", help="Better given in the environment.")
@click.option("--client-id", help="Default: hearthwatch-platform. Two platforms need two names.")
@click.option("--db", type=click.Path(path_type=Path), default=Path("platform.db"), show_default=True)
def main(
    broker: str,
    protocol: str,
    ca: Path | None,
    cert: Path | None,
    key: Path | None,
    username: str | None,
    password: str | None,
    client_id: str | None,
    db: Path,
) -> None:
    """Receives what gateways send, stores it, acknowledges it and prints it, one JSON line each."""
    try:
        settings = UpstreamSettings(
            brokers=(parse_broker(broker, tls=ca is not None),),
            protocol=protocol,
            tls=None if ca is None else Tls(ca, cert, key),
            username=username,
            password=password,
            client_id=client_id,
        )
    except BadSettings as error:
        raise click.UsageError(str(error)) from None
    try:
        asyncio.run(_serve(Platform(settings, db, _print)))
    except KeyboardInterrupt:
        sys.exit(130)


async def _serve(platform: Platform) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=64 * 1024)
    listening: asyncio.Task[None] | None = None
    try:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        listening = asyncio.create_task(_listen(platform, reader))
    except (OSError, ValueError):
        _print({"event": "note", "reason": "no readable stdin: words of people cannot be entered here"})
    try:
        await platform.run()
    finally:
        if listening is not None:
            listening.cancel()


async def _listen(platform: Platform, reader: asyncio.StreamReader) -> None:
    while True:
        try:
            line = await reader.readline()
        except ValueError:  # longer than the reader's limit
            _print({"event": "refused", "reason": "line too long"})
            continue
        if not line:
            return
        if line.strip():
            _obey(platform, line)


def _obey(platform: Platform, line: bytes) -> None:
    try:
        body = load(line)
        gateway = str(body.pop("gateway", ""))
        if "cmd" in body:
            sent = platform.command(gateway, body)
        else:
            stage = Stage(str(body.get("stage")))
            sent = platform.say(gateway, body.get("alarm", ""), stage, str(body.get("by", "")), body.get("outcome"))
    except (BadMessage, ValueError, UnknownGateway) as error:
        _print({"event": "refused", "reason": f"{type(error).__name__}: {error}"})
    else:
        _print({"event": "said", "gateway": gateway, "sent": sent})


def _print(event: dict[str, Any]) -> None:
    click.echo(json.dumps(event, ensure_ascii=False))


if __name__ == "__main__":
    main()

"""gammu, a program we did not write, as a second client of our virtual modem and a second reader of our PDUs.

What the driver is tested against is thereby no echo of the driver.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from gateway.demo.sms_network import address, report_pdu
from gateway.demo.virtual_modem import VirtualModem
from gateway.drivers.modem.encode import encode_submit
from gateway.drivers.modem.pdu import Deliver, Submit, decode_pdu

pytestmark = pytest.mark.skipif(shutil.which("gammu") is None, reason="gammu is not installed: make setup")

CONTACT = "13800138000"
LONG = "水" * 66 + "😀守护" * 5  # a pair sits where the first part would end
GAMMU_S = 90.0  # gammu asks a lot before it begins: 5 s here, more on a loaded machine


async def gammu(modem: VirtualModem, folder: Path, *arguments: str) -> str:
    """Runs gammu against the modem; returns what it printed, and fails if it was not content."""
    settings = folder / "gammurc"
    settings.write_text(f"[gammu]\nport={modem.path}\nconnection=at115200\nsynchronizetime=no\nuse_locking=no\n")
    process = await asyncio.create_subprocess_exec(
        "gammu",
        "-c",
        str(settings),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), GAMMU_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        modem.let_go()
    assert process.returncode == 0, out.decode()
    return out.decode()


def listed(out: str) -> list[tuple[str, str]]:
    """(number, text) of each message in gammu's listing."""
    return re.findall(r'Remote number +: "([^"]*)"\n(?:.+\n)*\n(.*)\n', out)


async def test_gammu_takes_our_modem_for_a_modem(modem: VirtualModem, tmp_path: Path) -> None:
    out = await gammu(modem, tmp_path, "identify")
    assert "Quectel" in out
    assert "861234567890123" in out


async def test_gammu_sends_a_long_text_and_we_read_its_pdus_as_the_network_does(
    modem: VirtualModem, tmp_path: Path
) -> None:
    await gammu(modem, tmp_path, "sendsms", "TEXT", CONTACT, "-unicode", "-len", "400", "-text", LONG)
    assert [(s.number, s.text, s.parts) for s in modem.sent] == [(CONTACT, LONG, 2)]
    ours = [decode_pdu(pdu) for pdu in modem.submitted]
    assert all(isinstance(m, Submit) for m in ours)
    assert "".join(m.text for m in ours if isinstance(m, Submit)) == LONG


async def test_gammu_reads_what_arrives_and_what_we_encode(modem: VirtualModem, tmp_path: Path) -> None:
    arrives = [("+8613800138000", "好的，我去😀"), ("13900139000", "1"), ("+6591234567", "on my way (10 min)")]
    for number, text in arrives:
        modem.incoming(number, text)
    published = (
        "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37",
        "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07",
    )
    for pdu in published:
        modem.incoming_pdu(pdu)
    ours = encode_submit(CONTACT, "【居家守护】测试短信😀") + encode_submit("+6591234567", LONG, reference=9)
    for part in ours:
        modem.incoming_pdu(part.hex)
    found = listed(await gammu(modem, tmp_path, "getallsms"))
    assert found[:3] == arrives
    assert found[3:5] == [(m.number, m.text) for m in map(decode_pdu, published) if isinstance(m, Deliver)]
    assert found[5] == (CONTACT, "【居家守护】测试短信😀")
    assert [number for number, _ in found[6:]] == ["+6591234567"] * 2
    assert "".join(text for _, text in found[6:]) == LONG


async def test_gammu_asks_for_a_delivery_report_and_reads_ours(modem: VirtualModem, tmp_path: Path) -> None:
    await gammu(modem, tmp_path, "sendsms", "TEXT", CONTACT, "-report", "-unicode", "-text", "短信")
    asked = decode_pdu(modem.submitted[0])
    assert isinstance(asked, Submit)
    assert asked.report_wanted
    destination = address(CONTACT)
    for reference, status in ((1, 0), (2, 0x46)):
        modem.incoming_pdu(report_pdu(destination, reference, status), announce=False)
    out = await gammu(modem, tmp_path, "getallsms")
    assert re.findall(r"Reference number +: (\d+)", out) == ["1", "2"]
    assert re.findall(r"Delivery status +: (\w+)", out) == ["Delivered", "Failed"]
    assert out.count(CONTACT) == 2


async def test_gammu_dials_and_hangs_up(modem: VirtualModem, tmp_path: Path) -> None:
    modem.phone(CONTACT, presses="")
    await gammu(modem, tmp_path, "dialvoice", CONTACT)
    assert [(c.number, c.over) for c in modem.calls] == [(CONTACT, False)]
    await gammu(modem, tmp_path, "cancelcall")
    assert [(c.number, c.over, c.stat) for c in modem.calls] == [(CONTACT, True, 0)]


async def test_gammu_reads_the_operators_words_about_our_credit(modem: VirtualModem, tmp_path: Path) -> None:
    assert "您的余额为36.50元" in await gammu(modem, tmp_path, "getussd", "*100#")

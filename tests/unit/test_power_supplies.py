"""The kernel's power supplies as files: what they say together, and the driver that looks at them (T-18 to T-22)."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.port import DriverContext, DriverFault
from gateway.drivers.power.driver import PowerDriver, differs, read_folder
from gateway.drivers.power.supplies import READ, Reading, read
from gateway.observations import Kind, Report, check_value

GAUGE = {"type": "Battery", "status": "Discharging", "capacity": "80", "health": "Good", "present": "1"}
PLUG = {"type": "Mains", "online": "1"}


def of(**supplies: dict[str, str]) -> tuple[bool | None, float | None, float | None, bool | None]:
    reading = read(supplies)
    return reading.mains, reading.percent, reading.left_s, reading.bad


def test_the_plug_says_it_better_than_a_gauge_that_only_guesses() -> None:
    assert of(battery=GAUGE, charger=PLUG) == (True, 80, None, False)
    assert of(battery=GAUGE | {"status": "Charging"}, charger=PLUG | {"online": "0"}) == (False, 80, None, False)


@pytest.mark.parametrize(
    ("status", "mains"),
    [("Discharging", False), ("Charging", True), ("Full", True), ("Not charging", True), ("Unknown", None), ("", None)],
)
def test_without_a_plug_the_battery_tells(status: str, mains: bool | None) -> None:
    assert of(battery=GAUGE | {"status": status})[0] is mains


def test_any_of_several_plugs_is_enough() -> None:
    assert of(a=PLUG | {"online": "0"}, b={"type": "USB", "online": "1"})[0] is True
    assert of(a=PLUG | {"online": "0"}, b={"type": "USB", "online": "0"})[0] is False


def test_a_mouse_with_an_empty_battery_is_not_the_gateway() -> None:
    mouse = {"type": "Battery", "scope": "Device", "status": "Discharging", "capacity": "3"}
    assert of(mouse=mouse) == (None, None, None, None)
    assert read({"mouse": mouse}).seen == ()
    assert of(mouse=mouse, battery=GAUGE | {"scope": "System"})[1] == 80


def test_the_emptiest_of_two_batteries_counts_and_one_bad_one_is_bad() -> None:
    assert of(a=GAUGE, b=GAUGE | {"capacity": "15", "health": "Dead"})[1:] == (15, None, True)


def test_the_time_left_is_asked_only_while_the_battery_carries_the_house() -> None:
    gauge = GAUGE | {"time_to_empty_now": "3000", "time_to_empty_avg": "3600"}
    assert of(battery=gauge)[2] == 3600
    assert of(battery=gauge | {"status": "Full"})[2] is None
    assert of(battery=GAUGE | {"time_to_empty_now": "0"})[2] is None  # what gauges say that do not know


def test_a_gauge_of_words_and_a_battery_taken_out() -> None:
    words = {"type": "Battery", "status": "Discharging", "capacity_level": "Critical"}
    assert of(battery=words)[1] == 5
    assert of(battery=GAUGE | {"present": "0"})[1:] == (None, None, True)
    assert of(battery=words)[3] is None, "no word on its health"


@pytest.mark.parametrize("capacity", ["", "-1", "101", "nan", "inf", "1e999", "80 %", "9" * 40])
def test_a_percentage_that_makes_no_sense_is_none(capacity: str) -> None:
    assert of(battery=GAUGE | {"capacity": capacity})[1] is None


@given(st.dictionaries(st.text(max_size=8), st.dictionaries(st.sampled_from(READ), st.text(max_size=12)), max_size=4))
def test_whatever_stands_in_the_files_is_a_reading_the_vocabulary_takes(supplies: dict[str, dict[str, str]]) -> None:
    check_value(Kind.SUPPLY, read(supplies).value())


def test_only_what_people_want_to_know_is_a_change() -> None:
    said = Reading(False, 80, 3600, False)
    assert not differs(said, Reading(False, 80.4, 3700, False))
    assert differs(said, Reading(False, 79, 3600, False))
    assert differs(said, Reading(False, 80, 3000, False))
    assert differs(said, Reading(True, 80, 3600, False))
    assert differs(said, Reading(False, None, 3600, False))
    assert differs(said, Reading(False, 80, 3600, True))


# ---- the driver


class Board:
    """A folder like the kernel's, and what the driver reported of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.reports, self.beats = folder, list[Report](), 0
        self.looked = asyncio.Event()
        folder.mkdir(exist_ok=True)

    def has(self, name: str, **texts: str) -> None:
        (self.folder / name).mkdir(exist_ok=True)
        for file, text in texts.items():
            (self.folder / name / file).write_text(text + "\n", encoding="ascii")

    def context(self) -> DriverContext:
        def beat() -> None:
            self.beats += 1
            self.looked.set()

        return DriverContext(self.reports.append, beat, lambda _: None)

    async def until(self, beats: int) -> None:
        """So many more looks."""
        wanted = self.beats + beats
        async with asyncio.timeout(20):
            while self.beats < wanted:
                self.looked.clear()
                await self.looked.wait()

    @property
    def said(self) -> list[Any]:
        return [(r.value["mains"], r.value["percent"]) for r in self.reports]


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path / "power_supply")


def driver(board: Board, **more: Any) -> PowerDriver:
    return PowerDriver(board.folder, every_s=0.01, **more)


async def test_what_changes_is_reported_and_nothing_else(board: Board) -> None:
    board.has("charger", **PLUG)
    board.has("battery", **GAUGE)
    running = asyncio.create_task(driver(board).run(board.context()))
    await board.until(3)
    assert board.said == [(True, 80)]
    board.has("charger", online="0")
    await board.until(2)
    board.has("battery", capacity="79")
    await board.until(2)
    assert board.said == [(True, 80), (False, 80), (False, 79)]
    running.cancel()


async def test_a_gateway_without_a_battery_is_no_fault(board: Board) -> None:
    board.folder.rmdir()
    watching = driver(board)
    running = asyncio.create_task(watching.run(board.context()))
    await board.until(2)
    assert (board.said, watching.latest) == ([], Reading())
    board.folder.mkdir()
    board.has("battery", **GAUGE)  # its module was loaded late
    await board.until(2)
    assert board.said == [(False, 80)]
    running.cancel()


async def test_a_battery_that_is_gone_is_a_fault_until_it_is_back(board: Board) -> None:
    board.has("battery", **GAUGE)
    watching = driver(board)
    running = asyncio.create_task(watching.run(board.context()))
    await board.until(1)
    shutil.rmtree(board.folder / "battery")
    with pytest.raises(DriverFault, match="battery is gone"):
        await asyncio.wait_for(running, 20)
    assert watching.latest == Reading(), "nothing is known of it any more"
    with pytest.raises(DriverFault, match="battery is gone"):
        await asyncio.wait_for(watching.run(board.context()), 20)
    board.has("battery", **GAUGE)
    running = asyncio.create_task(watching.run(board.context()))
    await board.until(1)
    assert board.said == [(False, 80)] * 2  # a new run says how it is
    running.cancel()


async def test_a_battery_that_should_be_there_and_is_not_is_a_fault(board: Board) -> None:
    board.has("charger", **PLUG)
    with pytest.raises(DriverFault, match=r"power\.battery"):
        await asyncio.wait_for(driver(board, battery=True).run(board.context()), 20)


async def test_a_bus_that_hangs_takes_one_thread_and_no_more(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    release, asked = threading.Event(), []

    def hang(folder: Path) -> dict[str, dict[str, str]]:
        asked.append(folder)
        release.wait(30)
        return {"battery": GAUGE}

    monkeypatch.setattr("gateway.drivers.power.driver.read_folder", hang)
    watching = driver(board, read_s=0.05)
    for _ in range(3):
        with pytest.raises(DriverFault, match="does not answer"):
            await watching.run(board.context())
    assert len(asked) == 1
    release.set()
    running = asyncio.create_task(watching.run(board.context()))
    await board.until(1)
    assert board.said == [(False, 80)]
    running.cancel()


def test_files_that_cannot_be_read_or_are_too_long_are_left_out(board: Board) -> None:
    board.has("battery", type="Battery", capacity="5" * 1000)
    (board.folder / "battery" / "status").mkdir()
    (board.folder / "stray").write_text("", encoding="ascii")
    found = read_folder(board.folder)
    assert set(found) == {"battery"}
    assert set(found["battery"]) == {"type", "capacity"}
    assert read(found).percent is None

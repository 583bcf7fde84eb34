"""What `tests/conftest.py` promises: a test that cannot run here is named at the end; rare loss gets no second try."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

CONFTEST = Path(__file__).parent.parent / "conftest.py"


class Paper:
    """What the terminal reporter would write on."""

    def __init__(self, *skipped: object) -> None:
        self.stats = {"skipped": list(skipped)}
        self.lines: list[str] = []

    def section(self, title: str, **_: object) -> None:
        self.lines.append(title)

    line = section


def conftest() -> ModuleType:
    spec = importlib.util.spec_from_file_location("the_conftest", CONFTEST)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def told(*skipped: object) -> list[str]:
    paper = Paper(*skipped)
    conftest().pytest_terminal_summary(paper)
    return paper.lines


class Item:
    """What pytest collected, as far as the marking sees it."""

    def __init__(self, room: str) -> None:
        self.path = CONFTEST.parent / room / "test_it.py"
        self.marks: list[str] = []

    def add_marker(self, marker: object) -> None:
        self.marks.append(getattr(marker, "name", str(marker)))


def test_each_skipped_test_is_named_with_its_reason() -> None:
    by_mark = SimpleNamespace(nodeid="tests/a.py::one", longrepr=("a.py", 3, "Skipped: gammu is not installed"))
    lines = told(by_mark, SimpleNamespace(nodeid="tests/b.py::two", longrepr="no root"))
    assert lines == ["NOT RUN HERE: 2", "tests/a.py::one: gammu is not installed", "tests/b.py::two: no root"]


def test_nothing_is_said_when_everything_ran() -> None:
    assert told() == []


def test_no_test_is_marked_so_that_it_cannot_fail() -> None:
    """`xfail` that is not strict passes either way: it hid a mutation that lived and a simulation cut off by time."""
    lax = "xfail"
    found = [p.name for p in CONFTEST.parent.rglob("*.py") if f"mark.{lax}" in p.read_text(encoding="utf-8")]
    assert found == []


def test_only_tests_on_wires_are_run_once_more() -> None:
    rooms = ("integration", "peers", "crash", "powercut", "unit", "simulation", "fuzz")
    items = {room: Item(room) for room in rooms}
    conftest().pytest_collection_modifyitems(list(items.values()))
    assert [room for room, item in items.items() if item.marks] == ["integration", "peers"]

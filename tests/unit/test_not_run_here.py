"""A test that cannot run here is named at the end, with its reason."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

CONFTEST = Path(__file__).parent.parent / "conftest.py"


class Paper:
    """What the terminal reporter would write on."""

    def __init__(self, *skipped: object) -> None:
        self.stats = {"skipped": list(skipped)}
        self.lines: list[str] = []

    def section(self, title: str, **_: object) -> None:
        self.lines.append(title)

    line = section


def told(*skipped: object) -> list[str]:
    spec = importlib.util.spec_from_file_location("the_conftest", CONFTEST)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    paper = Paper(*skipped)
    module.pytest_terminal_summary(paper)
    return paper.lines


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

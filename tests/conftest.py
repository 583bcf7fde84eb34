"""Tests on real wires measure real time on a machine that may be busy with other work: one that fails there is run once
more, and pytest says so ("rerun" in its closing line). Pure tests get no second chance, nor do the crash and power-cut
tests: an alarm that is lost in one run of two is lost.

A test that cannot run here is never silent: `NOT RUN HERE` at the very end names each and why.
"""

from __future__ import annotations

from pathlib import Path

import pytest

SECOND_CHANCE = ("integration", "peers")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests on wires."""
    for item in items:
        room = item.path.relative_to(HERE).parts[0]
        if room in SECOND_CHANCE:
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))


def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis keeps no deadline: a busy machine is no finding; each test has its timeout."""
    from hypothesis import settings

    settings.register_profile("busy", deadline=None)
    settings.load_profile("busy")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was not proven here, in words that cannot be overlooked."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section(f"NOT RUN HERE: {len(skipped)}", sep="!", red=True, bold=True)
        for report in skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
            terminalreporter.line(f"{report.nodeid}: {str(reason).removeprefix('Skipped: ')}")

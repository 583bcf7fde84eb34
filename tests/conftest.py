"""Tests on real wires measure real time on a machine that may be busy with other work: one that fails there is run once
more, and pytest says so ("rerun" in its closing line). Pure tests get no second chance."""

from __future__ import annotations

from pathlib import Path

import pytest

WIRES = ("integration", "crash", "peers", "powercut")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests on wires."""
    for item in items:
        if item.path.relative_to(HERE).parts[0] in WIRES:
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))


def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis keeps no deadline: a busy machine is no finding; each test has its timeout."""
    from hypothesis import settings

    settings.register_profile("busy", deadline=None)
    settings.load_profile("busy")

"""`pytest tests/simulation --sim-seed N` tells one story again; HEARTHWATCH_SIM_SEED and _DAYS do the same anywhere."""

from __future__ import annotations

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sim-seed", type=int, default=None, help="simulate this one seed")
    parser.addoption("--sim-days", type=int, default=None, help="how many home-days to simulate")


def _number(config: pytest.Config, option: str, variable: str) -> int | None:
    given = config.getoption(option, default=None)
    return given if given is not None else int(os.environ[variable]) if variable in os.environ else None


@pytest.fixture(scope="session")
def sim_seed(request: pytest.FixtureRequest) -> int | None:
    """The one seed asked for, or None."""
    return _number(request.config, "--sim-seed", "HEARTHWATCH_SIM_SEED")


@pytest.fixture(scope="session")
def sim_days(request: pytest.FixtureRequest) -> int | None:
    """How many home-days were asked for, or None: each test's own number."""
    return _number(request.config, "--sim-days", "HEARTHWATCH_SIM_DAYS")

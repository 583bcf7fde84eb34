"""What `doctor` says of each modem: whether anything can go out over it, and what keeps it from doing so."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cli.checks.running import _complaints

WELL = {
    "name": "modem", "up": True, "sim": "ready", "registered": True, "roaming": False, "signal_dbm": -73,
    "credit": "您的余额为36.50元", "self_test_failed": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ("OK", "registered, -73 dBm, credit: 您的余额为36.50元")),
        ({"roaming": True, "signal_dbm": None, "credit": ""}, ("OK", "registered, roaming")),
        ({"up": False}, ("FAIL", "does not answer")),
        ({"sim": "locked"}, ("FAIL", "SIM locked")),
        ({"registered": False}, ("FAIL", "no network takes it")),
        ({"refused": True}, ("FAIL", "lets it send nothing")),
        ({"self_test_failed": True}, ("FAIL", "self-test failed")),
    ],
)
def test_a_modem_is_judged_by_whether_anything_can_go_out(changed: dict[str, Any], said: tuple[str, str]) -> None:
    (found,) = _complaints({"modems": [WELL | changed]})
    assert (found.level, said[1] in found.found) == (said[0], True), found
    assert bool(found.advice) is (said[0] == "FAIL")


def test_what_reports_no_modems_is_not_judged_by_them() -> None:
    assert list(_complaints({"modems": "none"})) == list(_complaints({})) == []

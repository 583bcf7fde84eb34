"""Every decoder under mutation, a few hundred inputs each; `make fuzz` runs the same properties for minutes or hours.

Crashes that `make fuzz` found lie in `found/`: they are run again here for ever.
"""

from __future__ import annotations

import collections
import importlib.util
import os
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fuzz_rig import FOUND, NAMES, mutated, target, within_a_second
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from run import RIG
from run import run as fuzz_for

INPUTS = 150  # a decoder; ten thousand times as many in `make fuzz`


@pytest.mark.parametrize("name", NAMES)
def test_valid_inputs_hold(name: str) -> None:
    seeds = target(name).seeds()
    assert len(seeds) >= 2
    for seed in seeds:
        within_a_second(target(name).one_input, seed)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=INPUTS, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1))
def test_changed_inputs_hold(name: str, seed: int) -> None:
    rng, decoder = random.Random(seed), target(name)
    data = mutated(rng.choice(decoder.seeds()), rng, as_json=getattr(decoder, "JSON", False))
    note(f"input: {data!r}")
    within_a_second(decoder.one_input, data)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=INPUTS // 3, deadline=None)
@given(data=st.binary(max_size=400))
def test_any_bytes_hold(name: str, data: bytes) -> None:
    within_a_second(target(name).one_input, data)


def test_no_target_leaves_anything_open_behind() -> None:
    """What a target opens once for all its inputs it closes with its process, or each test run ends in a complaint."""
    once = "import fuzz_rig\nfor name in fuzz_rig.NAMES:\n t = fuzz_rig.target(name)\n t.one_input(t.seeds()[0])"
    done = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", once], cwd=RIG.parent, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_was_found_stays_mended() -> None:
    """`found/` is empty while every finding has a test of its own in test_found.py."""
    for path in sorted(FOUND.glob("*-*")):
        print(path)  # shown if it fails
        within_a_second(target(path.name.split("-")[0]).one_input, path.read_bytes())


# ---- controls: a decoder with a fault is caught, by the mutators and by libFuzzer

PLANTED = """
import copy, json
JSON = True
def seeds():
    return [b'{"devices": [{"id": "a", "n": 5}]}', b'{"devices": []}']
def one_input(data):
    try:
        devices = json.loads(data)["devices"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return
    for device in devices if isinstance(devices, list) else ():
        if isinstance(device, dict):
            FAULT
"""


@pytest.mark.parametrize(
    "fault",
    [
        "hash(device['id']) if 'id' in device else None",  # unhashable
        "copy.deepcopy(device.get('id'))",  # nests
        "str(device.get('id'))[:500].encode() if isinstance(device.get('id'), str) else None",  # half an emoji
        "int(device['n']) if isinstance(device.get('n'), float) else None",  # infinity, not a number
        "range(10 ** 8 if device.get('n', 0) == 10 ** 30 else 0).count(device)",  # slow
    ],
)
def test_mutation_catches_a_planted_fault(fault: str) -> None:
    planted: dict[str, Any] = {}
    exec(PLANTED.replace("FAULT", fault), planted)
    rng = random.Random(1)
    inputs = [mutated(rng.choice(planted["seeds"]()), rng, as_json=True) for _ in range(3000)]
    with pytest.raises((AssertionError, TypeError, RecursionError, UnicodeEncodeError, OverflowError)):
        collections.deque((within_a_second(planted["one_input"], data) for data in inputs), maxlen=0)


needs_libfuzzer = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris (libFuzzer) is not installed: make test-slow brings it"
)


@needs_libfuzzer
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_half_a_minute_of_libfuzzer_on_the_decoder_of_the_day_finds_nothing() -> None:
    """The decoder is chosen by the date (UTC), so that each has its turn within a month; which one is printed."""
    name = NAMES[datetime.now(UTC).toordinal() % len(NAMES)]
    ran = fuzz_for(name, seconds=30)
    print(f"{name}: {ran.inputs} inputs, {ran.coverage[0]} to {ran.coverage[1]} edges")
    assert ran.found == (), ran.tail
    assert ran.inputs > 500
    assert ran.coverage[0] > 10, "nothing was instrumented"


@needs_libfuzzer
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_libfuzzer_catches_a_planted_fault_and_says_how_to_see_it_again(tmp_path: Path) -> None:
    fault = "str(device.get('id'))[:500].encode() if isinstance(device.get('id'), str) else None"
    (tmp_path / "fuzz_planted.py").write_text(PLANTED.replace("FAULT", fault))
    ran = fuzz_for("planted", seconds=60, modules=tmp_path, found=tmp_path)
    assert any(name.startswith("planted-crash-") for name in ran.found), ran.tail
    assert "UnicodeEncodeError" in ran.tail
    (artifact,) = tmp_path.glob("planted-crash-*")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    again = subprocess.run(
        [sys.executable, str(RIG), "planted", str(artifact)], capture_output=True, text=True, env=env
    )
    assert again.returncode == 1
    assert "UnicodeEncodeError" in again.stderr

"""One decoder under a fuzzer: mutators, bounds that hold everywhere, libFuzzer (atheris), and one input again.

A target is a module `fuzz_NAME.py` beside this one with `one_input(data)`, which raises only where a property does not
hold, and `seeds()`, valid inputs made at run time. `JSON = True` has its inputs mutated as documents and not as bytes.

    python tests/fuzz/fuzz_rig.py NAME --seconds 60     # fuzz (needs the extra `fuzz`)
    python tests/fuzz/fuzz_rig.py NAME FILE...          # run single inputs again, as a crash is reproduced
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

HERE: Final = Path(__file__).parent
FOUND: Final = HERE / "found"
NAMES: Final = tuple(sorted(p.stem.removeprefix("fuzz_") for p in HERE.glob("fuzz_*.py") if p.stem != "fuzz_rig"))

MAX_INPUT: Final = 4096  # longer than any frame, PDU or message that is not padded
ONE_INPUT_S: Final = 5  # libFuzzer's limit for one input, instrumented and on a shared core
MEMORY_MIB: Final = 512
MAX_ERROR_TEXT: Final = 16 * 1024

DEEP: Final = "\x01DEEP"
"""Stands for a nest that `json.dumps` could not write itself; replaced in the text."""
NEST: Final = 700  # json.loads takes it, copy.deepcopy and others that recurse twice a level do not

ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2, 7, 64, 2**31, 2**53, -(2**53), 10**30, 10**400, 1e308, -0.0, 0.5, float("inf"),
    float("nan"), "", "a", "1", "é", "王", "\ud800", "\x00", "x" * 800, "2026-03-01T08:15:30+08:00",
    "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+08:00", [], {}, [[]], [None], {"a": 1}, {"id": []}, DEEP,
)  # fmt: skip


class Target(Protocol):
    """What a target module offers."""

    JSON: bool

    @staticmethod
    def one_input(data: bytes) -> None: ...
    @staticmethod
    def seeds() -> list[bytes]: ...


def target(name: str) -> Any:
    """The target module of that name."""
    return importlib.import_module(f"fuzz_{name}")


# ---- mutation


def mutated(data: bytes, rng: random.Random, *, as_json: bool) -> bytes:
    """`data` with one to four changes; documents keep being JSON for the most part."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        changed = _document(data, rng) if as_json and rng.random() < 0.95 else None
        data = changed if changed is not None else _octets(data, rng)
    return data[:MAX_INPUT]


def _octets(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    match rng.randrange(6):
        case 0:
            return data[:at] + rng.randbytes(rng.randrange(1, 5)) + data[at:]
        case 1:
            return data[:at] + data[at + rng.randrange(1, 9) :]
        case 2 if data:
            at = rng.randrange(len(data))
            return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        case 3 if data:
            at = rng.randrange(len(data))
            return data[:at] + bytes([rng.choice((0, 1, 0x16, 0x1B, 0x68, 0x7F, 0x80, 0xFE, 0xFF))]) + data[at + 1 :]
        case 4:
            piece = data[at : at + rng.randrange(1, 40)]
            return data[:at] + piece * rng.randrange(2, 5) + data[at:]
    return data[:at]


def _document(data: bytes, rng: random.Random) -> bytes | None:
    """One line of `data` changed as a JSON document; None if there is none."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    if rng.random() < 0.1 and len(lines) > 1:
        lines.insert(at, lines[rng.randrange(len(lines))])
        return b"\n".join(lines)
    try:
        tree = json.loads(lines[at])
    except (ValueError, RecursionError):
        return None
    holder = [tree]
    _change(holder, _places(holder), rng)
    try:
        text = json.dumps(holder[0])
    except (ValueError, RecursionError):
        return None
    lines[at] = text.replace(json.dumps(DEEP), "[" * NEST + "]" * NEST).encode()
    return b"\n".join(lines)


Place = tuple[Any, Any]  # (container, key or index)


def _places(root: list[Any]) -> list[Place]:
    found: list[Place] = []
    queue: list[Any] = [root]
    while queue:
        node = queue.pop()
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            found.append((node, key))
            if isinstance(node[key], (dict, list)):
                queue.append(node[key])
    return found


def _change(root: list[Any], places: list[Place], rng: random.Random) -> None:
    node, key = rng.choice(places)
    match rng.randrange(8):
        case 0 if node is not root:
            del node[key]
        case 1:
            other, there = rng.choice(places)
            node[key] = json.loads(json.dumps(other[there])) if other is not root else [node[key]]
        case 2:
            node[key] = [node[key]]
        case 3 if isinstance(node, list) and node is not root:
            node[:] = node * 3
        case 4 if isinstance(node, dict):
            node[rng.choice(("x", "", "id", "t", "\ud800", "y" * 70))] = rng.choice(ODD)
        case 5 if isinstance(node[key], int) and not isinstance(node[key], bool):
            node[key] += rng.choice((-1, 1, 86_400_000, -(2**40), 2**44))
        case _:
            node[key] = rng.choice(ODD)


# ---- bounds that hold for every target


def raises_only(allowed: tuple[type[BaseException], ...], call: Callable[[], Any]) -> Any:
    """What `call` gives, or None after one of `allowed` whose text is short; anything else is a finding."""
    try:
        return call()
    except allowed as error:
        text = str(error)
    assert len(text) <= MAX_ERROR_TEXT, "an error text without a bound"
    return None


@contextlib.contextmanager
def honest_record() -> Iterator[None]:
    """Forgives what a record that contradicts itself leads to: a timer whose move its alarm's state has not.

    Such a one is well-formed, so no decoder can refuse it; `Record.move` raises for it on purpose (a fault of ours).
    """
    try:
        yield
    except KeyError as error:
        (move,) = error.args
        if not (isinstance(move, tuple) and len(move) == 2):
            raise


def within_a_second(one_input: Callable[[bytes], None], data: bytes) -> None:
    """Runs one input and demands that it took less than a second of CPU (a hundred times what the slowest takes)."""
    began = time.process_time()
    one_input(data)
    took = time.process_time() - began
    assert took < 1.0, f"{took:.1f} s for {len(data)} bytes"


# ---- atheris


def _fuzz(name: str, seconds: int, found: Path) -> None:
    import atheris

    sys.path.insert(0, str(HERE))
    with atheris.instrument_imports(include=["gateway", f"fuzz_{name}"]):
        module = target(name)
        for seed in module.seeds():
            module.one_input(seed)  # imports what decoders import late, so that it is seen too
    as_json = getattr(module, "JSON", False)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if not as_json or rng.random() < 0.1:
            return atheris.Mutate(data, max_size)
        return mutated(data, rng, as_json=True)[:max_size]

    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as corpus:
        for number, seed in enumerate(module.seeds()):
            (Path(corpus) / f"seed-{number}").write_bytes(seed)
        found.mkdir(exist_ok=True)
        options = [
            f"-max_total_time={seconds}", f"-max_len={MAX_INPUT}", f"-timeout={ONE_INPUT_S}", "-print_final_stats=1",
            f"-rss_limit_mb={MEMORY_MIB}", f"-artifact_prefix={found}/{name}-", "-verbosity=1", corpus,
        ]  # fmt: skip
        atheris.Setup([sys.argv[0], *options], module.one_input, custom_mutator=mutate)
        atheris.Fuzz()


def main() -> None:
    """Fuzzes a target, or runs single inputs again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--found", type=Path, default=FOUND, help="where inputs that crash are kept")
    parser.add_argument("inputs", nargs="*", type=Path)
    given = parser.parse_args()
    if not given.inputs:
        _fuzz(given.target, given.seconds, given.found)
    for path in given.inputs:
        target(given.target).one_input(path.read_bytes())
        print(f"{path}: holds")


if __name__ == "__main__":
    main()

"""The registry's file: whatever happens to it, the newest good generation is read and said so, or it is an error."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

import pytest

from gateway.home import storage as storage_module
from gateway.home.storage import AtomicStorage, DamagedRegistry

OLD = {"contacts": {"1": {"id": "c1", "name": "小明", "phone": "13800000001"}}}
NEW = {"contacts": {"1": {"id": "c1", "name": "小红", "phone": "13900000002"}}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home.json"


def written(path: Path, *generations: dict) -> None:
    storage = AtomicStorage(path)
    for tables in generations:
        storage.write(tables)


def flips(content: bytes) -> list[bytes]:
    """The content with each of its bits flipped in turn."""
    return [
        content[: i // 8] + bytes([content[i // 8] ^ (1 << i % 8)]) + content[i // 8 + 1 :]
        for i in range(8 * len(content))
    ]


def test_nothing_there_is_new_and_only_that(path: Path) -> None:
    storage = AtomicStorage(path)
    assert storage.read() is None
    assert storage.recovered is None
    assert list(path.parent.iterdir()) == []


def test_what_was_written_is_read_by_the_next_process(path: Path) -> None:
    written(path, OLD, NEW)
    again = AtomicStorage(path)
    assert again.read() == NEW
    assert again.recovered is None


def test_files_are_for_the_owner_only(path: Path) -> None:
    os.umask(0o000)
    try:
        written(path, OLD, NEW)
    finally:
        os.umask(0o022)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    assert modes == {"home.json": 0o600, "home.json.prev": 0o600}


def test_every_truncation_gives_the_generation_before_and_says_so(path: Path) -> None:
    written(path, OLD, NEW)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        said: list[str] = []
        storage = AtomicStorage(path, said.append)
        assert storage.read() == OLD, f"cut at {length}"
        assert said == [storage.recovered]
        assert "home.json is damaged" in said[0]
        assert "home.json.prev" in said[0]


def test_every_flipped_bit_gives_the_generation_before_and_says_so(path: Path) -> None:
    written(path, OLD, NEW)
    for i, damaged in enumerate(flips(path.read_bytes())):
        path.write_bytes(damaged)
        storage = AtomicStorage(path)
        assert storage.read() == OLD, f"bit {i}"
        assert storage.recovered, f"bit {i}"


def test_trailing_garbage_is_damage(path: Path) -> None:
    written(path, OLD, NEW)
    path.write_bytes(path.read_bytes() + b"\0")
    assert AtomicStorage(path).read() == OLD


@pytest.mark.parametrize("generations", [1, 2])
def test_without_a_good_predecessor_damage_is_an_error_and_never_an_empty_registry(
    path: Path, generations: int
) -> None:
    written(path, *[OLD, NEW][:generations])
    whole = path.read_bytes()
    path.with_name("home.json.prev").write_bytes(b"not ours")
    cuts = [whole[:length] for length in range(len(whole))]
    for damaged in cuts + flips(whole):
        path.write_bytes(damaged)
        with pytest.raises(DamagedRegistry, match="no good generation is left"):
            AtomicStorage(path).read()


def test_a_missing_file_with_a_predecessor_is_damage_not_a_new_home(path: Path) -> None:
    written(path, OLD, NEW)
    path.unlink()
    storage = AtomicStorage(path)
    assert storage.read() == OLD
    assert "missing" in str(storage.recovered)


def test_a_missing_file_with_a_damaged_predecessor_is_an_error(path: Path) -> None:
    path.with_name("home.json.prev").write_bytes(b"")
    with pytest.raises(DamagedRegistry):
        AtomicStorage(path).read()


def test_a_damaged_registry_is_not_overwritten_either(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(DamagedRegistry):
        AtomicStorage(path).write(NEW)
    assert path.read_bytes() == b""


def test_a_recovered_registry_does_not_keep_the_damaged_file_as_its_predecessor(path: Path) -> None:
    written(path, OLD, NEW)
    path.write_bytes(b"rubbish")
    storage = AtomicStorage(path)
    storage.write(NEW)
    path.write_bytes(b"rubbish again")
    assert AtomicStorage(path).read() == OLD


def test_repair_puts_the_damaged_file_aside_and_leaves_two_good_generations(path: Path) -> None:
    written(path, OLD, NEW)
    path.write_bytes(b"rubbish")
    storage = AtomicStorage(path)
    storage.read()
    storage.repair()
    assert path.with_name("home.json.damaged").read_bytes() == b"rubbish"
    assert AtomicStorage(path).recovered is None
    assert AtomicStorage(path).read() == OLD
    path.unlink()
    assert AtomicStorage(path).read() == OLD


def test_left_overs_of_a_crash_do_not_disturb(path: Path) -> None:
    written(path, OLD)
    path.with_name("home.json.new").write_bytes(b"half a gener")
    os.link(path, path.with_name("home.json.prev.new"))
    os.link(path, path.with_name("home.json.prev"))  # the crash came between keeping the predecessor and the rename
    written(path, NEW)
    assert AtomicStorage(path).read() == NEW
    path.write_bytes(b"")
    assert AtomicStorage(path).read() == OLD
    assert sorted(p.name for p in path.parent.iterdir()) == ["home.json", "home.json.prev"]


@pytest.mark.parametrize("step", ["fsync", "link", "replace", "unlink"])
def test_a_crash_at_any_step_of_a_write_leaves_the_old_or_the_new_generation(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Each call of each step fails in turn with a power cut: nothing after it happens."""
    for nth in range(6):
        for name in ("home.json", "home.json.prev", "home.json.new", "home.json.prev.new"):
            path.with_name(name).unlink(missing_ok=True)
        written(path, OLD, NEW)
        newest = {"contacts": {"1": {"id": f"crash{nth}"}}}
        storage = AtomicStorage(path)
        storage.read()
        with monkeypatch.context() as patch:
            cut_at(patch, step, nth)
            with contextlib.suppress(PowerCut):
                storage.write(newest)
        found = AtomicStorage(path)
        assert found.read() in (NEW, newest)
        assert found.recovered is None


class PowerCut(BaseException):
    """No handler of the code under test runs after this."""


def cut_at(patch: pytest.MonkeyPatch, step: str, nth: int) -> None:
    calls = 0
    owner = Path if step == "unlink" else os
    real = getattr(owner, step)

    def counted(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls > nth:
            raise PowerCut
        return real(*args, **kwargs)

    patch.setattr(owner, step, counted)


def test_a_full_disk_is_an_error_and_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, OLD)
    storage = AtomicStorage(path)

    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            storage.write(NEW)
    assert storage.read() == OLD
    assert [p.name for p in path.parent.iterdir()] == ["home.json"]
    storage.write(NEW)
    assert AtomicStorage(path).read() == NEW


def test_without_hard_links_the_predecessor_is_copied(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    written(path, OLD, NEW)
    path.write_bytes(b"")
    assert AtomicStorage(path).read() == OLD


def test_a_sector_that_cannot_be_read_is_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, OLD, NEW)
    real = Path.open

    def bad_sector(self: Path, *args: str) -> object:
        if self == path:
            raise OSError(errno.EIO, "Input/output error")
        return real(self, *args)

    monkeypatch.setattr(Path, "open", bad_sector)
    storage = AtomicStorage(path)
    assert storage.read() == OLD
    assert "cannot read" in str(storage.recovered)


def test_a_missing_permission_is_not_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, OLD, NEW)

    def refused(self: Path, *args: str) -> object:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(PermissionError):
        AtomicStorage(path).read()


def test_an_oversized_file_is_not_read_into_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, OLD, NEW)
    monkeypatch.setattr(storage_module, "MAX_BYTES", 300)
    path.write_bytes(b"x" * 1000)
    assert "more than 300 bytes" in str((s := AtomicStorage(path)).read() and s.recovered)


def test_tables_too_large_or_unwritable_are_refused_before_the_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(path, OLD)
    storage = AtomicStorage(path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        storage.write({"settings": {"1": {"value": float("nan")}}})
    monkeypatch.setattr(storage_module, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match="exceed"):
        storage.write({"rooms": {str(i): {"id": "x" * 50} for i in range(10)}})
    monkeypatch.undo()
    assert AtomicStorage(path).read() == OLD


def test_a_transaction_is_one_generation(path: Path) -> None:
    written(path, OLD)
    storage = AtomicStorage(path)
    with storage.transaction():
        storage.write({})
        storage.write(NEW)
        assert storage.read() == NEW
        assert AtomicStorage(path).read() == OLD, "not durable before its end"
    path.write_bytes(b"")
    assert AtomicStorage(path).read() == OLD, "the half-way state was never a generation"


def test_a_failed_transaction_never_was(path: Path) -> None:
    written(path, OLD)
    storage = AtomicStorage(path)

    def half_done() -> None:
        with storage.transaction():
            storage.write(NEW)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        half_done()
    assert storage.read() == OLD
    assert AtomicStorage(path).read() == OLD

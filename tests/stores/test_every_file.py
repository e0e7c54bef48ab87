"""Every kind of damage to every file of a store: nothing wrong is read, nothing is lost in silence, nobody else is hit.

More changes by chance are made by ``python -m benchmarks.store_damage``.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mcp_oauth_sync.stores import private_files

from ..attacks.test_broken_replies import peak
from . import damages
from .damages import BYTES, HEADER, IN_PLACE_OF_A_FILE, IN_PLACE_OF_A_FOLDER, Odd
from .stock import files, fill, folders, read_badly, written_badly

#: Bytes that one case may take at most; a record and the keys are some thousands.
MEMORY = 32 << 20
CHANGES = 300


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a store with everything in it. Nothing here waits for a disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(private_files.os, "fsync", lambda descriptor: None)
        yield fill(tmp_path_factory.mktemp("stock") / "store")


@pytest.fixture
def copied(stock: Path, tmp_path: Path) -> Callable[[], Path]:
    """Return what makes a fresh copy of it."""

    def copy() -> Path:
        folder = tmp_path / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        return shutil.copytree(stock, folder)

    return copy


def both_badly(folder: Path, *hit: str) -> list[str]:
    return [*read_badly(folder, None, frozenset(hit)), *written_badly(folder, None, frozenset(hit))]


def test_a_store_that_is_not_damaged_has_nothing_wrong(stock: Path, copied: Callable[[], Path]) -> None:
    folder = copied()
    expected = {"store.check", "locks/store.lock", "registry/index.lock", "notion.enc", "registry/oauth.d/notion.json"}
    assert expected <= set(files(folder))
    assert both_badly(folder) == []


def test_damage_to_the_bytes_of_any_file_costs_no_more_than_what_it_holds(
    stock: Path, copied: Callable[[], Path]
) -> None:
    wrong = []
    for file in files(stock):
        for kind, damage in BYTES.items():
            path = copied() / file
            path.write_bytes(damage(path.read_bytes()))
            wrong += [f"{file}, {kind}: {it}" for it in both_badly(path.parents[file.count("/")], file)]
    assert not wrong, "\n".join(wrong)


def test_a_change_to_any_byte_of_a_header_is_never_read_as_something_else(
    stock: Path, copied: Callable[[], Path]
) -> None:
    wrong, folder = [], copied()
    for file in files(folder):
        whole = (folder / file).read_bytes()
        for place in range(min(HEADER, len(whole))):
            (folder / file).write_bytes(damages.flipped(whole, place))
            wrong += [f"{file}, byte {place}: {it}" for it in read_badly(folder, None, frozenset({file}))]
        (folder / file).write_bytes(whole)
    assert not wrong, "\n".join(wrong)


def test_changes_by_chance_are_never_read_as_something_else(stock: Path, copied: Callable[[], Path]) -> None:
    wrong, folder, chance = [], copied(), random.Random(7)
    names = [file for file in files(folder) if (folder / file).stat().st_size]
    for number in range(CHANGES):
        file = chance.choice(names)
        whole = (folder / file).read_bytes()
        (folder / file).write_bytes(damages.by_chance(whole, chance))
        wrong += [f"{file}, change {number}: {it}" for it in read_badly(folder, None, frozenset({file}))]
        (folder / file).write_bytes(whole)
    assert not wrong, "\n".join(wrong)


def test_any_two_files_that_change_places_are_told_apart(stock: Path, copied: Callable[[], Path]) -> None:
    wrong, folder = [], copied()
    names = files(folder)
    for one in names:
        for other in names[names.index(one) + 1 :]:
            first, second = (folder / one).read_bytes(), (folder / other).read_bytes()
            for left, right in ((second, first), (first, second)):
                (folder / one).write_bytes(left)
                (folder / other).write_bytes(right)
                if left is second:
                    hit = frozenset({one, other})
                    wrong += [f"{one} and {other}: {it}" for it in read_badly(folder, None, hit)]
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """Return a file of somebody else in a folder of theirs, and see in the end that both are as they were."""
    victim = tmp_path / "elsewhere" / "victim"
    victim.parent.mkdir(mode=0o755)
    victim.write_text("precious")
    victim.chmod(0o644)
    before = victim.stat(), victim.parent.stat()
    yield victim
    after = victim.stat(), victim.parent.stat()
    assert [path.name for path in victim.parent.iterdir()] == ["victim"]
    assert victim.read_text() == "precious"
    for left, right in zip(before, after, strict=True):
        assert (left.st_mode, left.st_ino, left.st_uid) == (right.st_mode, right.st_ino, right.st_uid)
    assert before[0].st_mtime_ns == after[0].st_mtime_ns


@pytest.mark.parametrize("kind", IN_PLACE_OF_A_FILE)
def test_something_odd_in_place_of_any_file_is_refused_in_time_and_memory(
    stock: Path, copied: Callable[[], Path], victim: Path, kind: str
) -> None:
    replace(files(stock), IN_PLACE_OF_A_FILE[kind], copied, victim)


@pytest.mark.parametrize("kind", IN_PLACE_OF_A_FOLDER)
def test_something_odd_in_place_of_any_folder_is_refused_in_time_and_memory(
    stock: Path, copied: Callable[[], Path], victim: Path, kind: str
) -> None:
    replace(folders(stock), IN_PLACE_OF_A_FOLDER[kind], copied, victim)


def replace(names: list[str], odd: Odd, copied: Callable[[], Path], victim: Path) -> None:
    wrong = []
    for name in names:
        folder = copied()
        path = folder / name
        path.rename(victim.parents[1] / "moved")
        odd(path, victim)
        with bounded():
            wrong += [f"{name}: {it}" for it in both_badly(folder, name)]
        moved = victim.parents[1] / "moved"
        shutil.rmtree(moved) if moved.is_dir() else moved.unlink()
    assert not wrong, "\n".join(wrong)


@contextmanager
def bounded() -> Iterator[None]:
    """Fail where the memory of this process grows by more than one case may take."""
    before = peak(reset=True)
    yield
    assert peak() - before < MEMORY

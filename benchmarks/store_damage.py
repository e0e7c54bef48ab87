"""How often damage to a file of a store is read as something else, passed over in silence, or in a neighbour's way.

    python -m benchmarks.store_damage
    python -m benchmarks.store_damage --changes 100000 --seed 2

It should be never. Needs what the tests need. Every kind of damage is done to every file of a store with a generated
key and of one with a password, then so many changes by chance. Prints what was wrong and ends with 1 if anything was.
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mcp_oauth_sync.stores import private_files, sealing
from tests.stores.damages import BYTES, HEADER, IN_PLACE_OF_A_FILE, IN_PLACE_OF_A_FOLDER, by_chance, flipped
from tests.stores.stock import PASSWORD, files, fill, folders, read_badly, written_badly


def kinds(stock: Path, password: str | None, place: Path) -> Iterator[list[str]]:
    """Do every kind of damage to every file; yield for each what was wrong."""
    odd = [(name, what, make) for name in files(stock) for what, make in IN_PLACE_OF_A_FILE.items()]
    odd += [(name, what, make) for name in folders(stock) for what, make in IN_PLACE_OF_A_FOLDER.items()]
    victim = place / "elsewhere" / "victim"
    for name, what, make in odd:
        folder = fresh(stock, place)
        victim.parent.mkdir()
        victim.write_text("precious")
        (folder / name).rename(place / "moved")
        make(folder / name, victim)
        wrong = judged(folder, password, name)
        if [path.name for path in victim.parent.iterdir()] != ["victim"] or victim.read_text() != "precious":
            wrong.append("a file of somebody else was changed")
        yield [f"{name}, {what}: {it}" for it in wrong]
        shutil.rmtree(victim.parent)
        shutil.rmtree(place / "moved") if (place / "moved").is_dir() else (place / "moved").unlink()
    for name in files(stock):
        for what, damage in BYTES.items():
            path = fresh(stock, place) / name
            path.write_bytes(damage(path.read_bytes()))
            yield [f"{name}, {what}: {it}" for it in judged(place / "copy", password, name)]
        whole = (stock / name).read_bytes()
        for byte in range(min(HEADER, len(whole))):
            yield [f"{name}, byte {byte}: {it}" for it in changed(stock, password, name, flipped(whole, byte))]


def changes(stock: Path, password: str | None, number: int, chance: random.Random) -> Iterator[list[str]]:
    """Change files by chance; yield for each change what was wrong."""
    names = [name for name in files(stock) if (stock / name).stat().st_size]
    for count in range(number):
        name = chance.choice(names)
        content = by_chance((stock / name).read_bytes(), chance)
        yield [f"{name}, change {count}: {it}" for it in changed(stock, password, name, content)]


def changed(stock: Path, password: str | None, name: str, content: bytes) -> list[str]:
    """Read with a file changed; return what was wrong."""
    whole = (stock / name).read_bytes()
    (stock / name).write_bytes(content)
    try:
        return read_badly(stock, password, frozenset({name}))
    finally:
        (stock / name).write_bytes(whole)


def judged(folder: Path, password: str | None, name: str) -> list[str]:
    """Read and write with a file changed; return what was wrong."""
    hit = frozenset({name})
    return [*read_badly(folder, password, hit), *written_badly(folder, password, hit)]


def fresh(stock: Path, place: Path) -> Path:
    """Return a copy of a store."""
    shutil.rmtree(place / "copy", ignore_errors=True)
    return Path(shutil.copytree(stock, place / "copy"))


def main() -> None:
    """Do the damage, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    logging.disable()
    sealing.ITERATIONS = 10
    private_files.os.fsync = lambda descriptor: None
    everything: list[str] = []
    for kind, password in (("a generated key", None), ("a password", PASSWORD)):
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            stock = fill(place / "stock", password)
            chance = random.Random(told.seed)
            of_kinds = list(kinds(stock, password, place))
            by_luck = list(changes(stock, password, told.changes // 2, chance))
        wrong = [it for found in (*of_kinds, *by_luck) for it in found]
        print(
            f"{kind}: {len(of_kinds)} kinds of damage and {len(by_luck)} changes by chance (seed {told.seed}): "
            f"{len(wrong)} wrong"
        )
        everything += wrong
    for it in everything:
        print(it)
    sys.exit(bool(everything))


if __name__ == "__main__":
    main()

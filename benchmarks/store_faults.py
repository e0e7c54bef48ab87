"""How often a store of files loses something when one system call of what is done to it goes wrong.

    python -m benchmarks.store_faults
    python -m benchmarks.store_faults --only "list" --at-once 1

It should be never. Needs what the tests need, and takes minutes: each operation is done once for each of its system
calls and for each of a broken disk, a full one, an interruption and a kill at that call. Prints how often each call
went wrong, in which way, and what was wrong then, and ends with 1 if anything was.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from mcp_oauth_sync.stores import sealing
from tests.stores.fault_child import FEW_ROUNDS, NAME, NEIGHBOUR, NEW_PASSWORD, OLD_PASSWORD, STORES
from tests.stores.faults import ANY, DONE, WAYS, Outcome, Zygote, copies, ended_badly, every_call, zygote
from tests.stores.test_password_change import broken_off_badly, filled
from tests.stores.test_save_faults import NEW, OLD, left_badly, template

BOTH, ALL_WAYS = (NAME, NEIGHBOUR), dict.fromkeys(WAYS, ANY)
FILES, PASSWORD, INDEX = "encrypted_file", "encrypted_file_with_password", "with_index"
Check = Callable[[Outcome, Path], "str | None"]

#: What is done: to which store, with which entries before, and which records may be there afterwards.
OPERATIONS: dict[str, tuple[str, str, tuple[str, ...], tuple[object, ...]]] = {
    "save, the first of all": (FILES, "save", (), (None, NEW)),
    "save, the first of all, with a password": (PASSWORD, "save", (), (None, NEW)),
    "save a new name": (FILES, "save", (NEIGHBOUR,), (None, NEW)),
    "save a new name, with an index": (INDEX, "save", (NEIGHBOUR,), (None, NEW)),
    "save over an old one": (FILES, "save", BOTH, (OLD, NEW)),
    "save over an old one, with a password": (PASSWORD, "save", BOTH, (OLD, NEW)),
    "save over an old one, with an index": (INDEX, "save", BOTH, (OLD, NEW)),
    "delete": (FILES, "delete", BOTH, (OLD, None)),
    "delete, with an index": (INDEX, "delete", BOTH, (OLD, None)),
    "load": (FILES, "load", BOTH, (OLD,)),
    "load, with a password": (PASSWORD, "load", BOTH, (OLD,)),
    "list": (FILES, "list_names", BOTH, (OLD,)),
    "list, with an index": (INDEX, "list_names", BOTH, (OLD,)),
    "take a turn": (FILES, "take_turn", BOTH, (OLD,)),
}
#: What is done, to which store, and the passwords before and after; None is a generated key.
CHANGES: dict[str, tuple[str, str, str | None, str | None]] = {
    "change a password": (PASSWORD, "change_password", OLD_PASSWORD, NEW_PASSWORD),
    "change a password to a key": (PASSWORD, "drop_password", OLD_PASSWORD, None),
    "change a key to a password": (FILES, "change_password", None, NEW_PASSWORD),
    "change a key": (FILES, "drop_password", None, None),
}


def left_after(store: str, before: tuple[str, ...], allowed: tuple[object, ...], act: str) -> Check:
    """Return what looks at what a use of a store has left."""
    neighbours = [name for name in before if name != NAME]
    done = {"save": [NEW], "delete": [None]}.get(act, [OLD])

    def check(outcome: Outcome, folder: Path) -> str | None:
        there = done if outcome.status == DONE else list(allowed)
        return ended_badly(outcome) or left_badly(STORES[store](folder), there, neighbours)

    return check


def go_through(name: str, process: Zygote, place: Path, at_once: int) -> tuple[Counter[tuple[str, str]], list[str]]:
    """Do one thing with each of its calls going wrong; return how often each did, and what was wrong."""
    if name in CHANGES:
        store, act, old, new = CHANGES[name]
        filled(place / "template", old)

        def check(outcome: Outcome, folder: Path) -> str | None:
            return broken_off_badly(outcome, folder, old, new)
    else:
        store, act, before, allowed = OPERATIONS[name]
        if before:
            template(store, place / "template", *before)
        check = left_after(store, before, allowed, act)
    counted: Counter[tuple[str, str]] = Counter()

    def counting(outcome: Outcome, folder: Path) -> str | None:
        assert outcome.fault is not None
        counted[outcome.fault.call, outcome.fault.way.rpartition("=")[2]] += 1
        return check(outcome, folder)

    _, wrong = every_call(
        process, store, act, place=copies(place / "template", place), check=counting, ways=ALL_WAYS, at_once=at_once
    )
    return counted, [f"{name}: {it}" for it in wrong]


def main() -> None:
    """Let everything go wrong, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="the operations with this in their names")
    parser.add_argument("--at-once", type=int, default=2)
    told = parser.parse_args()
    logging.disable()
    sealing.ITERATIONS = FEW_ROUNDS
    total: Counter[tuple[str, str]] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder, zygote(Path(folder) / "log") as process:
        for number, name in enumerate(name for name in (*OPERATIONS, *CHANGES) if told.only in name):
            place, began = Path(folder) / str(number), time.monotonic()
            place.mkdir()
            counted, found = go_through(name, process, place, told.at_once)
            shutil.rmtree(place)
            seconds = time.monotonic() - began
            print(f"{name}: {counted.total()} faults, {len(found)} wrong ({seconds:.0f} s)", flush=True)
            total += counted
            wrong += found
    ways = [way.rpartition("=")[2] for way in WAYS]
    print(f"\n{'call':<16}" + "".join(f"{way:>8}" for way in ways))
    for call in sorted({call for call, _ in total}):
        print(f"{call:<16}" + "".join(f"{total[call, way]:>8}" for way in ways))
    print(f"{'all':<16}" + "".join(f"{sum(many for (_, of), many in total.items() if of == way):>8}" for way in ways))
    print("\n".join([f"\n{len(wrong)} wrong", *wrong]))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()

"""Tells for each room how many small faults its tests notice, and which they do not.

    python -m tests.mutation                 every room
    python -m tests.mutation locks urls      these
    python -m tests.mutation --most 1000 urls   all of its faults, not a sample

Prints a line per room, and every survivor that ``explained.txt`` beside this file does not explain as file:line and
change. Ends with 1 when a room is below 85 %. Needs what the tests need, and a Unix.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from .rooms import ROOMS
from .runner import PACKAGE, Runner, load, mutants_of

#: Share of the faults that have to be noticed.
GOAL = 0.85
TABLE = "{:<10} {:>6} {:>6} {:>7} {:>9} {:>10} {:>6} {:>7}"
EXPLAINED = Path(__file__).with_name("explained.txt")


def explained() -> set[str]:
    """Return the faults that change nothing, as a person has found."""
    lines = EXPLAINED.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith(("#", " "))}


def examine(name: str, *, most: int, seed: int) -> bool:
    """Examine one room and print what comes of it; tell whether the goal is reached."""
    began, known = time.monotonic(), explained()
    mutants, there = mutants_of(ROOMS[name], most=most, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(Path(folder), ROOMS[name])
        survivors = []
        for number, mutant in enumerate(mutants, start=1):
            if not runner.notices(mutant):
                survivors.append(mutant)
            if sys.stderr.isatty():
                print(f"\r{name}: {number} of {len(mutants)}, {len(survivors)} left ", end="", file=sys.stderr)
    open_ones = [mutant for mutant in survivors if mutant.key not in known]
    killed = len(mutants) - len(survivors)
    counted = killed + len(open_ones)
    score = killed / counted if counted else 1.0
    same = len(survivors) - len(open_ones)
    row = (there, len(mutants), killed, len(open_ones), same, f"{score:.1%}", f"{time.monotonic() - began:.0f}")
    print(TABLE.format(name, *row))
    every = {mutant.key for mutant in mutants_of(ROOMS[name], most=sys.maxsize, seed=seed)[0]}
    for line in sorted(known - every):
        if line.partition(":")[0] in ROOMS[name].files:
            print(f"    explained, but there is no such fault any more: {line}")
    for mutant in open_ones:
        print(f"    {PACKAGE}/{mutant}")
    sys.stdout.flush()
    return score >= GOAL


def main() -> int:
    """Examine rooms; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Break rooms on purpose.")
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"one of {', '.join(ROOMS)}; none examines them all")
    parser.add_argument("--most", type=int, default=150, help="faults that are tried in a room (150)")
    parser.add_argument("--seed", type=int, default=1, help="which of more faults are tried (1)")
    options = parser.parse_args()
    unknown = set(options.rooms) - set(ROOMS)
    if unknown:
        parser.error(f"there is no room {', '.join(sorted(unknown))}")
    os.nice(19)
    load()
    print(TABLE.format("room", "faults", "tried", "noticed", "survivors", "equivalent", "score", "seconds"))
    reached = [examine(name, most=options.most, seed=options.seed) for name in options.rooms or ROOMS]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())

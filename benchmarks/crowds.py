"""Every figure about crowds, at the size that counts: one line each, and whether it is as it should be.

    python -m benchmarks.crowds
    python -m benchmarks.crowds --only threads losers siege

Needs what the tests need; takes about ten minutes on two cores. Exits with 1 when a figure is not as it should be.
Smaller forms of all of it are tests, in ``tests/crowds``.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.crowds import flights, losers, storms
from tests.crowds.places import store
from tests.scene import Scene
from tests.servers import gate
from tests.stories.fleet import Fleet, until

#: Seconds within which the answer has to be taken, whoever else is at the door.
PROMPTLY = 1.0
#: Seconds that each request to slow down adds to the interval of a sign-in by code. RFC 8628 section 3.5
SLOWER = 5.0
Told = tuple[bool, str]


def signed_in(flight: Callable[[Scene], flights.Flight]) -> Told:
    """Run a flight on a sign-in of its own."""
    with store("encrypted_file"), Scene() as scene:
        scene.sign_in()
        told = flight(scene)
    return told.is_single, str(told)


def of_processes(processes: int, rounds: int, whom: str = "nobody", threads: int = 1) -> Told:
    """Run a flight of processes."""

    def flight(scene: Scene) -> flights.Flight:
        with Fleet(scene.url, processes, whom) as fleet:
            return flights.of_fleets(scene, [fleet], rounds=rounds, threads=threads)

    return signed_in(flight)


def threads() -> Told:
    """Let 20 threads of one process refresh, 100 times."""
    return signed_in(lambda scene: flights.of_threads(scene, threads=20, rounds=100))


def processes() -> Told:
    """Let 10 processes refresh, 100 times."""
    return of_processes(10, 100)


def many_processes() -> Told:
    """Let 80 processes refresh, 3 times."""
    return of_processes(80, 3)


def forks() -> Told:
    """Let 10 children forked while every lock was held refresh, with two threads each, 100 times."""
    return of_processes(10, 100, "heir", threads=2)


def homes() -> Told:
    """Let 5 processes in each of two homes that share a Vault refresh, 100 times."""
    with store("vault"), Scene() as scene, tempfile.TemporaryDirectory() as folder:
        scene.sign_in()
        with flights.homes(scene, Path(folder), 5) as fleets:
            told = flights.of_fleets(scene, fleets, rounds=100)
    return told.is_single, str(told)


def killed() -> Told:
    """Kill 300 processes at random moments."""
    with store("encrypted_file"), Scene() as scene:
        scene.sign_in()
        with Fleet(scene.url, 8) as fleet:
            told = flights.killed(scene, fleet, threads=4, victims=300)
    return told.is_harmless, str(told)


def races() -> Told:
    """Let two who cannot wait for each other race, 100 times."""
    seed = random.randrange(1 << 32)
    with store("encrypted_file"), Scene() as scene:
        scene.sign_in()
        told = losers.run(scene, races=100, seed=seed)
    return told.is_harmless, f"{told} (seed {seed})"


def sign_ins() -> Told:
    """Let 4 processes with two threads each ask for a sign-in at once, 10 times."""
    asked = registered = unserved = 0
    for _ in range(10):
        release = threading.Event()
        with store("encrypted_file"), Scene() as scene:
            scene.az.fault("/authorize", gate(release))
            with Fleet(scene.url, 4, "person") as fleet:
                fleet.tell(2)
                until(lambda scene=scene: len(scene.mcp.requests(scene.mcp.path)) == 8)  # type: ignore[misc]
                release.set()
                answers = fleet.answers()
            asked += sum(answer.shown for answer in answers)
            registered += scene.az.registrations
            unserved += sum(got != 200 for answer in answers for got in answer.got)
    text = f"4 processes x 10 times: {asked} addresses shown, {registered} registrations, {unserved} not served"
    return asked == registered == 10 and not unserved, text


def siege() -> Told:
    """Bring the answer among 60 slow and 300 hostile connections, 20 times."""
    seen = [storms.besiege(slow=60, hostile=300) for _ in range(20)]
    took = [one.seconds for one in seen]
    text = (
        f"{sum(one.status == 200 for one in seen)} of {len(seen)} taken; the page came after "
        f"{statistics.median(took) * 1000:.0f} ms, at most {max(took) * 1000:.0f} ms; "
        f"{sum(one.turned_away for one in seen)} hostile requests turned away meanwhile, "
        f"{sum(one.taken for one in seen)} taken, {min(one.slow_left for one in seen)} slow ones left open at least"
    )
    return all(one.status == 200 and one.taken == 0 for one in seen) and max(took) < PROMPTLY, text


def questions() -> Told:
    """Sign in by a code: an interval of 1 s, and one request to slow down."""
    with store("encrypted_file"), Scene() as scene:
        gaps = storms.questions(scene, interval=1, slow_downs=1, entered_after=3)
    good = gaps[0] >= 1 and all(gap >= 1 + SLOWER for gap in gaps[1:])
    return good, f"seconds before each question: {', '.join(f'{gap:.2f}' for gap in gaps)}"


FIGURES: dict[str, Callable[[], Told]] = {
    "threads": threads,
    "processes": processes,
    "many": many_processes,
    "forks": forks,
    "homes": homes,
    "killed": killed,
    "losers": races,
    "sign-ins": sign_ins,
    "siege": siege,
    "questions": questions,
}


def main() -> int:
    """Take the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=FIGURES, default=list(FIGURES))
    missed = 0
    for name in parser.parse_args().only:
        began = time.monotonic()
        good, text = FIGURES[name]()
        missed += not good
        print(f"{'good' if good else 'BAD '}  {name}: {text} [{time.monotonic() - began:.0f} s]", flush=True)
    print(f"load of the machine {os.getloadavg()[0]:.1f}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

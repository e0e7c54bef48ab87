"""How long many processes and threads wait for one refresh, and how often it happens: it should be once.

    python -m benchmarks.single_flight --processes 80 --threads 1 --rounds 3
    python -m benchmarks.single_flight --store secret_service
    python -m benchmarks.single_flight --store vault
    python -m benchmarks.single_flight --kill 300

Needs what the tests need. Every round ends the life of all access tokens and lets every thread of every process make
one request. With ``--kill``, two of the processes are killed at random moments per round and replaced, until so many
have been, and the authorization server forgives lost answers; it prints how often that was needed.
`benchmarks.crowds` does the same at the sizes that count, and more.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Iterator

from tests.crowds import flights
from tests.crowds.places import KINDS, store
from tests.scene import Scene
from tests.stories.fleet import Fleet

from .alternatives import PROCESSES
from .figure import Figure
from .peers import crowds

#: Processes and threads of each.
CROWDS = ((8, 4), (32, 1))
ROUNDS, LATE = 5, 100.0


def figures() -> Iterator[Figure]:
    """Count refreshes, and measure when the last one of all was served."""
    late = {}
    for processes, threads in CROWDS:
        with store("encrypted_file"), Scene() as scene:
            scene.sign_in()
            with Fleet(scene.url, processes) as fleet:
                # By the clock and by the server, in turns; the round that took longer counts.
                took = [
                    flights.of_fleets(scene, [fleet], rounds=2, threads=threads, refresh_takes=flights.FAR_AWAY)
                    for _ in range(ROUNDS)
                ]
        rounds = sum(flight.rounds for flight in took)
        counts = [sum(flight.refreshes for flight in took), sum(flight.unserved for flight in took)]
        counts.append(sum(flight.questions for flight in took))
        what = f"{processes} processes x {threads} threads, expired token"
        if threads == 1:
            what = f"{processes} processes, expired token"
        late[what] = statistics.median(flight.slowest - flights.FAR_AWAY for flight in took) * 1000
        yield Figure(
            what=what,
            ours="/".join(f"{count / rounds:g}" for count in counts),
            peers=crowds() if processes == PROCESSES else {},
            unit="refreshes / failures / questions, a round",
            goal="1/0/0",
            bound=1,
            met=all(flight.is_single for flight in took),
        )
    for what, milliseconds in late.items():
        yield Figure(
            what=f"the last of {what.split(',')[0]} is served, after the refresh",
            ours=f"{milliseconds:.0f}",
            unit="ms",
            goal=f"<= {LATE:.0f}, on a quiet machine",
            bound=LATE,
            met=milliseconds <= LATE,
        )


def main() -> None:
    """Take the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="encrypted_file", choices=KINDS)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--kill", type=int, default=0, metavar="PROCESSES")
    told = parser.parse_args()
    with store(told.store), Scene() as scene:
        scene.sign_in()
        with Fleet(scene.url, told.processes) as fleet:
            if told.kill:
                print(flights.killed(scene, fleet, threads=told.threads, victims=told.kill))
            else:
                far_away = flights.FAR_AWAY
                print(
                    flights.of_fleets(scene, [fleet], rounds=told.rounds, threads=told.threads, refresh_takes=far_away)
                )
        print(f"load of the machine {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

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

from tests.crowds import flights
from tests.crowds.places import KINDS, store
from tests.scene import Scene
from tests.stories.fleet import Fleet


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

"""How many processes may be killed while they save in a store of files until something is lost. None should be.

    python -m benchmarks.store_kills
    python -m benchmarks.store_kills --kills 5000 --seed 2

Needs what the tests need. Two processes save without a pause; one of them is killed at a random moment and replaced, so
many times. After each kill every record has to be there whole, one that was written, and the listing complete.
"""

from __future__ import annotations

import argparse
import logging
import random
import tempfile
import time
from pathlib import Path

from tests.stores.faults import zygote
from tests.stores.test_many_entries import kill_writers


def main() -> None:
    """Kill, and look."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    logging.disable()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name, zygote(Path(name) / "log") as process:
        place, chance = Path(name), random.Random(told.seed)
        written = kill_writers(process, place / "store", place / "told", rounds=told.kills, chance=chance)
    print(
        f"{told.kills} of {told.kills} kills (seed {told.seed}) left every record whole and the listing complete; "
        f"{len(written)} different values were found; {time.monotonic() - began:.0f} s"
    )


if __name__ == "__main__":
    main()

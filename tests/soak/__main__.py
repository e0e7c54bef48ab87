"""Run the soak.

    python -m tests.soak --minutes 30
    python -m tests.soak --minutes 1440
    python -m tests.soak --minutes 30 --store vault
    python -m tests.soak --seconds 15 --quick

Four processes with two threads of plain requests and one of MCP each use one store. Access tokens live for ten
seconds. Requests for tokens fail, are answered late, or act and lose their answer; servers restart; processes are
killed, stopped, and get wrong clocks and full disks. It says each minute how it goes, and exits with 0 when nobody
had to sign in again, nothing was lost or left over, and no process grew.
"""

from __future__ import annotations

import argparse
import random
import secrets
import sys

from tests.crowds.places import KINDS, store

from .run import QUICK, Pace, Soak
from .verdict import judge


def main() -> int:
    """Take the arguments, run, and judge."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, help="instead of --minutes")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32), help="what the weather follows")
    parser.add_argument("--store", default="encrypted_file", choices=KINDS)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="everything goes faster, as in the tests")
    told = parser.parse_args()
    random.seed(told.seed)
    seconds = told.minutes * 60 if told.seconds is None else told.seconds
    print(f"seed {told.seed}, {seconds / 60:g} minutes, {told.processes} processes on {told.store}", flush=True)
    with store(told.store):
        soak = Soak(
            seconds,
            seed=told.seed,
            pace=QUICK if told.quick else Pace(),
            processes=told.processes,
            threads=told.threads,
            kills=told.store != "secret_service",  # a real keyring ends when its clients are killed
            tell=lambda line: print(line, flush=True),
        )
        soak.run()
        findings = judge(soak)
    print(soak.progress(seconds))
    print("calls:", ", ".join(f"{what} {count}" for what, count in sorted(soak.crew.got.items())))
    for text in soak.crew.unexpected[:20]:
        print(text)
    for finding in findings:
        print(f"{'good' if finding.good else 'BAD '}  {finding.what}")
    good = all(finding.good for finding in findings)
    print("verdict: " + ("all is well" if good else f"not good; the seed was {told.seed}"))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

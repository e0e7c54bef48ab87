"""What a process pays for its token by the kind of store: from its start to the ``Authorization`` value.

    python -m benchmarks.store_starts

CPU time of the process and the time on the clock, least of RUNS that take turns, against a process that imports
requests. The keyring is a gnome-keyring on a bus of its own, Vault an OpenBao on the loopback interface; either is left
out where it is not installed. What their servers do is on the clock only.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from contextlib import ExitStack

from mcp_oauth_sync import TokenManager
from tests.crowds.places import store

from .startup import ROOT, URL, record

RUNS = 21
PASSWORD = "MCP_OAUTH_SYNC_PASSWORD"
BARE = "import requests"
VALUE = f"from mcp_oauth_sync import OAuth; OAuth({URL!r}).headers()"
#: The kind of store, and what else is in the environment.
KINDS = {
    "files, a generated key": ("encrypted_file", {}),
    "files, a password": ("encrypted_file", {PASSWORD: "benchmark"}),
    "keyring (Secret Service)": ("secret_service", {}),
    "Vault (OpenBao)": ("vault", {}),
}


def run(code: str, environment: dict[str, str]) -> tuple[float, float]:
    """Run a line of Python; return milliseconds of CPU and on the clock."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
    clock, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu * 1000, clock * 1000


def main() -> None:
    """Print a line per kind."""
    programs = {BARE: (BARE, dict(os.environ))}
    with ExitStack() as stack:
        for name, (kind, more) in KINDS.items():
            before = dict(os.environ)
            try:
                stack.enter_context(store(kind))
                os.environ.update(more)
                TokenManager(backend=kind).save_record(URL, record())
                programs[name] = (VALUE, dict(os.environ))
            except FileNotFoundError as missing:
                print(f"{name}: left out, there is no {missing.filename}")
            os.environ.clear()
            os.environ.update(before)
        turns = [[run(*program) for program in programs.values()] for _ in range(RUNS)]
    least = [[min(times) for times in zip(*taken, strict=True)] for taken in zip(*turns, strict=True)]
    print(f"{'':28}{'ms CPU':>9}{'/requests':>11}{'ms':>9}")
    for name, (cpu, clock) in zip(programs, least, strict=True):
        print(f"{name:28}{cpu:9.0f}{cpu / least[0][0]:11.2f}{clock:9.0f}")


if __name__ == "__main__":
    main()

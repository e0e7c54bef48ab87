"""The most memory that a process takes which imports the library and makes one request with a token from the store.

    python -m benchmarks.memory

Resident memory at its peak, as the kernel counts it, least of RUNS processes. The floor is a process that imports
requests and makes the same request with a header that it was given.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .figure import Figure, show
from .peers import of_calls
from .stage import Scene, fresh_home

ROOT = Path(__file__).resolve().parents[1]
RUNS, GOAL = 5, 40.0
# What getrusage tells is never less than what the parent took when it forked.
PEAK = """
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])"""
BODY = "{'jsonrpc': '2.0', 'id': 1, 'method': 'ping'}"
OURS = """
import requests
from mcp_oauth_sync import OAuth
assert requests.post({url!r}, json={body}, auth=OAuth({url!r}), timeout=10).status_code == 200
"""
BARE = """
import requests
header = {{"Authorization": {value!r}}}
assert requests.post({url!r}, json={body}, headers=header, timeout=10).status_code == 200
"""


def mebibytes(code: str) -> float:
    """Return the peak of a process that runs this."""
    taken = [
        int(subprocess.run([sys.executable, "-c", code + PEAK], cwd=ROOT, capture_output=True, check=True).stdout)
        for _ in range(RUNS)
    ]
    return min(taken) / 1024


def figures() -> Iterator[Figure]:
    """Measure."""
    with fresh_home(), Scene() as scene:
        scene.sign_in()
        ours = mebibytes(OURS.format(url=scene.url, body=BODY))
        floor = mebibytes(BARE.format(url=scene.url, body=BODY, value=f"Bearer {scene.access_token}"))
    yield Figure(
        what="peak memory: import, and one request from the encrypted store",
        ours=f"{ours:.1f}",
        floor=f"{floor:.1f}",
        ratio=ours / floor,
        peers=of_calls("memory"),
        unit="MiB",
        goal=f"<= {GOAL:.0f}",
        bound=GOAL,
        met=ours <= GOAL,
    )


if __name__ == "__main__":
    show(figures())

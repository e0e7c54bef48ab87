"""What chuk-mcp-client-oauth and mcp come to, where they are installed in the running environment.

Their programs are those of ``benchmarks/clients``, each in a process of its own against ``benchmarks/lenient.py``. A
row of ours that counts a call says what their program's first call came to; a program that fails says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.servers import delay

from .alternatives import ALTERNATIVES, LONG, PROCESSES, situations
from .lenient import Bench, Cost, bench
from .others import CHUK, MCP, version_of

CALLS = {CHUK: "calls_chuk.py", MCP: "calls_mcp.py"}
#: Modules of this environment that somebody's own would not have: chuk-mcp-client-oauth takes a keyring that it finds
#: for one that works.
HIDDEN = {CHUK: ("keyring",)}
HUNDRED, AT_ONCE, DELAY = 100, 50, 0.1
#: What a situation of ``benchmarks/alternatives.py`` is a row of.
ROWS = {
    "first": "a first sign-in",
    "later": "a later process, good token",
    "token refused before its time": "a token refused in mid-session",
    "token expired": "a later process, expired token",
}
CROWD = f"token expired, {PROCESSES} processes at once"
MEMORY = """
import runpy, sys
sys.argv = {argv!r}
runpy.run_path(sys.argv[0], run_name="__main__")
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def installed() -> list[str]:
    """Return who is here."""
    return [name for name in CALLS if version_of(name) is not None]


@cache
def costs(name: str) -> dict[str, Cost]:
    """Run somebody's program through all situations, once per process of ours."""
    return dict(situations(name, Path(sys.executable), HIDDEN.get(name, ())))


def trips(cost: Cost) -> str:
    """Write a cost as rows of round trips do: the call that is answered is one of them."""
    said = f"{cost.requests + 1}/{cost.connections}/{cost.asked}"
    return f"{said}, fails" if cost.failed else said


def beside() -> dict[str, dict[str, str]]:
    """Return what everybody's round trips are, by row and name."""
    rows: dict[str, dict[str, str]] = {row: {} for row in ROWS.values()} | {"a hundred calls": {}}
    for name in installed():
        for situation, row in ROWS.items():
            rows[row][name] = trips(costs(name)[situation])
        rows["a hundred calls"][name] = calls(name)["hundred"]
    return rows


def noticed() -> dict[str, str]:
    """Return how many milliseconds everybody takes to notice that the browser has come back."""
    taken = {name: costs(name)["first"].noticed for name in installed()}
    return {name: "?" if seconds is None else f"{seconds * 1000:.1f}" for name, seconds in taken.items()}


def crowds() -> dict[str, str]:
    """Return what eight processes whose token has expired come to."""
    found = {name: costs(name)[CROWD] for name in installed()}
    return {name: f"{cost.refreshes}/{cost.failed}/{cost.asked}" for name, cost in found.items()}


@cache
def calls(name: str) -> dict[str, str]:
    """Sign in by somebody's program, and make calls: in turn, at once, and one whose memory is looked at."""
    with bench(Path(sys.executable), ALTERNATIVES[name][1], LONG, HIDDEN.get(name, ())) as set_up:
        if set_up.run().failed:
            return dict.fromkeys(("hundred", "at once", "memory"), "fails")
        return dict(_calls(set_up, CALLS[name]))


def _calls(set_up: Bench, program: str) -> Iterator[tuple[str, str]]:
    url, path = set_up.mcp.mcp_url, str(Path(set_up.program[1]).parent / program)
    set_up.az.clear()
    set_up.mcp.clear()
    failed = _output(set_up, [path, url, str(HUNDRED)]) is None
    sent = [*set_up.az.requests(), *set_up.mcp.requests()]
    lines = {exchange.connection for exchange in sent}
    yield "hundred", "fails" if failed else f"{len(sent)}/{len(lines)}/0"
    peak = _output(set_up, ["-c", MEMORY.format(argv=[path, url, "1"])])
    yield "memory", "fails" if peak is None else f"{int(peak) / 1024:.1f}"
    set_up.mcp.fault("/mcp", delay(DELAY))
    taken = [_output(set_up, [path, url, str(AT_ONCE), "at-once"]) for _ in range(3)]
    set_up.mcp.clear_faults()
    good = [float(seconds) for seconds in taken if seconds is not None]
    yield "at once", f"{min(good):.2f}" if good else "fails"


def _output(set_up: Bench, arguments: list[str]) -> str | None:
    ran = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | set_up.environment,
        cwd=set_up.home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if ran.returncode:
        print("    ", *ran.stderr.strip().splitlines()[-1:], file=sys.stderr)
        return None
    return ran.stdout.split()[-1]


def of_calls(what: str) -> dict[str, str]:
    """Return what everybody's calls come to: "at once", in seconds, or "memory", in MiB."""
    return {name: calls(name)[what] for name in installed()}

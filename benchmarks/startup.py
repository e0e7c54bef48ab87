"""What a start costs, in instructions against ``import requests``: the import, ``--help``, a value from the store.

Run: ``python benchmarks/startup.py [COMMAND ...]``

With valgrind instructions are counted, which is exact on a busy machine too; without it CPU time is taken, as the best
of many runs that take turns. "net" leaves out what the interpreter costs by itself. Each further argument is a line of
Python to be counted beside the rows. Modules are compiled to files first, as an installation does; site packages are
the running interpreter's. `benchmarks.store_starts` takes the last row for each kind of store.
"""

from __future__ import annotations

import compileall
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import start_peers
from benchmarks.figure import Figure
from mcp_oauth_sync import ClientRegistration, OAuthTokens, ServerRecord, TokenManager

ROOT = Path(__file__).resolve().parents[1]
URL = "https://mcp.example.com/mcp"
RUNS = 15
INTERPRETER, REQUESTS, OURS = "the interpreter", "import requests", "from mcp_oauth_sync import OAuth"
HELP, VALUE = "mcp-oauth-sync --help", "the value from the store"
AT_TERMINAL = (
    "import sys; sys.stdout.isatty = lambda: True; from mcp_oauth_sync.cli import main; sys.exit(main(['list']))"
)
ROWS = {
    INTERPRETER: "pass",
    REQUESTS: REQUESTS,
    OURS: OURS,
    HELP: "from mcp_oauth_sync.cli import main; main(['--help'])",
    "mcp-oauth-sync list": "from mcp_oauth_sync.cli import main; main(['list'])",
    "the same at a terminal": AT_TERMINAL,
    VALUE: f"from mcp_oauth_sync import OAuth; OAuth({URL!r}).headers()",
}
GOALS = {OURS: 1.35, HELP: 0.60, VALUE: 1.6}


def record() -> ServerRecord:
    """Return a sign-in of the usual size."""
    issuer = "https://login.example.com"
    return ServerRecord(
        server_url=URL,
        issuer=issuer,
        token_endpoint=f"{issuer}/token",
        registration=ClientRegistration(client_id="client", issuer=issuer),
        tokens=OAuthTokens(access_token="a" * 1200, refresh_token="r" * 64, expires_in=86400),
    )


def keep_a_sign_in(home: Path) -> None:
    """Leave a sign-in in the default encrypted store, as a first run does."""
    os.environ["MCP_OAUTH_SYNC_HOME"] = str(home)
    os.environ["MCP_OAUTH_SYNC_BACKEND"] = "encrypted_file"
    TokenManager().save_record(URL, record())
    del os.environ["MCP_OAUTH_SYNC_BACKEND"]  # found by itself, as in a later process


def command(code: str) -> list[str]:
    """Return what runs a line of Python without the site module, whose cost is the installation's."""
    paths = [str(ROOT), *(path for path in sys.path if path.endswith(("site-packages", "dist-packages")))]
    return [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"]


def is_exact() -> bool:
    """Tell whether instructions can be counted."""
    return shutil.which("valgrind") is not None


def instructions(code: str) -> float:
    """Return the instructions of a run."""
    counted = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command(code)]
    said = subprocess.run(counted, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True).stderr
    found = re.search(r"refs:\s+([\d,]+)", said)
    assert found, said
    return float(found[1].replace(",", ""))


def cpu_seconds(code: str) -> float:
    """Return the CPU time of a run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command(code), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def costs(rows: Mapping[str, str], *, exact: bool | None = None) -> dict[str, float]:
    """Return what each line costs.

    Args:
        rows: Lines of Python by name.
        exact: Whether to count instructions, not seconds of CPU; None does where it is possible.
    """
    for code in rows.values():  # modules are compiled, files are read
        subprocess.run(command(code), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if is_exact() if exact is None else exact:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return dict(zip(rows, pool.map(instructions, rows.values()), strict=True))
    turns = [[cpu_seconds(code) for code in rows.values()] for _ in range(RUNS)]
    return {name: min(taken) for name, taken in zip(rows, zip(*turns, strict=True), strict=True)}


def figures() -> Iterator[Figure]:
    """Count, for the rows that have a goal."""
    compileall.compile_dir(str(ROOT / "mcp_oauth_sync"), quiet=1)
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder
        keep_a_sign_in(Path(folder) / "store")
        plain = Path(folder, "tokens.json")
        plain.write_text('{"access_token": "good"}')
        floor = f"import json, requests; json.load(open({str(plain)!r}))"
        peers = {
            (row, name): code
            for row, codes in start_peers.codes(Path(folder), names=(OURS, HELP, VALUE)).items()
            for name, code in codes.items()
        }
        floors = {OURS: REQUESTS, HELP: ROWS[INTERPRETER], VALUE: floor}
        found: dict[str, dict[str, float]] = {}
        for row in GOALS:
            lines = {"requests": REQUESTS, "ours": ROWS[row], "floor": floors[row]}
            lines |= {name: code for (where, name), code in peers.items() if where == row}
            # A key derivation has instructions of its own in the processor, which valgrind does without.
            found[row] = costs(lines, exact=False if row == VALUE else None)
        os.environ.clear()
        os.environ.update(before)
    for row, goal in GOALS.items():
        cells = {name: f"{value / found[row]['requests']:.2f}" for name, value in found[row].items()}
        ratio = found[row]["ours"] / found[row]["requests"]
        yield Figure(
            what=row,
            ours=cells.pop("ours"),
            floor=cells.pop("floor"),
            peers={name: cell for name, cell in cells.items() if name != "requests"},
            ratio=ratio,
            unit=f"x import requests, {'instructions' if is_exact() and row != VALUE else 'CPU'}",
            goal=f"<= {goal:.2f}",
            bound=goal,
            met=round(ratio, 3) <= goal,
        )


def main() -> None:
    """Print the rows."""
    compileall.compile_dir(str(ROOT / "mcp_oauth_sync"), quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        keep_a_sign_in(Path(folder))
        found = costs({**ROWS, **{line: line for line in sys.argv[1:]}})
    unit, scale = ("M instructions", 1e6) if is_exact() else ("ms CPU", 1e-3)
    whole, bare = found[REQUESTS], found[INTERPRETER]
    print(f"{'':34}{unit:>16}  /requests     net    goal")
    for name, value in found.items():
        goal = f"{GOALS[name]:.2f}" if name in GOALS else ""
        print(f"{name:34}{value / scale:16.1f}{value / whole:11.2f}{(value - bare) / (whole - bare):8.2f}{goal:>8}")


if __name__ == "__main__":
    main()

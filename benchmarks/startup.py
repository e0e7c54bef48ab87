"""What a start costs, in instructions against ``import requests``: the import, ``--help``, a value from the store.

Run: ``python benchmarks/startup.py [COMMAND ...]``

With valgrind instructions are counted, which is exact on a busy machine too; without it CPU time is taken, as the best
of many runs. "net" leaves out what the interpreter costs by itself. Each further argument is a line of Python to be
counted beside the rows. Modules are compiled to files first, as an installation does; site packages are the running
interpreter's.
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
from pathlib import Path

from mcp_oauth_sync import ClientRegistration, OAuthTokens, ServerRecord, TokenManager

ROOT = Path(__file__).resolve().parents[1]
URL = "https://mcp.example.com/mcp"
RUNS = 15
REQUESTS = "import requests"
AT_TERMINAL = (
    "import sys; sys.stdout.isatty = lambda: True; from mcp_oauth_sync.cli import main; sys.exit(main(['list']))"
)
ROWS = {
    "the interpreter": "pass",
    REQUESTS: REQUESTS,
    "from mcp_oauth_sync import OAuth": "from mcp_oauth_sync import OAuth",
    "mcp-oauth-sync --help": "from mcp_oauth_sync.cli import main; main(['--help'])",
    "mcp-oauth-sync list": "from mcp_oauth_sync.cli import main; main(['list'])",
    "the same at a terminal": AT_TERMINAL,
    "the value from the store": f"from mcp_oauth_sync import OAuth; OAuth({URL!r}).headers()",
}
GOALS = {"from mcp_oauth_sync import OAuth": 1.35, "mcp-oauth-sync --help": 0.60, "the value from the store": 1.6}


def keep_a_sign_in(home: Path) -> None:
    """Leave a sign-in in the default encrypted store, as a first run does."""
    issuer = "https://login.example.com"
    os.environ["MCP_OAUTH_SYNC_HOME"] = str(home)
    os.environ["MCP_OAUTH_SYNC_BACKEND"] = "encrypted_file"
    record = ServerRecord(
        server_url=URL,
        issuer=issuer,
        token_endpoint=f"{issuer}/token",
        registration=ClientRegistration(client_id="client", issuer=issuer),
        tokens=OAuthTokens(access_token="a" * 1200, refresh_token="r" * 64, expires_in=86400),
    )
    TokenManager().save_record(URL, record)
    del os.environ["MCP_OAUTH_SYNC_BACKEND"]  # found by itself, as in a later process


def command(code: str) -> list[str]:
    """Return what runs a line of Python without the site module, whose cost is the installation's."""
    paths = [str(ROOT), *(path for path in sys.path if path.endswith(("site-packages", "dist-packages")))]
    return [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"]


def instructions(code: str) -> float:
    """Return the instructions of a run."""
    counted = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command(code)]
    said = subprocess.run(counted, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True).stderr
    found = re.search(r"refs:\s+([\d,]+)", said)
    assert found, said
    return float(found[1].replace(",", ""))


def cpu_seconds(code: str) -> float:
    """Return the CPU time of the quickest of many runs."""
    taken = []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command(code), check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken)


def main() -> None:
    """Print the rows."""
    compileall.compile_dir(str(ROOT / "mcp_oauth_sync"), quiet=1)
    exact = shutil.which("valgrind") is not None
    cost, unit, scale = (instructions, "M instructions", 1e6) if exact else (cpu_seconds, "ms CPU", 1e-3)
    with tempfile.TemporaryDirectory() as folder:
        keep_a_sign_in(Path(folder))
        rows = {**ROWS, **{line: line for line in sys.argv[1:]}}
        for code in rows.values():
            subprocess.run(command(code), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = {name: cost(code) for name, code in rows.items()}
    whole, bare = found[REQUESTS], found["the interpreter"]
    print(f"{'':34}{unit:>16}  /requests     net    goal")
    for name, value in found.items():
        goal = f"{GOALS[name]:.2f}" if name in GOALS else ""
        print(f"{name:34}{value / scale:16.1f}{value / whole:11.2f}{(value - bare) / (whole - bare):8.2f}{goal:>8}")


if __name__ == "__main__":
    main()

"""What other libraries need for the same job: list the tools of a protected server, today, tomorrow, and all at once.

    python -m benchmarks.alternatives FOLDER              # installs each into a virtual environment in FOLDER first
    python -m benchmarks.alternatives FOLDER --only ours mcp

Needs what the tests need, and the network for a first run. The programs are those in ``benchmarks/clients``. Each runs
in a process of its own, with a terminal, a browser and an empty home, against the servers of ``benchmarks/lenient.py``.
Counted are the requests that signing in costs (for metadata, registration and tokens, and calls
that were refused), and how often a person was asked in the browser.

Columns of sizes: lines of the program without blank ones, packages that are installed for it (itself included),
megabytes of them, and CPU time of importing what the program imports, against that of ``import requests``.
"""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from .lenient import CLIENTS, ROOT, Cost, bench

#: What is installed for each, and the program that uses it.
ALTERNATIVES = {
    "ours": ([str(ROOT)], "with_ours.py"),
    "mcp": (["mcp==2.3.0"], "with_mcp.py"),
    "fastmcp": (["fastmcp==4.2.3"], "with_fastmcp.py"),
    "chuk-mcp-client-oauth": (["chuk-mcp-client-oauth==0.4"], "with_chuk.py"),
}
#: Libraries that know OAuth, not MCP: their sizes alone.
GENERAL = {
    "requests-oauthlib": (["requests-oauthlib==2.0.0"], "import requests_oauthlib"),
    "authlib": (["authlib==1.9.10", "requests"], "import authlib.integrations.requests_client"),
    "msal": (["msal==1.39.0"], "import msal"),
    "google-auth": (["google-auth==2.63.0", "requests"], "import google.auth.transport.requests"),
}
LONG, SHORT = 3600.0, 6.0
PROCESSES = 8
#: Seconds before its end that a token counts as expired, where that is longer than the short lifetime.
MARGIN = {"chuk-mcp-client-oauth": 300.0}
SIZES = """
import importlib.metadata as m
files = [f.locate() for d in m.distributions() if d.name not in ("pip", "setuptools") for f in d.files or ()]
names = {d.name for d in m.distributions()} - {"pip", "setuptools"}
print(len(names), sum(f.stat().st_size for f in files if f.suffix != ".pyc" and f.exists()))
"""


def python_of(name: str, folder: Path) -> Path:
    """Return the interpreter of a virtual environment, made when it is not there."""
    python = folder / name / "bin" / "python"
    if not python.exists():
        wanted = {**ALTERNATIVES, **GENERAL}[name][0]
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        subprocess.run([python, "-I", "-m", "pip", "install", "--quiet", *wanted], check=True)
    return python


def situations(name: str, python: Path, hidden: Collection[str] = ()) -> Iterator[tuple[str, Cost]]:
    """Run one library through all of them; what modules it shall not find is for where it shares an environment."""
    program = ALTERNATIVES[name][1]
    with bench(python, program, LONG, hidden) as long:
        yield "first", long.run()
        yield "later", long.run()
        long.az.expire_all_access_tokens()
        yield "token refused before its time", long.run()
    with bench(python, program, SHORT + MARGIN.get(name, 0), hidden) as short:
        short.run()
        time.sleep(SHORT + 1)
        yield "token expired", short.run()
        time.sleep(SHORT + 1)
        yield f"token expired, {PROCESSES} processes at once", short.run(PROCESSES)


def import_seconds(python: Path, imports: str) -> float:
    """Return the CPU time of a process that imports."""
    before = os.times()
    subprocess.run([python, "-c", imports], check=True, env={**os.environ, "PYTHONPATH": ""})
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def import_ratio(name: str, folder: Path, imports: str) -> float:
    """Return the least time of many imports, by that of as many imports of requests in between."""
    pairs = [(python_of(name, folder), imports), (python_of("ours", folder), "import requests")]
    times = [[import_seconds(*pair) for pair in pairs] for _ in range(31)]  # the first ones compile
    ours, bare = (min(spent) for spent in zip(*times, strict=True))
    return ours / bare


def sizes(name: str, folder: Path, imports: str, lines: str) -> str:
    """Say how large a library is."""
    python = python_of(name, folder)
    counted = subprocess.run([python, "-I", "-c", SIZES], check=True, capture_output=True, text=True).stdout.split()
    times = import_ratio(name, folder, imports)
    return f"{lines} lines, {counted[0]} packages, {int(counted[1]) / 1e6:.0f} MB, {times:.1f} x import requests"


def of_program(path: Path) -> tuple[str, str]:
    """Return the imports of a program, and how many lines it has."""
    text = path.read_text(encoding="utf-8")
    body = ast.parse(text).body
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    lines = [line for line in text.splitlines()[1:] if line.strip()]  # the docstring is one line
    return "\n".join(map(ast.unparse, imports)), str(len(lines))


def main() -> None:
    """Measure and print."""
    # Without compiled modules every import would compile anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "VAULT_ADDR", "VAULT_TOKEN"):
        os.environ.pop(variable, None)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", choices=[*ALTERNATIVES, *GENERAL], default=[*ALTERNATIVES, *GENERAL])
    parser.add_argument("--skip", choices=["situations", "sizes"])
    options = parser.parse_args()
    folder = options.folder.absolute()
    for name in options.only:
        print(name)
        if name in ALTERNATIVES and options.skip != "situations":
            for situation, cost in situations(name, python_of(name, folder)):
                print(f"  {situation}: {cost}", flush=True)
        if options.skip != "sizes":
            imports, lines = (
                of_program(CLIENTS / ALTERNATIVES[name][1]) if name in ALTERNATIVES else (GENERAL[name][1], "-")
            )
            print(f"  {sizes(name, folder, imports, lines)}", flush=True)


if __name__ == "__main__":
    main()

"""What other libraries need for the same job: list the tools of a protected server, today, tomorrow, and all at once.

    python -m benchmarks.alternatives FOLDER              # installs each into a virtual environment in FOLDER first
    python -m benchmarks.alternatives FOLDER --only ours mcp

Needs what the tests need, and the network for a first run. The programs are those in ``benchmarks/clients``. Each runs
in a process of its own, with a terminal, a browser and an empty home, against the tests' servers. What those are
stricter about than most is let pass: missing user agents, a missing application_type, other ports of the loopback
interface than registered, URLs that are opened twice, metadata asked for at the root. The resource is ignored.
Refresh tokens rotate. Counted are the requests that signing in costs (for metadata, registration and tokens, and calls
that were refused), and how often a person was asked in the browser.

Columns of sizes: lines of the program without blank ones, packages that are installed for it (itself included),
megabytes of them, and CPU time of importing what the program imports, against that of ``import requests``.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.cli.terminal import Terminal
from tests.servers import AuthorizationServer, Exchange, McpServer, Reply, json_reply

ROOT = Path(__file__).resolve().parents[1]
CLIENTS = ROOT / "benchmarks" / "clients"
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
BROWSER = """
import sys, time
sys.path.insert(0, {root!r})
import requests
from tests.servers import Person
with open({notes!r}, "a") as file:
    print(sys.argv[1], file=file)
address = Person().redirect_only(sys.argv[1])
for _ in range(100):  # a browser takes longer than some listeners to come up
    try:
        requests.get(address, timeout=30)
        break
    except requests.ConnectionError:
        time.sleep(0.1)
"""
SIZES = """
import importlib.metadata as m
files = [f.locate() for d in m.distributions() if d.name not in ("pip", "setuptools") for f in d.files or ()]
names = {d.name for d in m.distributions()} - {"pip", "setuptools"}
print(len(names), sum(f.stat().st_size for f in files if f.suffix != ".pyc" and f.exists()))
"""


class Lenient:
    """Lets pass what most servers let pass."""

    def answer(self, exchange: Exchange) -> Reply:
        """Answer as if the client had said more."""
        for name, value in (("User-Agent", "unnamed"), ("Accept", "application/json")):
            if not exchange.headers.get(name) or exchange.headers[name] == "*/*":
                del exchange.headers[name]
                exchange.headers[name] = value
        if exchange.path == "/register":
            exchange.body = json.dumps({"application_type": "native", **exchange.json()}).encode()
        exchange.query.pop("resource", None)
        exchange.form.pop("resource", None)
        return super().answer(exchange)  # type: ignore[misc, no-any-return]


class Forgetful(set[str]):
    """Remembers nothing."""

    def add(self, element: str) -> None:
        """Let the same come again."""


class LenientAuthorizationServer(Lenient, AuthorizationServer):
    """Gives out tokens."""

    def __init__(self, lifetime: float) -> None:
        """Take any port of the loopback interface, and an authorization URL that is opened twice."""
        super().__init__()
        self.access_ttl = lifetime
        self.port_free_redirects, self.resource_required = True, False
        self.seen_once = Forgetful()


class LenientMcpServer(Lenient, McpServer):
    """Takes them."""

    def __init__(self, authorization_server: AuthorizationServer) -> None:
        """Have the metadata at the root, too."""
        super().__init__(authorization_server)
        root = self.prm_paths["root"]
        self.route("GET", root, lambda _: json_reply(self.prm_document()))


class Bench:
    """Both servers and a home, for one library.

    Args:
        name: Of the library.
        folder: Where its virtual environment is.
        home: What its processes take for their home.
        lifetime: Of access tokens, in seconds.
    """

    def __init__(self, name: str, folder: Path, home: Path, lifetime: float) -> None:
        self.program = [str(python_of(name, folder)), str(CLIENTS / ALTERNATIVES[name][1])]
        self.home, self.notes = home, home / "opened"
        self.az = LenientAuthorizationServer(lifetime)
        self.mcp = LenientMcpServer(self.az)
        browser = home / "browser.py"
        browser.write_text(BROWSER.format(root=str(ROOT), notes=str(self.notes)))
        self.environment = {
            "HOME": str(home),
            "BROWSER": f"{sys.executable} {browser} %s &",
            "MCP_CLI_ENCRYPTION_KEY": "what chuk-mcp-client-oauth would ask for at every start",
            "PYTHONPATH": "",
        }

    def run(self, processes: int = 1) -> str:
        """Run the program so many times at once, and say what that cost."""
        self.az.clear()
        self.mcp.clear()
        asked, refreshed = self.asked, self.az.refreshes
        with ThreadPoolExecutor(processes) as pool:
            good = list(pool.map(lambda _: self._process(), range(processes)))
        requests = [exchange for exchange in [*self.az.requests(), *self.mcp.requests()] if costs(exchange)]
        said = f"{len(requests)} requests, asked {self.asked - asked} times, {self.az.refreshes - refreshed} refreshes"
        return said if all(good) else f"{said}, {good.count(False)} of {processes} FAILED"

    @property
    def asked(self) -> int:
        """How often the browser was opened."""
        return len(self.notes.read_text().splitlines()) if self.notes.exists() else 0

    def _process(self) -> bool:
        with Terminal(program=[*self.program, self.mcp.mcp_url], environment=self.environment, cwd=self.home) as ran:
            try:
                good = ran.end() == 0 and "3 tools" in ran.screen
            except AssertionError:
                good = False
            if not good:
                print("    ", *ran.screen.strip().splitlines()[-1:], file=sys.stderr)
            return good


def costs(exchange: Exchange) -> bool:
    """Tell whether a request was made to sign in: no call that was answered, nothing of the browser's."""
    return exchange.path not in ("/authorize", "/consent") and (exchange.path != "/mcp" or exchange.status == 401)


@contextmanager
def bench(name: str, folder: Path, lifetime: float) -> Iterator[Bench]:
    """Set up both servers and an empty home."""
    with tempfile.TemporaryDirectory() as home:
        made = Bench(name, folder, Path(home), lifetime)
        with made.az, made.mcp:
            yield made


def python_of(name: str, folder: Path) -> Path:
    """Return the interpreter of a virtual environment, made when it is not there."""
    python = folder / name / "bin" / "python"
    if not python.exists():
        wanted = {**ALTERNATIVES, **GENERAL}[name][0]
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        subprocess.run([python, "-I", "-m", "pip", "install", "--quiet", *wanted], check=True)
    return python


def situations(name: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Run one library through all of them."""
    with bench(name, folder, LONG) as long:
        yield "first", long.run()
        yield "later", long.run()
        long.az.expire_all_access_tokens()
        yield "token refused before its time", long.run()
    with bench(name, folder, SHORT + MARGIN.get(name, 0)) as short:
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
            python_of(name, folder)
            for situation, cost in situations(name, folder):
                print(f"  {situation}: {cost}", flush=True)
        if options.skip != "sizes":
            imports, lines = (
                of_program(CLIENTS / ALTERNATIVES[name][1]) if name in ALTERNATIVES else (GENERAL[name][1], "-")
            )
            print(f"  {sizes(name, folder, imports, lines)}", flush=True)


if __name__ == "__main__":
    main()

"""Servers that let pass what most do, and what a run of somebody's program at them costs.

What the tests' servers are stricter about than most is let pass: missing user agents, a missing application_type, other
ports of the loopback interface than registered, URLs that are opened twice, metadata asked for at the root. The
resource is ignored. Refresh tokens rotate.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.cli.terminal import Terminal
from tests.servers import AuthorizationServer, Exchange, McpServer, Reply, json_reply

ROOT = Path(__file__).resolve().parents[1]
CLIENTS = ROOT / "benchmarks" / "clients"
BROWSER = """
import sys, time
sys.path.insert(0, {root!r})
import requests
from tests.servers import Person
with open({notes!r}, "a") as file:
    print(sys.argv[1], file=file)
address = Person().redirect_only(sys.argv[1])
for _ in range(100):  # a browser takes longer than some listeners to come up
    returned = time.monotonic()  # of the system: the servers see the same
    try:
        requests.get(address, timeout=30)
        with open({landed!r}, "a") as file:
            print(returned, file=file)
        break
    except requests.ConnectionError:
        time.sleep(0.1)
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


class Cost(NamedTuple):
    """What a run came to.

    Attributes:
        processes: How many ran.
        failed: How many of them did not get what they wanted.
        requests: How many requests were made to sign in: those for documents and tokens, and refused calls.
        connections: How many connections these and the first answered call came on.
        asked: How often the browser was opened.
        refreshes: How many refreshes the server granted.
        noticed: Seconds from the browser's return to the next request for tokens; None where there was none.
    """

    processes: int
    failed: int
    requests: int
    connections: int
    asked: int
    refreshes: int
    noticed: float | None

    def __str__(self) -> str:
        """Say it in a line."""
        said = f"{self.requests} requests, asked {self.asked} times, {self.refreshes} refreshes"
        return f"{said}, {self.failed} of {self.processes} FAILED" if self.failed else said


class Bench:
    """Both servers and a home, for one library.

    Args:
        python: The interpreter that has it.
        program: What to run, in ``benchmarks/clients``.
        home: What its processes take for their home.
        lifetime: Of access tokens, in seconds.
        hidden: Modules that the program does not find, because they are there for others.
    """

    def __init__(self, python: Path, program: str, home: Path, lifetime: float, hidden: Collection[str] = ()) -> None:
        self.python = python
        self.program = [str(python), str(CLIENTS / program)]
        self.home, self.notes, self.landed = home, home / "opened", home / "landed"
        self.az = LenientAuthorizationServer(lifetime)
        self.mcp = LenientMcpServer(self.az)
        browser = home / "browser.py"
        browser.write_text(BROWSER.format(root=str(ROOT), notes=str(self.notes), landed=str(self.landed)))
        hiding = home / "hidden"
        hiding.mkdir()
        for module in hidden:
            hiding.joinpath(f"{module}.py").write_text("raise ImportError\n")
        self.environment = {
            "HOME": str(home),
            "BROWSER": f"{sys.executable} {browser} %s &",
            "MCP_CLI_ENCRYPTION_KEY": "what chuk-mcp-client-oauth would ask for at every start",
            "PYTHONPATH": str(hiding),
        }

    def run(self, processes: int = 1) -> Cost:
        """Run the program so many times at once, and return what that cost."""
        self.az.clear()
        self.mcp.clear()
        asked, refreshed = self.asked, self.az.refreshes
        with ThreadPoolExecutor(processes) as pool:
            good = list(pool.map(lambda _: self._process(), range(processes)))
        sent = [exchange for exchange in [*self.az.requests(), *self.mcp.requests()] if costs(exchange)]
        return Cost(
            processes=processes,
            failed=good.count(False),
            requests=len(sent),
            connections=self.connections(),
            asked=self.asked - asked,
            refreshes=self.az.refreshes - refreshed,
            noticed=self._noticed() if self.asked > asked else None,
        )

    def connections(self) -> int:
        """Return how many connections signing in and the first call that was answered came on."""
        answered = [exchange for exchange in self.mcp.requests() if not costs(exchange)]
        lines = {("mcp", exchange.connection) for exchange in [*filter(costs, self.mcp.requests()), *answered[:1]]}
        return len(lines | {("az", exchange.connection) for exchange in filter(costs, self.az.requests())})

    def _noticed(self) -> float | None:
        returned = [float(line) for line in self.landed.read_text().split()] if self.landed.exists() else []
        after = [x.at - returned[-1] for x in self.az.requests("/token") if returned and x.at > returned[-1]]
        return min(after, default=None)

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
def bench(python: Path, program: str, lifetime: float, hidden: Collection[str] = ()) -> Iterator[Bench]:
    """Set up both servers and an empty home."""
    with tempfile.TemporaryDirectory() as home:
        made = Bench(python, program, Path(home), lifetime, hidden)
        with made.az, made.mcp:
            yield made

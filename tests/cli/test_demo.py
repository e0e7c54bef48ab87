"""The demo, run as a stranger runs it: every act in order, readable at 80 columns, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blocks import ROOT, blocks
from tests.real.chromium import Chromium

from .terminal import COMMAND, OBEYED, PATIENCE, Terminal, run

pytestmark = pytest.mark.demo

ACTS = [
    "1. The first call signs you in",
    "2. Every later call just works",
    "3. The token expires, and you notice nothing",
    "4. A tool needs one more permission",
    "5. Another program needs no sign-in",
    "6. Signing out",
]
DISCOVERY = [
    "GET /.well-known/oauth-protected-resource/mcp 200",
    "GET /.well-known/oauth-authorization-server 200",
    "POST /register 201",
]
REQUESTS = [
    [
        *("POST /mcp (server/discover) 401", *DISCOVERY, "POST /token (authorization_code) 200"),
        *("POST /mcp (server/discover) 200", "POST /mcp (tools/list) 200"),
    ],
    ["POST /mcp (tools/call list_notes) 200"],
    ["POST /token (refresh_token) 200", "POST /mcp (tools/call whoami) 200"],
    [
        *("POST /mcp (tools/call add_note) 403", *DISCOVERY),
        *("POST /token (authorization_code) 200", "POST /mcp (tools/call add_note) 200"),
    ],
    [],
    ["POST /revoke 200", "POST /revoke 200"],
]


class Traces:
    """What a demo may leave: files in its temporary folder or its home, and processes that carry its mark."""

    def __init__(self, temporary: Path, home: Path) -> None:
        self.temporary, self.home = temporary, home
        self.mark = uuid.uuid4().hex
        self.environment = {"TMPDIR": str(temporary), "DEMO_MARK": self.mark}

    def files(self) -> list[str]:
        return [str(path) for folder in (self.temporary, self.home) for path in folder.rglob("*")]

    def processes(self) -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:  # ended meanwhile, or somebody else's
                continue
        return found

    def wait_until_gone(self) -> None:
        # A server that is stopped before it has begun ends when it has: on a busy machine that takes its time.
        deadline = time.monotonic() + 20
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self.processes() == []
        assert self.files() == []


@pytest.fixture
def traces(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Traces:
    monkeypatch.delenv("COLUMNS", raising=False)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return Traces(temporary, home)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Run two demos at once, without a terminal; return what each printed."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "MCP_OAUTH_SYNC_HOME")}
    traces = Traces(tmp_path_factory.mktemp("temporary"), tmp_path_factory.mktemp("home"))
    environment = {**kept, **traces.environment, "HOME": str(traces.home), "XDG_DATA_HOME": str(traces.home)}
    demos = [
        subprocess.Popen(
            [*COMMAND, "demo"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        for _ in range(2)
    ]
    ends = [(demo.communicate(timeout=PATIENCE), demo.returncode) for demo in demos]
    assert [(errors, status) for (_, errors), status in ends] == [(b"", 0), (b"", 0)]
    assert traces.processes() == []
    assert traces.files() == []
    return [output.decode() for (output, _), _ in ends]


def acts_of(text: str) -> list[list[str]]:
    """Return the lines of each act."""
    acts: list[list[str]] = []
    for line in text.splitlines():
        if re.match(r"\d\. ", line):
            acts.append([])
        if acts:
            acts[-1].append(line)
    return acts


def requests_of(act: list[str]) -> list[str]:
    """Return the requests an act shows, without the remarks beside them."""
    found = [re.fullmatch(r" +> (.*?) +(\d{3})(?:  .*)?", line) for line in act]
    return [f"{match[1]} {match[2]}" for match in found if match]


def test_two_demos_at_once_end_well_leave_nothing_and_tell_the_same_story(shown: list[str]) -> None:
    same = [re.sub(r"127\.0\.0\.1:\d+|another \d+ s", "...", text) for text in shown]
    assert same[0] == same[1]


def test_every_act_is_there_in_order(shown: list[str]) -> None:
    assert [act[0] for act in acts_of(shown[0])] == ACTS


def test_every_act_shows_the_requests_that_it_needs_and_no_others(shown: list[str]) -> None:
    assert [requests_of(act) for act in acts_of(shown[0])] == REQUESTS


def test_each_request_stands_where_it_happened(shown: list[str]) -> None:
    """The person is asked after the registration and before the code is redeemed, both times."""
    acts = acts_of(shown[0])
    for act in (acts[0], acts[3]):
        lines = "\n".join(act)
        order = [lines.index(part) for part in ("/register", "[browser] Allow “", "Allow is pressed", "/token (auth")]
        assert order == sorted(order)
    assert all("[browser]" not in line for act in (acts[1], acts[2], acts[4], acts[5]) for line in act)


def test_the_story_says_what_came_of_it(shown: list[str]) -> None:
    acts = ["\n".join(act) for act in acts_of(shown[0])]
    assert "3 tools" in acts[0]
    assert "| 1. Welcome!" in acts[1]
    assert "You are Ada." in acts[2]
    assert "may use: mcp." in " ".join(acts[2].split())
    assert "registration" in acts[3]
    assert "| Noted as number 4." in acts[3]
    assert "-rw-------  demo.enc" in acts[4]
    assert all(f"     {tool} " in acts[4] for tool in ("list_notes", "whoami", "add_note"))
    assert "The server confirmed it." in acts[5]
    assert "The server is stopped and the files are removed." in acts[5]


def test_the_readme_shows_a_demo_as_it_is(shown: list[str]) -> None:
    [picture] = [block.code for block in blocks(ROOT / "README.rst", "text") if "mcp-oauth-sync demo" in block.code]
    command, *pieces = picture.split("\n...\n")
    assert command == "$ mcp-oauth-sync demo --no-browser"
    rest = f"\n{shown[0]}"
    for piece in pieces:
        assert f"\n{piece}\n" in rest
        rest = "\n" + rest.partition(f"\n{piece}\n")[2]


def test_it_reads_well_at_80_columns(shown: list[str]) -> None:
    assert [line for line in shown[0].splitlines() if len(line) > 80] == []
    assert OBEYED.findall(shown[0]) == []
    assert "\n\n\n" not in shown[0]


def test_no_token_code_or_secret_is_shown(shown: list[str]) -> None:
    assert re.findall(r"[A-Za-z0-9_-]{24,}", shown[0].replace("oauth-authorization-server", "")) == [
        "oauth-protected-resource"
    ] * shown[0].count("oauth-protected-resource")


@pytest.mark.parametrize("moment", ["Starting a real", "Waiting until this one is old"])
def test_ctrl_c_in_the_middle_leaves_nothing(traces: Traces, moment: str) -> None:
    with Terminal("demo", "--no-browser", environment=traces.environment) as terminal:
        terminal.read_until(moment)
        terminal.press("\x03")
        assert terminal.end(within=10) == 130
    assert terminal.screen.splitlines()[-1].endswith("interrupted")
    assert "Traceback" not in terminal.screen
    traces.wait_until_gone()


def test_a_polite_kill_or_a_closed_terminal_leaves_nothing(traces: Traces) -> None:
    with (
        Terminal("demo", "--no-browser", environment=traces.environment) as killed,
        Terminal("demo", "--no-browser", environment=traces.environment) as closed,
    ):
        for terminal, number in ((killed, signal.SIGTERM), (closed, signal.SIGHUP)):
            terminal.read_until("Waiting until this one is old")
            terminal.process.send_signal(number)
            assert terminal.end(within=10) == 130
    traces.wait_until_gone()


def test_a_sudden_death_ends_the_server_too(traces: Traces) -> None:
    with Terminal("demo", "--no-browser", environment=traces.environment) as terminal:
        terminal.read_until("Waiting until this one is old")
        assert len(traces.processes()) == 2
        terminal.process.kill()
        terminal.end(within=10)
    deadline = time.monotonic() + 10
    while traces.processes():
        assert time.monotonic() < deadline, traces.processes()
        time.sleep(0.02)


def test_a_reader_who_has_gone_away_ends_it_quietly_and_leaves_nothing(traces: Traces) -> None:
    with subprocess.Popen(
        [*COMMAND, "demo"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **traces.environment},
    ) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        assert demo.stdout.readline().startswith(b"Starting a real MCP server")
        demo.stdout.close()
        assert demo.wait(20) == 1
        assert demo.stderr.read() == b""
    traces.wait_until_gone()


def test_without_the_official_package_it_says_what_to_install(traces: Traces, tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    absent.mkdir()
    (absent / "mcp.py").write_text("raise ModuleNotFoundError(\"No module named 'mcp'\", name='mcp')\n")
    done = run("demo", environment={**traces.environment, "PYTHONPATH": str(absent)})
    assert done.status == 1
    assert done.err == (
        "error: The demo's server needs the official MCP SDK, which is not installed.\n"
        "hint: Run: pip install 'mcp-oauth-sync[demo]'\n"
    )
    traces.wait_until_gone()


@pytest.mark.chromium
def test_in_a_terminal_the_persons_own_browser_is_used(traces: Traces, tmp_path: Path) -> None:
    chromium = Chromium(tmp_path)
    environment = {"DEMO_MARK": traces.mark, "BROWSER": chromium.browser_variable()}
    with Terminal("demo", environment=environment) as terminal:
        assert terminal.end() == 0  # and with it the browser, which writes to this terminal too
    visit = chromium.finish()
    assert (visit.title, visit.clicked, visit.failure) == ("You are signed in", True, None)
    assert terminal.screen.count("A browser window opens now.") == 2
    assert [act[0] for act in acts_of(terminal.screen)] == ACTS
    assert "[browser]" not in terminal.screen
    ours = [line for line in terminal.screen.splitlines() if line.startswith("   ")]
    assert [line for line in ours if len(line) > 80] == []

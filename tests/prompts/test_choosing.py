"""Who is asked when nobody said: the browser with somebody there, else nobody; real processes, real terminals."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
import types
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_oauth_sync import NoPrompt, NotebookPrompt, prompts
from mcp_oauth_sync.prompts import choose_prompt
from tests.servers import AuthorizationServer, McpServer, Person

from .wire import PATIENCE, ROOT, Terminal, accepts_connections, port_of, snapshot

PROGRAM = """
import sys, requests
from mcp_oauth_sync import OAuth
from mcp_oauth_sync.exceptions import OAuthError
try:
    answer = requests.post(sys.argv[1], json={}, auth=OAuth(sys.argv[1], name="notes"))
except OAuthError as error:
    print(type(error).__name__, error.hint)
else:
    print("status", answer.status_code, file=sys.stderr)
"""
ADDRESS = r"(?m)^  (http://127\.0\.0\.1:\d+/authorize\?\S+)\n"


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is there when a browser was opened, in this process or a child."""
    browser, record = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f"#!/bin/sh\ntouch {record}\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    return record


def run_alone(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python as a service would: no terminal anywhere."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        start_new_session=True,
        check=False,
    )


# Nobody there


def test_a_process_without_a_terminal_gets_an_error_with_the_command_and_never_a_browser(
    az: AuthorizationServer, mcp: McpServer, opened: Path, home: Path
) -> None:
    done = run_alone("-c", PROGRAM, mcp.mcp_url)
    assert done.stdout == f"SignInRequiredError Run: mcp-oauth-sync auth notes {mcp.mcp_url}\n"
    assert done.stderr == ""
    assert not opened.exists()
    assert az.log == []
    assert snapshot(home) == {}


def test_the_command_line_without_a_terminal_ends_with_a_status_of_its_own_and_never_opens_a_browser(
    az: AuthorizationServer, mcp: McpServer, opened: Path
) -> None:
    done = run_alone("-m", "mcp_oauth_sync", "auth", "notes", mcp.mcp_url)
    assert done.returncode == 3
    assert done.stdout == ""
    assert "nobody is there to ask" in done.stderr
    assert "in a terminal" in done.stderr
    assert not opened.exists()
    assert az.log == []


@pytest.mark.parametrize("stream", [None, types.SimpleNamespace(write=print)])
def test_missing_and_makeshift_streams_are_no_terminal(monkeypatch: pytest.MonkeyPatch, stream: object) -> None:
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(sys, name, stream)
    assert isinstance(choose_prompt(), NoPrompt)


def test_closed_streams_are_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stderr"):
        stream = io.StringIO()
        stream.close()
        monkeypatch.setattr(sys, name, stream)
    assert isinstance(choose_prompt(), NoPrompt)


# Somebody at a terminal


@pytest.mark.parametrize("only_errors", [False, True])
def test_at_a_terminal_the_address_is_shown_and_the_program_goes_on_after_the_answer(
    az: AuthorizationServer, mcp: McpServer, only_errors: bool
) -> None:
    with Terminal("-c", PROGRAM, mcp.mcp_url, environment=os.environ, only_errors=only_errors) as terminal:
        address = terminal.read_until(ADDRESS)
        person = Person()
        person(address)
        assert terminal.read_to_the_end().endswith("status 200\n")
    assert person.page is not None
    assert "You are signed in" in person.page.html
    assert f"Sign in to {mcp.mcp_url}\n" in terminal.text
    assert az.violations == mcp.violations == []


def test_at_a_terminal_the_browser_is_opened(mcp: McpServer, opened: Path) -> None:
    with Terminal("-c", PROGRAM, mcp.mcp_url, environment=os.environ) as terminal:
        Person()(terminal.read_until(ADDRESS))
        assert "A browser window opens now" in terminal.read_to_the_end()
        assert opened.exists()


def test_control_c_ends_the_command_at_once_without_a_traceback_and_frees_the_port(
    az: AuthorizationServer, mcp: McpServer, home: Path
) -> None:
    arguments = ("-m", "mcp_oauth_sync", "auth", "notes", mcp.mcp_url)
    with Terminal(*arguments, environment=os.environ) as terminal:
        query = parse_qs(urlsplit(terminal.read_until(ADDRESS)).query)
        port = port_of(query["redirect_uri"][0])
        assert accepts_connections(port)
        terminal.read_until("Ctrl-C (stops)")
        began = time.monotonic()
        terminal.press_control_c()
        text = terminal.read_to_the_end()
        assert time.monotonic() - began < 3
        assert terminal.process.returncode == 130
    assert text.endswith("interrupted\n")
    assert "Traceback" not in text
    assert not accepts_connections(port)
    assert az.requests("/token") == []
    assert b"access-" not in b"".join(snapshot(home).values())


def test_control_c_in_a_program_is_an_ordinary_keyboard_interrupt(az: AuthorizationServer, mcp: McpServer) -> None:
    with Terminal("-c", PROGRAM, mcp.mcp_url, environment=os.environ) as terminal:
        terminal.read_until(ADDRESS)
        terminal.read_until("Ctrl-C (stops)")
        began = time.monotonic()
        terminal.press_control_c()
        text = terminal.read_to_the_end()
        assert time.monotonic() - began < 3
    assert text.rstrip().endswith("KeyboardInterrupt")
    assert terminal.process.returncode == -2
    assert az.requests("/token") == []


# Somebody at a notebook


@pytest.mark.parametrize(
    ("answer", "somebody"),
    [(types.SimpleNamespace(kernel=object()), True), (types.SimpleNamespace(), False), (None, False)],
    ids=["a kernel", "a shell", "imported only"],
)
def test_only_a_kernel_is_a_notebook(monkeypatch: pytest.MonkeyPatch, answer: object, somebody: bool) -> None:
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(sys, name, None)
    fake = types.ModuleType("IPython")
    fake.get_ipython = lambda: answer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", fake)
    assert isinstance(choose_prompt(), NotebookPrompt if somebody else NoPrompt)


@pytest.mark.parametrize("module", [None, types.ModuleType("IPython")], ids=["blocked", "half imported"])
def test_an_unusable_ipython_is_no_notebook(monkeypatch: pytest.MonkeyPatch, module: types.ModuleType | None) -> None:
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(sys, name, None)
    monkeypatch.setitem(sys.modules, "IPython", module)
    assert isinstance(choose_prompt(), NoPrompt)


def test_a_notebook_at_a_terminal_is_asked_in_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = types.ModuleType("IPython")
    fake.get_ipython = lambda: types.SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setattr(prompts, "at_terminal", lambda: True)
    assert isinstance(choose_prompt(accept_bare_code=True), NotebookPrompt)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="CarrierPigeonPrompt"):
        _ = prompts.CarrierPigeonPrompt

"""What needs no server: help, version, wrong usage, wrong addresses, names nobody knows."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from mcp_oauth_sync import __version__
from mcp_oauth_sync.cli import main

from .kept import keep
from .terminal import Terminal, closed_pipe, files_below, run, run_here, run_into

COMMANDS = {
    "auth": (
        *("NAME", "URL", "--scopes", "--client-id", "--timeout", "--no-browser", "--accept-bare-code"),
        *("--port", "--host", "--bind", "--redirect-uri", "--start", "--finish"),
    ),
    "client-document": ("--url", "--check", "--ports", "--name", "--redirect-uri", "--host", "--output"),
    "tools": ("NAME", "[URL]", "--long", "--json"),
    "call": ("NAME", "TOOL", "[ARGUMENT ...]", "--url", "--json", "--output", "--timeout", "name=value", "@FILE"),
    "doctor": ("URL|NAME", "--offline", "--register", "--json", "--trace", "--assume-pkce", "--client-id"),
    "list": ("--json", "--profile"),
    "get": ("NAME", "--json", "--profile"),
    "status": ("[NAME]", "--json", "--profile"),
    "test": ("NAME", "--json", "--profile"),
    "token": ("NAME", "--json", "--show", "--profile"),
    "headers": ("NAME", "--method", "--url", "--json", "--show", "--profile"),
    "stores": ("--json",),
    "completion": ("bash, zsh, fish",),
    "logout": ("NAME", "--forget-client"),
    "clear": ("NAME",),
    "export": ("NAME", "--to", "--password-file", "--keep", "--output"),
    "import": ("[FILE]", "--name", "--password-file", "--replace"),
    "receive": ("NAME", "--show-key", "--replace"),
    "demo": ("--no-browser",),
}


def test_the_help_names_every_command_and_the_exit_statuses() -> None:
    done = run("--help", environment={"COLUMNS": "80"})
    assert (done.status, done.err) == (0, "")
    for command in COMMANDS:
        assert re.search(rf"\n    {command}\s", done.out)
    assert "0 done, 1 failed, 2 wrong usage, 3 a person has to sign in, 130 interrupted" in done.out
    assert [line for line in done.out.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_names_its_arguments(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = run_here(capsys, command, "--help")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"usage: mcp-oauth-sync {command} ")
    assert [argument for argument in (*COMMANDS[command], "--verbose") if argument not in done.out] == []
    assert re.search(r"^examples?:\n(.*\n)*?  .*mcp-oauth-sync ", done.out, re.MULTILINE)
    assert [line for line in done.out.splitlines() if len(line) > 80] == []


def test_the_version_is_printed() -> None:
    assert run("--version") == (0, f"mcp-oauth-sync {__version__}\n", "")


def test_the_installed_command_is_this_one() -> None:
    [found] = entry_points(group="console_scripts", name="mcp-oauth-sync")
    assert found.load() is main


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["--version"], ["auth", "--help"], ["call", "--help"], ["demo", "--help"]]
)
def test_help_and_version_wait_for_no_slow_import(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom mcp_oauth_sync.cli import main\n"
        f"assert main({arguments!r}) == 0\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTHON"))}
    done = subprocess.run([sys.executable, "-c", code], env=kept, capture_output=True, text=True, check=True)
    loaded = set(eval(done.stderr))
    assert "mcp_oauth_sync" in loaded
    slow = {
        "requests",
        "urllib3",
        "attr",
        "attrs",
        "cryptography",
        "filelock",
        "platformdirs",
        "ssl",
        "http",
        "asyncio",
        "rich",
    }
    assert loaded & slow == set()


def test_wrong_usage_ends_the_process_with_2() -> None:
    done = run("fly")
    assert (done.status, done.out) == (2, "")
    assert "invalid choice: 'fly'" in done.err
    with Terminal("fly") as terminal:
        assert terminal.end() == 2
    assert max(map(len, terminal.screen.splitlines())) <= 80
    assert "\nerror: argument COMMAND: invalid choice: 'fly'" in terminal.screen


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fly"], "invalid choice: 'fly'"),
        (["auth", "notes"], "the following arguments are required: URL"),
        (["auth"], "the following arguments are required: NAME, URL"),
        (["tools"], "the following arguments are required: NAME"),
        (["tools", "notes", "--json", "--long"], "not allowed with argument"),
        (["call", "notes"], "the following arguments are required: TOOL\n"),
        (["call", "notes", "echo", "--timeout", "0"], "a time is a number of seconds"),
        (["call", "notes", "echo", "a=b", "--fly"], "unrecognized arguments: --fly"),
        (["auth", "notes", "https://mcp.example.com/mcp", "--port", "65536"], "a port is a number from 0 to 65535"),
        (["auth", "notes", "https://mcp.example.com/mcp", "--port", "-1"], "a port is a number from 0 to 65535"),
        (["auth", "notes", "https://mcp.example.com/mcp", "--timeout", "0"], "a time is a number of seconds"),
        (["auth", "notes", "https://mcp.example.com/mcp", "--timeout", "nan"], "a time is a number of seconds"),
        (["auth", "notes", "https://mcp.example.com/mcp", "--timeout", "soon"], "a time is a number of seconds"),
        (["demo", "now"], "unrecognized arguments: now"),
    ],
)
def test_wrong_usage_ends_with_2_and_the_usage_on_standard_error(
    arguments: list[str], said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_here(capsys, *arguments)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("usage: mcp-oauth-sync ")
    assert said in done.err
    error, hint = done.err.splitlines()[-2:]
    assert error.startswith("error: ")
    words = arguments[:1] if arguments[0] in COMMANDS and "unrecognized" not in error else []
    assert hint == " ".join(["hint: Run: mcp-oauth-sync", *words, "--help"])
    assert "Traceback" not in done.err
    assert files_below(home) == {}


def test_a_wrong_address_ends_the_process_with_1_and_no_traceback(home: Path) -> None:
    done = run("auth", "notes", "http://example.com")
    assert (done.status, done.out) == (1, "")
    assert [line.split(":")[0] for line in done.err.splitlines()] == ["error", "hint"]
    assert files_below(home) == {}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://mcp.example.com/mcp", "it is not an absolute http or https URL"),
        ("http://example.com", "it is not https"),
        ("mcp.example.com", "it is not an absolute http or https URL"),
        ("https://user:word@mcp.example.com/", "it carries user information"),
        ("https://mcp.example.com/\x1b[31m", "it holds characters that do not belong in a URL"),
    ],
)
@pytest.mark.parametrize("command", ["auth", "tools"])
def test_a_wrong_address_is_refused_in_one_line_and_a_hint(
    command: str, url: str, why: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_here(capsys, command, "notes", url)
    assert (done.status, done.out) == (1, "")
    error, hint = done.err.splitlines()
    assert error.startswith("error: The MCP server URL ")
    assert error.endswith(f"is refused: {why}.")
    assert hint == "hint: Only https URLs, or http on this machine's loopback interface, are contacted or opened."
    assert "\x1b" not in done.err
    assert files_below(home) == {}


def test_the_tools_of_an_unknown_name_need_a_sign_in_first(home: Path) -> None:
    assert run("tools", "nobody") == (
        3,
        "",
        "error: There is no sign-in called 'nobody'.\nhint: Run: mcp-oauth-sync auth nobody URL\n",
    )
    assert files_below(home) == {}


def test_signing_out_of_an_unknown_name_changes_nothing(home: Path) -> None:
    assert run("logout", "nobody") == (0, "", "'nobody' is not signed in.\n")
    assert run("clear", "nobody") == (0, "", "There is no sign-in called 'nobody'.\n")
    assert [path for path in home.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("command", [["tools", ""], ["logout", ""], ["clear", ""]])
def test_an_empty_name_is_refused(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    done = run_here(capsys, *command)
    assert (done.status, done.out, done.err) == (1, "", "error: An entry needs a name that is not empty.\n")


@pytest.mark.parametrize(("unbuffered", "status"), [("", 1), ("1", 0)])
def test_a_reader_who_has_gone_away_ends_the_help_quietly(unbuffered: str, status: int) -> None:
    """Where nothing is held back, argparse itself overlooks that nobody reads."""
    pipe = closed_pipe()
    try:
        done = run_into(pipe, "--help", unbuffered=unbuffered)
    finally:
        os.close(pipe)
    assert (done.status, done.err) == (status, "")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["list"], 0),
        (["list", "--json"], 0),
        (["status"], 1),
        (["status", "--json"], 1),
        (["get", "fresh"], 0),
        (["get", "fresh", "--json"], 0),
        (["stores"], 0),
        (["stores", "--json"], 0),
        (["clear", "nobody"], 0),
        (["doctor", "fresh", "--offline"], 0),
        (["auth", "fresh", "https://mcp.example.com/mcp", "--finish"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_draws_tables_is_loaded_at_a_terminal_alone(
    arguments: list[str], status: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich" or name.endswith("cli.screen")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    keep()
    assert run_here(capsys, *arguments).status == status
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run_here(capsys, *arguments).status == status
    if arguments[-1] == "--json":
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        assert run_here(capsys, *arguments).status == status


@pytest.mark.parametrize("command", ["token", "headers"])
def test_a_secret_for_a_pipe_waits_for_no_table(command: str, tmp_path: Path) -> None:
    keep("endless")
    (tmp_path / "rich.py").write_text("raise ImportError('not now')\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with Terminal(command, "endless", environment={"PYTHONPATH": path}, out=True) as terminal:
        assert terminal.end() == 0
    assert (terminal.screen, terminal.output.count(b"\n")) == ("", 1)


def test_a_fresh_process_that_prints_into_a_pipe_never_loads_it() -> None:
    keep()
    lines = [["list"], ["status", "--json"], ["get", "fresh"], ["stores"], ["doctor", "fresh", "--offline"]]
    code = (
        "import sys\nfrom mcp_oauth_sync.cli import main\n"
        f"for words in {lines!r}:\n    main(words)\n"
        "sys.exit('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "Traceback" in done.stderr, done.stdout.count("fresh") > 1) == (0, False, True)

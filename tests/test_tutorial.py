"""The tutorial, done as it is written: programs saved and run against the demo's server, their output compared."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .blocks import DOCS, blocks
from .cli.terminal import Terminal, stand_in_browser
from .real.sdk import ServerProcess

PAGE = DOCS / "tutorial.rst"
SERVER = "http://127.0.0.1:8765"

pytestmark = pytest.mark.demo


@pytest.fixture
def server() -> Iterator[str]:
    """The demo's server; yields scheme, host and port."""
    process = ServerProcess()
    try:
        yield process.url.removesuffix("/mcp")
    finally:
        process.stop()


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder with the commands that the tutorial has installed."""
    folder = tmp_path / "commands"
    folder.mkdir()
    python = shlex.quote(sys.executable)
    for name, target in {"python": python, "mcp-oauth-sync": f"{python} -m mcp_oauth_sync"}.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {target} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


def names_of_programs() -> list[str]:
    """Return what the tutorial says to save each program as, in order."""
    return re.findall(r"[Ss]ave this as\s+``(\w+\.py)``", PAGE.read_text(encoding="utf-8"))


def test_the_tutorial_works_as_it_is_written(
    server: str, commands: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(commands), prepend=":")
    variable, opened = stand_in_browser(tmp_path, "allow")
    names, said, ran = iter(names_of_programs()), "", 0
    for block in blocks(PAGE, "python", "sh", "text"):
        if block.reason is not None:
            continue
        here = block.code.replace(SERVER, server)
        if "python" in block.languages:
            (tmp_path / next(names)).write_text(here)
        elif "sh" in block.languages:
            environment = {"BROWSER": variable, "NO_COLOR": "1"}
            apart = " tools " not in here  # what asks for a sign-in is not shown with its output
            with Terminal(
                program=["/bin/sh", "-c", here], environment=environment, out=apart, cwd=tmp_path
            ) as terminal:
                assert terminal.end() == 0, terminal.screen + terminal.output.decode()
            said = terminal.output.decode() if apart else terminal.screen
            said, ran = said.replace(server, SERVER), ran + 1
        else:
            assert [line.rstrip() for line in said.splitlines()] == block.code.splitlines()
    assert next(names, None) is None
    assert ran == 7
    assert len(opened.read_text().splitlines()) == 2


def test_only_what_the_tests_have_done_already_is_left_out() -> None:
    assert [block.reason for block in blocks(PAGE) if block.reason is not None] == [
        "the tests have installed it already",
        "the tests have started it already",
    ]

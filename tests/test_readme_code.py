"""The README's code runs: block after block in a fresh interpreter, with a person at a terminal and a browser.

The example server is replaced by a scripted one. A block that cannot be run says why in a comment above it
(``.. not run: reason``); how many there are is asserted here. What the demo printed is compared with a demo by
``tests/cli/test_demo.py``, the tree of errors with the errors by ``tests/test_readme.py``.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import AuthorizationServer, McpServer, speech

from .blocks import DOCS, EXAMPLE, ROOT, at, blocks, run_python, runnable
from .cli.terminal import Terminal, stand_in_browser

README = ROOT / "README.rst"
NOT_RUN = 0
SHOWN_ELSEWHERE = 2
SEARCH = {
    "name": "search",
    "description": "Find a note.",
    "inputSchema": {"type": "object", "properties": {"query": {"type": "string"}}},
}
FIRST_LINES = [
    "echo Say it again.",
    "whoami Say who asks.",
    "write_note Keep a note.",
    "search Find a note.",
    '{"query": "roadmap"}',
]


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[AuthorizationServer, McpServer]]:
    monkeypatch.setattr(speech, "TOOLS", [*speech.TOOLS, SEARCH])
    with AuthorizationServer() as az, McpServer(az) as mcp:
        yield az, mcp
        assert az.violations == []
        assert mcp.violations == []


@pytest.mark.parametrize(
    ("page", "printed"),
    [(README, [FIRST_LINES, ["200"]]), (DOCS / "index.rst", [["200"]])],
    ids=["README.rst", "docs/index.rst"],
)
def test_every_python_block_runs_after_those_before_it(
    servers: tuple[AuthorizationServer, McpServer], tmp_path: Path, page: Path, printed: list[list[str]]
) -> None:
    az, mcp = servers
    ran = run_python(runnable(page), tmp_path, replaced=at(mcp.url))
    assert ran.printed[: len(printed)] == printed
    assert ran.opened[0].startswith(az.endpoint("authorize"))
    assert az.exchanges == len(ran.opened)


def test_every_command_of_ours_runs_after_those_before_it(
    servers: tuple[AuthorizationServer, McpServer], tmp_path: Path
) -> None:
    mcp = servers[1]
    variable, opened = stand_in_browser(tmp_path, "allow")
    found = blocks(README, "sh")
    lines = [line for block in found for line in block.code.splitlines() if line.startswith("mcp-oauth-sync ")]
    assert lines
    for line in lines:
        arguments = shlex.split(line.replace(EXAMPLE, mcp.url), comments=True)[1:]
        with Terminal(*arguments, environment={"BROWSER": variable}, cwd=tmp_path) as terminal:
            assert terminal.end() == 0, terminal.screen
    assert len(opened.read_text().splitlines()) == sum(line.split()[1] == "auth" for line in lines)


def test_a_block_that_is_not_run_says_why_and_there_are_no_more_than_known() -> None:
    reasons = [block.reason for block in blocks(README, "python", "sh") if block.reason is not None]
    assert all(reasons)
    assert len(reasons) == NOT_RUN


def test_every_code_block_names_a_language_that_is_run() -> None:
    found = blocks(README)
    assert found
    rest = [block for block in found if not {"python", "sh"} & block.languages]
    assert [block.languages for block in rest] == [{"text"}] * SHOWN_ELSEWHERE

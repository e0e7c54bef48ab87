"""The README's code runs: block after block in a fresh interpreter, with a person at a terminal and a browser.

The example server is replaced by a scripted one. A block that cannot be run says why in a comment above it
(``.. not run: reason``); how many there are is asserted here.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from tests.servers import AuthorizationServer, McpServer

from .cli.terminal import Terminal, stand_in_browser

README = Path(__file__).resolve().parents[1] / "README.rst"
EXAMPLE = "https://mcp.example.com"
NOT_RUN = 0
# Each block is a file of its own to the interpreter, and sees what those before it have named.
RUNNER = """
import json, sys
names = {"__name__": "__main__"}
for number, block in enumerate(json.load(open(sys.argv[1])), 1):
    print("block", number, flush=True)
    exec(compile(block, f"README block {number}", "exec"), names)
print("the end", flush=True)
"""


def blocks(language: str) -> list[tuple[str, str | None]]:
    """Return the code blocks in a language, each with the reason why it is not run."""
    document = publish_doctree(README.read_text(encoding="utf-8"), settings_overrides={"report_level": 5})
    found = []
    for block in document.findall(nodes.literal_block):
        if language in block["classes"]:
            place = block.parent.index(block)
            before = block.parent[place - 1] if place else None
            said = before.astext() if isinstance(before, nodes.comment) else ""
            found.append(
                (block.astext(), said.removeprefix("not run:").strip() if said.startswith("not run:") else None)
            )
    return found


@pytest.fixture
def servers() -> Iterator[tuple[AuthorizationServer, McpServer]]:
    with AuthorizationServer() as az, McpServer(az) as mcp:
        yield az, mcp
        assert az.violations == []
        assert mcp.violations == []


def test_every_python_block_runs_after_those_before_it(
    servers: tuple[AuthorizationServer, McpServer], tmp_path: Path
) -> None:
    az, mcp = servers
    program, code = tmp_path / "runner.py", tmp_path / "blocks.json"
    program.write_text(RUNNER)
    runnable = [block for block, reason in blocks("python") if reason is None]
    ours = {EXAMPLE: mcp.url, EXAMPLE.replace("http", "ws"): mcp.url.replace("http", "ws")}
    for example, address in ours.items():
        runnable = [block.replace(example, address) for block in runnable]
    code.write_text(json.dumps(runnable))
    variable, opened = stand_in_browser(tmp_path, "allow")
    python = [sys.executable, str(program), str(code)]
    with Terminal(program=python, environment={"BROWSER": variable}, out=True, cwd=tmp_path) as terminal:
        status = terminal.end()
    printed = terminal.output.decode().splitlines()
    assert (status, printed[-1]) == (0, "the end"), terminal.screen
    assert [line for line in printed if line.startswith("block ")] == [f"block {n + 1}" for n in range(len(runnable))]
    assert printed[:2] == ["block 1", "200"]
    first = opened.read_text().splitlines()[0]
    assert first.startswith(az.endpoint("authorize"))
    assert az.exchanges == len(opened.read_text().splitlines())


def test_every_command_of_ours_runs_after_those_before_it(
    servers: tuple[AuthorizationServer, McpServer], tmp_path: Path
) -> None:
    mcp = servers[1]
    variable, opened = stand_in_browser(tmp_path, "allow")
    lines = [line for block, _ in blocks("sh") for line in block.splitlines() if line.startswith("mcp-oauth-sync ")]
    assert lines
    for line in lines:
        arguments = shlex.split(line.replace(EXAMPLE, mcp.url))[1:]
        with Terminal(*arguments, environment={"BROWSER": variable}, cwd=tmp_path) as terminal:
            assert terminal.end() == 0, terminal.screen
    assert len(opened.read_text().splitlines()) == sum(line.split()[1] == "auth" for line in lines)


def test_a_block_that_is_not_run_says_why_and_there_are_no_more_than_known() -> None:
    reasons = [reason for language in ("python", "sh") for _, reason in blocks(language) if reason is not None]
    assert all(reasons)
    assert len(reasons) == NOT_RUN


def test_every_code_block_names_a_language_that_is_run() -> None:
    document = publish_doctree(README.read_text(encoding="utf-8"), settings_overrides={"report_level": 5})
    languages = [block["classes"] for block in document.findall(nodes.literal_block)]
    assert languages
    assert [found for found in languages if not {"python", "sh"} & set(found)] == []

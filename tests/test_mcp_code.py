"""The code in docs/mcp.rst runs: block after block, with the official SDK's server behind OAuth in the example's place.

A block that cannot be run says why in a comment above it (``.. not run: reason``).
"""

from __future__ import annotations

import json
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_oauth_sync import MCPSession

from .blocks import DOCS, at, blocks, run_python, runnable
from .cli.terminal import Terminal
from .real.sdk_features import SdkFeatures, sdk_features
from .real.sdk_tools import PIXEL
from .scene import Scene

__all__ = ["sdk_features"]

pytestmark = pytest.mark.demo
PAGE = DOCS / "mcp.rst"
WAITS = "Hearing of changes"


@pytest.fixture
def scene(sdk_features: SdkFeatures) -> Iterator[Scene]:
    with Scene(upstream=sdk_features.mcp_url) as made:
        yield made


def test_every_python_block_runs_after_those_before_it(scene: Scene, tmp_path: Path) -> None:
    typed = [("Title: ", "Roadmap\r"), ("Author: ", "Ben\r")]
    [waits] = runnable(PAGE, section=WAITS)
    others = [block for block in runnable(PAGE) if block != waits]
    ran = run_python(others, tmp_path, replaced=at(scene.mcp.url), typed=typed)
    listed, fails, asks, logs, own = ran.printed
    assert "echo Give back what it got." in listed
    assert listed[-3:] == ["1/2 reading", "2/2 found", "A page about the roadmap."]
    assert fails == logs == []
    assert asks[-1].endswith("Roadmap, by Ben")
    assert own[0].startswith("{'jsonrpc': '2.0', 'id': 1, 'result': {")
    assert len(ran.opened) == scene.az.exchanges == 2  # one sign-in by the URL, one by name


def test_the_block_that_waits_for_changes_hears_of_one(scene: Scene, tmp_path: Path) -> None:
    scene.oauth().sign_in()
    heard = threading.Event()

    def touch() -> None:
        with MCPSession(scene.url) as mcp:
            while not heard.wait(0.1):
                mcp.call_tool("touch", {"uri": "file:///project/config.json"})

    def listen(terminal: Terminal) -> None:
        terminal.read_until(r"notifications/\S+", output=True)
        heard.set()

    left = {"print(change.method, change.uri)": "print(change.method, change.uri)\n            break"}
    other = threading.Thread(target=touch)
    other.start()
    try:
        ran = run_python(runnable(PAGE, section=WAITS), tmp_path, replaced={**at(scene.mcp.url), **left}, follow=listen)
    finally:
        heard.set()
        other.join()
    [[said]] = ran.printed
    assert said in (
        "notifications/tools/list_changed None",
        "notifications/resources/updated file:///project/config.json",
    )


def test_every_command_runs(scene: Scene, tmp_path: Path) -> None:
    scene.oauth(name="example").sign_in()
    found = [line for block in blocks(PAGE, "sh") for line in block.code.splitlines()]
    ended = []
    for line in found:
        program, *arguments = shlex.split(line)
        assert program == "mcp-oauth-sync"
        with Terminal(*arguments, cwd=tmp_path, out=True) as terminal:
            assert terminal.end() == 0, terminal.screen
        ended.append(terminal.output.decode())
    assert "    query (string, required)\n" in ended[0]
    assert ended[1:3] == ["A page about the roadmap.\n", "counted to 2\n"]
    assert json.loads(ended[3])["content"][0]["text"] == "A page about the roadmap."
    assert (tmp_path / "picture.png").read_bytes() == PIXEL


def test_every_block_is_run() -> None:
    assert [(block.section, block.reason) for block in blocks(PAGE) if block.reason is not None] == []
    assert {language for block in blocks(PAGE) for language in block.languages} == {"python", "sh"}

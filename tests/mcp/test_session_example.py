"""The example of a session runs as it stands: with the demo's server in both eras, and with one that has everything."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.terminal import OBEYED, Terminal, stand_in_browser
from tests.real.sdk_features import SdkFeatures, sdk_features
from tests.scene import Scene

__all__ = ["sdk_features"]

pytestmark = pytest.mark.demo
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "mcp_session.py"


def example(*arguments: str, folder: Path) -> Terminal:
    variable, _ = stand_in_browser(folder, "allow")
    return Terminal(
        *arguments, program=[sys.executable, str(EXAMPLE)], environment={"BROWSER": variable}, cwd=folder, out=True
    )


def test_it_calls_the_demos_server_in_both_eras(tmp_path: Path) -> None:
    with example(folder=tmp_path) as terminal:
        assert terminal.end() == 0, terminal.screen
    printed = terminal.output.decode().splitlines()
    assert [line for line in printed if "speaks" in line] == [
        "Demo notes speaks MCP 2026-07-28 and offers:",
        "Demo notes speaks MCP 2025-11-25 and offers:",
    ]
    assert "- whoami: Tell who you are here and what this program may do." in printed
    assert "Noted as number 4." in printed
    assert "4. Noted by a program." in printed


@pytest.mark.parametrize(
    ("tool", "arguments", "status", "said"),
    [
        ("count", '{"steps": 2}', 0, "counted to 2"),
        ("fail", "{}", 1, "the tool ran, and failed: The tool failed: Error executing tool fail: the shop is closed."),
        ("refuse", "{}", 1, "the server did not run the tool (code -32050): The server answered: refused."),
    ],
)
def test_it_signs_in_calls_a_tool_and_tells_failures_apart(
    sdk_features: SdkFeatures, tmp_path: Path, tool: str, arguments: str, status: int, said: str
) -> None:
    with Scene(upstream=sdk_features.mcp_url) as scene:
        with example(scene.url, tool, arguments, folder=tmp_path) as terminal:
            assert terminal.end() == status, terminal.screen
        assert scene.az.exchanges == 1
    assert terminal.output.decode().splitlines()[-1] == said
    if tool == "count":
        assert terminal.screen.endswith("... 1/2 step 1\n... 2/2 step 2\n")


def test_it_asks_what_the_server_wants_to_know(sdk_features: SdkFeatures, tmp_path: Path) -> None:
    with example(sdk_features.mcp_url, "book", folder=tmp_path) as terminal:
        for question, keys in [
            (r"Agree\? \[y/N\] $", "y"),
            (r"Name \(string\): $", "Ada"),
            (r"Nights \(integer\): $", "many"),
            (r"Nights \(integer\): Nights \(integer\): $", "2"),
            (r"Breakfast \(boolean\): $", ""),
            (r"Room \(string\): $", "double"),
        ]:
            terminal.read_until(question, output=True)
            terminal.press(f"{keys}\r")
        assert terminal.end() == 0
    assert terminal.output.decode().endswith('{"name":"Ada","nights":2,"breakfast":true,"room":"double"}\n')
    assert OBEYED.findall(terminal.screen) == []


def test_a_page_is_opened_by_the_person_or_declined(sdk_features: SdkFeatures, tmp_path: Path) -> None:
    for answers, said in ((("y", ""), "accept, asked"), (("n",), "decline, asked")):
        with example(sdk_features.mcp_url, "pay", folder=tmp_path) as terminal:
            for question, keys in zip((r"Agree\? \[y/N\] $", "when you are done: $"), answers, strict=False):
                terminal.read_until(question, output=True)
                terminal.press(f"{keys}\r")
            assert terminal.end() == 0
        assert terminal.output.decode().endswith(f"{said}\n")
        assert "It is on the host:\n  example.com\n" in terminal.screen

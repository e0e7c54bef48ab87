"""A real browser and a terminal that wait for the same answer: the browser wins, and the terminal is as it was."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.servers import AuthorizationServer, McpServer

from .chromium import Chromium

pytestmark = pytest.mark.chromium

PROGRAM = """
import sys, threading
from mcp_oauth_sync import BrowserPrompt, OAuth
OAuth(sys.argv[1], prompt=BrowserPrompt()).sign_in()
print("threads:", sorted(thread.name for thread in threading.enumerate() if "browser" not in thread.name))
print("heard:", repr(input("your name? ")))
"""


def test_the_browser_wins_while_the_terminal_is_read(tmp_path: Path) -> None:
    chromium = Chromium(tmp_path)
    environment = {"BROWSER": chromium.browser_variable()}
    with AuthorizationServer() as az, McpServer(az) as mcp:
        az.auto_consent = False
        program = [sys.executable, "-c", PROGRAM]
        with Terminal(mcp.mcp_url, program=program, environment=environment) as terminal:
            before = terminal.settings
            terminal.read_until("What you paste is not shown")
            assert terminal.settings != before
            terminal.press("half an addr")
            terminal.read_until("your name")
            assert terminal.settings == before
            terminal.press("Ada\r")
            assert terminal.end() == 0
        visit = chromium.finish()
        assert az.exchanges == 1
        assert az.violations == mcp.violations == []
    assert "threads: ['MainThread']" in terminal.screen
    assert "heard: 'Ada'" in terminal.screen
    assert visit.clicked
    assert "You are signed in" in visit.text

"""``mcp-oauth-sync demo``: a real server, a real sign-in, and what happens at each step."""

from __future__ import annotations

import argparse
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import requests

from .. import OAuth, TokenManager
from ..mcp.session import MCPSession
from ..prompts import Prompt
from ..prompts.browser import BrowserPrompt
from ..stores.places import HOME_VARIABLE
from .demo_stage import Announced, PlayedPerson, Recorder, demo_server
from .output import data, wrapped

#: Lifetime of the demo's access tokens in seconds: short, so that one expires while you watch.
ACCESS_TTL = 5
_INDENT = "     "


def run(options: argparse.Namespace) -> int:
    """Run the demo in a temporary folder that is removed afterwards, however it ends."""
    _end_tidily()
    played = options.no_browser or PlayedPerson.needed()
    with tempfile.TemporaryDirectory(prefix="mcp-oauth-sync-demo-") as home:
        data("Starting a real MCP server with OAuth, the official SDK's, on this computer ...")
        with demo_server(access_ttl=ACCESS_TTL) as url:
            _Demo(url, Path(home), played=played).run()
    data("\nThat was all. The server is stopped and the files are removed. With a real one:\n")
    data("   mcp-oauth-sync auth notion https://mcp.notion.com/mcp")
    data("   mcp-oauth-sync tools notion")
    return 0


def _end_tidily() -> None:
    """Let a closed terminal or a polite kill end the demo as Ctrl-C does: with everything removed."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        main_thread = threading.current_thread() is threading.main_thread()
        if number is not None and main_thread and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


class _Demo:
    """The acts of the demo."""

    def __init__(self, url: str, home: Path, *, played: bool) -> None:
        self.url, self.home, self.played = url, home, played
        self.act = 0
        self.before_asking = ""
        self.session = requests.Session()
        self.session.trust_env = False  # everything is on this computer: no proxy
        self.session.mount("http://", Recorder(lambda line: data(f"{_INDENT}> {line}")))
        self.person = PlayedPerson(lambda seen: data(f"{_INDENT}[browser] {seen}"))
        asking: Prompt = self.person if played else BrowserPrompt(output=sys.stdout)
        self.auth = OAuth(
            url,
            name="demo",
            token_manager=TokenManager(token_dir=home),
            prompt=Announced(asking, self._announce),
            session=self.session,
        )
        self.session.auth = self.auth
        self.mcp = MCPSession(url, session=self.session)

    def run(self) -> None:
        """Play every act."""
        data(f"It listens on {self.url} and answers nobody without a token.\n")
        data("What follows is a plain requests program. All it took is its second line:\n")
        data("   session = requests.Session()")
        data(f'   session.auth = OAuth("{self.url}")')
        data('\nLines with ">" are the requests that really go out, and the status they get.')
        with self.session, self.person if self.played else nullcontext():
            self.first_call()
            self.second_call()
            self.expiry()
            self.step_up()
            self.other_process()
            self.sign_out()

    def first_call(self) -> None:
        """Sign in by calling the server."""
        self._title("The first call signs you in")
        self._say(
            "The program calls the server, knowing nothing but its address. The library finds out who gives out "
            "tokens for it, and makes this program known there:"
        )
        self.before_asking = "Only a person can allow the rest, so now it asks you, this once."
        if self.played:
            self.before_asking += " No browser can be opened from here: the demo plays you, through the same page."
        tools = list(self.mcp.list_tools())
        self._say(f"That is the answer to the first call: this server has {len(tools)} tools.")
        for tool in tools:
            first_line = (tool.description or "").partition("\n")[0]
            data(wrapped(f"{tool.name:<12} {first_line}", _INDENT, hanging=13))

    def second_call(self) -> None:
        """Call again, with the token at hand."""
        self._title("Every later call just works")
        self._say("The token goes along with the call, and nothing else is sent:")
        self._tool("list_notes", {})

    def expiry(self) -> None:
        """Let the token expire, and call."""
        self._title("The token expires, and you notice nothing")
        tokens = self.auth.tokens
        if tokens is not None:
            self._say(
                f"This server's access tokens live {tokens.expires_in:.0f} seconds. Waiting until this one is old ..."
            )
            while not tokens.is_expired():
                time.sleep(0.05)
        self._say("The next call renews it first, with one request and without you:")
        self._tool("whoami", {})

    def step_up(self) -> None:
        """Call what needs another scope."""
        self._title("A tool needs one more permission")
        self._say("You have not allowed this program to write notes, so the server refuses and names what is missing:")
        self.before_asking = (
            "It asks you for the new permission; what you allowed before stays. (This server ties permissions to "
            "the registration, so the program had to register once more.)"
        )
        self._tool("add_note", {"text": "Hello from the demo."})

    def other_process(self) -> None:
        """Let another process use the sign-in."""
        self._title("Another program needs no sign-in")
        self._say("The sign-in is kept in files, encrypted and readable by you alone:")
        for path in sorted(self.home.iterdir()):
            if path.suffix in (".enc", ".key"):
                data(f"{_INDENT}{stat.filemode(path.stat().st_mode)}  {path.name}")
        self._say("So a new process starts signed in:")
        data(f"{_INDENT}$ mcp-oauth-sync tools demo")
        here = {HOME_VARIABLE: str(self.home), "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(
            [sys.executable, "-m", "mcp_oauth_sync", "tools", "demo"],
            env={**os.environ, **here},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=60,
            check=False,
        )
        for line in (done.stdout or done.stderr).splitlines():
            name, _, said = line.partition("  ")
            data(wrapped(f"{name:<12} {said}", _INDENT, hanging=13))

    def sign_out(self) -> None:
        """Revoke and remove."""
        self._title("Signing out")
        self._say("session.auth.sign_out() revokes both tokens at the server and removes them here:")
        confirmed = self.auth.sign_out()
        self._say("The server confirmed it." if confirmed else "The server did not confirm it.")

    def _tool(self, name: str, arguments: dict[str, Any]) -> None:
        for line in self.mcp.call_tool(name, arguments).text.splitlines():
            data(wrapped(line, f"{_INDENT}| ", hanging=3 if line[:1].isdigit() else 0))

    def _announce(self) -> None:
        self._say(self.before_asking)
        if not self.played:
            data("")

    def _title(self, text: str) -> None:
        self.act += 1
        data(f"\n{self.act}. {text}")

    def _say(self, text: str) -> None:
        data(wrapped(text, "   "))

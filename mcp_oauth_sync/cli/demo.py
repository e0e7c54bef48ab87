"""``mcp-oauth-sync demo``: a real server, a real sign-in, and what happens at each step."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import requests

from .. import OAuth, TokenManager
from ..mcp.calls import MCPCalls
from ..prompts import Prompt, somebody_there
from ..prompts.browser import BrowserPrompt, browser_at_hand
from ..stores.factory import HOME_VARIABLE
from .demo_stage import PlayedPerson, Recorder, demo_server
from .output import data, wrapped

#: Lifetime of the demo's access tokens in seconds: short, so that one expires while you watch.
ACCESS_TTL = 10


def run(options: argparse.Namespace) -> int:
    """Run the demo in a temporary folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="mcp-oauth-sync-demo-") as home:
        data("Starting a real MCP server with OAuth on this computer (the official SDK's) ...")
        with demo_server(access_ttl=ACCESS_TTL) as url:
            _Demo(url, Path(home), played=options.no_browser or not (somebody_there() and browser_at_hand())).run()
    data("\nThat was all of it. The server is stopped and the temporary store is removed.")
    return 0


class _Demo:
    """The acts of the demo."""

    def __init__(self, url: str, home: Path, *, played: bool) -> None:
        self.url, self.home, self.played = url, home, played
        self.act = 0
        self.recorder = Recorder()
        self.session = requests.Session()
        self.session.trust_env = False  # everything is on this computer: no proxy
        self.session.mount("http://", self.recorder)
        self.prompt: Prompt = PlayedPerson(self._page) if played else BrowserPrompt(output=sys.stdout)
        manager = TokenManager(token_dir=home)
        self.auth = OAuth(url, name="demo", token_manager=manager, prompt=self.prompt, session=self.session)
        self.session.auth = self.auth
        self.mcp = MCPCalls(url, self.session)

    def run(self) -> None:
        data(f"It listens on {self.url} and answers nobody without a token.")
        with self.session:
            self.first_call()
            self.second_call()
            self.expiry()
            self.step_up()
            self.other_process()
            self.sign_out()

    def first_call(self) -> None:
        self._title("The first call signs you in")
        self._say(
            "The program lists the server's tools. The server answers 401; the library finds its authorization "
            "server, registers this program there, and asks you."
        )
        if self.played:
            self._say("No browser can be opened from here, so the demo plays the person, through the same page.")
        tools = self._watched(self.mcp.list_tools)
        self._say(f"You allowed it once. The answer is there, {len(tools)} tools:")
        for tool in tools:
            data(f"     {tool['name']:<12} {str(tool.get('description', '')).splitlines()[0]}")

    def second_call(self) -> None:
        self._title("Every later call just works")
        self._say("The token is put on the request; nothing else goes over the wire.")
        self._tool("list_notes", {})

    def expiry(self) -> None:
        self._title("The access token expires")
        tokens = self.auth.tokens
        if tokens is not None:
            self._say(f"This server's tokens live {tokens.expires_in:.0f} seconds. Waiting until this one is old ...")
            while not tokens.is_expired():
                time.sleep(0.1)
        self._say("The next call renews it first, in one request, without you:")
        self._tool("whoami", {})

    def step_up(self) -> None:
        self._title("A tool needs one more permission")
        self._say(
            "Writing a note needs the scope notes:write. The server answers 403 and names it; the library asks you "
            "for exactly that, keeps what you had, and repeats the call."
        )
        self._tool("add_note", {"text": "Hello from the demo."})

    def other_process(self) -> None:
        self._title("Another process needs no sign-in")
        self._say("The sign-in is kept encrypted on disk. A new process takes it from there:")
        data("     $ mcp-oauth-sync tools demo")
        environment = {**os.environ, HOME_VARIABLE: str(self.home), "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "mcp_oauth_sync", "tools", "demo"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        for line in (done.stdout or done.stderr).splitlines():
            data(f"     {line}")
        names = sorted(path.name for path in self.home.iterdir() if path.suffix in (".enc", ".key"))
        self._say(f"On disk, readable by you alone (mode 0600): {', '.join(names)}.")

    def sign_out(self) -> None:
        self._title("Signing out")
        self._say("Both tokens are revoked at the server, the refresh token first, and removed here.")
        confirmed = self._watched(self.auth.sign_out)
        self._say("The server confirmed it." if confirmed else "The server did not confirm it.")

    def _tool(self, name: str, arguments: dict[str, Any]) -> None:
        result = self._watched(lambda: self.mcp.call_tool(name, arguments))
        for part in result.get("content", []):
            for line in str(part.get("text", "")).splitlines():
                data(wrapped(line, "     | "))

    def _watched(self, work: Callable[[], Any]) -> Any:
        """Do some work, then show every request it made."""
        self.recorder.take()
        with self._person():
            result = work()
        for exchange in self.recorder.take():
            data(f"     > {exchange.line()}")
        return result

    def _person(self) -> AbstractContextManager[object]:
        return _Joined(self.prompt) if isinstance(self.prompt, PlayedPerson) else nullcontext()

    def _page(self, heading: str) -> None:
        data(f"     [browser] {heading}")
        data("     [browser] Allow is pressed.")

    def _title(self, text: str) -> None:
        self.act += 1
        data(f"\n{self.act}. {text}")

    def _say(self, text: str) -> None:
        data(wrapped(text, "   "))


class _Joined(AbstractContextManager["_Joined"]):
    """Waits for the played person to close the browser."""

    def __init__(self, person: PlayedPerson) -> None:
        self.person = person

    def __exit__(self, *_: object) -> None:
        self.person.join()

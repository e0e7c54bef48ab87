"""The demo's stage: the server as a child process, a person who can be played, and a record of what was sent."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import attrs
import requests
from requests.adapters import HTTPAdapter

from ..exceptions import OAuthError
from ..prompts import Listener, Prompt
from ..prompts.loopback import loopback_listener

#: Seconds for the server to come up.
STARTUP = 30.0


@contextmanager
def demo_server(*, access_ttl: int) -> Iterator[str]:
    """Run the demo's server as a child process and yield the URL of its MCP endpoint.

    Args:
        access_ttl: Lifetime of its access tokens in seconds.

    Raises:
        OAuthError: It did not start.
    """
    command = [sys.executable, "-m", "mcp_oauth_sync.cli.demo_server", "0", "--access-ttl", str(access_ttl)]
    # Its standard input is a pipe that closes when this process ends, however it ends: then the server ends too.
    with subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        watchdog = threading.Timer(STARTUP, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None and process.stderr is not None  # noqa: S101  (both are pipes)
            ready = process.stdout.readline().split()
            watchdog.cancel()
            if len(ready) != 2 or ready[0] != "READY":
                raise _did_not_start(process.stderr.read())
            yield ready[1]
        finally:
            watchdog.cancel()
            process.terminate()


def _did_not_start(said: str) -> OAuthError:
    if "No module named" in said:
        return OAuthError(
            "The demo's server needs the official MCP SDK, which is not installed.",
            hint="Run: pip install 'mcp-oauth-sync[demo]'",
        )
    last = said.strip().splitlines()[-1:] or ["it said nothing"]
    return OAuthError(f"The demo's server did not start: {last[0]}")


@attrs.frozen
class Exchange:
    """One request and its answer, as the demo shows it."""

    method: str
    url: str
    status: int
    grant: str | None = None

    def line(self) -> str:
        """Return it as one line."""
        path = urlsplit(self.url).path
        what = f"{self.method} {path}" + (f"  ({self.grant})" if self.grant else "")
        return f"{what:<56} {self.status}"


class Recorder(HTTPAdapter):
    """A requests adapter that notes every exchange: what it shows is what was sent."""

    def __init__(self) -> None:
        """Start with nothing noted."""
        super().__init__()
        self.exchanges: list[Exchange] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request and note it."""
        response = super().send(request, *args, **kwargs)
        body = request.body if isinstance(request.body, bytes) else b""
        grant = parse_qs(body.decode("utf-8", "replace")).get("grant_type", [None])[0]
        self.exchanges.append(Exchange(request.method or "", request.url or "", response.status_code, grant))
        return response

    def take(self) -> list[Exchange]:
        """Return what was noted since the last time."""
        taken, self.exchanges = self.exchanges, []
        return taken


class PlayedPerson(Prompt):
    """Plays the person where nobody can: opens the link, reads the consent page, presses Allow.

    It goes through the same page and the same redirect as a person in a browser.

    Args:
        tell: Called with what the person sees on the page.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        """Tell what happens to ``tell``."""
        self._tell = tell
        self._thread: threading.Thread | None = None

    def listen(self, redirect_uri: str, *, state: str, exact: bool = False) -> AbstractContextManager[Listener]:
        """Listen on the loopback interface, as for a real browser."""
        return loopback_listener(redirect_uri, state=state, exact=exact)

    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """Walk through the pages in a thread, as a browser would beside the program."""
        self._thread = threading.Thread(target=self._walk, args=(url,), name="played person", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the person has closed the browser."""
        if self._thread is not None:
            self._thread.join(10)

    def _walk(self, url: str) -> None:
        with requests.Session() as browser:
            browser.trust_env = False  # everything is on this computer: no proxy
            page = browser.get(url, timeout=10)
            form = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
            title = re.search(r"<h1[^>]*>(.*?)</h1>", page.text, re.DOTALL)
            shown = unescape(re.sub(r"<[^>]+>", "", title.group(1))) if title else "a consent page"
            self._tell(" ".join(shown.split()))
            target = urljoin(page.url, _form_action(page.text))
            answer = {name: unescape(value) for name, value in form.items()} | {"decision": "allow"}
            browser.post(target, data=answer, timeout=10)


def _form_action(page: str) -> str:
    action = re.search(r'<form[^>]*\baction="([^"]+)"', page)
    return unescape(action.group(1)) if action else ""

"""Cells that need a sign-in, and the persons in front of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import requests

from tests.servers import McpServer, Person

from .kernel import Kernel, Ran
from .wire import PATIENCE

CALL = """
import requests
from mcp_oauth_sync import OAuth
print("before")
print("status", requests.post({url!r}, json={{}}, auth=OAuth({url!r}, name="notes"{options})).status_code)
"""
#: The cell that comes next: it would be hit by an interrupt that was meant for the one before.
NEXT = """
import signal, threading, time
for _ in range(20):
    time.sleep(0.005)
print([thread.name for thread in threading.enumerate() if thread.name.startswith("mcp-oauth-sync")])
stops, resizes = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGWINCH)
print(stops is signal.default_int_handler, resizes == signal.SIG_DFL)
"""
UNTOUCHED = "[]\nTrue True\n"
IN_THREAD = """
import threading
def run():
    try:
{body}
    except Exception as error:
        print(type(error).__name__, error)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""


def call(mcp: McpServer, options: str = "") -> str:
    """Return a cell that needs a sign-in."""
    return CALL.format(url=mcp.mcp_url, options=options and f", {options}")


def redirect_of(link: str) -> str:
    """Return where the browser is to come back to."""
    return parse_qs(urlsplit(link).query)["redirect_uri"][0]


def browse(redirect: str) -> None:
    """Let the browser come back, wherever the sign-in stands."""
    with contextlib.suppress(requests.RequestException):
        requests.get(redirect, timeout=PATIENCE)


def require_untouched(kernel: Kernel) -> None:
    """Run the next cell: nothing of the sign-in is left, and no interrupt is on its way."""
    following = kernel.run(NEXT)
    assert (following.error, following.printed) == (None, UNTOUCHED)


def pasted(change: Callable[[str], str] = str, decision: str = "allow") -> Callable[[Ran], str]:
    """Return a person who goes where the link leads, and pastes the address of the page that cannot be reached."""

    def paste(ran: Ran) -> str:
        redirect = Person(decision).redirect_only(ran.links[-1])
        assert redirect is not None
        return change(redirect)

    return paste


def one_by_one(*answers: str | Callable[[Ran], str]) -> Callable[[Ran], str | None]:
    """Return a person who gives these answers, then none."""
    left = list(answers)

    def answer(ran: Ran) -> str | None:
        following = left.pop(0) if left else None
        return following(ran) if callable(following) else following

    return answer


def in_thread(code: str) -> str:
    """Return a cell that runs another one in a thread."""
    return IN_THREAD.format(body="".join(f"        {line}\n" for line in code.strip().splitlines()))

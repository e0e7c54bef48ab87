"""A program that signs in, refreshes, asks for more and signs out, and tells all that Python's audit hooks saw of it.

    python -m tests.attacks.audited SERVER_URL

After each step it says so on standard output and waits for a line; in the end it gives what was seen, as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

SEEN: list[tuple[str, list[str]]] = []
#: What is none of our doing: the interpreter's own work. Everything else is told.
QUIET = ("import", "compile", "exec", "code.__new__", "object.", "sys.", "marshal.", "gc.", "builtins.", "type.")


def watch(event: str, args: tuple[Any, ...]) -> None:
    """Write down an event with its arguments."""
    if not event.startswith(QUIET):
        SEEN.append((event, [str(arg) if isinstance(arg, (str, int, bytes)) else repr(arg) for arg in args]))


def main(url: str) -> None:
    """Live a whole life."""
    sys.addaudithook(watch)
    import requests

    from mcp_oauth_sync import BrowserPrompt, OAuth

    auth = OAuth(url, prompt=BrowserPrompt(), sign_in_timeout=60)

    def call() -> None:
        with requests.Session() as session:
            assert session.post(url, auth=auth, timeout=30).status_code == 200

    steps: list[Callable[[], object]] = [call, call, call, lambda: auth.sign_out(forget=True)]
    for step in steps:
        step()
        print("done", flush=True)
        input()
    seen = list(SEEN)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1])

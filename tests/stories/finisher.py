"""A process that finishes a sign-in which another one has started; it is told how by a line of JSON on standard input.

It says "ready" when everything is loaded, and then what came of it. A redirect holds a code, so that it is not given
as an argument.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from mcp_oauth_sync import NoPrompt, OAuth
from mcp_oauth_sync.authorizer import two_step
from mcp_oauth_sync.exceptions import OAuthError
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore


def stop(*_: object, **__: object) -> None:
    """Say how far it is, and do nothing more."""
    say("taken")
    threading.Event().wait()


def say(what: object) -> None:
    """Tell the test."""
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


def main() -> None:
    """Finish one sign-in."""
    say("ready")
    told: dict[str, Any] = json.loads(sys.stdin.readline())
    if told.get("stop"):
        import mcp_oauth_sync.two_step

        mcp_oauth_sync.two_step.redeem = stop  # type: ignore[assignment]
    auth = OAuth(told["url"], prompt=NoPrompt(), **told.get("options", {}))
    try:
        tokens = auth.finish_sign_in(told["redirect"])
    except OAuthError as failure:
        say(type(failure).__name__)
    else:
        say({"name": auth.name, "scope": tokens.scope})


if __name__ == "__main__":
    assert two_step, EncryptedFileStore
    main()

"""A process on one of two machines: it has a home of its own and does what it is told by lines of JSON.

Each line names what to do and its arguments: "post", "export_sign_in", "import_sign_in" or "sign_out". It answers with
what came of it, or the name and the words of the error.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import requests

from mcp_oauth_sync import NoPrompt, OAuth
from mcp_oauth_sync.exceptions import OAuthError

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def do(auth: OAuth, what: str, arguments: dict[str, Any]) -> Any:
    """Do one thing."""
    if what != "post":
        return getattr(auth, what)(**arguments)
    with requests.Session() as session:
        return session.post(auth.server_url, auth=auth, json=PING, timeout=30).status_code


def main(url: str) -> None:
    """Do as told until nobody tells anything any more."""
    auth = OAuth(url, prompt=NoPrompt())
    for line in sys.stdin:
        what, arguments = json.loads(line)
        try:
            answer = do(auth, what, arguments)
        except OAuthError as failure:
            answer = {"error": type(failure).__name__, "message": failure.message, "hint": failure.hint}
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])

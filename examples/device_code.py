"""Sign in where there is no browser: over SSH, in a container, on a machine without a screen.

You get an address and a short code, and enter the code on any device that has a browser. Run it against a server that
offers codes: ``python examples/device_code.py https://mcp.example.com/mcp``. Without an address it starts a small
server of its own (``small_server.py`` beside it), where pressing one button stands for signing in.
"""

from __future__ import annotations

import sys

import requests

from demo_server import Place, example_server
from mcp_oauth_sync import DeviceCodeGrant, OAuth
from small_server import PersonWithCode, running_server


def run(place: Place) -> None:
    """Call a server, which asks to sign in first."""
    # The grant is the whole difference to other sign-ins.
    auth = OAuth(place.url, grant=DeviceCodeGrant(), token_manager=place.token_manager, prompt=place.prompt)
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {"Accept": "application/json, text/event-stream"}
    answer = requests.post(place.url, auth=auth, json=message, headers=headers, timeout=30)
    print("The server answered", *[earlier.status_code for earlier in answer.history], answer.status_code, "in turn.")
    if auth.tokens is not None:
        print(f"Signed in, with a {auth.tokens.token_type} token.")
        auth.sign_out()


if __name__ == "__main__":
    with example_server(sys.argv[1:], running_server, PersonWithCode) as place:
        run(place)

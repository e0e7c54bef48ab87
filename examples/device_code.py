"""Sign in where there is no browser: over SSH, in a container, on a machine without a screen.

You get an address and a short code, and enter the code on any device that has a browser. Run it against a server that
offers codes: ``python examples/device_code.py https://mcp.example.com/mcp``. Without an address it starts a small
server of its own (``device_server.py`` beside it), where pressing one button stands for signing in.
"""

from __future__ import annotations

import sys

import requests

from mcp_oauth_sync import DeviceCodeGrant, OAuth, OAuthError, TokenManager


def call(url: str, token_manager: TokenManager | None = None) -> str:
    """Call a server, which asks to sign in first, and return what it answers."""
    auth = OAuth(url, grant=DeviceCodeGrant(), token_manager=token_manager)
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {"Accept": "application/json, text/event-stream"}
    return requests.post(url, auth=auth, json=message, headers=headers, timeout=30).text


if __name__ == "__main__":
    try:
        if len(sys.argv) > 1:
            print(call(sys.argv[1]))
        else:
            from device_server import running_server

            with running_server() as url:  # its sign-ins are not worth keeping
                print(call(url, TokenManager(backend="memory")))
    except OAuthError as error:
        sys.exit(f"error: {error}")

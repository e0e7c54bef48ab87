"""A service that nobody sits in front of: it signs in as itself, and stays signed in.

What it signs in with comes from its environment, as a deployment provides it:

- ``CLIENT_ID``: the client that was registered for it at the authorization server;
- ``CLIENT_KEY_FILE`` (a private key in PEM, the better choice) or ``CLIENT_SECRET``;
- ``ISSUER``: that authorization server, so that the credentials go to no other.

    CLIENT_ID=nightly-job CLIENT_KEY_FILE=/run/secrets/key.pem ISSUER=https://login.example.com \
        python examples/headless_service.py https://mcp.example.com/mcp

Without an address it plays the deployment, too: a small server of its own (``small_server.py``) knows one service and
its secret.

A key needs ``pip install 'mcp-oauth-sync[jwt]'``. Where the platform gives the service a token of its own (Kubernetes,
a CI service), ``JWTBearerGrant(Path("/var/run/secrets/tokens/mcp"))`` takes the place of both.
"""

from __future__ import annotations

import os
import secrets
import sys
from functools import partial
from pathlib import Path

import requests

from mcp_oauth_sync import ClientCredentialsGrant, ClientKey, OAuth, OAuthError, TokenManager

TRY_LATER = 75
"""What service managers take for a fault that will pass."""


def signed_in(url: str, token_manager: TokenManager | None) -> requests.Session:
    """Return a session for a server: it obtains tokens when the server asks for them, and before they run out."""
    key_file = os.environ.get("CLIENT_KEY_FILE")
    session = requests.Session()
    session.auth = OAuth(
        url,
        client_id=os.environ["CLIENT_ID"],
        client_key=ClientKey(Path(key_file)) if key_file else None,
        client_secret=os.environ.get("CLIENT_SECRET"),
        issuer=os.environ.get("ISSUER"),
        grant=ClientCredentialsGrant(),
        token_manager=token_manager,
    )
    return session


def run(url: str, token_manager: TokenManager | None = None) -> int:
    """Do the work once; say what kept it from being done, and whether it may work later."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream"}
    try:
        with signed_in(url, token_manager) as session:
            answer = session.post(url, json=message, headers=headers, timeout=30)
            answer.raise_for_status()
    except OAuthError as error:
        print(f"error: {error}", file=sys.stderr)  # no error shows a secret
        return TRY_LATER if getattr(error, "transient", False) else 1
    print(answer.text)
    return 0


def run_demo() -> int:
    """Run it as a deployment would, with a server of its own: twice, and the second run finds the sign-in."""
    from demo_server import example_server
    from small_server import running_server

    service = ("nightly-job", secrets.token_urlsafe())
    with example_server([], partial(running_server, service), None) as place:
        os.environ.update(CLIENT_ID=service[0], CLIENT_SECRET=service[1], ISSUER=place.url.removesuffix("/mcp"))
        print("The first run signs in as the service itself. The server answers:")
        status = run(place.url, place.token_manager)
        print("The next run finds it signed in:")
        return status or run(place.url, place.token_manager)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]) if sys.argv[1:] else run_demo())

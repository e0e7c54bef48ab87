"""A service that nobody sits in front of: it signs in as itself, and stays signed in.

What it signs in with comes from its environment, as a deployment provides it:

- ``CLIENT_ID``: the client that was registered for it at the authorization server;
- ``CLIENT_KEY_FILE`` (a private key in PEM, the better choice) or ``CLIENT_SECRET``;
- ``ISSUER``: that authorization server, so that the credentials go to no other.

    CLIENT_ID=nightly-job CLIENT_KEY_FILE=/run/secrets/key.pem ISSUER=https://login.example.com \
        python examples/headless_service.py https://mcp.example.com/mcp

A key needs ``pip install 'mcp-oauth-sync[jwt]'``. Where the platform gives the service a token of its own (Kubernetes,
a CI service), ``JWTBearerGrant(Path("/var/run/secrets/tokens/mcp"))`` takes the place of both.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import requests

from mcp_oauth_sync import ClientCredentialsGrant, ClientKey, OAuth, OAuthError

TRY_LATER = 75
"""What service managers take for a fault that will pass."""


def signed_in(url: str) -> requests.Session:
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
    )
    return session


def run(url: str) -> int:
    """Do the work once; say what kept it from being done, and whether it may work later."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream"}
    try:
        with signed_in(url) as session:
            answer = session.post(url, json=message, headers=headers, timeout=30)
            answer.raise_for_status()
    except OAuthError as error:
        print(f"error: {error}", file=sys.stderr)  # no error shows a secret
        return TRY_LATER if getattr(error, "transient", False) else 1
    print(answer.text)
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))

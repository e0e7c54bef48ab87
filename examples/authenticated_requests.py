"""Requests with a sign-in, in all their forms: a session, tools, event streams, headers, refusals, errors, old tokens.

    python examples/authenticated_requests.py [URL]

It speaks the protocol by hand, as it is since 2025-11-25, to show what goes over the wire. ``MCPSession`` does that for
you: ``basic_mcp_oauth.py``.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import Any

import requests

from demo_server import Place, example_server, notes
from mcp_oauth_sync import NoPrompt, OAuth, OAuthError, TokenManager, parse_sse_json
from mcp_oauth_sync.exceptions import SignInRequiredError, printable

ACCEPT = {"Accept": "application/json, text/event-stream"}


def ask(session: requests.Session, url: str, method: str, **params: Any) -> tuple[requests.Response, dict[str, Any]]:
    """Send a JSON-RPC request; return the answer, and the message in it, however the server packs it."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    with session.post(url, json=message, stream=True, timeout=30) as answer:
        if answer.headers.get("Content-Type", "").startswith("text/event-stream"):
            return answer, parse_sse_json(answer.iter_lines())
        return answer, answer.json() if answer.content else {}


def talk(session: requests.Session, url: str) -> None:
    """Sign in by calling, list the tools and call one."""
    about = {"name": "example", "version": "1"}
    answer, said = ask(session, url, "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=about)
    answer.raise_for_status()
    print("The server answered", *[earlier.status_code for earlier in answer.history], answer.status_code, "in turn.")
    session.headers["MCP-Protocol-Version"] = said["result"]["protocolVersion"]
    if "Mcp-Session-Id" in answer.headers:
        session.headers["Mcp-Session-Id"] = answer.headers["Mcp-Session-Id"]
    session.post(url, json={"jsonrpc": "2.0", "method": "notifications/initialized"}, timeout=30)

    answer, said = ask(session, url, "tools/list")
    print("Its tools, in", answer.headers.get("Content-Type", "").partition(";")[0], "without another question:")
    print(" ", *[printable(tool["name"], 20) for tool in said["result"]["tools"]][:5])
    answer, said = ask(session, url, "tools/call", name="no_such_tool", arguments={})
    # A tool that fails has a result, which says so; a call that cannot be made has an error.
    told = said.get("error") or {"isError": said.get("result", {}).get("isError")}
    print("A tool that is not there:", answer.status_code, printable(told, 50))


def refuse(url: str, auth: OAuth) -> None:
    """Look at a refusal oneself, and send headers of one's own."""
    ping, own = {"jsonrpc": "2.0", "id": 2, "method": "ping"}, {**ACCEPT, "X-Trace": "example-1"}
    answer = requests.post(url, json=ping, headers=own, timeout=30)
    print("Without a sign-in:", answer.status_code, answer.headers.get("WWW-Authenticate", "").partition(" ")[0])
    if answer.status_code == 401:  # auth.headers() signs in or renews, if need be
        answer = requests.post(url, json=ping, headers={**own, **auth.headers("POST")}, timeout=30)
    print("With headers of its own:", *sorted({"Authorization", "X-Trace"} & set(answer.request.headers)))
    print("That goes through." if answer.status_code != 401 else "That is refused.")


def fail(url: str) -> None:
    """Tell errors apart: each is an OAuthError, and says what to do."""
    nobody = OAuth(url, prompt=NoPrompt(), token_manager=TokenManager(backend="memory"))
    try:
        requests.post(url, json={}, auth=nobody, timeout=30)
    except SignInRequiredError as error:
        print("Where nobody can be asked:", type(error).__name__)
    try:
        OAuth("http://mcp.example.com/mcp")
    except OAuthError as error:
        print("A server without TLS:", type(error).__name__)


def age(session: requests.Session, url: str, auth: OAuth) -> None:
    """Let the token grow old, then call, then sign out."""
    tokens = auth.tokens
    if tokens is None or tokens.seconds_left() > 10:
        print("This server's tokens live too long to wait for their end.")
    else:
        print("This server's tokens are short-lived. Waiting until this one is old.")
        while not tokens.is_expired():
            time.sleep(0.05)
        ask(session, url, "tools/list")
        print("The call went out with a new one:", auth.tokens != tokens)
    print("Signed out; the server has confirmed it:", auth.sign_out())


def run(place: Place) -> None:
    """Show one thing after the other."""
    auth = OAuth(place.url, token_manager=place.token_manager, prompt=place.prompt)
    with requests.Session() as session:
        session.auth = auth
        session.headers.update(ACCEPT)
        print("1. A session signs in by its first call")
        talk(session, place.url)
        print("\n2. A refusal that the program handles itself")
        refuse(place.url, auth)
        print("\n3. What can go wrong")
        fail(place.url)
        print("\n4. The life of a token")
        age(session, place.url, auth)


if __name__ == "__main__":
    with example_server(sys.argv[1:], partial(notes, access_ttl=3, event_streams=True)) as place:
        run(place)

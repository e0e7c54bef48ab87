"""Many servers by name: ``OAuthHandler`` keeps the sign-in of each, and gives tokens, headers and answers.

python examples/oauth_handler_example.py [URL]
"""

from __future__ import annotations

import sys

from demo_server import Place, example_server
from mcp_oauth_sync import OAuthHandler
from mcp_oauth_sync.exceptions import printable


def run(place: Place) -> None:
    """Use one server under the name "notes"."""
    handler = OAuthHandler(place.token_manager, prompt=place.prompt)

    print('Tokens for the server "notes". There are none yet, so you are asked:')
    tokens = handler.ensure_authenticated_mcp("notes", place.url)
    print(f"A {tokens.token_type} token for the scope {printable(tokens.scope)}. Nothing shows the token itself:")
    print(f"- {type(tokens.access_token).__name__}: {tokens.access_token!r}")
    print("- asked again:", "the same one" if handler.ensure_authenticated_mcp("notes", place.url) == tokens else "new")

    print("\nHeaders for a request that another library makes:")
    headers = handler.prepare_headers_for_mcp_server("notes", place.url, extra_headers={"X-Trace": "example-1"})
    print("-", ", ".join(sorted(headers)))
    print("The same from a configuration, as MCP clients keep it in a file:")
    configured = {"name": "notes", "url": place.url, "headers": {"X-Team": "examples"}}
    print("-", ", ".join(sorted(handler.prepare_server_headers(configured))))

    print("\nA request, whichever revision of MCP the server speaks:")
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = handler.authenticated_request("notes", place.url, place.url, "POST", json=message, timeout=30)
    print("-", answer.status_code, answer.headers["Content-Type"].partition(";")[0])
    print("A session on the same sign-in:")
    with handler.mcp_session("notes", place.url) as mcp:
        print("-", printable(mcp.server.name, 40), "has", len(list(mcp.list_tools())), "tools")

    print("\nKept under:", ", ".join(handler.token_manager.names()))
    print("Signed out; the server has confirmed it:", handler.logout("notes"))
    print("A header for it now:", handler.get_authorization_header("notes"))


if __name__ == "__main__":
    with example_server(sys.argv[1:]) as place:
        run(place)

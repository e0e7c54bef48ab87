"""Sign in to an MCP server, call it, call it again, sign out: the story that the other examples vary.

    python examples/basic_mcp_oauth.py
    python examples/basic_mcp_oauth.py https://mcp.example.com/mcp

Without an address it starts a server of its own; ``demo_server.py`` beside it shows how.
"""

from __future__ import annotations

import sys

from demo_server import Place, example_server
from mcp_oauth_sync import MCPSession, NoPrompt, OAuth
from mcp_oauth_sync.exceptions import printable


def run(place: Place) -> None:
    """Call a server that this program has never seen."""
    # In a program of yours, OAuth(url) is all: your browser opens, and the sign-in is kept where your system keeps
    # secrets. The other two arguments are for an example that leaves nothing behind.
    auth = OAuth(place.url, token_manager=place.token_manager, prompt=place.prompt)

    print("The first call. The server wants to know who you are:")
    with MCPSession(place.url, auth=auth) as mcp:
        print(f"You are signed in. {printable(mcp.server.name, 40)} has these tools:")
        for tool in mcp.list_tools():
            # What a server sends is not ours: printable() takes out what a terminal would obey.
            print(f"- {printable(tool.name, 20)}: {printable(tool.description or '', 55)}")

    print("\nAnother program, which may ask nobody, finds the sign-in:")
    another = OAuth(place.url, token_manager=place.token_manager, prompt=NoPrompt())
    with MCPSession(place.url, auth=another) as mcp:
        print(f"It sees {len(list(mcp.list_tools()))} tools.")

    print("\nSigning out revokes the tokens at the server, and removes them here.")
    print("The server has confirmed it." if auth.sign_out() else "The server has not confirmed it.")


if __name__ == "__main__":
    with example_server(sys.argv[1:]) as place:
        run(place)

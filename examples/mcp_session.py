"""Speak MCP in blocking code: list the tools of a server, call one, and answer what the server asks meanwhile.

    python examples/mcp_session.py https://mcp.example.com/mcp
    python examples/mcp_session.py https://mcp.example.com/mcp search '{"query": "roadmap"}'

The first call signs you in, if the server wants that. Without a URL it starts the demo's server on this computer
(``pip install 'mcp-oauth-sync[demo]'``) and calls it in both eras of the protocol: the revision that the server likes
best, and one that begins with a handshake.
"""

from __future__ import annotations

import json
import sys
import textwrap
from typing import Any

from mcp_oauth_sync import MCPSession, OAuth, OAuthError, Prompt, TokenManager
from mcp_oauth_sync.exceptions import MCPError, MCPTimeoutError, ToolError, printable
from mcp_oauth_sync.mcp import Elicitation, ElicitationReply, LogMessage, Progress


def report(said: Progress | LogMessage) -> None:
    """Tell what a tool says while it works."""
    print(f"... {said}", file=sys.stderr)


def ask(asked: Elicitation) -> ElicitationReply:
    """Ask the person what the server wants to know: a form is filled in here, a page is opened by the person."""
    print(asked, file=sys.stderr)  # who asks, for what; of a page the whole address, and what is odd about it
    if input("Agree? [y/N] ").lower() not in ("y", "yes"):
        return False  # declines; None would cancel
    if asked.mode == "url":
        return input("Open the page, and press Enter when you are done: ") == ""
    return {field.name: ask_field(field) for field in asked.fields}


def ask_field(field: Any) -> Any:
    """Ask for one field until something fits; None leaves it out."""
    while True:
        text = input(f"{field.title} ({field.kind}): ")
        if not text and (field.default is not None or not field.required):
            return field.default
        try:
            return field.checked(text if field.kind == "string" else json.loads(text))
        except ValueError as misfit:
            print(misfit, file=sys.stderr)


def call(mcp: MCPSession, tool: str, arguments: dict[str, Any]) -> bool:
    """Call a tool, and tell the ways to fail apart."""
    try:
        result = mcp.call_tool(tool, arguments, on_progress=report, timeout=30)
        result.raise_for_error()
    except ToolError as error:
        print(f"the tool ran, and failed: {error}")
    except MCPTimeoutError as error:
        print(f"given up, and the server was told so: {error}")
    except MCPError as error:
        print(f"the server did not run the tool (code {error.code}): {error}")
    else:
        for line in result.text.splitlines():
            print(textwrap.fill(printable(line, 1000), 80))  # what a server sends may hold more than letters
        return True
    return False


def run(
    url: str,
    *call_of: str,
    version: str | None = None,
    token_manager: TokenManager | None = None,
    prompt: Prompt | None = None,
) -> bool:
    """List the tools, and call one if a call is given: its name, and its arguments as JSON."""
    auth = OAuth(url, token_manager=token_manager, prompt=prompt)
    with MCPSession(url, auth=auth, elicit=ask, on_log=report, version=version) as mcp:
        print(f"{printable(mcp.server.name)} speaks MCP {mcp.server.protocol_version} and offers:")
        for tool in mcp.list_tools():
            print(f"- {printable(tool.name)}: {printable(tool.description or '', 55)}")
        name, arguments = (*call_of, "{}")[:2] if call_of else ("", "")
        return call(mcp, name, json.loads(arguments)) if name else True


def run_demo() -> bool:
    """Run it with a server of its own."""
    from demo_server import example_server

    with example_server([]) as place:
        kept, asking, text = place.token_manager, place.prompt, '{"text": "Noted by a program."}'
        newest = run(place.url, "add_note", text, token_manager=kept, prompt=asking)
        print()
        return run(place.url, "list_notes", version="2025-11-25", token_manager=kept) and newest


if __name__ == "__main__":
    try:
        sys.exit(0 if (run(*sys.argv[1:]) if len(sys.argv) > 1 else run_demo()) else 1)
    except OAuthError as error:
        sys.exit(f"error: {error}")

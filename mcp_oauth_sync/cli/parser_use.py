"""The commands that use a sign-in: ``tools``, ``call``, ``token``, ``headers``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .call_flags import CALL_EXAMPLES, add_call_flags
from .parser_parts import ExamplesAsWritten, add_command, add_json, add_name

if TYPE_CHECKING:
    from .parser_parts import Commands

_SHOW = "print it even to a terminal, where others may see it and logs may keep it"


def add_using_commands(commands: Commands) -> list[argparse.ArgumentParser]:
    """Add them, and return their parsers."""
    tools = add_command(
        commands,
        "tools",
        what="list a server's tools",
        description="List the tools of a server.",
        examples="mcp-oauth-sync tools notion --long",
    )
    add_name(tools)
    tools.add_argument("url", metavar="URL", nargs="?", help="the MCP server, when it was never signed in to")
    form = tools.add_mutually_exclusive_group()
    form.add_argument("--long", action="store_true", help="with the parameters of each tool")
    add_json(form, "all that the server says of them, as a JSON array")

    call = commands.add_parser(
        "call",
        help="call a tool",
        description="Call a tool of a server, and show what it gives.",
        epilog=CALL_EXAMPLES,
        formatter_class=ExamplesAsWritten,
    )
    add_call_flags(call)

    token = add_command(
        commands,
        "token",
        what="print an access token, for a pipe",
        description="Print the access token of a sign-in and nothing else, renewed first if it has expired. Nobody is "
        "asked to sign in: the exit status is 3 when a person has to. What stands on a command line can be read by "
        "everybody on the machine: prefer 'headers' for curl.",
        examples="mcp-oauth-sync token notion | some-program --token-from-stdin",
        room="print_token",
    )
    add_name(token)
    add_json(token)
    token.add_argument("--show", action="store_true", help=_SHOW)

    headers = add_command(
        commands,
        "headers",
        what="print the headers of a request, for a pipe",
        description="Print the headers that sign a request, one a line, renewed first if the token has expired. Nobody "
        "is asked to sign in: the exit status is 3 when a person has to. A token that is bound to a key (DPoP) comes "
        "with a proof for one request: name its method and URL.",
        examples="""
            curl -H @<(mcp-oauth-sync headers notion) https://mcp.notion.com/mcp
            mcp-oauth-sync headers notion --method POST | curl -H @- -d @ping.json URL""",
        room="print_headers",
    )
    add_name(headers)
    headers.add_argument("--method", metavar="METHOD", default="GET", help="the request's method (default: GET)")
    headers.add_argument("--url", metavar="URL", help="where the request goes (default: the server's own URL)")
    add_json(headers)
    headers.add_argument("--show", action="store_true", help=_SHOW)
    return [tools, call, token, headers]

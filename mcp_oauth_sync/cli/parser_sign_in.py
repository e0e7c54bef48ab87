"""The commands about sign-ins: ``auth``, ``list``, ``get``, ``status``, ``test``, ``logout``, ``clear``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .auth_flags import add_auth_flags
from .parser_parts import add_command, add_json, add_name

if TYPE_CHECKING:
    from .parser_parts import Commands


def add_sign_in_commands(commands: Commands) -> list[argparse.ArgumentParser]:
    """Add them, and return their parsers."""
    auth = add_command(
        commands,
        "auth",
        what="sign in to a server",
        description="Sign in to an MCP server. From then on every command takes the name.",
        examples="""
            mcp-oauth-sync auth notion https://mcp.notion.com/mcp
            mcp-oauth-sync auth notion https://mcp.notion.com/mcp --device""",
    )
    add_name(auth, what="what to call the sign-in from now on")
    auth.add_argument("url", metavar="URL", help="the MCP server")
    add_json(auth, "print what is kept, as 'get --json' does")
    add_auth_flags(auth)
    steps = auth.add_argument_group("in two steps").add_mutually_exclusive_group()
    steps.add_argument("--start", action="store_true", help="print the address to open, and end")
    steps.add_argument("--finish", action="store_true", help="read the address it led to from standard input")

    listing = add_command(
        commands,
        "list",
        what="list the sign-ins",
        description="List the sign-ins that are kept here, and how each of them stands. No server is asked.",
        examples="mcp-oauth-sync list",
    )
    add_json(listing)

    get = add_command(
        commands,
        "get",
        what="show what is kept of a sign-in",
        description="Show everything that is kept of a sign-in, but its secrets. No server is asked. Fingerprints are "
        "the first 8 hexadecimal digits of the SHA-256 of a token: they tell whether two are the same.",
        examples="mcp-oauth-sync get notion",
    )
    add_name(get)
    add_json(get)

    status = add_command(
        commands,
        "status",
        what="tell whether sign-ins can be used",
        description="Tell in a line each whether sign-ins can be used. No server is asked. The exit status is 0 when "
        "all can be used, 1 when something cannot be read, 3 when a person has to sign in.",
        examples="""
            mcp-oauth-sync status
            mcp-oauth-sync status notion --json""",
    )
    add_name(status, optional=True, what="the sign-in, or its server's URL (default: all of them)")
    add_json(status)

    test = add_command(
        commands,
        "test",
        what="call a server to see whether a sign-in works",
        description="Call the server of a sign-in, and say what it answers. A token that has expired is renewed; "
        "nobody is asked to sign in: the exit status is 3 when a person has to.",
        examples="mcp-oauth-sync test notion",
    )
    add_name(test)
    add_json(test)

    logout = add_command(
        commands,
        "logout",
        what="sign out and revoke",
        description="Revoke the tokens of a sign-in and remove them here. The client that was registered for it is "
        "kept for the next sign-in.",
        examples="mcp-oauth-sync logout notion",
    )
    add_name(logout)
    logout.add_argument("--forget-client", action="store_true", help="remove the client, and all else that is kept")
    add_json(logout)

    clear = add_command(
        commands,
        "clear",
        what="remove a sign-in here only",
        description="Remove a sign-in here, readable or not, telling no server.",
        examples="mcp-oauth-sync clear notion",
    )
    add_name(clear)
    add_json(clear)
    return [auth, listing, get, status, test, logout, clear]

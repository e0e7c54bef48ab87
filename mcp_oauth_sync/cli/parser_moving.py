"""The commands that take sign-ins from one machine to another: ``export``, ``import``, ``receive``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .import_flags import add_import_flags
from .parser_parts import add_command, add_json, add_name, add_password

if TYPE_CHECKING:
    from .parser_parts import Commands


def add_moving_commands(commands: Commands) -> list[argparse.ArgumentParser]:
    """Add them, and return their parsers."""
    export = add_command(
        commands,
        "export",
        what="take a sign-in along",
        description="Seal a sign-in as one line of text for another machine. It is not used here any more: where a "
        "server rotates refresh tokens, one machine only may go on with them.",
        examples="""
            mcp-oauth-sync export notion --to KEY
            mcp-oauth-sync export notion --output notion.sealed""",
    )
    add_name(export, what="the sign-in")
    means = export.add_mutually_exclusive_group()
    means.add_argument("--to", metavar="KEY", help="seal it to the key that 'receive' shows on the other machine")
    add_password(means)
    export.add_argument("--keep", action="store_true", help="go on using it here too: only where nothing is rotated")
    export.add_argument("--output", metavar="FILE", help="write it to a new file instead of standard output")
    add_json(export, "print what was exported as a JSON document, the sealed text in it")

    importing = add_command(
        commands,
        "import",
        what="take over a sign-in",
        description="Keep a sign-in that was exported on another machine. Import only what you have exported yourself.",
        examples="mcp-oauth-sync import notion.sealed",
        room="importing",  # no module can be called as the command is
    )
    importing.add_argument("file", metavar="FILE", nargs="?", help="where it is (default: standard input)")
    importing.add_argument("--name", metavar="NAME", help="what to call it (default: as it was called there)")
    add_password(importing)
    add_import_flags(importing)

    receive = add_command(
        commands,
        "receive",
        what="take over a sign-in, by a key",
        description="Show a key to export a sign-in to, then read the sign-in from standard input and keep it.",
        examples="mcp-oauth-sync receive notion",
    )
    add_name(receive, what="what to call the sign-in here")
    receive.add_argument("--show-key", action="store_true", help="print the key, and end; it stays the same")
    for command in (importing, receive):
        command.add_argument("--replace", action="store_true", help="give up another sign-in that has the name")
        add_json(command, "print what was taken over as a JSON document")
    return [export, importing, receive]

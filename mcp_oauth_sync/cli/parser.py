"""What can be said on the command line. Nothing heavy is loaded here: ``--help`` is quick."""

from __future__ import annotations

import argparse

from ..version import __version__
from .client_document_flags import add_client_document
from .doctor_flags import add_doctor
from .parser_machine import add_completion, add_demo, add_stores
from .parser_moving import add_moving_commands
from .parser_parts import ExamplesAsWritten, Mixed, Spoken, add_profile, add_public_only, add_verbose
from .parser_sign_in import add_sign_in_commands
from .parser_use import add_using_commands

#: Commands that contact the server of a sign-in.
CONTACTING = ("auth", "test", "logout", "tools", "call", "token", "headers", "doctor")

_EXAMPLES = """\
examples:
  mcp-oauth-sync demo            see it all at work, on this computer
  mcp-oauth-sync auth notion https://mcp.notion.com/mcp
                                 sign in, once
  mcp-oauth-sync tools notion    list what the server offers
  mcp-oauth-sync call notion notion-search query=roadmap
                                 call one of its tools

exit status:
  0 done, 1 failed, 2 wrong usage, 3 a person has to sign in, 130 interrupted
"""

#: What is printed when nothing is said.
OVERVIEW = f"""\
mcp-oauth-sync {__version__}: sign in to MCP servers, and stay signed in.

  mcp-oauth-sync demo              see it all at work, on this computer
  mcp-oauth-sync auth NAME URL     sign in to a server, once
  mcp-oauth-sync tools NAME        list what it offers
  mcp-oauth-sync call NAME TOOL    call one of its tools
  mcp-oauth-sync status            see how your sign-ins stand
  mcp-oauth-sync doctor URL        find out why a sign-in does not work

All commands: mcp-oauth-sync --help. About one: mcp-oauth-sync COMMAND --help."""


def build_parser(*, mixed: bool = True) -> argparse.ArgumentParser:
    """Return the parser of the whole command line.

    Args:
        mixed: Whether flags may stand between words; what completes a line cannot do with that.
    """
    parser = Spoken(
        prog="mcp-oauth-sync",
        description="Sign in to MCP servers, and stay signed in.",
        epilog=_EXAMPLES,
        formatter_class=ExamplesAsWritten,
    )
    parser.add_argument("--version", action="version", version=f"mcp-oauth-sync {__version__}")
    add_verbose(parser, default=False)
    kind: type[argparse.ArgumentParser] = Mixed if mixed else Spoken
    commands: argparse._SubParsersAction[argparse.ArgumentParser] = parser.add_subparsers(
        dest="command", metavar="COMMAND", parser_class=kind
    )
    kept = [*add_sign_in_commands(commands), *add_using_commands(commands), *add_moving_commands(commands)]
    stores = add_stores(commands)
    kept.append(add_doctor(commands))
    for name in CONTACTING:
        add_public_only(commands.choices[name])
    others = [stores, add_client_document(commands), add_demo(commands), add_completion(commands)]
    for command in kept:
        add_profile(command)
    for command in (*kept, *others):
        add_verbose(command)
    return parser

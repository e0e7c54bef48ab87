"""A command line of your own: sign in, see who is signed in, call, sign out.

    python examples/oauth_cli.py login notes https://mcp.example.com/mcp
    python examples/oauth_cli.py list
    python examples/oauth_cli.py tools notes
    python examples/oauth_cli.py logout notes

Sign-ins are kept where your system keeps secrets, or in the folder of ``--store``. Without a command it shows each of
them on a server of its own or on one that is given, and leaves nothing behind. The library has a command line, too:
``mcp-oauth-sync``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from demo_server import example_server
from mcp_oauth_sync import OAuthError, OAuthHandler, Prompt, TokenManager
from mcp_oauth_sync.exceptions import SignInRequiredError, printable

USAGE, SIGN_IN = 2, 3


def parser() -> argparse.ArgumentParser:
    """Return what reads the command."""
    made = argparse.ArgumentParser(prog="oauth_cli.py")
    made.add_argument("--store", metavar="FOLDER", help="keep sign-ins in encrypted files there")
    commands = made.add_subparsers(dest="command", required=True)
    for name, told in (("login", "sign in"), ("tools", "list what a server offers"), ("logout", "sign out")):
        command = commands.add_parser(name, help=told)
        command.add_argument("name", help="what the server is called here")
        if name == "login":
            command.add_argument("url", help="the MCP server")
    commands.add_parser("list", help="list the sign-ins")
    return made


def main(arguments: Sequence[str], manager: TokenManager | None = None, prompt: Prompt | None = None) -> int:
    """Run one command; return the exit status."""
    given = parser().parse_args(arguments)
    try:
        manager = manager or (TokenManager(given.store, "encrypted_file") if given.store else TokenManager())
        return run(given, manager, OAuthHandler(manager, prompt=prompt))
    except OAuthError as error:
        print(f"error: {error}", file=sys.stderr)
        return SIGN_IN if isinstance(error, SignInRequiredError) else 1


def run(given: argparse.Namespace, manager: TokenManager, handler: OAuthHandler) -> int:
    """Do what was asked for."""
    if given.command == "login":
        handler.ensure_authenticated_mcp(given.name, given.url)
        print(f"Signed in to {given.name}.")
    elif given.command == "list":
        for name in manager.names():
            print(f"{printable(name)}: {'signed in' if manager.load_tokens(name) else 'signed out'}")
    elif not (record := manager.load_record(given.name)) or not record.server_url:
        print(f"error: {given.name} is not known. Run: oauth_cli.py login {given.name} URL", file=sys.stderr)
        return USAGE
    elif given.command == "logout":
        confirmed = handler.logout(given.name)
        print(f"Signed out of {given.name}{'' if confirmed else ', which the server did not confirm'}.")
    else:
        with handler.mcp_session(given.name, record.server_url) as mcp:
            for tool in mcp.list_tools():
                print(f"{printable(tool.name, 20)}: {printable(tool.description or '', 55)}")
    return 0


def show(arguments: Sequence[str]) -> None:
    """Run each command once."""
    with example_server(arguments) as place:
        for line in (f"login notes {place.url}", "list", "tools notes", "logout notes", "list"):
            print(f"$ oauth_cli.py {line}")
            if status := main(line.split(), place.token_manager, place.prompt):
                sys.exit(status)


if __name__ == "__main__":
    if not sys.argv[1:] or sys.argv[1].startswith("http"):
        show(sys.argv[1:])
    else:
        sys.exit(main(sys.argv[1:]))

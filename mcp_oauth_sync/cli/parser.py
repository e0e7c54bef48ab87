"""What can be said on the command line. Nothing heavy is loaded here: ``--help`` is quick."""

from __future__ import annotations

import argparse
from typing import Any

from ..version import __version__
from .auth_flags import add_auth_flags
from .call_flags import CALL_EXAMPLES, add_call_flags
from .doctor_flags import add_doctor
from .flag_values import read_loopback, read_ports
from .import_flags import add_import_flags

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


class _Mixed(argparse.ArgumentParser):
    """Lets flags stand between words, also where any number of words may follow."""

    _again = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as ever, but for the order."""
        if self._again:  # older Pythons come here once more for each half
            return super().parse_known_args(args, namespace)
        self._again = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._again = False


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="mcp-oauth-sync",
        description="Sign in to MCP servers, and stay signed in.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mcp-oauth-sync {__version__}")
    _add_verbose(parser, default=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Mixed)

    auth = commands.add_parser("auth", help="sign in to a server", description="Sign in to an MCP server.")
    auth.add_argument("name", metavar="NAME", help="what to call the sign-in from now on")
    auth.add_argument("url", metavar="URL", help="the MCP server")
    add_auth_flags(auth)
    steps = auth.add_argument_group("in two steps").add_mutually_exclusive_group()
    steps.add_argument("--start", action="store_true", help="print the address to open, and end")
    steps.add_argument("--finish", action="store_true", help="read the address it led to from standard input")

    listing = commands.add_parser("list", help="list the sign-ins", description="List the sign-ins that are kept here.")

    tools = commands.add_parser("tools", help="list a server's tools", description="List the tools of a server.")
    tools.add_argument("name", metavar="NAME", help="the sign-in")
    tools.add_argument("url", metavar="URL", nargs="?", help="the MCP server, when it was never signed in to")
    form = tools.add_mutually_exclusive_group()
    form.add_argument("--long", action="store_true", help="with the parameters of each tool")
    form.add_argument("--json", action="store_true", help="all that the server says of them, as a JSON array")

    call = commands.add_parser(
        "call",
        help="call a tool",
        description="Call a tool of a server, and show what it gives.",
        epilog=CALL_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_call_flags(call)

    logout = commands.add_parser(
        "logout", help="sign out and revoke", description="Revoke the tokens of a sign-in and remove them here."
    )
    logout.add_argument("name", metavar="NAME", help="the sign-in")

    clear = commands.add_parser(
        "clear", help="remove a sign-in here only", description="Remove a sign-in here, telling no server."
    )
    clear.add_argument("name", metavar="NAME", help="the sign-in")

    document = commands.add_parser(
        "client-document",
        help="write or check a client-id metadata document",
        description="Write the document that makes a URL of yours your client identifier, or check one that is hosted.",
    )
    _add_client_document_flags(document)

    moving = _add_moving(commands)

    doctor = add_doctor(commands)

    demo = commands.add_parser(
        "demo",
        help="see it all at work",
        description="Start a real MCP server with OAuth on this computer, sign in to it, and show what happens.",
    )
    demo.add_argument("--no-browser", action="store_true", help="let the demo play the person, even with a screen")
    kept = (auth, listing, tools, call, logout, clear, doctor, *moving)
    for command in kept:
        command.add_argument("--profile", type=_profile, metavar="PROFILE", help="the account, where there are several")
    for command in (*kept, document, demo):
        _add_verbose(command, default=argparse.SUPPRESS)  # keeps what was given before the command
    return parser


def _add_moving(commands: argparse._SubParsersAction[_Mixed]) -> list[argparse.ArgumentParser]:
    export = commands.add_parser(
        "export",
        help="take a sign-in along",
        description="Seal a sign-in as one line of text for another machine. It is not used here any more: where a "
        "server rotates refresh tokens, one machine only may go on with them.",
    )
    export.add_argument("name", metavar="NAME", help="the sign-in")
    means = export.add_mutually_exclusive_group()
    means.add_argument("--to", metavar="KEY", help="seal it to the key that 'receive' shows on the other machine")
    _add_password(means)
    export.add_argument("--keep", action="store_true", help="go on using it here too: only where nothing is rotated")
    export.add_argument("--output", metavar="FILE", help="write it to a new file instead of standard output")

    importing = commands.add_parser(
        "import",
        help="take over a sign-in",
        description="Keep a sign-in that was exported on another machine. Import only what you have exported yourself.",
    )
    importing.set_defaults(command="importing")  # no module can be called as the command is
    importing.add_argument("file", metavar="FILE", nargs="?", help="where it is (default: standard input)")
    importing.add_argument("--name", metavar="NAME", help="what to call it (default: as it was called there)")
    _add_password(importing)
    add_import_flags(importing)

    receive = commands.add_parser(
        "receive",
        help="take over a sign-in, by a key",
        description="Show a key to export a sign-in to, then read the sign-in from standard input and keep it.",
    )
    receive.add_argument("name", metavar="NAME", help="what to call the sign-in here")
    receive.add_argument("--show-key", action="store_true", help="print the key, and end; it stays the same")
    for command in (importing, receive):
        command.add_argument("--replace", action="store_true", help="give up another sign-in that has the name")
    return [export, importing, receive]


def _add_client_document_flags(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--url", metavar="URL", help="write the document that is going to be at this https URL")
    which.add_argument("--check", metavar="URL", help="fetch the document there, and say what is wrong with it")
    writing = parser.add_argument_group("what the document says")
    writing.add_argument("--name", metavar="NAME", help="what people are asked to trust")
    writing.add_argument(
        "--ports", metavar="PORTS", type=read_ports, help="ports that sign-ins listen on (default: 8765-8769)"
    )
    writing.add_argument(
        "--host", metavar="HOSTS", type=_hosts, help="how this machine is spelled (default: 127.0.0.1,localhost)"
    )
    writing.add_argument(
        "--redirect-uri", metavar="URI", action="append", help="a whole redirect URI; may be given several times"
    )
    writing.add_argument("--scopes", metavar="SCOPES", help="scopes to be registered for, separated by spaces")
    writing.add_argument("--client-uri", metavar="URL", help="a page about the program")
    writing.add_argument("--logo-uri", metavar="URL", help="its logo")
    writing.add_argument("--jwks-uri", metavar="URL", help="its public keys, for a client that signs its requests")
    writing.add_argument("--jwks", metavar="FILE", help="its public keys, to be part of the document")
    writing.add_argument("--output", metavar="FILE", help="the file to write (default: standard output)")


def _hosts(text: str) -> object:
    return [read_loopback(host) for host in text.split(",")]


def _add_password(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        help="the password is its first line (default: MCP_OAUTH_SYNC_EXPORT_PASSWORD, else it is asked for)",
    )


def _add_verbose(parser: argparse.ArgumentParser, *, default: object) -> None:
    parser.add_argument(
        "-v", "--verbose", action="store_true", default=default, help="tell each step on standard error"
    )


def _profile(text: str) -> str:
    from ..models.profile import require_profile

    try:
        return require_profile(text)
    except ValueError as defect:
        raise argparse.ArgumentTypeError(str(defect)) from None

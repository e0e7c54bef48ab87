"""The command line: ``mcp-oauth-sync COMMAND``. Each command's parts are loaded when it runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module

from ..version import __version__

DONE, FAILED, USAGE, SIGN_IN_NEEDED, INTERRUPTED = 0, 1, 2, 3, 130
_A_DAY = 86400

_EXAMPLES = """\
examples:
  mcp-oauth-sync demo            see it all at work, on this computer
  mcp-oauth-sync auth notion https://mcp.notion.com/mcp
                                 sign in, once
  mcp-oauth-sync tools notion    list what the server offers

exit status:
  0 done, 1 failed, 2 wrong usage, 3 a person has to sign in, 130 interrupted
"""


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
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    auth = commands.add_parser("auth", help="sign in to a server", description="Sign in to an MCP server.")
    auth.add_argument("name", metavar="NAME", help="what to call the sign-in from now on")
    auth.add_argument("url", metavar="URL", help="the MCP server")
    auth.add_argument("--scopes", metavar="SCOPES", help="scopes to ask for, separated by spaces")
    auth.add_argument("--client-id", metavar="ID", help="a client registered by hand")
    auth.add_argument("--port", type=_port, default=0, metavar="PORT", help="port of the redirect (default: any free)")
    auth.add_argument(
        "--timeout", type=_seconds, default=300.0, metavar="SECONDS", help="time to sign in (default: 300)"
    )

    listing = commands.add_parser("list", help="list the sign-ins", description="List the sign-ins that are kept here.")

    tools = commands.add_parser("tools", help="list a server's tools", description="List the tools of a server.")
    tools.add_argument("name", metavar="NAME", help="the sign-in")
    tools.add_argument("url", metavar="URL", nargs="?", help="the MCP server, when it was never signed in to")

    logout = commands.add_parser(
        "logout", help="sign out and revoke", description="Revoke the tokens of a sign-in and remove them here."
    )
    logout.add_argument("name", metavar="NAME", help="the sign-in")

    clear = commands.add_parser(
        "clear", help="remove a sign-in here only", description="Remove a sign-in here, telling no server."
    )
    clear.add_argument("name", metavar="NAME", help="the sign-in")

    demo = commands.add_parser(
        "demo",
        help="see it all at work",
        description="Start a real MCP server with OAuth on this computer, sign in to it, and show what happens.",
    )
    demo.add_argument("--no-browser", action="store_true", help="let the demo play the person, even with a screen")
    for command in (auth, listing, tools, logout, clear):
        command.add_argument("--profile", type=_profile, metavar="PROFILE", help="the account, where there are several")
    for command in (auth, listing, tools, logout, clear, demo):
        _add_verbose(command, default=argparse.SUPPRESS)  # keeps what was given before the command
    return parser


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


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _A_DAY:
        raise argparse.ArgumentTypeError(f"a time is a number of seconds up to {_A_DAY}, not {text!r}")
    return seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status.

    Args:
        arguments: The command line without the program's name; None takes this process's.
    """
    from .output import accept_all_characters, finish_output

    accept_all_characters()
    try:
        status = _run(build_parser().parse_args(arguments))
    except SystemExit as end:  # argparse has printed the help, the version, or what is wrong
        status = end.code if isinstance(end.code, int) else USAGE
    except BrokenPipeError:  # the reader has gone: there is nobody to tell
        status = FAILED
    return status if finish_output() else FAILED


def _run(options: argparse.Namespace) -> int:
    from ..exceptions import OAuthError, ScopeRequiredError, SignInRequiredError
    from .output import complain, say

    if options.verbose:
        import logging

        logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
        logging.getLogger("mcp_oauth_sync").setLevel(logging.DEBUG)
    try:
        return int(import_module(f".{options.command}", __name__).run(options))
    except (SignInRequiredError, ScopeRequiredError) as error:
        complain(error)
        return SIGN_IN_NEEDED
    except OAuthError as error:
        complain(error)
        return FAILED
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # the last resort: a person gets a sentence, not a traceback
        if options.verbose:
            raise
        said = str(error).splitlines()
        say(f"error: {type(error).__name__}: {said[0] if said else 'no further word'}")
        say("hint: run again with --verbose for the details.")
        return FAILED

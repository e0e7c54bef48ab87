"""What the commands share in how they are said. Nothing heavy is loaded here: ``--help`` is quick."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

#: Keeps every command that contacts servers to public ones; anything that is not a no is a yes.
PUBLIC_ONLY_VARIABLE = "MCP_OAUTH_SYNC_PUBLIC_ONLY"
_OFF = ("", "0", "false", "no", "off")


class Spoken(argparse.ArgumentParser):
    """Tells what is wrong as everything else here does, and where to read what is right."""

    def error(self, message: str) -> NoReturn:
        """Tell it, and end with exit status 2."""
        from .output import say

        self.print_usage(sys.stderr)
        say(f"error: {message}")
        say(f"hint: Run: {self.prog} --help")
        self.exit(2)


class Mixed(Spoken):
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


class ExamplesAsWritten(argparse.RawDescriptionHelpFormatter):
    """Fills paragraphs, and leaves alone what was written in lines."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)


def add_command(
    commands: Commands, name: str, *, what: str, description: str, examples: str, room: str | None = None
) -> argparse.ArgumentParser:
    """Add a command and return its parser.

    Args:
        commands: Those there are.
        name: The command.
        what: What it does, for the list of all.
        description: What it does, for its own help.
        examples: Lines that run it.
        room: The module that runs it; None where it is called as the command is.
    """
    lines = "".join(f"  {line.strip()}\n" for line in examples.strip().splitlines())
    one = lines.count("mcp-oauth-sync") == 1
    parser = commands.add_parser(
        name,
        help=what,
        description=description,
        epilog=f"example{'' if one else 's'}:\n{lines}",
        formatter_class=ExamplesAsWritten,
    )
    parser.set_defaults(command=room or name)
    return parser


def add_name(parser: argparse.ArgumentParser, *, optional: bool = False, what: str = "") -> None:
    """Let a command take the name of a sign-in.

    Args:
        parser: The command.
        optional: Whether it goes without.
        what: What the name is; empty for that of a sign-in, or the URL of its server.
    """
    parser.add_argument(
        "name", metavar="NAME", nargs="?" if optional else None, help=what or "the sign-in, or its server's URL"
    )


def add_json(parser: argparse._ActionsContainer, what: str = "print one JSON document") -> None:
    """Let a command print for programs."""
    parser.add_argument("--json", action="store_true", help=what)


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Let a command work for one of several accounts."""
    parser.add_argument("--profile", type=_profile, metavar="PROFILE", help="the account, where there are several")


def add_public_only(parser: argparse.ArgumentParser) -> None:
    """Let a command that contacts servers be kept to public ones."""
    parser.add_argument(
        "--public-only",
        action="store_true",
        help=f"contact public addresses over https only (default: where {PUBLIC_ONLY_VARIABLE} says so)",
    )


def is_public_only(options: argparse.Namespace) -> bool:
    """Tell whether a command is kept to public servers, by its flag or by this process's surroundings."""
    return options.public_only or os.environ.get(PUBLIC_ONLY_VARIABLE, "").strip().lower() not in _OFF


def add_verbose(parser: argparse.ArgumentParser, *, default: object = argparse.SUPPRESS) -> None:
    """Let a command tell its steps.

    Args:
        parser: The command, or the whole command line.
        default: Whether it does where nothing is said; what suppresses it keeps what was said before the command.
    """
    parser.add_argument(
        "-v", "--verbose", action="store_true", default=default, help="tell each step on standard error"
    )


def add_password(parser: argparse._ActionsContainer) -> None:
    """Let a command take a password from a file."""
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        help="the password is its first line (default: MCP_OAUTH_SYNC_EXPORT_PASSWORD, else it is asked for)",
    )


def _profile(text: str) -> str:
    from ..models.profile import require_profile

    try:
        return require_profile(text)
    except ValueError as defect:
        raise argparse.ArgumentTypeError(str(defect)) from None

"""The command line: ``mcp-oauth-sync COMMAND``. Each command's parts are loaded when it runs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from .parser import OVERVIEW, build_parser

DONE, FAILED, USAGE, SIGN_IN_NEEDED, INTERRUPTED = 0, 1, 2, 3, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status.

    Args:
        arguments: The command line without the program's name; None takes this process's.
    """
    try:
        return _main(arguments)
    except BaseException as end:
        if not _was_interrupted(end):
            raise
        from .output import finish_output

        with suppress(OSError):
            print("interrupted", file=sys.stderr, flush=True)
        return INTERRUPTED if finish_output() else FAILED


def _was_interrupted(end: BaseException | None) -> bool:
    """Tell whether Ctrl-C was pressed: the error may be what a lock or a parser made of it on its way out."""
    while end is not None and not isinstance(end, KeyboardInterrupt):
        end = end.__context__
    return end is not None


def _main(arguments: Sequence[str] | None) -> int:
    from .output import accept_all_characters, data, finish_output

    if "_ARGCOMPLETE" in os.environ:  # the shell asks what could come next
        from .completion import complete

        complete(build_parser(mixed=False))
    accept_all_characters()
    try:
        options = build_parser().parse_args(arguments)
        if options.command is None:
            data(OVERVIEW)
        status = DONE if options.command is None else _run(options)
    except SystemExit as end:  # argparse has printed the help, the version, or what is wrong
        status = end.code if isinstance(end.code, int) else USAGE
    except BrokenPipeError:  # the reader has gone: there is nobody to tell
        status = FAILED
    return status if finish_output() else FAILED


def _run(options: argparse.Namespace) -> int:
    from ..exceptions import OAuthError, ScopeRequiredError, SignInRequiredError
    from .logged import tell_warnings
    from .output import complain, say

    tell_warnings()
    if options.verbose:
        import logging

        logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
        logging.getLogger("mcp_oauth_sync").setLevel(logging.DEBUG)
    try:
        return int(import_module(f".{options.command.replace('-', '_')}", __name__).run(options))
    except OAuthError as error:
        if _was_interrupted(error):
            raise
        complain(error)
        return SIGN_IN_NEEDED if isinstance(error, SignInRequiredError | ScopeRequiredError) else FAILED
    except BrokenPipeError:
        raise
    except Exception as error:  # the last resort: a person gets a sentence, not a traceback
        if options.verbose or _was_interrupted(error):
            raise
        said = str(error).splitlines()
        say(f"error: {type(error).__name__}: {said[0] if said else 'no further word'}")
        say("hint: run again with --verbose for the details.")
        return FAILED

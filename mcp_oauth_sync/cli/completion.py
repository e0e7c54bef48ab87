"""``mcp-oauth-sync completion SHELL``: let the shell complete commands, flags and the names of sign-ins."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from ..exceptions import OAuthError
from ..stores.base import OAUTH
from .accounts import manager_for
from .output import print_script

_COMMAND = "mcp-oauth-sync"
_ACCOUNT = f"{OAUTH}@"


def run(options: argparse.Namespace) -> int:
    """Print what the shell has to run once.

    Raises:
        OAuthError: The extra is not installed.
    """
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError:
        hint = "Install it: pip install 'mcp-oauth-sync[completion]'"
        raise OAuthError("Completion needs the package argcomplete.", hint=hint) from None
    print_script(shellcode([_COMMAND], shell=options.shell).strip("\n"))
    return 0


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell and end the process; return where argcomplete is not installed.

    Args:
        parser: The whole command line.
    """
    try:
        import argcomplete
    except ImportError:
        return
    for action in _actions(parser):
        if action.metavar == "NAME" and not action.option_strings:
            action.completer = _names  # type: ignore[attr-defined]
        elif action.dest == "profile":
            action.completer = _profiles  # type: ignore[attr-defined]
        elif action.metavar in ("FILE", "PATH", "DIR"):
            action.completer = argcomplete.FilesCompleter()  # type: ignore[attr-defined]
        elif action.choices is None and action.nargs != 0:
            action.completer = _nothing  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, always_complete_options=False)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)


def _names(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Return the names of the sign-ins; nothing of them is read."""
    try:
        account = argparse.Namespace(profile=getattr(parsed_args, "profile", None))
        return manager_for(account).names()
    except (OAuthError, ValueError):  # pressing TAB is no time for complaints
        return []


def _nothing(**_: object) -> list[str]:
    return []


def _profiles(**_: object) -> list[str]:
    try:
        namespaces = {namespace for namespace, _ in manager_for(argparse.Namespace(profile=None)).store.list_generic()}
    except (OAuthError, ValueError):
        return []
    return sorted({"default"} | {each.removeprefix(_ACCOUNT) for each in namespaces if each.startswith(_ACCOUNT)})

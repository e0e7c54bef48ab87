"""``mcp-oauth-sync auth NAME URL``: sign in, once."""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import Any

from .. import OAuth
from ..exceptions import OAuthError, SignInRequiredError, TokenStorageError, printable
from ..stores import TokenManager
from ..urls import without_query
from .accounts import manager_for
from .auth_flags import arguments_of, in_flags
from .output import say
from .parser_parts import is_public_only
from .two_step import finish, start


def run(options: argparse.Namespace) -> int:
    """Sign the person in and say where the sign-in is kept."""
    manager = manager_for(options)
    try:
        arguments = {**arguments_of(options), "public_only": is_public_only(options)}
        if not (options.start or options.finish or options.verbose):  # what is told would stand in the line
            _count_down(arguments)
        auth = OAuth(options.url, name=options.name, token_manager=manager, **arguments)
    except OAuthError:
        raise
    except ValueError as defect:  # flags that do not go together
        say(f"error: {in_flags(str(defect))}")
        return 2
    if options.start:
        return start(auth, options)
    try:
        tokens = finish(auth) if options.finish else auth.sign_in()
    except SignInRequiredError as error:
        error.hint = "Run this command in a terminal, where you can follow the link it prints."
        raise
    except OAuthError as error:
        error.hint = in_flags(error.hint)
        raise
    if options.json:
        _show_document(manager, options.name)
        return 0
    say(f"Signed in to {without_query(options.url)} as {options.name!r}; kept in {manager.store.name}.")
    if tokens.scope:
        say(f"Granted: {printable(tokens.scope)}")
    with suppress(TokenStorageError):  # the sign-in is good all the same, and where it is kept has been warned of
        record = manager.load_record(options.name)
        if record and record.switches:
            say(f"Remembered for {printable(record.issuer)} alone: {record.switches}")
    return 0


def _count_down(arguments: dict[str, Any]) -> None:
    """Let a person at the terminal see how long they have left."""
    from ..prompts import choose_prompt
    from ..prompts.countdown import Countdown
    from ..prompts.terminal import TerminalPrompt

    grant = arguments.get("grant")
    if grant is not None and not grant.interactive:
        return
    prompt = arguments.setdefault("prompt", choose_prompt())
    if isinstance(prompt, TerminalPrompt):
        prompt.countdown = Countdown()


def _show_document(manager: TokenManager, name: str) -> None:
    from .as_json import show_json
    from .described import in_full
    from .standing import stand

    record = manager.load_record(name)
    if record is None:  # it could not be kept, and that was warned of
        raise TokenStorageError(f"The sign-in {name!r} could not be kept, and ends with this command.")
    show_json(in_full(name, record, stand(record), manager))

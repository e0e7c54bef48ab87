"""``mcp-oauth-sync auth NAME URL``: sign in, once."""

from __future__ import annotations

import argparse

from .. import OAuth
from ..exceptions import OAuthError, SignInRequiredError, printable
from ..urls import without_query
from .accounts import manager_for
from .output import say

#: What the library's hints call its arguments, and what this command calls them.
_FLAGS = {
    "callback_port=": "--port",
    "client_id=": "--client-id",
    "scopes=": "--scopes",
    "sign_in_timeout=": "--timeout",
}


def run(options: argparse.Namespace) -> int:
    """Sign the person in and say where the sign-in is kept."""
    manager = manager_for(options)
    auth = OAuth(
        options.url,
        name=options.name,
        scopes=options.scopes,
        client_id=options.client_id,
        callback_port=options.port,
        sign_in_timeout=options.timeout,
        token_manager=manager,
    )
    try:
        tokens = auth.sign_in()
    except SignInRequiredError as error:
        error.hint = "Run this command in a terminal, where you can follow the link it prints."
        raise
    except OAuthError as error:
        for argument, flag in _FLAGS.items():
            error.hint = error.hint and error.hint.replace(argument, flag)
        raise
    say(f"Signed in to {without_query(options.url)} as {options.name!r}; kept in {manager.store.name}.")
    if tokens.scope:
        say(f"Granted: {printable(tokens.scope)}")
    return 0

"""A sign-in that is used where nobody is asked: in a pipe, or to see whether it works."""

from __future__ import annotations

import argparse
import sys

from .. import OAuth
from ..exceptions import OAuthError
from ..models.record import ServerRecord
from ..prompts import NoPrompt
from .accounts import manager_for, require_sign_in
from .parser_parts import is_public_only


class Silent(NoPrompt):
    """Asks nobody, whoever is there."""

    missing = "this command asks nobody"


def silent_sign_in(options: argparse.Namespace) -> tuple[OAuth, ServerRecord]:
    """Return the sign-in that a command names, to be used without a person, and what is kept of it.

    Raises:
        SignInRequiredError: There is no such sign-in.
        OAuthError: It is one that only its program can use.
        StoreUnavailableError: The store cannot be used here.
    """
    manager = manager_for(options)
    name, record = require_sign_in(manager, options.name)
    if not record.server_url:
        raise OAuthError(
            f"The sign-in {name!r} was made from endpoints that its program knows; only that program can use it."
        )
    public_only = is_public_only(options)
    auth = OAuth(record.server_url, name=name, token_manager=manager, prompt=Silent(), public_only=public_only)
    return auth, record


def refuse_terminal(options: argparse.Namespace, what: str) -> None:
    """Refuse to print a secret where people look.

    Raises:
        OAuthError: Standard output is a terminal, and nobody said --show.
    """
    if not options.show and sys.stdout is not None and sys.stdout.isatty():
        raise OAuthError(
            f"{what} on a screen is a leak: nothing was printed.",
            hint="Send it into a pipe, or say --show if you have to see it.",
        )

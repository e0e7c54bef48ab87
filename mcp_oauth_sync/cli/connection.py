"""A session with the server that a command names."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from .. import OAuth
from ..mcp.session import MCPSession
from .accounts import manager_for, sign_in_of, unknown
from .parser_parts import is_public_only


def open_session(options: argparse.Namespace, **how: Any) -> MCPSession:
    """Return a session with the server of a sign-in, or with the one at the URL that is given.

    Args:
        options: The command line's.
        how: Further arguments of the session.

    Raises:
        SignInRequiredError: There is neither.
        InsecureURLError: The URL is neither https nor on the loopback interface.
        StoreUnavailableError: The store cannot be used here.
    """
    manager = manager_for(options)
    options.name, record = sign_in_of(manager, options.name)
    url = options.url or (record.server_url if record else None)
    if not url:
        raise unknown(manager, options.name)
    auth = OAuth(url, name=options.name, token_manager=manager, public_only=is_public_only(options))
    return MCPSession(url, auth=auth, **how)


def command(name: str, options: argparse.Namespace, *flags: str) -> str:
    """Return the line that runs another command for the same sign-in."""
    account = [] if options.profile is None else ["--profile", options.profile]
    return shlex.join(["mcp-oauth-sync", name, options.name, *flags, *account])

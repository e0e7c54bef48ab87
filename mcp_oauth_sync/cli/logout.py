"""``mcp-oauth-sync logout NAME``: revoke the tokens and remove them here. RFC 7009."""

from __future__ import annotations

import argparse

from .. import OAuthHandler
from .accounts import manager_for
from .output import say


def run(options: argparse.Namespace) -> int:
    """Sign out, and say what the server made of it."""
    manager = manager_for(options)
    record = manager.load_record(options.name)
    if record is not None and record.moved_on:
        say(f"{options.name!r} was moved to another machine on {record.moved_on}: its tokens live there.")
        say("They were not revoked. Run this command there.")
        return 0
    if record is None or record.tokens is None:
        say(f"{options.name!r} is not signed in.")
        return 0
    if OAuthHandler(manager).logout(options.name):
        say(f"{options.name!r} is signed out; the server has revoked its tokens.")
    else:
        say(f"{options.name!r} is signed out here; the server did not confirm that its tokens are revoked.")
    return 0

"""``mcp-oauth-sync logout NAME``: revoke the tokens and remove them here. RFC 7009."""

from __future__ import annotations

import argparse

from .. import OAuth
from ..models.record import ServerRecord
from ..stores import TokenManager
from .accounts import alike, manager_for, sign_in_of
from .as_json import show_json
from .output import say
from .parser_parts import is_public_only


def run(options: argparse.Namespace) -> int:
    """Sign out, and say what the server made of it."""
    manager = manager_for(options)
    name, record = sign_in_of(manager, options.name)
    held = record is not None and record.tokens is not None
    forget, public_only = options.forget_client, is_public_only(options)
    revoked = record is not None and held and _signed_out(manager, name, record, forget=forget, public_only=public_only)
    forgotten = record is not None and options.forget_client
    if forgotten and not held:
        manager.delete_record(name)
    if options.json:
        show_json({"name": name, "signed_out": held, "revoked": revoked if held else None, "forgotten": forgotten})
        return 0
    if record is not None and record.moved_on:
        say(f"{name!r} was moved to another machine on {record.moved_on}: its tokens live there.")
        say("They were not revoked. Run this command there.")
    elif not held:
        say(" ".join([f"{name!r} is not signed in.", *(alike(manager, name) if record is None else [])]))
    elif revoked:
        say(f"{name!r} is signed out; the server has revoked its tokens.")
    else:
        say(f"{name!r} is signed out here; the server did not confirm that its tokens are revoked.")
    if forgotten:
        say("Its client is forgotten here, too; the next sign-in will register another one.")
    return 0


def _signed_out(manager: TokenManager, name: str, record: ServerRecord, *, forget: bool, public_only: bool) -> bool:
    url = record.server_url or record.token_endpoint
    if not url:
        manager.delete_record(name) if forget else manager.delete_tokens(name)
        return False
    return OAuth(url, name=name, token_manager=manager, public_only=public_only).sign_out(forget=forget)

"""``mcp-oauth-sync logout NAME``: revoke the tokens and remove them here. RFC 7009, RFC 7592."""

from __future__ import annotations

import argparse

import requests

from ..authorizer import Authorizer
from ..authorizer.ending import Ending
from ..models.options import SignInOptions
from ..models.record import ServerRecord
from ..protocol.transport import Transport, guard_of
from ..stores import TokenManager
from ..urls import is_loopback, require_secure
from .accounts import alike, manager_for, sign_in_of
from .as_json import show_json
from .output import say
from .parser_parts import is_public_only


def run(options: argparse.Namespace) -> int:
    """Sign out, and say what the server made of it."""
    manager = manager_for(options)
    name, record = sign_in_of(manager, options.name)
    held = record is not None and record.tokens is not None
    forget = record is not None and options.forget_client
    ending = Ending()
    if record is not None and (held or forget):
        ending = _ended(manager, name, record, forget=forget, public_only=is_public_only(options))
    if options.json:
        show_json(
            {
                "name": name,
                "signed_out": held,
                "revoked": ending.revoked if held else None,
                "forgotten": forget,
                "client_removed": ending.removed,
                "why": ending.why,
            }
        )
        return 0
    if record is not None and record.moved_on:
        say(f"{name!r} was moved to another machine on {record.moved_on}: its tokens live there.")
        say("They were not revoked. Run this command there.")
    elif not held:
        say(" ".join([f"{name!r} is not signed in.", *(alike(manager, name) if record is None else [])]))
    elif ending.revoked:
        say(f"{name!r} is signed out; the server has revoked its tokens.")
    else:
        say(f"{name!r} is signed out here; the server did not confirm that its tokens are revoked.")
    if forget:
        _say_forgotten(ending)
    return 0


def _say_forgotten(ending: Ending) -> None:
    if ending.removed:
        say("Its client is removed at the server and forgotten here; the next sign-in will register another one.")
        return
    say("Its client is forgotten here, too; the next sign-in will register another one.")
    if ending.why:
        say(f"It is still known to the server. {ending.why}")


def _ended(manager: TokenManager, name: str, record: ServerRecord, *, forget: bool, public_only: bool) -> Ending:
    url = record.server_url or record.token_endpoint
    if not url:
        manager.delete_record(name) if forget else manager.delete_tokens(name)
        return Ending()
    http = Transport(
        session=requests.Session(),
        allow_loopback=is_loopback(require_secure(url, "MCP server URL").hostname),
        guard=guard_of(url, public_only=public_only),
    )
    return Authorizer(url, manager=manager, name=name, options=SignInOptions(), http=http).end(forget=forget)

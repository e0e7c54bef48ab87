"""``mcp-oauth-sync import --from chuk``: go on with the sign-ins of chuk-mcp-client-oauth on this machine.

It keeps neither the URL of a server nor its issuer. So the person names the URL, and the server itself tells who its
authorization server is, before anything of the sign-in is sent anywhere.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import requests

from ..client import MCPOAuthClient
from ..exceptions import OAuthError, TokenStorageError, printable
from ..models.record import ServerRecord
from ..stores import TokenManager
from ..stores.from_chuk import REDIRECT, ChukSignIn, ChukSignIns, mangled
from ..urls import without_query
from .accounts import manager_for
from .as_json import show_json
from .output import say
from .passwords import find_password
from .table import show_table

#: Where the original itself looks for the password of its files.
PASSWORD_VARIABLE = "MCP_CLI_ENCRYPTION_KEY"
_WHOSE = "chuk-mcp-client-oauth"


def take_over(options: argparse.Namespace) -> int:
    """Take over what can be used, say in a line each what cannot, and end with a table; 1 when something was left out.

    Args:
        options: The flags.

    Raises:
        TokenStorageError: Nothing was found, or the store cannot be used.
    """
    manager = manager_for(options)
    folder = Path(options.dir).expanduser() if options.dir else Path.home() / ".chuk_oauth"
    theirs = ChukSignIns(
        folder,
        password=lambda: find_password(
            options.password_file, twice=False, variable=PASSWORD_VARIABLE, what=f"the store of {_WHOSE}"
        ),
        service=options.service,
    )
    found = theirs.read(name for name, _ in options.url)
    if not found:
        raise TokenStorageError(f"Nothing of {_WHOSE} was found in {folder}.", hint="Say where it is with --dir.")
    urls = {mangled(name): url for name, url in options.url}
    rows: list[tuple[str, str, str]] = []
    for name, left in found.items():
        url = urls.get(mangled(name))
        try:
            if isinstance(left, TokenStorageError):
                raise left
            url = url or _url_of(name)
            record = _kept(manager, left, url, replace=options.replace)
        except OAuthError as failure:
            hint = f" {failure.hint}" if failure.hint else ""
            say(f"{printable(name)!r} is left out: {printable(failure.message, 400).rstrip('.')}.{hint}")
            rows.append((printable(name), without_query(url) if url else "-", "left out"))
        else:
            rows.append((printable(name), without_query(record.server_url), _told(record)))
    if options.json:
        documents = [{"name": name, "server_url": server, "result": result} for name, server, result in rows]
        show_json({"store": manager.store.name, "sign_ins": documents})
    else:
        show_table(("NAME", "SERVER", "RESULT"), rows)
    taken = [row for row in rows if row[2] != "left out"]
    if taken:
        say(f"Kept in {manager.store.name}; nothing of {_WHOSE} was changed.")
        say("Use one of the two from now on: where a server rotates refresh tokens, the other one is signed out.")
    return 0 if len(taken) == len(rows) else 1


def _url_of(name: str) -> str:
    """Return the URL of a server: its name where that is one, else what the person says.

    Raises:
        TokenStorageError: It is not known.
    """
    if name.startswith(("https://", "http://")):
        return name
    said = ""
    if sys.stdin is not None and sys.stdin.isatty():
        say(f"URL of the MCP server {printable(name)!r} (empty leaves it out): ")
        said = sys.stdin.readline().strip()
    if not said:
        again = shlex.quote(f"{name}=URL")
        raise TokenStorageError("the URL of its server is not known", hint=f"Name it: --url {printable(again)}")
    return said


def _kept(manager: TokenManager, left: ChukSignIn, url: str, *, replace: bool) -> ServerRecord:
    """Find out whose tokens they are, and keep them.

    Raises:
        OAuthError: They cannot be used or kept; the subclass says why.
    """
    tokens, registration = left.tokens, left.registration
    renewable = tokens.refresh_token is not None and registration is not None and not registration.is_expired()
    anew = f"Sign in: {shlex.join(['mcp-oauth-sync', 'auth', left.name, without_query(url)])}"
    if tokens.seconds_left() <= 0 and not renewable:
        raise TokenStorageError("it has expired, and there is nothing to renew it with", hint=anew)
    record = ServerRecord(
        server_url=url,
        tokens=tokens,
        registration=registration,
        requested_scope=tokens.scope,
        redirect_uri=REDIRECT if registration else None,
    )
    with requests.Session() as session:
        record = MCPOAuthClient(url, session=session, record=record).complete()
    manager.take_over(left.name, record, replace=replace)
    return record


def _told(record: ServerRecord) -> str:
    tokens = record.tokens
    if tokens is not None and tokens.is_expired():
        return "taken over, renewed at the next call"
    return "taken over" if record.can_refresh() else "taken over until it expires"

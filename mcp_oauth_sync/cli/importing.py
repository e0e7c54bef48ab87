"""``mcp-oauth-sync import [FILE]``: keep a sign-in that was exported on another machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..exceptions import StoreCorruptError, TokenStorageError, printable
from ..stores import TokenManager
from ..stores.sealed_text import LONGEST, PASSWORD, kind_of
from ..urls import without_query
from .accounts import manager_for
from .as_json import show_json
from .import_flags import misused
from .output import say
from .passwords import find_password
from .reading import read_text


def run(options: argparse.Namespace) -> int:
    """Import it, and say what it is."""
    if defect := misused(options):
        say(f"error: {defect}")
        return 2
    if options.source is not None:
        from .import_chuk import take_over

        return take_over(options)
    manager, sealed = manager_for(options), _sealed(options.file)
    means = {}
    if kind_of(sealed) == PASSWORD:
        means["password"] = find_password(options.password_file, twice=False)
    name = manager.import_sign_in(sealed, name=options.name, replace=options.replace, **means)
    tell(manager, name, as_document=options.json)
    return 0


def tell(manager: TokenManager, name: str, *, as_document: bool) -> None:
    """Say what has come."""
    record = manager.load_record(name)
    if as_document:
        server_url = without_query(record.server_url) if record and record.server_url else None
        switches = list(record.switches.names) if record else []
        show_json({"name": name, "server_url": server_url, "store": manager.store.name, "switches": switches})
    where = without_query((record and (record.server_url or record.token_endpoint)) or "-")
    say(f"{printable(name)!r} is signed in to {where} here now; kept in {manager.store.name}.")
    if record is not None and record.switches:
        say(f"Remembered for {printable(record.issuer)} alone: {record.switches}")
    say("Delete the sealed text: it is of no more use.")


def _sealed(file: str | None) -> str:
    """Return the sealed text.

    Raises:
        TokenStorageError: The file cannot be read.
        StoreCorruptError: There is none.
    """
    if file is None:
        text = read_text("The sealed sign-in: ", longest=LONGEST)
    else:
        try:
            with Path(file).open("rb") as stream:
                text = stream.read(LONGEST + 1).decode("ascii", "replace").strip()
        except OSError as failure:
            raise TokenStorageError(
                f"The file {file} cannot be read: {failure.strerror or failure}.", hint="Check the path."
            ) from failure
    if not text:
        raise StoreCorruptError("There is no sealed sign-in.", hint="Give what 'mcp-oauth-sync export' printed.")
    return text

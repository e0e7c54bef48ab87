"""``mcp-oauth-sync receive NAME``: show a key, and keep the sign-in that is exported to it. For who has no browser."""

from __future__ import annotations

import argparse

from ..exceptions import StoreCorruptError
from ..stores.sealed_text import LONGEST
from .accounts import manager_for
from .as_json import show_json
from .importing import tell
from .output import data, say
from .reading import read_text


def run(options: argparse.Namespace) -> int:
    """Show the key, wait for the sign-in, and keep it; until one has come, the key stays the same."""
    manager = manager_for(options)
    key = manager.receiving_key(options.name)
    if options.show_key:
        show_json({"name": options.name, "key": key}) if options.json else data(key)
        return 0
    say("On the machine where you are signed in, run this, with the name the sign-in has there:")
    say(f"  mcp-oauth-sync export NAME --to {key}")
    sealed = read_text("Paste here what it prints: ", longest=LONGEST)
    if not sealed:
        raise StoreCorruptError(
            "There is no sealed sign-in yet.", hint="Run this command again with it: the key stays the same."
        )
    name = manager.import_sign_in(sealed, name=options.name, replace=options.replace)
    tell(manager, name, as_document=options.json)
    return 0

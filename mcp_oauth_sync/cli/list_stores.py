"""``mcp-oauth-sync stores``: where sign-ins can be kept here, and where they are."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ..exceptions import StoreUnavailableError, TokenStorageError, printable
from ..stores.base import OAUTH, SecureTokenStore
from ..stores.choosing import MEMORY, detect, survey
from .as_json import show_json
from .output import complain, is_terminal
from .table import show_table

#: What stands before the profile in the namespace of an account.
_ACCOUNT = f"{OAUTH}@"


def run(options: argparse.Namespace) -> int:
    """Try each of them, and say which one is taken."""
    trouble = None
    try:
        taken: str | None = detect()
    except (StoreUnavailableError, ValueError) as failure:
        taken = None
        trouble = failure if isinstance(failure, StoreUnavailableError) else StoreUnavailableError(f"{failure}.")
    documents = [_document(name, store, why, taken=taken) for name, store, why in survey()]
    if options.json:
        show_json({"taken": taken, "why": trouble and printable(trouble.message), "stores": documents})
    else:
        show_table(("STORE", "STATE", "SIGN-INS", "WHERE, OR WHY NOT"), [_row(each) for each in documents])
    if trouble is not None:
        complain(trouble)
        return 1
    return 0


def _document(name: str, store: SecureTokenStore | None, why: str | None, *, taken: str | None) -> dict[str, object]:
    count = None
    if store is not None:
        try:
            count = sum(
                1 for namespace, _ in store.list_generic() if namespace == OAUTH or namespace.startswith(_ACCOUNT)
            )
        except TokenStorageError as failure:
            why = printable(failure.message)
    if name == MEMORY:
        why = "nothing outlives the process"
    return {
        "name": name,
        "taken": name == taken,
        "usable": store is not None,
        "place": store.name if store is not None else None,
        "sign_ins": count,
        "why": why,
    }


def _row(document: dict[str, object]) -> tuple[str, str, str, str]:
    state = "taken" if document["taken"] else "usable" if document["usable"] else "not usable"
    count = "-" if document["sign_ins"] is None else str(document["sign_ins"])
    said = printable(document["why"] or document["place"], 400)
    return str(document["name"]), state, count, _from_home(said) if is_terminal(sys.stdout) else said


def _from_home(text: str) -> str:
    """Return a text for a column, where the folder of the person is a single sign."""
    try:
        home = Path.home()
    except RuntimeError:  # who has no entry among the users, and no HOME, has none
        return text
    return text if home == home.parent else text.replace(f"{home}{os.sep}", f"~{os.sep}")

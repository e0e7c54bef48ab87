"""``mcp-oauth-sync status [NAME]``: whether sign-ins can be used, told by the exit status too. No server is asked."""

from __future__ import annotations

import argparse

from ..exceptions import SignInRequiredError, TokenStorageError, printable
from ..stores import TokenManager
from .accounts import manager_for, sign_in_again, sign_in_of, unknown
from .as_json import show_json
from .described import briefly
from .output import complain, say
from .standing import DONE, FAILED, SIGN_IN_NEEDED, look_up
from .table import show_table


def run(options: argparse.Namespace) -> int:
    """Print a line per sign-in; what is broken counts before what a person can mend by signing in."""
    profile = None
    try:
        manager = manager_for(options)
        profile = manager.profile
        names = _names(manager, options.name)
        store = manager.store.name if names else None
    except (TokenStorageError, SignInRequiredError) as failure:
        if options.json:
            why = printable(failure.message)
            show_json({"exit_status": _of(failure), "profile": profile, "store": None, "why": why, "sign_ins": []})
        complain(failure)
        return _of(failure)
    found = [(name, *look_up(manager, name)) for name in names]
    statuses = {standing.status for _, _, standing in found}
    status = next((bad for bad in (FAILED, SIGN_IN_NEEDED) if bad in statuses), DONE)
    if options.json:
        kept = [briefly(name, record, standing) for name, record, standing in found]
        show_json({"exit_status": status, "profile": profile, "store": store, "why": None, "sign_ins": kept})
    elif found:
        rows = [(printable(name), standing.told) for name, _, standing in found]
        show_table(("NAME", "STATE"), rows, paint=[standing.paint for _, _, standing in found])
        say(f"Kept in {store}; profile {profile!r}.")
    else:
        say("There are no sign-ins.")
    for name, record, standing in found:
        if record is not None and standing.status == SIGN_IN_NEEDED:
            say(f"hint: Run: {sign_in_again(manager, name, record)}")
    return status


def _names(manager: TokenManager, name: str | None) -> list[str]:
    """Return the sign-ins that are asked about.

    Raises:
        SignInRequiredError: There is none of that name.
    """
    kept = manager.names()
    if name is None or name in kept:
        return kept if name is None else [name]
    found, record = sign_in_of(manager, name)
    if record is None:
        raise unknown(manager, name)
    return [found]


def _of(failure: Exception) -> int:
    return SIGN_IN_NEEDED if isinstance(failure, SignInRequiredError) else FAILED

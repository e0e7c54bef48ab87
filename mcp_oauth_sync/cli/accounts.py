"""Whose sign-ins a command works on, and which one it means."""

from __future__ import annotations

import argparse
import shlex

from ..exceptions import SignInRequiredError, TokenStorageError, printable
from ..models.record import ServerRecord
from ..stores import TokenManager, default_manager
from ..urls import without_query


def manager_for(options: argparse.Namespace) -> TokenManager:
    """Return the manager of the profile named on the command line, else of the environment's.

    Raises:
        StoreUnavailableError: The store cannot be used here.
        ValueError: The profile has characters it must not have.
    """
    manager = default_manager()
    return manager if options.profile is None else manager.in_profile(options.profile)


def sign_in_of(manager: TokenManager, name: str) -> tuple[str, ServerRecord | None]:
    """Return (name, what is kept) of the sign-in that a person means by its name or by its server's URL.

    Args:
        manager: Where it is kept.
        name: What the person wrote.

    Raises:
        StoreCorruptError: There is one, but it cannot be read.
        TokenStorageError: The store cannot be used now.
    """
    if "://" not in name:
        return name, manager.load_record(name)
    for url in (name, name.rstrip("/"), f"{name.rstrip('/')}/"):
        found, record = manager.find(url)
        if record is not None:
            return str(found), record  # a name that was read from a store would not show itself
    return name, None


def require_sign_in(manager: TokenManager, name: str) -> tuple[str, ServerRecord]:
    """Do as :func:`sign_in_of`, and refuse a name that nothing is kept under.

    Raises:
        SignInRequiredError: There is no such sign-in; the hint names one that is written alike.
    """
    found, record = sign_in_of(manager, name)
    if record is None:
        raise unknown(manager, name)
    return found, record


def unknown(manager: TokenManager, name: str) -> SignInRequiredError:
    """Return the error for a name that nothing is kept under."""
    what = f"There is no sign-in for {without_query(name)}" if "://" in name else f"There is no sign-in called {name!r}"
    profile = "" if manager.profile == "default" else f" in the profile {manager.profile!r}"
    return SignInRequiredError(
        f"{what}{profile}.", hint=" ".join([*alike(manager, name), f"Run: {_sign_in(manager, name)}"])
    )


def alike(manager: TokenManager, name: str) -> list[str]:
    """Return a question about a name that is written alike; none when there is no such name."""
    from difflib import get_close_matches

    try:
        near = get_close_matches(name, manager.names(), n=1)
    except TokenStorageError:
        return []
    return [f"Did you mean {printable(one)!r}?" for one in near]


def _sign_in(manager: TokenManager, name: str) -> str:
    means = ["NAME", without_query(name)] if "://" in name else [name, "URL"]
    return shlex.join(["mcp-oauth-sync", "auth", *means, *account_flags(manager)])


def sign_in_again(manager: TokenManager, name: str, record: ServerRecord) -> str:
    """Return the command that signs in anew, without the query of the server's URL."""
    url = without_query(record.server_url) if record.server_url else "URL"
    return shlex.join(["mcp-oauth-sync", "auth", name, url, *account_flags(manager)])


def account_flags(manager: TokenManager) -> list[str]:
    """Return the flags that name the same account in another command."""
    return [] if manager.profile == "default" else ["--profile", manager.profile]

"""What chuk-mcp-client-oauth 0.4 has left in the keyring: one entry per server under one service name, as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from ..exceptions import StoreUnavailableError, TokenStorageError
from ..models.secret import Secret
from .os_keyring.trouble import BackendFailed, strangers_backend
from .time_limit import TimedOut, within

#: What its entries are filed under unless a program has chosen another name.
SERVICE = "chuk-oauth"
#: Seconds for all entries: a person may have to unlock the keyring.
_LIMIT = 60.0


def read_entries(service: str, names: Sequence[str]) -> dict[str, str | TokenStorageError]:
    """Return what is kept under some names, or why it cannot be read; what is not there is left out.

    Args:
        service: What the entries are filed under.
        names: The names.
    """
    try:
        return within(_LIMIT, lambda: _read(service, names), name="mcp-oauth-sync keyring")
    except TimedOut:
        failure = StoreUnavailableError("the keyring does not answer", hint="Unlock it, then run the command again.")
        return dict.fromkeys(names, failure)


def _read(service: str, names: Sequence[str]) -> dict[str, str | TokenStorageError]:
    found: dict[str, str | TokenStorageError] = {}
    for name in names:
        try:
            with strangers_backend():
                from keyring import get_password

                stored = get_password(service, name)
        except BackendFailed as trouble:
            if trouble.is_unreachable or trouble.is_not_set_up:
                return found  # there is no keyring: nothing can be in it
            why = "it is locked" if trouble.is_locked else type(trouble.failure).__name__
            found[name] = StoreUnavailableError(
                f"the keyring cannot be read: {why}", hint="Unlock it, then run the command again."
            )
        else:
            if isinstance(stored, str):
                found[name] = Secret(stored)
    return found

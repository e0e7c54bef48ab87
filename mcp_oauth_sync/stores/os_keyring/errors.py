"""What is the matter with a keyring, in words: what failed, where, and what to do."""

from __future__ import annotations

from ...exceptions import StoreCorruptError, StoreUnavailableError, TokenStorageError, printable
from ..time_limit import TimedOut
from . import calls
from .texts import document_of
from .trouble import BackendFailed, NoneViable, NotKept, NotOurs, said_by

#: Characters of a secret in a row that must not be shown, and how much of a message is looked through for them.
_PIECE, _LOOKED_AT = 8, 4000


def explained(
    trouble: Exception, done: str, *, store: str, key: str, secret: str
) -> tuple[TokenStorageError, Exception | None]:
    """Return our error for what went wrong, and what may be shown as its cause.

    Args:
        trouble: What was raised.
        done: What was to be done: "stored", "read", "removed" or "listed".
        store: What messages call the store.
        key: The entry.
        secret: The value that was handed to the backend, which may repeat it in its message; or nothing.
    """
    failure = trouble.failure if isinstance(trouble, BackendFailed) else None
    texts = None if failure is None else said_by(failure)
    quotable = texts is not None and not any(_repeats(text, secret) for text in texts)
    kind, why, hint = _in_words(trouble, printable(failure).rstrip(".") if quotable else "")
    error = kind(f"The entry {key!r} could not be {done}: {store} {why}.", hint=hint, store=store, name=key)
    return error, failure if quotable else None


def _repeats(text: str, secret: str) -> bool:
    """Tell whether a text has a piece of a secret in it, as it is or as it is written."""
    written = document_of(secret, "")
    pieces = {text[at : at + _PIECE] for at in range(min(len(text), _LOOKED_AT))}
    return any(len(piece) == _PIECE and (piece in secret or piece in written) for piece in pieces)


def _in_words(trouble: Exception, quoted: str) -> tuple[type[TokenStorageError], str, str]:
    """Return the kind of error, what the keyring does, and what to do."""
    if isinstance(trouble, TimedOut):
        hint = "A dialog of the keyring may be waiting for an answer; if there is none, restart the keyring."
        return TokenStorageError, f"did not answer within {calls.LIMIT:g} seconds", hint
    if isinstance(trouble, NotOurs):
        hint = "It was left as it is. Remove it with the password manager of the keyring if nothing needs it."
        return StoreCorruptError, "holds something else there, or was written by a newer mcp-oauth-sync", hint
    if isinstance(trouble, NotKept):
        return TokenStorageError, str(trouble), "Choose another store."
    elsewhere = "Run this in a session that has a keyring, or choose another store."
    text = ": ".join(filter(None, (str(trouble), quoted)))
    if isinstance(trouble, NoneViable) or not isinstance(trouble, BackendFailed):
        return StoreUnavailableError, f"cannot be reached ({text})", elsewhere
    if trouble.is_locked:
        hint = "Unlock it (log in to the desktop, or open its password manager), then try again."
        return TokenStorageError, f"is locked ({text})", hint
    if trouble.is_not_set_up:
        hint = "Make or unlock the login keyring (log in to the desktop once), then try again."
        return TokenStorageError, f"is locked or not set up yet ({text})", hint
    if trouble.is_unreachable:
        return StoreUnavailableError, f"cannot be reached ({text})", elsewhere
    return TokenStorageError, f"failed ({text})", "Look at it with its own password manager, or choose another store."

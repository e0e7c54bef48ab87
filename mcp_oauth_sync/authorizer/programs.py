"""A program's sign-in is no person's, and no other program's: a name that is given to both stays with whose it is."""

from __future__ import annotations

from ..exceptions import SignInRequiredError, TokenStorageError
from ..models.record import ServerRecord


def require_same_grant(record: ServerRecord, grant: str, name: str, *, store: str) -> None:
    """Refuse a name under which a person, or another kind of program, has signed in: their tokens are not for us.

    Args:
        record: What is kept under the name.
        grant: What obtains our tokens.
        name: The name.
        store: What the store is called.

    Raises:
        TokenStorageError: It is somebody else's sign-in.
    """
    if record.grant == grant or record.tokens is None or not record.issuer:
        return
    theirs = "of a person" if record.grant is None else f"by {record.grant}"
    raise TokenStorageError(
        f"The sign-in {name!r} is one {theirs}, not by {grant}; it was not used.",
        hint=f"Choose another name, or remove it with 'mcp-oauth-sync clear {name}'.",
        store=store,
        name=name,
    )


def programs_own(name: str, record: ServerRecord | None, *, hint: str) -> SignInRequiredError | None:
    """Return why no person is asked to sign in in the place of a program; None where it is nobody's, or a person's.

    Args:
        name: The sign-in.
        record: What is kept under the name; None when nothing is.
        hint: What a person does who means it.
    """
    if record is None or record.grant is None or record.tokens is None:
        return None
    return SignInRequiredError(
        f"The sign-in {name!r} is a program's ({record.grant}); its tokens do not help, and only it gets new ones.",
        hint=hint,
    )

"""Where the password of a sealed sign-in comes from: a file, the environment or a person. Never the command line."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from ..exceptions import TokenStorageError
from ..models.secret import Secret
from .output import say

EXPORT_PASSWORD_VARIABLE = "MCP_OAUTH_SYNC_EXPORT_PASSWORD"
_LONGEST = 4096
_TRIES = 3


def find_password(
    file: str | None,
    *,
    twice: bool,
    variable: str = EXPORT_PASSWORD_VARIABLE,
    what: str = "the sealed sign-in",
) -> str:
    """Return the password.

    Args:
        file: Its first line is the password; None looks in the environment, then asks at the terminal.
        twice: Whether a person has to say it a second time: nothing else would tell a slip of the finger.
        variable: Where to look in the environment.
        what: What it opens, for messages.

    Raises:
        TokenStorageError: There is none.
    """
    if file is not None:
        return _first_line(Path(file))
    if given := os.environ.get(variable):
        return Secret(given)
    if not _somebody_there():
        raise TokenStorageError(
            f"{what[:1].upper()}{what[1:]} needs a password, and nobody is there to ask for it.",
            hint=f"Set {variable}, or use --password-file.",
        )
    return _asked(what, twice=twice)


def _first_line(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            first = stream.readline(_LONGEST + 1)
        password = Secret(first.rstrip(b"\r\n").decode())
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or "it is not UTF-8"
        raise TokenStorageError(
            f"The password file {path} cannot be read: {reason}.", hint="Check the path, and that the file is yours."
        ) from None
    if not password or len(first) > _LONGEST:
        raise TokenStorageError(
            f"The first line of the password file {path} is no password: it is empty, or too long.",
            hint="Put the password alone on its first line.",
        )
    return password


def _somebody_there() -> bool:
    """Tell whether there is a terminal to ask at, whatever standard input is."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | getattr(os, "O_NOCTTY", 0)))
    except OSError:
        return sys.stdin is not None and sys.stdin.isatty()
    return True


def _asked(what: str, *, twice: bool) -> str:
    from getpass import getpass

    with suppress(EOFError):
        for _ in range(_TRIES):
            password = Secret(getpass(f"Password of {what}: ", sys.stderr))
            if not password:
                say("It must not be empty.")
            elif not twice or Secret(getpass("The same once more: ", sys.stderr)) == password:
                return password
            else:
                say("The two differ.")
    raise TokenStorageError("No password was given.", hint="Run the command again.")

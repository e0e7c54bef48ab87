"""A secret that the caller keeps: in a text, in a file that is read anew each time, or behind a function."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from ..exceptions import OAuthError, printable
from ..models.secret import Secret

#: Largest file that is read, in bytes.
MAX_FILE = 256 * 1024


def read_secret_file(path: Path, *, what: str, failed: type[OAuthError]) -> Secret:
    """Return what a file holds, without the blanks around it.

    Args:
        path: The file.
        what: What it holds, for messages ("the client's private key").
        failed: The kind of error.

    Raises:
        OAuthError: Of the kind ``failed``: it cannot be read, is too large, no text, or empty.
    """
    defect, found = _read(path)
    if defect is None and not found:
        defect = "it is empty"
    if defect is not None:
        raise failed(
            f"{what[0].upper()}{what[1:]} cannot be read from {where(path)}: {defect}.",
            hint="Check the path and the rights of its file.",
        )
    return found


def read_given(source: str | Path | Callable[..., str], *asked: str, what: str, failed: type[OAuthError]) -> Secret:
    """Return a secret from wherever the caller keeps it.

    Args:
        source: A text, the path of a file, or a function that brings it.
        asked: What the function is called with.
        what: What it is, for messages.
        failed: The kind of error.

    Raises:
        OAuthError: Of the kind ``failed``: there is none. What a caller's own function raises is raised as it is.
    """
    if isinstance(source, Path):
        return read_secret_file(source, what=what, failed=failed)
    if isinstance(source, str):
        return Secret(source.strip())
    brought: object = source(*asked)
    if not isinstance(brought, str) or not brought.strip():
        raise failed(
            f"The function given brought no text for {what} but {type(brought).__name__}.",
            hint="It has to return the text itself.",
        )
    return Secret(brought.strip())


def where(path: Path) -> str:
    """Return a path for a message."""
    return printable(path, 300)


def _read(path: Path) -> tuple[str | None, Secret]:
    """Return (what is wrong or None, the text). Nothing that could block or never end is opened or read."""
    nothing = Secret()
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return "it is no file", nothing
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                # By latin-1, which fits every byte: no variable and no exception ever holds what was read in the open.
                text = Secret(file.read(MAX_FILE + 1).decode("latin-1").strip())
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as failure:
        return (getattr(failure, "strerror", None) or "the path makes no sense"), nothing
    if len(text) > MAX_FILE:
        return f"it is larger than {MAX_FILE} bytes", nothing
    return (None, text) if text.isascii() else ("it is no plain text", nothing)

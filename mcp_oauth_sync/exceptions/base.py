"""What all errors have, and how text from a server is made safe to show."""

from __future__ import annotations


def printable(text: object, limit: int = 200) -> str:
    """Return text from a server made safe to show: no control or line-breaking characters, and not too long.

    Args:
        text: What the server sent; anything else is made a text first.
        limit: Characters after which it is cut.
    """
    try:
        whole = str(text)
    except RecursionError:  # JSON can be nested deeper than Python can show
        whole = type(text).__name__
    shown = "".join(c if c.isprintable() else " " for c in whole[: limit * 4])
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


class OAuthError(Exception):
    """Base of every error of this library.

    Attributes:
        message: What failed and where, without secrets.
        hint: What to do about it, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nHint: {self.hint}" if self.hint else self.message

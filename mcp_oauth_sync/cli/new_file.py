"""A new file for what a command gives: its owner's alone, and never in place of another."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType


class NewFile:
    """A file that was not there. It is made at once, and removed again at the end of the block unless it was written.

    Args:
        path: Where.

    Raises:
        OSError: It was there, or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        """Make it, empty."""
        self._path, self._done = path, False
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        self._stream = os.fdopen(os.open(path, flags, 0o600), "wb")

    def __enter__(self) -> NewFile:
        """Return it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it, and remove it unless it was written."""
        if not self._stream.closed:
            self._stream.close()
        if not self._done:
            self._path.unlink(missing_ok=True)

    def write(self, content: bytes) -> None:
        """Write all that it is to hold.

        Raises:
            OSError: It cannot be written; it is removed at the end of the block.
        """
        with self._stream:
            self._stream.write(content)
            self._stream.flush()
            os.fsync(self._stream.fileno())
        self._done = True

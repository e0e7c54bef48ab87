"""Turn-taking: one holder per name among the threads of this process and, for files, among all processes.

The kernel holds the lock between processes, so a killed holder frees it at once and none goes stale.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..exceptions import TokenStorageError
from .private_files import make_private_directory

#: Seconds between two looks at a lock that another process holds.
POLL = 0.02


class _Turn:
    """The lock of one name within this process; the thread that holds it may enter again."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.depth = 0


_turns: dict[str, _Turn] = {}
_guard = threading.Lock()


def _forget_turns() -> None:
    """Start afresh in a forked child: the threads that held the locks are not there."""
    global _guard
    _guard = threading.Lock()
    _turns.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_turns)


@contextmanager
def exclusive(identity: str, path: Path | None, *, timeout: float, shown: str) -> Iterator[None]:
    """Hold the only turn for one identity until the block ends.

    Args:
        identity: What is taken turns at, unique within the process.
        path: Lock file shared with other processes; None keeps it within this process.
        timeout: Seconds to wait for the turn.
        shown: What to call it in a message.

    Raises:
        TokenStorageError: The turn did not come in time, or the lock file cannot be used.
    """
    with _guard:
        turn = _turns.setdefault(identity, _Turn())
    if not turn.lock.acquire(timeout=timeout):
        raise _late(shown, timeout)
    try:
        turn.depth += 1
        if path is None or turn.depth > 1:
            yield
        else:
            with _between_processes(path, timeout, shown):
                yield
    finally:
        turn.depth -= 1
        turn.lock.release()


@contextmanager
def _between_processes(path: Path, timeout: float, shown: str) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=timeout, mode=0o600, thread_local=False)
    try:
        make_private_directory(path.parent)
        lock.acquire(poll_interval=POLL)
    except Timeout:
        raise _late(shown, timeout) from None
    except OSError as failure:
        raise TokenStorageError(
            f"The lock file {path} cannot be used: {failure.strerror or failure}.",
            hint="Check that the folder is yours and not read-only.",
        ) from failure
    try:
        yield
    finally:
        lock.release()


def _late(shown: str, timeout: float) -> TokenStorageError:
    return TokenStorageError(
        f"Another thread or process has been busy with {shown} for more than {timeout:g} seconds.",
        hint="Wait for it to finish its sign-in, or end it; then try again.",
    )

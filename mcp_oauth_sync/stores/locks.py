"""Turn-taking: one holder per name among the threads of this process and, for files, among all processes.

The kernel holds the lock between processes, so a killed holder frees it at once and none goes stale.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..exceptions import TokenStorageError
from .private_files import make_private_directory, refuse_odd

#: Seconds between two looks at a lock that another process holds.
POLL = 0.02


class _Turn:
    """The lock of one name within this process; the thread that holds it may enter again."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.depth = 0


_turns: dict[str, _Turn] = {}

if hasattr(os, "register_at_fork"):
    # A forked child starts afresh: the threads that held the locks are not there.
    os.register_at_fork(after_in_child=_turns.clear)


@contextmanager
def exclusive(identity: str, path: Path | None, *, timeout: float, name: str) -> Iterator[None]:
    """Hold the only turn for one identity until the block ends.

    Args:
        identity: What is taken turns at, unique within the process.
        path: Lock file shared with other processes; None keeps it within this process.
        timeout: Seconds to wait for the turn.
        name: What to call it in a message.

    Raises:
        TokenStorageError: The turn did not come in time, or the lock file cannot be used.
    """
    began = time.monotonic()
    turn = _turns.setdefault(identity, _Turn())  # one step, also among threads
    if not turn.lock.acquire(timeout=timeout):
        raise _late(name, timeout)
    try:
        turn.depth += 1
        if path is None or turn.depth > 1:
            yield
        else:
            with _between_processes(path, timeout, time.monotonic() - began, name):
                yield
    finally:
        turn.depth -= 1
        turn.lock.release()


@contextmanager
def _between_processes(path: Path, timeout: float, waited: float, name: str) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=max(0.0, timeout - waited), mode=0o600, thread_local=False)
    try:
        make_private_directory(path.parent)
        refuse_odd(path)  # some filelocks empty what they open
        lock.acquire(poll_interval=POLL)
    except Timeout:
        raise _late(name, timeout) from None
    except (OSError, NotImplementedError) as failure:  # the latter: a file system without locks
        raise TokenStorageError(
            f"The lock file {path} cannot be used: {getattr(failure, 'strerror', None) or failure}.",
            hint="Check that the folder is yours, not read-only, and on a file system with locks.",
            name=name,
        ) from failure
    try:
        yield
    finally:
        lock.release()


def _late(name: str, timeout: float) -> TokenStorageError:
    return TokenStorageError(
        f"Another thread or process has been busy with {name!r} for more than {timeout:g} seconds.",
        hint="Wait for it to finish its sign-in, or end it; then try again.",
        name=name,
    )

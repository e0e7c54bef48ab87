"""Turn-taking: one holder per name among the threads of this process and, for files, among all processes.

The kernel holds the lock between processes (``flock``, on Windows ``LockFileEx``), so a killed holder frees it at
once and none goes stale. The lock belongs to the file and not to its name: a lock file may be removed only while
nobody holds it. One that was replaced while others waited for it is noticed by them, but its holder is not seen by
who comes later.

On a network home directory the same holds between hosts where the server keeps the locks: NFS version 4, NFS version
3 with its lock service, and SMB on Linux 5.5 and later. Where locks are kept per host (mounted with ``nolock`` or
``local_lock=all``, many FUSE file systems, synchronised folders), the threads and processes of one host still take
turns, but two hosts may refresh at the same time: the authorization server lets one win, and the other adopts what
the winner has stored. A file system that refuses to lock is an error; there is no lock file that goes stale instead.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..exceptions import TokenStorageError
from ..interrupts import held_back
from .private_files import OddFileError, make_private_directory, refuse_odd

if TYPE_CHECKING:
    from filelock import BaseFileLock

logger = logging.getLogger(__name__)

#: Seconds between two looks at a lock that another process holds: as long as that may be for a refresh, and after it.
POLL, POLL_LATER = 0.005, 0.02
#: Seconds that a refresh may take; who holds a lock longer waits for a person.
REFRESH = 2.0


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
    """Hold the lock of a file. Torn in two by Ctrl-C, filelock could leave locks of its own that nobody frees."""
    with held_back():
        lock = _lock(path)
    try:
        _take(lock, path, timeout, waited, name)
        yield
    finally:
        with held_back():
            _let_go(lock, path)


def _take(lock: BaseFileLock, path: Path, timeout: float, waited: float, name: str) -> None:
    """Take a lock in time; Ctrl-C ends the wait."""
    from filelock import Timeout

    try:
        if path.parent.is_symlink():
            raise OddFileError(errno.ELOOP, f"{path.parent} is a symbolic link")
        make_private_directory(path.parent)
        refuse_odd(path)  # some filelocks empty what they open
        left = max(0.0, timeout - waited)
        with held_back() as interruption:
            ends = interruption.gives_up
            try:
                lock.acquire(timeout=min(left, REFRESH), poll_interval=POLL, cancel_check=ends)
            except Timeout:
                lock.acquire(timeout=max(0.0, left - REFRESH), poll_interval=POLL_LATER, cancel_check=ends)
    except Timeout:
        raise _late(name, timeout) from None
    except (OSError, NotImplementedError) as failure:  # the latter: a file system without locks, in older filelocks
        reason = getattr(failure, "strerror", None) or str(failure)
        if getattr(failure, "errno", None) == errno.ENOSYS:
            reason = "the file system has no locks"
        raise TokenStorageError(
            f"The lock file {path} cannot be used: {reason}.",
            hint="Check that the folder is yours, not read-only, and on a file system with locks.",
            name=name,
        ) from failure


def _lock(path: Path) -> BaseFileLock:
    from filelock import FileLock

    try:
        # Without this, a newer filelock falls back to files that stay locked when their holder is killed.
        return FileLock(path, mode=0o600, thread_local=False, fallback_to_soft=False)
    except TypeError:
        return FileLock(path, mode=0o600, thread_local=False)


def _let_go(lock: BaseFileLock, path: Path) -> None:
    """Give the turn back. What was done in it is done, so that a failure here is not one of the caller's."""
    for _ in range(2):
        try:
            lock.release(force=True)
        except OSError:
            logger.warning("the lock file %s was not let go at the first attempt", path, exc_info=True)
        else:
            return


def _late(name: str, timeout: float) -> TokenStorageError:
    return TokenStorageError(
        f"Another thread or process has been busy with {name!r} for more than {timeout:g} seconds.",
        hint="Wait for it to finish its sign-in, or end it; then try again.",
        name=name,
    )

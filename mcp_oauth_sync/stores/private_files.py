"""Files that only their owner can read: 0600 from the moment they exist, replaced in one step, never through a link."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
#: Largest file that is read or written.
MAX_FILE = 1024 * 1024
#: Folder, beside the files themselves, in which a file is written before it takes its place.
TEMPORARY = ".tmp"
#: Seconds after which a file in there was left by a process that is gone.
ABANDONED = 3600.0
#: Windows refuses to replace a file that somebody has open, and to open one that is being replaced.
_WINDOWS = os.name == "nt"
_TRIES, _PAUSE = 100, 0.01
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class OddFileError(OSError):
    """What lies there is not a plain file of ours; it was left alone."""


def make_private_directory(path: Path) -> None:
    """Make a directory that only its owner can enter; an existing one that is open to others is closed.

    Parents that are missing are made as private: ``mkdir(parents=True)`` would leave their modes to the umask.
    What is made survives a crash.

    Raises:
        OSError: It cannot be made.
    """
    try:
        path.mkdir(mode=0o700)
    except FileNotFoundError:
        if path.parent == path:
            raise
        make_private_directory(path.parent)
        with suppress(FileExistsError):  # another process was quicker
            path.mkdir(mode=0o700)
    except OSError:
        if not path.is_dir():
            raise
        close_directory(path)
        return
    with suppress(PermissionError):  # a folder of others that may be passed through only
        sync_directory(path.parent)


def close_directory(path: Path) -> None:
    """Close an existing directory to everybody but its owner, who may do there what they could before.

    Raises:
        OSError: It is not there, or not ours to close.
    """
    if os.name == "posix" and (mode := path.stat().st_mode) & 0o077:
        path.chmod(mode & 0o700)


def refuse_odd(path: Path) -> None:
    """Refuse what is there but is not a regular file with this one name.

    Raises:
        OddFileError: It is a link, a directory, a pipe or the like.
        OSError: It cannot be looked at.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise OddFileError(errno.EINVAL, "it is not a regular file with one name")


def _patiently(act: Callable[[], T]) -> T:
    """Act; on Windows again and again for a second, while another process has the file open."""
    for _ in range(_TRIES if _WINDOWS else 0):
        try:
            return act()
        except PermissionError:
            time.sleep(_PAUSE)
    return act()


def read_private(path: Path) -> bytes | None:
    """Return the bytes of a file, or None when there is none. A mode open to others is closed.

    Raises:
        OddFileError: It is a link, not a regular file, or too large.
        OSError: It cannot be read.
    """
    try:
        descriptor = _patiently(lambda: os.open(path, _READ | getattr(os, "O_CLOEXEC", 0)))
    except FileNotFoundError:
        return None
    except OSError as failure:
        if failure.errno in (errno.ELOOP, errno.EMLINK):
            raise OddFileError(failure.errno, "it is a symbolic link") from None
        if failure.errno in (errno.ENXIO, errno.ENODEV):
            raise OddFileError(failure.errno, "it is a socket or a device") from None
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OddFileError(errno.EINVAL, "it is not a regular file")
        if status.st_size > MAX_FILE:
            raise OddFileError(errno.EFBIG, f"it is larger than {MAX_FILE} bytes")
        if os.name == "posix" and status.st_mode & 0o077 and status.st_nlink == 1:
            with suppress(OSError):  # somebody else's file, or a read-only mount
                os.fchmod(descriptor, status.st_mode & 0o600)
        return _read_all(descriptor)
    finally:
        os.close(descriptor)


def _read_all(descriptor: int) -> bytes:
    data = b""
    while len(data) <= MAX_FILE and (chunk := os.read(descriptor, MAX_FILE + 1 - len(data))):
        data += chunk
    return data


def write_private(path: Path, data: bytes) -> None:
    """Replace a file in one step that survives a crash: afterwards it is the old one or the new one.

    Raises:
        OddFileError: The folder for files that are being written is a link or no folder.
        OSError: It could not be written; what was there is untouched.
    """
    if len(data) > MAX_FILE:
        raise OSError(errno.EFBIG, f"it would be larger than {MAX_FILE} bytes")
    folder = _temporary_folder(path.parent)
    _sweep(folder)
    try:
        _write_beside(folder, path, data)
    except FileNotFoundError:  # swept up by somebody: this process was asleep for an hour, or the clock was set
        _write_beside(folder, path, data)
    sync_directory(path.parent)


def _write_beside(folder: Path, path: Path, data: bytes) -> None:
    temporary = folder / secrets.token_hex(8)
    try:
        _write_new(temporary, data)
        _patiently(lambda: temporary.replace(path))
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _temporary_folder(parent: Path) -> Path:
    folder = parent / TEMPORARY
    try:
        status = folder.lstat()
    except FileNotFoundError:
        with suppress(FileExistsError):  # another process was quicker
            folder.mkdir(mode=0o700)
        status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise OddFileError(errno.ENOTDIR, f"{folder} is not a folder")
    return folder


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, _CREATE | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove what killed processes have left. Only they leave anything, so there is next to nothing to look through."""
    latest = time.time() - ABANDONED
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < latest:
                    Path(entry.path).unlink()


def remove_private(path: Path) -> bool:
    """Remove a file durably; tell whether there was one.

    Raises:
        OSError: It is there and cannot be removed.
    """
    try:
        _patiently(path.unlink)
    except FileNotFoundError:
        return False
    sync_directory(path.parent)
    return True


def rename_private(path: Path, target: Path) -> bool:
    """Let a file take the place of another durably; tell whether there was one to do so.

    Raises:
        OSError: It could not; both are as they were.
    """
    try:
        _patiently(lambda: path.replace(target))
    except FileNotFoundError:
        return False
    sync_directory(target.parent)
    return True


def sync_directory(path: Path) -> None:
    """Make a rename or removal durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(descriptor)
    except OSError as failure:
        if failure.errno not in (errno.EINVAL, errno.ENOTSUP):  # network file systems that cannot
            raise
    finally:
        os.close(descriptor)

"""Private files: modes from the first moment, the order of system calls, and what a failure or a kill leaves behind."""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from mcp_oauth_sync.stores import private_files
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.stores.private_files import (
    OddFileError,
    make_private_directory,
    read_private,
    remove_private,
    rename_private,
    sync_directory,
    write_private,
)

from .folders import snapshot
from .processes import Call, environment, traced

# The order of calls, as strace sees it


def steps(calls: list[Call], path: Path) -> list[str]:
    """Return what was done to a file, its temporary file and its folder, one word per call."""
    temporary = re.escape(f"{path.parent}/.tmp/") + r"[0-9a-f]{16}"
    names = {temporary: "temporary", re.escape(str(path)): "file", re.escape(str(path.parent)): "folder"}
    done = []
    for call in calls:
        if call.name.startswith("open") and "O_CREAT" not in call.arguments:
            continue
        targets = [word for name, word in names.items() if re.search(f'[<"]{name}[>"]', call.arguments)]
        if targets:
            done.append(" ".join([call.name.removesuffix("at").removesuffix("at2"), *targets]))
    return done


@pytest.mark.strace
def test_a_file_is_replaced_in_the_order_that_survives_a_crash(files: EncryptedFileStore, tmp_path: Path) -> None:
    files.store_generic("k", "old", namespace="oauth")
    status, calls = traced(tmp_path / "log", "store", files.directory, "k", "new")
    assert status == 0
    assert [step for step in steps(calls, files.path("k")) if not step.startswith("mkdir")] == [
        "open temporary",
        "write temporary",
        "fsync temporary",
        "rename temporary file",
        "fsync folder",
    ]
    assert files.retrieve_generic("k", namespace="oauth") == "new"


@pytest.mark.strace
@pytest.mark.parametrize("arguments", [("store", "k", "v"), ("take_turn", "my app")], ids=["storing", "taking turns"])
def test_everything_is_private_from_the_moment_it_exists_whatever_the_umask(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    folder = tmp_path / "deep" / "er" / "store"
    what, *rest = arguments
    status, calls = traced(tmp_path / "log", what, tmp_path / "deep", *rest)
    assert status == 0
    status, calls = traced(tmp_path / "log", what, folder, *rest)
    assert status == 0
    made = [call for call in calls if call.result.startswith(("0", "3", "4", "5"))]
    made = [call for call in made if call.name.startswith("mkdir") or "O_CREAT" in call.arguments]
    assert len(made) >= 3
    loose = [call for call in made if not call.arguments.endswith("0700" if call.name.startswith("mkdir") else "0600")]
    assert loose == []
    assert [call for call in calls if "chmod" in call.name and not call.arguments.endswith("0600")] == []
    for path in [folder.parent, folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.strace
def test_nothing_that_is_ever_made_has_a_bit_for_others_at_any_moment(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    status, calls = traced(tmp_path / "log", "make_everything", tmp_path)
    assert status == 0
    calls = [call for call in calls if not call.result.startswith("-1")]
    made = [call for call in calls if call.name.startswith("mkdir") or "O_CREAT" in call.arguments]
    names = {Path(found[1]).name for call in made if (found := re.search(r'"([^"]+)"', call.arguments))}
    assert {"store.lock", "index.lock", "host.lock", ".tmp", "locks", "registry", "oauth%40work.d"} <= names
    temporary = [call for call in made if "/.tmp/" in call.arguments]
    assert len(temporary) > 30
    modes = {(call.name.startswith("mkdir"), call.arguments.rpartition(", ")[2]) for call in made}
    assert modes == {(True, "0700"), (False, "0600")}
    assert {call.arguments.rpartition(", ")[2] for call in calls if "chmod" in call.name} <= {"0600", "0700"}
    loose = [path for path in tmp_path.rglob("*") if path.name not in ("log", "home") and path.stat().st_mode & 0o077]
    assert loose == []


# Failures and leftovers; tests/stores/test_save_faults.py goes through every system call


def test_a_write_in_small_pieces_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(private_files.os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    write_private(tmp_path / "f", b"0123456789")
    assert (tmp_path / "f").read_bytes() == b"0123456789"


@pytest.mark.parametrize("broken", ["write", "fsync"])
def test_a_write_that_fails_or_is_broken_off_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    write_private(tmp_path / "f", b"old")
    before = snapshot(tmp_path)
    for failure in (OSError(errno.EIO, "input/output error"), KeyboardInterrupt()):

        def fail(*_: object, failure: BaseException = failure) -> None:
            raise failure

        with monkeypatch.context() as broken_system:
            broken_system.setattr(private_files.os, broken, fail)
            with pytest.raises(type(failure)):
                write_private(tmp_path / "f", b"new")
        assert snapshot(tmp_path) == before


def leftover(path: Path, *, age: float) -> Path:
    """Leave a file behind as a process that was killed while it wrote."""
    path.write_bytes(b"half a fi")
    os.utime(path, times=(time.time() - age,) * 2)
    return path


def test_what_killed_processes_left_is_swept_up_by_a_later_write_and_what_is_being_written_is_not(
    tmp_path: Path,
) -> None:
    write_private(tmp_path / "f", b"old")
    folder = tmp_path / ".tmp"
    abandoned = leftover(folder / "0123456789abcdef", age=private_files.ABANDONED + 60)
    alive = leftover(folder / "fedcba9876543210", age=private_files.ABANDONED - 60)
    (folder / "a folder").mkdir()
    os.utime(folder / "a folder", times=(0, 0))
    write_private(tmp_path / "f", b"new")
    assert not abandoned.exists()
    assert alive.read_bytes() == b"half a fi"
    assert (folder / "a folder").is_dir()
    assert read_private(tmp_path / "f") == b"new"


def test_a_write_that_slept_so_long_that_it_was_swept_up_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_private(tmp_path / "f", b"old")
    replace, swept = Path.replace, []

    def sleep_at_first(path: Path, target: Path) -> Path:
        if not swept:
            swept.append(path)
            path.unlink()
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", sleep_at_first)
    write_private(tmp_path / "f", b"new")
    assert (read_private(tmp_path / "f"), len(swept)) == (b"new", 1)


@pytest.mark.parametrize("kind", ["link", "dangling link", "file", "pipe"])
def test_an_odd_thing_in_place_of_the_folder_for_writing_is_refused(tmp_path: Path, kind: str) -> None:
    write_private(tmp_path / "f", b"old")
    odd, elsewhere = tmp_path / ".tmp", tmp_path / "elsewhere"
    odd.rmdir()
    elsewhere.mkdir(mode=0o755)
    {
        "link": lambda: odd.symlink_to(elsewhere),
        "dangling link": lambda: odd.symlink_to(tmp_path / "missing"),
        "file": lambda: odd.write_text("mine"),
        "pipe": lambda: os.mkfifo(odd),
    }[kind]()
    before = snapshot(tmp_path)
    with pytest.raises(OddFileError, match="is not a folder"):
        write_private(tmp_path / "f", b"new")
    assert snapshot(tmp_path) == before
    assert elsewhere.stat().st_mode & 0o777 == 0o755


def test_a_folder_that_cannot_be_synced_is_no_failure_but_one_that_breaks_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def fail_on_folders(number: int) -> Callable[[int], None]:
        def sync(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(number, os.strerror(number))
            fsync(descriptor)

        return sync

    monkeypatch.setattr(private_files.os, "fsync", fail_on_folders(errno.EINVAL))
    write_private(tmp_path / "f", b"new")
    assert remove_private(tmp_path / "f") is True
    monkeypatch.setattr(private_files.os, "fsync", fail_on_folders(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        write_private(tmp_path / "f", b"new")


# Reading, making folders


def test_a_file_that_grows_while_it_is_read_is_not_read_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_bytes(b"short")
    monkeypatch.setattr(private_files.os, "read", lambda descriptor, most: b"x" * min(most, 400_000))
    data = read_private(tmp_path / "f")
    assert data is not None
    assert len(data) == private_files.MAX_FILE + 1


def test_what_is_not_there_is_none_and_a_link_is_odd(tmp_path: Path) -> None:
    assert read_private(tmp_path / "f") is None
    assert remove_private(tmp_path / "f") is False
    (tmp_path / "f").symlink_to("f")
    with pytest.raises(OddFileError, match="symbolic link"):
        read_private(tmp_path / "f")


def test_existing_parents_keep_their_modes(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    make_private_directory(tmp_path / "open" / "a" / "b")
    found = [stat.S_IMODE((tmp_path / part).stat().st_mode) for part in ("open", "open/a", "open/a/b")]
    assert found == [0o755, 0o700, 0o700]


def test_a_folder_that_is_made_survives_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(private_files, "sync_directory", synced.append)
    for _ in range(2):
        make_private_directory(tmp_path / "a" / "b")
    assert synced == [tmp_path, tmp_path / "a"]


def test_a_folder_that_is_not_there_any_more_is_an_error_and_not_a_loop(tmp_path: Path) -> None:
    program = (
        "import os, sys, pathlib; from mcp_oauth_sync.stores.private_files import make_private_directory\n"
        "os.chdir(sys.argv[1]); os.rmdir(sys.argv[1])\n"
        "try: make_private_directory(pathlib.Path('a/b'))\n"
        "except FileNotFoundError: print('told')"
    )
    (tmp_path / "gone").mkdir()
    command = [sys.executable, "-c", program, str(tmp_path / "gone")]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("told", "")


def test_a_file_in_place_of_a_folder_is_an_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        make_private_directory(tmp_path / "f")
    with pytest.raises(NotADirectoryError):
        make_private_directory(tmp_path / "f" / "below")
    assert (tmp_path / "f").read_bytes() == b"mine"


def test_a_folder_that_is_closed_already_is_let_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    monkeypatch.setattr(Path, "chmod", None)
    make_private_directory(tmp_path / "closed")


def test_an_old_link_among_what_is_being_written_is_none_of_ours(tmp_path: Path) -> None:
    write_private(tmp_path / "f", b"old")
    link = tmp_path / ".tmp" / "link"
    link.symlink_to(tmp_path / "f")
    for path in (link, tmp_path / "f"):
        os.utime(path, (1.0, 1.0), follow_symlinks=False)
    write_private(tmp_path / "g", b"new")
    assert link.is_symlink()


def test_a_file_of_the_largest_size_is_written_and_read_and_a_larger_one_is_neither(tmp_path: Path) -> None:
    write_private(tmp_path / "f", bytes(private_files.MAX_FILE))
    assert read_private(tmp_path / "f") == bytes(private_files.MAX_FILE)
    with pytest.raises(OSError, match="larger"):
        write_private(tmp_path / "f", bytes(private_files.MAX_FILE + 1))
    (tmp_path / "g").write_bytes(bytes(private_files.MAX_FILE + 1))
    with pytest.raises(OddFileError, match="larger"):
        read_private(tmp_path / "g")


def test_a_file_that_is_open_to_others_is_closed_when_it_is_read_and_another_is_let_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_bytes(b"x")
    (tmp_path / "f").chmod(0o777)
    assert read_private(tmp_path / "f") == b"x"
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600
    monkeypatch.setattr(private_files.os, "fchmod", None)
    assert read_private(tmp_path / "f") == b"x"


def test_taking_the_place_of_another_is_made_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(private_files, "sync_directory", synced.append)
    (tmp_path / "next").write_bytes(b"new")
    (tmp_path / "folder").mkdir()
    rename_private(tmp_path / "next", tmp_path / "folder" / "f")
    assert synced == [tmp_path / "folder"]


def test_a_root_that_is_not_there_is_an_error_and_not_a_search_for_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: Path, mode: int) -> None:
        raise FileNotFoundError(errno.ENOENT, "no such drive")

    monkeypatch.setattr(Path, "mkdir", gone)
    with pytest.raises(FileNotFoundError, match="no such drive"):
        make_private_directory(Path("/"))


def test_what_is_swept_up_again_and_again_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_private(tmp_path / "f", b"old")
    replace, swept = Path.replace, []

    def sleep(path: Path, target: Path) -> Path:
        swept.append(path)
        path.unlink()
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", sleep)
        with pytest.raises(FileNotFoundError):
            write_private(tmp_path / "f", b"new")
    assert (read_private(tmp_path / "f"), len(swept)) == (b"old", 2)


def test_a_file_takes_the_place_of_another_or_tells_that_it_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "next").write_bytes(b"new")
    (tmp_path / "f").write_bytes(b"old")
    assert rename_private(tmp_path / "next", tmp_path / "f") is True
    assert (tmp_path / "f").read_bytes() == b"new"
    assert rename_private(tmp_path / "next", tmp_path / "f") is False
    assert (tmp_path / "f").read_bytes() == b"new"


def test_a_folder_is_synced_where_the_system_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    for system in ("posix", "nt"):
        has = {name: getattr(os, name) for name in ("open", "close", "O_RDONLY")}
        monkeypatch.setattr(private_files, "os", SimpleNamespace(name=system, fsync=synced.append, **has))
        sync_directory(tmp_path)
    assert len(synced) == 1


# Windows, where a file that is open elsewhere can be neither replaced nor, for a moment, opened


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Wait as on Windows; return the pauses made."""
    pauses: list[float] = []
    monkeypatch.setattr(private_files, "_WINDOWS", True)
    monkeypatch.setattr(private_files.time, "sleep", pauses.append)
    return pauses


def busy(times: int, act: Callable[..., object]) -> Callable[..., object]:
    """Refuse some times as Windows does, then act."""
    left = [times]

    def refuse(*arguments: object, **options: object) -> object:
        if left[0]:
            left[0] -= 1
            raise PermissionError(errno.EACCES, "The process cannot access the file")
        return act(*arguments, **options)

    return refuse


def test_on_windows_a_file_that_is_being_read_is_replaced_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, windows: list[float]
) -> None:
    monkeypatch.setattr(Path, "replace", busy(3, Path.replace))
    write_private(tmp_path / "f", b"new")
    assert read_private(tmp_path / "f") == b"new"
    assert len(windows) == 3


def test_on_windows_a_file_that_is_being_replaced_is_read_and_removed_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, windows: list[float]
) -> None:
    write_private(tmp_path / "f", b"new")
    with monkeypatch.context() as slow:
        slow.setattr(private_files.os, "open", busy(2, os.open))
        assert read_private(tmp_path / "f") == b"new"
    monkeypatch.setattr(Path, "unlink", busy(2, Path.unlink))
    assert remove_private(tmp_path / "f") is True
    assert len(windows) == 4


def test_on_windows_patience_ends_after_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, windows: list[float]
) -> None:
    monkeypatch.setattr(Path, "replace", busy(-1, Path.replace))
    with pytest.raises(PermissionError):
        write_private(tmp_path / "f", b"new")
    assert sum(windows) == pytest.approx(1.0)
    assert list(tmp_path.rglob(".tmp/*")) == []


def test_elsewhere_a_refusal_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, windows: list[float]
) -> None:
    monkeypatch.setattr(private_files, "_WINDOWS", False)
    monkeypatch.setattr(Path, "replace", busy(1, Path.replace))
    with pytest.raises(PermissionError):
        write_private(tmp_path / "f", b"new")
    assert windows == []


def test_the_rooms_load_and_work_where_the_system_has_no_unix_calls(tmp_path: Path) -> None:
    """No O_NOFOLLOW, O_NONBLOCK, O_CLOEXEC, fchmod or fork hooks, and a system that calls itself nt."""
    program = (
        "import importlib, os, pathlib, sys\n"
        "from mcp_oauth_sync.stores import encrypted_file, locks, private_files\n"
        "for name in ('O_NOFOLLOW', 'O_NONBLOCK', 'O_CLOEXEC', 'fchmod', 'register_at_fork'): delattr(os, name)\n"
        "file = pathlib.Path(sys.argv[1]) / 'a' / 'f'\n"
        "os.name = 'nt'\n"
        "for room in (private_files, locks, encrypted_file): importlib.reload(room)\n"
        "assert private_files._WINDOWS\n"
        "private_files.make_private_directory(file.parent)\n"
        "private_files.write_private(file, b'old'); private_files.write_private(file, b'new')\n"
        "print(private_files.read_private(file), private_files.remove_private(file), private_files.read_private(file))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("b'new' True None", "")

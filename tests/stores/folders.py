"""What lies in a folder, so that a test can say that nothing has changed."""

from __future__ import annotations

import stat
from pathlib import Path


def modes(folder: Path) -> dict[str, str]:
    """Return the mode of the folder and of everything below it."""
    return {
        path.relative_to(folder).as_posix(): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in [folder, *sorted(folder.rglob("*"))]
    }


def snapshot(folder: Path) -> dict[str, bytes | str]:
    """Return every file's bytes, every link's target, and the kind of everything else; locks left out."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name, kind = path.relative_to(folder).as_posix(), path.lstat().st_mode
        if stat.S_ISLNK(kind):
            found[name] = f"-> {path.readlink()}"
        elif stat.S_ISDIR(kind) and name.partition("/")[0] == "locks":
            continue
        elif not stat.S_ISREG(kind):
            found[name] = f"kind {stat.S_IFMT(kind):o}"
        elif path.suffix != ".lock":
            found[name] = path.read_bytes() if path.stat().st_size < 1 << 20 else f"{path.stat().st_size} bytes"
    return found

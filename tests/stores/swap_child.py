"""Swaps the folder of a store while it is used: ``python -m tests.stores.swap_child FOLDER KIND``.

A hook that hears of every use of the file system cannot be taken away again, so it has a process of its own.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore

from .child import outcome, say

EVENTS = ("open", "os.rename", "os.mkdir", "os.remove", "os.listdir", "os.scandir", "os.chmod")


def swap(folder: str, kind: str) -> None:
    """Write while the folder is swapped for another one at each of the steps in turn."""
    own, moved, step = Path(folder), Path(f"{folder}-moved"), [0, 0]
    for path in (own, own.with_name("other")):
        EncryptedFileStore(path).store_generic("k", f"old value of {path.name}")

    def at_a_step(event: str, arguments: tuple[object, ...]) -> None:
        if step[1] and event in EVENTS:
            step[0] += 1
            if step[0] == step[1]:
                step[1] = 0
                own.rename(moved)
                put_in_place(own, kind)
                swapped.append(step[0])

    swapped: list[int] = []
    sys.addaudithook(at_a_step)
    number = 0
    while len(swapped) == number:
        held, number = EncryptedFileStore(own), number + 1
        step[:] = [0, number]
        found = [outcome(lambda held=held: held.store_generic("k", "new value"))]
        step[1] = 0
        if len(swapped) == number:
            found.append(outcome(lambda held=held: held.retrieve_generic("k")))
            shutil.rmtree(own) if own.is_dir() and not own.is_symlink() else own.unlink(missing_ok=True)
            moved.rename(own)
            say([*found, outcome(lambda: EncryptedFileStore(own).retrieve_generic("k"))])
            EncryptedFileStore(own).store_generic("k", "old value of own")


def put_in_place(path: Path, kind: str) -> None:
    """Put something else where a folder was."""
    if kind == "empty":
        path.mkdir()
    elif kind == "other":
        shutil.copytree(path.with_name("other"), path)
    elif kind == "link":
        path.symlink_to(path.with_name("elsewhere"))
    elif kind == "file":
        path.write_text("a file")


if __name__ == "__main__":
    swap(*sys.argv[1:])

"""Kinds of damage to a file: to its bytes, and what else may lie in its place."""

from __future__ import annotations

import os
import random
import socket
import stat
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[bytes], bytes]

#: Where the parts of a sealed file end, counted from its beginning or its end.
BOUNDARIES = (0, 1, 16, 31, 32, 33, 47, 48, 49, 63, 64, -17, -16, -1)
#: Bytes at the beginning of a file that are changed one by one.
HEADER = 72

BYTES: dict[str, Damage] = {
    **{f"cut at {end}": (lambda data, end=end: data[:end]) for end in BOUNDARIES},
    "zeroed": lambda data: bytes(len(data)),
    "body zeroed": lambda data: data[:48] + bytes(max(0, len(data) - 48)),
    "end zeroed": lambda data: data[:-16] + bytes(16),
    "a page zeroed": lambda data: bytes(4096),
    "a byte more": lambda data: data + b"\0",
    "a line end more": lambda data: data + b"\n",
    "a byte before": lambda data: b"\0" + data,
    "twice": lambda data: data + data,
    "foreign text": lambda data: b"[settings]\nanswer = 42\n" * 9,
    "foreign JSON": lambda data: b'{"access_token": "in plain text", "schema": 1, "name": "notion"}' * 2,
    "foreign bytes": lambda data: b"\x7fELF" + b"\xff" * 300,
    "lower case": lambda data: data.lower(),
    "backwards": lambda data: data[::-1],
}


def flipped(data: bytes, place: int) -> bytes:
    """Return bytes of which one has another value."""
    return data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]


def by_chance(data: bytes, chance: random.Random) -> bytes:
    """Return bytes with a few of them changed, added or left out."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 9))):
        place = chance.randrange(len(changed) + 1)
        match chance.choice("flip flip flip set add leave".split()):
            case "flip" if place < len(changed):
                changed[place] ^= 1 << chance.randrange(8)
            case "set" if place < len(changed):
                changed[place] = chance.randrange(256)
            case "leave" if place < len(changed):
                del changed[place : place + chance.choice((1, 16))]
            case _:
                changed[place:place] = chance.randbytes(chance.choice((1, 16)))
    return bytes(changed)


# What may lie in the place of a file


def _link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def _dangling(path: Path, victim: Path) -> None:
    path.symlink_to(victim.with_name("missing"))


def _hard_link(path: Path, victim: Path) -> None:
    path.hardlink_to(victim)


def _link_to_zeroes(path: Path, victim: Path) -> None:
    path.symlink_to("/dev/zero")


def _pipe(path: Path, victim: Path) -> None:
    os.mkfifo(path)


def _directory(path: Path, victim: Path) -> None:
    path.mkdir(mode=0o700)


def _socket(path: Path, victim: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)  # the name of a socket has to be short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("s")
        Path("s").rename(path)
    finally:
        os.fchdir(here)
        os.close(here)


def _huge(path: Path, victim: Path) -> None:
    with path.open("wb") as made:
        made.truncate(1 << 30)


def _zeroes(path: Path, victim: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:  # only root may, and not everywhere
        _link_to_zeroes(path, victim)


def _file(path: Path, victim: Path) -> None:
    path.write_bytes(b"a file")
    path.chmod(0o600)


Odd = Callable[[Path, Path], None]

#: What may lie in the place of a file, made from the path and a file of somebody else; and of a folder.
IN_PLACE_OF_A_FILE: dict[str, Odd] = {
    "link": _link,
    "dangling link": _dangling,
    "hard link": _hard_link,
    "link to zeroes": _link_to_zeroes,
    "zeroes": _zeroes,
    "pipe": _pipe,
    "directory": _directory,
    "socket": _socket,
    "huge": _huge,
}
IN_PLACE_OF_A_FOLDER: dict[str, Odd] = {
    "link": lambda path, victim: path.symlink_to(victim.parent),
    "dangling link": _dangling,
    "file": _file,
    "pipe": _pipe,
    "socket": _socket,
    "zeroes": _zeroes,
}

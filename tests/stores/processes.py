"""Starts the child processes of these tests, and follows their system calls."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
CALLS = (
    "open,openat,mkdir,mkdirat,write,fsync,fdatasync,rename,renameat,renameat2,chmod,fchmod,fchmodat,unlink,unlinkat"
)


def environment() -> dict[str, str]:
    """Return an environment in which a child makes no system calls but its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTHON"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "tests.stores.child", *map(str, arguments)]


def run(*arguments: object, before: Sequence[str] = ()) -> list[Any]:
    """Run a child to its good end and return what it said, line by line."""
    done = subprocess.run(
        [*before, *command(*arguments)], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


class Child:
    """A child process that is talked to line by line."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            command(*arguments), env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def hears(self) -> Any:
        """Return the next thing it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the child ended with {self.process.wait()}"
        return json.loads(line)

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def children(*commands: Sequence[object]) -> Iterator[list[Child]]:
    """Start children, and end those that are left."""
    started = [Child(*arguments) for arguments in commands]
    try:
        yield started
    finally:
        for child in started:
            child.kill()
            for pipe in (child.process.stdin, child.process.stdout):
                assert pipe is not None
                pipe.close()


class Call(NamedTuple):
    """A system call as strace shows it."""

    name: str
    arguments: str
    result: str


def traced(log: Path, *arguments: object, inject: str | None = None) -> tuple[int, list[Call]]:
    """Run a child under strace; return how it ended and which calls it made on files of the store.

    ``inject`` is what strace does to a call: "rename:signal=KILL".
    """
    options = ["strace", "-f", "-qq", "-y", "-o", str(log), "-e", f"trace={CALLS}"]
    if inject is not None:
        options += ["-e", f"inject={inject}"]
    done = subprocess.run(
        [*options, *command(*arguments)], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    calls = re.findall(r"^\d+ +(\w+)\((.*)\) += (.*)$", log.read_text(), re.MULTILINE)
    folder = str(arguments[1])
    return done.returncode, [Call(*call) for call in calls if folder in call[1]]

"""Several processes that share one store."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
#: Seconds after which a process that says nothing hangs.
PATIENCE = 90.0


class Answer(NamedTuple):
    """What became of the calls of one process.

    Attributes:
        got: The status of each, or what went wrong.
        shown: How many authorization URLs the process has shown so far.
        done: When it was done, in the seconds of `time.monotonic`.
    """

    got: list[int | str]
    shown: int
    done: float


class Member:
    """One process, as in `child.py`, from this side."""

    def __init__(self, channel: socket.socket) -> None:
        channel.settimeout(PATIENCE)
        self.channel = channel
        self.lines = channel.makefile("rw")
        self.pid, self.killed = 0, False

    def tell(self, threads: int = 1, *, calls: int = 1, ahead: float = 0.0, stop: str | None = None) -> None:
        """Let so many threads call at once, each so often.

        Args:
            threads: How many.
            calls: How often.
            ahead: By how many seconds its clock is ahead.
            stop: "read" or "written" stops it for good, in its turn, when it has done that to the sign-in.
        """
        self.lines.write(f"{json.dumps({'threads': threads, 'calls': calls, 'ahead': ahead, 'stop': stop})}\n")
        self.lines.flush()

    def hear(self) -> Any:
        """Return the next thing it says."""
        line = self.lines.readline()
        assert line, f"process {self.pid} has ended"
        return json.loads(line)

    def kill(self) -> None:
        """End it as the kernel does when memory runs out, and wait until it has ended."""
        self.killed = True
        os.kill(self.pid, signal.SIGKILL)
        try:
            while self.channel.recv(4096):
                pass
        except ConnectionResetError:  # it had not read what it was told
            pass
        self.close()

    def close(self) -> None:
        """Tell it nothing any more."""
        self.lines.close()
        self.channel.close()


class Fleet:
    """Processes as in `child.py`, up and ready within the `with` block.

    Args:
        url: The MCP server.
        size: How many.
        whom: "person" or "nobody" to ask, "program" for programs that sign in as themselves, or "heir" for
            children of a process that called the server before, and forks while its locks are held.
        environment: Variables that are different there.
    """

    def __init__(
        self, url: str, size: int, whom: str = "nobody", *, environment: Mapping[str, str] | None = None
    ) -> None:
        self._orders, theirs = socket.socketpair()
        with theirs:
            self._mother = subprocess.Popen(
                [sys.executable, "-m", "tests.stories.child", url, whom, str(theirs.fileno())],
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self.size = size
        self.members: list[Member] = []
        self._grown: list[Member] = []

    def __enter__(self) -> Fleet:
        self.grow(self.size)
        return self

    def grow(self, size: int = 1) -> None:
        """Add processes."""
        added = []
        for _ in range(size):
            ours, theirs = socket.socketpair()
            with theirs:
                socket.send_fds(self._orders, [b"+"], [theirs.fileno()])
            added.append(Member(ours))
            self.members.append(added[-1])
        self._grown += added
        for member in added:
            member.pid = member.hear()

    def kill(self, member: Member) -> None:
        """Kill one of the processes."""
        self.members.remove(member)
        member.kill()

    def tell(self, threads: int = 1, **order: Any) -> None:
        """Tell every process the same."""
        for member in self.members:
            member.tell(threads, **order)

    def answers(self) -> list[Answer]:
        """Wait for what every process got."""
        return [Answer(**member.hear()) for member in self.members]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._orders.close()
        for member in self._grown:
            if error is not None and member.pid and not member.killed:
                member.kill()
            member.close()
        try:
            self._mother.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._mother.kill()
            self._mother.wait()
            raise


def until(true: Callable[[], bool]) -> None:
    """Wait for something that happens elsewhere."""
    tick, deadline = threading.Event(), time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        tick.wait(0.01)

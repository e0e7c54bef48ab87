"""The processes of a soak from the outside: started, told things, heard, measured, killed and replaced."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
#: Seconds that a process may take to start, to say something, or to end.
PATIENCE = 90.0


class Size(NamedTuple):
    """What the kernel says of a process.

    Attributes:
        memory: Bytes of memory that are its own or shared, as they lie in memory (RSS).
        threads: How many threads.
        descriptors: How many open files and sockets.
    """

    memory: int
    threads: int
    descriptors: int


def size_of(pid: int) -> Size | None:
    """Measure a process; None once it has ended, or where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        threads = sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
        descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return None
    return Size(pages * os.sysconf("SC_PAGE_SIZE"), threads, descriptors)


class Life:
    """One process, from its start to its end.

    Attributes:
        said: What it said last of how it fares.
        last: What its last calls got; None before it was told to make them.
        unexpected: What it met and should not have.
        sizes: What was measured, in order.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.began = time.monotonic()
        self.said: dict[str, Any] = {"got": {}, "prompts": 0, "tally": 0, "unsaved": 0, "pending": False}
        self.heard, self.finished = threading.Event(), threading.Event()
        self.last: list[str] | None = None
        self.unexpected: list[str] = []
        self.sizes: list[Size] = []
        self.killed = False
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.worker", json.dumps(settings)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._listening = threading.Thread(target=self._listen, name=f"soak {self.process.pid}", daemon=True)
        self._listening.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                told = json.loads(line)
            except ValueError:  # killed in the middle of a line
                continue
            if "unexpected" in told:
                self.unexpected.append(told["unexpected"])
                continue
            last = told.pop("last", None)
            self.said = told
            self.heard.set()
            if last is not None:
                self.last = last
                self.finished.set()

    def tell(self, **order: Any) -> None:
        """Tell it to do something; one that has ended is told nothing."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self.process.stdin.write(f"{json.dumps(order)}\n")
            self.process.stdin.flush()

    def measure(self) -> Size | None:
        """Measure it, and remember that."""
        size = size_of(self.process.pid) if self.process.poll() is None else None
        if size is not None:
            self.sizes.append(size)
        return size

    def kill(self) -> None:
        """End it as the kernel does when memory runs out."""
        self.killed = True
        self.process.send_signal(signal.SIGKILL)
        self._close()

    def end(self) -> int:
        """Let it end by itself; return its exit status."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self._close()
        return self.process.returncode

    def _close(self) -> None:
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._listening.join(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class Crew:
    """The processes of a soak, and what all of them together said, those that were killed included.

    Args:
        size: How many there are at any time.
        settings: For each of them, but for its number.
    """

    def __init__(self, size: int, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.lives: list[Life] = []
        self.now: list[Life] = [self._start(number) for number in range(size)]

    def _start(self, number: int) -> Life:
        life = Life({**self.settings, "number": number})
        self.lives.append(life)
        return life

    def wait_until_all_speak(self) -> None:
        """Wait until every process has started."""
        for life in self.now:
            assert life.heard.wait(PATIENCE), f"process {life.process.pid} says nothing"

    def replace(self, number: int) -> None:
        """Kill one of them, and start another in its place."""
        self.now[number].kill()
        self.now[number] = self._start(number)

    @property
    def got(self) -> Counter[str]:
        """What came of all calls."""
        counted = Counter[str]()
        for life in self.lives:
            counted.update(life.said["got"])
        return counted

    def sum(self, what: str) -> int:
        """Add up what they said of something."""
        return sum(life.said[what] for life in self.lives)

    @property
    def tallies(self) -> dict[str, int]:
        """How often each place says that it has counted."""
        counted: dict[str, int] = defaultdict(int)
        for life in self.lives:
            counted[str(life.settings["number"])] += life.said["tally"]
        return counted

    @property
    def unexpected(self) -> list[str]:
        """What they met and should not have."""
        return [text for life in self.lives for text in life.unexpected]

    def end(self) -> None:
        """End all of them, however it went."""
        for life in self.now:
            if life.process.poll() is None:
                life.kill()


def growth(sizes: list[Size], *, warm_up: float) -> Size | None:
    """Return by how much a process has grown after its warm-up: medians of a tenth of its life at either end.

    Args:
        sizes: What was measured, at equal distances.
        warm_up: The part of its life that does not count, from 0 to 1.
    """
    rest = sizes[int(len(sizes) * warm_up) :]
    part = max(len(rest) // 10, 1)
    if len(rest) < 20:
        return None
    first, last = middle(rest[:part]), middle(rest[-part:])
    return Size(*(after - before for before, after in zip(first, last, strict=True)))


def middle(sizes: list[Size]) -> Size:
    """Return the median of each measure."""
    return Size(*(int(statistics.median(values)) for values in zip(*sizes, strict=True)))

"""Makes system calls fail: what a store does is done once for each of its calls, which fails or kills the process.

A prepared process (:mod:`tests.stores.fault_child`) forks a child for each case, so that the child has loaded
everything and makes no calls but those in question. The child waits for a signal while strace attaches to it. Nothing
here knows what kind of store it is: a case is a kind of store, a folder, and the name of what is done.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .processes import environment

#: What the process does with itself: memory, threads, clocks, signals. A store has no part in it.
NOT_OF_THE_STORE = frozenset(
    "mmap munmap mremap mprotect madvise brk futex futex_wait futex_wake sched_yield sched_getaffinity clone clone3 "
    "set_robust_list rseq prctl rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait restart_syscall sigaltstack "
    "tgkill getrandom getpid gettid getppid getuid geteuid getgid getegid clock_gettime clock_nanosleep gettimeofday "
    "exit exit_group".split()
)
#: Calls that change what is kept. A kill at any other call leaves what a kill at the next of these leaves.
CHANGES = re.compile(
    r"open(at)?\(.*O_CREAT|(mkdir|write|pwrite64|writev|f(data)?sync|rename|link|symlink|unlink|rmdir|truncate|ftruncate"
    r"|chmod|fchmod|fchmodat|flock|fcntl|connect|send|sendto|sendmsg)(at|at2)?\("
)
#: Calls that may take room on a disk, and those that may wait and so be interrupted.
TAKES_ROOM = re.compile(
    r"open(at)?\(.*O_CREAT|(mkdir|write|pwrite64|writev|f(data)?sync|rename|link|symlink)(at|at2)?\("
)
WAITS = re.compile(
    r"(open|openat|read|readv|write|pwrite64|writev|f(data)?sync|close|flock|fcntl|connect|accept4?|recv(from|msg)?"
    r"|send(to|msg)?|poll|ppoll|select|pselect6|epoll_p?wait)\("
)
ANY = re.compile("")
KILL, ERROR = "signal=KILL", "error=EIO"
#: What goes wrong, and at which calls it can.
WAYS = {ERROR: ANY, "error=ENOSPC": TAKES_ROOM, "error=EINTR": WAITS, KILL: CHANGES}
#: How a child ends: it did what it should, or the store raised one of its errors.
DONE, REFUSED, KILLED = 0, 3, -9


class Fault(NamedTuple):
    """One call that goes wrong: the ``number``-th of its name, in this way."""

    call: str
    number: int
    way: str


class Outcome(NamedTuple):
    """How a case ended.

    Attributes:
        fault: What went wrong.
        status: The exit status, negative for a signal.
        injected: Whether the call was made.
        told: What the child said of an error that was none of the store's.
    """

    fault: Fault | None
    status: int
    injected: bool
    told: str


class Zygote:
    """The prepared process."""

    def __init__(self, log: Path, service: str | None) -> None:
        self._log = log
        self._turn = threading.Lock()
        self._number = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stores.fault_child", *([] if service is None else [service])],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *what: object) -> int:
        """Have one thing done: ``fork STORE FOLDER ACT`` gives a process id, ``wait PID`` its status."""
        with self._turn:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps([str(part) for part in what]) + "\n")
            self._process.stdin.flush()
            return int(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()

    def run(self, store: str, folder: Path, act: str, fault: Fault | None) -> tuple[Outcome, list[str]]:
        """Do one thing in a child, with one call going wrong; return how it ended and its calls."""
        with self._turn:
            self._number += 1
            log = self._log / f"{self._number}.strace"
        told = log.with_suffix(".told")
        child = self.ask("fork", store, folder, act, told)
        options = ["-f", "-o", str(log)]
        if fault is None:
            options += ["-e", "trace=all"]
        else:
            options += ["-e", f"trace={fault.call}", "-e", f"inject={fault.call}:{fault.way}:when={fault.number}"]
        tracer = subprocess.Popen(["strace", *options, "-p", str(child)], stderr=subprocess.PIPE, text=True)
        with tracer:
            assert tracer.stderr is not None
            line = tracer.stderr.readline()
            assert "attached" in line, line
            self.ask("go", child)
            status = self.ask("wait", child)
            tracer.stderr.read()
        text = log.read_text()
        log.unlink()
        injected = "INJECTED" in text or "killed by SIGKILL" in text
        calls = re.findall(r"^\d+ +(\w+\(.*)", text, re.MULTILINE)
        return Outcome(fault, status, injected, told.read_text() if told.exists() else ""), calls


@contextmanager
def zygote(log: Path, service: str | None = None) -> Iterator[Zygote]:
    """Give a prepared process, and end it.

    Args:
        log: Folder for what strace says.
        service: "KIND FOLDER" of a store with a server; None prepares for files.
    """
    log.mkdir(exist_ok=True)
    started = Zygote(log, service)
    try:
        yield started
    finally:
        started.close()


def faults(calls: Sequence[str], ways: Mapping[str, re.Pattern[str]]) -> list[Fault]:
    """Return what can go wrong with each call."""
    counted: Counter[str] = Counter()
    found = []
    for call in calls:
        name = call.partition("(")[0]
        counted[name] += 1
        if name not in NOT_OF_THE_STORE:
            found += [Fault(name, counted[name], way) for way, where in ways.items() if where.match(call)]
    return found


def copies(template: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return what makes a fresh copy of a store."""

    def place(name: str) -> Path:
        folder = tmp_path / "cases" / name
        folder.parent.mkdir(exist_ok=True)
        if template.exists():
            shutil.copytree(template, folder)
        return folder

    return place


def ended_badly(outcome: Outcome) -> str | None:
    """Say what is wrong with how the child ended."""
    fault = outcome.fault
    assert fault is not None
    if not outcome.injected:
        return "the call was not made this time"
    if fault.way == KILL:
        return None if outcome.status == KILLED else f"it lives: {outcome.status}"
    if outcome.status not in (DONE, REFUSED):
        return f"an error that is none of the store's: {outcome.told}"
    return None


def every_call(
    process: Zygote,
    store: str,
    act: str,
    *,
    place: Callable[[str], Path],
    check: Callable[[Outcome, Path], str | None],
    ways: Mapping[str, re.Pattern[str]] = WAYS,
    at_once: int = 2,
    spoiled: Callable[[Outcome], bool] = lambda outcome: False,
) -> tuple[int, list[str]]:
    """Go through every call of what is done; return how many cases there were and what was wrong in which.

    Args:
        process: The prepared process.
        store: The kind of store.
        act: What is done, a name known to the child.
        place: Makes a fresh place with the state before, by the name of the case.
        check: Says what is wrong with what was left, or None.
        ways: What goes wrong, and at which calls.
        at_once: How many cases are gone through at the same time.
        spoiled: Says whether something else went wrong before the fault; that case is gone through once more.
    """
    outcome, calls = process.run(store, place("traced"), act, None)
    assert outcome.status == DONE, outcome
    cases = faults(calls, ways)

    def case(fault: Fault) -> str | None:
        name = f"{fault.call}-{fault.number}-{fault.way}"
        folder = place(name)
        outcome, _ = process.run(store, folder, act, fault)
        if spoiled(outcome):
            folder = place(name)
            outcome, _ = process.run(store, folder, act, fault)
        wrong = check(outcome, folder)
        return f"{fault}: {wrong}" if wrong else None

    with ThreadPoolExecutor(at_once) as pool:
        return len(cases), [wrong for wrong in pool.map(case, cases) if wrong]

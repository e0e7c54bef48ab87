"""The command line as a child process: without a terminal, or in one with a person who reads what it prints."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import pytest

from mcp_oauth_sync.cli import main

COMMAND = [sys.executable, "-m", "mcp_oauth_sync"]
#: Seconds after which a process is taken for stuck.
PATIENCE = 60.0
# Opening it makes a terminal the controlling one of a session that has none: Ctrl-C then works as in a shell.
_IN_TERMINAL = "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.argv[1], sys.argv[1:])"
# What a terminal obeys instead of showing it; line ends and the tabulator are harmless.
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Done(NamedTuple):
    """How a process ended."""

    status: int
    out: str
    err: str


def run(*arguments: str, environment: dict[str, str] | None = None, given: str | bytes = b"") -> Done:
    """Run a command without a terminal: standard input holds what is given, both outputs are pipes."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=given.encode() if isinstance(given, str) else given,
        capture_output=True,
        start_new_session=True,  # the terminal of who runs the tests is not there either
        env={**os.environ, "PYTHONUNBUFFERED": "", **(environment or {})},
        timeout=PATIENCE,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_here(capture: pytest.CaptureFixture[str], *arguments: str) -> Done:
    """Run a command in this process, where a hundred cases cost nothing."""
    status = main(arguments)
    said = capture.readouterr()
    return Done(status, said.out, said.err)


def run_into(stdout: int, *arguments: str, unbuffered: str = "") -> Done:
    """Run a command whose standard output is an open file or pipe."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        timeout=PATIENCE,
        check=False,
    )
    return Done(done.returncode, "", done.stderr.decode())


def closed_pipe() -> int:
    """Return the writing end of a pipe that nobody reads, as of ``| head -0``."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


class Terminal:
    """A command in a terminal of its own; its standard output is apart when it is a pipe.

    Attributes:
        screen: What the terminal showed so far.
    """

    def __init__(
        self,
        *arguments: str,
        environment: dict[str, str] | None = None,
        out: bool = False,
        program: list[str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start it.

        Args:
            arguments: Of the command.
            environment: On top of this process's.
            out: True takes standard output away from the terminal, into :attr:`output`.
            program: What to run instead of the command line.
            cwd: Where to run it.
        """
        self.screen = ""
        self.output = b""
        self._master, slave = os.openpty()
        launcher = [sys.executable, "-I", "-S", "-c", _IN_TERMINAL, *(program or COMMAND), *arguments]
        try:
            self.process = subprocess.Popen(
                launcher,
                stdin=slave,
                stdout=subprocess.PIPE if out else slave,
                stderr=slave,
                env={**os.environ, "PYTHONUNBUFFERED": "", "COLUMNS": "80", "LINES": "24", **(environment or {})},
                start_new_session=True,
                cwd=cwd,
            )
        finally:
            os.close(slave)

    def __enter__(self) -> Terminal:
        """Nothing more to start."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        if self.process.stdout:
            self.process.stdout.close()
        os.close(self._master)

    def read_until(self, pattern: str, *, output: bool = False) -> re.Match[str]:
        """Wait until the screen shows something, or standard output where that is apart, and return the match."""
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.output.decode() if output else self.screen)):
            assert self._read(deadline), f"it ended without showing {pattern!r}:\n{self.screen}"
        return found

    def address(self) -> str:
        """Wait for the address that a person has to open, and return it."""
        return self.read_until(r"(?m)^ +(https?://\S+)\n")[1]

    def press(self, key: str) -> None:
        """Press a key, or many: as fast as the program reads them."""
        keys = key.encode()
        while keys:
            keys = keys[os.write(self._master, keys) :]

    @property
    def words(self) -> str:
        """What the terminal showed so far, wherever its lines were broken."""
        return " ".join(self.screen.split())

    @property
    def settings(self) -> list[object]:
        """The terminal's mode: what is echoed, which keys mean what."""
        return termios.tcgetattr(self._master)

    def end(self, *, within: float = PATIENCE) -> int:
        """Wait for the end and return the exit status."""
        deadline = time.monotonic() + within
        while self._read(deadline):
            pass
        return self.process.wait(max(0.01, deadline - time.monotonic()))

    def _read(self, deadline: float) -> bool:
        """Read what there is to read; False at the end."""
        sources = [self._master, *([self.process.stdout.fileno()] if self.process.stdout else [])]
        ready = select.select(sources, [], [], max(0.0, deadline - time.monotonic()))[0]
        assert ready, f"nothing came in time after:\n{self.screen}"
        if self._master not in ready:
            self.output += (more := os.read(sources[1], 65536))
            ready = [] if more else [self._master]
        if self._master in ready:
            try:
                self.screen += os.read(self._master, 65536).decode("utf-8", "replace").replace("\r\n", "\n")
            except OSError:  # the last process in the terminal has ended
                self.output += self.process.stdout.read() if self.process.stdout else b""
                return False
        return True


def files_below(folder: Path) -> dict[str, bytes]:
    """Return every file in a folder by its name there, but for the empty ones that only take turns."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def stand_in_browser(folder: Path, decision: str, *, ca: Path | None = None) -> tuple[str, Path]:
    """Return a value for BROWSER, and the file in which that browser notes what it was given to open.

    Args:
        folder: Where its program is put.
        decision: The button it presses: allow or deny.
        ca: A certificate authority that it trusts; None trusts no private one.
    """
    trusted = None if ca is None else str(ca)
    notes, program = folder / "opened", folder / "browser.py"
    program.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from tests.servers.person import Person\n"
        f"with open({str(notes)!r}, 'a') as file:\n"
        "    print(sys.argv[1], file=file)\n"
        f"Person({decision!r}, ca={trusted!r})(sys.argv[1])\n"
    )
    return f"{sys.executable} {program} %s", notes

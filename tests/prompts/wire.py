"""What these tests share: raw requests to the loopback receiver, terminals, and what a refusal leaves behind."""

from __future__ import annotations

import contextlib
import io
import os
import re
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Mapping
from http.client import HTTPResponse
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from mcp_oauth_sync.prompts.loopback import LoopbackListener

ROOT = Path(__file__).resolve().parents[2]
STATE = "a-state-of-many-characters-0123456789"
#: Seconds until a test gives up; nothing here takes that long.
PATIENCE = 30.0


class Answer(NamedTuple):
    """What came back for one raw request."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def dial(listener: LoopbackListener, host: str = "127.0.0.1") -> socket.socket:
    """Open a connection to the receiver and send nothing."""
    return socket.create_connection((host, port_of(listener.redirect_uri)), timeout=PATIENCE)


def port_of(uri: str) -> int:
    """Return the port of a URL."""
    port = urlsplit(uri).port
    assert port
    return port


def send(listener: LoopbackListener, request: bytes, host: str = "127.0.0.1") -> Answer:
    """Send raw bytes and read the answer."""
    with dial(listener, host) as connection:
        connection.sendall(request)
        return read_answer(connection, request.partition(b" ")[0].decode("latin-1"))


def read_answer(connection: socket.socket, method: str = "GET") -> Answer:
    """Read one answer."""
    response = HTTPResponse(connection, method=method)
    with contextlib.closing(response):
        response.begin()
        return Answer(response.status, dict(response.getheaders()), response.read())


def request_for(listener: LoopbackListener, target: str, *, method: str = "GET", host: str | None = None) -> bytes:
    """Return a request as a browser would write it."""
    name = urlsplit(listener.redirect_uri).netloc if host is None else host
    return f"{method} {target} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: test\r\n\r\n".encode("latin-1")


def get(listener: LoopbackListener, target: str) -> Answer:
    """Get a target from the receiver."""
    return send(listener, request_for(listener, target))


def answer_target(code: str = "the-code", state: str = STATE) -> str:
    """Return the target of a good answer."""
    return f"/callback?code={code}&state={state}"


def accepts_connections(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether somebody listens."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=PATIENCE):
        return True
    return False


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its content, but for the locks, which hold nothing."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in files.items() if content or not name.endswith(".lock")}


def listener_threads() -> list[threading.Thread]:
    """Return the receiver's serving threads that are alive."""
    return [thread for thread in threading.enumerate() if thread.name == "mcp-oauth-sync listener"]


class Reader(io.StringIO):
    """A stream with somebody reading: hands each address that is printed to a function.

    Args:
        follow: Called with each address, once it is printed.
    """

    def __init__(self, follow: Callable[[str], None]) -> None:
        super().__init__()
        self.follow = follow
        self.seen: list[str] = []

    def write(self, text: str) -> int:
        """Keep the text, and follow an address in it."""
        written = super().write(text)
        for url in re.findall(r"(?m)^\s*(https?://\S+\?\S+)\s*$", text):
            self.seen.append(url)
            self.follow(url)
        return written


class Terminal:
    """A child process at a terminal of its own: what it writes can be read, and keys can be pressed.

    Args:
        arguments: For the Python interpreter.
        environment: Its whole environment.
        only_errors: True puts standard error alone at the terminal.
    """

    _TAKE = "import fcntl, termios, sys; fcntl.ioctl(2, termios.TIOCSCTTY, 0); "

    def __init__(self, *arguments: str, environment: Mapping[str, str], only_errors: bool = False) -> None:
        self.ours, theirs = os.openpty()
        self.text = ""
        take = f"{self._TAKE}import os; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
        self.process = subprocess.Popen(
            [sys.executable, "-c", take, *arguments],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL if only_errors else theirs,
            stdout=subprocess.DEVNULL if only_errors else theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self.ours)

    def read_until(self, pattern: str) -> str:
        """Read until the pattern is on the screen, and return its first group."""
        while not (found := re.search(pattern, self.text)):
            part = self._read()
            assert part, f"the program ended before {pattern!r}: {self.text}"
        return found[1]

    def read_to_the_end(self) -> str:
        """Read until the program ends, and return all it wrote."""
        while self._read():
            pass
        self.process.wait(PATIENCE)
        return self.text

    def press_control_c(self) -> None:
        """Press Ctrl-C."""
        os.write(self.ours, termios.tcgetattr(self.ours)[6][termios.VINTR])

    def _read(self) -> str:
        try:
            part = os.read(self.ours, 65536).decode(errors="replace")
        except OSError:  # the last program at the terminal has gone
            return ""
        self.text += part.replace("\r\n", "\n")
        return part

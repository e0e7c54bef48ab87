"""What a whole life does to the machine, as Python's audit hooks see it: files of its own, one browser, no shell."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .canary import Canary

ROOT = Path(__file__).resolve().parents[2]
#: Opens the address that it is given, as a browser would.
BROWSER = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=30).read()"
#: Events that change files, with the positions of their paths.
CHANGES = {
    **{f"os.{name}": (0,) for name in ("chmod", "chown", "mkdir", "remove", "rmdir", "truncate", "utime", "setxattr")},
    **{f"os.{name}": (0, 1) for name in ("rename", "link", "symlink")},
    **{f"tempfile.{name}": (0,) for name in ("mkstemp", "mkdtemp")},
}
#: Events that a client has no business with.
NEVER = (
    *("os.system", "os.exec", "os.startfile", "os.fork", "os.forkpty", "os.putenv", "os.unsetenv", "pty.spawn"),
    *("pickle.find_class", "ftplib.connect", "smtplib.connect", "telnetlib.Telnet.open", "urllib.Request"),
    *("ctypes.dlopen", "ctypes.dlsym", "shutil.", "socket.sethostname", "syslog.", "winreg.", "code."),
)
Seen = list[tuple[str, list[str]]]


@pytest.fixture
def lived(stage, home: Path) -> Iterator[tuple[Seen, Path]]:
    """Return what the hooks saw of a whole life, and the folder that is the program's own."""
    browser, store = home / "browser.py", home / "store"
    browser.write_text(BROWSER)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTHON"))}
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(browser))} %s"
    with subprocess.Popen(
        [sys.executable, "-B", "-m", "tests.attacks.audited", stage.mcp.mcp_url],
        cwd=ROOT,
        env={**kept, "BROWSER": command, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for prepare in (
            stage.server.expire_all_access_tokens,
            lambda: setattr(stage.mcp, "required_scopes", ("notes",)),
            lambda: None,
            lambda: None,
        ):
            assert child.stdout.readline() == "done\n"
            prepare()
            child.stdin.write("\n")
            child.stdin.flush()
        yield json.loads(child.stdout.read()), store
    assert child.returncode == 0


def test_a_whole_life_keeps_to_its_own_files_servers_and_one_browser_at_a_time(lived, stage) -> None:
    seen, store = lived
    names = {event for event, _ in seen}
    assert {"open", "os.rename", "socket.bind", "socket.connect", "subprocess.Popen"} <= names
    assert sorted(name for name in names if name.startswith(NEVER)) == []

    changed = [args[place] for event, args in seen for place in CHANGES.get(event, ()) if place < len(args)]
    changed += [args[0] for event, args in seen if event == "open" and writes(args)]
    assert len(changed) > 10
    ours = (str(store), os.devnull)
    assert [
        path for path in changed if not (path.startswith(f"{store}{os.sep}") or path in ours or path.isdigit())
    ] == []

    bound = [re.search(r"\('([^']*)', (\d+)\)", args[-1]) for event, args in seen if event == "socket.bind"]
    # The requests library tries out at once whether there is IPv6
    assert "127.0.0.1" in {found[1] for found in bound if found} <= {"127.0.0.1", "::1"}
    dialled = {
        re.sub(r"^.*\('([^']*)', (\d+)\).*$", r"\1:\2", args[-1]) for event, args in seen if event == "socket.connect"
    }
    assert dialled == {f"127.0.0.1:{stage.mcp.port}", f"127.0.0.1:{stage.server.port}"}

    started = [args for event, args in seen if event == "subprocess.Popen"]
    assert len(started) == 2  # to sign in, and to ask for more
    for program, words, *_ in started:  # words of their own, not a line for a shell
        assert program == sys.executable
        assert words.startswith(f"['{sys.executable}', ")
        assert f"'{stage.server.endpoint('authorize')}?" in words


def writes(args: list[str]) -> bool:
    """Tell whether a file was opened for more than reading."""
    flags = int(args[2])
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND))


def test_nothing_that_the_system_is_told_holds_a_secret_but_the_address_that_is_opened(lived, canary) -> None:
    seen, _ = lived
    listener = Canary()
    listener.secrets = set(canary.secrets)
    assert len(listener.secrets) > 10
    for event, args in seen:
        for arg in args if event != "http.client.send" else ():  # which is what goes to the servers
            listener.hear_printed(event, arg)
    assert listener.leaks() == []

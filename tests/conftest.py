"""What every test gets: a home of its own, and checks that it leaves no thread, port or secret behind."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from mcp_oauth_sync.authorizer import winner
from mcp_oauth_sync.stores import manager

from .attacks.canary import Canary, release_canary

#: Variables that would carry this machine's settings into a test.
FOREIGN = (
    "REQUESTS_CA_BUNDLE CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR NETRC BROWSER DISPLAY WAYLAND_DISPLAY "
    "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy "
    "MCP_OAUTH_SYNC_PASSWORD MCP_OAUTH_SYNC_EXPORT_PASSWORD MCP_OAUTH_SYNC_BACKEND MCP_OAUTH_SYNC_PROFILE "
    "MCP_OAUTH_SYNC_CLIENT_SECRET MCP_OAUTH_SYNC_PUBLIC_ONLY "
    "DBUS_SESSION_BUS_ADDRESS VAULT_ADDR VAULT_TOKEN VAULT_NAMESPACE "
    "PYTHON_KEYRING_BACKEND COLUMNS LINES SSH_CONNECTION SSH_TTY"
).split()
#: Seconds a thread or port may take to go away after a test.
GRACE = 8.0
#: Signals that tests send to child processes. Who starts the tests in the background has them ignored, and what
#: is ignored is inherited.
SENT = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
#: Generated input is the same every time, and leaves nothing behind; python -m tests.fuzz looks for more.
settings.register_profile("fixed", derandomize=True, deadline=None, database=None, print_blob=True)
settings.load_profile("fixed")
_REPORT = pytest.StashKey[pytest.TestReport]()


def pytest_configure() -> None:
    """Let child processes be interrupted, however the tests were started."""
    for name in SENT:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test an empty home and the default store a folder in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("MCP_OAUTH_SYNC_HOME", str(folder / "store"))
    monkeypatch.setenv("MCP_OAUTH_SYNC_BACKEND", "encrypted_file")  # never the keyring of who runs the tests
    monkeypatch.setattr(manager, "_defaults", {})
    monkeypatch.setattr(winner, "LOOKS", (0.0,))  # nobody here waits a second for somebody who does not exist
    return folder


def listening() -> set[str]:
    """Return the inodes of the TCP sockets this process listens on; empty where the system does not tell."""
    ours = set()
    try:
        for descriptor in Path("/proc/self/fd").iterdir():
            try:
                target = str(descriptor.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                ours.add(target[8:-1])
        if not ours:
            return ours
        lines = [
            line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/self/net/{name}").read_text().splitlines()
        ]
    except OSError:
        return set()
    return {fields[9] for fields in lines if len(fields) > 9 and fields[3] == "0A"} & ours


@pytest.fixture(autouse=True)
def leaves_nothing_running() -> Iterator[None]:
    """Fail a test that leaves a thread or a listening port behind."""
    threads, ports = set(threading.enumerate()), listening()
    yield
    deadline = time.monotonic() + GRACE
    while True:
        left = [thread.name for thread in set(threading.enumerate()) - threads if thread.is_alive()]
        open_ports = listening() - ports
        if not left and not open_ports:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"left behind: threads {left}, {len(open_ports)} listening ports")
        time.sleep(0.01)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what a test printed where fixtures can see it."""
    report = yield
    if report.when == "call":
        item.stash[_REPORT] = report
    return report


@pytest.fixture(autouse=True)
def canary(home: Path, request: pytest.FixtureRequest) -> Iterator[Canary]:
    """Fail a test after which a secret can be read in a log, an error, the output or a file below its home."""
    root = logging.getLogger()
    level = root.level
    with pytest.MonkeyPatch.context() as patch:
        listener = release_canary(patch)
        root.addHandler(listener)
        root.setLevel(logging.DEBUG)
        try:
            yield listener
        finally:
            root.setLevel(level)
            root.removeHandler(listener)
    if not listener.secrets:
        return
    listener.hear_files(home)
    report = request.node.stash.get(_REPORT, None)
    if report is not None:
        listener.hear_printed("stdout", report.capstdout)
        listener.hear_printed("stderr", report.capstderr)
    leaks = listener.leaks()
    if leaks:
        pytest.fail(f"a secret can be read in {', '.join(sorted(set(leaks)))}")

"""What every test gets: a home of its own, and a check that it leaves no thread and no open port behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_oauth_sync.stores import manager

#: Variables that would carry this machine's settings into a test.
FOREIGN = (
    "REQUESTS_CA_BUNDLE CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR NETRC BROWSER DISPLAY WAYLAND_DISPLAY "
    "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy "
    "MCP_OAUTH_SYNC_PASSWORD"
).split()
#: Seconds a thread or port may take to go away after a test.
GRACE = 8.0


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
    monkeypatch.setattr(manager, "_defaults", {})
    return folder


def listening() -> set[str]:
    """Return the inodes of the TCP sockets this process listens on; empty where the system does not tell."""
    ours = set()
    try:
        for descriptor in Path("/proc/self/fd").iterdir():
            try:
                target = os.readlink(descriptor)
            except OSError:
                continue
            if target.startswith("socket:["):
                ours.add(target[8:-1])
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

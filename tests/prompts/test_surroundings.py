"""What this process stands in, and who is asked there when nobody said: a table of environments."""

from __future__ import annotations

import subprocess
import sys
import threading
import types
import webbrowser
from pathlib import Path

import pytest

from mcp_oauth_sync import BrowserPrompt, ConsolePrompt, NoPrompt, OAuth
from mcp_oauth_sync.prompts import choose_prompt, surroundings
from tests.servers import McpServer, Person

from .wire import PATIENCE, Reader

SSH = {"SSH_CONNECTION": "198.51.100.7 50000 203.0.113.9 22"}
WSL = "Linux version 5.15.90.1-microsoft-standard-WSL2 (oe-user@oe-host)"
PLAIN = "Linux version 6.18.44 (gcc 12.2.0) #1 SMP"


@pytest.fixture(autouse=True)
def plain_linux(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand nowhere in particular: no terminal, no notebook, no Windows around, nothing on PATH."""
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(sys, name, None)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("container", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(surroundings, "_CONTAINER_FILES", (tmp_path / "container",))
    say_version(monkeypatch, tmp_path, PLAIN)


def say_version(monkeypatch: pytest.MonkeyPatch, folder: Path, version: str) -> None:
    file = folder / "version"
    file.write_text(version)
    monkeypatch.setattr(surroundings, "_KERNEL_VERSION", file)


def stand_at_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", types.SimpleNamespace(isatty=lambda: True))


def put_wslview(folder: Path, record: Path) -> Path:
    program = folder / "wslview"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$#" "$@" > {record}\n')
    program.chmod(0o755)
    return program


SITUATIONS = {
    "a laptop": ({"DISPLAY": ":0"}, "linux", PLAIN, BrowserPrompt),
    "a laptop with Wayland": ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", PLAIN, BrowserPrompt),
    "a Mac": ({}, "darwin", "", BrowserPrompt),
    "a Mac over SSH": (SSH, "darwin", "", ConsolePrompt),
    "Windows": ({}, "win32", "", BrowserPrompt),
    "a server's console": ({}, "linux", PLAIN, ConsolePrompt),
    "a container": ({"container": "podman"}, "linux", PLAIN, ConsolePrompt),
    "SSH": (SSH, "linux", PLAIN, ConsolePrompt),
    "SSH with X forwarded": ({**SSH, "DISPLAY": "localhost:10.0"}, "linux", PLAIN, ConsolePrompt),
    "an editor over SSH": ({**SSH, "BROWSER": "/editor/browser.sh"}, "linux", PLAIN, BrowserPrompt),
    "a codespace": ({"BROWSER": "/editor/browser.sh", "CODESPACES": "true"}, "linux", PLAIN, BrowserPrompt),
    "a BROWSER that is empty": ({**SSH, "BROWSER": ""}, "linux", PLAIN, ConsolePrompt),
    "WSL without wslview": ({}, "linux", WSL, ConsolePrompt),
    "WSL with a screen": ({"DISPLAY": ":0"}, "linux", WSL, BrowserPrompt),
}


@pytest.mark.parametrize(("environment", "platform", "version", "chosen"), SITUATIONS.values(), ids=list(SITUATIONS))
@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "no terminal"])
def test_the_prompt_follows_from_the_surroundings(
    environment: dict[str, str],
    platform: str,
    version: str,
    chosen: type,
    terminal: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    say_version(monkeypatch, tmp_path, version)
    monkeypatch.setattr(sys, "platform", platform)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if terminal:
        stand_at_terminal(monkeypatch)
    assert type(choose_prompt()) is (chosen if terminal else NoPrompt)


def test_wslview_on_the_path_is_a_browser_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = put_wslview(tmp_path, tmp_path / "record")
    stand_at_terminal(monkeypatch)
    assert surroundings.windows_opener() is None, "this is no Windows"
    say_version(monkeypatch, tmp_path, WSL)
    assert surroundings.windows_opener() == str(program)
    assert type(choose_prompt()) is BrowserPrompt
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "x")
            assert surroundings.windows_opener() is None


def test_wslview_gets_the_address_as_its_one_argument(
    mcp: McpServer, person: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = tmp_path / "record"
    put_wslview(tmp_path, record)
    say_version(monkeypatch, tmp_path, WSL)
    monkeypatch.setattr(webbrowser, "open", lambda *_: pytest.fail("opened another way"))
    reader = Reader(person.in_thread)
    OAuth(mcp.mcp_url, prompt=BrowserPrompt(output=reader)).sign_in()
    for thread in threading.enumerate():
        if thread.name == "mcp-oauth-sync browser":
            thread.join(PATIENCE)
    assert record.read_text().splitlines() == ["1", *reader.seen]


def test_a_wslview_that_fails_leaves_the_printed_address(
    mcp: McpServer, person: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put_wslview(tmp_path, tmp_path / "missing" / "record")
    say_version(monkeypatch, tmp_path, WSL)
    OAuth(mcp.mcp_url, prompt=BrowserPrompt(output=Reader(person.in_thread))).sign_in()
    for thread in threading.enumerate():
        if thread.name == "mcp-oauth-sync browser":
            thread.join(PATIENCE)
    assert "no browser could be started" in caplog.text


def test_a_system_without_a_version_file_is_no_wsl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(surroundings, "_KERNEL_VERSION", tmp_path / "missing")
    assert not surroundings.is_wsl()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not surroundings.is_wsl()


def test_a_container_is_known_by_its_files_or_its_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not surroundings.is_container()
    for name in ("container", "KUBERNETES_SERVICE_HOST"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "yes")
            assert surroundings.is_container()
    (tmp_path / "container").touch()
    assert surroundings.is_container()


def test_asking_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("started"))
    stand_at_terminal(monkeypatch)
    choose_prompt()

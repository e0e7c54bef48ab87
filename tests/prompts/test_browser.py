"""Asking through the system browser, whatever the browser does; the address is always printed."""

from __future__ import annotations

import io
import shlex
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from mcp_oauth_sync import BrowserPrompt, OAuth
from mcp_oauth_sync.exceptions import InsecureURLError
from tests.servers import AuthorizationServer, McpServer, Person

from .wire import PATIENCE, Reader


@pytest.fixture
def set_browser(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make the standard library read BROWSER anew; it does so once per process."""

    def set_it(command: str) -> None:
        monkeypatch.setenv("BROWSER", command)
        monkeypatch.setattr(webbrowser, "_tryorder", None)
        monkeypatch.setattr(webbrowser, "_browsers", {})

    return set_it


def browser_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "mcp-oauth-sync browser"]


def wait_for_browser() -> None:
    for thread in browser_threads():
        thread.join(PATIENCE)
        assert not thread.is_alive()


def sign_in(mcp: McpServer, reader: Reader) -> None:
    auth = OAuth(mcp.mcp_url, prompt=BrowserPrompt(output=reader))
    assert requests.post(mcp.mcp_url, json={}, auth=auth).status_code == 200


@pytest.mark.parametrize("command", ["/bin/false %s", "/bin/false", "/no/such/browser %s", "/no/such/browser"])
def test_a_browser_that_fails_leaves_the_printed_address_to_the_person(
    mcp: McpServer,
    person: Person,
    set_browser: Callable[[str], None],
    command: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    set_browser(command)
    reader = Reader(person.in_thread)
    sign_in(mcp, reader)
    wait_for_browser()
    assert len(reader.seen) == 1
    said = [record.getMessage() for record in caplog.records if record.name.startswith("mcp_oauth_sync")]
    assert "no browser could be started; the address to open was printed" in said
    assert "state=" not in "".join(said)


def test_a_browser_that_says_yes_and_was_never_seen_leaves_the_printed_address(
    mcp: McpServer, person: Person, set_browser: Callable[[str], None]
) -> None:
    set_browser("/bin/true %s")
    reader = Reader(person.in_thread)
    sign_in(mcp, reader)
    wait_for_browser()
    assert "If it does not, open this address" in reader.getvalue()


def test_a_browser_that_returns_only_when_it_is_closed_holds_up_nothing(
    mcp: McpServer, person: Person, set_browser: Callable[[str], None], tmp_path: Path
) -> None:
    browser, closed = tmp_path / "browser", tmp_path / "closed"
    browser.write_text(f"#!/bin/sh\nuntil test -e {shlex.quote(str(closed))}; do sleep 0.02; done\n")
    browser.chmod(0o755)
    set_browser(f"{browser} %s")
    try:
        sign_in(mcp, Reader(person.in_thread))
        (thread,) = browser_threads()
        assert thread.is_alive()
        assert thread.daemon  # nor does it hold up the end of the program
    finally:
        closed.touch()
        wait_for_browser()


@pytest.mark.parametrize("failure", [webbrowser.Error("no runnable browser"), OSError("no"), ValueError("bad URL")])
def test_a_browser_module_that_raises_leaves_the_printed_address_to_the_person(
    mcp: McpServer,
    person: Person,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> bool:
        raise failure

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", fail)
    sign_in(mcp, Reader(person.in_thread))
    wait_for_browser()
    assert f"no browser could be started ({type(failure).__name__})" in caplog.text


def test_without_screen_and_browser_none_is_started_and_the_text_says_so(
    mcp: McpServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda *_: pytest.fail("opened"))
    reader = Reader(person.in_thread)
    sign_in(mcp, reader)
    assert browser_threads() == []
    assert "\nOpen this address in a browser on this machine:\n" in reader.getvalue()
    assert "A browser window opens now" not in reader.getvalue()


def test_the_browser_gets_the_very_address_that_was_printed_once_and_through_no_shell(
    az: AuthorizationServer, mcp: McpServer, person: Person, set_browser: Callable[[str], None], tmp_path: Path
) -> None:
    recorder, record = tmp_path / "recorder", tmp_path / "record"
    recorder.write_text(f'#!/bin/sh\nprintf "%s\\n" "$#" "$@" >> {shlex.quote(str(record))}\n')
    recorder.chmod(0o755)
    set_browser(f"{recorder} %s")
    reader = Reader(person.in_thread)
    sign_in(mcp, reader)
    wait_for_browser()
    assert record.read_text().splitlines() == ["1", *reader.seen]
    assert reader.seen[0].startswith(az.endpoint("authorize") + "?")
    assert az.authorizations == 1


@pytest.mark.parametrize("endpoint", ["javascript:alert(1)", "file:///etc/passwd", "http://as.example.com/a", "-new"])
def test_an_address_that_is_not_fit_for_a_browser_reaches_neither_browser_nor_terminal(
    az: AuthorizationServer, mcp: McpServer, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    az.metadata_overrides = {"authorization_endpoint": endpoint}
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", lambda *_: pytest.fail("opened"))
    reader = Reader(lambda url: pytest.fail(url))
    with pytest.raises(InsecureURLError):
        OAuth(mcp.mcp_url, prompt=BrowserPrompt(output=reader)).sign_in()
    assert reader.getvalue() == ""
    assert browser_threads() == []
    assert az.requests("/register") == []


def test_it_prints_on_standard_error_and_leaves_standard_output_alone(
    mcp: McpServer, person: Person, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reader = Reader(person.in_thread)
    monkeypatch.setattr("sys.stderr", reader)
    OAuth(mcp.mcp_url, prompt=BrowserPrompt()).sign_in()
    person.join()
    assert capfd.readouterr().out == ""
    first, *_ = reader.getvalue().splitlines()
    assert first == f"Sign in to {mcp.mcp_url}"
    assert reader.getvalue().rstrip().endswith("Ctrl-C stops.")


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


class Gone(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("stream", [None, closed(), Gone()], ids=["none", "closed", "gone"])
def test_a_program_without_standard_error_goes_on_with_the_browser_alone(
    mcp: McpServer, person: Person, monkeypatch: pytest.MonkeyPatch, stream: io.StringIO | None
) -> None:
    def open_it(url: str, *_: object) -> bool:
        person.in_thread(url)
        return True

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", open_it)
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", stream)
        tokens = OAuth(mcp.mcp_url, prompt=BrowserPrompt()).sign_in()
    assert tokens.access_token

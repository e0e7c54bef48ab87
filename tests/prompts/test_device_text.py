"""What is printed for a sign-in by code: where to go, a code that cannot be misread, a way that needs no typing."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import attrs
import pytest

from mcp_oauth_sync import BrowserPrompt, CallbackPrompt, ConsolePrompt, DeviceAuthorization, Listener
from mcp_oauth_sync.exceptions import AccessDeniedError, AuthorizationError
from mcp_oauth_sync.prompts import browser
from mcp_oauth_sync.prompts.device_text import build_code_hint, build_code_text

from .squares import square_in, square_of
from .test_qr_code import COMPLETE as WHOLE
from .test_qr_code import Screen

SERVER = "https://mcp.example.com/mcp"
DEVICE = DeviceAuthorization(
    device_code="a-device-code",
    user_code="WDJB-MJHT",
    verification_uri="https://as.example.com/device",
    verification_uri_complete="https://as.example.com/device?user_code=WDJB-MJHT",
    expires_in=900,
)


def text(**changes: Any) -> str:
    return build_code_text(attrs.evolve(DEVICE, **changes), server_url=SERVER)


def test_the_whole_text() -> None:
    assert text().splitlines() == [
        "Sign in to https://mcp.example.com/mcp",
        "Open this address in a browser on any device, and enter the code below it:",
        "",
        "  https://as.example.com/device",
        "",
        "    W D J B - M J H T",
        "",
        "(to copy: WDJB-MJHT)",
        "Or open this one, which has the code in it, and compare:",
        "  https://as.example.com/device?user_code=WDJB-MJHT",
        "You have 15 minutes. Waiting for you. Ctrl-C stops.",
    ]


def test_the_code_and_the_square_are_seen_together_in_a_terminal_of_24_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WHOLE.items():
        monkeypatch.setenv(name, value)
    lines = build_code_text(DEVICE, server_url=SERVER, output=Screen()).splitlines()
    assert "    W D J B - M J H T" in lines[-24:]
    assert len(square_in("\n".join(lines[-24:]))) == len(square_of(DEVICE.verification_uri_complete or ""))


def test_without_an_address_that_has_the_code_in_it_there_is_nothing_to_compare() -> None:
    assert "compare" not in text(verification_uri_complete=None)


def test_a_long_code_stays_whole() -> None:
    code = "ABCDEFGHJK-ABCDEFGHJK-ABC"
    lines = text(user_code=code).splitlines()
    assert f"    {code}" in lines
    assert not any("to copy" in line for line in lines)


def test_characters_that_look_like_others_are_named() -> None:
    assert "\n(0 is a zero; O is a letter; l is a small L; to copy: O0l-AB)\n" in text(user_code="O0l-AB")
    assert " is a letter" not in text(user_code="BCDF-GHJK")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (900, "15 minutes"),
        (150, "2 minutes"),
        (119, "1 minute"),
        (60, "1 minute"),
        (59, "less than a minute"),
        (86400, "1440 minutes"),
    ],
)
def test_how_long_there_is_is_said(seconds: float, words: str) -> None:
    assert f"You have {words}." in text(expires_in=seconds)


@pytest.mark.parametrize("complete", [DEVICE.verification_uri_complete, None], ids=["with the code", "without"])
def test_a_terminal_gets_a_square_of_the_address_that_says_most(
    complete: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in WHOLE.items():
        monkeypatch.setenv(name, value)
    device = attrs.evolve(DEVICE, verification_uri_complete=complete)
    shown = build_code_text(device, server_url=SERVER, output=Screen())
    assert square_in(shown) == square_of(complete or device.verification_uri)
    assert square_in(build_code_text(device, server_url=SERVER, output=io.StringIO())) == []


class Waiting(Listener):
    """Waits for nothing."""

    redirect_uri = "http://127.0.0.1:1/callback"

    def wait(self, timeout: float) -> str:
        raise NotImplementedError


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A browser at hand, and what it was given to open."""
    found: list[str] = []
    monkeypatch.setattr(browser, "open_beside", found.append)
    monkeypatch.setenv("BROWSER", "a-browser")
    return found


def test_a_browser_at_hand_opens_the_address_that_has_the_code_in_it(opened: list[str]) -> None:
    output = io.StringIO()
    BrowserPrompt(output=output).show_code(DEVICE, server_url=SERVER)
    assert opened == [DEVICE.verification_uri_complete]
    assert "\nA browser window opens now. If it does not:\nOpen this address" in output.getvalue()


def test_a_browser_is_not_opened_at_an_address_that_needs_the_code_typed_in(opened: list[str]) -> None:
    output = io.StringIO()
    BrowserPrompt(output=output).show_code(attrs.evolve(DEVICE, verification_uri_complete=None), server_url=SERVER)
    assert opened == []
    assert "A browser window opens" not in output.getvalue()


def test_no_browser_at_hand_leaves_the_text(opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "browser_at_hand", lambda: False)
    output = io.StringIO()
    BrowserPrompt(output=output).show_code(DEVICE, server_url=SERVER)
    assert opened == []
    assert output.getvalue() == text() + "\n"


def test_the_prompt_without_a_browser_opens_none_and_prints_the_same(opened: list[str]) -> None:
    output = io.StringIO()
    ConsolePrompt(output=output).show_code(DEVICE, server_url=SERVER)
    assert opened == []
    assert output.getvalue() == text() + "\n"


def test_a_person_at_a_terminal_is_told_that_it_is_done_and_an_error_tells_itself() -> None:
    output = io.StringIO()
    prompt = BrowserPrompt(output=output)
    prompt.conclude(AccessDeniedError("No."))
    assert output.getvalue() == ""
    prompt.conclude(None)
    assert output.getvalue() == "The code was accepted.\n"


def test_the_way_by_code_is_named_where_no_browser_is_at_hand_and_the_server_offers_it(
    opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listener, output = Waiting(), io.StringIO()
    assert build_code_hint(listener) == ""
    listener.code_offered = True
    BrowserPrompt(output=output).show("https://as.example.com/a", listener=listener, server_url=SERVER)
    assert "--device" not in output.getvalue(), "a browser is at hand"
    monkeypatch.setattr(browser, "browser_at_hand", lambda: False)
    BrowserPrompt(output=output).show("https://as.example.com/a", listener=listener, server_url=SERVER)
    [line] = [line for line in output.getvalue().splitlines() if "--device" in line]
    assert "grant=DeviceCodeGrant()" in line


def test_an_application_is_given_the_code_itself() -> None:
    given: list[DeviceAuthorization] = []
    prompt = CallbackPrompt(pytest.fail, show_code=given.append)
    prompt.show_code(DEVICE, server_url=SERVER)
    assert given == [DEVICE]


def test_an_application_that_shows_addresses_only_gets_the_one_with_the_code_in_it() -> None:
    given: list[str] = []
    prompt = CallbackPrompt(given.append)
    prompt.show_code(DEVICE, server_url=SERVER)
    assert given == [DEVICE.verification_uri_complete]
    with pytest.raises(AuthorizationError, match="addresses only") as caught:
        prompt.show_code(attrs.evolve(DEVICE, verification_uri_complete=None), server_url=SERVER)
    assert "show_code" in (caught.value.hint or "")
    with suppress(AuthorizationError):
        prompt.conclude(caught.value)

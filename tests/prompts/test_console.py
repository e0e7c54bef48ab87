"""The prompts at a terminal as prompts go, and what a person reads there in every situation."""

from __future__ import annotations

import io
from typing import Any

import pytest

from mcp_oauth_sync import BrowserPrompt, ConsolePrompt, Prompt
from mcp_oauth_sync.prompts.instructions import sign_in_instructions
from mcp_oauth_sync.prompts.output import PromptOutput
from mcp_oauth_sync.testing import PromptContract

URL = "https://as.example.com/authorize?response_type=code&state=xyz"
FORWARDING = "ssh -N -L 8765:127.0.0.1:8765 me@203.0.113.9"


class TestConsole(PromptContract):
    def open_prompt(self) -> Prompt:
        return ConsolePrompt(output=io.StringIO())


class TestBrowser(PromptContract):
    def open_prompt(self) -> Prompt:
        return BrowserPrompt(output=io.StringIO())


def told(**situation: Any) -> str:
    usual: dict[str, Any] = {"redirect_uri": "http://127.0.0.1:8765/callback", "opens": False, "listening": True}
    usual |= {"pasting": True, "server_url": "https://mcp.example.com/mcp"}
    return sign_in_instructions(URL, **{**usual, **situation})


def test_a_laptop_opens_its_browser() -> None:
    assert told(opens=True) == (
        "Sign in to https://mcp.example.com/mcp\n\n"
        "A browser window opens now. If it does not, open this address in a browser:\n\n"
        f"  {URL}\n\n"
        "Is that browser on another machine? Then it ends on a page that does not load.\n"
        "Copy the address of that page, paste it here and press Enter.\n"
        "What you paste is not shown.\n\n"
        "Waiting for the answer. Ctrl-C stops."
    )


def test_over_ssh_there_are_two_ways() -> None:
    assert told(forwarding=FORWARDING) == (
        "Sign in to https://mcp.example.com/mcp\n\n"
        "Open this address in a browser:\n\n"
        f"  {URL}\n\n"
        "The browser ends on a page that does not load, as it looks for this program on\n"
        "its own machine. Copy the address of that page, paste it here and press Enter.\n"
        "What you paste is not shown.\n\n"
        "Or, before you open it, run this on the machine with the browser, and there is\n"
        "nothing to paste:\n\n"
        f"  {FORWARDING}\n\n"
        "Waiting for the answer. Ctrl-C stops."
    )


def test_where_nothing_can_be_pasted_over_ssh_there_is_one_way() -> None:
    text = told(forwarding=FORWARDING, pasting=False)
    assert "Open this address in a browser:\n" in text
    assert f"\nBefore you open it, run this on the machine with the browser:\n\n  {FORWARDING}\n" in text
    assert "paste" not in text


def test_where_nothing_can_be_pasted_the_browser_has_to_be_here() -> None:
    assert "\nOpen this address in a browser on this machine:\n" in told(pasting=False)
    assert "If it does not, open this address in a browser on this machine:\n" in told(pasting=False, opens=True)
    hub = "https://hub.example.com/callback"
    assert "\nOpen this address in a browser:\n" in told(pasting=False, redirect_uri=hub), "any browser comes back"


def test_behind_a_proxy_a_paste_is_only_for_when_it_fails() -> None:
    text = told(redirect_uri="https://hub.example.com/callback")
    assert "\nIf it ends on a page that does not load, copy the address of that page,\npaste it here" in text


def test_where_nothing_is_listened_for_the_address_to_copy_is_named() -> None:
    text = told(redirect_uri="myapp://oauth/callback", listening=False)
    assert "\nThe browser ends on an address that begins with myapp://oauth/callback\nCopy all of it, paste it" in text


def test_another_way_that_the_server_offers_is_told_last() -> None:
    text = told(offer="A code works too.")
    assert text.endswith("\n\nA code works too.\n\nWaiting for the answer. Ctrl-C stops.")


class Screen(io.StringIO):
    """A terminal to write to."""

    def isatty(self) -> bool:
        return True


def test_what_is_going_on_is_written_over_and_left() -> None:
    screen = Screen()
    output = PromptOutput(screen)
    output.progress("a long line")
    output.progress("short")
    output.say("done")
    output.say("next")
    output.progress("again")
    output.leave()
    output.leave()
    assert screen.getvalue() == "\ra long line\rshort      \rdone \nnext\n\ragain\n"


@pytest.mark.parametrize("stream", [None, object()], ids=["none", "makeshift"])
def test_where_there_is_nowhere_to_print_nothing_is_printed(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", stream)
    output = PromptOutput()
    output.progress("x")
    output.leave()
    if stream is None:
        output.say("y")
    assert output.stream is stream

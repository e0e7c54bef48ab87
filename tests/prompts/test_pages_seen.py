"""The pages a browser ends on, in a real Chromium: they can be read in every light and width, and ask for nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from typing import Any

import attrs
import pytest

from mcp_oauth_sync.exceptions import AccessDeniedError, AuthorizationError, OAuthError
from mcp_oauth_sync.models.asker import Asker
from mcp_oauth_sync.models.callback import Callback
from mcp_oauth_sync.prompts.loopback import loopback_listener

from .wire import ROOT, STATE

pytestmark = pytest.mark.chromium

ASKER = Asker(program="Notes at work", server_url="https://mcp.example.com/mcp")
LONG = "a_word_without_an_end" * 20
#: What each sign-in came to, the title of its page, and something that its page has to say.
ENDINGS: list[tuple[OAuthError | None, str, str]] = [
    (None, "You are signed in", "Notes at work"),
    (AccessDeniedError("no", error_description="Not you."), "Access was not granted", "The server says: Not you."),
    (AuthorizationError("It broke.", hint="Mend it."), "The sign-in did not work", "Mend it."),
    (AuthorizationError(LONG), "The sign-in did not work", LONG),
]
_SECONDS = 110


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What was seen of every page: one browser for them all."""
    folder = tmp_path_factory.mktemp("pages")
    callback = attrs.evolve(Callback.at("http://127.0.0.1/callback"), asker=ASKER)
    with ExitStack() as stack:
        urls = []
        for error, _, _ in ENDINGS:
            listener = stack.enter_context(loopback_listener(callback, state=STATE))
            listener.conclude(error)
            urls.append(f"{listener.redirect_uri}?code=x&state={STATE}")
        urls.append(f"{listener.redirect_uri}?code=x&state=wrong")
        done = subprocess.run(
            [sys.executable, "-m", "tests.prompts.look", str(folder), *urls],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    pages: list[dict[str, Any]] = json.loads(done.stdout)
    assert all(page["asked"] == [url] for page, url in zip(pages, urls, strict=True)), "something else was asked for"
    return pages


def test_the_title_and_what_is_announced_tell_how_it_ended(looked: list[dict[str, Any]]) -> None:
    titles = [*(title for _, title, _ in ENDINGS), "Not the right page"]
    assert [page["title"] for page in looked] == titles
    assert [page["status"].splitlines()[0] for page in looked] == titles


def test_the_page_says_who_asked_what_went_wrong_and_what_to_run(looked: list[dict[str, Any]]) -> None:
    for page, (error, _, says) in zip(looked, ENDINGS, strict=False):
        text = " ".join(page["seen"]["light wide"]["texts"])
        assert says in text
        assert "Server mcp.example.com" in text
        assert ("mcp-oauth-sync auth NAME https://mcp.example.com/mcp" in text) is (error is not None)


def test_the_browser_has_nothing_to_complain_about(looked: list[dict[str, Any]]) -> None:
    assert [line for page in looked[:-1] for line in page["console"]] == []
    # The last one is a 400, which Chromium mentions.
    assert len(looked[-1]["console"]) <= 1


def test_every_text_has_the_contrast_of_wcag_aa_in_light_and_dark(looked: list[dict[str, Any]]) -> None:
    weak = {
        (view, words[:40]): round(ratio, 2)
        for page in looked
        for view, seen in page["seen"].items()
        for words, ratio in seen["texts"].items()
        if ratio < 4.5
    }
    assert weak == {}
    assert min(seen["drawing"] for page in looked for seen in page["seen"].values()) >= 3


def test_the_style_is_applied_and_follows_the_colour_scheme(looked: list[dict[str, Any]]) -> None:
    for page in looked:
        grounds = {view.split()[0]: seen["ground"] for view, seen in page["seen"].items()}
        assert grounds == {"light": "rgb(243, 245, 249)", "dark": "rgb(17, 20, 27)"}


def test_nothing_has_to_be_moved_sideways_even_on_a_phone(looked: list[dict[str, Any]]) -> None:
    assert [(page["title"], view) for page in looked for view, seen in page["seen"].items() if seen["sideways"]] == []

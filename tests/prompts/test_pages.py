"""The pages a browser ends on: nothing from elsewhere, nothing unescaped, and what to do next."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from mcp_oauth_sync.prompts.pages import denied_page, failure_page, received_page, stranger_page, success_page

PAGES = {
    "success": success_page(),
    "received": received_page(),
    "denied": denied_page(),
    "failure": failure_page("The server is having a bad day."),
    "stranger": stranger_page(),
}
every_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</p></main><iframe src='https://evil.example'></iframe>",
    "\"'><svg/onload=alert(1)>",
    "&lt;script&gt;",
    "</style><style>body{background:url(https://evil.example)}</style>",
    "<!--",
    "{title} {0} %s %(text)s",
    "\ud800 a lone surrogate",
    "\u202egnp.exe",
)


class Outline(HTMLParser):
    """The elements, attributes and text of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.words: list[str] = []
        self.feed(page.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@every_page
def test_a_page_loads_runs_and_links_nothing(page: bytes) -> None:
    outline = Outline(page)
    assert {"script", "img", "link", "iframe", "object", "form", "a", "base"}.isdisjoint(outline.elements)
    assert {"src", "href", "action", "srcset", "data", "http-equiv"}.isdisjoint(outline.attributes)
    assert not any(name.startswith("on") for name in outline.attributes)
    assert re.findall(rb"https?:|//|url\(|@import", page) == []


@every_page
def test_a_page_is_complete_readable_anywhere_and_follows_the_colour_scheme(page: bytes) -> None:
    outline = Outline(page)
    assert page.startswith(b"<!doctype html>")
    assert outline.attributes["lang"] == ["en"]
    assert "utf-8" in outline.attributes["charset"]
    assert "no-referrer" in outline.attributes["content"]
    assert "width=device-width, initial-scale=1" in outline.attributes["content"]
    assert outline.elements.count("h1") == outline.elements.count("title") == outline.elements.count("main") == 1
    assert b"prefers-color-scheme: dark" in page
    assert b"{" not in re.sub(rb"<style>.*</style>", b"", page, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("success", ("You are signed in", "close this tab", "go back to your program")),
        ("received", ("Answer received", "close this tab", "the program says so")),
        ("denied", ("Access was not granted", "was given nothing", "start the sign-in once more")),
        ("failure", ("The sign-in did not work", "having a bad day", "what you can do next")),
        ("stranger", ("Not the right page", "newest tab that your program opened")),
    ],
)
def test_a_page_says_what_happened_what_to_do_next_and_who_says_so(name: str, says: tuple[str, ...]) -> None:
    text = Outline(PAGES[name]).text
    assert [part for part in says if part not in text] == []
    assert "Shown by mcp-oauth-sync" in text


@pytest.mark.parametrize("reason", HOSTILE)
def test_hostile_text_is_shown_and_never_becomes_part_of_the_page(reason: str) -> None:
    outline = Outline(failure_page(reason))
    assert outline.elements == Outline(PAGES["failure"]).elements
    assert outline.attributes == Outline(PAGES["failure"]).attributes
    assert " ".join(reason.replace("\ud800", "?").split()) in outline.text

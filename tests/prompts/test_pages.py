"""The pages a browser ends on: nothing from elsewhere, nothing unescaped, and what to do next."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from mcp_oauth_sync.models.asker import Asker
from mcp_oauth_sync.prompts.page_style import POLICY, STYLE
from mcp_oauth_sync.prompts.pages import denied_page, failure_page, received_page, stranger_page, success_page

ASKER = Asker(program="Notes at work", server_url="https://mcp.example.com:8443/mcp")
PAGES = {
    "success": success_page(),
    "success, of somebody": success_page(ASKER),
    "received": received_page(),
    "received, of somebody": received_page(ASKER),
    "denied": denied_page(),
    "denied, of somebody": denied_page(ASKER, said="You are not in the group."),
    "failure": failure_page("The server is having a bad day."),
    "failure, of somebody": failure_page("The server is having a bad day.", ASKER, advice="Try again.\nOr do not."),
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
    style = re.findall(rb"<style>(.*)</style>", page, re.DOTALL)
    assert style == [STYLE.encode()]
    assert re.findall(r"https?:|//|url\(|@import|expression", STYLE) == []
    assert "style" not in outline.attributes


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
    assert b"prefers-reduced-motion: no-preference" in page
    assert outline.attributes["role"] == ["status"]
    assert len(page) < 6000
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


@every_page
def test_the_title_of_a_tab_tells_the_outcome(page: bytes) -> None:
    title, headline = (re.findall(rb"<%s>(.*)</%s>" % (name, name), page) for name in (b"title", b"h1"))
    assert title == headline
    assert len(title) == 1


@pytest.mark.parametrize("name", ["denied", "failure"])
def test_a_sign_in_that_came_to_nothing_names_who_asked_and_what_to_run(name: str) -> None:
    text = Outline(PAGES[f"{name}, of somebody"]).text
    assert "Program Notes at work Server mcp.example.com:8443" in text
    assert "or run: mcp-oauth-sync auth NAME https://mcp.example.com:8443/mcp" in text
    assert "or run" not in Outline(PAGES[name]).text
    assert "Program" not in Outline(PAGES[name]).text


def test_what_the_server_says_and_what_to_do_are_lines_of_their_own() -> None:
    assert b"<p>The server says: You are not in the group.</p>" in PAGES["denied, of somebody"]
    assert b"<p>The server is having a bad day.</p><p>Try again.</p><p>Or do not.</p>" in PAGES["failure, of somebody"]


@pytest.mark.parametrize(
    ("url", "host", "command"),
    [
        ("https://mcp.example.com/mcp", "mcp.example.com", "mcp-oauth-sync auth NAME https://mcp.example.com/mcp"),
        ("http://[::1]:8080/", "[::1]:8080", "mcp-oauth-sync auth NAME 'http://[::1]:8080/'"),
        ("https://h.example/$(id)", "h.example", "mcp-oauth-sync auth NAME 'https://h.example/$(id)'"),
        ("https://h.example/<b>", "h.example", "mcp-oauth-sync auth NAME 'https://h.example/<b>'"),
        ("https://h.example/mcp?key=a-secret", "h.example", ""),
        ("https://h.example/" + "long/" * 60, "h.example", ""),
        ("", "", ""),
    ],
)
def test_a_command_is_shown_where_it_is_whole_and_holds_no_secret(url: str, host: str, command: str) -> None:
    asker = Asker(server_url=url)
    assert (asker.host, asker.command) == (host, command)
    text = Outline(denied_page(asker)).text
    assert host in text
    assert command in text


def test_the_policy_allows_this_style_and_nothing_else() -> None:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in POLICY
    assert "default-src 'none'" in POLICY
    assert "unsafe" not in POLICY


@pytest.mark.parametrize("reason", HOSTILE)
@pytest.mark.parametrize(
    "page",
    [
        lambda text: failure_page(text, advice="Wait."),
        lambda text: failure_page("It broke.", advice=text),
        lambda text: denied_page(said=text),
    ],
    ids=["reason", "advice", "said"],
)
def test_hostile_text_is_shown_and_never_becomes_part_of_the_page(page: Callable[[str], bytes], reason: str) -> None:
    outline, harmless = Outline(page(reason)), Outline(page("harmless"))
    assert outline.elements == harmless.elements
    assert outline.attributes == harmless.attributes
    assert " ".join(reason.replace("\ud800", "?").split()) in outline.text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_of_a_program_is_text_too(name: str) -> None:
    asker = Asker(program=name, server_url="https://h.example/mcp")
    assert Outline(success_page(asker)).elements == Outline(success_page(ASKER)).elements
    assert "\u202e" not in success_page(asker).decode()

"""A person with a browser, played by plain requests: opens the page, presses a button, is sent back."""

from __future__ import annotations

import threading
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

TIMEOUT = 10.0


class Page(NamedTuple):
    """What the browser shows in the end."""

    status: int
    html: str


class Person:
    """Callable with the authorization URL.

    Args:
        decision: "allow" or "deny" presses that button when there is one; "ignore" leaves the page alone.
        ca: PEM file to trust for https; None trusts no private CA.
    """

    def __init__(self, decision: str = "allow", *, ca: Path | str | None = None) -> None:
        self.decision = decision
        self.ca = ca
        self.visited: list[str] = []
        self.page: Page | None = None
        self.redirect: str | None = None
        self.error: BaseException | None = None
        self._threads: list[threading.Thread] = []

    def __call__(self, url: str) -> None:
        """Go all the way, the loopback redirect included."""
        with self._browser() as browser:
            if (redirect := self._walk(browser, url)) is not None:
                self._show(self._get(browser, redirect))

    def enter(self, address: str, code: str) -> None:
        """Enter a code on the page at an address, and press the button; with the code in the address, leave it."""
        with self._browser() as browser:
            response = self._get(browser, address)
            form = _Form.read(response)
            if "go" in form.buttons:
                response = self._post(browser, urljoin(response.url, form.action), {**form.fields, "user_code": code})
                form = _Form.read(response)
            if self.decision in form.buttons:
                data = {**form.fields, **form.buttons[self.decision]}
                response = self._post(browser, urljoin(response.url, form.action), data)
            self._show(response)

    def redirect_only(self, url: str) -> str | None:
        """Return where the browser is sent in the end, without going there; None when it ends on a page."""
        with self._browser() as browser:
            return self._walk(browser, url)

    def in_thread(self, url: str) -> None:
        """Go all the way in the background; `join` waits for it and raises what went wrong."""

        def run() -> None:
            try:
                self(url)
            except BaseException as error:
                self.error = error

        thread = threading.Thread(target=run, name="person", daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self, timeout: float = TIMEOUT) -> None:
        """Wait for the background walks."""
        for thread in self._threads:
            thread.join(timeout)
            if thread.is_alive():
                raise AssertionError("the person is still in the browser")
        self._threads.clear()
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    def _browser(self) -> requests.Session:
        browser = requests.Session()
        browser.trust_env = False
        browser.headers.update({"User-Agent": "Mozilla/5.0 (a person)", "Accept": "text/html,*/*;q=0.8"})
        if self.ca is not None:
            browser.verify = str(self.ca)
        return browser

    def _walk(self, browser: requests.Session, url: str) -> str | None:
        """Follow redirects and press the button until the answer goes to the program's redirect URI."""
        goal = parse_qs(urlsplit(url).query).get("redirect_uri", [""])[0]
        response = self._get(browser, url)
        pressed = False
        for _ in range(10):
            if response.is_redirect:
                target = urljoin(response.url, response.headers["Location"])
                if goal and target.startswith(goal):
                    self.redirect = target
                    return target
                response = self._get(browser, target)
                continue
            form = _Form.read(response)
            if pressed or self.decision == "ignore" or self.decision not in form.buttons:
                break
            pressed = True
            data = {**form.fields, **form.buttons[self.decision]}
            response = self._post(browser, urljoin(response.url, form.action), data)
        self._show(response)
        return None

    def _get(self, browser: requests.Session, url: str) -> requests.Response:
        self.visited.append(url)
        return browser.get(url, allow_redirects=False, timeout=TIMEOUT)

    def _post(self, browser: requests.Session, url: str, data: dict[str, str]) -> requests.Response:
        self.visited.append(url)
        return browser.post(url, data=data, allow_redirects=False, timeout=TIMEOUT)

    def _show(self, response: requests.Response) -> None:
        self.page = Page(response.status_code, response.text)


class _Form(HTMLParser):
    """The first form of a page: where it goes, its hidden fields, its buttons by id."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.buttons: dict[str, dict[str, str]] = {}

    @classmethod
    def read(cls, response: requests.Response) -> _Form:
        form = cls()
        if "html" in response.headers.get("Content-Type", ""):
            form.feed(response.text)
        return form

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        pair = {values["name"]: values.get("value", "")} if values.get("name") else {}
        if tag == "form":
            self.action = values.get("action", "")
        elif tag == "input" and values.get("type") == "hidden":
            self.fields.update(pair)
        elif tag in ("button", "input") and values.get("id"):
            self.buttons[values["id"]] = pair

"""Asking through the application's own function, the answer of a server that is hostile, and two sign-ins at once."""

from __future__ import annotations

import threading
import time
import webbrowser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from mcp_oauth_sync import CallbackPrompt, OAuth
from mcp_oauth_sync.exceptions import (
    AccessDeniedError,
    AuthorizationError,
    AuthorizationTimeoutError,
    InvalidRedirectError,
    TokenExchangeError,
)
from tests.servers import AuthorizationServer, McpServer, Person, html

from .wire import accepts_connections, listener_threads, port_of, snapshot


def query_of(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


def assert_nothing_came_of_it(az: AuthorizationServer, home: Path, uri: str) -> None:
    assert az.requests("/token") == []
    assert az.exchanges == 0
    assert [name for name, content in snapshot(home).items() if b"access-" in content] == []
    assert not accepts_connections(port_of(uri))
    assert listener_threads() == []


def test_a_function_that_returns_nothing_leaves_the_answer_to_the_browser(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    auth = OAuth(mcp.mcp_url, prompt=CallbackPrompt(person.in_thread))
    assert requests.post(mcp.mcp_url, json={}, auth=auth).status_code == 200
    person.join()
    assert person.page is not None
    assert person.page.status == 200
    assert "You are signed in" in person.page.html
    assert az.violations == mcp.violations == []


def test_an_address_that_the_function_returns_is_the_answer(az: AuthorizationServer, mcp: McpServer) -> None:
    person = Person()
    auth = OAuth(mcp.mcp_url, prompt=CallbackPrompt(person.redirect_only))
    assert requests.post(mcp.mcp_url, json={}, auth=auth).status_code == 200
    assert az.violations == []


def test_the_function_may_be_one_that_says_whether_it_worked(
    mcp: McpServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_it(url: str, *_: Any) -> bool:
        person.in_thread(url)
        return True

    monkeypatch.setattr(webbrowser, "open", open_it)
    auth = OAuth(mcp.mcp_url, prompt=CallbackPrompt(webbrowser.open))
    assert auth.sign_in().access_token


def test_the_function_gets_an_ordinary_string_that_can_be_shown(mcp: McpServer) -> None:
    shown: list[str] = []

    def show(url: str) -> str | None:
        shown.append(url)
        return Person().redirect_only(url)

    OAuth(mcp.mcp_url, prompt=CallbackPrompt(show)).sign_in()
    assert [type(url) for url in shown] == [str]
    assert "state=" in repr(shown[0])


def test_an_answer_to_something_else_is_refused_and_nothing_is_exchanged(
    az: AuthorizationServer, mcp: McpServer, home: Path
) -> None:
    person = Person()

    def swap_state(url: str) -> str:
        redirect = str(person.redirect_only(url))
        return redirect.replace(query_of(redirect)["state"][0], "another-state")

    with pytest.raises(InvalidRedirectError, match="does not belong to this sign-in"):
        OAuth(mcp.mcp_url, prompt=CallbackPrompt(swap_state)).sign_in()
    assert_nothing_came_of_it(az, home, str(person.redirect))


def test_what_goes_wrong_in_the_function_reaches_the_caller_and_the_port_is_free(
    az: AuthorizationServer, mcp: McpServer, home: Path
) -> None:
    uris: list[str] = []

    def fail(url: str) -> None:
        uris.append(query_of(url)["redirect_uri"][0])
        raise ZeroDivisionError("in the application")

    with pytest.raises(ZeroDivisionError, match="in the application"):
        OAuth(mcp.mcp_url, prompt=CallbackPrompt(fail)).sign_in()
    assert_nothing_came_of_it(az, home, uris[0])


def test_a_person_who_says_no_ends_it_at_once_and_the_page_says_so(
    az: AuthorizationServer, mcp: McpServer, home: Path
) -> None:
    az.auto_consent = False
    person = Person("deny")
    began = time.monotonic()
    with pytest.raises(AccessDeniedError) as caught:
        OAuth(mcp.mcp_url, prompt=CallbackPrompt(person.in_thread), sign_in_timeout=300).sign_in()
    assert time.monotonic() - began < 10
    person.join()
    assert caught.value.error == "access_denied"
    assert caught.value.error_description == "The person said no."
    assert person.page is not None
    assert "Access was not granted" in person.page.html
    assert_nothing_came_of_it(az, home, str(person.redirect))


def test_a_person_who_does_not_answer_ends_it_with_a_timeout(
    az: AuthorizationServer, mcp: McpServer, home: Path
) -> None:
    uris: list[str] = []
    prompt = CallbackPrompt(lambda url: uris.extend(query_of(url)["redirect_uri"]))
    with pytest.raises(AuthorizationTimeoutError, match=r"within 0\.2 seconds"):
        OAuth(mcp.mcp_url, prompt=prompt, sign_in_timeout=0.2).sign_in()
    assert_nothing_came_of_it(az, home, uris[0])


def test_markup_in_the_words_of_the_server_reaches_neither_page_nor_terminal_unescaped(
    az: AuthorizationServer, mcp: McpServer
) -> None:
    bad = "<script>alert(1)</script>\x1b[31m\u202e"
    az.before_redirect = lambda query: {
        "error": "<b>server_error</b>",
        "error_description": bad,
        "error_uri": "javascript:alert(1)",
        "state": query["state"],
        "iss": query["iss"],
    }
    person = Person()
    with pytest.raises(AuthorizationError) as caught:
        OAuth(mcp.mcp_url, prompt=CallbackPrompt(person.in_thread)).sign_in()
    person.join()
    assert person.page is not None
    assert person.page.status == 200
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in person.page.html
    assert "<script" not in person.page.html
    assert "<b>" not in person.page.html
    assert "javascript:" not in person.page.html
    assert all(char.isprintable() or char == "\n" for char in str(caught.value) + person.page.html)


@pytest.mark.parametrize("iss", ["wrong", "slash"])
def test_nothing_of_an_answer_from_another_issuer_is_shown(
    az: AuthorizationServer, mcp: McpServer, home: Path, iss: str
) -> None:
    az.iss_mode = iss
    az.before_redirect = lambda query: {**query, "error": "oops_code", "error_description": "Call 555-EVIL"}
    person = Person()
    with pytest.raises(InvalidRedirectError) as caught:
        OAuth(mcp.mcp_url, prompt=CallbackPrompt(person.in_thread)).sign_in()
    person.join()
    assert person.page is not None
    assert "did not belong to this sign-in" in person.page.html
    for shown in (person.page.html, str(caught.value)):
        assert "EVIL" not in shown
        assert "oops_code" not in shown
        assert "evil.example" not in shown
    assert caught.value.error is caught.value.error_description is None
    assert_nothing_came_of_it(az, home, str(person.redirect))


@pytest.mark.parametrize("name", ["code", "iss", "error"])
def test_an_answer_that_repeats_a_parameter_is_refused(
    az: AuthorizationServer, mcp: McpServer, home: Path, name: str
) -> None:
    az.before_redirect = lambda query: {**query, name: [query.get(name, "x"), "another"]}
    person = Person()
    with pytest.raises(InvalidRedirectError, match="repeats a parameter"):
        OAuth(mcp.mcp_url, prompt=CallbackPrompt(person.in_thread)).sign_in()
    person.join()
    assert_nothing_came_of_it(az, home, str(person.redirect))


def test_a_code_that_is_not_accepted_shows_on_the_page(az: AuthorizationServer, mcp: McpServer) -> None:
    az.fault("/token", html())
    person = Person()
    with pytest.raises(TokenExchangeError):
        OAuth(mcp.mcp_url, prompt=CallbackPrompt(person.in_thread)).sign_in()
    person.join()
    assert person.page is not None
    assert "The sign-in did not work" in person.page.html


def test_a_busy_port_is_an_error_before_anybody_is_asked_or_registered(
    az: AuthorizationServer, mcp: McpServer, home: Path
) -> None:
    before = snapshot(home)
    prompt = CallbackPrompt(lambda url: pytest.fail(f"shown: {url}"))
    with pytest.raises(AuthorizationError) as caught:
        OAuth(mcp.mcp_url, prompt=prompt, callback_port=az.port).sign_in()
    assert type(caught.value) is AuthorizationError
    assert f"port {az.port}" in caught.value.message
    assert az.requests("/register") == az.requests("/authorize") == az.requests("/token") == []
    assert snapshot(home) == before


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_the_redirect_that_was_bound_is_the_one_registered_asked_for_and_redeemed(
    az: AuthorizationServer, mcp: McpServer, person: Person, host: str
) -> None:
    OAuth(mcp.mcp_url, prompt=CallbackPrompt(person.in_thread), callback_host=host).sign_in()
    (registration,), (question,), (exchange,) = map(az.requests, ("/register", "/authorize", "/token"))
    uri = question.param("redirect_uri")
    assert uri is not None
    shown = f"[{host}]" if ":" in host else host
    assert uri == f"http://{shown}:{port_of(uri)}/callback"
    assert registration.json()["redirect_uris"] == [uri]
    assert exchange.form["redirect_uri"] == [uri]
    assert str(person.redirect).startswith(uri + "?")
    assert az.violations == []


def test_the_port_of_the_registration_is_used_again_while_free_and_another_one_when_busy(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    auth = OAuth(mcp.mcp_url, prompt=CallbackPrompt(person.in_thread))
    auth.sign_in()
    first = str(az.requests("/authorize")[-1].param("redirect_uri"))
    auth.sign_in()
    assert az.registrations == 1
    assert az.requests("/authorize")[-1].param("redirect_uri") == first
    with AuthorizationServer(port=port_of(first)):
        auth.sign_in()
    assert az.requests("/authorize")[-1].param("redirect_uri") != first
    assert az.registrations == 2
    assert az.violations == []


def test_two_servers_can_be_signed_in_to_at_once_and_share_nothing() -> None:
    both_shown = threading.Barrier(2, timeout=20)
    urls: list[str] = []

    def show(url: str) -> str | None:
        urls.append(url)
        both_shown.wait()  # both receivers listen now
        return Person().redirect_only(url)

    with AuthorizationServer() as az, McpServer(az) as one, McpServer(az) as two:
        auths = [OAuth(server.mcp_url, prompt=CallbackPrompt(show)) for server in (one, two)]
        threads = [threading.Thread(target=auth.sign_in) for auth in auths]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [auth.tokens is not None for auth in auths] == [True, True]
        first, second = map(query_of, urls)
        for name in ("state", "code_challenge", "redirect_uri", "client_id"):
            assert first[name] != second[name], name
        verifiers = {exchange.form["code_verifier"][0] for exchange in az.requests("/token")}
        assert len(verifiers) == 2
        assert az.violations == one.violations == two.violations == []


def test_neither_state_nor_verifier_nor_code_is_ever_written_to_disk(
    az: AuthorizationServer, mcp: McpServer, person: Person, home: Path
) -> None:
    OAuth(mcp.mcp_url, prompt=CallbackPrompt(person.in_thread)).sign_in()
    files = b"".join(snapshot(home).values()) + " ".join(snapshot(home)).encode()
    assert len(files) > 0
    (exchange,) = az.requests("/token")
    secrets = [*query_of(str(person.redirect))["state"], *exchange.form["code"], *exchange.form["code_verifier"]]
    assert [secret for secret in secrets if secret.encode() in files] == []

"""Words of a hostile server: nothing in them moves a cursor, forges a line or becomes part of a page."""

from __future__ import annotations

import logging

import pytest
import requests

from mcp_oauth_sync import MCPOAuthClient, MCPSession
from mcp_oauth_sync.cli import main
from mcp_oauth_sync.exceptions import (
    AuthorizationError,
    DiscoveryError,
    MCPError,
    RegistrationError,
    RevocationError,
    TokenExchangeError,
    TokenRefreshError,
    printable,
)
from mcp_oauth_sync.grants.refresh_token import renew
from mcp_oauth_sync.protocol.revocation import revoke_token
from mcp_oauth_sync.protocol.transport import Transport

from ..servers import json_reply, reply
from .stage import impatient, readable

#: Every kind of character that a terminal, a log reader or a person would take for something else.
HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07\x1b]8;;https://evil.example.com\x1b\\ \x9b31m\x00\x08\x7f\r\nHint: run evil\n"
    "\u2028\u2029\u202e\u2066\u200f\u200b\ufeff\ud800<script>alert(1)</script>&'\"" + "long " * 400
)
ERROR = {"error": HOSTILE, "error_description": HOSTILE, "error_uri": HOSTILE}
PAGE = f"<html><title>{HOSTILE.replace('<', '(')}</title>".encode("utf-8", "replace").decode()


def kept_short(error: Exception) -> None:
    """Check that all an error says can be shown, and that the server's words are few and after ours."""
    said = readable(error)
    assert "\nHint: run evil" not in said
    assert all(len(line) < 900 for line in str(error).split("\n"))


@pytest.fixture(autouse=True)
def readable_log(caplog):
    """Check that what was logged can be shown too."""
    caplog.set_level(logging.DEBUG, "mcp_oauth_sync")
    yield
    for record in caplog.records:
        if record.name.startswith("mcp_oauth_sync"):
            assert record.getMessage().isprintable()


@pytest.mark.parametrize("status", [400, 403, 200, 500])
@pytest.mark.parametrize("body", [ERROR, PAGE, HOSTILE.encode("utf-8", "replace")], ids=["an error", "a page", "text"])
def test_hostile_words_of_an_endpoint_are_made_readable(stage, monkeypatch, status, body):
    impatient(monkeypatch)
    fault = reply(status, body, [("Server", "\x1b[2J\x9b evil")])
    for path, kind in (
        (stage.server.well_knowns["oauth"], DiscoveryError),
        ("/register", RegistrationError),
    ):
        stage.server.fault(path, fault)
        with stage.refusing(kind) as errors:
            stage.call(stage.auth())
        kept_short(errors[0])
        stage.server.clear_faults()
    stage.server.fault("/token", fault)
    with stage.refusing(TokenExchangeError, shown=1, redeemed=1) as errors:
        stage.call(stage.auth())
    kept_short(errors[0])
    stage.server.clear_faults()


@pytest.mark.parametrize("status", [400, 429, 503])
def test_hostile_words_of_a_refusal_to_refresh_or_revoke_are_made_readable(stage, monkeypatch, status):
    client = MCPOAuthClient(stage.mcp.mcp_url, prompt=stage.prompt())
    client.authorize()
    stage.server.fault("/token", reply(status, {**ERROR, "error": "invalid_request"}, [("Retry-After", "\x1b[2J9999")]))
    stage.server.fault("/revoke", reply(status, ERROR))
    monkeypatch.setitem(renew.__kwdefaults__, "backoff", ())
    with pytest.raises(TokenRefreshError) as refused:
        client.refresh_token()
    kept_short(refused.value)
    with pytest.raises(RevocationError) as refused:
        revoke_token(Transport(), stage.server.endpoint("revoke"), client.registration, "some-token")
    kept_short(refused.value)
    assert client.revoke_token("some-token") is False


def test_hostile_words_in_the_redirect_are_made_readable_and_stay_out_of_the_page(stage):
    words = HOSTILE.replace("\ud800", "")
    stage.server.before_redirect = lambda query: {
        **{name: query[name] for name in ("state", "iss")},
        "error": words,
        "error_description": words,
    }
    stage.answer = stage.person.in_thread
    with stage.refusing(AuthorizationError, shown=1) as errors:
        stage.call(stage.auth())
    stage.person.join()
    kept_short(errors[0])
    page = stage.person.page.html
    assert "The sign-in did not work" in page
    assert "<script" not in page
    assert all(letter.isprintable() or letter == "\n" for letter in page)


def test_hostile_members_of_documents_are_made_readable(stage):
    words = "https://x/" + HOSTILE
    for changes in (
        {"resource": words},
        {"authorization_servers": [words]},
        {"scopes_supported": [words]},
        {"resource": stage.mcp.mcp_url, "authorization_servers": [HOSTILE]},
    ):
        stage.mcp.prm_overrides = changes
        with stage.refusing(DiscoveryError, ValueError) as errors:
            stage.call(stage.auth())
        kept_short(errors[0])
    stage.mcp.prm_overrides = {}
    for member in ("issuer", "authorization_endpoint", "token_endpoint", "registration_endpoint"):
        stage.server.metadata_overrides = {member: words.replace("\ud800", "")}
        with stage.refusing(DiscoveryError, ValueError) as errors:
            stage.call(stage.auth())
        kept_short(errors[0])


def test_hostile_words_of_tools_and_their_answers_are_made_readable(stage, capsys):
    words = HOSTILE.replace("\ud800", "")
    tools = [{"name": words, "description": words}, {"name": 7, "description": None}, "no tool", {}]
    stage.mcp.open = True
    stage.mcp.route("POST", "/mcp", _mcp(stage, {"tools": tools}))
    assert main(["tools", "evil", stage.mcp.mcp_url]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert all(line.isprintable() for line in (out + err).split("\n"))
    stage.mcp.route("POST", "/mcp", _mcp(stage, None, {"code": words, "message": words, "data": words}))
    with requests.Session() as session, pytest.raises(MCPError) as refused:
        list(MCPSession(stage.mcp.mcp_url, session=session).list_tools())
    kept_short(refused.value)


def _mcp(stage, result, error=None):
    def answer(exchange):
        message = exchange.json()
        if "id" not in message:
            return json_reply({}, 202)
        if message["method"] == "initialize":
            made = {"result": {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": HOSTILE}}}
        else:
            made = {"result": result} if error is None else {"error": error}
        return json_reply({"jsonrpc": "2.0", "id": message["id"], **made})

    return answer


def test_hostile_scopes_are_made_readable_where_the_command_line_tells_what_was_granted(stage, capsys, monkeypatch):
    monkeypatch.setattr("mcp_oauth_sync.prompts.at_terminal", lambda: True)
    monkeypatch.setenv("BROWSER", "a browser that is never opened")
    monkeypatch.setattr("mcp_oauth_sync.prompts.browser.BrowserPrompt.show", _walk(stage))
    stage.server.token_overrides = {"scope": HOSTILE.replace("\ud800", "")}
    status = main(["auth", "evil", stage.mcp.mcp_url])
    out, err = capsys.readouterr()
    assert (status, out) == (0, "")
    assert "Signed in" in err
    assert all(line.isprintable() for line in err.split("\n"))


def _walk(stage):
    def show(prompt, url, *, listener, server_url):
        listener.deliver(stage.person.redirect_only(url))

    return show


@pytest.mark.parametrize("limit", [10, 80, 200])
def test_what_is_printable_is_short_and_on_one_line(limit):
    shown = printable(HOSTILE, limit)
    assert shown.isprintable()
    assert len(shown) <= limit


def test_a_page_of_a_gateway_is_named_by_its_title_and_not_repeated(stage):
    page = "<!doctype html><title>Just a moment...</title><p>Ray ID 1234567890</p>"
    stage.server.fault("/register", reply(403, page, [("Server", "gateway")], content_type="text/html"))
    with stage.refusing(RegistrationError) as errors:
        stage.call(stage.auth())
    assert "Just a moment" in str(errors[0])
    assert "Ray ID" not in readable(errors[0])

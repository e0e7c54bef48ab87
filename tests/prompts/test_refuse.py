"""Nobody to ask: a typed error that says what to run, and nothing sent, opened or stored."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from mcp_oauth_sync import Callback, CallbackPrompt, MCPOAuthClient, NoPrompt, OAuth
from mcp_oauth_sync.exceptions import ScopeRequiredError, SignInRequiredError
from tests.servers import AuthorizationServer, McpServer, Person

from .wire import listener_threads, snapshot


def test_it_never_listens_and_never_shows() -> None:
    prompt = NoPrompt()
    assert not prompt.interactive
    for ask in (
        lambda: prompt.listen(Callback.at("http://127.0.0.1/callback"), state="s"),
        lambda: prompt.show("https://as.example.com", listener=None, server_url="x"),
    ):
        with pytest.raises(SignInRequiredError) as caught:
            ask()
        assert "mcp-oauth-sync auth NAME URL" in str(caught.value.hint)
    assert listener_threads() == []


def test_a_refused_request_says_which_command_signs_in_and_touches_no_server(
    az: AuthorizationServer, mcp: McpServer, home: Path
) -> None:
    before = snapshot(home)
    with pytest.raises(SignInRequiredError) as caught:
        requests.post(mcp.mcp_url, json={}, auth=OAuth(mcp.mcp_url, name="notes", prompt=NoPrompt()))
    assert f"mcp-oauth-sync auth notes {mcp.mcp_url}" in str(caught.value.hint)
    assert mcp.mcp_url in caught.value.message
    assert az.log == []
    assert [exchange.status for exchange in mcp.log] == [401]
    assert snapshot(home) == before


def test_asking_outright_is_refused_too(az: AuthorizationServer, mcp: McpServer) -> None:
    auth = OAuth(mcp.mcp_url, name="notes", prompt=NoPrompt())
    for ask in (auth.sign_in, auth.headers):
        with pytest.raises(SignInRequiredError, match="nobody is there to ask"):
            ask()
    assert az.log == mcp.log == []


def test_step_by_step_it_is_refused_before_anything_is_registered(az: AuthorizationServer, mcp: McpServer) -> None:
    with pytest.raises(SignInRequiredError) as caught:
        MCPOAuthClient(mcp.mcp_url, prompt=NoPrompt()).authorize()
    assert "mcp-oauth-sync auth" in str(caught.value.hint)
    assert az.requests("/register") == az.requests("/authorize") == []


def test_more_scopes_are_refused_with_the_command_that_grants_them_and_the_tokens_are_kept(
    az: AuthorizationServer, mcp: McpServer, home: Path
) -> None:
    person = Person()
    OAuth(mcp.mcp_url, name="notes", scopes="mcp:basic", prompt=CallbackPrompt(person.redirect_only)).sign_in()
    mcp.scope_for = {"tools/call": "mcp:write"}
    before = snapshot(home)
    auth = OAuth(mcp.mcp_url, name="notes", prompt=NoPrompt())
    with pytest.raises(ScopeRequiredError) as caught:
        requests.post(mcp.mcp_url, json={"method": "tools/call"}, auth=auth)
    assert caught.value.scopes == ("mcp:write",)
    assert f"auth notes {mcp.mcp_url} --scopes 'mcp:basic mcp:write'" in str(caught.value.hint)
    assert requests.post(mcp.mcp_url, json={}, auth=auth).status_code == 200
    assert snapshot(home) == before
    assert len(person.visited) == 1

"""The official SDK's server as the demo runs it, spoken to with plain requests: what our client will meet."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from .plain_client import REDIRECT_URI, PlainClient, answer_of, text_of
from .sdk import ROOT, SdkServer, ServerProcess, Tls

pytestmark = pytest.mark.demo


@pytest.fixture(scope="module")
def server() -> Iterator[SdkServer]:
    with SdkServer() as running:
        yield running


@pytest.fixture
def client(server: SdkServer) -> Iterator[PlainClient]:
    with PlainClient(server) as made:
        yield made


def test_a_call_without_a_token_is_answered_with_a_challenge_that_names_the_metadata(
    client: PlainClient,
) -> None:
    answer = client.call(None)
    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith("Bearer ")
    metadata_url = f"{client.server.origin}/.well-known/oauth-protected-resource/mcp"
    assert f'resource_metadata="{metadata_url}"' in challenge
    document = client.http.get(metadata_url).json()
    assert document["resource"] == client.server.mcp_url
    assert document["authorization_servers"] == [client.server.issuer]


def test_the_metadata_of_the_authorization_server_names_its_own_issuer_without_a_slash(
    client: PlainClient,
) -> None:
    document = client.http.get(f"{client.server.issuer}/.well-known/oauth-authorization-server").json()
    assert document["issuer"] == client.server.issuer
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["scopes_supported"] == ["mcp", "notes:write"]
    for endpoint in ("authorization", "token", "registration", "revocation"):
        assert document[f"{endpoint}_endpoint"].startswith(client.server.issuer + "/")


def test_a_registered_client_may_ask_for_every_scope(client: PlainClient) -> None:
    answer = client.http.post(f"{client.server.issuer}/register", json={"redirect_uris": [REDIRECT_URI]})
    assert answer.status_code == 201
    registered = answer.json()
    assert registered["scope"] == "mcp notes:write"
    assert registered["token_endpoint_auth_method"] == "client_secret_post"
    assert registered["client_secret"]


@pytest.mark.parametrize("uri", ["http://example.com/callback", "javascript:alert(1)", "other.app:/callback"])
def test_a_redirect_uri_that_is_neither_https_nor_loopback_is_refused(client: PlainClient, uri: str) -> None:
    answer = client.http.post(f"{client.server.issuer}/register", json={"redirect_uris": [uri]})
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_redirect_uri"


def test_the_consent_page_says_who_asks_for_what_and_loads_nothing(client: PlainClient) -> None:
    page = client.read_consent(scope="mcp notes:write")
    assert page.status_code == 200
    assert "Plain &lt;Client&gt;" in page.text
    assert "<Client>" not in page.text
    assert "See your notes" in page.text
    assert "Write notes" in page.text
    assert client.server.mcp_url in page.text
    assert "<script" not in page.text
    assert "src=" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


def test_the_consent_page_leaves_out_what_was_not_asked_for(client: PlainClient) -> None:
    assert "Write notes" not in client.read_consent(scope="mcp").text


def test_allow_redirects_with_a_code_the_state_and_the_issuer(client: PlainClient) -> None:
    landed = answer_of(client.answer(client.read_consent(), "allow"))
    assert landed.keys() == {"code", "state", "iss"}
    assert landed["state"] == "a state"
    assert landed["iss"] == client.server.issuer


def test_deny_redirects_with_access_denied_and_no_code(client: PlainClient) -> None:
    landed = answer_of(client.answer(client.read_consent(), "deny"))
    assert landed["error"] == "access_denied"
    assert landed["state"] == "a state"
    assert landed["iss"] == client.server.issuer
    assert "code" not in landed


def test_a_question_is_answered_once(client: PlainClient) -> None:
    page = client.read_consent()
    assert client.answer(page, "deny").status_code == 303
    again = client.answer(page, "allow")
    assert again.status_code == 404
    assert "location" not in again.headers
    assert client.http.get(page.url).status_code == 404


@pytest.mark.parametrize(
    "resource", [None, "https://other.example/mcp", "http://127.0.0.1:7/mcp", "{mcp_url}/x", "{mcp_url}#x"]
)
def test_a_token_for_another_resource_or_for_none_is_refused(client: PlainClient, resource: str | None) -> None:
    asked = resource and resource.format(mcp_url=client.server.mcp_url)
    landed = answer_of(client.authorize(resource=asked))
    assert landed["error"] == "invalid_target"
    assert landed["iss"] == client.server.issuer


def test_a_redirect_uri_that_was_not_registered_is_never_redirected_to(client: PlainClient) -> None:
    answer = client.authorize(redirect_uri="http://127.0.0.1:8/callback")
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_a_code_needs_its_verifier(client: PlainClient) -> None:
    landed = answer_of(client.answer(client.read_consent(), "allow"))
    answer = client.exchange(landed["code"], code_verifier="x" * 43)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"


def test_a_code_used_twice_ends_the_sign_in_it_began(client: PlainClient) -> None:
    landed = answer_of(client.answer(client.read_consent(), "allow"))
    tokens = client.exchange(landed["code"]).json()
    assert client.call(tokens["access_token"]).status_code == 200
    assert client.exchange(landed["code"]).json()["error"] == "invalid_grant"
    assert client.call(tokens["access_token"]).status_code == 401
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_token_opens_the_server_in_the_protocols_with_a_handshake(client: PlainClient) -> None:
    token = client.sign_in()["access_token"]
    hello = client.call(
        token,
        "initialize",
        protocolVersion="2025-11-25",
        capabilities={},
        clientInfo={"name": "plain", "version": "1"},
    )
    assert hello.headers["content-type"] == "application/json"
    assert hello.json()["result"]["protocolVersion"] == "2025-11-25"
    tools = client.call(token).json()["result"]["tools"]
    assert [tool["name"] for tool in tools] == ["list_notes", "whoami", "add_note"]
    assert text_of(client.tool(token, "list_notes")).startswith("1. Welcome!")
    said = text_of(client.tool(token, "whoami"))
    assert said.startswith("You are Ada. Plain <Client> acts for you and may use: mcp. ")


def test_a_token_opens_the_server_in_the_stateless_protocol(client: PlainClient) -> None:
    token = client.sign_in()["access_token"]
    answer = client.call(
        token,
        "tools/call",
        {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "whoami"},
        name="whoami",
        arguments={},
        _meta={
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "plain", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    )
    assert answer.headers["content-type"] == "application/json"
    assert text_of(answer).startswith("You are Ada. ")


def test_a_tool_that_needs_more_is_refused_with_the_scope_and_works_after_the_second_consent(
    client: PlainClient,
) -> None:
    token = client.sign_in()["access_token"]
    answer = client.tool(token, "add_note", text="hello")
    assert answer.status_code == 403
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer error="insufficient_scope"')
    assert 'scope="notes:write"' in challenge
    assert f'resource_metadata="{client.server.origin}/.well-known/oauth-protected-resource/mcp"' in challenge
    before = text_of(client.tool(token, "list_notes")).splitlines()

    more = client.sign_in(scope="mcp notes:write")
    assert more["scope"] == "mcp notes:write"
    assert text_of(client.tool(more["access_token"], "add_note", text="hello")).startswith("Noted")
    after = text_of(client.tool(more["access_token"], "list_notes")).splitlines()
    assert after == [*before, f"{len(after)}. hello"]


def test_a_token_without_the_scope_of_the_server_is_refused(client: PlainClient) -> None:
    token = client.sign_in(scope="notes:write")["access_token"]
    answer = client.call(token)
    assert answer.status_code == 403
    assert "insufficient_scope" in answer.headers["www-authenticate"]


def test_a_refresh_gives_new_tokens_and_can_narrow_the_scope_for_one(client: PlainClient) -> None:
    first = client.sign_in(scope="mcp notes:write")
    second = client.refresh(first["refresh_token"], scope="mcp").json()
    assert second["scope"] == "mcp"
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert client.tool(second["access_token"], "add_note", text="no").status_code == 403
    third = client.refresh(second["refresh_token"]).json()
    assert third["scope"] == "mcp notes:write"
    assert client.call(third["access_token"]).status_code == 200


def test_a_refresh_cannot_widen_the_scope(client: PlainClient) -> None:
    answer = client.refresh(client.sign_in()["refresh_token"], scope="mcp notes:write")
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_scope"


def test_a_refresh_token_used_twice_ends_the_whole_sign_in(client: PlainClient) -> None:
    first = client.sign_in()
    other = client.sign_in()
    second = client.refresh(first["refresh_token"]).json()
    assert client.call(second["access_token"]).status_code == 200

    replayed = client.refresh(first["refresh_token"])
    assert replayed.status_code == 400
    assert replayed.json()["error"] == "invalid_grant"
    assert client.call(second["access_token"]).status_code == 401
    assert client.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert client.call(other["access_token"]).status_code == 200


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_revoking_one_token_ends_the_whole_sign_in(client: PlainClient, which: str) -> None:
    tokens = client.sign_in()
    assert client.revoke(tokens[which]).status_code == 200
    assert client.call(tokens["access_token"]).status_code == 401
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_another_client_can_neither_use_nor_revoke_a_token(server: SdkServer, client: PlainClient) -> None:
    tokens = client.sign_in()
    with PlainClient(server) as stranger:
        assert stranger.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
        assert stranger.revoke(tokens["access_token"]).status_code == 200
    assert client.call(tokens["access_token"]).status_code == 200
    assert client.refresh(tokens["refresh_token"]).status_code == 200


def test_an_access_token_expires_when_it_said_and_a_refresh_goes_on_without_a_person() -> None:
    with SdkServer(access_ttl=1, auto_consent=True) as server, PlainClient(server) as client:
        landed = answer_of(client.authorize())
        asked = time.monotonic()
        tokens = client.exchange(landed["code"]).json()
        assert tokens["expires_in"] == 1
        while client.call(tokens["access_token"]).status_code == 200:
            time.sleep(0.02)
        assert time.monotonic() - asked >= 1
        assert client.call(tokens["access_token"]).status_code == 401
        fresh = client.refresh(tokens["refresh_token"])
        assert fresh.status_code == 200
        assert fresh.json()["access_token"] != tokens["access_token"]


def test_in_two_processes_the_mcp_server_asks_the_other_about_each_token() -> None:
    with SdkServer("split") as server, PlainClient(server) as client:
        assert server.issuer != server.origin
        document = client.http.get(f"{server.origin}/.well-known/oauth-protected-resource/mcp").json()
        assert document["authorization_servers"] == [server.issuer]
        tokens = client.sign_in()
        assert text_of(client.tool(tokens["access_token"], "whoami")).startswith("You are Ada. Plain <Client>")
        assert client.tool(tokens["access_token"], "add_note", text="x").status_code == 403
        assert client.call("at_invented").status_code == 401
        elsewhere = client.sign_in(resource="http://127.0.0.1:7/mcp")
        assert client.call(elsewhere["access_token"]).status_code == 401
        client.revoke(tokens["access_token"])
        assert client.call(tokens["access_token"]).status_code == 401
        assert [process.errors() for process in server.processes] == ["", ""]


@pytest.mark.parametrize("form", ["combined", "split"])
def test_it_works_over_https_too(tmp_path: Path, form: Literal["combined", "split"]) -> None:
    tls = Tls.make(tmp_path)
    with SdkServer(form, tls=tls) as server, PlainClient(server, str(tls.ca)) as client:
        assert server.mcp_url.startswith("https://127.0.0.1:")
        assert server.issuer.startswith("https://127.0.0.1:")
        token = client.sign_in()["access_token"]
        assert text_of(client.tool(token, "whoami")).startswith("You are Ada. ")


def test_it_says_one_line_and_nothing_more() -> None:
    with SdkServer() as server, PlainClient(server) as visitor:
        visitor.call(None)
        visitor.call(visitor.sign_in()["access_token"])
        process = server.processes[0]
        process.process.terminate()
        assert process.process.stdout is not None
        assert process.process.stdout.read() == b""
        assert process.errors() == ""


def test_it_ends_on_sigterm() -> None:
    server = ServerProcess()
    try:
        server.process.terminate()
        assert server.process.wait(10) in (0, -signal.SIGTERM)
    finally:
        server.stop()


def test_it_ends_when_the_program_that_started_it_is_gone() -> None:
    server = ServerProcess()
    try:
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert server.process.wait(10) == 0
    finally:
        server.stop()


@pytest.mark.parametrize(
    "arguments",
    [
        ["0", "--role", "rs"],
        ["0", "--issuer", "http://127.0.0.1:1"],
        ["0", "--access-ttl", "0"],
        ["0", "--tls", "x"],
    ],
)
def test_options_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "mcp_oauth_sync.cli.demo_server", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "error: " in done.stderr

"""The MCP server guards its path, challenges, asks for more, and knows whose token it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from . import ABSENT, AuthorizationServer, CombinedServer, McpServer, Origin
from .plain_client import PlainClient


class World:
    """One MCP server, its authorization server, and a client that can sign in."""

    def __init__(self, auth: AuthorizationServer, mcp: McpServer, client: PlainClient) -> None:
        self.auth, self.mcp, self.client = auth, mcp, client

    def call(self, token: str | None = None, **options) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.client.call("POST", self.mcp.mcp_url, headers=headers, **options)

    def rpc(self, token: str, method: str, **params) -> requests.Response:
        return self.call(token, json={"jsonrpc": "2.0", "id": 7, "method": method, "params": params})


@pytest.fixture
def world() -> Iterator[World]:
    with AuthorizationServer() as auth, McpServer(auth) as mcp, PlainClient(auth, mcp.mcp_url) as client:
        yield World(auth, mcp, client)


def test_without_a_token_the_challenge_names_the_metadata_that_names_the_issuer(world):
    world.mcp.challenge_scope, world.mcp.prm_scopes = "mcp:basic", ["mcp:basic", "mcp:read"]
    response = world.call()
    url = f"{world.mcp.url}/.well-known/oauth-protected-resource/mcp"
    challenge = f'Bearer error="invalid_token", resource_metadata="{url}", scope="mcp:basic"'
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, challenge)
    document = world.client.call("GET", url).json()
    assert document["resource"] == world.mcp.mcp_url
    assert document["authorization_servers"] == [world.auth.issuer]
    assert document["scopes_supported"] == ["mcp:basic", "mcp:read"]


def test_a_good_token_gets_an_account_of_what_arrived(world):
    token = world.client.sign_in()["access_token"]
    body = b"x" * 5000
    expected = {"ok": True, "method": "POST", "length": 5000, "sha256": hashlib.sha256(body).hexdigest()}
    assert world.call(token, data=body).json() == expected
    assert world.call(token, data=iter([body[:1000], body[1000:]])).json() == expected
    assert world.mcp.tokens_seen == [token, token]
    assert world.mcp.violations == []


def test_json_rpc_is_answered_as_json_or_as_an_event_stream(world):
    token = world.client.sign_in()["access_token"]
    assert world.rpc(token, "initialize", protocolVersion="2025-11-25").json()["id"] == 7
    assert world.rpc(token, "tools/list").json()["result"]["tools"][0]["name"] == "echo"
    result = world.rpc(token, "tools/call", name="echo", arguments={"a": 1}).json()["result"]
    assert result["content"][0]["text"] == '{"a": 1}'
    assert world.rpc(token, "nonsense").json()["error"]["code"] == -32601
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert world.call(token, json=note).status_code == 202
    world.mcp.use_sse = True
    response = world.rpc(token, "tools/list")
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.text.startswith("event: message\ndata: {")


def test_expired_rejected_and_misdirected_tokens_get_401(world):
    token = world.client.sign_in()["access_token"]
    world.mcp.reject_all_tokens = True
    assert world.call(token).status_code == 401
    world.mcp.reject_all_tokens = False
    assert world.call(token).status_code == 200
    world.auth.expire_all_access_tokens()
    assert world.call(token).status_code == 401
    world.client.resource = "https://other.example.com/mcp"
    assert world.call(world.client.sign_in()["access_token"]).status_code == 401
    world.mcp.open = True
    assert world.call().status_code == 200


def test_a_missing_scope_gets_403_that_names_all_that_is_needed(world):
    world.mcp.required_scopes = ["mcp:basic"]
    world.mcp.scope_for = {"write_note": "mcp:write", "tools/list": "mcp:basic"}
    token = world.client.sign_in()["access_token"]
    assert world.rpc(token, "tools/list").status_code == 200
    response = world.rpc(token, "tools/call", name="write_note")
    assert response.status_code == 403
    assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]
    assert 'scope="mcp:basic mcp:write"' in response.headers["WWW-Authenticate"]
    more = world.client.sign_in(scope="mcp:basic mcp:write")["access_token"]
    assert world.rpc(more, "tools/call", name="write_note").status_code == 200
    world.mcp.always_403 = True
    assert 'scope="mcp:admin"' in world.rpc(more, "tools/list").headers["WWW-Authenticate"]


def test_challenges_can_be_templates_callables_several_lines_or_absent(world):
    world.mcp.challenge = 'Negotiate, Bearer resource_metadata="{resource_metadata}"'
    assert world.call().headers["WWW-Authenticate"].startswith("Negotiate, Bearer resource_metadata=")
    world.mcp.challenge = str.upper
    assert world.call().headers["WWW-Authenticate"].startswith("BEARER")
    world.mcp.challenge_headers = ["Negotiate", 'Bearer realm="a, b"']
    assert world.call().headers["WWW-Authenticate"] == 'Negotiate, Bearer realm="a, b"'
    world.mcp.challenge_headers, world.mcp.challenge = None, ABSENT
    assert "WWW-Authenticate" not in world.call().headers
    world.mcp.challenge, world.mcp.name_metadata_in_challenge = None, False
    assert world.call().headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("place", ["path", "root", "custom"])
def test_metadata_is_only_at_its_place(world, place):
    world.mcp.prm_at = {place}
    paths = world.mcp.prm_paths
    assert world.client.call("GET", world.mcp.prm_url).status_code == 200
    others = [path for name, path in paths.items() if name != place]
    assert [world.client.call("GET", world.mcp.url + path).status_code for path in others] == [404, 404]
    about = world.client.call("GET", world.mcp.prm_url).json()["resource"]
    assert about == (world.mcp.url if place == "root" else world.mcp.mcp_url)
    assert bool(world.mcp.violations) == (place == "path")  # asking the root was wrong there


def test_a_stream_stays_open_until_released_while_others_are_served(world):
    token = world.client.sign_in()["access_token"]
    release = world.mcp.stream()
    with requests.Session() as other:
        other.trust_env = False
        headers = {"Authorization": f"Bearer {token}"}
        with other.get(f"{world.mcp.mcp_url}/stream", headers=headers, stream=True, timeout=5) as held:
            assert world.mcp.streaming.wait(5)
            assert world.call(token).status_code == 200
            with ThreadPoolExecutor(1) as pool:
                rest = pool.submit(lambda: held.content)
                release.set()
                assert rest.result(5).count(b"data: {}") == 2


def test_an_open_stream_does_not_keep_the_server_from_stopping(world):
    world.mcp.open = True
    world.mcp.stream()
    held = requests.get(f"{world.mcp.mcp_url}/stream", stream=True, timeout=5)
    world.mcp.stop()
    held.close()


def test_the_redirect_route_sends_anywhere_with_any_status(world):
    response = world.client.call("GET", f"{world.mcp.url}/redirect?to=http://127.0.0.1:1/x&status=307")
    assert (response.status_code, response.headers["Location"]) == (307, "http://127.0.0.1:1/x")


def test_strange_credentials_are_written_down(world):
    url = world.mcp.mcp_url
    with AuthorizationServer() as other, PlainClient(other, url) as foreigner:
        stolen = foreigner.sign_in()["access_token"]
    world.call(stolen)
    world.client.call("GET", url, auth=("user", "password"))
    world.client.call("GET", f"{url}?access_token=x")
    world.client.call("GET", url, headers={"Cookie": "as_tracker=kept"})
    notes = [note.partition(": ")[2] for note in world.mcp.violations]
    assert notes == [
        "an access token that is not from this server's authorization server",
        "Authorization by Basic",
        "access_token in a query or form",
        "a cookie of the authorization server",
    ]


def test_one_origin_can_be_both_servers_as_in_march_2025():
    with CombinedServer() as both, PlainClient(both, both.mcp_url) as client:
        response = client.call("GET", both.mcp_url)
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert client.call("GET", both.url + both.prm_paths["path"]).status_code == 404
        assert client.call("GET", both.url + both.well_knowns["oauth"]).json()["issuer"] == both.url
        token = client.sign_in()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert client.call("GET", both.mcp_url, headers=headers).json()["ok"] is True
        both.serve_prm, both.serve_as_metadata = True, False
        assert client.call("GET", both.prm_url).json()["authorization_servers"] == [both.url]
        assert client.call("GET", both.url + both.well_knowns["oauth"]).status_code == 404
        assert both.violations == []


def test_a_broken_script_fails_the_test_that_uses_it():
    origin = Origin()
    origin.route("GET", "/", lambda exchange: 1 / 0)
    origin.start()
    assert requests.get(origin.url, timeout=5).status_code == 500
    with pytest.raises(AssertionError, match="handler"):
        origin.__exit__(None, None, None)

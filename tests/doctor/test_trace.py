"""The report to paste: no secret of a user or a server is in it, wherever one was put; and it still tells the story."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import attrs
import pytest

from mcp_oauth_sync import BearerToken, ClientRegistration, OAuthTokens, ServerRecord, TokenManager
from mcp_oauth_sync.doctor import Examination, build_trace
from mcp_oauth_sync.models.options import SignInOptions
from mcp_oauth_sync.protocol.dpop import build_key
from tests.attacks.canary import Canary
from tests.scene import Scene
from tests.servers import ABSENT, CombinedServer, html, redirect_to, reply

from .bench import DEADLINE


class Planted:
    """Secrets by where they were put."""

    def __init__(self) -> None:
        self.by_place: dict[str, str] = {}

    def new(self, place: str, prefix: str = "") -> str:
        """Return a new secret, which is private from now on."""
        self.by_place[place] = prefix + secrets.token_urlsafe(24)
        return self.by_place[place]

    def read_in(self, text: str) -> list[str]:
        """Name the places whose secret can be read in a text, all of it or eight characters of it."""
        return [
            place
            for place, secret in self.by_place.items()
            if any(secret[at : at + 8] in text for at in range(len(secret) - 7))
        ]


@pytest.fixture
def planted() -> Planted:
    return Planted()


def shown_by(url: str | None, **options: Any) -> tuple[str, str]:
    """Return (trace, everything else that is shown) of an examination."""
    told = options.pop("options", SignInOptions())
    name = options.pop("name", None)
    manager = options.pop("manager", None) or TokenManager()
    report = Examination(url, manager=manager, name=name, options=told, deadline=DEADLINE, **options).run()
    return build_trace(report), json.dumps(report.to_document()) + repr(report)


def plant_in_servers(scene: Scene, planted: Planted) -> None:
    """Put a secret in every place of an answer that a server fills."""
    scene.mcp.challenge = lambda text: (
        f'{text}, realm="{planted.new("realm")}", error_description="{planted.new("description of the challenge")}", '
        f"{planted.new('name of a parameter', 'p')}=x, x={planted.new('parameter')}, "
        f"{planted.new('scheme', 's')} {planted.new('credentials')}, Bearer {planted.new('token68')}"
    )
    scene.mcp.prm_overrides = {
        "resource_documentation": f"https://docs.example.com/?key={planted.new('documentation')}",
        "resource_name": planted.new("name of the resource"),
        planted.new("member", "m"): planted.new("value of a member"),
        "scopes_supported": ["notes", planted.new("scope")],
        "nested": {planted.new("nested member", "n"): [planted.new("nested value")]},
    }
    scene.az.metadata_overrides = {
        "revocation_endpoint": f"{scene.az.url}/revoke?key={planted.new('query of an endpoint')}",
        "service_documentation": planted.new("service documentation"),
        "op_policy_uri": f"https://example.com/{planted.new('path of a policy')}",
        "client_secret": planted.new("secret in metadata"),
    }


def plant_in_options(planted: Planted) -> SignInOptions:
    return SignInOptions(
        client_id=planted.new("client id", "client-"),
        client_secret=planted.new("client secret"),
        initial_access_token=planted.new("initial access token"),
        authorize_params={"login_hint": planted.new("authorize parameter")},
        token_params={"key": planted.new("token parameter")},
        oauth_headers={"https://login.example.com": {"X-Key": planted.new("header of the caller")}},
    )


def plant_in_store(manager: TokenManager, scene: Scene, planted: Planted, name: str) -> None:
    scene.oauth(name=name, token_manager=manager).sign_in()
    scene.person.join()
    scene.forget_log()
    record = manager.load_record(name)
    assert record is not None
    assert record.registration is not None
    kept = attrs.evolve(
        record,
        tokens=OAuthTokens(
            access_token=planted.new("access token"), refresh_token=planted.new("refresh token"), expires_in=3600
        ),
        registration=ClientRegistration(
            client_id=planted.new("stored client id"),
            issuer=record.issuer,
            client_secret=planted.new("stored client secret"),
            registration_access_token=planted.new("registration access token"),
        ),
        dpop_key=build_key(),
    )
    manager.save_record(name, kept)
    manager.save_secret(BearerToken(token=planted.new("another secret")).to_stored_token("another"))


def test_no_secret_is_in_a_trace_wherever_one_was_put(planted: Planted, canary: Canary) -> None:
    with Scene() as scene:
        plant_in_servers(scene, planted)
        url = f"{scene.url}?key={planted.new('query')}&{planted.new('bare query')}"
        trace, _ = shown_by(url, options=plant_in_options(planted))
        scene.mcp.violations.clear()
    assert "[challenge]" in trace
    assert planted.read_in(trace) == []
    assert canary.leaks() == []
    assert len(planted.by_place) > 20


def test_no_secret_of_a_sign_in_is_in_a_trace_nor_anywhere_else(planted: Planted) -> None:
    manager = TokenManager()
    with Scene() as scene:
        plant_in_store(manager, scene, planted, "my-notes")
        trace, rest = shown_by(None, name="my-notes", manager=manager)
        assert scene.asked("/token") == []
    assert "[signed-in]" in trace
    assert "my-notes" not in trace
    assert planted.read_in(trace + rest) == []


def test_what_a_caller_gives_and_the_headers_are_in_nothing_that_is_shown(planted: Planted) -> None:
    with Scene() as scene:
        url = f"{scene.url}?key={planted.new('query')}"
        options = plant_in_options(planted)
        shown = "".join(shown_by(url, options=options))
        scene.mcp.violations.clear()
    assert planted.read_in(shown) == []


@pytest.mark.parametrize("url", ["https://{user}:{password}@mcp.example.com/mcp", "http://h/{path}?{query}#{part}"])
def test_a_url_that_is_refused_gives_nothing_away(url: str, planted: Planted) -> None:
    places = {place: planted.new(place) for place in ("user", "password", "query", "part")}
    trace, rest = shown_by(url.format(**places, path="mcp"))
    assert planted.read_in(trace + rest) == []


def test_a_secret_in_the_path_is_a_fingerprint_in_a_trace(planted: Planted) -> None:
    with CombinedServer(f"/s/{planted.new('path')}/mcp", serve_prm=True) as server:
        trace, _ = shown_by(server.mcp_url)
        server.violations.clear()
    assert planted.read_in(trace) == []
    assert "/mcp" in trace


@pytest.mark.parametrize("status", [200, 401, 403, 404, 500])
def test_what_a_page_or_an_error_says_is_not_in_a_trace(status: int, planted: Planted) -> None:
    page = f"<!doctype html><title>{planted.new('title')}</title>{planted.new('page')}"
    bodies = [
        (page, "text/html"),
        (planted.new("text"), "text/plain"),
        (
            json.dumps({"error": planted.new("error"), "error_description": planted.new("description")}),
            "application/json",
        ),
        (
            json.dumps({"jsonrpc": "2.0", "id": 0, "result": {planted.new("key"): planted.new("result")}}),
            "application/json",
        ),
    ]
    headers = [
        ("Set-Cookie", planted.new("cookie")),
        ("X-Debug", planted.new("debug")),
        ("Server", planted.new("server")),
    ]
    for body, kind in bodies:
        with Scene() as scene:
            scene.mcp.fault("*", reply(status, body, headers, content_type=kind))
            trace, _ = shown_by(scene.url)
        assert planted.read_in(trace) == []
        assert f"HTTP {status}" in trace


def test_where_a_redirect_leads_is_shown_without_its_secrets(planted: Planted) -> None:
    with Scene() as scene:
        target = f"https://{planted.new('user')}@new.example.com/{planted.new('path')}?key={planted.new('query')}"
        scene.mcp.fault("/mcp", redirect_to(target, 307))
        trace, _ = shown_by(scene.url)
    assert "location: https://new.example.com/" in trace
    assert planted.read_in(trace) == []


def test_a_registration_that_was_tried_leaves_no_secret_in_a_trace(planted: Planted, canary: Canary) -> None:
    with Scene() as scene:
        scene.az.auth_methods = ("client_secret_post",)
        scene.az.registration_overrides = {
            "client_secret": planted.new("client secret"),
            "registration_access_token": planted.new("registration access token"),
            "registration_client_uri": f"{scene.az.url}/manage?key={planted.new('query')}",
            "software_statement": planted.new("statement"),
        }
        trace, rest = shown_by(scene.url, registers=True)
        [client_id] = scene.az.clients
    assert "[registered]" in trace
    assert client_id not in trace
    assert planted.read_in(trace) == []
    assert planted.read_in(rest) == []
    assert canary.leaks() == []


def test_the_environment_is_named_and_not_told(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("MCP_OAUTH_SYNC_CLIENT_SECRET", "VAULT_TOKEN", "MCP_OAUTH_SYNC_EXPORT_PASSWORD"):
        monkeypatch.setenv(variable, planted.new(variable))
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{planted.new('proxy')}@127.0.0.1:1")
    trace, rest = shown_by("https://mcp.example.com/mcp")
    assert planted.read_in(trace + rest) == []
    assert "VAULT_TOKEN" in trace
    assert "http://127.0.0.1:1" in trace


def test_where_the_user_keeps_things_is_not_in_a_trace(home: Path) -> None:
    with Scene() as scene:
        scene.sign_in(name="notes")
        trace, rest = shown_by(None, name="notes", manager=scene.manager)
    assert str(home) in rest
    assert str(home.parent) not in trace
    assert "[signed-in] good for 60 min" in trace


def test_a_trace_tells_every_exchange_in_order() -> None:
    with Scene() as scene:
        scene.mcp.name_metadata_in_challenge = False
        scene.mcp.prm_at = {"root"}
        trace, _ = shown_by(scene.url)
        asked = [f"{exchange.method} {exchange.path}" for exchange in scene.mcp.log]
    told = [line for line in trace.splitlines() if line[:1].isdigit()]
    assert len(told) == len(asked) + 1
    assert asked[:3] == [
        "POST /mcp",
        "GET /.well-known/oauth-protected-resource/mcp",
        "GET /.well-known/oauth-protected-resource",
    ]
    assert [scene.url in told[0], told[1].endswith("(protected resource metadata)")] == [True, True]
    assert '"authorization_servers": ["' in trace
    assert trace.isprintable() or "\n" in trace


def test_a_trace_without_an_exchange_says_so() -> None:
    trace, _ = shown_by(None, offline=True)
    assert trace.endswith("Exchanges\n---------\nnone\n")


def test_an_exchange_without_an_answer_says_what_kind_of_failure_it_was() -> None:
    trace, _ = shown_by("http://127.0.0.1:9/mcp")
    assert "   no answer: ConnectionError" in trace


def test_a_page_is_told_by_its_kind_and_length() -> None:
    with Scene() as scene:
        scene.mcp.fault("/mcp", html(200))
        scene.mcp.prm_overrides = {"resource": ABSENT}
        trace, _ = shown_by(scene.url)
    assert "   an HTML page: <" in trace


#: Secrets that look like plain words, by what they are; no two have a word in common.
WORDS = {
    "name of the sign-in": "marigold-harbour",
    "client id": "walnut-lantern",
    "client secret": "copper-thimble",
    "initial access token": "velvet-anchor",
    "parameter": "juniper-saddle",
    "token parameter": "granite-feather",
    "header": "cinnamon-ladder",
    "access token": "pelican-orchard",
    "refresh token": "silver-pumpkin",
    "stored client id": "meadow-trumpet",
    "stored secret": "coral-blanket",
    "management token": "amber-windmill",
    "query": "tulip-compass",
    "bare query": "glacier-kettle",
    "password": "falcon-biscuit",
}


@pytest.mark.parametrize("place", WORDS)
def test_what_is_private_is_not_shown_even_where_a_server_repeats_it_as_if_it_were_a_scope(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_OAUTH_SYNC_CLIENT_SECRET", WORDS["password"])
    options = SignInOptions(
        client_id=WORDS["client id"],
        client_secret=WORDS["client secret"],
        initial_access_token=WORDS["initial access token"],
        authorize_params={"login_hint": WORDS["parameter"]},
        token_params={"key": WORDS["token parameter"]},
        oauth_headers={"https://login.example.com": {"X-Key": WORDS["header"]}},
    )
    manager, name = TokenManager(), WORDS["name of the sign-in"]
    with Scene() as scene:
        client = ClientRegistration(
            client_id=WORDS["stored client id"],
            client_secret=WORDS["stored secret"],
            registration_access_token=WORDS["management token"],
            issuer=scene.az.issuer,
        )
        kept = OAuthTokens(access_token=WORDS["access token"], refresh_token=WORDS["refresh token"])
        manager.save_record(
            name, ServerRecord(server_url=scene.url, issuer=scene.az.issuer, registration=client, tokens=kept)
        )
        scene.mcp.prm_overrides = {"scopes_supported": ["plain-scope", WORDS[place]]}
        scene.mcp.fault("/mcp", reply(401, {}, [("WWW-Authenticate", "Bearer"), ("Server", f"the {WORDS[place]} one")]))
        url = f"{scene.url}?key={WORDS['query']}&{WORDS['bare query']}"
        trace, _ = shown_by(url, name=name, manager=manager, options=options)
        scene.mcp.violations.clear()
    assert "HTTP 401" in trace
    assert WORDS[place][:8] not in trace


def test_what_is_private_does_not_hide_what_is_not() -> None:
    with Scene() as scene:
        scene.mcp.prm_scopes = ["plain-scope"]
        trace, _ = shown_by(scene.url, options=SignInOptions(client_id="client-of-somebody"))
    assert "plain-scope" in trace
    assert "<not shown>" not in trace

"""What a first sign-in asks for, as the servers see it: metadata, scopes, resource and client, and of whom nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_oauth_sync import CallbackPrompt, MCPOAuthClient, NoPrompt, OAuth
from mcp_oauth_sync.exceptions import AuthorizationError, InsecureURLError, RegistrationRequiredError
from mcp_oauth_sync.models.callback import Callback
from tests.conftest import listening
from tests.scene import Scene, paths, stored
from tests.servers import ABSENT


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def asked(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


class NeverListens(CallbackPrompt):
    """A prompt that must not even open a port."""

    def listen(self, callback: Callback, **named: Any) -> Any:
        pytest.fail("it listens")


@pytest.mark.parametrize("described", [{}, {"url": True}, {"auth": "oauth"}], ids=["command", "and url", "and oauth"])
def test_a_command_is_never_signed_in_to_and_nothing_listens(scene: Scene, described: dict[str, Any]) -> None:
    server = {"name": "local", "command": "notes-server", "args": ["--stdio"], **described}
    server |= {"url": scene.url} if described.get("url") else {}
    before = listening()
    handler = scene.handler(prompt=NeverListens(lambda url: pytest.fail("it asks")))
    assert handler.prepare_server_headers(server) == {}
    assert (scene.mcp.log, scene.az.log, stored()) == ([], [], {})
    assert listening() == before


def test_openid_discovery_alone_is_enough_to_sign_in_and_to_refresh(scene: Scene) -> None:
    scene.az.serve_at = {"oidc"}
    auth = scene.oauth()
    assert scene.post(auth).status_code == 200
    assert paths(scene.az.log)[:2] == [
        "GET /.well-known/oauth-authorization-server 404",
        "GET /.well-known/openid-configuration 200",
    ]
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert (scene.az.refreshes, len(scene.shown)) == (1, 1)


def test_openid_metadata_that_promises_no_pkce_is_refused_as_well(scene: Scene) -> None:
    scene.az.serve_at = {"oidc"}
    scene.az.metadata_overrides = {"code_challenge_methods_supported": ABSENT}
    with pytest.raises(AuthorizationError, match="does not say that it supports PKCE"):
        scene.post(scene.oauth())
    assert (scene.shown, scene.az.registrations, scene.az.exchanges) == ([], 0, 0)


def test_where_no_way_to_become_a_client_is_offered_nobody_is_asked(scene: Scene) -> None:
    scene.az.registration_mode = "absent"
    with pytest.raises(RegistrationRequiredError) as refused:
        scene.post(scene.oauth(client_id_metadata_url="https://app.example.com/client.json"))
    assert refused.value.issuer == scene.az.issuer
    assert paths(scene.az.log) == ["GET /.well-known/oauth-authorization-server 200"]
    assert (scene.shown, stored()) == ([], {})


@pytest.mark.parametrize(
    ("challenged", "published", "sent"),
    [
        ("z", ["a", "b"], ["z"]),
        ("b z", ["a", "b"], ["b z"]),
        ("z", None, ["z"]),
        (None, ["a", "b"], ["a b"]),
        (None, [], None),
        (None, None, None),
    ],
)
def test_the_challenge_decides_on_scopes_then_the_resource_and_else_none_is_named(
    scene: Scene, challenged: str | None, published: list[str] | None, sent: list[str] | None
) -> None:
    scene.mcp.challenge_scope, scene.mcp.prm_scopes = challenged, published
    scene.az.scopes_supported = ["a", "b", "c", "openid"]
    assert scene.post(scene.oauth()).status_code == 200
    assert [asked(url).get("scope") for url in scene.shown] == [sent]
    assert [exchange.json().get("scope") for exchange in scene.asked("/register")] == [sent and sent[0]]


@pytest.mark.parametrize("written", ["{url}", "{upper}", "{url}/", "{url}?project=1"])
def test_the_resource_is_the_canonical_url_however_the_server_was_written(scene: Scene, written: str) -> None:
    scene.mcp.prm_at = set()
    scene.mcp.name_metadata_in_challenge = False
    url = written.format(url=scene.url, upper=scene.url.replace("http://", "HTTP://"))
    auth = OAuth(url, prompt=scene.prompt, issuer=scene.az.issuer)
    auth.sign_in()
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert [asked(shown)["resource"] for shown in scene.shown] == [[scene.url]]
    sent = [(exchange.param("grant_type"), exchange.param("resource")) for exchange in scene.asked("/token")]
    assert sent == [("authorization_code", scene.url), ("refresh_token", scene.url)]


def test_a_server_url_with_a_fragment_is_refused_at_every_door(scene: Scene) -> None:
    url = f"{scene.url}#part"
    doors: list[Callable[[], object]] = [
        lambda: OAuth(url),
        lambda: MCPOAuthClient(url),
        lambda: scene.handler().ensure_authenticated_mcp("notes", url),
    ]
    for door in doors:
        with pytest.raises(InsecureURLError, match="fragment"):
            door()
    assert (scene.shown, scene.mcp.log, scene.az.log, stored()) == ([], [], [], {})


def test_a_server_that_never_gave_a_refresh_token_is_signed_in_to_again(scene: Scene) -> None:
    scene.az.issue_refresh = False
    assert scene.post(scene.oauth()).status_code == 200
    scene.expire()
    assert scene.post(scene.oauth()).status_code == 200
    assert len(scene.shown) == 2
    assert [exchange.param("grant_type") for exchange in scene.asked("/token")] == ["authorization_code"] * 2
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200

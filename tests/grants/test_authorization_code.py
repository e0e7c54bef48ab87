"""The authorization code grant: what is checked before, what is sent, and what is done with the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

from mcp_oauth_sync import ClientMetadata, MCPOAuthClient, SignInOptions
from mcp_oauth_sync.exceptions import (
    AccessDeniedError,
    AuthorizationError,
    AuthorizationTimeoutError,
    InsecureURLError,
    InvalidRedirectError,
    TokenExchangeError,
)
from mcp_oauth_sync.prompts import CallbackPrompt
from mcp_oauth_sync.two_step import redeem
from tests.scene import Scene, paths, stored
from tests.servers import ABSENT, cut, html, lose_answer, reply, reset


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_authorize_token_and_refresh_carry_the_identical_resource(scene: Scene) -> None:
    scene.mcp.prm_overrides = {"resource": scene.mcp.url}  # the root, with no slash to be added
    auth = scene.sign_in()
    scene.az.expire_all_access_tokens()
    scene.az.clear()
    assert scene.post(auth).status_code == 200
    assert [sent.param("resource") for sent in scene.asked("/token")] == [scene.mcp.url]
    auth.sign_out()
    scene.forget_log()
    assert scene.post(auth).status_code == 200
    assert [sent.param("resource") for sent in scene.asked("/token")] == [scene.mcp.url]
    assert query(scene.shown[0])["resource"] == scene.mcp.url


def test_a_server_url_with_a_query_asks_for_the_published_resource(scene: Scene) -> None:
    client = MCPOAuthClient(f"{scene.url}?project=1", prompt=scene.prompt)
    client.authorize()
    assert query(scene.shown[0])["resource"] == scene.url
    assert [sent.param("resource") for sent in scene.asked("/token")] == [scene.url]


@pytest.mark.parametrize(
    ("overrides", "error", "words"),
    [
        ({"code_challenge_methods_supported": ABSENT}, AuthorizationError, "PKCE"),
        ({"code_challenge_methods_supported": ["plain"]}, AuthorizationError, "S256"),
        ({"token_endpoint": ABSENT}, AuthorizationError, "no token endpoint"),
        ({"authorization_endpoint": ABSENT}, AuthorizationError, "no authorization endpoint"),
        ({"authorization_endpoint": "http://as.example.com/a"}, InsecureURLError, "authorization endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, InsecureURLError, "authorization endpoint"),
        ({"token_endpoint": "http://as.example.com/t"}, InsecureURLError, "token endpoint"),
    ],
    ids=["no PKCE", "plain PKCE", "no token", "no authorize", "http authorize", "javascript", "http token"],
)
@pytest.mark.parametrize("by_hand", [False, True], ids=["at once", "by hand"])
def test_what_the_metadata_gets_wrong_is_refused_before_anybody_registers_or_is_asked(
    scene: Scene, overrides: dict[str, Any], error: type[Exception], words: str, by_hand: bool
) -> None:
    scene.az.metadata_overrides = overrides
    before = stored()
    with pytest.raises(error, match=words):
        scene.client().get_authorization_url() if by_hand else scene.post(scene.oauth())
    assert scene.shown == []
    assert all(".well-known" in sent.path for sent in scene.az.log)
    assert stored() == before


@pytest.mark.parametrize("iss_mode", ["wrong", "slash", "absent"])
def test_an_answer_of_another_issuer_is_refused_and_its_code_never_redeemed(scene: Scene, iss_mode: str) -> None:
    scene.az.iss_mode = iss_mode
    before = stored()
    with pytest.raises(InvalidRedirectError, match="iss"):
        scene.post(scene.oauth())
    assert (scene.asked("/token"), stored()) == ([], before)


def test_a_mix_up_shows_nothing_of_what_the_stranger_wrote(scene: Scene) -> None:
    scene.az.iss_mode = "wrong"
    scene.az.decision = "made_up_error"
    with pytest.raises(InvalidRedirectError) as caught:
        scene.post(scene.oauth())
    scene.person.join()
    assert scene.person.page is not None
    assert "made_up_error" not in str(caught.value) + scene.person.page.html
    assert "The person said no" not in str(caught.value) + scene.person.page.html


def test_a_wrong_state_handed_in_is_refused_and_nothing_is_exchanged(scene: Scene) -> None:
    def show(url: str) -> str:
        redirect = scene.person.redirect_only(url)
        assert redirect is not None
        return redirect.replace("state=", "state=x")

    before = stored()
    with pytest.raises(InvalidRedirectError, match="state"):
        scene.post(scene.oauth(prompt=CallbackPrompt(show)))
    assert (scene.asked("/token"), stored()) == ([], before)


def test_a_person_who_says_no_ends_the_wait_at_once_and_is_told_so(scene: Scene) -> None:
    scene.az.decision = "deny"
    with pytest.raises(AccessDeniedError) as caught:
        scene.post(scene.oauth())
    assert caught.value.error == "access_denied"
    scene.person.join()
    assert scene.person.page is not None
    assert scene.person.page.status == 200
    assert scene.asked("/token") == []


@pytest.mark.parametrize("by_hand", [False, True], ids=["registered here", "registered by hand"])
def test_the_last_page_names_the_server_and_the_program_by_the_name_it_gave_itself(scene: Scene, by_hand: bool) -> None:
    if by_hand:
        scene.az.add_client("by-hand")
    metadata = ClientMetadata(client_name="Notes at work")
    options = SignInOptions(client_metadata=metadata, client_id="by-hand" if by_hand else None)
    scene.client(options=options).authorize()
    scene.person.join()
    assert scene.person.page is not None
    assert urlsplit(scene.url).netloc in scene.person.page.html
    assert ("Notes at work" in scene.person.page.html) is not by_hand


def test_nobody_answering_ends_in_a_timeout_and_frees_the_port(scene: Scene) -> None:
    shown: list[str] = []
    auth = scene.oauth(prompt=CallbackPrompt(shown.append), sign_in_timeout=0.2)
    with pytest.raises(AuthorizationTimeoutError, match=r"0\.2 seconds") as caught:
        scene.post(auth)
    assert isinstance(caught.value, TimeoutError)
    assert "sign_in_timeout" in (caught.value.hint or "")
    assert len(shown) == 1
    assert scene.manager.load_record(scene.url) is None  # the registration alone is kept, for the next try


@pytest.mark.parametrize(
    "fault",
    [lose_answer(), reset(), cut(20), reply(503), html(200), reply(200, {"token_type": "Bearer"})],
    ids=["lost", "reset", "cut", "503", "HTML", "no token"],
)
def test_an_exchange_without_a_usable_answer_is_typed_tried_once_and_tears_nothing(scene: Scene, fault: Any) -> None:
    scene.az.fault("/token", fault, method="POST")
    before = stored()
    auth = scene.oauth()
    with pytest.raises(TokenExchangeError, match="token endpoint"):
        scene.post(auth)
    assert len(scene.asked("/token")) == 1
    assert (stored(), auth.tokens, len(scene.shown)) == (before, None, 1)
    scene.az.clear_faults()
    assert auth.sign_in().access_token
    assert scene.az.code_reuses == 0


def test_extra_parameters_reach_their_request_and_no_other(scene: Scene) -> None:
    auth = scene.oauth(authorize_params={"login_hint": "me"}, token_params={"audience": "notes"})
    assert scene.post(auth).status_code == 200
    asked = query(scene.shown[0])
    assert asked["login_hint"] == "me"
    assert "audience" not in asked
    [sent] = scene.asked("/token")
    assert sent.param("audience") == "notes"
    assert sent.param("login_hint") is None


def test_a_narrower_grant_is_kept_and_noted(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.mcp.challenge_scope = "notes:read notes:write"
    scene.az.grant_scope = lambda asked: "notes:read"
    assert scene.post(scene.oauth()).status_code == 200
    tokens = scene.record().tokens
    assert tokens is not None
    assert tokens.scopes == ("notes:read",)
    assert scene.record().requested_scope == "notes:read notes:write"
    assert "granted without: notes:write" in caplog.text


def test_a_fresh_registration_is_not_looked_at_twice(scene: Scene) -> None:
    assert scene.post(scene.oauth()).status_code == 200
    scene.person.join()
    assert paths(scene.az.log) == [
        "GET /.well-known/oauth-authorization-server 200",
        "POST /register 201",
        "GET /authorize 302",
        "POST /token 200",
    ]
    assert len(scene.asked("/authorize")) == 1


@pytest.mark.parametrize("fault", [reset(), html(200), reply(403), html(503)], ids=["reset", "login", "403", "503"])
def test_a_look_at_an_earlier_registration_that_tells_nothing_changes_nothing(scene: Scene, fault: Any) -> None:
    auth = scene.sign_in()
    auth.sign_out()
    scene.az.fault("/authorize", fault, times=1)
    scene.az.clear()
    assert scene.post(scene.oauth()).status_code == 200
    assert scene.asked("/register") == []
    assert len(scene.shown) == 1


@pytest.mark.parametrize(
    ("issuer", "params", "refresh", "hinted"),
    [
        ("https://accounts.google.com", {}, None, True),
        ("https://accounts.google.com/", {}, None, True),
        ("https://accounts.google.com", {"access_type": "offline"}, None, False),
        ("https://accounts.google.com", {}, "rt", False),
        ("https://as.example.com", {}, None, False),
    ],
)
def test_without_a_refresh_token_from_google_the_log_says_how_to_get_one(
    scene: Scene,
    issuer: str,
    params: dict[str, str],
    refresh: str | None,
    hinted: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene.az.token_overrides = {"refresh_token": refresh or ABSENT}
    client = scene.client(options=SignInOptions(authorize_params=params))
    url = client.get_authorization_url()
    pending = client._pending
    assert pending is not None
    code = client.read_authorization_response(scene.person.redirect_only(url) or "")
    redeem(attrs.evolve(pending, issuer=issuer), code, http=client.http, options=client.options)
    assert ("'access_type': 'offline'" in caplog.text) is hinted

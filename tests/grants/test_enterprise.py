"""A person's sign-in at the company, exchanged for tokens of an MCP server: each step as the drafts write it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_sync import ClientKey, EnterpriseGrant, NoPrompt, OAuth
from mcp_oauth_sync.exceptions import (
    AuthorizationError,
    DiscoveryError,
    InsecureURLError,
    RegistrationError,
    RegistrationRequiredError,
    SignInRequiredError,
    TokenExchangeError,
)
from tests.scene import Scene, never_wait, paths, stored
from tests.servers import ABSENT, IdentityProvider, html, redirect_to, reply, reset
from tests.servers.keys import private_pem, public_pem

MCP_SECRET = "a-secret-at-the-mcp-server-Zq7XcV2bN9mK"
IDP_SECRET = "a-secret-at-the-company-jH6mK4nB8vC1xZ"
OPENID = "/.well-known/openid-configuration"


@pytest.fixture
def idp() -> Iterator[IdentityProvider]:
    with IdentityProvider(secret=IDP_SECRET) as company:
        yield company
        assert company.violations == []


@pytest.fixture
def scene(idp: IdentityProvider) -> Iterator[Scene]:
    with Scene() as made:
        made.az.machines.add_client("our-app", MCP_SECRET)
        idp.let_in(made.az, "our-app")
        yield made


def grant_of(idp: IdentityProvider, assertion: Any = None, **more: Any) -> EnterpriseGrant:
    given = {"client_id": idp.client_id, "client_secret": idp.secret, "issuer": idp.url}
    return EnterpriseGrant(identity_assertion=assertion or idp.id_token(), **{**given, **more})


def app(scene: Scene, grant: EnterpriseGrant, **more: Any) -> OAuth:
    known = {"client_id": "our-app", "client_secret": MCP_SECRET, "prompt": NoPrompt()}
    return OAuth(scene.url, grant=grant, **{**known, **more})


def test_the_sign_in_at_the_company_is_enough(scene: Scene, idp: IdentityProvider) -> None:
    token = idp.id_token()
    scene.mcp.challenge_scope = "notes:read notes:write"
    assert scene.post(app(scene, grant_of(idp, token))).status_code == 200
    exchange = idp.requests("/oauth2/token")[0]
    assert {name: exchange.param(name) for name in exchange.form} == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
        "audience": scene.az.issuer,
        "resource": scene.url,
        "scope": "notes:read notes:write",
        "subject_token": token,
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    }
    [asked] = scene.asked("/token")
    assert asked.param("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert asked.param("assertion") not in (None, token)
    assert (idp.exchanges, scene.az.machines.assertions, scene.shown) == (1, 1, [])


def test_the_token_endpoint_of_the_company_is_found_once(scene: Scene, idp: IdentityProvider) -> None:
    auth = app(scene, grant_of(idp))
    assert scene.post(auth).status_code == 200
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert paths(idp.log) == [
        "GET /.well-known/oauth-authorization-server 404",
        f"GET {OPENID} 200",
        *["POST /oauth2/token 200"] * 2,
    ]
    assert len({exchange.param("assertion") for exchange in scene.asked("/token")}) == 2  # a grant is good once


def test_a_token_endpoint_that_is_given_is_used_as_it_is(scene: Scene, idp: IdentityProvider) -> None:
    grant = grant_of(idp, issuer=None, token_endpoint=f"{idp.url}/oauth2/token")
    assert scene.post(app(scene, grant)).status_code == 200
    assert paths(idp.log) == ["POST /oauth2/token 200"]


@pytest.mark.parametrize("way", ["text", "file", "function"])
def test_the_identity_comes_as_text_from_a_file_or_from_a_function(
    scene: Scene, idp: IdentityProvider, tmp_path: Path, way: str
) -> None:
    file = tmp_path / "id_token"
    file.write_text(idp.id_token())
    source = {"text": file.read_text(), "file": file, "function": file.read_text}[way]
    auth = app(scene, grant_of(idp, source))
    assert scene.post(auth).status_code == 200
    assert scene.post(app(scene, grant_of(idp))).status_code == 200
    assert idp.exchanges == 1  # it is the same person: the sign-in was there


def test_a_saml_assertion_is_exchanged_too(scene: Scene, idp: IdentityProvider) -> None:
    auth = app(scene, grant_of(idp, idp.saml(), assertion_type="saml2"))
    assert scene.post(auth).status_code == 200
    kinds = [exchange.param("subject_token_type") for exchange in idp.requests("/oauth2/token")]
    assert kinds == ["urn:ietf:params:oauth:token-type:saml2"]
    assert auth.name == app(scene, grant_of(idp, idp.saml(), assertion_type="saml2")).name


def test_the_client_authenticates_at_the_company_with_a_key_or_is_public(scene: Scene) -> None:
    key = ClientKey(private_pem())
    for company, given in ((IdentityProvider(client_key=public_pem()), {"client_key": key}), (IdentityProvider(), {})):
        with company as idp:
            idp.let_in(scene.az, "our-app")
            auth = app(scene, grant_of(idp, idp.id_token(), client_secret=None, **given))
            assert scene.post(auth).status_code == 200
            scene.az.expire_all_access_tokens()
            assert scene.post(auth).status_code == 200
            assert (idp.exchanges, idp.violations) == (2, [])


def test_a_key_signs_at_both_servers_for_each(scene: Scene) -> None:
    with IdentityProvider(client_key=public_pem()) as idp:
        idp.let_in(scene.az, "by-key")
        scene.az.machines.add_client("by-key", public_key=public_pem("RSA"))
        grant = grant_of(idp, idp.id_token(), client_secret=None, client_key=ClientKey(private_pem()))
        auth = app(scene, grant, client_id="by-key", client_secret=None, client_key=ClientKey(private_pem("RSA")))
        assert scene.post(auth).status_code == 200
        assert idp.violations == []


def test_another_method_at_the_company_is_tried_once_and_remembered(scene: Scene, idp: IdentityProvider) -> None:
    grant = grant_of(idp, issuer=None, token_endpoint=f"{idp.url}/oauth2/token")
    idp.fault("/oauth2/token", reply(401, {"error": "invalid_client"}), times=1)
    with pytest.raises(TokenExchangeError):  # basic was right after all: post is not what this one takes
        scene.post(app(scene, grant))
    methods = ["Authorization" in exchange.headers for exchange in idp.requests("/oauth2/token")]
    assert methods == [True, False]
    idp.violations.clear()


def test_two_people_never_share_a_sign_in(scene: Scene, idp: IdentityProvider) -> None:
    ada, bob = (app(scene, grant_of(idp, idp.id_token(person))) for person in ("ada", "bob"))
    assert [scene.post(auth).status_code for auth in (ada, bob)] == [200, 200]
    assert ada.name != bob.name
    assert ada.headers() != bob.headers()
    assert scene.post(app(scene, grant_of(idp, lambda: idp.id_token("bob")))).status_code == 200
    assert idp.exchanges == 2
    assert "ada" not in ada.name


def test_a_text_that_says_nothing_of_whose_it_is_is_nobody_elses_either(scene: Scene, idp: IdentityProvider) -> None:
    names = {app(scene, grant_of(idp, text)).name for text in ("opaque one", "opaque two")}
    assert len(names) == 2
    assert not any("opaque" in name for name in names)


# Refusals


def test_a_sign_in_at_the_company_that_is_over_says_that_the_person_has_to_sign_in_there(
    scene: Scene, idp: IdentityProvider
) -> None:
    auth = app(scene, grant_of(idp, idp.id_token(ttl=-60)))
    before = stored()
    for _ in range(3):
        with pytest.raises(SignInRequiredError, match=r"sign-in at the identity provider .* has expired") as caught:
            scene.post(auth)
        assert (caught.value.error, caught.value.issuer, caught.value.status) == ("invalid_grant", idp.url, 400)
        assert "sign in there again" in (caught.value.hint or "")
    assert len(idp.requests("/oauth2/token")) == 1
    assert (scene.asked("/token"), stored()) == ([], before)


def test_after_a_new_sign_in_at_the_company_it_goes_on_at_once_when_told_to(
    scene: Scene, idp: IdentityProvider, tmp_path: Path
) -> None:
    file = tmp_path / "id_token"
    file.write_text(idp.id_token(ttl=-60))
    auth = app(scene, grant_of(idp, file))
    with pytest.raises(SignInRequiredError):
        scene.post(auth)
    file.write_text(idp.id_token())
    assert auth.sign_in().access_token
    assert scene.post(auth).status_code == 200


@pytest.mark.parametrize(
    ("answer", "over"),
    [
        ({"error": "invalid_grant", "error_description": "The token has expired"}, True),
        ({"error": "invalid_request", "error_description": "subject_token Expired"}, True),
        ({"error": "invalid_grant", "error_description": "Audience validation failed"}, False),
        ({"error": "access_denied", "error_description": "the rule expired"}, False),
    ],
)
def test_what_the_company_says_tells_whether_it_is_over(
    scene: Scene, idp: IdentityProvider, answer: dict[str, str], over: bool
) -> None:
    idp.fault("/oauth2/token", reply(400, answer))
    with pytest.raises(SignInRequiredError if over else TokenExchangeError) as caught:
        scene.post(app(scene, grant_of(idp, idp.saml(), assertion_type="saml2")))
    assert isinstance(caught.value, (SignInRequiredError, TokenExchangeError))
    assert caught.value.error == answer["error"]


def test_each_refusal_says_which_of_the_two_servers_it_was(scene: Scene, idp: IdentityProvider) -> None:
    idp.allowed_scopes = set()
    scene.mcp.challenge_scope = "notes:read"
    with pytest.raises(TokenExchangeError, match="token endpoint of the identity provider") as by_company:
        scene.post(app(scene, grant_of(idp)))
    assert (by_company.value.issuer, by_company.value.error) == (idp.url, "invalid_scope")
    assert f"{idp.url}/oauth2/token" in by_company.value.message
    idp.allowed_scopes = None
    scene.az.fault("/token", reply(400, {"error": "invalid_grant"}))
    with pytest.raises(TokenExchangeError, match="did not accept the identity provider's grant") as by_server:
        scene.post(app(scene, grant_of(idp)))
    assert (by_server.value.issuer, by_server.value.error) == (scene.az.issuer, "invalid_grant")
    assert scene.az.endpoint("token") in by_server.value.message


def test_a_server_that_the_company_does_not_allow_gets_nothing(scene: Scene, idp: IdentityProvider) -> None:
    idp.clients_elsewhere.clear()
    with pytest.raises(TokenExchangeError, match="the company does not allow that server"):
        scene.post(app(scene, grant_of(idp)))
    assert scene.asked("/token") == []


@pytest.mark.parametrize(
    ("overrides", "defect"),
    [
        ({"issued_token_type": ABSENT}, "'issued_token_type' is missing"),
        ({"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}, "no ID-JAG"),
        ({"issued_token_type": "\x1b[2J"}, "no ID-JAG"),
        ({"issued_token_type": 7}, "is not a string"),
        ({"token_type": "Bearer"}, "token type 'Bearer' is not N_A"),
        ({"token_type": ABSENT}, "'token_type' is missing"),
        ({"access_token": ABSENT}, "'access_token' is missing"),
        ({"access_token": ["a"]}, "'access_token' is not a string"),
    ],
)
def test_what_is_no_grant_is_never_shown_to_the_server(
    scene: Scene, idp: IdentityProvider, overrides: dict[str, Any], defect: str
) -> None:
    idp.overrides = overrides
    with pytest.raises(TokenExchangeError, match=re.escape(defect)) as caught:
        scene.post(app(scene, grant_of(idp)))
    assert "\x1b" not in str(caught.value)
    assert caught.value.issuer == idp.url
    assert scene.asked("/token") == []


def test_the_token_type_is_compared_as_token_types_are(scene: Scene, idp: IdentityProvider) -> None:
    idp.overrides = {"token_type": "n_a"}
    assert scene.post(app(scene, grant_of(idp))).status_code == 200


@pytest.mark.parametrize(
    "fault",
    [reset(), reply(503), html(200), html(403), reply(429, headers=[("Retry-After", "0")]), redirect_to("https://x/")],
    ids=["reset", "503", "page", "gateway", "429", "redirect"],
)
@pytest.mark.parametrize("where", ["company", "server"])
def test_a_fault_that_will_pass_is_repeated_with_a_fresh_grant(
    scene: Scene, idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch, fault: Any, where: str
) -> None:
    never_wait(monkeypatch)
    if where == "company":
        idp.fault("/oauth2/token", fault, times=3)
    else:
        scene.az.fault("/token", fault, times=3)
    assert scene.post(app(scene, grant_of(idp))).status_code == 200
    assert len(idp.requests("/oauth2/token")) == 4


def test_a_company_without_metadata_or_out_of_reach_is_an_error_that_names_it(
    scene: Scene, idp: IdentityProvider
) -> None:
    for fault, match in ((reply(404), "publishes no metadata"), (reply(503), "could not be fetched")):
        idp.fault(OPENID, fault)
        with pytest.raises(DiscoveryError, match=match) as caught:
            scene.post(app(scene, grant_of(idp)))
        assert any(idp.url in line for line in caught.value.tried)
    idp.clear_faults()
    idp.metadata_overrides = {"token_endpoint": ABSENT}
    with pytest.raises(DiscoveryError, match="has no token endpoint"):
        scene.post(app(scene, grant_of(idp)))
    idp.metadata_overrides = {"issuer": "https://other.example.com"}
    with pytest.raises(DiscoveryError, match=r"of the issuer .* was asked"):
        scene.post(app(scene, grant_of(idp)))
    idp.metadata_overrides = {"token_endpoint": "http://idp.example.com/token"}
    with pytest.raises(InsecureURLError):
        scene.post(app(scene, grant_of(idp)))
    assert scene.asked("/token") == []


def test_a_company_that_moved_its_token_endpoint_is_found_again(
    scene: Scene, idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_wait(monkeypatch)
    auth = app(scene, grant_of(idp))
    assert scene.post(auth).status_code == 200
    idp.fault("/oauth2/token", html(404), times=1)
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert [exchange.path for exchange in idp.requests()].count(OPENID) == 2


def test_a_wrong_secret_at_the_company_names_the_grant(scene: Scene, idp: IdentityProvider) -> None:
    idp.fault("/oauth2/token", reply(401, {"error": "invalid_client"}))
    with pytest.raises(TokenExchangeError) as caught:
        scene.post(app(scene, grant_of(idp)))
    assert "of the grant" in (caught.value.hint or "")


def test_without_a_client_at_the_mcp_server_nothing_is_exchanged(scene: Scene, idp: IdentityProvider) -> None:
    with pytest.raises(RegistrationRequiredError, match="needs a client, and none was given"):
        scene.post(app(scene, grant_of(idp), client_id=None, client_secret=None))
    assert idp.log == []


def test_a_key_that_cannot_be_read_or_an_identity_that_is_missing_is_named(
    scene: Scene, idp: IdentityProvider, tmp_path: Path
) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(AuthorizationError, match=re.escape(f"identity assertion cannot be read from {missing}")):
        scene.post(app(scene, grant_of(idp, missing)))
    with pytest.raises(AuthorizationError, match="brought no text for the identity assertion"):
        scene.post(app(scene, grant_of(idp, lambda: None)))
    idp.metadata_overrides = {"token_endpoint_auth_methods_supported": ["private_key_jwt"]}
    with pytest.raises(RegistrationError, match=re.escape(f"private key cannot be read from {missing}")):
        scene.post(app(scene, grant_of(idp, client_secret=None, client_key=ClientKey(missing))))
    assert idp.requests("/oauth2/token") == []


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"issuer": None}, ValueError, "named by issuer="),
        ({"assertion_type": "jwt"}, ValueError, "must be one of id_token, saml2"),
        ({"identity_assertion": " "}, ValueError, "must not be empty"),
        ({"client_key": ClientKey("pem"), "issuer": None, "token_endpoint": "https://a/t"}, ValueError, "its issuer="),
        ({"issuer": "http://idp.example.com"}, InsecureURLError, "identity provider's issuer"),
        ({"token_endpoint": "ftp://idp.example.com"}, InsecureURLError, "identity provider's token_endpoint"),
        ({"client_id": ""}, ValueError, "client_id"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(given: dict[str, Any], error: type[Exception], match: str) -> None:
    whole = {"identity_assertion": "a.b.c", "client_id": "app", "issuer": "https://idp.example.com"}
    with pytest.raises(error, match=match):
        EnterpriseGrant(**{**whole, **given})


def test_a_company_on_this_machine_is_reached_only_when_the_caller_named_it_there(
    scene: Scene, idp: IdentityProvider
) -> None:
    grant = EnterpriseGrant(identity_assertion="a.b.c", client_id="app", issuer="https://idp.example.com")
    transport = app(scene, grant)._authorizer.http
    assert transport.allow_loopback
    assert not grant._reaching(transport).allow_loopback
    assert grant_of(idp)._reaching(transport).allow_loopback


def test_a_grant_shows_none_of_its_secrets(idp: IdentityProvider) -> None:
    grant = grant_of(idp, client_key=ClientKey(private_pem()))
    shown = f"{grant!r} {vars(grant)!r}"
    assert "eyJ" not in shown
    assert IDP_SECRET not in shown

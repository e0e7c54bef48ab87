"""The scripted servers are strict about programs: what a correct client never sends is refused and written down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests

from . import AuthorizationServer, IdentityProvider, Workload
from .assertions import ASSERTION_TYPE
from .keys import private_key, private_pem, public_pem
from .plain_client import HEADERS, RESOURCE

BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE = "urn:ietf:params:oauth:token-type:"


@pytest.fixture
def server() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as running:
        running.machines.add_client("job", "secret-of-the-job")
        running.machines.add_client("keyed", public_key=public_pem())
        yield running
        assert running.errors == []


@pytest.fixture
def idp(server: AuthorizationServer) -> Iterator[IdentityProvider]:
    with IdentityProvider() as company:
        company.let_in(server, "job")
        yield company
        assert company.errors == []


def post(url: str, form: dict[str, Any], **more: Any) -> requests.Response:
    kept = {name: value for name, value in form.items() if value is not None}
    return requests.post(url, data=kept, headers=HEADERS, timeout=10, allow_redirects=False, **more)


def ask(server: AuthorizationServer, **form: Any) -> requests.Response:
    """Ask for tokens for client credentials, with changes."""
    base = {"grant_type": "client_credentials", "resource": RESOURCE}
    return post(server.endpoint("token"), {**base, **form})


def assertion(server: AuthorizationServer, number: int = 0, **claims: Any) -> str:
    now = int(time.time())
    said = {
        "iss": "keyed",
        "sub": "keyed",
        "aud": server.issuer,
        "iat": now,
        "exp": now + 60,
        "jti": f"{time.time_ns()}",
    }
    kept = {name: value for name, value in {**said, **claims}.items() if value is not None}
    return jwt.encode(kept, private_key("P-256", number), algorithm="ES256")


def by_key(server: AuthorizationServer, text: str, **form: Any) -> requests.Response:
    return ask(server, client_assertion_type=ASSERTION_TYPE, client_assertion=text, **form)


def test_a_program_with_a_secret_or_a_key_gets_a_token_and_no_refresh_token(server: AuthorizationServer) -> None:
    for answer in (ask(server, client_id="job", client_secret="secret-of-the-job"), by_key(server, assertion(server))):
        assert answer.status_code == 200, answer.text
        assert "refresh_token" not in answer.json()
    assert (server.machines.credentials, server.violations) == (2, [])
    document = server.metadata()
    assert "client_credentials" in document["grant_types_supported"]
    assert document["token_endpoint_auth_signing_alg_values_supported"]


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "other"},
        {"sub": "other"},
        {"aud": "https://elsewhere.example.com"},
        {"aud": ["https://elsewhere.example.com", "{issuer}"]},
        {"exp": None},
        {"exp": int(time.time()) + 3600},
        {"iat": int(time.time()) + 600},
        {"jti": None},
    ],
    ids=lambda claims: ",".join(claims),
)
def test_an_assertion_that_says_something_else_is_refused(server: AuthorizationServer, claims: dict[str, Any]) -> None:
    if isinstance(claims.get("aud"), list):
        claims = {"aud": [server.issuer, "https://elsewhere.example.com"]}
    answer = by_key(server, assertion(server, **claims))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert len(server.violations) == 1


def test_an_assertion_is_good_once_and_of_the_registered_key_only(server: AuthorizationServer) -> None:
    once = assertion(server)
    assert [by_key(server, once).status_code for _ in range(2)] == [200, 401]
    assert by_key(server, assertion(server, number=1)).status_code == 401
    assert by_key(server, "no.jwt.here").status_code == 401
    assert by_key(server, assertion(server, exp=int(time.time()) - 60)).status_code == 401
    assert len(server.violations) == 3  # that it has expired may happen to a correct client


@pytest.mark.parametrize(
    "form",
    [
        {"client_id": "keyed"},
        {"client_secret": "secret"},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
    ],
    ids=lambda form: ",".join(form),
)
def test_nothing_stands_beside_an_assertion(server: AuthorizationServer, form: dict[str, Any]) -> None:
    fields = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion(server), **form}
    assert ask(server, **fields).status_code in (400, 401)
    assert len(server.violations) == 1


def test_a_server_may_want_the_client_id_there(server: AuthorizationServer) -> None:
    server.machines.wants_client_id = True
    refused = by_key(server, assertion(server))
    assert "client_id" in refused.json()["error_description"]
    assert by_key(server, assertion(server), client_id="keyed").status_code == 200
    assert server.violations == []
    assert by_key(server, assertion(server), client_id="job").status_code == 400


@pytest.mark.parametrize("stray", ["assertion", "code", "refresh_token", "password"])
def test_client_credentials_come_without_parameters_of_other_grants(server: AuthorizationServer, stray: str) -> None:
    answer = ask(server, client_id="job", client_secret="secret-of-the-job", **{stray: "x"})
    assert (answer.status_code, len(server.violations)) == (400, 1)


def test_a_public_client_and_one_for_other_grants_get_nothing(server: AuthorizationServer) -> None:
    server.machines.add_client("public")
    server.machines.add_client("person", "secret-of-a-person", grant_types=["authorization_code"])
    assert ask(server, client_id="public").json()["error"] == "invalid_client"
    answer = ask(server, client_id="person", client_secret="secret-of-a-person")
    assert answer.json()["error"] == "unauthorized_client"
    assert len(server.violations) == 2


def test_a_trusted_issuer_signs_a_workload_in_and_nobody_else_does(server: AuthorizationServer) -> None:
    workload, stranger = Workload(), Workload("https://stranger.example.com", number=8)
    workload.trust(server)
    good = {"grant_type": BEARER, "assertion": workload.assertion(server.issuer)}
    answer = ask(server, **good)
    assert answer.status_code == 200
    token = answer.json()["access_token"]
    assert post(server.endpoint("revoke"), {"token": token}).status_code == 200
    assert not server.is_active(token)
    for text in (stranger.assertion(server.issuer), workload.assertion("https://elsewhere.example.com"), "a.b.c"):
        assert ask(server, grant_type=BEARER, assertion=text).json()["error"] == "invalid_grant"
    assert len(server.violations) == 3


def exchange(idp: IdentityProvider, server: AuthorizationServer, **form: Any) -> requests.Response:
    base = {
        "grant_type": EXCHANGE,
        "requested_token_type": TYPE + "id-jag",
        "audience": server.issuer,
        "resource": RESOURCE,
        "subject_token": idp.id_token(),
        "subject_token_type": TYPE + "id_token",
        "client_id": idp.client_id,
    }
    return post(f"{idp.url}/oauth2/token", {**base, **form})


def test_a_grant_of_the_company_is_good_once_for_its_client_and_resource(
    idp: IdentityProvider, server: AuthorizationServer
) -> None:
    def redeem(grant: str, **form: Any) -> dict[str, Any]:
        known = {"client_id": "job", "client_secret": "secret-of-the-job"}
        answer: dict[str, Any] = ask(server, **{"grant_type": BEARER, "assertion": grant, **known, **form}).json()
        return answer

    grant = exchange(idp, server, scope="notes:read").json()["access_token"]
    assert redeem(grant, scope="notes:read")["scope"] == "notes:read"
    assert redeem(grant)["error"] == "invalid_grant"
    fresh = [exchange(idp, server, scope="notes:read").json()["access_token"] for _ in range(3)]
    assert redeem(fresh[0], resource="https://mcp.example.com/other")["error"] == "invalid_target"
    assert redeem(fresh[1], scope="notes:write")["error"] == "invalid_scope"
    assert redeem(fresh[2], client_id=None, client_secret=None)["error"] == "invalid_grant"
    assert len(server.violations) == 3


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": BEARER},
        {"requested_token_type": TYPE + "access_token"},
        {"audience": None},
        {"resource": None},
        {"subject_token": None},
        {"subject_token_type": TYPE + "access_token"},
        {"subject_token": "a.b.c"},
        {"actor_token": "x"},
        {"client_id": "somebody"},
        {"client_secret": "one too many"},
    ],
    ids=lambda form: ",".join(form),
)
def test_an_exchange_as_no_draft_writes_it_is_refused(
    idp: IdentityProvider, server: AuthorizationServer, form: dict[str, Any]
) -> None:
    assert exchange(idp, server, **form).status_code in (400, 401)
    assert (idp.exchanges, len(idp.violations)) == (0, 1)


def test_what_the_company_forbids_and_what_has_expired_is_refused_and_blames_nobody(
    idp: IdentityProvider, server: AuthorizationServer
) -> None:
    assert exchange(idp, server, audience="https://elsewhere.example.com").json()["error"] == "access_denied"
    assert exchange(idp, server, subject_token=idp.id_token(ttl=-60)).json()["error"] == "invalid_grant"
    idp.allowed_scopes = set()
    assert exchange(idp, server, scope="notes:read").json()["error"] == "invalid_scope"
    assert (idp.exchanges, idp.violations) == (0, [])


def test_keys_are_the_same_for_a_whole_run() -> None:
    assert private_pem() == private_pem()
    assert private_pem("P-256", 1) != private_pem()

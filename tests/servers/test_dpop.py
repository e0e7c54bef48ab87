"""The servers take proofs as RFC 9449 wants them, and no others."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm

from . import AuthorizationServer, McpServer
from .dpop import base64url, thumbprint
from .plain_client import PlainClient

Key = ec.EllipticCurvePrivateKey
OTHER = ec.generate_private_key(ec.SECP256R1())
JWK = ECAlgorithm.to_jwk(OTHER.public_key(), as_dict=True)


class Prover:
    """Makes proofs of every kind."""

    def __init__(self, url: str, *, token: str | None = None) -> None:
        self.url, self.token = url, token
        self.key = ec.generate_private_key(ec.SECP256R1())

    def proof(self, *, key: Any = None, alg: str = "ES256", headers: Any = None, drop: str = "", **changes: Any) -> str:
        claims = {"jti": secrets.token_urlsafe(16), "htm": "POST", "htu": self.url, "iat": int(time.time())}
        if self.token:
            claims["ath"] = base64url(hashlib.sha256(self.token.encode()).digest())
        claims = {name: value for name, value in {**claims, **changes}.items() if name != drop}
        jwk = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return jwt.encode(claims, key or self.key, alg, headers={"typ": "dpop+jwt", "jwk": jwk, **(headers or {})})

    @property
    def thumbprint(self) -> str:
        return thumbprint(ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True))


#: Proofs that no correct client sends, and what the server says of them.
WRONG: dict[str, tuple[Callable[[Prover], str], str]] = {
    "another type": (lambda p: p.proof(headers={"typ": "JWT"}), "typ"),
    "no key": (lambda p: p.proof(headers={"jwk": None}), "jwk"),
    "a private key": (
        lambda p: p.proof(headers={"jwk": ECAlgorithm.to_jwk(p.key, as_dict=True)}),
        "jwk is missing, or holds a private key",
    ),
    "another key": (lambda p: p.proof(headers={"jwk": JWK}), "not signed by its key"),
    "a shared secret": (lambda p: p.proof(key="s" * 32, alg="HS256"), "alg is HS256"),
    "an algorithm that is not offered": (
        lambda p: p.proof(key=rsa.generate_private_key(65537, 2048), alg="RS256"),
        "alg is RS256",
    ),
    "another method": (lambda p: p.proof(htm="GET"), "htm"),
    "another URL": (lambda p: p.proof(htu=p.url + "/x"), "htu"),
    "a query": (lambda p: p.proof(htu=p.url + "?a=b"), "htu"),
    "another time": (lambda p: p.proof(iat=int(time.time()) - 100), " s off"),
    "half a second": (lambda p: p.proof(iat=time.time()), "iat is no whole number"),
    "no time": (lambda p: p.proof(drop="iat"), "incomplete"),
    "no name": (lambda p: p.proof(drop="jti"), "incomplete"),
    "a short name": (lambda p: p.proof(jti="1"), "jti can be guessed"),
    "a nonce from elsewhere": (lambda p: p.proof(nonce="theirs"), "a nonce that this server did not give"),
    "no JWT": (lambda p: "x.y.z", "no JWT"),
}


@pytest.fixture
def server() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as running:
        running.dpop.offered = True
        yield running


@pytest.fixture
def client(server: AuthorizationServer) -> Iterator[PlainClient]:
    with PlainClient(server) as running:
        assert running.register().status_code == 201
        yield running


@pytest.fixture
def prover(server: AuthorizationServer) -> Prover:
    return Prover(server.endpoint("token"))


def redeem(client: PlainClient, proof: str | None, **changes: Any) -> requests.Response:
    client.headers["DPoP"] = proof
    return client.exchange(client.authorize(**changes)["code"])


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_proof_is_refused_and_noted_and_the_code_is_not_used_up(
    server: AuthorizationServer, client: PlainClient, prover: Prover, name: str
) -> None:
    make, said = WRONG[name]
    response = redeem(client, make(prover))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_dpop_proof")
    assert said in response.json()["error_description"]
    assert [said in noted for noted in server.violations] == [True]
    assert server.exchanges == 0


def test_a_good_proof_binds_both_tokens_and_serves_once(
    server: AuthorizationServer, client: PlainClient, prover: Prover
) -> None:
    proof = prover.proof()
    answer = redeem(client, proof).json()
    assert answer["token_type"] == "DPoP"
    assert server.dpop.access[answer["access_token"]] == server.dpop.refresh[answer["refresh_token"]]
    assert server.dpop.keys == [prover.thumbprint]
    assert server.violations == []
    assert redeem(client, proof).json()["error_description"] == "a proof used before"
    client.headers["DPoP"] = Prover(prover.url).proof()
    assert client.refresh(answer["refresh_token"]).json()["error_description"] == "bound to another key"
    client.headers["DPoP"] = None
    assert client.refresh(answer["refresh_token"]).json()["error_description"] == "0 DPoP headers"
    client.headers["DPoP"] = prover.proof()
    assert client.refresh(answer["refresh_token"]).status_code == 200


def test_without_a_proof_tokens_are_bearer_tokens_unless_one_is_required(
    server: AuthorizationServer, client: PlainClient
) -> None:
    assert redeem(client, None).json()["token_type"] == "Bearer"
    assert server.violations == []
    server.dpop.required = True
    assert redeem(client, None).json()["error"] == "invalid_dpop_proof"


def test_a_code_can_be_bound_to_a_key(server: AuthorizationServer, client: PlainClient, prover: Prover) -> None:
    assert redeem(client, prover.proof(), dpop_jkt="another").json()["error"] == "invalid_grant"
    assert redeem(client, None, dpop_jkt=prover.thumbprint).json()["error"] == "invalid_dpop_proof"
    assert redeem(client, prover.proof(), dpop_jkt=prover.thumbprint).status_code == 200


def test_a_nonce_is_asked_for_and_an_old_one_is_no_violation(
    server: AuthorizationServer, client: PlainClient, prover: Prover
) -> None:
    server.dpop.wants_nonce = True
    first = redeem(client, prover.proof())
    assert (first.status_code, first.json()["error"]) == (400, "use_dpop_nonce")
    nonce = first.headers["DPoP-Nonce"]
    assert redeem(client, prover.proof(nonce=nonce)).status_code == 200
    server.dpop.forget_nonces()
    assert redeem(client, prover.proof(nonce=nonce)).headers["DPoP-Nonce"] != nonce
    assert server.violations == []
    assert parse_qs(urlsplit(server.requests("/authorize")[0].target).query).keys() >= {"state"}


@pytest.fixture
def mcp(server: AuthorizationServer) -> Iterator[McpServer]:
    with McpServer(server) as running:
        running.binding.offered = True
        yield running


@pytest.fixture
def bound(mcp: McpServer, client: PlainClient, prover: Prover) -> Prover:
    client.resource = mcp.mcp_url
    client.headers["DPoP"] = prover.proof()
    token = client.sign_in()["access_token"]
    prover.url, prover.token = mcp.mcp_url, token
    return prover


def call(mcp: McpServer, prover: Prover, proof: str | None, scheme: str = "DPoP") -> requests.Response:
    headers = {"Authorization": f"{scheme} {prover.token}", "DPoP": proof}
    return requests.post(mcp.mcp_url, json={}, headers=headers, timeout=10)


@pytest.mark.parametrize("name", [*WRONG, "ath"])
def test_a_resource_refuses_wrong_proofs_too(mcp: McpServer, bound: Prover, name: str) -> None:
    make, said = {**WRONG, "ath": (lambda p: p.proof(drop="ath"), "ath is of another token")}[name]
    response = call(mcp, bound, make(bound))
    assert response.status_code == 401
    assert 'DPoP error="invalid_dpop_proof"' in response.headers["WWW-Authenticate"]
    assert [said in noted for noted in mcp.violations] == [True]


def test_a_resource_takes_a_bound_token_with_a_proof_by_its_key_only(mcp: McpServer, bound: Prover) -> None:
    assert call(mcp, bound, bound.proof()).status_code == 200
    assert mcp.violations == []
    assert call(mcp, bound, Prover(bound.url, token=bound.token).proof()).status_code == 401
    assert call(mcp, bound, None).status_code == 401
    assert call(mcp, bound, None, "Bearer").status_code == 401
    assert [noted.partition(": ")[2] for noted in mcp.violations] == [
        "a proof by another key than the token's",
        "0 DPoP headers",
        "a bound token presented as a bearer token",
    ]


def test_a_resource_names_the_schemes_it_takes_and_gives_the_error_to_the_one_that_was_used(
    mcp: McpServer, bound: Prover
) -> None:
    bare = requests.post(mcp.mcp_url, timeout=10).headers["WWW-Authenticate"]
    assert bare.startswith('Bearer error="invalid_token", resource_metadata=')
    assert bare.endswith('DPoP algs="ES256"')
    mcp.binding.wants_nonce = True
    refused = call(mcp, bound, bound.proof())
    assert 'DPoP error="use_dpop_nonce", algs="ES256", resource_metadata=' in refused.headers["WWW-Authenticate"]
    assert call(mcp, bound, bound.proof(nonce=refused.headers["DPoP-Nonce"])).status_code == 200
    mcp.binding.only = True
    assert requests.post(mcp.mcp_url, timeout=10).headers["WWW-Authenticate"].startswith("DPoP error=")
    assert mcp.prm_document()["dpop_bound_access_tokens_required"] is True
    assert mcp.violations == []


def test_nothing_of_it_is_offered_by_itself() -> None:
    with AuthorizationServer() as server, McpServer(server) as mcp:
        assert not [name for name in (*server.metadata(), *mcp.prm_document()) if "dpop" in name]
        assert "DPoP" not in requests.post(mcp.mcp_url, timeout=10).headers["WWW-Authenticate"]

"""What a JWT has to be before a server goes by it: a client's own assertion, or one by which it is granted something.

RFC 7523 section 3, RFC 8725.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import jwt

from .messages import Exchange
from .strictness import Refusal

if TYPE_CHECKING:
    from .authorization_server import AuthorizationServer

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("ES256", "ES384", "RS256", "PS256", "EdDSA")
#: Seconds for which a client's assertion may be good at most.
LONGEST = 300


def read_assertion(
    text: str,
    *,
    key: str,
    audience: str,
    now: float,
    algorithms: Iterable[str] = ALGORITHMS,
    required: Iterable[str] = ("iss", "sub", "aud", "exp", "iat", "jti"),
    error: str = "invalid_grant",
    kind: str = "JWT",
) -> dict[str, Any]:
    """Return the claims of a JWT that is signed with this key, is for this audience alone, and in its time."""
    status = 401 if error == "invalid_client" else 400
    try:
        header = jwt.get_unverified_header(text)
        claims: dict[str, Any] = jwt.decode(
            text,
            key,
            algorithms=list(algorithms),
            audience=audience,
            options={"require": list(required), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except jwt.PyJWTError as failure:
        raise Refusal(error, f"the assertion: {failure}", status=status) from None
    if header.get("typ") != kind:
        raise Refusal(error, f"the assertion is of the type {header.get('typ')}", status=status)
    if not isinstance(claims["aud"], str):
        raise Refusal(error, "the assertion has several audiences", status=status)
    if claims["exp"] <= now - 5:
        raise Refusal(error, "the assertion has expired", status=status, violation=False)
    if claims.get("iat", now) > now + 5 or claims.get("nbf", now) > now + 5:
        raise Refusal(error, "the assertion is from the future", status=status)
    return claims


def authenticated_by_key(server: AuthorizationServer, exchange: Exchange) -> str:
    """Return the client whose assertion this is. RFC 7523 sections 2.2 and 3."""

    def refuse(text: str, *, violation: bool = True) -> Refusal:
        return Refusal("invalid_client", text, status=401, violation=violation)

    machines = server.machines
    text = server.ledger.remember(exchange.param("client_assertion") or "")
    if exchange.param("client_assertion_type") != ASSERTION_TYPE:
        raise refuse("client_assertion_type is not that of a JWT")
    if "client_secret" in exchange.form or "Authorization" in exchange.headers:
        raise Refusal("invalid_request", "two auth methods")
    try:
        named = jwt.decode(text, options={"verify_signature": False}).get("sub")
    except jwt.PyJWTError:
        raise refuse("the assertion is no JWT") from None
    client = server.clients.get(named) or _documented(server, named)
    if client is None or "public_key" not in client:
        raise refuse("an assertion of a client without a key", violation=named not in server.forgotten)
    claims = read_assertion(
        text,
        key=client["public_key"],
        audience=server.issuer,
        now=time.time() + server.ledger.offset,
        algorithms=machines.algorithms,
        error="invalid_client",
    )
    if claims["iss"] != named:
        raise refuse("iss and sub of the assertion differ")
    if claims["exp"] - claims["iat"] > LONGEST:
        raise refuse("the assertion is good for too long")
    if claims["jti"] in machines.used:
        raise refuse("an assertion that was used before")
    machines.used.add(claims["jti"])
    beside = exchange.param("client_id")
    if machines.wants_client_id and beside is None:
        raise Refusal("invalid_request", "The body must contain the parameter: 'client_id'.", violation=False)
    if not machines.wants_client_id and "client_id" in exchange.form:
        raise Refusal("invalid_request", "client_id beside an assertion that names the client")
    if beside not in (None, named):
        raise Refusal("invalid_request", "client_id is not the client of the assertion")
    if client.get("key_id") != jwt.get_unverified_header(text).get("kid"):
        raise refuse("the assertion names another key")
    return str(named)


def _documented(server: AuthorizationServer, named: str) -> dict[str, Any] | None:
    """Return the client whose metadata document holds its public key."""
    keys = server.client_documents.get(named, {}).get("jwks", {}).get("keys", [])
    return {"public_key": jwt.PyJWK(keys[0]).key, "key_id": keys[0].get("kid")} if keys else None

"""Grants without a person: client credentials, and JWTs of trusted issuers. RFC 6749 section 4.4, RFC 7523.

ID-JAGs are JWTs whose type says so; they are good once, for one client, one resource and no more scopes than they name.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jwt

from .assertions import ALGORITHMS, read_assertion
from .keys import private_key, public_pem
from .ledger import Grant
from .messages import Exchange, Reply
from .strictness import Refusal

if TYPE_CHECKING:
    from .authorization_server import AuthorizationServer

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ID_JAG = "oauth-id-jag+jwt"
Give = Callable[[Grant, str, str | None], Reply]


class Machines:
    """What an authorization server does for clients without a person.

    Attributes:
        trusted: Issuers of assertions that are taken as grants, with the public key of each, in PEM.
        algorithms: What clients may sign by.
        wants_client_id: Whether a ``client_id`` has to stand beside a client's assertion; else it must not.
        gives_refresh_tokens: Whether machines get refresh tokens.
        audience: Whom assertions have to be for; None means the issuer.
        credentials: How many tokens were given for client credentials.
        assertions: How many were given for assertions.
    """

    def __init__(self, server: AuthorizationServer) -> None:
        self.server = server
        self.trusted: dict[str, str] = {}
        self.algorithms: tuple[str, ...] = ALGORITHMS
        self.wants_client_id = self.gives_refresh_tokens = False
        self.audience: str | None = None
        self.credentials = self.assertions = 0
        self.used: set[str] = set()

    @property
    def tokens(self) -> int:
        """How many tokens were given."""
        return self.credentials + self.assertions

    def describe(self, document: dict[str, Any]) -> None:
        """Add what the metadata says of it."""
        kinds = {kind for client in self.server.clients.values() for kind in client.get("grant_types") or ()}
        document["grant_types_supported"] += ["client_credentials"] if "client_credentials" in kinds else []
        document["grant_types_supported"] += [JWT_BEARER] if self.trusted else []
        if "private_key_jwt" in self.server.auth_methods:
            document["token_endpoint_auth_signing_alg_values_supported"] = list(self.algorithms)

    def add_client(self, client_id: str, secret: str | None = None, **metadata: Any) -> dict[str, Any]:
        """Register a machine by hand: with a secret, used in any way; with ``public_key``, or with neither."""
        key = {"token_endpoint_auth_method": "private_key_jwt"} if "public_key" in metadata else {}
        by_secret = {"token_endpoint_auth_method": None} if secret is not None else {}
        kinds = ["client_credentials", JWT_BEARER, "refresh_token"]
        client = self.server.add_client(client_id, secret, **{**key, **by_secret, "grant_types": kinds, **metadata})
        if key and "private_key_jwt" not in self.server.auth_methods:
            self.server.auth_methods = (*self.server.auth_methods, "private_key_jwt")
        return client

    # The grants

    def grant_for(self, exchange: Exchange, client: dict[str, Any] | None, give: Give) -> Reply:
        """Answer one of these grants."""
        kind = exchange.param("grant_type") or ""
        if client is not None and kind not in (client.get("grant_types") or ()):
            raise Refusal("unauthorized_client", f"the client is not registered for {kind}")
        if kind == JWT_BEARER:
            return self._by_assertion(exchange, client, give)
        if client is None or not client.keys() & {"client_secret", "public_key"}:
            raise Refusal("invalid_client", "client credentials of a client that has none", status=401)
        extra = set(exchange.form) & {"assertion", "code", "redirect_uri", "refresh_token", "username", "password"}
        if extra:
            raise Refusal("invalid_request", f"parameters of another grant: {sorted(extra)}")
        reply = self._given(exchange, client["client_id"], exchange.param("scope") or "", give)
        self.credentials += 1
        return reply

    def _by_assertion(self, exchange: Exchange, client: dict[str, Any] | None, give: Give) -> Reply:
        text = self.server.ledger.remember(exchange.param("assertion") or "")
        try:
            unverified = jwt.decode(text, options={"verify_signature": False})
            kind = str(jwt.get_unverified_header(text).get("typ"))
        except jwt.PyJWTError:
            raise Refusal("invalid_grant", "the assertion is no JWT") from None
        if unverified.get("iss") not in self.trusted:
            raise Refusal("invalid_grant", "an assertion of an issuer that is not trusted")
        once = kind == ID_JAG
        required = ("iss", "sub", "aud", "exp", *(("jti", "iat", "client_id", "resource") if once else ()))
        claims = read_assertion(
            text,
            key=self.trusted[unverified["iss"]],
            audience=self.audience or self.server.issuer,
            now=time.time() + self.server.ledger.offset,
            required=required,
            kind=ID_JAG if once else "JWT",
        )
        scope = exchange.param("scope") or claims.get("scope") or ""
        if once:
            if client is None or claims["client_id"] != client["client_id"]:
                raise Refusal("invalid_grant", "a grant for another client")
            if claims["jti"] in self.used:
                raise Refusal("invalid_grant", "a grant that was used before")
            self.used.add(claims["jti"])
            if claims["resource"] != exchange.param("resource"):
                raise Refusal("invalid_target", "a grant for another resource")
            if not set(scope.split()) <= set((claims.get("scope") or scope).split()):
                raise Refusal("invalid_scope", "more than the grant is for", violation=False)
        reply = self._given(exchange, client["client_id"] if client else "", scope, give)
        self.assertions += 1
        return reply

    def _given(self, exchange: Exchange, client_id: str, scope: str, give: Give) -> Reply:
        server = self.server
        resource = server.check_resource(exchange)
        if server.allowed_scopes is not None and not set(scope.split()) <= set(server.allowed_scopes):
            raise Refusal("invalid_scope", "a scope that this server does not give", violation=False)
        scope = scope if server.grant_scope is None else server.grant_scope(scope)
        grant = Grant(client_id, "", scope, resource, None, requested=scope)
        return give(grant, scope, server.ledger.issue_refresh(grant) if self.gives_refresh_tokens else None)


class Workload:
    """Somebody who signs JWTs about a workload, as a cluster or a CI service does.

    Args:
        issuer: Who signs.
        subject: Whom they are about.
        number: Which key signs.
    """

    def __init__(
        self, issuer: str = "https://cluster.example.com", subject: str = "system:job", *, number: int = 7
    ) -> None:
        self.issuer, self.subject, self.number = issuer, subject, number

    def trust(self, server: AuthorizationServer) -> None:
        """Let a server take what is signed here."""
        server.machines.trusted[self.issuer] = public_pem("P-256", self.number)

    def assertion(self, audience: str, *, ttl: float = 600, typ: str = "JWT", **claims: Any) -> str:
        """Sign one."""
        now = int(time.time())
        said = {"iss": self.issuer, "sub": self.subject, "aud": audience, "iat": now, "exp": now + ttl, **claims}
        key = private_key("P-256", self.number)
        return jwt.encode(said, key, algorithm="ES256", headers={"typ": typ})

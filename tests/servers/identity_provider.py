"""A company's identity provider: it says who a person is, and exchanges that for grants at other servers (ID-JAG).

OpenID Connect Core 1.0 section 2, RFC 8693 section 2, draft-ietf-oauth-identity-assertion-authz-grant.
"""

from __future__ import annotations

import base64
import secrets
import time
from typing import Any
from urllib.parse import unquote_plus

import jwt

from .assertions import ASSERTION_TYPE, read_assertion
from .authorization_server import AuthorizationServer
from .keys import private_key, public_pem
from .ledger import Ledger
from .machines import ID_JAG
from .messages import Exchange, Reply, json_reply, merged
from .origin import Origin
from .strictness import Refusal, check_client_request, check_form, guarded

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE = "urn:ietf:params:oauth:token-type:"


class IdentityProvider(Origin):
    """One company, its people, and the servers that it lets them use.

    Attributes:
        secret: What the client signs in with there; None for a public client.
        client_key: Its public key in PEM, for ``private_key_jwt``; None without one.
        clients_elsewhere: The client id at each server that may be reached, by the server's issuer.
        allowed_scopes: Scopes that a grant may be for; None allows all.
        overrides: Laid over the answer of an exchange.
        metadata_overrides: Laid over the metadata.
        exchanges: How many grants were issued.
    """

    client_id = "app-at-the-company"

    def __init__(self, *, secret: str | None = None, client_key: str | None = None) -> None:
        super().__init__()
        self.secret, self.client_key = secret, client_key
        self.clients_elsewhere: dict[str, str] = {}
        self.allowed_scopes: set[str] | None = None
        self.overrides: dict[str, Any] = {}
        self.metadata_overrides: dict[str, Any] = {}
        self.exchanges = 0
        self.violations: list[str] = []
        self.ledger = Ledger()
        self.used: set[str] = set()
        if secret is not None:
            self.ledger.remember(secret)
        self.route("GET", "/.well-known/openid-configuration", guarded(self._metadata, self))
        self.route("POST", "/oauth2/token", guarded(self._token, self))

    def let_in(self, server: AuthorizationServer, client_id: str) -> None:
        """Let people use a server through a client, and let that server take our grants."""
        self.clients_elsewhere[server.issuer] = client_id
        server.machines.trusted[self.url] = public_pem("P-384", 9)

    def id_token(self, person: str = "ada", *, ttl: float = 600, **claims: Any) -> str:
        """Say who a person is that has just signed in."""
        now = int(time.time())
        said = {"iss": self.url, "sub": person, "aud": self.client_id, "iat": now, "exp": now + ttl, **claims}
        return self.ledger.remember(jwt.encode(said, private_key("P-384", 9), algorithm="ES384"))

    def saml(self, person: str = "ada") -> str:
        """Say it in SAML; the signature is left out here."""
        text = f'<saml:Assertion ID="_{secrets.token_hex(8)}"><saml:Issuer>{self.url}</saml:Issuer><saml:Subject>'
        text += f"<saml:NameID>{person}</saml:NameID></saml:Subject></saml:Assertion>"
        return self.ledger.remember(base64.urlsafe_b64encode(text.encode()).decode().rstrip("="))

    # Endpoints

    def _metadata(self, exchange: Exchange) -> Reply:
        check_client_request(exchange)
        document = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/oauth2/authorize",
            "token_endpoint": f"{self.url}/oauth2/token",
            "grant_types_supported": ["authorization_code", EXCHANGE],
            "token_endpoint_auth_methods_supported": [self._method],
        }
        return json_reply(merged(document, self.metadata_overrides))

    @property
    def _method(self) -> str:
        if self.client_key is not None:
            return "private_key_jwt"
        return "none" if self.secret is None else "client_secret_basic"

    def _token(self, exchange: Exchange) -> Reply:
        check_client_request(exchange, authorization="basic")
        check_form(exchange)
        self._authenticate(exchange)
        expected = {"grant_type": EXCHANGE, "requested_token_type": TYPE + "id-jag"}
        for name, value in expected.items():
            if exchange.param(name) != value:
                raise Refusal("invalid_request", f"{name} is not {value}")
        for name in ("audience", "resource", "subject_token", "subject_token_type"):
            if exchange.param(name) is None:
                raise Refusal("invalid_request", f"missing {name}")
        if stray := set(exchange.form) & {"actor_token", "assertion", "code", "refresh_token"}:
            raise Refusal("invalid_request", f"parameters that are not used here: {sorted(stray)}")
        person = self._person(exchange)
        audience = exchange.param("audience") or ""
        if audience not in self.clients_elsewhere:
            raise Refusal("access_denied", "the company does not allow that server", violation=False)
        scope = exchange.param("scope") or ""
        if self.allowed_scopes is not None and not set(scope.split()) <= self.allowed_scopes:
            raise Refusal("invalid_scope", "the company does not allow that scope", violation=False)
        self.exchanges += 1
        document = {
            "issued_token_type": TYPE + "id-jag",
            "access_token": self._grant(person, audience, exchange.param("resource") or "", scope),
            "token_type": "N_A",
            "expires_in": 300,
        }
        return json_reply(merged(document, self.overrides), 200, [("Cache-Control", "no-store")])

    def _grant(self, person: str, audience: str, resource: str, scope: str) -> str:
        now = int(time.time())
        claims = {
            "jti": secrets.token_urlsafe(16),
            "iss": self.url,
            "sub": person,
            "aud": audience,
            "resource": resource,
            "client_id": self.clients_elsewhere[audience],
            "iat": now,
            "exp": now + 300,
            **({"scope": scope} if scope else {}),
        }
        signed = jwt.encode(claims, private_key("P-384", 9), algorithm="ES384", headers={"typ": ID_JAG})
        return self.ledger.remember(signed)

    def _person(self, exchange: Exchange) -> str:
        text, kind = exchange.param("subject_token") or "", exchange.param("subject_token_type")
        self.ledger.remember(text)
        if kind == TYPE + "saml2":
            document = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            return document.partition("NameID>")[2].partition("<")[0]
        if kind != TYPE + "id_token":
            raise Refusal("invalid_request", "subject_token_type is neither id_token nor saml2")
        claims = read_assertion(
            text,
            key=public_pem("P-384", 9),
            audience=self.client_id,
            now=time.time() + self.ledger.offset,
            required=("iss", "sub", "aud", "exp"),
        )
        return str(claims["sub"])

    def _authenticate(self, exchange: Exchange) -> None:
        failed = Refusal("invalid_client", "the client is not who it says", status=401)
        header, form = exchange.headers.get("Authorization"), exchange.form
        methods = [header is not None, "client_secret" in form, "client_assertion" in form]
        if sum(methods) > 1 or (header is not None and "client_id" in form):
            raise Refusal("invalid_request", "two auth methods")
        if self._method == "private_key_jwt":
            return self._check_assertion(exchange)
        if self._method == "client_secret_basic":
            if header is None:
                raise failed
            pair = base64.b64decode(header.partition(" ")[2]).decode().split(":", 1)
            if [unquote_plus(part) for part in pair] != [self.client_id, self.secret]:
                raise failed
        elif any(methods) or exchange.param("client_id") != self.client_id:
            raise failed
        return None

    def _check_assertion(self, exchange: Exchange) -> None:
        if exchange.param("client_assertion_type") != ASSERTION_TYPE:
            raise Refusal("invalid_client", "no assertion of the client", status=401)
        claims = read_assertion(
            self.ledger.remember(exchange.param("client_assertion") or ""),
            key=self.client_key or "",
            audience=self.url,
            now=time.time(),
            error="invalid_client",
        )
        if (claims["iss"], claims["sub"]) != (self.client_id, self.client_id) or claims["jti"] in self.used:
            raise Refusal("invalid_client", "the assertion is another client's, or was used before", status=401)
        self.used.add(claims["jti"])

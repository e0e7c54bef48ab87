"""Tokens bound to keys, at both servers: proofs checked as RFC 9449 section 4.3 orders it, nonces, bindings.

Nothing of it is offered until `offered` is set. What a correct client never sends is a violation; a missing nonce, an
old one, or the time of a client whose clock this server does not share are not.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterable
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import jwt

from .messages import Exchange, Reply
from .strictness import Refusal

if TYPE_CHECKING:
    from .authorization_server import AuthorizationServer
    from .mcp_server import McpServer
    from .origin import Origin

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
REFUSED, NONCE_WANTED = "invalid_dpop_proof", "use_dpop_nonce"


def thumbprint(jwk: dict[str, Any]) -> str:
    """Return the thumbprint of an EC or RSA key. RFC 7638 section 3."""
    needed = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}[jwk["kty"]]
    text = json.dumps({name: jwk[name] for name in needed}, separators=(",", ":"), sort_keys=True)
    return base64url(hashlib.sha256(text.encode()).digest())


def base64url(data: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class ProofChecker:
    """Checks the proofs that arrive at one server."""

    def __init__(self, server: Origin) -> None:
        self.server = server
        self.offered = False
        self.algorithms: list[str] = ["ES256"]
        self.window = 60.0
        self.ahead = 0.0  # this server's clock, in seconds
        self.wants_nonce = False
        self.gives_nonces = False  # a new one with each good answer; the four before it are good, too
        self.never_content = False  # whatever nonce comes, another one is wanted
        self.nonces: list[str] = []
        self.given: set[str] = set()
        self.proofs: list[dict[str, Any]] = []  # the claims of those that were accepted
        self.keys: list[str] = []  # and the thumbprints of their keys
        self._seen: set[str] = set()

    def new_nonce(self) -> str:
        """Make a nonce; from now on it is the one to give."""
        self.nonces = [*self.nonces, f"nonce-{secrets.token_urlsafe(9)}"][-5:]
        self.given.add(self.nonces[-1])
        return self.nonces[-1]

    def forget_nonces(self) -> None:
        """Accept none of the nonces given so far any more."""
        self.nonces = []

    def headers(self, *, refusal: bool) -> list[tuple[str, str]]:
        """Return what an answer says about nonces and the time."""
        fields = [("Date", formatdate(time.time() + self.ahead, usegmt=True))] if self.ahead else []
        if self.gives_nonces or (refusal and (self.wants_nonce or self.never_content)):
            fresh = self.gives_nonces or self.never_content or not self.nonces
            fields.append(("DPoP-Nonce", self.new_nonce() if fresh else self.nonces[-1]))
        return fields

    def check(self, exchange: Exchange, *, token: str | None = None) -> str:
        """Check the one proof of a request and return the thumbprint of its key.

        Raises:
            Refusal: The proof is not as it has to be; or a nonce is wanted.
        """
        jwk, claims = self._verified(exchange)
        self._check_request(exchange, claims, token)
        self._check_once(claims)
        nonce = claims.get("nonce")
        if nonce is not None and nonce not in self.given:
            raise self._refused("a nonce that this server did not give")
        off = abs(time.time() + self.ahead - claims["iat"])
        if off > self.window:
            raise self._refused(f"iat is {off:.0f} s off", violation=not self.ahead)
        if self.never_content or (self.wants_nonce and nonce not in self.nonces):
            raise self._refused("a nonce is wanted", error=NONCE_WANTED, violation=False)
        self.proofs.append(claims)
        self.keys.append(thumbprint(jwk))
        return self.keys[-1]

    def _verified(self, exchange: Exchange) -> tuple[dict[str, Any], dict[str, Any]]:
        values = exchange.headers.get_all("DPoP") or []
        if len(values) != 1:
            raise self._refused(f"{len(values)} DPoP headers")
        try:
            header = jwt.get_unverified_header(values[0])
        except jwt.PyJWTError:
            raise self._refused("no JWT") from None
        jwk, algorithm = header.get("jwk"), header.get("alg")
        if header.get("typ") != "dpop+jwt":
            raise self._refused("typ is not dpop+jwt")
        if algorithm not in self.algorithms:
            raise self._refused(f"alg is {algorithm}")
        if not isinstance(jwk, dict) or PRIVATE & set(jwk):
            raise self._refused("jwk is missing, or holds a private key")
        try:
            key = jwt.PyJWK(jwk, algorithm=str(algorithm)).key
            wanted = {"require": ["jti", "htm", "htu", "iat"], "verify_iat": False}
            claims = jwt.decode(values[0], key, algorithms=[str(algorithm)], options=wanted)
        except jwt.PyJWTError as defect:
            raise self._refused(f"not signed by its key, or incomplete: {defect}") from None
        return jwk, claims

    def _check_request(self, exchange: Exchange, claims: dict[str, Any], token: str | None) -> None:
        if claims["htm"] != exchange.method:
            raise self._refused(f"htm is {claims['htm']}")
        if claims["htu"] != self.server.url + exchange.path:
            raise self._refused(f"htu is {claims['htu']}")
        wanted = None if token is None else base64url(hashlib.sha256(token.encode("ascii")).digest())
        if claims.get("ath") != wanted:
            raise self._refused("ath is of another token" if token else "ath where no token is")
        if type(claims["iat"]) is not int:
            raise self._refused("iat is no whole number")

    def _check_once(self, claims: dict[str, Any]) -> None:
        jti = claims["jti"]
        if not isinstance(jti, str) or len(jti) < 16:
            raise self._refused("jti can be guessed")
        if jti in self._seen:
            raise self._refused("a proof used before")
        self._seen.add(jti)

    def _refused(self, description: str, *, error: str = REFUSED, violation: bool = True) -> Refusal:
        return Refusal(error, description, violation=violation, headers=self.headers(refusal=True))


class TokenBinder(ProofChecker):
    """Binds what one authorization server issues. RFC 9449 section 5."""

    server: AuthorizationServer

    def __init__(self, server: AuthorizationServer) -> None:
        super().__init__(server)
        self.required = False
        self.binds_access = True  # else the refresh token alone is bound
        self.access: dict[str, str] = {}  # token -> thumbprint
        self.refresh: dict[str, str] = {}

    def metadata(self) -> dict[str, Any]:
        """Return what the metadata document says of it. RFC 9449 section 5.1."""
        return {"dpop_signing_alg_values_supported": self.algorithms} if self.offered else {}

    def accept(self, exchange: Exchange) -> str | None:
        """Check the proof of a token request, if it has one; return its key's thumbprint.

        Raises:
            Refusal: Something is wrong with it, or it is missing where it has to be.
        """
        if not self.offered:
            return None
        bound_to = self._bound_to(exchange)
        if "DPoP" not in exchange.headers and not self.required and bound_to is None:
            return None
        found = self.check(exchange)
        if bound_to not in (None, found):
            raise Refusal("invalid_grant", "bound to another key")
        return found

    def _bound_to(self, exchange: Exchange) -> str | None:
        grant = self.server.ledger.codes.get(exchange.param("code") or "")
        return (grant.dpop_jkt if grant else None) or self.refresh.get(exchange.param("refresh_token") or "")

    def bind(self, exchange: Exchange, reply: Reply, key: str | None) -> Reply:
        """Bind the tokens of an answer to the key whose proof came with the request."""
        if key is None or reply.status != 200:
            return reply
        document = json.loads(reply.body)
        secret = {"client_secret", "client_assertion"} & set(exchange.form) or "Authorization" in exchange.headers
        if not secret and (refresh := document.get("refresh_token")):
            self.refresh[str(refresh)] = key
        if self.binds_access:
            self.access[str(document.get("access_token"))] = key
            if "token_type" not in self.server.token_overrides:
                document["token_type"] = "DPoP"
        reply.body = json.dumps(document).encode()
        reply.headers += self.headers(refusal=False)
        return reply


class BoundResource(ProofChecker):
    """Takes bound tokens at one MCP server. RFC 9449 section 7."""

    server: McpServer

    def __init__(self, server: McpServer) -> None:
        super().__init__(server)
        self.only = False  # bearer tokens are refused, and not asked for
        self.in_challenge = self.in_metadata = True  # where it is offered

    def metadata(self) -> dict[str, Any]:
        """Return what the protected resource metadata say of it. RFC 9728 section 2."""
        if not self.offered or not self.in_metadata:
            return {}
        required = {"dpop_bound_access_tokens_required": True} if self.only else {}
        return {"dpop_signing_alg_values_supported": self.algorithms, **required}

    def refuse(self, exchange: Exchange) -> Refusal | None:
        """Return why a request may not pass for the way its token is presented, None when it may."""
        scheme, token = exchange.credentials
        if token is None:
            return None
        if not self.offered:
            return Refusal("invalid_token", "not offered here", violation=False) if scheme == "dpop" else None
        bound_to = self.server.authorization_server.dpop.access.get(token)
        if scheme == "bearer":
            if bound_to is not None:
                return Refusal("invalid_token", "a bound token presented as a bearer token")
            return Refusal("invalid_token", "a bearer token", violation=False) if self.only else None
        try:
            if self.check(exchange, token=token) != bound_to:
                return Refusal("invalid_token", "a proof by another key than the token's")
        except Refusal as refusal:
            return refusal
        return None

    def challenges(self, bearer: str, exchange: Exchange, error: str) -> list[str]:
        """Return the challenges instead of the one for bearer tokens; the error goes with the scheme it is about."""
        if not self.offered or not self.in_challenge:
            return [bearer]
        algorithms = f'algs="{" ".join(self.algorithms)}"'
        _, _, rest = bearer.partition(" ")
        _, _, parameters = rest.partition(", ")
        ours = f'DPoP error="{error}", {algorithms}' + (f", {parameters}" if parameters else "")
        if self.only:
            return [ours]
        if exchange.credentials[0] == "dpop":
            return [f"Bearer {parameters}" if parameters else "Bearer", ours]
        return [bearer, f"DPoP {algorithms}"]


def noted(refusals: Iterable[Refusal | None], exchange: Exchange, violations: list[str]) -> None:
    """Write down the refusals that a correct client never meets."""
    violations += [f"{exchange.method} {exchange.path}: {r.description}" for r in refusals if r and r.violation]

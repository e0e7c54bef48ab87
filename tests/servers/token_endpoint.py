"""The token and revocation endpoints. RFC 6749 sections 4.1.3, 5, 6; RFC 7636; RFC 8707; RFC 7009."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urlencode

from .assertions import authenticated_by_key
from .authorize_endpoint import find_client
from .device_endpoint import GRANT_TYPE as DEVICE_CODE
from .device_endpoint import authorize_device as hand_out_code
from .device_endpoint import redeem_device_code
from .ledger import Grant
from .machines import JWT_BEARER
from .messages import Exchange, Reply, json_reply, merged
from .strictness import Refusal, check_client_request, check_form

if TYPE_CHECKING:
    from .authorization_server import AuthorizationServer

VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
NO_STORE = [("Cache-Control", "no-store"), ("Pragma", "no-cache")]


def token(server: AuthorizationServer, exchange: Exchange) -> Reply:
    """Exchange a code, refresh, or give to a machine; what is given is bound to the key of the proof, if one came."""
    check_client_request(exchange, authorization="basic")
    check_form(exchange)
    key = server.dpop.accept(exchange)
    return server.dpop.bind(exchange, _granted(server, exchange), key)


def _granted(server: AuthorizationServer, exchange: Exchange) -> Reply:
    kind = exchange.param("grant_type")
    if kind == JWT_BEARER and _nobody(exchange):
        return _for_machine(server, exchange, None)
    client = _authenticate(server, exchange)
    if kind in ("client_credentials", JWT_BEARER):
        return _for_machine(server, exchange, client)
    if kind == "authorization_code":
        return _exchange(server, exchange, client)
    if kind == "refresh_token":
        return _refresh(server, exchange, client)
    if kind == DEVICE_CODE and server.offer_device_codes:
        grant = redeem_device_code(server, exchange, client)
        _same_resource(server, grant, exchange)
        return _first_tokens(server, grant, client)
    raise Refusal("unsupported_grant_type", "grant_type is none that this server knows")


def authorize_device(server: AuthorizationServer, exchange: Exchange) -> Reply:
    """Hand out a device code to a client that authenticates as it does at the token endpoint. RFC 8628 section 3.1."""
    return hand_out_code(server, exchange, _authenticate)


def _nobody(exchange: Exchange) -> bool:
    """Whether the client does not say who it is."""
    return "Authorization" not in exchange.headers and not {"client_id", "client_assertion"} & set(exchange.form)


def _for_machine(server: AuthorizationServer, exchange: Exchange, client: dict[str, Any] | None) -> Reply:
    return server.machines.grant_for(exchange, client, partial(_tokens, server))


def revoke(server: AuthorizationServer, exchange: Exchange) -> Reply:
    """Revoke one token, a refresh token with its family; unknown ones are fine. RFC 7009 section 2."""
    check_client_request(exchange, authorization="basic")
    check_form(exchange)
    value = exchange.param("token")
    if value is None:
        raise Refusal("invalid_request", "missing token")
    grant = server.ledger.grant_of(value)
    given_to_nobody = grant is not None and grant.client_id == "" and _nobody(exchange)
    client = {"client_id": ""} if given_to_nobody else _authenticate(server, exchange)
    if grant is not None and grant.client_id != client["client_id"]:
        raise Refusal("invalid_grant", "a token of another client")
    if value in server.ledger.access:
        server.ledger.access[value].revoked = True
    elif grant is not None:
        grant.revoked = True
    server.revocations += 1
    return Reply(200, list(NO_STORE))


def _authenticate(server: AuthorizationServer, exchange: Exchange) -> dict[str, Any]:
    """Return the client, which authenticated by exactly one method: the one it is registered for."""
    if "client_assertion" in exchange.form:
        client = find_client(server, authenticated_by_key(server, exchange))
        if client.get("token_endpoint_auth_method") != "private_key_jwt":
            raise Refusal("invalid_client", "client authentication by private_key_jwt", status=401)
        return client
    header = exchange.headers.get("Authorization")
    client_id, secret = exchange.param("client_id"), exchange.param("client_secret")
    if header is not None:
        if "client_id" in exchange.form or "client_secret" in exchange.form:
            raise Refusal("invalid_request", "two auth methods")
        method, (client_id, secret) = "client_secret_basic", _basic(header)
    else:
        method = "none" if secret is None else "client_secret_post"
    failed = [("WWW-Authenticate", 'Basic realm="token"')] if header is not None else []
    try:
        client = find_client(server, client_id)
    except Refusal as refusal:
        error = server.unknown_client_error if refusal.error == "invalid_client" else refusal.error
        status = 401 if error == "invalid_client" else 400
        stray = header is not None and client_id not in server.forgotten  # as a .netrc would send
        text = "Basic credentials that are no client's" if stray else refusal.description
        blame = stray or refusal.violation
        raise Refusal(error, text, status=status, headers=failed, violation=blame) from None
    known = client.get("token_endpoint_auth_method")
    allowed = [known] if known in server.auth_methods else list(server.auth_methods)
    if method not in allowed:
        text = f"client authentication by {method}, not {' or '.join(map(str, allowed))}"
        raise Refusal("invalid_client", text, status=401, headers=failed)
    if method != "none":
        if secret != client.get("client_secret"):
            raise Refusal("invalid_client", "wrong client secret", status=401, headers=failed)
        expires_at = client.get("client_secret_expires_at") or 0
        if expires_at and time.time() + server.ledger.offset >= expires_at:
            raise Refusal("invalid_client", "the client secret has expired", status=401, headers=failed)
    return client


def _basic(header: str) -> tuple[str, str]:
    """Read HTTP Basic as RFC 6749 section 2.3.1 wants it: both halves form-urlencoded."""
    try:
        pair = base64.b64decode(header.partition(" ")[2], validate=True).decode("ascii")
    except ValueError:
        raise Refusal("invalid_client", "unreadable Basic credentials", status=401) from None
    user, _, password = pair.partition(":")
    return unquote_plus(user), unquote_plus(password)


def _exchange(server: AuthorizationServer, exchange: Exchange, client: dict[str, Any]) -> Reply:
    grant = server.ledger.codes.get(exchange.param("code") or "")
    if grant is None:
        raise Refusal("invalid_grant", "unknown code")
    if grant.client_id != client["client_id"]:
        raise Refusal("invalid_grant", "a code of another client")
    if grant.redeemed:
        server.code_reuses += 1
        grant.revoked = True
        raise Refusal("invalid_grant", "code redeemed a second time")
    if server.ledger.now() > grant.requested_at + server.code_ttl:
        raise Refusal("invalid_grant", "the code has expired", violation=False)
    if exchange.param("redirect_uri") != grant.redirect_uri:
        raise Refusal("invalid_grant", "redirect_uri differs from the authorization request")
    _check_verifier(server, grant, exchange.param("code_verifier"))
    _same_resource(server, grant, exchange)
    grant.redeemed = True
    server.exchanges += 1
    return _first_tokens(server, grant, client)


def _first_tokens(server: AuthorizationServer, grant: Grant, client: dict[str, Any]) -> Reply:
    kinds = client.get("grant_types") or ["authorization_code"]
    lasting = "offline_access" in grant.scope.split() or not server.refresh_needs_offline_access
    give = server.issue_refresh and "refresh_token" in kinds and lasting
    return _tokens(server, grant, grant.scope, server.ledger.issue_refresh(grant) if give else None)


def _check_verifier(server: AuthorizationServer, grant: Grant, verifier: str | None) -> None:
    if grant.challenge is None:
        if verifier is not None:
            raise Refusal("invalid_grant", "code_verifier without a code_challenge")
        return
    if verifier is None or not VERIFIER.fullmatch(verifier):
        raise Refusal("invalid_request", "code_verifier is missing or malformed")
    server.ledger.remember(verifier)
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != grant.challenge:
        raise Refusal("invalid_grant", "code_verifier does not fit the code_challenge")


def _same_resource(server: AuthorizationServer, grant: Grant, exchange: Exchange) -> None:
    resource = server.check_resource(exchange)
    if resource != grant.resource and (server.resource_required or resource is not None):
        raise Refusal("invalid_target", "resource differs from the authorization request")


def _refresh(server: AuthorizationServer, exchange: Exchange, client: dict[str, Any]) -> Reply:
    ledger = server.ledger
    value = exchange.param("refresh_token")
    if value is None:
        raise Refusal("invalid_request", "missing refresh_token")
    if server.refresh_error is not None:
        error, status = server.refresh_error
        raise Refusal(error, "refused as scripted", status=status, violation=False)
    grant = ledger.refresh.get(value)
    if grant is None:
        foreign = value.startswith("refresh-")
        text = "a refresh token of another authorization server" if foreign else "unknown refresh token"
        raise Refusal("invalid_grant", text, violation=foreign)
    if grant.client_id != client["client_id"]:
        raise Refusal("invalid_grant", "a refresh token of another client")
    again = value in ledger.used
    if again and (value in ledger.confirmed or not server.forgive_lost_answers):
        server.reuses += 1
        grant.revoked = True
        raise Refusal("invalid_grant", "refresh token used before", violation=False)
    if grant.revoked:
        raise Refusal("invalid_grant", "revoked", violation=False)
    _same_resource(server, grant, exchange)
    scope = exchange.param("scope") or grant.scope
    if not set(scope.split()) <= set(grant.scope.split()):
        raise Refusal("invalid_scope", "a refresh for more than was granted")
    if server.refuse_early_refresh and any(
        entry.grant is grant and ledger.active(name) for name, entry in ledger.access.items()
    ):
        raise Refusal("invalid_request", "the access token is still valid", violation=False)
    server.refreshes += 1
    if server.omit_refresh_on_refresh:
        return _tokens(server, grant, scope, None)
    server.forgiven += again
    if server.rotate:
        return _tokens(server, grant, scope, ledger.issue_refresh(grant, used=value))
    return _tokens(server, grant, scope, value)


def _tokens(server: AuthorizationServer, grant: Grant, scope: str, refresh: str | None) -> Reply:
    document: dict[str, Any] = {
        "access_token": server.ledger.issue_access(grant, scope, server.access_ttl),
        "token_type": "Bearer",
    }
    if server.access_ttl is not None:
        document["expires_in"] = server.access_ttl
    if refresh is not None:
        document["refresh_token"] = refresh
    if scope:
        document["scope"] = scope
    document = merged(document, server.token_overrides)
    if server.token_form:
        form = [("Content-Type", "application/x-www-form-urlencoded"), *NO_STORE]
        return Reply(server.token_status, form, urlencode(document).encode())
    return json_reply(document, server.token_status, NO_STORE)

"""Dynamic client registration. RFC 7591, with the refusals that are seen in the field."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import management_endpoint
from .device_endpoint import GRANT_TYPE as DEVICE_CODE
from .messages import ABSENT, Exchange, Reply, json_reply, merged
from .strictness import Refusal, check_client_request

if TYPE_CHECKING:
    from .authorization_server import AuthorizationServer

LOOPBACK = ("127.0.0.1", "localhost", "::1")
GRANTS = {"authorization_code", "refresh_token"}


def register(server: AuthorizationServer, exchange: Exchange) -> Reply:
    """Register one client, or refuse in the way `registration_mode` says."""
    mode = server.registration_mode
    check_client_request(exchange, authorization="bearer" if mode == "needs-token" else None)
    if mode == "absent":
        return Reply(404, [("Content-Type", "text/plain")], b"Not Found")
    if mode == "forbidden":
        return Reply(403, [("Content-Type", "text/plain")], b"Forbidden")
    if mode == "rate-limited":
        answer = {"error": "too_many_requests", "error_description": "slow down"}
        return json_reply(answer, 429, [("Retry-After", server.retry_after)])
    if mode == "needs-token" and exchange.bearer != server.initial_access_token:
        headers = [("WWW-Authenticate", "Bearer")]
        raise Refusal("invalid_token", "initial access token needed", status=401, headers=headers, violation=False)
    asked = _read(exchange, device_codes=server.offer_device_codes)
    _check_redirects(asked, refuse_ip=mode == "loopback-refused")
    client = _accept(server, asked)
    if server.offer_removal:
        client |= management_endpoint.offer(server, client)
    answer = merged(client, server.registration_overrides)
    stored = merged(client, {k: v for k, v in server.registration_overrides.items() if _is_usable(k, v)})
    server.clients[str(stored["client_id"])] = stored
    if stored.get("client_secret"):
        server.ledger.remember(stored["client_secret"])
    server.registrations += 1
    return json_reply(answer, 201, [("Cache-Control", "no-store"), ("Pragma", "no-cache")])


def _is_usable(name: str, value: Any) -> bool:
    """Whether an override of the answer is also what the server goes by from now on."""
    kept = {"client_id": str, "client_secret": str, "token_endpoint_auth_method": str, "redirect_uris": list}
    if value is ABSENT:
        return name == "token_endpoint_auth_method"
    return name not in kept or isinstance(value, kept[name])


def _read(exchange: Exchange, *, device_codes: bool) -> dict[str, Any]:
    if exchange.headers.get_content_type() != "application/json":
        raise Refusal("invalid_client_metadata", "the body is not application/json")
    try:
        asked = exchange.json()
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise Refusal("invalid_client_metadata", "the body is no JSON object")
    for name, value in asked.items():
        if value is None or value == "":
            raise Refusal("invalid_client_metadata", f"member {name} is empty")
    for name in ("scope", "client_name", "token_endpoint_auth_method", "client_uri", "software_id"):
        if not isinstance(asked.get(name, ""), str):
            raise Refusal("invalid_client_metadata", f"member {name} is no string")
    for name in ("redirect_uris", "grant_types", "response_types", "contacts"):
        value = asked.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise Refusal("invalid_client_metadata", f"member {name} is no list of strings")
    if asked.get("application_type") not in ("native", "web"):
        raise Refusal("invalid_client_metadata", "missing application_type")
    unknown = set(asked.get("grant_types", [])) - GRANTS - ({DEVICE_CODE} if device_codes else set())
    if unknown or "authorization_code" not in asked.get("grant_types", ["authorization_code"]):
        raise Refusal("invalid_client_metadata", "grant_types do not fit the code flow")
    if "code" not in asked.get("response_types", ["code"]):
        raise Refusal("invalid_client_metadata", "response_types without code")
    return asked


def _check_redirects(asked: dict[str, Any], *, refuse_ip: bool) -> None:
    uris = asked.get("redirect_uris") or []
    if not uris:
        raise Refusal("invalid_redirect_uri", "no redirect_uris")
    for uri in uris:
        parts = urlsplit(uri)
        loopback = parts.scheme == "http" and parts.hostname in LOOPBACK
        private = parts.scheme not in ("", "http", "https")
        if parts.fragment or not (private or (parts.hostname and (parts.scheme == "https" or loopback))):
            raise Refusal("invalid_redirect_uri", "a redirect URI is neither https, on the loopback nor private")
        if (asked["application_type"] == "web") != (parts.scheme == "https"):
            raise Refusal("invalid_redirect_uri", "a redirect URI that does not go with the application_type")
        if refuse_ip and parts.hostname == "127.0.0.1":
            raise Refusal("invalid_redirect_uri", "redirect URIs with a literal 127.0.0.1", violation=False)


def _accept(server: AuthorizationServer, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the client as registered, with substitutions where we cannot (RFC 7591 section 3.2.1)."""
    client = {
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        **asked,
        "client_id": f"client-{server.registrations + 1}:%2B+{secrets.token_hex(6)}",
        "client_id_issued_at": int(time.time()),
    }
    method = asked.get("token_endpoint_auth_method", "client_secret_basic")
    client["token_endpoint_auth_method"] = method if method in server.auth_methods else server.auth_methods[0]
    if client["token_endpoint_auth_method"] != "none":
        client["client_secret"] = server.ledger.new("secret:%2B+& ")
        client["client_secret_expires_at"] = int(time.time() + server.secret_ttl) if server.secret_ttl else 0
    return client

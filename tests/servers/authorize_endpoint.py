"""The authorization endpoint and its consent page. RFC 6749 section 4.1, RFC 7636, RFC 8707, RFC 9207."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from .consent_page import consent, error_page
from .ledger import Grant
from .messages import Exchange, Reply, html_reply, json_reply, redirect_reply
from .strictness import NEVER_IN_A_QUERY, Refusal, check_authorization, check_single

if TYPE_CHECKING:
    from .authorization_server import AuthorizationServer

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


def authorize(server: AuthorizationServer, exchange: Exchange) -> Reply:
    """Check the request; then ask the person, or answer at once."""
    try:
        check_authorization(exchange, None)
        check_single({k: v for k, v in exchange.query.items() if k in ("client_id", "redirect_uri")})
        client = find_client(server, exchange.param("client_id"))
        redirect_uri = _redirect_uri(server, client, exchange)
    except Refusal as refusal:
        if refusal.violation:
            server.violations.append(f"GET {exchange.path}: {refusal.description}")
        return _page(server, refusal)
    grant = Grant(str(client["client_id"]), redirect_uri, "", None, None, state=exchange.param("state"))
    try:
        _check(server, exchange, grant)
    except Refusal as refusal:
        if refusal.violation:
            server.violations.append(f"GET {exchange.path}: {refusal.description}")
        return _back(server, grant, {"error": refusal.error, "error_description": refusal.description})
    server.authorizations += 1
    if server.auto_consent:
        return decide(server, grant, server.decision)
    ticket = secrets.token_urlsafe(16)
    server.tickets[ticket] = grant
    return redirect_reply(f"{server.url}{server.paths['consent']}?request={ticket}")


def consent_form(server: AuthorizationServer, exchange: Exchange) -> Reply:
    """GET shows the page, POST takes the button."""
    ticket = exchange.param("request") or ""
    grant = server.tickets.get(ticket)
    if grant is None:
        return html_reply(error_page("This request is over", "Start again from the program."), 400)
    if exchange.method == "POST":
        del server.tickets[ticket]
        return decide(server, grant, exchange.param("decision") or "deny")
    client = server.clients.get(grant.client_id) or server.client_documents.get(grant.client_id) or {}
    name = str(client.get("client_name") or grant.client_id)
    text = consent(
        client=name,
        host=urlsplit(grant.redirect_uri).netloc,
        scopes=grant.scope.split(),
        request=ticket,
        action=server.paths["consent"],
    )
    return html_reply(text, headers=[("Cache-Control", "no-store")])


def decide(server: AuthorizationServer, grant: Grant, decision: str) -> Reply:
    """Send the browser back with a code ("allow"), access_denied ("deny") or any other error code."""
    if decision == "allow":
        return _back(server, grant, {"code": server.ledger.issue_code(grant)})
    error = "access_denied" if decision == "deny" else decision
    return _back(server, grant, {"error": error, "error_description": "The person said no."})


def find_client(server: AuthorizationServer, client_id: str | None) -> dict[str, Any]:
    """Return the client as registered, as its metadata document says, or as anybody where none is needed."""
    if not client_id:
        raise Refusal("invalid_request", "missing client_id")
    if client_id in server.clients:
        return server.clients[client_id]
    if client_id in server.client_documents:
        document = server.client_documents[client_id]
        if document.get("client_id") != client_id:
            raise Refusal("invalid_client", "the document is that of another client_id")
        return {"token_endpoint_auth_method": "none", "cimd": True, **document}
    if server.require_registration:
        foreign = client_id.startswith("client-") and client_id not in server.forgotten
        text = "a client_id of another authorization server" if foreign else "unknown client"
        raise Refusal("invalid_client", text, violation=foreign)
    grants = ["authorization_code", "refresh_token"]
    return {"client_id": client_id, "token_endpoint_auth_method": "none", "grant_types": grants}


def _redirect_uri(server: AuthorizationServer, client: dict[str, Any], exchange: Exchange) -> str:
    """Return the redirect URI if it is registered: exactly, or but for the loopback port (RFC 8252 s7.3)."""
    asked = exchange.param("redirect_uri")
    if not asked:
        raise Refusal("invalid_request", "missing redirect_uri")
    known = client.get("redirect_uris")
    if known is None or asked in known:
        return asked
    documented = bool(client.get("cimd"))
    free = server.port_free_redirects or (documented and server.document_ports != "exact")
    if documented and server.document_ports == "any-if-documented-without":
        known = [uri for uri in known if urlsplit(uri).port is None]
    if free and _portless(asked) in map(_portless, known):
        return asked
    raise Refusal("invalid_request", "redirect_uri is not registered", violation=not documented)


def _portless(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        return uri
    return parts._replace(netloc=f"[{parts.hostname}]").geturl()


def _check(server: AuthorizationServer, exchange: Exchange, grant: Grant) -> None:
    """Check what may be answered by a redirect; fills in the grant."""
    check_single(exchange.query)
    for name in NEVER_IN_A_QUERY:
        if name in exchange.query:
            raise Refusal("invalid_request", f"{name} in a query")
    if exchange.param("response_type") != "code":
        raise Refusal("unsupported_response_type", "response_type is not code")
    if grant.state is None:
        raise Refusal("invalid_request", "missing state")
    if len(grant.state) < 22:
        raise Refusal("invalid_request", "state can be guessed")
    grant.challenge = exchange.param("code_challenge")
    if server.pkce_required and grant.challenge is None:
        raise Refusal("invalid_request", "missing code_challenge")
    if grant.challenge is not None:
        if exchange.param("code_challenge_method") != "S256":
            raise Refusal("invalid_request", "code_challenge_method is not S256")
        if not CHALLENGE.fullmatch(grant.challenge):
            raise Refusal("invalid_request", "code_challenge is no S256 challenge")
    for name, value in (("state", grant.state), ("code_challenge", grant.challenge)):
        if value in server.seen_once:
            raise Refusal("invalid_request", f"{name} used before")
        if value:
            server.seen_once.add(value)
    server.ledger.remember(grant.state)
    grant.resource = server.check_resource(exchange)
    grant.dpop_jkt = exchange.param("dpop_jkt")
    asked = exchange.param("scope") or ""
    if server.allowed_scopes is not None and not set(asked.split()) <= set(server.allowed_scopes):
        raise Refusal("invalid_scope", "a scope that this server does not give", violation=False)
    grant.requested = asked
    grant.scope = asked if server.grant_scope is None else server.grant_scope(asked)


def _back(server: AuthorizationServer, grant: Grant, result: dict[str, Any]) -> Reply:
    """Redirect to the client with the result, state and iss."""
    query: dict[str, Any] = dict(result)
    if grant.state is not None:
        query["state"] = grant.state
    iss = {"correct": server.issuer, "slash": server.issuer + "/", "wrong": server.wrong_iss}.get(server.iss_mode)
    if iss is not None:
        query["iss"] = iss
    if server.before_redirect is not None:
        query = server.before_redirect(query) or query
    joint = "&" if "?" in grant.redirect_uri else "?"
    return redirect_reply(f"{grant.redirect_uri}{joint}{urlencode(query, doseq=True)}")


def _page(server: AuthorizationServer, refusal: Refusal) -> Reply:
    """Answer without redirecting: an unknown client or redirect URI. RFC 6749 section 4.1.2.1."""
    if refusal.error == "invalid_client":
        status = server.unknown_client_status
        if status >= 500:
            return html_reply(error_page("Internal Server Error", "Something went wrong."), status)
        return json_reply({"error": "invalid_client", "error_description": refusal.description}, status)
    return html_reply(error_page("This request is not valid", refusal.description), 400)

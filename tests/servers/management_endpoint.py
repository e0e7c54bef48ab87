"""Removing a registration. RFC 7592 section 2.3: by the token that came with it, once, without a body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .messages import Exchange, Reply
from .strictness import Refusal, check_client_request, guarded

if TYPE_CHECKING:
    from .authorization_server import AuthorizationServer


def offer(server: AuthorizationServer, client: dict[str, Any]) -> dict[str, Any]:
    """Let a client be removed, and return what the answer to its registration says of that."""
    path = f"{server.paths['register']}/{server.registrations + 1}"
    token = server.ledger.new("registration")

    def remove(exchange: Exchange) -> Reply:
        with server.lock:
            return _remove(server, exchange, client_id=str(client["client_id"]), token=token)

    server.route("DELETE", path, guarded(remove, server))
    return {"registration_client_uri": server.url + path, "registration_access_token": token}


def _remove(server: AuthorizationServer, exchange: Exchange, *, client_id: str, token: str) -> Reply:
    check_client_request(exchange, authorization="bearer")
    if exchange.bearer != token:
        raise Refusal("invalid_token", "another token than that of the registration", status=401)
    if exchange.body or exchange.query:
        raise Refusal("invalid_request", "a removal says nothing but which client")
    if server.clients.pop(client_id, None) is None:
        raise Refusal("invalid_token", "the client was removed before", status=401)
    server.removals += 1
    return Reply(204)

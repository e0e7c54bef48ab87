"""What may be shown of a sign-in, as a JSON document and as lines for people: everything but secrets."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from ..exceptions import printable
from ..models.record import ServerRecord
from ..stores import TokenManager
from ..urls import without_query
from .moments import as_utc, in_words
from .standing import Standing


def briefly(name: str, record: ServerRecord | None, standing: Standing) -> dict[str, Any]:
    """Return what lists say of a sign-in, as a document.

    Args:
        name: What it is called.
        record: What is kept of it; None when that cannot be read.
        standing: How it stands.
    """
    tokens = record.tokens if record else None
    return {
        "name": name,
        "server_url": _url(record.server_url if record else None),
        "issuer": record.issuer or None if record else None,
        "state": standing.state.value,
        "why": standing.why,
        "exit_status": standing.status,
        "expires_at": as_utc(tokens.expires_at) if tokens else None,
        "refreshable": bool(record and record.can_refresh()),
        "switches": list(record.switches.names) if record else [],
    }


def in_full(name: str, record: ServerRecord, standing: Standing, manager: TokenManager) -> dict[str, Any]:
    """Return everything that may be shown of a sign-in, as a document. Arguments as :func:`briefly`."""
    tokens, client = record.tokens, record.registration
    return {
        **briefly(name, record, standing),
        "profile": manager.profile,
        "store": manager.store.name,
        "resource": _url(record.resource),
        "scopes": None if tokens is None or tokens.scope is None else list(tokens.scopes),
        "requested_scopes": None if record.requested_scope is None else record.requested_scope.split(),
        "token_type": tokens.token_type if tokens else None,
        "token_fingerprint": _fingerprint(tokens.access_token) if tokens else None,
        "refresh_token_fingerprint": _fingerprint(tokens.refresh_token) if tokens else None,
        "issued_at": as_utc(tokens.issued_at) if tokens else None,
        "dpop": record.dpop_key is not None,
        "client_id": _url(client.client_id) if client else None,
        "client_kind": client.source if client else None,
        "client_authentication": client.token_endpoint_auth_method if client else None,
        "client_expires_at": as_utc(client.client_secret_expires_at) if client else None,
        "redirect_uri": _url(record.redirect_uri),
        "grant": record.grant,
        "token_endpoint": _url(record.token_endpoint),
        "revocation_endpoint": _url(record.revocation_endpoint),
        "moved_at": as_utc(record.moved_at),
    }


def in_lines(record: ServerRecord, standing: Standing, document: dict[str, Any]) -> dict[str, str]:
    """Return the same for people: by name, and only what is there.

    Args:
        record: What is kept.
        standing: How it stands.
        document: What :func:`in_full` made of it.
    """
    tokens = record.tokens
    client = f"{document['client_id']} ({document['client_kind']})" if record.registration else None
    facts = {
        "name": document["name"],
        "server": document["server_url"],
        "issuer": document["issuer"],
        "profile": document["profile"],
        "store": document["store"],
        "state": standing.told,
        "expires": _when(tokens.expires_at) if tokens else None,
        "renewed by itself": "yes" if document["refreshable"] else "no",
        "token from": _when(tokens.issued_at) if tokens else None,
        "scopes": " ".join(document["scopes"] or ()) if tokens else None,
        "asked for": record.requested_scope,
        "token": tokens and f"{tokens.token_type}, fingerprint {document['token_fingerprint']}",
        "refresh token": (found := document["refresh_token_fingerprint"]) and f"fingerprint {found}",
        "bound to a key": "yes (DPoP)" if document["dpop"] else None,
        "client": client,
        "client expires": _when(record.registration.client_secret_expires_at) if record.registration else None,
        "redirect": document["redirect_uri"],
        "obtained by": record.grant,
        "met halfway": str(record.switches),
        "moved": _when(record.moved_at),
    }
    return {name: printable(value, 1000) for name, value in facts.items() if value}


def _url(address: str | None) -> str | None:
    """Return an address without its query; what is none, as a client identifier, as it is."""
    return (without_query(address) if "://" in address else address) if address else None


def _fingerprint(secret: str | None) -> str | None:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()[:8] if secret else None


def _when(moment: float | None) -> str | None:
    """Return a moment, and how far away it is."""
    at = as_utc(moment)
    if moment is None or at is None:
        return None
    away = moment - time.time()
    return f"{at}, {f'in {in_words(away)}' if away > 0 else f'{in_words(-away)} ago'}"

"""Proof Key for Code Exchange, method S256 only. RFC 7636 section 4."""

from __future__ import annotations

import base64
import hashlib
import secrets

from ..exceptions import AuthorizationError, printable
from ..models.metadata import AuthorizationServerMetadata
from ..models.secret import Secret


def build_verifier() -> str:
    """Return a new code verifier of 128 characters, the most RFC 7636 section 4.1 allows."""
    return Secret(secrets.token_urlsafe(96))


def build_challenge(verifier: str) -> str:
    """Return the S256 challenge of a verifier. RFC 7636 section 4.2."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def require_pkce(server: AuthorizationServerMetadata, *, assumed: bool = False) -> None:
    """Check that the authorization server says it supports S256, as the MCP specification demands.

    Args:
        server: The authorization server.
        assumed: Whether a server that says nothing about PKCE is taken to support it.

    Raises:
        AuthorizationError: It does not say so.
    """
    methods = server.code_challenge_methods_supported
    if (methods is None and assumed) or (methods is not None and "S256" in methods):
        return
    said = "does not say that it supports PKCE" if methods is None else "supports PKCE, but not the method S256"
    hint = "Its operator has to publish code_challenge_methods_supported with S256 in it."
    if methods is None:
        hint += " If it supports PKCE all the same, as some that do not say so do, pass assume_pkce=True."
    raise AuthorizationError(
        f"The authorization server {printable(server.issuer)} {said}; without it a stolen code could be used.",
        hint=hint,
    )

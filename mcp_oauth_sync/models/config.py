"""Explicit endpoints, for servers that publish no metadata. RFC 6749 section 3."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..urls import require_secure
from .client import as_texts
from .secret import secret_or_none, secret_texts


def _checked(instance: object, attribute: attrs.Attribute[str], value: str | None) -> None:
    if value is not None:
        require_secure(value, attribute.name.replace("_", " "))


@attrs.frozen
class OAuthConfig:
    """One authorization server, spelled out.

    Attributes:
        authorization_url: Where the browser goes.
        token_url: Where codes and refresh tokens go.
        registration_url: Where to register; None when a ``client_id`` is given.
        client_id: A client registered by hand; None registers one.
        client_secret: Its secret; None for public clients; never shown by ``repr``.
        scopes: Scopes to request.
        redirect_uri: Loopback redirect; without a port a free one is taken.
        use_pkce: Must stay True: the authorization code flow is never run without PKCE.
        extra_auth_params: Further parameters of the authorization request.
        revocation_url: Where tokens are revoked; None when not offered.
        issuer: The issuer expected in the redirect (RFC 9207); None when unknown.
        public_only: True contacts public addresses over https only: for programs whose users choose the servers.

    Raises:
        InsecureURLError: An endpoint is neither https nor on the loopback interface.
        ValueError: ``use_pkce`` is False, or there is neither a client id nor a way to get one.
    """

    authorization_url: str = attrs.field(validator=_checked)
    token_url: str = attrs.field(validator=_checked)
    registration_url: str | None = attrs.field(default=None, validator=_checked)
    client_id: str | None = None
    client_secret: str | None = attrs.field(default=None, repr=False, converter=secret_or_none)
    scopes: tuple[str, ...] = attrs.field(default=(), converter=as_texts)
    redirect_uri: str = "http://127.0.0.1/callback"
    use_pkce: bool = True
    extra_auth_params: Mapping[str, str] = attrs.field(factory=dict, repr=False, converter=secret_texts)
    revocation_url: str | None = attrs.field(default=None, validator=_checked)
    issuer: str | None = None
    public_only: bool = False

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot work."""
        if not self.use_pkce:
            raise ValueError("use_pkce=False is not offered: OAuth 2.1 requires PKCE (section 7.5)")
        if not self.client_id and not self.registration_url:
            raise ValueError("OAuthConfig needs a client_id or a registration_url")

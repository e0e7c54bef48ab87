"""How a sign-in is to be done: everything a caller may choose, in one record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from ..urls import origin, shown_url
from . import option_rules as rules
from .client import ClientRegistration
from .option_rules import AS_PUBLISHED, PROTECTED_PARAMETERS, Published
from .secret import secret_or_none, secret_texts

if TYPE_CHECKING:
    from .callback import Callback
    from .client_key import ClientKey
    from .client_metadata import ClientMetadata

__all__ = ["AS_PUBLISHED", "PROTECTED_PARAMETERS", "Published", "SignInOptions"]


@attrs.frozen(kw_only=True)
class SignInOptions:
    """What a caller may choose about signing in.

    Attributes:
        scopes: Replaces every other choice of scopes; a string is split at spaces; None follows the server.
        extra_scopes: Added to whatever is chosen.
        offline_access: False never adds ``offline_access`` by itself.
        client_id: A client registered by hand; None uses the other ways to be known.
        client_secret: Its secret; None for public clients.
        client_key: Its private key, for ``private_key_jwt`` (RFC 7523); None for clients without one.
        token_endpoint_auth_method: Its method; None chooses what the server offers.
        issuer: The authorization server ``client_id`` belongs to; None binds it to the first one met. Where the MCP
            server names none, it is the one to use.
        client_id_metadata_url: https URL of a client-id metadata document; None when there is none.
        client_metadata: What to register as.
        initial_access_token: Credential for a protected registration endpoint (RFC 7591 section 3).
        authorize_params: Further parameters of the authorization request ("audience", "prompt", ...).
        token_params: Further parameters of every token request.
        callback_port: Ports to listen on for the redirect, in order; empty takes any free one.
        callback_host: 127.0.0.1, ::1 or localhost, as it appears in the redirect URI; None: 127.0.0.1, or localhost at
            a server that refuses addresses.
        callback_bind: Address of the interface to listen on (0.0.0.0 in a container); None: the loopback one.
        redirect_uri: The whole redirect URI, https behind a proxy or ``myapp://...``; None makes one.
        sign_in_timeout: Seconds to wait for the person.
        oauth_headers: Further headers per origin ("https://auth.example.com") for OAuth requests.
        resource: The ``resource`` to send instead of the published one; None sends none (RFC 8707).
        expected_resource: A published resource to accept although it is another one than the server's URL.
        metadata_url: Where the authorization server's metadata is; None looks at the well-known places.
        assume_pkce: Whether, or at which issuers, PKCE is used though the metadata does not promise it. True is for
            ``issuer``, else for the one that the server names when it is first signed in to; none at all (``()``)
            takes back what is remembered.
        allow_missing_iss: Whether, or from which issuers, an answer without the promised ``iss`` is taken; read as
            ``assume_pkce``.
        dpop: True insists on sender-constrained tokens, False never asks for them; None where both servers offer them.
        public_only: True contacts public addresses over https only: for programs whose users choose the MCP servers.

    Raises:
        ValueError: A parameter is protected, a value is out of range, or there is a key and no client.
        InsecureURLError: ``client_id_metadata_url`` is not an https URL with a path, ``redirect_uri`` is no redirect
            that only its owner receives, or a URL may not be contacted.
    """

    scopes: tuple[str, ...] | None = attrs.field(default=None, converter=rules.scopes_or_none)
    extra_scopes: tuple[str, ...] = attrs.field(default=(), converter=rules.scopes_or_nothing)
    offline_access: bool = True
    client_id: str | None = attrs.field(default=None, validator=rules.not_blank)
    client_secret: str | None = attrs.field(default=None, repr=False, converter=secret_or_none)
    client_key: ClientKey | None = attrs.field(default=None, repr=False)
    token_endpoint_auth_method: str | None = None
    issuer: str | None = attrs.field(default=None, validator=rules.not_blank)
    client_id_metadata_url: str | None = attrs.field(default=None, validator=rules.document_url)
    client_metadata: ClientMetadata = attrs.field(default=None, converter=rules.metadata_or_default)
    initial_access_token: str | None = attrs.field(default=None, repr=False, converter=secret_or_none)
    authorize_params: Mapping[str, str] = attrs.field(
        factory=dict, repr=False, converter=secret_texts, validator=rules.unprotected
    )
    token_params: Mapping[str, str] = attrs.field(
        factory=dict, repr=False, converter=secret_texts, validator=rules.unprotected
    )
    callback_port: tuple[int, ...] = attrs.field(default=(), converter=rules.ports)
    callback_host: str | None = attrs.field(default=None, validator=rules.loopback_name)
    callback_bind: str | None = attrs.field(default=None, validator=rules.address)
    redirect_uri: str | None = None
    sign_in_timeout: float = attrs.field(default=300.0, validator=attrs.validators.gt(0))
    oauth_headers: Mapping[str, Mapping[str, str]] = attrs.field(
        factory=dict, repr=False, converter=rules.secret_headers, validator=rules.origins
    )
    resource: str | Published | None = attrs.field(default=AS_PUBLISHED, validator=rules.uri_or_published)
    expected_resource: str | None = attrs.field(default=None, validator=rules.uri_or_published)
    metadata_url: str | None = attrs.field(default=None, validator=rules.secure_url, repr=shown_url)
    assume_pkce: bool | tuple[str, ...] = attrs.field(
        default=False, converter=rules.issuers, validator=rules.issuer_urls
    )
    allow_missing_iss: bool | tuple[str, ...] = attrs.field(
        default=False, converter=rules.issuers, validator=rules.issuer_urls
    )
    dpop: bool | None = None
    public_only: bool = False

    def __attrs_post_init__(self) -> None:
        """Check what depends on several choices."""
        if self.redirect_uri is not None:
            self.callback  # noqa: B018  (refuses a redirect that somebody else could receive)
        if self.client_key is not None and self.client_id is None and self.client_id_metadata_url is None:
            raise ValueError("client_key is the key of a client: it needs client_id, or client_id_metadata_url")

    @property
    def preregistered(self) -> ClientRegistration | None:
        """The client registered by hand, or None."""
        if self.client_id is None:
            return None
        return ClientRegistration(
            client_id=self.client_id,
            client_secret=self.client_secret,
            issuer=self.issuer,
            token_endpoint_auth_method=self.token_endpoint_auth_method,
        )

    @property
    def at_localhost(self) -> SignInOptions | None:
        """The same choices with the other name of this machine; None when the caller chose host or redirect."""
        if self.callback_host is not None or self.redirect_uri is not None:
            return None
        return attrs.evolve(self, callback_host="localhost")

    @property
    def callback(self) -> Callback:
        """The redirect asked for, and where it is listened for.

        Raises:
            InsecureURLError: It is neither https, loopback nor of a scheme of the application's own.
        """
        from .callback import Callback  # what only a sign-in needs is loaded for one

        ports, bind = self.callback_port, self.callback_bind
        if self.redirect_uri is not None:
            return Callback.wanted(self.redirect_uri, ports, bind)
        host = self.callback_host or "127.0.0.1"
        host = f"[{host}]" if ":" in host else host
        return Callback(redirect_uri=f"http://{host}/callback", ports=ports or (0,), exact=bool(ports), bind=bind)

    def headers_for(self, url: str) -> Mapping[str, str]:
        """Return the further headers for a URL: those given for its origin, and no others."""
        if not self.oauth_headers:
            return {}
        wanted = origin(url)
        found: dict[str, str] = {}
        for key, headers in self.oauth_headers.items():
            if origin(key) == wanted:
                found.update(headers)
        return found

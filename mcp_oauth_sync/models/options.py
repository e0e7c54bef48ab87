"""How a sign-in is to be done: everything a caller may choose, in one record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from ..exceptions import InsecureURLError
from ..urls import is_loopback, origin, require_secure, without_query
from .client import ClientMetadata, ClientRegistration
from .secret import secret_or_none, secret_texts

#: Parameters that carry the protection of the flow; callers may not set them.
PROTECTED_PARAMETERS = frozenset(
    "response_type client_id redirect_uri state code_challenge code_challenge_method resource scope "
    "grant_type code code_verifier refresh_token client_secret client_assertion client_assertion_type".split()
)


def _scopes(value: Iterable[str] | str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(value.split() if isinstance(value, str) else (word for item in value for word in item.split()))


def _extra_scopes(value: Iterable[str] | str | None) -> tuple[str, ...]:
    return _scopes(value) or ()


def _not_blank(_: object, attribute: attrs.Attribute[str | None], value: str | None) -> None:
    if value is not None and not value.strip():
        raise ValueError(f"{attribute.name} must not be empty; None leaves it out")


def _origins(_: object, attribute: attrs.Attribute[Mapping[str, object]], value: Mapping[str, object]) -> None:
    for url in value:
        require_secure(url, f"{attribute.name} origin")


def _metadata(value: ClientMetadata | None) -> ClientMetadata:
    return value or ClientMetadata()


def _headers(value: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    return {where: secret_texts(headers) for where, headers in value.items()}


def _unprotected(_: object, attribute: attrs.Attribute[Mapping[str, str]], value: Mapping[str, str]) -> None:
    for parameter in PROTECTED_PARAMETERS.intersection(value):
        raise ValueError(f"{attribute.name} may not set {parameter!r}: the library sets it")


def _document_url(_: object, attribute: attrs.Attribute[str | None], value: str | None) -> None:
    if value is None:
        return
    parts = require_secure(value, "client-id metadata document URL")
    dots = {".", ".."}.intersection(parts.path.split("/"))
    if parts.scheme != "https" or parts.path in ("", "/") or dots:
        raise InsecureURLError(
            f"{attribute.name} {without_query(value)!r} is refused: a client identifier has to be an https URL "
            "with a path that holds no dot segments.",
            hint="Host the document at e.g. https://example.com/oauth/client.json.",
        )


def _port(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if not 0 <= value <= 65535:
        raise ValueError(f"{attribute.name} must be 0 (any free port) or a port number, not {value}")


def _loopback_host(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not is_loopback(value):
        raise ValueError(f"{attribute.name} must be 127.0.0.1, ::1 or localhost, not {value!r}")


@attrs.frozen(kw_only=True)
class SignInOptions:
    """What a caller may choose about signing in.

    Attributes:
        scopes: Replaces every other choice of scopes; a string is split at spaces; None follows the server.
        extra_scopes: Added to whatever is chosen.
        offline_access: False never adds ``offline_access`` by itself.
        client_id: A client registered by hand; None uses the other ways to be known.
        client_secret: Its secret; None for public clients.
        token_endpoint_auth_method: Its method; None chooses what the server offers.
        issuer: The authorization server ``client_id`` belongs to; None binds it to the first one met.
        client_id_metadata_url: https URL of a client-id metadata document; None when there is none.
        client_metadata: What to register as.
        initial_access_token: Credential for a protected registration endpoint (RFC 7591 section 3).
        authorize_params: Further parameters of the authorization request ("audience", "prompt", ...).
        token_params: Further parameters of every token request.
        callback_port: Port of the loopback redirect; 0 takes a free one.
        callback_host: 127.0.0.1, ::1 or localhost, as it appears in the redirect URI.
        sign_in_timeout: Seconds to wait for the person.
        oauth_headers: Further headers per origin ("https://auth.example.com") for OAuth requests.

    Raises:
        ValueError: A parameter is protected, or a value is out of range.
        InsecureURLError: ``client_id_metadata_url`` is not an https URL with a path, or a key of
            ``oauth_headers`` is not an origin that may be contacted.
    """

    scopes: tuple[str, ...] | None = attrs.field(default=None, converter=_scopes)
    extra_scopes: tuple[str, ...] = attrs.field(default=(), converter=_extra_scopes)
    offline_access: bool = True
    client_id: str | None = attrs.field(default=None, validator=_not_blank)
    client_secret: str | None = attrs.field(default=None, repr=False, converter=secret_or_none)
    token_endpoint_auth_method: str | None = None
    issuer: str | None = None
    client_id_metadata_url: str | None = attrs.field(default=None, validator=_document_url)
    client_metadata: ClientMetadata = attrs.field(default=None, converter=_metadata)
    initial_access_token: str | None = attrs.field(default=None, repr=False, converter=secret_or_none)
    authorize_params: Mapping[str, str] = attrs.field(
        factory=dict, repr=False, converter=secret_texts, validator=_unprotected
    )
    token_params: Mapping[str, str] = attrs.field(
        factory=dict, repr=False, converter=secret_texts, validator=_unprotected
    )
    callback_port: int = attrs.field(default=0, validator=_port)
    callback_host: str = attrs.field(default="127.0.0.1", validator=_loopback_host)
    sign_in_timeout: float = attrs.field(default=300.0, validator=attrs.validators.gt(0))
    oauth_headers: Mapping[str, Mapping[str, str]] = attrs.field(
        factory=dict, repr=False, converter=_headers, validator=_origins
    )

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
    def redirect_uri(self) -> str:
        """The loopback redirect asked for; port 0 stands for any free port."""
        host = f"[{self.callback_host}]" if ":" in self.callback_host else self.callback_host
        return f"http://{host}:{self.callback_port}/callback"

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

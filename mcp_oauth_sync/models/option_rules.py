"""What a choice of the caller has to be: converters and checks of :class:`~mcp_oauth_sync.SignInOptions`."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult

import attrs

from ..exceptions import InsecureURLError
from ..urls import is_loopback, require_secure, without_query
from .secret import secret_texts

if TYPE_CHECKING:
    from .client_metadata import ClientMetadata

#: Parameters that carry the protection of the flow; callers may not set them.
PROTECTED_PARAMETERS = frozenset(
    "response_type client_id redirect_uri state code_challenge code_challenge_method resource scope grant_type code "
    "code_verifier refresh_token client_secret client_assertion client_assertion_type device_code dpop_jkt".split()
)


class Published(enum.Enum):
    """Stands for what the server publishes, where None means something else."""

    AS_PUBLISHED = "as published"


#: The ``resource`` that the server publishes.
AS_PUBLISHED = Published.AS_PUBLISHED


def scopes_or_none(value: Iterable[str] | str | None) -> tuple[str, ...] | None:
    """Split what holds several scopes; None stays None."""
    if value is None:
        return None
    return tuple(value.split() if isinstance(value, str) else (word for item in value for word in item.split()))


def scopes_or_nothing(value: Iterable[str] | str | None) -> tuple[str, ...]:
    """Split what holds several scopes; None gives none."""
    return scopes_or_none(value) or ()


def ports(value: int | Iterable[int]) -> tuple[int, ...]:
    """Return ports to try in order; 0 alone means any free one and gives none."""
    wanted: tuple[object, ...] = (value,) if isinstance(value, int) else tuple(value)
    if any(type(port) is not int or not 0 <= port <= 65535 for port in wanted):
        raise ValueError(f"callback_port must be 0 (any free port), a port number or several, not {value!r}")
    return tuple(dict.fromkeys(port for port in wanted if port and isinstance(port, int)))


def issuers(value: bool | str | Iterable[str]) -> bool | tuple[str, ...]:
    """Return the issuers that a relaxation is for; True means the one of this server."""
    if isinstance(value, bool):
        return value
    return (value,) if isinstance(value, str) else tuple(value)


def issuer_urls(_: object, attribute: attrs.Attribute[Any], value: bool | tuple[str, ...]) -> None:
    """Refuse what names no issuer."""
    for issuer in value if isinstance(value, tuple) else ():
        require_secure(issuer, f"{attribute.name} issuer")


def metadata_or_default(value: ClientMetadata | None) -> ClientMetadata:
    """Return what to register as."""
    from .client_metadata import ClientMetadata  # loaded when it is asked for, not with every program

    return value or ClientMetadata()


def secret_headers(value: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    """Return headers per origin, none of which shows itself."""
    return {where: secret_texts(headers) for where, headers in value.items()}


def not_blank(_: object, attribute: attrs.Attribute[str | None], value: str | None) -> None:
    """Refuse an empty text."""
    if value is not None and not value.strip():
        raise ValueError(f"{attribute.name} must not be empty; None leaves it out")


def origins(_: object, attribute: attrs.Attribute[Mapping[str, object]], value: Mapping[str, object]) -> None:
    """Refuse keys that are no origins."""
    for url in value:
        require_secure(url, f"{attribute.name} origin")


def unprotected(_: object, attribute: attrs.Attribute[Mapping[str, str]], value: Mapping[str, str]) -> None:
    """Refuse parameters that the library sets."""
    for parameter in PROTECTED_PARAMETERS.intersection(value):
        raise ValueError(f"{attribute.name} may not set {parameter!r}: the library sets it")


def require_document_url(url: str, what: str) -> SplitResult:
    """Check that a URL can identify a client. draft-ietf-oauth-client-id-metadata-document-00 section 3.

    Args:
        url: The URL of a client-id metadata document.
        what: What it is, for the message.

    Returns:
        The URL taken apart.

    Raises:
        InsecureURLError: It is no https URL with a path, or has dot segments, user information or a fragment.
    """
    parts = require_secure(url, what)
    # An escaped dot is a dot to whoever normalises the URL before fetching it. RFC 3986 section 6.2.2.2.
    dots = {".", ".."}.intersection(parts.path.lower().replace("%2e", ".").split("/"))
    if parts.scheme != "https" or parts.path in ("", "/") or dots:
        raise InsecureURLError(
            f"The {what} {without_query(url)!r} is refused: a client identifier has to be an https URL "
            "with a path that holds no dot segments.",
            hint="Host the document at e.g. https://example.com/oauth/client.json.",
        )
    return parts


def document_url(_: object, attribute: attrs.Attribute[str | None], value: str | None) -> None:
    """Refuse what can be no client identifier."""
    if value is not None:
        require_document_url(value, attribute.name)


def secure_url(_: object, attribute: attrs.Attribute[str | None], value: str | None) -> None:
    """Refuse a URL that may not be contacted."""
    if value is not None:
        require_secure(value, attribute.name)


def loopback_name(_: object, attribute: attrs.Attribute[str | None], value: str | None) -> None:
    """Refuse a host that is not this machine."""
    if value is not None and not is_loopback(value):
        raise ValueError(f"{attribute.name} must be 127.0.0.1, ::1 or localhost, not {value!r}")


def address(_: object, attribute: attrs.Attribute[str | None], value: str | None) -> None:
    """Refuse what is no address of an interface."""
    if value is None:
        return
    try:
        ip_address(value)
    except ValueError:
        raise ValueError(
            f"{attribute.name} must be the address of an interface (0.0.0.0 for all), not {value!r}"
        ) from None


def is_absolute_uri(text: str) -> bool:
    """Tell whether a text is an absolute URI without a fragment. RFC 8707 section 2."""
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9+.\-]*:[!\"$-~]+", text) is not None


def uri_or_published(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuse a resource that is no absolute URI. RFC 8707 section 2."""
    if isinstance(value, str) and not is_absolute_uri(value):
        raise ValueError(f"{attribute.name} must be an absolute URI without a fragment, not {value!r}")

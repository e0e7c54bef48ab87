"""Client-id metadata documents: an https URL as client identifier, and the document that has to be there.

draft-ietf-oauth-client-id-metadata-document-00 sections 3 and 4; MCP client registration; RFC 8252 section 7.3. The
document is fetched by the authorization server, never by us at a sign-in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from ..exceptions import RegistrationError
from ..models.client import DOCUMENT, ClientRegistration
from ..models.metadata import AuthorizationServerMetadata
from ..urls import loopback_host
from .client_document_check import LARGEST, check_client_document

#: The ports of the redirects where nobody chose others.
DEFAULT_PORTS = tuple(range(8765, 8770))
#: Both spellings of this machine that authorization servers know; some take only one of them.
DEFAULT_HOSTS = ("127.0.0.1", "localhost")


def build_document_registration(
    url: str, server: AuthorizationServerMetadata, *, redirect_uris: Sequence[str] = ()
) -> ClientRegistration:
    """Return what we are to a server that reads our document: its URL, as a public client.

    Args:
        url: The document's URL, already checked by :class:`~mcp_oauth_sync.SignInOptions`.
        server: A server that advertises ``client_id_metadata_document_supported``.
        redirect_uris: The redirects in use, which the document is taken to name.
    """
    return ClientRegistration(
        client_id=url,
        issuer=server.issuer,
        token_endpoint_auth_method="none",
        redirect_uris=redirect_uris,
        source=DOCUMENT,
    )


def build_loopback_redirects(ports: Iterable[int], *, hosts: Sequence[str] = DEFAULT_HOSTS) -> tuple[str, ...]:
    """Return the redirects to document for a program that listens on this machine.

    A server that compares exactly, as OAuth 2.1 asks for, needs one with each port. One that lets the port of a
    loopback redirect differ needs one, and some of those look for the one without a port.

    Args:
        ports: The ports that sign-ins listen on (``callback_port``).
        hosts: The spellings of this machine: 127.0.0.1, localhost, ::1.
    """
    named = [f"[{host}]" if ":" in host else host for host in hosts]
    places = ["", *(f":{port}" for port in ports)]
    return tuple(dict.fromkeys(f"http://{host}{place}/callback" for host in named for place in places))


def build_client_document(
    url: str,
    redirect_uris: Iterable[str],
    *,
    client_name: str,
    scope: str | None = None,
    client_uri: str | None = None,
    logo_uri: str | None = None,
    jwks: Mapping[str, object] | None = None,
    jwks_uri: str | None = None,
) -> dict[str, object]:
    """Return the document to host at a URL, which is then our ``client_id_metadata_url``.

    Args:
        url: Where it is going to be.
        redirect_uris: Every redirect that sign-ins use, see :func:`build_loopback_redirects`.
        client_name: Shown to the person on the consent page.
        scope: Scopes to be registered for, as on the wire; None leaves that open.
        client_uri: A page about the program; None leaves it out.
        logo_uri: Its logo; None leaves it out.
        jwks: Public keys of a client that authenticates with ``private_key_jwt``; None for public clients.
        jwks_uri: Where they are instead.

    Raises:
        RegistrationError: No authorization server would accept such a document; the message says why.
    """
    uris = list(dict.fromkeys(redirect_uris))
    native = any(loopback_host(uri) or not uri.startswith("http") for uri in uris)
    optional = {"scope": scope, "client_uri": client_uri, "logo_uri": logo_uri, "jwks": jwks, "jwks_uri": jwks_uri}
    document: dict[str, object] = {
        "client_id": url,
        "client_name": client_name,
        "redirect_uris": uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "application_type": "native" if native else "web",
        "token_endpoint_auth_method": "private_key_jwt" if jwks or jwks_uri else "none",
        **{member: value for member, value in optional.items() if value},
    }
    size = len(as_served(document))
    findings = check_client_document(document, url, size=size)
    if wrong := next((finding.said for finding in findings if finding.wrong), None):
        raise RegistrationError(
            f"No authorization server would accept that client-id metadata document: {wrong.rstrip('.')}.",
            hint="Name fewer ports, or fewer spellings of this machine." if size > LARGEST else None,
        )
    return document


def as_served(document: Mapping[str, object]) -> str:
    """Return the text of a document, in ASCII, as it is to be hosted."""
    return json.dumps(document, indent=2) + "\n"

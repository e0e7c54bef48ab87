"""Client-id metadata documents: an https URL as client identifier.

draft-ietf-oauth-client-id-metadata-document-00 section 3; MCP client registration. The document is
fetched by the authorization server, never by us.
"""

from __future__ import annotations

from ..models.client import DOCUMENT, ClientRegistration
from ..models.metadata import AuthorizationServerMetadata


def build_document_registration(url: str, server: AuthorizationServerMetadata) -> ClientRegistration:
    """Return what we are to a server that reads our document: its URL, as a public client.

    Args:
        url: The document's URL, already checked by :class:`~mcp_oauth_sync.SignInOptions`.
        server: A server that advertises ``client_id_metadata_document_supported``.
    """
    return ClientRegistration(
        client_id=url,
        issuer=server.issuer,
        token_endpoint_auth_method="none",
        source=DOCUMENT,
    )

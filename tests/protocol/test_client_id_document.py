"""Client-id metadata documents: our URL is our name, and there is no secret."""

from __future__ import annotations

from mcp_oauth_sync.models.client import DOCUMENT
from mcp_oauth_sync.models.metadata import AuthorizationServerMetadata
from mcp_oauth_sync.protocol.client_auth import build_client_authentication
from mcp_oauth_sync.protocol.client_id_document import build_document_registration

URL = "https://app.example.com/oauth/client.json"


def test_the_url_is_the_client_id_to_the_letter_and_the_client_is_public() -> None:
    known = build_document_registration(URL, AuthorizationServerMetadata(issuer="https://as"))
    assert (known.client_id, known.issuer, known.source) == (URL, "https://as", DOCUMENT)
    assert known.client_secret is None
    assert build_client_authentication(known) == ({}, {"client_id": URL})

"""RFC 9728 section 3.1, RFC 8414 section 3.1 and the MCP specification: where the metadata documents are."""

from __future__ import annotations

import pytest

from mcp_oauth_sync.protocol.documents import Trace
from mcp_oauth_sync.protocol.resource_metadata import build_resource_metadata_urls, read_resource_metadata
from mcp_oauth_sync.protocol.server_metadata import build_server_metadata_urls, read_server_metadata

RESOURCE_DOCUMENT = {  # RFC 9728 section 3.2
    "resource": "https://resource.example.com",
    "authorization_servers": ["https://as1.example.com", "https://as2.example.net"],
    "bearer_methods_supported": ["header", "body"],
    "scopes_supported": ["profile", "email", "phone"],
    "resource_documentation": "https://resource.example.com/resource_documentation.html",
}
SERVER_DOCUMENT = {  # RFC 8414 section 3.2
    "issuer": "https://server.example.com",
    "authorization_endpoint": "https://server.example.com/authorize",
    "token_endpoint": "https://server.example.com/token",
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
    "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
    "userinfo_endpoint": "https://server.example.com/userinfo",
    "jwks_uri": "https://server.example.com/jwks.json",
    "registration_endpoint": "https://server.example.com/register",
    "scopes_supported": ["openid", "profile", "email", "address", "phone", "offline_access"],
    "response_types_supported": ["code", "code token"],
    "service_documentation": "http://server.example.com/service_documentation.html",
    "ui_locales_supported": ["en-US", "en-GB", "en-CA", "fr-FR", "fr-CA"],
}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("https://resource.example.com", "https://resource.example.com/.well-known/oauth-protected-resource"),
        (
            "https://resource.example.com/resource1",
            "https://resource.example.com/.well-known/oauth-protected-resource/resource1",
        ),
    ],
)
def test_resource_metadata_is_where_rfc_9728_puts_it(resource: str, expected: str) -> None:
    assert build_resource_metadata_urls(resource)[0] == expected


def test_for_a_path_the_root_is_asked_second_and_for_the_root_there_is_no_second() -> None:
    root = "https://example.com/.well-known/oauth-protected-resource"
    assert build_resource_metadata_urls("https://example.com/public/mcp") == (f"{root}/public/mcp", root)
    assert build_resource_metadata_urls("https://example.com/") == (root,)


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        (
            "https://example.com",  # RFC 8414 section 3.1
            (
                "https://example.com/.well-known/oauth-authorization-server",
                "https://example.com/.well-known/openid-configuration",
            ),
        ),
        (
            "https://example.com/issuer1",  # RFC 8414 sections 3.1 and 5
            (
                "https://example.com/.well-known/oauth-authorization-server/issuer1",
                "https://example.com/.well-known/openid-configuration/issuer1",
                "https://example.com/issuer1/.well-known/openid-configuration",
            ),
        ),
        (
            "https://auth.example.com/tenant1/",
            (
                "https://auth.example.com/.well-known/oauth-authorization-server/tenant1",
                "https://auth.example.com/.well-known/openid-configuration/tenant1",
                "https://auth.example.com/tenant1/.well-known/openid-configuration",
            ),
        ),
    ],
)
def test_server_metadata_is_looked_for_in_the_order_of_mcp(issuer: str, expected: tuple[str, ...]) -> None:
    assert build_server_metadata_urls(issuer) == expected


def test_the_resource_document_of_rfc_9728_is_read() -> None:
    metadata = read_resource_metadata(
        RESOURCE_DOCUMENT,
        server_url="https://resource.example.com",
        url="https://resource.example.com/x",
        trace=Trace(),
    )
    assert metadata.resource == "https://resource.example.com"
    assert metadata.authorization_servers == ("https://as1.example.com", "https://as2.example.net")
    assert metadata.scopes_supported == ("profile", "email", "phone")


def test_the_server_document_of_rfc_8414_is_read() -> None:
    issuer = "https://server.example.com"
    server = read_server_metadata(SERVER_DOCUMENT, issuers=[issuer], url=f"{issuer}/x", trace=Trace())
    assert server.token_endpoint == "https://server.example.com/token"
    assert server.registration_endpoint == "https://server.example.com/register"
    assert server.token_endpoint_auth_methods_supported == ("client_secret_basic", "private_key_jwt")
    assert server.code_challenge_methods_supported is None

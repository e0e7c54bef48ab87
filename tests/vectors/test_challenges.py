"""The challenges that RFC 6750, RFC 9110, RFC 9728 and the MCP specification print."""

from __future__ import annotations

import pytest

from mcp_oauth_sync.protocol.challenge import parse_challenges, select_challenge


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Bearer realm="example"', [("bearer", {"realm": "example"})]),  # RFC 6750 section 3
        (
            'Bearer realm="example", error="invalid_token", error_description="The access token expired"',
            [
                (
                    "bearer",
                    {"realm": "example", "error": "invalid_token", "error_description": "The access token expired"},
                )
            ],
        ),
        (  # RFC 9110 section 11.6.1
            'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
            [("basic", {"realm": "simple"}), ("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'})],
        ),
        (  # RFC 7616 section 3.9.1
            'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7yp"',
            [
                (
                    "digest",
                    {
                        "realm": "http-auth@example.org",
                        "qop": "auth, auth-int",
                        "algorithm": "SHA-256",
                        "nonce": "7yp",
                    },
                )
            ],
        ),
        ("Negotiate a87421000492aa874209af8bc028", [("negotiate", {})]),  # RFC 4559 section 5
    ],
)
def test_a_printed_challenge_is_taken_apart(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert list(parse_challenges([header])) == expected


@pytest.mark.parametrize(
    "scope",
    ["openid profile email", "urn:example:channel=HBO&urn:example:rating=G,PG-13"],  # RFC 6750 section 3
)
def test_the_scopes_of_rfc_6750_are_kept_to_the_letter(scope: str) -> None:
    assert select_challenge([f'Bearer scope="{scope}"']).scope == scope


def test_the_challenge_of_rfc_9728_names_its_metadata() -> None:
    url = "https://resource.example.com/.well-known/oauth-protected-resource"
    assert select_challenge([f'Bearer resource_metadata="{url}"']).resource_metadata == url


def test_the_insufficient_scope_challenge_of_mcp_is_understood() -> None:
    challenge = select_challenge(
        [
            'Bearer error="insufficient_scope", scope="files:read files:write user:profile", '
            'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource", '
            'error_description="Additional file write permission required"'
        ]
    )
    assert challenge.insufficient_scope
    assert challenge.scopes == ("files:read", "files:write", "user:profile")
    assert challenge.error_description == "Additional file write permission required"

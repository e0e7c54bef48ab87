"""RFC 6749 section 2.3.1 and appendix B: HTTP Basic for clients, and how names and secrets are encoded in it."""

from __future__ import annotations

import base64

import pytest

from mcp_oauth_sync.models.client import ClientRegistration
from mcp_oauth_sync.protocol.client_auth import build_client_authentication


def basic(client_id: str, secret: str) -> str:
    client = ClientRegistration(
        client_id=client_id, client_secret=secret, token_endpoint_auth_method="client_secret_basic"
    )
    headers, fields = build_client_authentication(client)
    assert fields == {}
    return headers["Authorization"]


@pytest.mark.parametrize(
    ("secret", "header"),
    [
        ("7Fjfp0ZBr1KtDRbnfVdmIw", "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"),  # section 2.3.1
        ("gX1fBat3bV", "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"),  # section 4.1.3
    ],
)
def test_the_printed_headers_are_ours(secret: str, header: str) -> None:
    assert basic("s6BhdRkqt3", secret) == header


def test_the_characters_of_appendix_b_are_encoded_as_printed() -> None:
    pair = base64.b64decode(basic(" %&+\u00a3\u20ac", "x").removeprefix("Basic ")).decode()
    assert pair == "+%25%26%2B%C2%A3%E2%82%AC:x"


def test_the_form_of_section_2_3_1_is_ours() -> None:
    client = ClientRegistration(
        client_id="s6BhdRkqt3",
        client_secret="7Fjfp0ZBr1KtDRbnfVdmIw",
        token_endpoint_auth_method="client_secret_post",
    )
    fields = {"client_id": "s6BhdRkqt3", "client_secret": "7Fjfp0ZBr1KtDRbnfVdmIw"}
    assert build_client_authentication(client) == ({}, fields)

"""What helps against a refusal is named with its value, and never so that a server has a person run something."""

from __future__ import annotations

import pytest

from mcp_oauth_sync.protocol.remedies import argument, refuses_resource, remedy


@pytest.mark.parametrize(
    "value", ["https://as.example.com", "https://as.example.com:8443/t-1/a_b?x=1&y=%20", "api://notes", "x" * 200]
)
def test_a_plain_value_is_part_of_the_argument(value: str) -> None:
    assert argument("issuer", value) == f"issuer='{value}'"


@pytest.mark.parametrize(
    "value",
    ["", "a b", "a'b", 'a"b', "a`id`", "$(id)", "a;b", "a|b", "a\\b", "a\nb", "\x1b[2J", "\u202e", "x" * 201, "é"],
)
def test_a_value_that_could_be_read_as_more_is_left_out(value: str) -> None:
    assert argument("issuer", value) == "issuer="


@pytest.mark.parametrize(
    ("error", "description", "refused"),
    [
        ("invalid_target", None, True),
        ("invalid_request", "AADSTS901002: The 'resource' request parameter isn't supported.", True),
        ("invalid_target", "AADSTS9010010: The resource parameter doesn't match with the requested scopes.", True),
        (None, "AADSTS9010010", True),
        ("invalid_request", "AADSTS90014: The required field is missing.", False),
        ("invalid_request", "AADSTS90144: The request body must contain a parameter.", False),
        ("invalid_grant", None, False),
        (None, None, False),
    ],
)
def test_a_refused_resource_is_told_from_other_refusals(
    error: str | None, description: str | None, refused: bool
) -> None:
    assert refuses_resource(error, description) is refused
    assert ("resource=None" in (remedy(error, description) or "")) is refused


def test_what_no_argument_helps_against_has_no_remedy() -> None:
    assert remedy("server_error", "no") is None
    assert "scopes=" in (remedy("invalid_scope", None) or "")

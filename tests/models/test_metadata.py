"""The two metadata documents: types are checked, unknown members pass."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync.models.document import MalformedDocument
from mcp_oauth_sync.models.metadata import AuthorizationServerMetadata, ProtectedResourceMetadata

from .test_document import JSON

fuzz = settings(max_examples=60, derandomize=True, deadline=None, database=None)


def test_only_the_resource_has_to_be_said_of_a_resource() -> None:
    metadata = ProtectedResourceMetadata.from_document({"resource": "https://h/mcp", "jwks_uri": 5, "x": {}})
    assert metadata == ProtectedResourceMetadata(resource="https://h/mcp")


@pytest.mark.parametrize("scopes", [[], ["a"]])
def test_an_empty_list_of_scopes_is_not_the_same_as_none(scopes: list[str]) -> None:
    document = {"resource": "https://h", "scopes_supported": scopes}
    assert ProtectedResourceMetadata.from_document(document).scopes_supported == tuple(scopes)
    assert ProtectedResourceMetadata.from_document({"resource": "https://h"}).scopes_supported is None


def test_null_means_absent() -> None:
    document = {"resource": "https://h", "authorization_servers": None, "scopes_supported": None}
    assert ProtectedResourceMetadata.from_document(document) == ProtectedResourceMetadata(resource="https://h")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"resource": None},
        {"resource": 5},
        {"resource": ["https://h"]},
        {"resource": "https://h", "authorization_servers": "https://as"},
        {"resource": "https://h", "authorization_servers": [5]},
        {"resource": "https://h", "scopes_supported": {"a": 1}},
    ],
)
def test_a_resource_document_with_a_wrong_type_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(MalformedDocument):
        ProtectedResourceMetadata.from_document(document)


def test_only_the_issuer_has_to_be_said_of_an_authorization_server() -> None:
    metadata = AuthorizationServerMetadata.from_document({"issuer": "https://as", "response_types_supported": 5})
    assert metadata == AuthorizationServerMetadata(issuer="https://as")
    assert metadata.published


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"issuer": ""},
        {"issuer": 1},
        {"issuer": "https://as", "token_endpoint": ["https://as/token"]},
        {"issuer": "https://as", "authorization_endpoint": {"url": "x"}},
        {"issuer": "https://as", "code_challenge_methods_supported": "S256"},
        {"issuer": "https://as", "code_challenge_methods_supported": {"S256": True}},
        {"issuer": "https://as", "scopes_supported": ["\udc80"]},
    ],
)
def test_a_server_document_with_a_wrong_type_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(MalformedDocument):
        AuthorizationServerMetadata.from_document(document)


@pytest.mark.parametrize("value", ["true", 1, None, [True], False])
def test_a_capability_is_advertised_by_true_and_nothing_else(value: object) -> None:
    flags = ("authorization_response_iss_parameter_supported", "client_id_metadata_document_supported")
    metadata = AuthorizationServerMetadata.from_document({"issuer": "https://as", **dict.fromkeys(flags, value)})
    assert not metadata.authorization_response_iss_parameter_supported
    assert not metadata.client_id_metadata_document_supported


def test_a_server_without_a_document_has_the_default_endpoints_of_its_origin() -> None:
    server = AuthorizationServerMetadata.default_endpoints("https://h:8443")
    assert (server.authorization_endpoint, server.token_endpoint, server.registration_endpoint) == (
        "https://h:8443/authorize",
        "https://h:8443/token",
        "https://h:8443/register",
    )
    assert server.issuer == "https://h:8443"
    assert not server.published


def test_spelled_out_endpoints_need_no_issuer() -> None:
    server = AuthorizationServerMetadata.spelled_out("https://h/a", "https://h/t")
    assert (server.issuer, server.registration_endpoint, server.published) == ("", None, False)


MEMBERS = "issuer authorization_endpoint token_endpoint scopes_supported code_challenge_methods_supported".split()


@fuzz
@given(
    document=st.dictionaries(st.sampled_from(MEMBERS), JSON) | st.fixed_dictionaries({"issuer": st.text(min_size=1)})
)
def test_any_server_document_is_read_or_refused_by_type(document: dict[str, Any]) -> None:
    try:
        server = AuthorizationServerMetadata.from_document(document)
    except MalformedDocument:
        return
    assert isinstance(server.issuer, str)
    assert server.scopes_supported is None or all(isinstance(scope, str) for scope in server.scopes_supported)


@fuzz
@given(document=st.dictionaries(st.sampled_from(["resource", "authorization_servers", "scopes_supported"]), JSON))
def test_any_resource_document_is_read_or_refused_by_type(document: dict[str, Any]) -> None:
    try:
        metadata = ProtectedResourceMetadata.from_document(document)
    except MalformedDocument:
        return
    assert metadata.resource.encode()

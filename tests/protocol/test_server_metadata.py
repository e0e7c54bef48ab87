"""Authorization server metadata: looked for in order, and only taken when it is the issuer's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from mcp_oauth_sync.exceptions import DiscoveryError, InsecureURLError, MetadataMismatchError
from mcp_oauth_sync.protocol.documents import Trace
from mcp_oauth_sync.protocol.server_metadata import fetch_server_metadata, read_server_metadata, same_issuer
from mcp_oauth_sync.protocol.transport import Transport

from ..servers import (
    ABSENT,
    AuthorizationServer,
    Fault,
    Origin,
    bom_of_normal,
    gzip_of_normal,
    html,
    redirect_to,
    reply,
    reset,
)

TRACE = Trace()
PLACES = ["oauth", "oidc", "oidc-appended"]
MISSES = [reply(404), reply(401), html(403), html(200), reply(200, []), redirect_to("https://cdn.example.com/x")]


@pytest.fixture
def tenant() -> Iterator[AuthorizationServer]:
    with AuthorizationServer(issuer_path="/tenant1", serve_at=PLACES) as running:
        yield running


def paths(server: AuthorizationServer) -> list[str]:
    return [exchange.path for exchange in server.log]


def known(server: AuthorizationServer, *places: str) -> list[str]:
    return [server.well_knowns[place] for place in places]


@pytest.mark.parametrize(
    ("published", "asked"),
    [
        ("https://accounts.example.com", "https://accounts.example.com"),
        ("https://accounts.example.com", "https://accounts.example.com/"),
        ("https://accounts.example.com/", "https://accounts.example.com"),
        ("https://as.example.com/tenant", "https://as.example.com/tenant"),
        ("https://as.example.com/tenant/", "https://as.example.com/tenant/"),
    ],
)
def test_issuers_are_the_same_to_the_letter_or_by_a_slash_that_is_the_whole_path(published: str, asked: str) -> None:
    assert same_issuer(published, asked)


@pytest.mark.parametrize(
    ("published", "asked"),
    [
        ("https://as.example.com/other", "https://as.example.com/tenant"),
        ("https://as.example.com/tenant", "https://as.example.com/tenant/"),
        ("https://as.example.com/tenant/", "https://as.example.com/tenant"),
        ("https://as.example.com", "https://as.example.com/tenant"),
        ("https://as.example.com//", "https://as.example.com"),
        ("https://as.example.com//", "https://as.example.com/"),
        ("https://AS.example.com", "https://as.example.com"),
        ("HTTPS://as.example.com", "https://as.example.com"),
        ("https://as.example.com:443", "https://as.example.com"),
        ("http://as.example.com", "https://as.example.com"),
        ("https://as.example.com?x=", "https://as.example.com?x=/"),
        ("https://as.example.com.evil.example", "https://as.example.com"),
        ("https://[/", "https://["),
        ("", "https://as.example.com"),
    ],
)
def test_issuers_that_differ_by_anything_else_are_different(published: str, asked: str) -> None:
    assert not same_issuer(published, asked)
    assert not same_issuer(asked, published)


def test_a_document_of_another_issuer_is_refused_with_both_values() -> None:
    url = "https://as.example.com/.well-known/oauth-authorization-server"
    with pytest.raises(MetadataMismatchError) as refused:
        read_server_metadata(
            {"issuer": "https://evil.example.com"}, issuers=["https://as.example.com"], url=url, trace=Trace()
        )
    error = refused.value
    assert (error.expected, error.received, error.url) == ("https://as.example.com", "https://evil.example.com", url)
    assert all(part in error.message for part in (error.expected, error.received, url))


def test_a_slash_conceded_leaves_the_issuer_as_published() -> None:
    server = read_server_metadata(
        {"issuer": "https://a.example"}, issuers=["https://a.example/"], url="https://x", trace=Trace()
    )
    assert server.issuer == "https://a.example"


def test_an_issuer_without_a_path_has_two_places(http: Transport, server: AuthorizationServer) -> None:
    server.serve_at = {"oidc"}
    metadata = fetch_server_metadata(http, server.issuer, trace=Trace())
    assert metadata is not None
    assert metadata.token_endpoint == server.endpoint("token")
    assert paths(server) == known(server, "oauth", "oidc")
    assert server.violations == []


@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_issuer_with_a_path_has_three_places_asked_in_order(
    http: Transport, tenant: AuthorizationServer, at: int
) -> None:
    tenant.serve_at = set(PLACES[at:])
    metadata = fetch_server_metadata(http, tenant.issuer, trace=Trace())
    assert metadata is not None
    assert metadata.issuer == tenant.issuer
    assert paths(tenant) == known(tenant, *PLACES[: at + 1])
    assert tenant.violations == []


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("fault", MISSES, ids=lambda fault: fault.name)
def test_a_miss_leads_to_the_next_place_and_after_the_last_to_none(
    http: Transport, tenant: AuthorizationServer, fault: Fault, at: int
) -> None:
    tenant.serve_at = set(PLACES[at:])
    tenant.fault(tenant.well_knowns[PLACES[at]], fault)
    trace = Trace()
    metadata = fetch_server_metadata(http, tenant.issuer, trace=trace)
    assert (metadata is None) == (at == 2)
    asked = known(tenant, *PLACES[: at + 2])
    assert paths(tenant) == asked
    assert [line.split(": ")[0] for line in trace.lines] == [tenant.url + path for path in asked]


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("fault", [gzip_of_normal(), bom_of_normal()], ids=lambda fault: fault.name)
def test_packing_and_byte_order_marks_are_no_miss(
    http: Transport, tenant: AuthorizationServer, fault: Fault, at: int
) -> None:
    tenant.serve_at = {PLACES[at]}
    tenant.fault(tenant.well_knowns[PLACES[at]], fault)
    assert fetch_server_metadata(http, tenant.issuer, trace=Trace()) is not None
    assert len(tenant.log) == at + 1


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("fault", [reply(500), reply(429), reset()], ids=lambda fault: fault.name)
def test_a_failing_place_is_not_taken_for_an_absent_one(
    http: Transport, tenant: AuthorizationServer, fault: Fault, at: int
) -> None:
    tenant.serve_at = set(PLACES[at:])
    tenant.fault(tenant.well_knowns[PLACES[at]], fault)
    with pytest.raises(DiscoveryError, match="could not be fetched") as failed:
        fetch_server_metadata(http, tenant.issuer, trace=Trace())
    assert paths(tenant) == known(tenant, *PLACES[: at + 1])
    assert len(failed.value.tried) == at + 1


@pytest.mark.parametrize(
    ("overrides", "kind"),
    [
        ({"issuer": "https://evil.example.com"}, MetadataMismatchError),
        ({"issuer": "other-tenant"}, MetadataMismatchError),
        ({"issuer": ABSENT}, DiscoveryError),
        ({"issuer": None}, DiscoveryError),
        ({"token_endpoint": 5}, DiscoveryError),
        ({"code_challenge_methods_supported": "S256"}, DiscoveryError),
    ],
)
def test_an_invalid_document_is_an_error_and_no_reason_to_look_elsewhere(
    http: Transport, tenant: AuthorizationServer, overrides: dict[str, object], kind: type[DiscoveryError]
) -> None:
    tenant.metadata_overrides = overrides
    with pytest.raises(DiscoveryError) as refused:
        fetch_server_metadata(http, tenant.issuer, trace=Trace())
    assert type(refused.value) is kind
    assert paths(tenant) == known(tenant, "oauth")


def test_a_document_needs_only_the_endpoints_that_are_used(http: Transport, server: AuthorizationServer) -> None:
    absent = dict.fromkeys(["registration_endpoint", "revocation_endpoint", "response_types_supported"], ABSENT)
    server.metadata_overrides = {**absent, "grant_types_supported": None, "jwks_uri": 5, "extra": {"x": 1}}
    assert fetch_server_metadata(http, server.issuer, trace=Trace()) is not None


@pytest.mark.parametrize(
    "issuer", ["http://as.example.com", "as.example.com", "", "https://u:p@as.example.com", "https://as#x"]
)
def test_an_issuer_that_may_not_be_contacted_is_refused(http: Transport, issuer: str) -> None:
    with pytest.raises(InsecureURLError, match="issuer"):
        fetch_server_metadata(http, issuer, trace=Trace())


def test_a_resource_elsewhere_cannot_name_this_machine_as_its_issuer(
    session: requests.Session, elsewhere: Origin
) -> None:
    http = Transport(session=session, allow_loopback=False)
    with pytest.raises(InsecureURLError, match="this machine"):
        fetch_server_metadata(http, elsewhere.url, trace=Trace())

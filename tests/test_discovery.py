"""From a challenge to the two metadata documents: the order, the fallbacks, and what is no fallback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from mcp_oauth_sync.discovery import choose_resource, fetch_challenge, find_resource_metadata, find_server
from mcp_oauth_sync.exceptions import DiscoveryError, InsecureURLError, MetadataMismatchError
from mcp_oauth_sync.models.metadata import AuthorizationServerMetadata, ProtectedResourceMetadata
from mcp_oauth_sync.protocol.documents import Trace
from mcp_oauth_sync.protocol.transport import Transport

from .servers import ABSENT, AuthorizationServer, CombinedServer, McpServer, Origin, html, redirect_to, reply, reset


@pytest.fixture
def http() -> Iterator[Transport]:
    with requests.Session() as session:
        yield Transport(session=session)


@pytest.fixture
def server() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as running:
        yield running


@pytest.fixture
def mcp(server: AuthorizationServer) -> Iterator[McpServer]:
    with McpServer(server) as running:
        yield running


def discover(
    http: Transport, server_url: str, named: str | None = None, **more: list[str]
) -> tuple[ProtectedResourceMetadata | None, AuthorizationServerMetadata, list[str]]:
    trace = Trace()
    resource = find_resource_metadata(http, server_url, named=named, trace=trace)
    return resource, find_server(http, server_url, resource, trace=trace, **more), trace.lines


def asked(origin: Origin) -> list[str]:
    return [exchange.path for exchange in origin.log]


# The challenge


def test_a_challenge_is_asked_for_once_without_a_token(http: Transport, mcp: McpServer) -> None:
    mcp.challenge_scope = "a b"
    challenge = fetch_challenge(http, mcp.mcp_url)
    assert challenge is not None
    assert (challenge.resource_metadata, challenge.scopes) == (mcp.prm_url, ("a", "b"))
    assert mcp.tokens_seen == [None]
    assert mcp.violations == []


def test_several_header_lines_are_one_list(http: Transport, mcp: McpServer) -> None:
    mcp.challenge_headers = ["Negotiate", 'Basic realm="a, b"', f'Bearer resource_metadata="{mcp.prm_url}"']
    challenge = fetch_challenge(http, mcp.mcp_url)
    assert challenge is not None
    assert challenge.resource_metadata == mcp.prm_url


def test_a_401_without_a_challenge_is_an_empty_challenge(http: Transport, mcp: McpServer) -> None:
    mcp.challenge = ABSENT
    challenge = fetch_challenge(http, mcp.mcp_url)
    assert challenge is not None
    assert challenge.resource_metadata is None


def test_a_server_that_wants_no_token_gives_no_challenge(http: Transport, mcp: McpServer) -> None:
    mcp.open = True
    assert fetch_challenge(http, mcp.mcp_url) is None
    assert len(mcp.log) == 1


def test_a_server_that_does_not_answer_is_an_error_with_its_url(http: Transport, mcp: McpServer) -> None:
    mcp.fault("/mcp", reset())
    with pytest.raises(DiscoveryError, match="did not answer") as failed:
        fetch_challenge(http, mcp.mcp_url + "?key=canary")
    assert "canary" not in failed.value.message
    assert failed.value.hint


# The way


@pytest.mark.parametrize("named", [True, False])
def test_two_documents_take_two_requests(
    http: Transport, server: AuthorizationServer, mcp: McpServer, named: bool
) -> None:
    resource, found, lines = discover(http, mcp.mcp_url, mcp.prm_url if named else None)
    assert resource is not None
    assert (resource.resource, found.issuer) == (mcp.mcp_url, server.issuer)
    assert asked(mcp) == [mcp.prm_paths["path"]]
    assert asked(server) == [server.well_knowns["oauth"]]
    assert lines == [f"{mcp.prm_url}: HTTP 200", f"{server.url}{server.well_knowns['oauth']}: HTTP 200"]
    assert server.violations + mcp.violations == []


def test_openid_discovery_is_as_good(http: Transport, server: AuthorizationServer, mcp: McpServer) -> None:
    server.serve_at = {"oidc"}
    assert discover(http, mcp.mcp_url)[1].issuer == server.issuer
    assert asked(server) == [server.well_knowns["oauth"], server.well_knowns["oidc"]]


def test_the_first_server_named_is_taken_unless_we_are_known_at_another(
    http: Transport, server: AuthorizationServer, mcp: McpServer
) -> None:
    with AuthorizationServer() as other:
        mcp.authorization_servers = [server.issuer, other.issuer]
        assert discover(http, mcp.mcp_url)[1].issuer == server.issuer
        assert discover(http, mcp.mcp_url, prefer=["https://unknown.example", other.issuer])[1].issuer == other.issuer
        assert discover(http, mcp.mcp_url, prefer=[other.issuer + "/"])[1].issuer == server.issuer


@pytest.mark.parametrize("slash_in", ["resource", "server"])
def test_a_slash_that_is_the_whole_path_makes_no_other_issuer(
    http: Transport, server: AuthorizationServer, mcp: McpServer, slash_in: str
) -> None:
    if slash_in == "resource":
        mcp.authorization_servers = [server.issuer + "/"]
    else:
        server.metadata_overrides = {"issuer": server.issuer + "/"}
    published = server.metadata()["issuer"]
    assert discover(http, mcp.mcp_url)[1].issuer == published, "as published: redirects are compared with it"


# What is no fallback


@pytest.mark.parametrize("issuer", ["https://evil.example.com", "{issuer}/tenant", "{issuer}/x/.."])
def test_metadata_of_another_issuer_is_an_error(
    http: Transport, server: AuthorizationServer, mcp: McpServer, issuer: str
) -> None:
    server.metadata_overrides = {"issuer": issuer.format(issuer=server.issuer)}
    with pytest.raises(MetadataMismatchError) as refused:
        discover(http, mcp.mcp_url)
    assert refused.value.expected == server.issuer
    assert refused.value.received == issuer.format(issuer=server.issuer)
    assert len(server.log) == 1


@pytest.mark.parametrize("resource", ["https://evil.example.com/mcp", "{url}/mc", "{url}/mcp/deeper", "{url}/other"])
def test_metadata_about_another_resource_is_an_error_and_no_authorization_server_hears_of_it(
    http: Transport, server: AuthorizationServer, mcp: McpServer, resource: str
) -> None:
    mcp.prm_overrides = {"resource": resource.format(url=mcp.url)}
    with pytest.raises(MetadataMismatchError):
        discover(http, mcp.mcp_url)
    assert server.log == []
    assert len(mcp.log) == 1


@pytest.mark.parametrize("servers", [[], None])
def test_metadata_that_names_no_authorization_server_is_an_error(
    http: Transport, server: AuthorizationServer, mcp: McpServer, servers: list[str] | None
) -> None:
    mcp.prm_overrides = {"authorization_servers": servers}
    with pytest.raises(DiscoveryError, match="names no authorization server") as refused:
        discover(http, mcp.mcp_url)
    assert refused.value.tried == (f"{mcp.prm_url}: HTTP 200",)
    assert server.log == []


def test_a_named_authorization_server_without_metadata_is_an_error_that_lists_every_url(
    http: Transport, server: AuthorizationServer, mcp: McpServer
) -> None:
    server.serve_at = set()
    server.fault(server.well_knowns["oidc"], html(403))
    with pytest.raises(DiscoveryError, match="publishes no authorization server metadata") as refused:
        discover(http, mcp.mcp_url)
    assert refused.value.url == server.issuer
    lines = str(refused.value).splitlines()
    assert lines[1] == f"  tried {mcp.prm_url}: HTTP 200"
    assert lines[2].startswith(f"  tried {server.url}{server.well_knowns['oauth']}: HTTP 404, an HTML page")
    assert lines[3].startswith(f"  tried {server.url}{server.well_knowns['oidc']}: HTTP 403, an HTML page")
    assert lines[4].startswith("Hint: ")
    assert "/authorize" not in asked(server)


@pytest.mark.parametrize("issuer", ["http://as.example.com", "javascript:alert(1)", "", "https://u:p@as.example.com"])
def test_an_authorization_server_that_may_not_be_contacted_is_refused(
    http: Transport, mcp: McpServer, issuer: str
) -> None:
    mcp.authorization_servers = [issuer]
    with pytest.raises(InsecureURLError, match="issuer"):
        discover(http, mcp.mcp_url)


def test_a_metadata_document_does_not_send_us_elsewhere(
    http: Transport, server: AuthorizationServer, mcp: McpServer
) -> None:
    with Origin() as elsewhere:
        server.fault("*", redirect_to(f"{elsewhere.url}/"))
        with pytest.raises(DiscoveryError):
            discover(http, mcp.mcp_url)
        mcp.fault(mcp.prm_paths["path"], redirect_to(f"{elsewhere.url}/", 308))
        with pytest.raises(DiscoveryError):
            discover(http, mcp.mcp_url, mcp.prm_url)
        assert elsewhere.connections == 0


# Servers of 2025-03-26


def test_without_resource_metadata_the_servers_own_origin_is_its_authorization_server(http: Transport) -> None:
    with CombinedServer() as combined:
        resource, found, _ = discover(http, combined.mcp_url)
        assert resource is None
        assert (found.issuer, found.published) == (combined.url, True)
        assert asked(combined) == [
            combined.prm_paths["path"],
            combined.prm_paths["root"],
            combined.well_knowns["oauth"],
        ]
        assert combined.violations == []


def test_without_any_metadata_the_default_endpoints_of_the_origin_are_taken(http: Transport) -> None:
    with CombinedServer(serve_as_metadata=False) as combined:
        _, found, lines = discover(http, combined.mcp_url)
        assert not found.published
        assert found.authorization_endpoint == f"{combined.url}/authorize"
        assert found.token_endpoint == f"{combined.url}/token"
        assert found.registration_endpoint == f"{combined.url}/register"
        assert len(lines) == 4
        assert all("HTTP 404" in line for line in lines)


@pytest.mark.parametrize("fault", [reply(500), reply(429), reset()], ids=lambda fault: fault.name)
def test_a_failing_server_is_not_taken_for_one_without_metadata(http: Transport, fault: object) -> None:
    with CombinedServer() as combined:
        combined.fault(combined.well_knowns["oauth"], fault)  # type: ignore[arg-type]
        with pytest.raises(DiscoveryError, match="could not be fetched") as failed:
            discover(http, combined.mcp_url)
        assert "try again" in (failed.value.hint or "")


def test_invalid_metadata_of_the_origin_does_not_lead_to_the_default_endpoints(http: Transport) -> None:
    with CombinedServer() as combined:
        for issuer in (ABSENT, None, "https://evil.example.com"):
            combined.metadata_overrides = {"issuer": issuer}
            with pytest.raises(DiscoveryError):
                discover(http, combined.mcp_url)


# The resource


@pytest.mark.parametrize("resource", ["https://h", "https://h/", "https://h/mcp", "HTTPS://h/mcp/"])
def test_the_resource_is_what_is_published_to_the_letter(resource: str) -> None:
    published = ProtectedResourceMetadata(resource=resource)
    assert choose_resource("https://h/mcp?project=1", published) == resource


def test_without_metadata_the_resource_is_the_canonical_url(http: Transport) -> None:
    assert choose_resource("HTTPS://H:443/mcp/?project=1", None) == "https://h/mcp"
    assert choose_resource("https://h", None) == "https://h"


def test_a_query_in_the_servers_url_does_not_hide_its_metadata(http: Transport, mcp: McpServer) -> None:
    url = mcp.mcp_url + "?project=1"
    resource, _, _ = discover(http, url)
    assert choose_resource(url, resource) == mcp.mcp_url
    assert asked(mcp) == [mcp.prm_paths["path"]]

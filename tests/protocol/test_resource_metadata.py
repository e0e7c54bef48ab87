"""Protected resource metadata: looked for in order, and only taken when it is about our server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from mcp_oauth_sync.exceptions import DiscoveryError, InsecureURLError, MetadataMismatchError
from mcp_oauth_sync.protocol.documents import Trace
from mcp_oauth_sync.protocol.resource_metadata import fetch_resource_metadata, read_resource_metadata
from mcp_oauth_sync.protocol.transport import Transport

from ..servers import (
    ABSENT,
    AuthorizationServer,
    Fault,
    McpServer,
    Origin,
    bom_of_normal,
    gzip_of_normal,
    html,
    redirect_to,
    reply,
    reset,
)

SERVER_URL = "https://mcp.example.com/mcp"
URL = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"


@pytest.fixture
def mcp(server: AuthorizationServer) -> Iterator[McpServer]:
    with McpServer(server) as running:
        yield running


def paths(origin: Origin) -> list[str]:
    return [exchange.path for exchange in origin.log]


def read(resource: object) -> str:
    document = {"resource": resource, "authorization_servers": ["https://as.example.com"]}
    return read_resource_metadata(document, server_url=SERVER_URL, url=URL, trace=Trace()).resource


@pytest.mark.parametrize(
    "resource",
    [
        SERVER_URL,
        SERVER_URL + "/",
        "https://mcp.example.com",
        "https://mcp.example.com/",
        "HTTPS://mcp.example.com/mcp",
    ],
)
def test_what_is_published_is_kept_to_the_letter(resource: str) -> None:
    assert read(resource) == resource


@pytest.mark.parametrize(
    "resource",
    [
        "https://mcp.example.com/mc",
        "https://mcp.example.com/mcp/deeper",
        "https://mcp.example.com/other",
        "http://mcp.example.com/mcp",
        "https://evil.example.com/mcp",
        "https://mcp.example.com:8443/mcp",
        "https://mcp.example.com/mcp#x",
        "urn:mcp",
    ],
)
def test_a_document_about_something_else_is_refused_with_both_values_and_where_it_came_from(resource: str) -> None:
    with pytest.raises(MetadataMismatchError) as refused:
        read(resource)
    error = refused.value
    assert (error.expected, error.received, error.url) == (SERVER_URL, resource, URL)
    assert all(part in error.message for part in (SERVER_URL, resource, URL))
    assert error.hint


@pytest.mark.parametrize("resource", [None, "", 5, ["x"], "\ud800"])
def test_a_document_without_a_resource_is_malformed(resource: object) -> None:
    with pytest.raises(DiscoveryError, match=r"malformed.*'resource'") as refused:
        read(resource)
    assert not isinstance(refused.value, MetadataMismatchError)


def test_hostile_text_in_a_document_is_made_printable() -> None:
    with pytest.raises(MetadataMismatchError) as refused:
        read("https://evil.example.com/\x1b[2J\n" + "x" * 5000)
    assert refused.value.received is not None
    assert refused.value.received.isprintable()
    assert len(refused.value.received) <= 200


def test_the_document_named_by_the_challenge_is_the_only_one_asked_for(http: Transport, mcp: McpServer) -> None:
    mcp.prm_at = {"custom", "path", "root"}
    metadata = fetch_resource_metadata(http, mcp.mcp_url, named=mcp.prm_url, trace=Trace())
    assert metadata is not None
    assert metadata.resource == mcp.mcp_url
    assert paths(mcp) == [mcp.prm_paths["custom"]]
    assert mcp.violations == []


@pytest.mark.parametrize(
    "fault", [reply(404), html(200), reply(200, []), reply(200, {}), redirect_to("/")], ids=lambda f: f.name
)
def test_a_named_document_that_is_not_there_is_an_error_and_nothing_else_is_tried(
    http: Transport, mcp: McpServer, fault: Fault
) -> None:
    mcp.prm_at = {"custom", "path", "root"}
    mcp.fault(mcp.prm_paths["custom"], fault)
    trace = Trace()
    with pytest.raises(DiscoveryError, match="but there is none") as refused:
        fetch_resource_metadata(http, mcp.mcp_url, named=mcp.prm_url, trace=trace)
    assert mcp.prm_paths["path"] not in paths(mcp)
    assert refused.value.tried == tuple(trace.lines)
    assert refused.value.url == mcp.prm_url


@pytest.mark.parametrize(
    "named",
    [
        "http://evil.example.com/x",
        "file:///etc/passwd",
        "https://user:pass@evil.example.com/",
        "/relative",
        "https://h/#x",
        "https://h/\n",
    ],
)
def test_a_named_url_that_may_not_be_contacted_is_refused_and_nothing_is_sent(
    http: Transport, mcp: McpServer, named: str
) -> None:
    with pytest.raises(InsecureURLError):
        fetch_resource_metadata(http, mcp.mcp_url, named=named, trace=Trace())
    assert mcp.log == []


def test_a_challenge_from_elsewhere_cannot_send_us_to_this_machine(
    session: requests.Session, elsewhere: Origin
) -> None:
    http = Transport(session=session, allow_loopback=False)
    with pytest.raises(InsecureURLError, match="this machine"):
        fetch_resource_metadata(http, SERVER_URL, named=f"{elsewhere.url}/admin", trace=Trace())


def test_without_a_name_the_path_is_asked_first_and_the_root_not_at_all(http: Transport, mcp: McpServer) -> None:
    mcp.prm_at = {"path", "root"}
    metadata = fetch_resource_metadata(http, mcp.mcp_url, named=None, trace=Trace())
    assert metadata is not None
    assert metadata.resource == mcp.mcp_url
    assert paths(mcp) == [mcp.prm_paths["path"]]
    assert mcp.violations == []


def test_the_root_is_asked_second_and_its_resource_is_the_origin_without_a_slash(
    http: Transport, mcp: McpServer
) -> None:
    mcp.prm_at = {"root"}
    metadata = fetch_resource_metadata(http, mcp.mcp_url, named=None, trace=Trace())
    assert metadata is not None
    assert metadata.resource == mcp.url
    assert paths(mcp) == [mcp.prm_paths["path"], mcp.prm_paths["root"]]


MISSES = [reply(404), reply(401), html(403), html(200), reply(200, []), redirect_to("https://cdn.example.com/x")]


@pytest.mark.parametrize("fault", MISSES, ids=lambda fault: fault.name)
def test_a_miss_at_the_path_leads_to_the_root(http: Transport, mcp: McpServer, fault: Fault) -> None:
    mcp.prm_at = {"path", "root"}
    mcp.fault(mcp.prm_paths["path"], fault)
    metadata = fetch_resource_metadata(http, mcp.mcp_url, named=None, trace=Trace())
    assert metadata is not None
    assert metadata.resource == mcp.url
    assert mcp.violations == []


@pytest.mark.parametrize("fault", MISSES, ids=lambda fault: fault.name)
def test_a_miss_at_both_places_means_there_is_none(http: Transport, mcp: McpServer, fault: Fault) -> None:
    trace = Trace()
    mcp.fault(mcp.prm_paths["path"], fault)
    mcp.fault(mcp.prm_paths["root"], fault)
    assert fetch_resource_metadata(http, mcp.mcp_url, named=None, trace=trace) is None
    assert [line.split(": ")[0] for line in trace.lines] == [mcp.url + mcp.prm_paths[at] for at in ("path", "root")]


@pytest.mark.parametrize("place", ["path", "root"])
@pytest.mark.parametrize("fault", [gzip_of_normal(), bom_of_normal()], ids=lambda fault: fault.name)
def test_packing_and_byte_order_marks_are_no_miss(http: Transport, mcp: McpServer, fault: Fault, place: str) -> None:
    mcp.prm_at = {place}
    mcp.fault(mcp.prm_paths[place], fault)
    assert fetch_resource_metadata(http, mcp.mcp_url, named=None, trace=Trace()) is not None
    assert paths(mcp)[-1] == mcp.prm_paths[place]


@pytest.mark.parametrize("fault", [reply(500), reply(503), reply(429), reset()], ids=lambda fault: fault.name)
def test_a_failing_path_is_not_taken_for_an_absent_one(http: Transport, mcp: McpServer, fault: Fault) -> None:
    mcp.prm_at = {"path", "root"}
    mcp.fault(mcp.prm_paths["path"], fault)
    with pytest.raises(DiscoveryError, match="could not be fetched"):
        fetch_resource_metadata(http, mcp.mcp_url, named=None, trace=Trace())
    assert mcp.prm_paths["root"] not in paths(mcp)


@pytest.mark.parametrize(
    ("overrides", "kind"),
    [
        ({"resource": "https://evil.example.com/mcp"}, MetadataMismatchError),
        ({"resource": 5}, DiscoveryError),
        ({"resource": ABSENT}, DiscoveryError),
        ({"authorization_servers": "https://as"}, DiscoveryError),
    ],
)
def test_an_invalid_document_is_an_error_and_no_reason_to_look_elsewhere(
    http: Transport, mcp: McpServer, overrides: dict[str, object], kind: type[DiscoveryError]
) -> None:
    mcp.prm_at = {"path", "root"}
    mcp.prm_overrides = overrides
    with pytest.raises(DiscoveryError) as refused:
        fetch_resource_metadata(http, mcp.mcp_url, named=None, trace=Trace())
    assert type(refused.value) is kind
    assert paths(mcp) == [mcp.prm_paths["path"]]

"""Telling a document that is there from one that is not, and from one that cannot be known."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_oauth_sync.exceptions import DiscoveryError, InsecureURLError
from mcp_oauth_sync.protocol.documents import Trace, fetch_document
from mcp_oauth_sync.protocol.transport import Transport

from ..servers import Fault, Origin, bom_of_normal, gzip_of_normal, html, json_reply, redirect_to, reply, reset

DOCUMENT = {"issuer": "https://as", "x": [1]}


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        running.route("GET", "/document", lambda exchange: json_reply(DOCUMENT))
        yield running


def fetch(http: Transport, origin: Origin, trace: Trace) -> object:
    return fetch_document(
        http, f"{origin.url}/document?key=canary", what="metadata", marks=("issuer", "token_endpoint"), trace=trace
    )


@pytest.mark.parametrize(
    "fault", [gzip_of_normal(), bom_of_normal(), reply(200, DOCUMENT, content_type="text/html")], ids=lambda f: f.name
)
def test_a_document_is_there_however_it_is_wrapped(http: Transport, origin: Origin, fault: Fault) -> None:
    trace = Trace()
    origin.fault("/document", fault)
    assert fetch(http, origin, trace) == DOCUMENT
    assert trace.lines == [f"{origin.url}/document: HTTP 200"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (reply(404, b"", content_type=""), "HTTP 404"),
        (reply(401, {"error": "invalid_token"}), "HTTP 401 (invalid_token)"),
        (html(403), "HTTP 403, an HTML page titled 'Attention Required | Example Gateway' from example-gateway"),
        (reply(400, {"issuer": "https://as"}), "HTTP 400"),
        (reply(410, b"x", [("Content-Encoding", "br")]), "HTTP 410"),
        (html(200), "HTTP 200, an HTML page"),
        (reply(200, []), "HTTP 200, no JSON"),
        (reply(200, b"null"), "HTTP 200, no JSON"),
        (reply(200, {"message": "not found"}), "HTTP 200"),
        (reply(204), "HTTP 204"),
        (redirect_to("https://elsewhere.example.com/"), "HTTP 302"),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_a_document_is_absent_when_what_is_there_is_something_else(
    http: Transport, origin: Origin, fault: Fault, said: str
) -> None:
    trace = Trace()
    origin.fault("/document", fault)
    assert fetch(http, origin, trace) is None
    assert len(trace.lines) == 1
    assert trace.lines[0].startswith(f"{origin.url}/document: {said}")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 530])
def test_whether_it_is_there_is_unknown_while_the_server_fails(http: Transport, origin: Origin, status: int) -> None:
    trace = Trace()
    origin.fault("/document", reply(status, {"issuer": "https://as"}))
    with pytest.raises(DiscoveryError, match=f"HTTP {status}") as unknown:
        fetch(http, origin, trace)
    assert unknown.value.tried == tuple(trace.lines) == (f"{origin.url}/document: HTTP {status}",)
    assert "try again" in (unknown.value.hint or "")
    assert "canary" not in str(unknown.value)


def test_whether_it_is_there_is_unknown_while_the_network_fails(http: Transport, origin: Origin) -> None:
    trace = Trace()
    origin.fault("/document", reset())
    with pytest.raises(DiscoveryError, match="could not be fetched"):
        fetch(http, origin, trace)
    assert len(trace.lines) == 1


@pytest.mark.parametrize("member", ["issuer", "token_endpoint"])
def test_any_of_its_members_makes_it_such_a_document(http: Transport, origin: Origin, member: str) -> None:
    origin.fault("/document", reply(200, {member: None}))
    assert fetch(http, origin, Trace()) == {member: None}


def test_a_url_that_may_not_be_contacted_is_refused(http: Transport) -> None:
    with pytest.raises(InsecureURLError, match="metadata"):
        fetch_document(http, "http://h.example.com/", what="metadata", marks=("issuer",), trace=Trace())

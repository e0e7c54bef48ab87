"""Where the browser is to come back to: what is sent, what is listened on, and what is registered."""

from __future__ import annotations

import pytest

from mcp_oauth_sync.exceptions import InsecureURLError
from mcp_oauth_sync.models.callback import Callback

LOOPBACK = "http://127.0.0.1:8765/callback"


def told(callback: Callback) -> tuple[object, ...]:
    return callback.redirect_uri, callback.ports, callback.exact, callback.fixed, callback.bind


@pytest.mark.parametrize(
    ("uri", "exact", "ports", "kept"),
    [
        (LOOPBACK, False, (8765,), False),
        (LOOPBACK, True, (8765,), True),
        ("http://127.0.0.1/callback", False, (0,), False),
        ("http://127.0.0.1/callback", True, (0,), False),
        ("http://[::1]:0/callback", True, (0,), False),
    ],
)
def test_a_redirect_is_listened_for_at_its_own_port(uri: str, exact: bool, ports: tuple[int, ...], kept: bool) -> None:
    assert told(Callback.at(uri, exact=exact)) == (uri, ports, kept, False, None)


@pytest.mark.parametrize(
    ("uri", "ports", "bind", "expected"),
    [
        (LOOPBACK, (), None, ((8765,), True, True, None)),
        (LOOPBACK, (9000, 9001), None, ((9000, 9001), True, True, None)),
        (LOOPBACK, (), "0.0.0.0", ((8765,), True, True, "0.0.0.0")),
        ("http://127.0.0.1/callback", (), None, ((0,), False, False, None)),
        ("http://127.0.0.1:0/callback", (), None, ((0,), False, False, None)),
        ("http://localhost/callback", (9000,), "127.0.0.1", ((9000,), True, False, "127.0.0.1")),
        ("https://app.example.com/callback", (), None, ((), True, True, None)),
        ("https://app.example.com/callback", (9000,), "0.0.0.0", ((9000,), True, True, "0.0.0.0")),
        ("myapp:/callback", (), None, ((), True, True, None)),
    ],
)
def test_a_redirect_that_was_spelled_out_is_left_as_it_is(
    uri: str, ports: tuple[int, ...], bind: str | None, expected: tuple[object, ...]
) -> None:
    assert told(Callback.wanted(uri, ports, bind)) == (uri, *expected)


@pytest.mark.parametrize("uri", ["http://app.example.com/callback", "javascript:alert", "https://h:0/", "", "x"])
def test_a_redirect_that_others_could_receive_is_refused(uri: str) -> None:
    with pytest.raises(InsecureURLError, match="redirect URI"):
        Callback.wanted(uri)


@pytest.mark.parametrize(
    ("callback", "port", "uri"),
    [
        (Callback.at(LOOPBACK), 9000, "http://127.0.0.1:9000/callback"),
        (Callback.at(LOOPBACK), 0, "http://127.0.0.1/callback"),
        (Callback.at("http://[::1]"), 9000, "http://[::1]:9000/"),
        (Callback.at("http://localhost?a=b"), 0, "http://localhost/?a=b"),
        (Callback.wanted(LOOPBACK), 9000, LOOPBACK),
        (Callback.wanted("myapp:/callback"), 9000, "myapp:/callback"),
        (Callback(redirect_uri="https://app.example.com/"), 9000, "https://app.example.com/"),
    ],
)
def test_the_port_that_is_bound_is_sent_unless_something_in_between_forwards_it(
    callback: Callback, port: int, uri: str
) -> None:
    assert callback.uri_at(port) == uri


def test_who_does_not_listen_sends_the_first_port_or_none() -> None:
    assert Callback(redirect_uri="http://127.0.0.1/", ports=(9001, 9000)).unbound == "http://127.0.0.1:9001/"
    assert Callback(redirect_uri="http://127.0.0.1:1/").unbound == "http://127.0.0.1/"


def test_a_port_is_listed_once_where_it_came_first() -> None:
    assert Callback(redirect_uri=LOOPBACK, ports=(2, 1, 2, 0, 1)).ports == (2, 1, 0)


def test_all_ports_are_registered_that_may_be_bound_the_bound_one_first() -> None:
    exact = Callback(redirect_uri="http://127.0.0.1/", ports=(1, 2, 0, 3), exact=True)
    assert exact.uris("http://127.0.0.1:2/") == tuple(f"http://127.0.0.1:{port}/" for port in (2, 1, 3))
    assert Callback(redirect_uri="http://127.0.0.1/", ports=(1, 2)).uris("x") == ("x",)


KNOWN = ("http://127.0.0.1:2/cb", "http://127.0.0.1:9/cb", "http://127.0.0.1:3/other", "https://h:4/cb", "myapp:/cb")


def test_ports_that_a_server_knows_come_first() -> None:
    callback = Callback(redirect_uri="http://127.0.0.1:7/cb", ports=(1, 2))
    assert callback.preferring(KNOWN).ports == (2, 9, 1)
    assert callback.preferring(["http://127.0.0.1/cb"]).ports == (0, 1, 2)
    assert callback.preferring([]) == callback


def test_of_exact_ports_none_is_added() -> None:
    callback = Callback(redirect_uri="http://127.0.0.1/cb", ports=(1, 2), exact=True)
    assert callback.preferring(KNOWN).ports == (2, 1)


def test_a_redirect_that_is_forwarded_prefers_nothing() -> None:
    callback = Callback(redirect_uri="http://127.0.0.1:7/cb", ports=(1, 2), fixed=True)
    assert callback.preferring(KNOWN) is callback

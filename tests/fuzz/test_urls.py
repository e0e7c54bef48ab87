"""What may be contacted means the same host to everybody who is given it: requests, urllib3, a browser."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
import requests
import urllib3.util
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_oauth_sync.exceptions import InsecureURLError
from mcp_oauth_sync.urls import (
    canonical_resource,
    covers,
    is_loopback,
    loopback_host,
    origin,
    portless,
    require_redirect,
    require_secure,
    same_origin,
    well_known,
    with_query,
    without_query,
)

from .inputs import quick

SCHEMES = st.sampled_from(["https", "http", "HTTPS", "Http", "https:", "", "ftp", "javascript", "ws", "h\u017fttps"])
SLASHES = st.sampled_from(["://", "://", "://", ":", ":/", ":///", "//", ":\\\\", "://\\", "%3a//"])
HOSTS = st.sampled_from(
    [
        *("as.example.com", "AS.Example.COM", "127.0.0.1", "127.1", "0x7f.1", "2130706433", "localhost", "LOCALHOST."),
        *("[::1]", "[::ffff:127.0.0.1]", "[::1%25lo]", "[::1", "::1", "[127.0.0.1]", "0", "0.0.0.0", "a.localhost"),
        *(
            "127.0.0.1.example.com",
            "localhost.example.com",
            "xn--bcher-kva.example",
            "bücher.example",
            "\uff41.example",
        ),
        *("evil.example\\@as.example.com", "as.example.com%2f.evil.example", "as.example.com%00", "as_1.example.com"),
        *(
            "127.0.0.1\u3002",
            "1\u0662\u0667.0.0.1",
            "as.example.com\t",
            "ⓛocalhost",
            "127\u30020\u30020\u30021",
            "as..com",
            "-",
            "%31",
        ),
    ]
) | st.text("abz019.-_:[]@%\\", max_size=12)
USERS = st.sampled_from(["", "", "", "user@", "user:pass@", "@", "a@b@", "as.example.com:443@", "x\\@", "%40"])
PORTS = st.sampled_from(
    ["", "", ":443", ":80", ":8443", ":", ":0", ":65536", ":-1", ":+80", ":\uff18\uff10", ":80a", ": 80", ":080"]
)
PATHS = st.sampled_from(["", "/", "/mcp", "/a/../b", "/%2e%2e/x", "//x", "/\\x", "/@evil.example", ";x", "/a;b"])
TAILS = st.sampled_from(["", "?", "?a=b", "?@evil.example/", "#", "#x", "?a#b", "\\", "\n", " ", "\x00", "?\u2028"])
URLS = st.builds("{}{}{}{}{}{}{}".format, SCHEMES, SLASHES, USERS, HOSTS, PORTS, PATHS, TAILS) | st.text(max_size=30)


def as_a_browser(url: str) -> tuple[str, str]:
    """Return scheme and authority as the URL standard of browsers finds them: slashes of both kinds, any number."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.\-]*):[/\\]*([^/\\?#]*)", re.sub(r"[\t\n\r]", "", url.strip("\0 ")))
    assert found
    return found[1].lower(), found[2].rpartition("@")[2].lower()


@quick
@given(URLS, st.booleans())
@example("https://as.example.com\\@evil.example/", True)
@example("https://as.example.com:443@evil.example/", True)
@example("https:as.example.com", True)
@example("https://[::1]:8443/x", True)
def test_whatever_is_let_through_is_the_same_host_to_everybody(url: str, allowed: bool) -> None:
    try:
        parts = require_secure(url, "endpoint", allow_loopback=allowed)
    except InsecureURLError:
        return
    host, port = parts.hostname, parts.port
    assert host
    theirs = urllib3.util.parse_url(url)
    assert ((theirs.scheme or "").lower(), (theirs.host or "").strip("[]").lower()) == (parts.scheme, host.lower())
    assert theirs.port == port
    assert theirs.auth is None
    sent = requests.Request("GET", url).prepare().url
    assert sent
    assert same_origin(sent, url)
    assert urlsplit(sent).hostname == host
    assert as_a_browser(url) == (parts.scheme, parts.netloc.lower())
    assert parts.scheme == "https" or (allowed and is_loopback(host))
    assert allowed or not is_loopback(host)


@quick
@given(URLS)
def test_a_redirect_is_https_or_of_this_machine_or_of_nobody_else(uri: str) -> None:
    try:
        require_redirect(uri)
    except InsecureURLError:
        return
    scheme = uri.partition(":")[0].lower()
    assert scheme != "javascript"
    if scheme in ("http", "https"):
        assert urllib3.util.parse_url(uri).scheme == scheme
        assert scheme == "https" or loopback_host(uri)
    assert uri.isascii()
    assert uri.isprintable()


@quick
@given(URLS, URLS)
def test_equal_origins_are_those_that_requests_would_dial(one: str, other: str) -> None:
    try:
        dialled = [urllib3.util.parse_url(require_secure(url, "endpoint").geturl()) for url in (one, other)]
    except InsecureURLError:
        return
    default = {"https": 443, "http": 80}
    places = [(url.scheme, (url.host or "").lower(), url.port or default[str(url.scheme)]) for url in dialled]
    assert same_origin(one, other) is (places[0] == places[1])


@quick
@given(URLS)
def test_what_is_made_of_a_url_stays_on_its_host(url: str) -> None:
    try:
        require_secure(url, "endpoint")
    except InsecureURLError:
        return
    assert origin(origin(url)) == origin(url)
    resource = canonical_resource(url)
    assert canonical_resource(resource) == resource
    assert covers(resource, url)
    assert covers(origin(url), url)
    made = [resource, well_known(url, "oauth-protected-resource"), with_query(url, "a=b"), without_query(url)]
    assert [same_origin(each, url) for each in made] == [True] * len(made)
    assert require_secure(with_query(url, "a=b"), "endpoint").query.endswith("a=b")


@quick
@given(URLS, st.sampled_from(["", "/", "?x", "?", "/.."]) | PATHS, st.sampled_from(["", "/", "x", "/x", "#"]), URLS)
def test_who_stands_for_another_is_on_its_host_and_above_it(url: str, end: str, more: str, another: str) -> None:
    resource, url = url + end, url + more
    if not covers(resource, url):
        resource = another
    if not covers(resource, url):
        return
    theirs, ours = urlsplit(resource), urlsplit(url)
    assert (theirs.scheme, theirs.hostname) == (ours.scheme, ours.hostname)
    segments = [part.path.rstrip("/").split("/") for part in (theirs, ours)]
    assert segments[1][: len(segments[0])] == segments[0]


@quick
@given(URLS)
def test_a_port_is_taken_from_what_is_listened_for_here_only(url: str) -> None:
    bare = portless(url)
    assert portless(bare) == bare
    if bare != url:
        assert loopback_host(url)
        assert loopback_host(bare) == loopback_host(url)


@quick
@given(
    st.sampled_from(["https", "http", "ftp", "myapp"]),
    st.text("hunter2%!'()*~", min_size=1, max_size=20),
    st.sampled_from(["", "@", ":", "/", "?", "#", "%2f", "\\", "[", " "]),
    HOSTS,
    PORTS,
    st.sampled_from(["", "/", "/p", "/p@q"]),
)
def test_a_password_and_a_query_are_never_shown(
    scheme: str, name: str, within: str, host: str, port: str, path: str
) -> None:
    url = f"{scheme}://{name}:canary-{within}password@{host}{port}{path}?code=canary-query#canary-fragment"
    assert "canary" not in without_query(url)
    with pytest.raises(InsecureURLError) as refused:
        require_secure(url, "endpoint")
    assert "canary" not in str(refused.value)

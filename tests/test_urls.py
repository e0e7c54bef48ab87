"""Which URLs may be contacted or opened, what equals what, and where well-known documents live."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
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
    shown_url,
    well_known,
    with_query,
    without_query,
)

MCP = "https://mcp.example.com/mcp"
fuzz = settings(max_examples=300, derandomize=True, deadline=None, database=None)


@pytest.mark.parametrize(
    "url",
    [
        "https://as.example.com",
        "https://as.example.com:8443/a/b?tenant=1&x=%20",
        "HTTPS://AS.Example.COM/authorize",
        "https://xn--bcher-kva.example/token",
        "https://192.0.2.7/token",
        "https://[2001:db8::7]/token",
        "https://as.example.com./token",
        "https://as_1.example.com/token",
        "http://127.0.0.1:8000/callback",
        "http://127.8.8.8/callback",
        "http://[::1]:8000/callback",
        "http://localhost:8000/callback",
        "http://LOCALHOST/callback",
    ],
)
def test_https_and_the_loopback_may_be_contacted(url: str) -> None:
    assert require_secure(url, "endpoint").scheme in ("http", "https")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://as.example.com/token", "not https"),
        ("http://192.168.1.1/token", "not https"),
        ("http://localhost.example.com/token", "not https"),
        ("http://127.0.0.1.example.com/token", "not https"),
        ("http://0.0.0.0/token", "not https"),
        ("http://127.1/token", "not https"),
        ("http://2130706433/token", "not https"),
        ("http://[::ffff:127.0.0.1]/token", "not https"),
        ("javascript:alert(1)", "characters"),
        ("javascript:alert", "not an absolute http"),
        ("data:text/html,hello", "not an absolute http"),
        ("vbscript:x", "not an absolute http"),
        ("file:///etc/passwd", "not an absolute http"),
        ("smb://host/share", "not an absolute http"),
        ("ftp://as.example.com/", "not an absolute http"),
        ("--new-window", "not an absolute http"),
        ("-https://as.example.com/", "not an absolute http"),
        ("%action--gpu-launcher=calc", "not an absolute http"),
        ("//as.example.com/token", "not an absolute http"),
        ("as.example.com/token", "not an absolute http"),
        ("https:as.example.com", "not an absolute http"),
        ("https://", "not an absolute http"),
        ("https:///token", "not an absolute http"),
        ("https://-as.example.com/", "not an absolute http"),
        ("https://as..example.com/", "not an absolute http"),
        ("https://.example.com/", "not an absolute http"),
        ("https://" + "a" * 64 + ".example.com/", "not an absolute http"),
        ("https://" + "a.b" * 100 + "/", "not an absolute http"),
        ("https://a~b.example.com/", "not an absolute http"),
        ("https://[fe80::1%25eth0]/", "not an absolute http"),
        ("https://[v1.fe80::a]/", "not an absolute http"),
        ("", "characters"),
        (" https://as.example.com/", "characters"),
        ("https://as.example.com/\n", "characters"),
        ("https://as.example.com/\r\nHost: evil", "characters"),
        ("https://as.example.com/\x00", "characters"),
        ("https://as.example.com/\x1b[2J", "characters"),
        ("ht\ttps://as.example.com/", "characters"),
        ("https://as.example.com\\@evil.example.com/", "characters"),
        ("https://as.example.com/$(calc)", "characters"),
        ("https://as.example.com/`calc`", "characters"),
        ("https://as.example.com/;calc", "characters"),
        ("https://as.example.com/|calc", "characters"),
        ("https://as.example.com/'calc'", "characters"),
        ('https://as.example.com/"calc"', "characters"),
        ("https://as.example.com/<x>", "characters"),
        ("https://as.example.com/^calc", "characters"),
        ("https://b\u00fccher.example/", "characters"),
        ("https://as.example.com/\u202egpj", "characters"),
        ("https://user@as.example.com/", "user information"),
        ("https://user:pass@as.example.com/", "user information"),
        ("https://@as.example.com/", "user information"),
        ("https://as.example.com/#fragment", "fragment"),
        ("https://as.example.com/#", "fragment"),
        ("https://as.example.com:0/", "port 0"),
        ("https://as.example.com:99999/", "cannot be parsed"),
        ("https://as.example.com:port/", "cannot be parsed"),
        ("https://[::1/", "cannot be parsed"),
    ],
)
def test_everything_else_is_refused_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(InsecureURLError) as refused:
        require_secure(url, "token endpoint")
    assert why in refused.value.message
    assert "token endpoint" in refused.value.message
    assert refused.value.message.isprintable()
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@as.example.com/",
        "https:user:hunter2@as.example.com",
        "https://user:hunter2/x@as.example.com/",
        "https://user:hunter2?x@as.example.com/",
        "https://user:hunter2#x@as.example.com/",
        "https://user:x/\nhunter2@as.example.com/",
        "http://x:hunter2@[::1/",
        "ftp://user:hunter2@as.example.com/",
        "https://as.example.com/$?key=hunter2",
        "http://as.example.com/#hunter2",
    ],
)
def test_a_refusal_never_repeats_a_password_or_a_query(url: str) -> None:
    with pytest.raises(InsecureURLError) as refused:
        require_secure(url, "endpoint")
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in without_query(url)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.9.9.9", "localhost", "LocalHost", "localhost.", "a.localhost", "[::1]"),
        *("0.0.0.0", "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "127.0.0.1.", "0"),
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "[::ffff:0.0.0.0]"),
    ],
)
def test_a_server_elsewhere_may_not_point_at_this_machine_in_any_spelling(host: str) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(InsecureURLError, match="may not point at this machine"):
            require_secure(f"{scheme}://{host}/token", "token endpoint", allow_loopback=False)


@pytest.mark.parametrize("host", ["as.example.com", "192.0.2.1", "[2001:db8::1]", "[::ffff:192.0.2.1]", "1.example"])
def test_a_server_elsewhere_may_point_elsewhere(host: str) -> None:
    assert require_secure(f"https://{host}/token", "token endpoint", allow_loopback=False).path == "/token"


def test_only_the_plain_spellings_of_the_loopback_may_do_without_tls() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.255.0.1", "::1", "localhost", "LOCALHOST"))
    others = ("0.0.0.0", "127.1", "localhost.", "a.localhost", "::", "::ffff:127.0.0.1", "example.com", "", None)
    assert not any(is_loopback(host) for host in others)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://MCP.Example.COM:443/MCP", "https://mcp.example.com"),
        ("http://Localhost:80", "http://localhost"),
        ("https://h:8443/x?y", "https://h:8443"),
        ("https://h:", "https://h"),
        ("http://[::1]:9/", "http://[::1]:9"),
        ("https://user@h/", "https://h"),
    ],
)
def test_an_origin_has_one_spelling(url: str, expected: str) -> None:
    assert origin(url) == expected


def test_origins_are_compared_by_scheme_host_and_port() -> None:
    assert same_origin("https://H/a", "https://h:443/b")
    assert not same_origin("https://h", "http://h")
    assert not same_origin("https://h", "https://h:444")
    assert not same_origin("https://h", "https://h.example")
    assert not same_origin("https://h:x", "https://h:x")


@pytest.mark.parametrize(
    ("server_url", "expected"),
    [
        ("HTTPS://MCP.Example.COM/mcp", "https://mcp.example.com/mcp"),
        ("https://mcp.example.com", "https://mcp.example.com"),
        ("https://mcp.example.com/", "https://mcp.example.com"),
        ("https://mcp.example.com:8443/", "https://mcp.example.com:8443"),
        ("https://mcp.example.com:443/Server/MCP/", "https://mcp.example.com/Server/MCP"),
        ("https://mcp.example.com/mcp?project=1", "https://mcp.example.com/mcp"),
        ("https://mcp.example.com/mcp#part", "https://mcp.example.com/mcp"),
    ],
)
def test_the_canonical_resource_is_lower_case_with_no_query_no_fragment_and_no_slash(
    server_url: str, expected: str
) -> None:
    assert canonical_resource(server_url) == expected


@pytest.mark.parametrize(
    ("resource", "server_url"),
    [
        (MCP, MCP),
        (MCP + "/", MCP),
        (MCP, MCP + "/"),
        ("https://mcp.example.com", MCP),
        ("https://mcp.example.com/", MCP),
        ("https://mcp.example.com/a", "https://mcp.example.com/a/b/c"),
        ("https://MCP.example.com:443/mcp", MCP),
        (MCP, MCP + "?project=1"),
        (MCP + "?project=1", MCP + "?project=1"),
    ],
)
def test_a_resource_may_be_the_server_itself_its_root_or_a_parent_at_a_slash(resource: str, server_url: str) -> None:
    assert covers(resource, server_url)


@pytest.mark.parametrize(
    "resource",
    [
        "https://mcp.example.com/mc",
        "https://mcp.example.com/mcpx",
        "https://mcp.example.com/mcp/deeper",
        "https://mcp.example.com/other",
        "https://mcp.example.com/MCP",
        "http://mcp.example.com/mcp",
        "https://evil.example.com/mcp",
        "https://mcp.example.com.evil.example/mcp",
        "https://mcp.example.com:8443/mcp",
        "https://mcp.example.com/mcp#part",
        "https://mcp.example.com/mcp?project=2",
        "https://someone@mcp.example.com/mcp",
        "https://mcp.example.com/mc\np",
        "https://mcp.example.com/mcp\x1b",
        "https://mcp.example.com:x/mcp",
        "mcp",
        "",
    ],
)
def test_any_other_resource_does_not_cover_the_server(resource: str) -> None:
    assert not covers(resource, MCP)


def test_a_message_gets_the_url_without_query_fragment_or_user() -> None:
    assert without_query("https://u:p@H:443/a?code=1#x") == "https://h/a"
    assert without_query("https://[::1/a?code=1") == "https://[::1/a"
    assert without_query("https://h/\x1b[31m") == "https://h/ [31m"


def test_a_well_known_segment_goes_between_origin_and_path() -> None:
    assert well_known("https://h", "x") == well_known("https://h/", "x") == "https://h/.well-known/x"
    assert well_known("https://h:8443/a/b/", "x") == "https://h:8443/.well-known/x/a/b"


def test_an_endpoint_keeps_the_query_it_has() -> None:
    assert with_query("https://h/a", "b=1") == "https://h/a?b=1"
    assert with_query("https://h/a?tenant=x%20y", "b=1") == "https://h/a?tenant=x%20y&b=1"


def test_only_a_loopback_url_loses_its_port() -> None:
    assert portless("http://127.0.0.1:4711/callback") == portless("http://127.0.0.1/callback")
    assert portless("http://[::1]:4711/callback") == "http://[::1]/callback"
    for url in ("https://127.0.0.1:1/x", "http://h:1/x", "http://[::1", "com.example:/x"):
        assert portless(url) == url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pass/x@as.example.com/", "'https://user:...'"),
        ("https://user:pass@as.example.com:443/a b", "'https://as.example.com:443/a b'"),
        ("http://as.example.com:8080/@me", "'http://as.example.com:8080/@me'"),
        ("http://[::1", "'http://[::1'"),
    ],
)
def test_a_refusal_names_the_url_as_far_as_it_holds_no_secret(url: str, shown: str) -> None:
    with pytest.raises(InsecureURLError) as refused:
        require_secure(url, "endpoint")
    assert shown in refused.value.message


@pytest.mark.parametrize(
    "uri", ["myapp:/a b", "myapp:/\u00e9", "1app:/", "a:/", "myapp:/#x", "myapp", "tel:1", "HTTP://h/"]
)
def test_a_redirect_of_nobody_in_particular_is_refused_with_what_one_is(uri: str) -> None:
    with pytest.raises(InsecureURLError, match=r"^The redirect URI '.*' is refused: ") as refused:
        require_redirect(uri)
    assert refused.value.hint == (
        "A redirect URI is https, http on this machine's loopback interface, or like myapp://callback."
    )


def test_what_is_not_so_is_false_and_nothing_else() -> None:
    assert [is_loopback(None), is_loopback("example.com"), same_origin("https://h:x", "https://h")] == [False] * 3
    for resource in ("https://b\u00fccher.example/", f"{MCP}#x", "https://user@mcp.example.com/mcp", f"{MCP}?x", "x"):
        assert covers(resource, MCP) is False


def test_a_slash_at_the_end_matters_on_neither_side() -> None:
    for resource, server_url in ((f"{MCP}/", MCP), (MCP, f"{MCP}/"), (f"{MCP}/", f"{MCP}/a"), (MCP, MCP)):
        assert covers(resource, server_url) is True


def test_without_a_host_there_is_none_in_the_origin() -> None:
    assert origin("myapp:/callback") == "myapp://"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/a b", "http://127.0.0.1/\u00e9", "http://a@127.0.0.1/", "https://127.0.0.1/", "http://h/"]
)
def test_what_cannot_be_listened_for_has_no_host_here(url: str) -> None:
    assert loopback_host(url) is None


def test_a_url_shows_itself_without_its_query_and_nothing_as_none() -> None:
    assert shown_url("https://user@mcp.example.com/mcp?key=x") == "'https://mcp.example.com/mcp'"
    assert (shown_url(None), shown_url("")) == ("None", "''")


hostile = st.one_of(
    st.text(),
    st.text(alphabet="htps:/\\@#?%.[]0127:-_~ \t\n\x00localhost\u0661\u202e"),
    st.builds(
        "{}://{}{}{}".format, st.sampled_from(["http", "https", "HTTPS", "file"]), st.text(), st.text(), st.text()
    ),
)


@fuzz
@given(url=hostile, allowed=st.booleans())
@example(url="https://[::1]:\u0661/", allowed=False)
@example(url="https://\ud800/", allowed=True)
def test_whatever_the_url_it_is_https_or_loopback_or_refused_by_type(url: str, allowed: bool) -> None:
    try:
        parts = require_secure(url, "endpoint", allow_loopback=allowed)
    except InsecureURLError:
        return
    assert parts.scheme == "https" or (is_loopback(parts.hostname) and allowed)
    assert url.isascii()
    assert url.isprintable()
    assert (parts.fragment, parts.username) == ("", None)


@fuzz
@given(one=hostile, other=hostile)
def test_comparing_and_showing_urls_never_fails(one: str, other: str) -> None:
    assert covers(one, MCP) in (True, False)
    assert same_origin(one, other) in (True, False)
    assert without_query(one).isprintable()
    assert isinstance(portless(one), str)

"""Which addresses and URLs are public: range by range, at their borders, in every spelling that a resolver takes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest

from mcp_oauth_sync.exceptions import InsecureURLError, NotPublicError
from mcp_oauth_sync.protocol.public_addresses import address_in, is_public, require_public

SPECIAL = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 "
    "203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 255.255.255.255/32 168.63.129.16/32 "
    "::/128 ::1/128 ::ffff:0:0/96 64:ff9b:1::/48 100::/64 2001::/32 2001:1::1/128 2001:2::/48 2001:3::/32 "
    "2001:4:112::/48 2001:10::/28 2001:20::/28 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 "
    "fe80::/10 fec0::/10 ff00::/8 4000::/2 ::/96 64:ff9b::a00:0/104 64:ff9b::7f00:0/104 64:ff9b::a9fe:0/112"
).split()
PUBLIC = (
    "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 "
    "169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 "
    "198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 168.63.129.15 "
    "168.63.129.17 2000:: 2001:200:: 2001:4860:4860::8888 2001:db7:ffff:: 2001:db9:: 2003:: 2606:4700:4700::1111 "
    "2a00:1450:4001:80b::200e 3ffe:ffff:: 64:ff9b::808:808"
).split()
#: All of them are 127.0.0.1.
SPELLINGS = (
    "127.0.0.1 127.1 127.0.1 0x7f.1 0x7f000001 2130706433 017700000001 0177.0.0.1 0x7F.0X0.0.1 127.0.0.1.".split()
)


#: As people write them in East Asia; IDNA makes them the usual digits and dots.
FULL_WIDTH = ("\uff11\uff12\uff17.\uff10.\uff10.\uff11", "127\u30020\u30020\u30021")


@pytest.mark.parametrize("network", SPECIAL)
def test_no_address_of_a_special_range_is_public(network: str) -> None:
    whole = ip_network(network)
    assert [is_public(whole[position]) for position in (0, -1, whole.num_addresses // 2)] == [False] * 3


@pytest.mark.parametrize("address", PUBLIC)
def test_what_lies_beside_a_special_range_is_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_an_address_behind_a_translator_is_as_public_as_the_one_it_stands_for() -> None:
    prefix = int(IPv6Address("64:ff9b::"))
    for address in (*PUBLIC, *SPECIAL):
        bare = address.partition("/")[0]
        if ":" not in bare:
            inside = IPv4Address(bare)
            assert is_public(IPv6Address(prefix + int(inside))) == is_public(inside), address


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_address_is_read_in_any_spelling(spelling: str) -> None:
    assert str(address_in(spelling)) == "127.0.0.1"


@pytest.mark.parametrize("host", ["example.com", "10.0.0.1.example.com", "127.0.0.1.nip.io", "a.b", "", ".", "x:y"])
def test_what_is_no_address_is_none(host: str) -> None:
    assert address_in(host) is None


@pytest.mark.parametrize(
    "host",
    [
        *SPELLINGS,
        *("10.0.0.1", "0x0a.1", "012.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.100.100.200"),
        *("0xA9FEA9FE", "0", "255.255.255.255", "224.0.0.1", "[::1]", "[::]", "[::ffff:8.8.8.8]", "[::ffff:7f00:1]"),
        *("[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25eth0]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::127.0.0.1]"),
        *("localhost", "LOCALHOST", "localhost.", "a.localhost", "\uff41.localhost", *FULL_WIDTH),
    ],
)
def test_a_url_of_no_public_host_is_refused_before_anything_is_looked_up(host: str) -> None:
    with pytest.raises(NotPublicError) as refused:
        require_public(f"https://{host}:8443/mcp?secret=1", "MCP server URL")
    assert isinstance(refused.value, InsecureURLError)
    assert "public_only" in refused.value.message
    assert "secret" not in str(refused.value)
    assert refused.value.host.isprintable()


def test_the_error_says_what_was_refused_and_at_which_host() -> None:
    with pytest.raises(NotPublicError) as refused:
        require_public("https://10.0.0.1/token", "token endpoint")
    assert refused.value.message == (
        "The token endpoint 'https://10.0.0.1/token' is refused: public_only is on, and 10.0.0.1 is not a public "
        "address."
    )
    assert refused.value.host == "10.0.0.1"
    assert refused.value.hint is not None


@pytest.mark.parametrize("url", ["http://example.com/", "ftp://example.com/", "https:///x", "https://./", "//x", ""])
def test_a_url_that_is_not_https_or_has_no_host_is_refused(url: str) -> None:
    with pytest.raises(NotPublicError):
        require_public(url, "request to")


@pytest.mark.parametrize("url", ["https://[::1", "https://::1]/"])
def test_a_url_that_cannot_be_parsed_is_refused(url: str) -> None:
    with pytest.raises(NotPublicError):
        require_public(url, "request to")


@pytest.mark.parametrize("host", ["example.com", "example.com.", "8.8.8.8", "134744072", "[2606:4700:4700::1111]"])
def test_names_and_public_addresses_pass(host: str) -> None:
    require_public(f"https://{host}/mcp", "MCP server URL")

"""Which hosts are public: no special-purpose address of IANA's registries, no multicast, nothing reserved.

The tables are our own: what ``ipaddress`` calls global differs between versions of Python. A network's own prefix for
IPv4 addresses in IPv6 looks like any other: what translates it has to refuse private ones.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from ..exceptions import NotPublicError, printable
from ..urls import without_query

#: All of IANA's special-purpose registry, multicast and what is reserved, and where Azure's machines find their own
#: platform.
_SPECIAL_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 "
        "192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 "
        "198.51.100.0/24 203.0.113.0/24 224.0.0.0/3"
    ).split()
)
#: What is given out at all. Mapped and compatible addresses, local ones and multicast are outside of it.
_UNICAST_6 = IPv6Network("2000::/3")
#: Less protocol assignments (with Teredo), documentation, 6to4 and AS112.
_SPECIAL_6 = tuple(
    IPv6Network(network) for network in "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20".split()
)
#: IPv4 addresses behind a translator, where a network has no IPv4 of its own. RFC 6052 section 2.1.
_TRANSLATED = IPv6Network("64:ff9b::/96")
_HINT = (
    "This program contacts public addresses over https only. Leave public_only off where whoever runs it chooses the "
    "servers."
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address is one that everybody reaches at the same place.

    Args:
        address: What a connection would go to.
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_4)
    if address in _TRANSLATED:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _UNICAST_6 and not any(address in network for network in _SPECIAL_6)


def address_in(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a host is, in any spelling that a resolver takes; None for a name.

    Args:
        host: A host as :func:`urllib.parse.urlsplit` gives it: ``127.1``, ``0x7f000001`` and ``2130706433`` are one.
    """
    bare = host.rstrip(".")
    try:
        return ip_address(bare.partition("%")[0]) if ":" in bare else IPv4Address(socket.inet_aton(bare))
    except (ValueError, OSError):
        return None


def require_public(url: str, what: str) -> None:
    """Check what a URL tells by itself: https, and no host that is certainly not public. A name is not looked up.

    Args:
        url: Where a request goes.
        what: What that is, for the message.

    Raises:
        NotPublicError: It may not go there.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise refused(url, what, "it cannot be parsed") from None
    name, address = host.rstrip(".").lower(), address_in(host)
    if parts.scheme != "https":
        raise refused(url, what, "it is not https", host=host)
    if not name or not host.isascii() or (address is None and ":" in host):
        raise refused(url, what, "it has no host that can be looked up", host=host)
    if name == "localhost" or name.endswith(".localhost") or (address is not None and not is_public(address)):
        raise refused(url, what, f"{printable(host)} is not a public address", host=host)


def refused(url: str, what: str, why: str, *, host: str = "") -> NotPublicError:
    """Return the error of a request that is not made. Which address a name has is not told: it may be a secret.

    Args:
        url: Where it would have gone.
        what: What that is.
        why: What is wrong.
        host: The host.
    """
    return NotPublicError(
        f"The {what} {without_query(url)!r} is refused: public_only is on, and {why}.",
        hint=_HINT,
        host=printable(host),
    )

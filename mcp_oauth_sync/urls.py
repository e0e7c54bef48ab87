"""URL rules: what may be contacted, what equals what, and where well-known documents live.

RFC 8707 section 2 (canonical resource), RFC 8414 section 3 and RFC 9728 section 3 (well-known paths),
RFC 8252 section 7.3 (loopback).
"""

from __future__ import annotations

import re
import socket
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit, urlunsplit

from .exceptions import InsecureURLError, printable

_DEFAULT_PORTS = {"http": 80, "https": 443}
# RFC 3986 characters, less those a shell or a careless browser launcher could read as something else.
_PLAIN_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!&*+,=%]+")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_\-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,254}}$){_LABEL}(?:\.{_LABEL})*\.?")
_PRIVATE_SCHEME = r"[a-z][a-z0-9+.\-]+"
# Schemes that a system gives to somebody else than an application's owner.
_FOREIGN_SCHEMES = frozenset(
    "about blob data file filesystem ftp ftps intent jar javascript mailto sftp smb ssh tel urn vbscript "
    "view-source ws wss".split()
)
_USER = r"^([A-Za-z0-9+.\-]*:)?(/*)[^/]*@"
#: What follows a host but is no port: a password may hold a slash, a question mark or a number sign.
_NO_PORT = r"(?s)^((?:[A-Za-z0-9+.\-]*:)?//+[^/:\[\]]*:)(?![0-9]{0,5}(?:/|$)).*"


def is_loopback(host: str | None) -> bool:
    """Tell whether a host name is this machine's loopback interface.

    Args:
        host: A host as :func:`urllib.parse.urlsplit` gives it (no brackets), or None.
    """
    if host is None:
        return False
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_this_machine(host: str) -> bool:
    """Tell whether a host means this machine in any spelling: other names, short, octal, mapped addresses."""
    name = host.lower().rstrip(".")
    if is_loopback(name) or name.endswith(".localhost"):
        return True
    try:
        # What the resolver takes for an IPv4 address: 127.1, 2130706433, 0x7f.0.0.1
        address = ip_address(host if ":" in host else socket.inet_aton(name))
    except (ValueError, OSError):
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def _is_host(host: str) -> bool:
    """Tell whether a host is a name that a resolver can be asked for, or an address."""
    if ":" not in host:
        return _NAME.fullmatch(host) is not None
    try:
        return ip_address(host).version == 6 and "%" not in host
    except ValueError:
        return False


def _bare(url: str) -> str:
    """Return the URL without query, fragment and user information, however broken it is."""
    return printable(re.sub(_NO_PORT, r"\1...", re.sub(_USER, r"\1\2", url.split("?")[0].split("#")[0])))


def _refuse(url: str, what: str, why: str) -> InsecureURLError:
    where = _bare(url)
    return InsecureURLError(
        f"The {what} {where!r} is refused: {why}.",
        hint="Only https URLs, or http on this machine's loopback interface, are contacted or opened.",
    )


def require_secure(url: str, what: str, *, allow_loopback: bool = True) -> SplitResult:
    """Check that a URL may be contacted, sent a secret, or opened in a browser.

    Args:
        url: The URL, from a person or a server.
        what: What it is, for the message ("token endpoint").
        allow_loopback: False refuses http altogether, and https on loopback too: the rule for URLs named
            by a server that is not on this machine.

    Returns:
        The URL taken apart.

    Raises:
        InsecureURLError: It is not an absolute URL of plain ASCII characters, carries user information or
            a fragment, or is neither https nor http on the loopback interface.
    """
    if not _PLAIN_URL.fullmatch(str(url)):
        raise _refuse(str(url), what, "it holds characters that do not belong in a URL")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _refuse(url, what, "it cannot be parsed") from None
    if parts.scheme not in ("http", "https") or not host or not _is_host(host):
        raise _refuse(url, what, "it is not an absolute http or https URL")
    if port == 0:
        raise _refuse(url, what, "port 0 cannot be contacted")
    if "@" in parts.netloc:
        raise _refuse(url, what, "it carries user information")
    if "#" in url:
        raise _refuse(url, what, "it carries a fragment")
    if not allow_loopback and _is_this_machine(host):
        raise _refuse(url, what, "a server elsewhere may not point at this machine")
    if parts.scheme != "https" and not is_loopback(host):
        raise _refuse(url, what, "it is not https")
    return parts


def require_redirect(uri: str) -> None:
    """Check that a redirect URI is one that only its owner receives.

    It is https, http on the loopback interface, or of a private-use scheme such as ``myapp:`` that the
    application has registered with the system. RFC 8252 section 7.

    Args:
        uri: The redirect URI, chosen by the caller.

    Raises:
        InsecureURLError: It is none of these.
    """
    scheme, colon, _ = uri.lower().partition(":")
    try:
        if scheme in ("http", "https") or not _PLAIN_URL.fullmatch(uri):
            require_secure(uri, "redirect URI")
        elif not colon or not re.fullmatch(_PRIVATE_SCHEME, scheme) or scheme in _FOREIGN_SCHEMES or "#" in uri:
            raise _refuse(uri, "redirect URI", "it is not https, loopback or a scheme of the application's own")
    except InsecureURLError as refused:
        refused.hint = "A redirect URI is https, http on this machine's loopback interface, or like myapp://callback."
        raise


def origin(url: str) -> str:
    """Return scheme, host and port of a URL, canonical: lower case, no default port, no slash."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    port = parts.port
    tail = "" if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    return f"{parts.scheme.lower()}://{host}{tail}"


def portless(url: str) -> str:
    """Return a loopback URL without its port, which tells nothing there, and any other as it is. RFC 8252 section 7.3.

    Args:
        url: A redirect URI; one that cannot be parsed stays as it is.
    """
    host = loopback_host(url)
    if host is None:
        return url
    return urlunsplit(urlsplit(url)._replace(netloc=f"[{host}]" if ":" in host else host))


def loopback_host(url: str) -> str | None:
    """Return the host of a redirect that can be listened on here; None for any other text.

    Args:
        url: A redirect URI, perhaps one that a server made up.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    bare = parts.scheme == "http" and "@" not in parts.netloc and not re.search(r"[^!-~]", url)
    return host if bare and is_loopback(host) else None


def same_origin(one: str, other: str) -> bool:
    """Tell whether two URLs share scheme, host and port; False if either cannot be parsed."""
    try:
        return origin(one) == origin(other)
    except ValueError:
        return False


def without_query(url: str) -> str:
    """Return a URL fit for a message or a log: no query, no fragment, no user information."""
    try:
        return printable(origin(url) + urlsplit(url).path) if urlsplit(url).netloc else _bare(url)
    except ValueError:
        return _bare(url)


def shown_url(url: str | None) -> str:
    """Return how a URL, or None, shows itself in a ``repr``."""
    return repr(url and without_query(url))


def canonical_resource(server_url: str) -> str:
    """Return the RFC 8707 identifier of an MCP server: no query, no fragment, no trailing slash.

    Args:
        server_url: The server's URL as the user gave it.
    """
    return origin(server_url) + urlsplit(server_url).path.rstrip("/")


def covers(resource: str, server_url: str) -> bool:
    """Tell whether a published resource identifier may stand for an MCP server.

    It may be the server's own URL, differ from it in a trailing slash only, or be a parent at a path
    segment boundary on the same origin (MCP servers publish their root as often as their endpoint). A
    sibling, a longer path, another scheme, host or port never covers it.

    Args:
        resource: The ``resource`` member of protected resource metadata.
        server_url: The MCP server's URL.
    """
    if not _PLAIN_URL.fullmatch(resource) or "#" in resource or not same_origin(resource, server_url):
        return False
    theirs, ours = urlsplit(resource), urlsplit(server_url)
    if "@" in theirs.netloc:
        return False
    if theirs.query and theirs.query != ours.query:
        return False
    parent, path = theirs.path.rstrip("/"), ours.path.rstrip("/")
    return path == parent or path.startswith(parent + "/")


def well_known(url: str, name: str) -> str:
    """Insert a well-known segment between origin and path. RFC 8414 section 3.1, RFC 9728 section 3.1.

    Args:
        url: An issuer or resource identifier.
        name: The suffix, e.g. ``oauth-protected-resource``.
    """
    return f"{origin(url)}/.well-known/{name}{urlsplit(url).path.rstrip('/')}"


def with_query(endpoint: str, query: str) -> str:
    """Add a query to an endpoint, keeping the query it has. RFC 6749 section 3.1."""
    parts = urlsplit(endpoint)
    joined = f"{parts.query}&{query}" if parts.query else query
    return urlunsplit((parts.scheme, parts.netloc, parts.path, joined, ""))

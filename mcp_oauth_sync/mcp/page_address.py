"""The address of a page that a server wants a person to open: whether it may be, and what about it calls for care.

MCP Elicitation, "Safe URL Handling". Nothing here is fetched or opened.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from ..exceptions import InsecureURLError, MCPError
from ..urls import is_loopback, origin, require_secure
from .choices import INVALID_PARAMS

#: Characters of the longest address that can still be looked over.
MAX_ADDRESS = 8192
_LINK = re.compile(r"://|\bwww\.", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
#: What is easily taken for something else.
_LOOKALIKES = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"), ("-", ""), ("_", ""))
#: Foreign letters of a host that are named.
_NAMED = 3


def require_openable(url: object, *, server_url: str) -> str:
    """Return the address of a page, once it is clear that it may be shown to a person and opened.

    Args:
        url: What the server sent.
        server_url: The server that sent it. Only one on this machine may point at this machine.

    Raises:
        MCPError: It is no absolute https URL of plain ASCII characters, or carries user information, or is too long;
            http is allowed for a server and a page on this machine. The code is that of invalid params.
    """
    if not isinstance(url, str) or len(url) > MAX_ADDRESS:
        raise MCPError("The server asks to open a page without an address of use.", code=INVALID_PARAMS)
    local = is_loopback(urlsplit(server_url).hostname)
    try:
        # Other than an endpoint, a page may have a fragment; it is held to the same characters.
        require_secure(url.replace("#", "?", 1), "page that the server asks to open", allow_loopback=local)
    except InsecureURLError as refused:
        raise MCPError(refused.message, hint=refused.hint, code=INVALID_PARAMS) from None
    return url


def host_of(url: str) -> str:
    """Return the host of a URL in lower case, without port; a name outside of ASCII in punycode, as it is sent."""
    return (urlsplit(url).hostname or "").lower()


def shown_host(url: str) -> str:
    """Return host and port of a URL, without a port that goes without saying."""
    return origin(url).partition("://")[2]


def find_doubts(url: str, *, server_url: str) -> tuple[str, ...]:
    """Return what a person should know about an address before they agree to open it, a sentence each.

    Args:
        url: One that :func:`require_openable` has passed.
        server_url: The server that sent it.
    """
    host, asker = host_of(url).rstrip("."), host_of(server_url).rstrip(".")
    doubts = []
    if host != asker and not (is_loopback(host) and is_loopback(asker)):
        doubts.append(f"This page is on {host}, not on {asker}, which asks for it.")
        if _resembles(host, asker):
            doubts.append("The two names look alike, but are not the same.")
        if _poses_as(host, asker):
            doubts.append(f"The name has a part of {asker} in it, but does not belong to it.")
    if any(label.startswith("xn--") for label in host.split(".")):
        doubts.append(_name_letters(host))
    if is_loopback(host):
        if not url.lower().startswith("https:"):
            doubts.append("This page is not encrypted. It is on this machine.")
    elif _is_number(host):
        doubts.append("The host is a number, not a name.")
    return tuple(doubts)


def unlinked(text: str) -> str:
    """Return text in which a terminal finds no address to make a link of: only a page's own may be one."""
    return _LINK.sub(lambda found: f"[:]{found[0][1:]}" if found[0][0] == ":" else f"{found[0][:-1]}[.]", text)


def _is_number(host: str) -> bool:
    """Tell whether a browser takes a host for the number of a machine."""
    return ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]) is not None


def _resembles(one: str, other: str) -> bool:
    """Tell whether the ends of two hosts, label by label, look alike without being the same.

    Args:
        one: A host in lower case.
        other: Another one.
    """
    ours, theirs = one.split("."), other.split(".")
    for count in range(2, min(len(ours), len(theirs)) + 1):
        end, other_end = ".".join(ours[-count:]), ".".join(theirs[-count:])
        if end != other_end and _skeleton(end) == _skeleton(other_end):
            return True
    return False


def _skeleton(name: str) -> str:
    for seen, taken_for in _LOOKALIKES:
        name = name.replace(seen, taken_for)
    return name


def _poses_as(host: str, asker: str) -> bool:
    """Tell whether a host has another one, or the end of it, in its name without being below it."""
    labels, within = asker.split("."), f".{host.replace('-', '.')}."
    ends = [".".join(labels[-count:]) for count in range(2, len(labels) + 1)]
    posed = [end for end in ends if f".{end.replace('-', '.')}." in within and not f".{host}".endswith(f".{end}")]
    return bool(posed) and not _is_number(asker)


def _name_letters(host: str) -> str:
    """Say which letters a name in punycode stands for, by their names: to see them is what would deceive."""
    letters: list[str] = []
    for label in host.split("."):
        if label.startswith("xn--"):
            try:
                decoded = label[4:].encode("ascii").decode("punycode")
            except UnicodeError:
                return "The name of the host is written in a punycode that stands for nothing."
            letters += [character for character in decoded if not character.isascii()]
    names = [unicodedata.name(letter, "a letter without a name") for letter in dict.fromkeys(letters)]
    listed = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    return (
        f"A browser may show the name of the host with other letters, such as {listed}; it may look like another name."
    )

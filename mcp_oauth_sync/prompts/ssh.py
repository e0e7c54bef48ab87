"""The command that takes the redirect through a person's SSH session to this machine. RFC 8252 section 7.3."""

from __future__ import annotations

import os
import re
import shlex
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from ..urls import loopback_host

#: A name that ssh takes for a user and never for an option.
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+\\-]*")
_SSH_PORT = 22
_EVERY_INTERFACE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def forwarding_command(redirect_uri: str, address: str) -> str | None:
    """Return what to run on the machine with the browser, so that the browser finds its way back to this one.

    Args:
        redirect_uri: Where the browser is sent, on the loopback interface.
        address: Where it is listened for here, as host:port.

    Returns:
        The command, safe to be copied into a shell; None when this is no SSH session or the redirect goes elsewhere.
    """
    there, here = urlsplit(redirect_uri), urlsplit(f"//{address}")
    session = _session()
    if loopback_host(redirect_uri) is None or here.hostname is None or session is None:
        return None
    machine, port = session
    ends = [f"{there.port or 80}", _bracketed(_EVERY_INTERFACE.get(here.hostname, here.hostname)), f"{here.port}"]
    if there.hostname not in ("127.0.0.1", "localhost"):  # where ssh listens by itself
        ends.insert(0, _bracketed(there.hostname or ""))
    other_port = [] if port == _SSH_PORT else ["-p", str(port)]
    return shlex.join(["ssh", "-N", "-L", ":".join(ends), *other_port, machine])


def _session() -> tuple[str, int] | None:
    """Return what the person's ssh was told, user and machine, and its port; None when that cannot be known."""
    try:
        _, _, server, port = os.environ.get("SSH_CONNECTION", "").split()
        address = ip_address(server)
        number = int(port)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    user = _user()
    return (f"{user}@" if user else "") + str(mapped or address), number


def _user() -> str | None:
    import getpass

    try:
        user = getpass.getuser()
    except (ImportError, KeyError, OSError):  # nobody has this number
        return None
    return user if _USER.fullmatch(user) else None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host

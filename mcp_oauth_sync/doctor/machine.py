"""Step 9: this machine: the store that is taken, the clock, versions, variables that are set, proxies.

RFC 9449 section 11.1 (clocks).
"""

from __future__ import annotations

import os
import platform
import ssl
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from importlib.metadata import version

import requests

from ..exceptions import StoreUnavailableError, printable
from ..protocol.signing_extra import can_sign
from ..urls import origin
from ..version import __version__
from .finding import Finding, Level, Step
from .recording import Seen

#: Seconds by which a server's clock may differ from ours without being mentioned.
SKEW = 60.0
#: Variables of others that change what this library does.
OTHERS = (
    "REQUESTS_CA_BUNDLE CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR NETRC HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY "
    "http_proxy https_proxy all_proxy no_proxy VAULT_ADDR VAULT_TOKEN VAULT_NAMESPACE PYTHON_KEYRING_BACKEND BROWSER "
    "DBUS_SESSION_BUS_ADDRESS SSH_CONNECTION"
).split()


def check_store() -> Iterator[Finding]:
    """Yield which store is taken when nobody chooses one, and why the usual one is not."""
    from ..stores.choosing import explain  # tries stores out

    try:
        name, reasons = explain()
    except StoreUnavailableError as failure:
        what = "the store of this user cannot be used"
        yield _found(Level.PROBLEM, "no-store", what, why=failure.message, remedy=failure.hint)
        return
    keyrings = {"keychain", "credential_manager", "secret_service"}
    here = {other: why for other, why in reasons.items() if other in keyrings and not why.startswith("only on")}
    why = "; ".join(f"not {other}: {printable(reason.rstrip('.'))}" for other, reason in here.items()) or None
    if name == "memory":
        remedy = "Set MCP_OAUTH_SYNC_PASSWORD, or make the data folder writable."
        what = "no store works here: a sign-in ends with its process"
        yield _found(Level.WARNING, "store-memory", what, why=why, remedy=remedy)
    else:
        yield _found(Level.OK, "store", f"sign-ins are kept in {name.replace('_', ' ')}", why=why)


def check_clock(seen: Iterable[Seen]) -> Iterator[Finding]:
    """Yield how far the clocks of servers differ from ours.

    Args:
        seen: What they answered.
    """
    ahead: dict[str, float] = {}
    for one in seen:
        try:
            date = parsedate_to_datetime(one.reply.headers.get("date", "") if one.reply else "").timestamp()
        except (ValueError, TypeError, OverflowError):
            continue
        ahead.setdefault(origin(one.url), date - one.at)
    wrong = {where: seconds for where, seconds in ahead.items() if abs(seconds) > SKEW}
    for where, seconds in wrong.items():
        yield _found(
            Level.WARNING,
            "clock",
            f"the clock of {printable(where, 100)} is {abs(seconds):.0f} s {'ahead' if seconds > 0 else 'behind'}",
            why="Proofs of DPoP and assertions may be refused; tokens seem to live longer or shorter than they do.",
            remedy="Set the clock of this machine by the network. If it is right, theirs is wrong.",
        )
    if ahead and not wrong:
        yield _found(
            Level.OK, "clock", f"clocks agree within {max(1.0, *(abs(value) for value in ahead.values())):.0f} s"
        )


def check_versions() -> Iterator[Finding]:
    """Yield the versions of what takes part."""
    told = (
        f"mcp-oauth-sync {__version__}, Python {platform.python_version()} on {platform.system()}, "
        f"requests {requests.__version__}, urllib3 {version('urllib3')}, {ssl.OPENSSL_VERSION}"
    )
    without = "" if can_sign() else "; without PyJWT (extra jwt): no DPoP, no private keys"
    yield _found(Level.OK, "versions", printable(told) + without)


def check_environment(url: str | None, environment: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Yield the names of the variables that are set, and the hosts of the proxies that are used.

    Args:
        url: Where the server is; None when no server is asked.
        environment: The variables; None takes those of this process.
    """
    variables = os.environ if environment is None else environment
    names = sorted(name for name in variables if name.startswith("MCP_OAUTH_SYNC_") or name in OTHERS)
    said = f"variables that are set: {printable(', '.join(names), 400)}" if names else "no variable of ours is set"
    yield _found(Level.OK, "variables", said)
    proxies = requests.utils.get_environ_proxies(url) if url else {}
    hosts = {scheme: _host(address) for scheme, address in proxies.items() if scheme != "no"}
    used = {
        scheme: host
        for scheme, host in hosts.items()
        if scheme in ("all", url.partition(":")[0].lower() if url else "")
    }
    if used:
        yield _found(
            Level.OK, "proxy", f"goes through a proxy: {printable(', '.join(sorted(set(used.values()))), 100)}"
        )


def _host(address: str) -> str:
    try:
        return origin(address if "://" in address else f"http://{address}")
    except ValueError:
        return "one whose address cannot be read"


def _found(level: Level, code: str, what: str, *, why: str | None = None, remedy: str | None = None) -> Finding:
    return Finding(step=Step.MACHINE, level=level, code=code, what=what, why=why, remedy=remedy)

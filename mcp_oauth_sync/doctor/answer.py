"""Step 2: what the server answers to somebody without a token. RFC 9728 section 5.1, RFC 6750 section 3."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..exceptions import DiscoveryError, printable
from ..protocol.challenge import Challenge, parse_challenges
from ..protocol.reply import Reply
from ..urls import same_origin, without_query
from .finding import Finding, Level, Step
from .messages import read_message
from .recording import is_page

# What to do beyond the library's own hint, by the kind of the failure.
_REMEDIES = {
    "ProxyError": "Look at HTTPS_PROXY, HTTP_PROXY and NO_PROXY: is the proxy right, and is this host one for it?",
    "ConnectTimeout": "Check the host and the port; a firewall may drop what is sent there.",
    "OSError": "Correct or unset REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE.",
}
_CODES = {"SSLError": "tls", "ProxyError": "proxy", "OSError": "ca-bundle"}
_OTHER_SCHEMES = frozenset("basic digest negotiate ntlm".split())


def check_silence(error: DiscoveryError, failure: str | None, *, resolves: bool | None) -> Finding:
    """Return the problem of a server that did not answer.

    Args:
        error: What the library says of it.
        failure: The kind of the failure.
        resolves: Whether the name of the host is known; None when that was not tried.
    """
    kind = failure or ""
    code = "unknown-host" if resolves is False else _CODES.get(kind, "no-answer")
    what = {
        "tls": "its certificate could not be verified",
        "proxy": "the proxy refused, or could not be reached",
        "ca-bundle": "the file of certificates to trust cannot be used",
        "unknown-host": "nobody knows a host of that name",
    }.get(code, "no answer came")
    remedy = "Check the spelling of the host, and the network." if resolves is False else _REMEDIES.get(kind)
    return Finding(
        step=Step.ANSWER,
        level=Level.PROBLEM,
        code=code,
        what=f"{what} ({printable(kind, 40)})",
        why=error.message,
        remedy=remedy or error.hint,
    )


def check_answer(url: str, reply: Reply, challenge: Challenge) -> Iterator[Finding]:
    """Yield what follows from the answer.

    Args:
        url: What was asked.
        reply: What came back.
        challenge: What it asks for; empty when nothing usable.
    """
    if reply.status in (401, 403):
        yield from _refused(url, reply, challenge)
    elif reply.status < 300 and not is_page(reply) and read_message(reply) is not None:
        yield _found(
            Level.WARNING,
            "open",
            f"it is open: it answers without a token (HTTP {reply.status})",
            why="Nobody is asked to sign in, unless it asks for a token at some calls only.",
        )
    elif 400 <= reply.status < 500 and read_message(reply) is not None:
        yield _found(
            Level.WARNING,
            "open",
            f"it is open: it reads requests without a token, and refuses this one (HTTP {reply.status})",
            why="Nobody is asked to sign in, unless it asks for a token at some calls only.",
        )
    elif 300 <= reply.status < 400:
        yield _found(Level.SKIPPED, "redirect", f"it answers with a redirect (HTTP {reply.status})")
    else:
        yield _no_mcp(reply)


def _refused(url: str, reply: Reply, challenge: Challenge) -> Iterator[Finding]:
    lines = [reply.headers.get("www-authenticate", "")]
    if challenge.scheme:
        yield _challenged(url, reply.status, challenge)
        if reply.status == 403 and not challenge.insufficient_scope:
            yield _found(
                Level.WARNING,
                "403-not-401",
                "it says 403 where 401 is meant",
                why="A program that calls it is not asked to sign in by that: only a 401 is answered by a sign-in.",
                remedy="Sign in before the first call: OAuth.sign_in(), or mcp-oauth-sync auth. Tell its operator.",
            )
    elif reply.status == 403:
        gateway = is_page(reply)
        yield _found(
            Level.PROBLEM if gateway else Level.WARNING,
            "blocked" if gateway else "403-no-challenge",
            "HTTP 403 with a page for people" if gateway else "HTTP 403, and no challenge",
            why="A gateway in front of it seems to block programs." if gateway else "It does not ask for a token.",
            remedy="Its operator has to let programs through. oauth_headers= adds headers to requests of the sign-in, "
            "per origin."
            if gateway
            else "Check the URL, and from where it may be called.",
        )
    else:
        others = sorted({scheme for scheme, _ in parse_challenges(lines)} & _OTHER_SCHEMES)
        asks = f"HTTP 401, and asks for {', '.join(others)}" if others else "HTTP 401, without a challenge"
        yield _found(
            Level.WARNING,
            "other-scheme" if others else "no-challenge",
            f"{asks}, not for Bearer or DPoP" if others else asks,
            why="Its metadata is looked for at the well-known places, which a challenge would name.",
        )


def _challenged(url: str, status: int, challenge: Challenge) -> Finding:
    told = [f"HTTP {status}, asks for {'DPoP' if challenge.scheme == 'dpop' else 'Bearer'}"]
    if challenge.dpop_offered and challenge.scheme != "dpop":
        told.append("or DPoP")
    if challenge.scope:
        told.append(f"scope {printable(challenge.scope, 80)!r}")
    named = challenge.resource_metadata
    if named is None:
        told.append("names no metadata")
    elif same_origin(named, url):
        told.append("names its metadata")
    else:
        told.append(f"names its metadata at {printable(without_query(named), 100)}")
    return _found(Level.OK, "challenge", ", ".join(told))


def _no_mcp(reply: Reply) -> Finding:
    """Return what is told of an answer that no MCP server gives."""
    described = reply.describe()
    if reply.status == 429:
        wait = reply.retry_after()
        later = f"in {wait:.0f} seconds" if wait else "later"
        return _found(Level.PROBLEM, "rate-limited", "HTTP 429: too many requests", remedy=f"Try again {later}.")
    if reply.status >= 500:
        return _found(
            Level.PROBLEM,
            "server-fault",
            f"HTTP {reply.status}: a fault of the server",
            why=f"It answered {described}.",
            remedy="Try again later; if it stays, report it to its operator.",
        )
    if is_page(reply):
        return _found(
            Level.PROBLEM,
            "web-page",
            f"HTTP {reply.status}, a page for people: no MCP server is there",
            why=f"It answered {described}.",
            remedy="Check the path: many MCP servers are at /mcp or /sse of their host.",
        )
    if reply.status == 405:
        return _found(
            Level.WARNING,
            "no-post",
            "HTTP 405: it takes no POST there",
            why="Either the path is not the one of the MCP server, or it speaks only the HTTP+SSE of 2024-11-05.",
            remedy="Check the path.",
        )
    return _found(
        Level.PROBLEM,
        "no-mcp",
        f"HTTP {reply.status}: no MCP server seems to be there",
        why=f"It answered {re.sub(r'^HTTP [0-9]+, ?', '', described)}.",
        remedy="Check the URL.",
    )


def _found(level: Level, code: str, what: str, *, why: str | None = None, remedy: str | None = None) -> Finding:
    return Finding(step=Step.ANSWER, level=level, code=code, what=what, why=why, remedy=remedy)

"""Steps 3 to 6: from the challenge to the ways of signing in, by the rules of a sign-in and up to its first act."""

from __future__ import annotations

from collections.abc import Iterator

from ..exceptions import AuthorizationError, DiscoveryError, InsecureURLError, OAuthError
from ..models.metadata import AuthorizationServerMetadata, ProtectedResourceMetadata
from ..prompts.surroundings import browser_reaches_person, in_notebook, somebody_there
from . import authorization_server, resource, ways
from .finding import Finding, Level, Step, skipped
from .recording import RecordingTransport
from .server import ExaminedServer

Findings = tuple[Finding, ...]
# Answers by which a server asks for a token, well or badly.
_ASKS = ("challenge", "no-challenge", "other-scheme")


def examine_oauth(
    server: ExaminedServer, http: RecordingTransport, answered: Finding, *, registers: bool
) -> Iterator[Findings]:
    """Yield what is found, step by step.

    Args:
        server: The MCP server, which was asked without a token.
        http: What asks.
        answered: What came of that.
        registers: Whether a registration is tried.
    """
    try:
        published = server.discover_protected_resource()
    except (DiscoveryError, InsecureURLError) as error:
        yield (resource.check_no_resource(error),)
        yield skipped((Step.SERVER, Step.CLIENT, Step.WAYS), "not known without the metadata of the resource")
        return
    seen = http.last("protected resource metadata") if published else None
    raw = seen.reply.json_object() if seen and seen.reply else None
    told = tuple(resource.check_resource(server.server_url, published, place=seen.url if seen else None, raw=raw))
    try:
        found = server.discover_authorization_server()
    except OAuthError as error:
        yield told
        yield (authorization_server.check_no_server(error, server.server_url),)
        yield skipped((Step.CLIENT, Step.WAYS), "not known without the authorization server")
        return
    if published is None and found.guessed and answered.code not in _ASKS:
        yield from _no_oauth(answered)
        return
    yield (*told, *_bound(server, published, found))
    asked = http.last("authorization server metadata")
    yield tuple(
        authorization_server.check_server(
            found,
            server.concessions.switches,
            place=asked.url if asked and found.published else None,
            allow_loopback=http.allow_loopback,
        )
    )
    yield from _examine_plan(server, registers=registers)


def _no_oauth(answered: Finding) -> Iterator[Findings]:
    """Yield that nothing there is about signing in, as bad as that is."""
    yield skipped((Step.RESOURCE,), "it publishes none")
    if answered.code == "open":
        yield skipped((Step.SERVER, Step.CLIENT, Step.WAYS), "none: no sign-in is needed")
        return
    if answered.level is Level.PROBLEM:
        yield skipped((Step.SERVER,), "nothing is published there about signing in either")
    else:
        yield (
            Finding(
                step=Step.SERVER,
                level=Level.PROBLEM,
                code="no-oauth",
                what="nothing there says that one can sign in",
                why="It sends no challenge, and publishes neither of the two documents of MCP authorization.",
                remedy="Check the URL. If you know its authorization server, pass issuer= with it.",
            ),
        )
    yield skipped((Step.CLIENT, Step.WAYS), "none")


def _bound(
    server: ExaminedServer, published: ProtectedResourceMetadata | None, found: AuthorizationServerMetadata
) -> Findings:
    required = server.challenge.dpop_only or bool(published and published.dpop_bound_access_tokens_required)
    try:
        bound: bool | OAuthError = server.would_bind(found)
    except AuthorizationError as error:
        bound = error
    return tuple(resource.check_binding(bound, required=required))


def _examine_plan(server: ExaminedServer, *, registers: bool) -> Iterator[Findings]:
    try:
        plan = server.plan()
    except AuthorizationError:  # tokens cannot be bound, which was told
        yield skipped((Step.CLIENT, Step.WAYS), "not looked at, because of tokens that are bound to a key")
        return
    client = tuple(ways.check_client(plan, tries=registers))
    if registers and client[0].code == "client-dynamic":
        client += tuple(ways.try_registration(plan))
    yield client
    yield tuple(ways.check_ways(plan, here()))


def here() -> str:
    """Return how a person would be asked from here: browser, paste, notebook or nobody."""
    if in_notebook():
        return "notebook"
    if not somebody_there():
        return "nobody"
    return "browser" if browser_reaches_person() else "paste"

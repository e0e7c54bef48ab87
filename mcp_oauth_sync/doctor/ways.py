"""Steps 5 and 6: how we would be known to the authorization server, and which ways of signing in work here.

RFC 7591, RFC 8252, RFC 8628, RFC 6749 section 4.4; client-id metadata documents.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..exceptions import (
    AuthorizationError,
    InsecureURLError,
    RegistrationError,
    RegistrationRequiredError,
    printable,
)
from ..grants.jwt_bearer import GRANT_TYPE as JWT_BEARER
from ..identity import Way, choose_way
from ..models.client import ClientRegistration
from ..models.metadata import AuthorizationServerMetadata
from ..models.options import SignInOptions
from ..protocol.device import GRANT_TYPE as DEVICE_CODE
from ..protocol.pkce import require_pkce
from ..sign_in import SignIn
from ..urls import portless, without_query
from .finding import Finding, Level, Step, skipped


def check_client(plan: SignIn, *, tries: bool) -> Iterator[Finding]:
    """Yield how we would be known, without becoming anybody.

    Args:
        plan: The sign-in that would follow.
        tries: Whether a registration is going to be tried.
    """
    try:
        way = choose_way(plan.options, plan.server, plan.saved, scopes=plan.scopes)
    except RegistrationError as error:
        if isinstance(error, RegistrationRequiredError):
            why = "A client has to be registered there by hand, once."
            yield Finding.of(error, Step.CLIENT, "no-registration", "it registers no clients by itself", why=why)
        else:
            what = "the client belongs to another authorization server"
            yield Finding.of(error, Step.CLIENT, "client-of-another-issuer", what)
        return
    reads = plan.server.client_id_metadata_document_supported
    document = "; it reads client-id documents too (client_id_metadata_url=)" if reads else ""
    said = {
        Way.PREREGISTERED: "the client you give, registered by hand",
        Way.DOCUMENT: "the client-id document you give",
        Way.SAVED: "the client of the earlier sign-in",
        Way.DYNAMIC: f"a client that is registered at the first sign-in{document}",
    }[way]
    guess = "; whether it registers anybody is a guess" if way is Way.DYNAMIC and plan.server.guessed else ""
    untried = "; not tried, --register does" if way is Way.DYNAMIC and not tries else ""
    yield _client(Level.OK, f"client-{way.name.lower()}", f"{said}{guess}{untried}")


def try_registration(plan: SignIn) -> Iterator[Finding]:
    """Register a client, and yield what came of it and what is left of it there. RFC 7591, RFC 7592.

    Args:
        plan: The sign-in that would follow.
    """
    try:
        made = plan.register(plan.options.callback.unbound)
    except (RegistrationError, InsecureURLError) as error:
        other = plan.at_localhost(error) if isinstance(error, RegistrationError) else None
        if other is None:
            yield Finding.of(error, Step.CLIENT, "registration-refused", "the registration that was tried was refused")
            return
        try:
            made = other.register(other.options.callback.unbound)
        except (RegistrationError, InsecureURLError) as second:
            yield Finding.of(second, Step.CLIENT, "registration-refused", "both registrations that were tried failed")
            return
        yield _client(
            Level.WARNING,
            "localhost-only",
            "it refuses redirects to 127.0.0.1, and takes localhost",
            why="A sign-in finds that out by itself; it costs one more request.",
            remedy="To say so at once, pass callback_host='localhost'.",
        )
    yield _client(Level.OK, "registered", f"a registration was tried, and worked ({', '.join(_made_as(made))})")
    yield _left(made)


def _made_as(made: ClientRegistration) -> Iterator[str]:
    yield f"authenticates by {printable(made.token_endpoint_auth_method or 'none', 40)}"
    if made.client_secret_expires_at:
        yield "its secret expires"


def _left(made: ClientRegistration) -> Finding:
    if made.registration_client_uri and made.registration_access_token:
        return _client(
            Level.WARNING,
            "client-left",
            "that client is still there; the server lets its owner remove it (RFC 7592)",
            why=f"It is managed at {without_query(made.registration_client_uri)}, by a credential that was not kept.",
        )
    return _client(
        Level.WARNING,
        "client-left",
        "that client is still there, and cannot be removed from here",
        why="The server offers no management of registrations (RFC 7592). Unused ones do no harm; most run out.",
    )


def _client(level: Level, code: str, what: str, *, why: str | None = None, remedy: str | None = None) -> Finding:
    return Finding(step=Step.CLIENT, level=level, code=code, what=what, why=why, remedy=remedy)


def check_ways(plan: SignIn, here: str) -> Iterator[Finding]:
    """Yield which ways of signing in the server and this place have in common.

    Args:
        plan: The sign-in that would follow.
        here: How a person would be asked here: browser, paste, notebook or nobody.
    """
    server, kinds = plan.server, plan.server.grant_types_supported or ()
    ways = []
    if _takes_browsers(server, plan):
        ways.append(_browser(here))
    if server.device_authorization_endpoint or DEVICE_CODE in kinds:
        ways.append("a code on another device (--device)")
    if "client_credentials" in kinds:
        ways.append("a program as itself (--machine)")
    if JWT_BEARER in kinds:
        ways.append("a program by assertion (JWTBearerGrant)")
    if not ways and server.authorization_endpoint:
        yield from skipped((Step.WAYS,), "none until PKCE is settled, see above")
        return
    if not ways:
        why = "It names no authorization endpoint, and no other grant."
        yield _way(Level.PROBLEM, "no-way-in", "there is no way to sign in that is known here", why=why)
        return
    yield _way(Level.OK, "ways", "; ".join(ways))
    if here == "nobody" and ways[0].startswith("browser"):
        yield _way(
            Level.WARNING,
            "nobody-here",
            "no person can be asked from here: there is no terminal",
            remedy="Run mcp-oauth-sync auth in a terminal once; later programs find the sign-in.",
        )
    if _takes_browsers(server, plan):
        yield _way(Level.OK, "redirect", f"{_scopes(plan)}; {_redirects(plan.options)}")


def _takes_browsers(server: AuthorizationServerMetadata, plan: SignIn) -> bool:
    if not server.authorization_endpoint:
        return False
    try:
        require_pkce(server, assumed=plan.switches.assume_pkce)
    except AuthorizationError:
        return False
    return True


def _browser(here: str) -> str:
    return {
        "browser": "browser, which opens here",
        "paste": "browser elsewhere, with the answer pasted here",
        "notebook": "browser, by a link in the notebook",
    }.get(here, "browser")


def _scopes(plan: SignIn) -> str:
    return f"asks for scope {printable(' '.join(plan.scopes), 120)!r}" if plan.scopes else "asks for no scope"


def _redirects(options: SignInOptions) -> str:
    callback = options.callback
    uris = callback.uris(callback.unbound) if callback.exact or callback.fixed else (portless(callback.unbound),)
    port = "" if callback.exact or callback.fixed else " with any free port"
    tried = (
        "" if options.callback_host or options.redirect_uri else "; localhost instead is tried where that is refused"
    )
    return f"the answer comes back to {printable(' or '.join(uris), 120)}{port}{tried}"


def _way(level: Level, code: str, what: str, *, why: str | None = None, remedy: str | None = None) -> Finding:
    return Finding(step=Step.WAYS, level=level, code=code, what=what, why=why, remedy=remedy)

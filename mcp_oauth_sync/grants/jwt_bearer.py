"""The JWT bearer grant: a workload shows what its platform says of it. RFC 7523 section 2.1; MCP workload identity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..exceptions import AuthorizationError, TokenExchangeError, printable
from ..models.document import Document
from ..models.secret import Secret
from ..protocol.foreign_assertion import audiences, fingerprint, is_past, read_claims
from ..protocol.given_secret import read_given
from ..protocol.server_metadata import same_issuer
from .base import Grant, GrantContext, Obtained

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: A JWT, the file it lies in, or a function that is given the authorization server it has to be for.
AssertionSource = str | Path | Callable[[str], str]
_WHAT = "the assertion"


class JWTBearerGrant(Grant):
    """Signs in a workload by the JWT that its platform has signed for it, and no person.

    No client is needed. One that is given (``client_id=``, with a secret or key if it has one) is named beside the
    assertion. An assertion goes only to the server it says it is for, or to the one that ``issuer=`` names.

    Args:
        assertion: The JWT; the path of a file that is read anew each time, as platforms replace it there; or a
            function that returns it, given the issuer that it has to be for.

    Raises:
        ValueError: The text is empty.

    Example::

        OAuth("https://mcp.example.com/mcp", grant=JWTBearerGrant(Path("/var/run/secrets/tokens/mcp")))
    """

    name = "jwt_bearer"
    interactive = False
    grant_types = (GRANT_TYPE,)

    def __init__(self, assertion: AssertionSource) -> None:
        """Read nothing yet."""
        self._assertion = source_of(assertion)

    @property
    def whose(self) -> str | None:
        """What tells this workload from others; None where a function brings what it says.

        Several workloads that share a store and use functions each need a ``name=`` or ``profile=``.

        Raises:
            AuthorizationError: The file cannot be read.
        """
        if callable(self._assertion):
            return None
        return fingerprint(read_given(self._assertion, what=_WHAT, failed=AuthorizationError))

    def obtain(self, context: GrantContext) -> Obtained:
        """Obtain tokens.

        Raises:
            AuthorizationError: There is no assertion, it is for another server, or the server has no token endpoint.
            RegistrationError: The client belongs to another server, or its key cannot be used.
            InsecureURLError: The token endpoint may not be contacted.
            TokenExchangeError: The server gives no tokens for it.
        """
        audience = context.server.issuer or context.token_endpoint
        assertion = read_given(self._assertion, audience, what=_WHAT, failed=AuthorizationError)
        claims = read_claims(assertion)
        _require_for(context, assertion, claims)
        fields = {"grant_type": GRANT_TYPE, "assertion": assertion}
        try:
            return context.request_tokens(context.known_client, fields, what=_WHAT)
        except TokenExchangeError as failure:
            if failure.error == "invalid_grant" and claims is not None and is_past(claims):
                failure.hint = "By this machine's clock its time is over: have the platform issue another one."
            raise


def source_of(assertion: AssertionSource) -> AssertionSource:
    """Return where an assertion comes from; one that is given as text shows itself nowhere."""
    if not isinstance(assertion, str):
        return assertion
    if not assertion.strip():
        raise ValueError("the assertion must not be empty")
    return Secret(assertion)


def _require_for(context: GrantContext, assertion: str, claims: Document | None) -> None:
    """Refuse to show an assertion to a server that could use it elsewhere."""
    server, bound = context.server, context.options.issuer
    if assertion.count(".") not in (2, 4):  # signed, or encrypted (RFC 7516)
        raise AuthorizationError(
            "The assertion is no JWT; it was not sent.", hint="A file is given by a pathlib.Path, not by a text."
        )
    if not server.issuer or (bound is not None and same_issuer(bound, server.issuer)):
        return
    told = audiences(claims) if claims is not None else ()
    if any(same_issuer(audience, server.issuer) or audience == server.token_endpoint for audience in told):
        return
    shown = printable(" ".join(told) or "nobody in particular")
    raise AuthorizationError(
        f"The assertion is for {shown}, but {context.server_url} uses {printable(server.issuer)}; it was not sent.",
        hint="Get one for that issuer, or pass issuer= if that server takes this one.",
        issuer=server.issuer,
    )

"""What to do about a sign-in that a person could not complete, from what is known of the server and of us.

An authorization server shows a page, and sends the browser nowhere, where it does not know the client or its redirect.
"""

from __future__ import annotations

from ..exceptions import AuthorizationError, AuthorizationTimeoutError, OAuthError, printable
from ..models.client import DOCUMENT, ClientRegistration
from ..models.metadata import AuthorizationServerMetadata
from ..protocol.remedies import UNPUBLISHED

# Errors by which a server says that what it was asked is not as the client's document says.
_OTHER_THAN_DOCUMENTED = frozenset({"invalid_request", "invalid_redirect_uri", "invalid_client", "unauthorized_client"})


def advise(
    error: OAuthError, server: AuthorizationServerMetadata, registration: ClientRegistration | None, redirect_uri: str
) -> None:
    """Add to the hint of an error what may be behind it.

    Args:
        error: What ended the sign-in.
        server: The authorization server.
        registration: Who asked; None when it did not come to that.
        redirect_uri: Where the answer was to come back to.
    """
    late = isinstance(error, AuthorizationTimeoutError)
    doubted = late or (isinstance(error, AuthorizationError) and error.error in _OTHER_THAN_DOCUMENTED)
    further = None
    if late and server.guessed:
        further = f"If the page was not found: {UNPUBLISHED}"
    elif doubted and registration is not None and registration.source == DOCUMENT:
        further = (
            f"{printable(redirect_uri)} has to be among the redirect URIs in {printable(registration.client_id)}: "
            "choose a port that is with callback_port=, or write the document anew with 'mcp-oauth-sync "
            "client-document --ports'."
        )
    if further:
        error.hint = f"{error.hint} {further}" if error.hint else further

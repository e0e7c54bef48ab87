"""The client credentials grant: a program signs in as itself. RFC 6749 section 4.4; MCP client credentials."""

from __future__ import annotations

from ..exceptions import RegistrationRequiredError, printable
from .base import Grant, GrantContext, Obtained


class ClientCredentialsGrant(Grant):
    """Signs in a program as itself, with its own secret or private key, and no person.

    Who the program is belongs to the sign-in, as for people: ``client_id=`` with ``client_secret=`` or ``client_key=``,
    registered by hand at the authorization server. ``issuer=`` names that server, so that the credentials go to no
    other.

    Example::

        OAuth(
            "https://mcp.example.com/mcp",
            client_id="nightly-job",
            client_secret=os.environ["CLIENT_SECRET"],
            issuer="https://login.example.com",
            grant=ClientCredentialsGrant(),
        )
    """

    name = "client_credentials"
    interactive = False
    grant_types = ("client_credentials",)

    def obtain(self, context: GrantContext) -> Obtained:
        """Obtain tokens.

        Raises:
            RegistrationRequiredError: There are no credentials.
            RegistrationError: The client belongs to another server, or its key cannot be used.
            InsecureURLError: The token endpoint may not be contacted.
            AuthorizationError: The server has no token endpoint.
            TokenExchangeError: The server gives no tokens.
        """
        client = context.known_client
        if client is None or not (client.client_secret or context.options.client_key):
            raise RegistrationRequiredError(
                f"A program that signs in to {context.server_url} as itself needs credentials, and none were given.",
                hint=f"Register it at {printable(context.server.issuer)} by hand and pass client_id= with "
                "client_secret= or client_key=.",
                issuer=context.server.issuer,
            )
        return context.request_tokens(client, {"grant_type": self.name}, what="the client's credentials")

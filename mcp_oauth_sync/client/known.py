"""What a client knows of its MCP server, and how it finds that out. RFC 9728, RFC 8414."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests

from ..concessions import Concessions, accepted_resource, choose_concessions, choose_directions
from ..discovery import choose_resource, fetch_challenge, find_resource_metadata, find_server, recall_none
from ..exceptions import MetadataMismatchError, OAuthError, printable
from ..identity import wrong_issuer
from ..models.metadata import AuthorizationServerMetadata, ProtectedResourceMetadata
from ..models.options import SignInOptions
from ..models.record import ServerRecord
from ..models.switches import Switches
from ..models.tokens import OAuthTokens
from ..protocol.challenge import Challenge, select_challenge
from ..protocol.documents import Trace
from ..protocol.presented import Provers
from ..protocol.server_metadata import same_issuer
from ..protocol.transport import Transport, guard_of
from ..stores.known_issuers import KnownIssuers
from ..urls import is_loopback, require_secure, without_query
from .acquaintance import Acquaintance


class KnownServer:
    """Knows one MCP server: what an earlier sign-in left behind, then what the server was asked.

    Args:
        server_url: The MCP server.
        options: The caller's choices.
        session: Supplies proxies, CA bundle, client certificate and adapters.
        http: A transport made already; wins over ``session``.
        record: What an earlier sign-in left behind.
        issuers: Authorization servers known from sign-ins at other MCP servers; None knows none.

    Attributes:
        protected_resource: What the MCP server says about itself; None until asked, or when it says nothing.
        authorization_server: What its authorization server says; None until asked.
        resource: The ``resource`` that is sent; None until known, or when none is sent.
        registration: Who we are there; None until known.
        concessions: Where the authorization server is met halfway; nothing until it is known.
        record: Everything to keep of the sign-in.

    Raises:
        InsecureURLError: ``server_url`` is neither https nor on the loopback interface.
    """

    def __init__(
        self,
        server_url: str,
        *,
        options: SignInOptions,
        session: requests.Session | None,
        http: Transport | None,
        record: ServerRecord | None,
        issuers: KnownIssuers | None = None,
    ) -> None:
        """Check the URL; nothing is sent yet."""
        local = is_loopback(require_secure(server_url, "MCP server URL").hostname)
        self.server_url, self.options = server_url, options
        self.http = http or Transport(
            session=session or requests.Session(),
            headers_for=options.headers_for,
            allow_loopback=local,
            guard=guard_of(server_url, public_only=options.public_only),
        )
        self.protected_resource: ProtectedResourceMetadata | None = None
        self.authorization_server: AuthorizationServerMetadata | None = None
        self.record = record or ServerRecord(server_url=server_url)
        self.resource = self.record.resource
        self.registration = self.record.registration
        self.concessions = Concessions()
        self._challenge: Challenge | None = None
        self._provers = Provers(without_query(server_url))
        self._resource_asked = False
        self._acquaintance = Acquaintance(issuers)
        self._said: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
        self._trace = Trace()

    @property
    def tokens(self) -> OAuthTokens | None:
        """The tokens last obtained, or None."""
        return self.record.tokens

    @property
    def tried(self) -> tuple[str, ...]:
        """One line per URL tried while discovering."""
        return tuple(self._trace.lines)

    def discover_protected_resource(self, prm_url: str | None = None) -> ProtectedResourceMetadata | None:
        """Fetch what the MCP server says about itself. RFC 9728.

        Args:
            prm_url: Where it is; None looks where the challenge said, else at the well-known places.

        Returns:
            The document, or None when there is none.

        Raises:
            DiscoveryError: It is missing where one was promised, malformed, about something else, or out of reach.
            InsecureURLError: A URL may not be contacted.
        """
        named = prm_url or (self._challenge.resource_metadata if self._challenge else None)
        self.protected_resource = find_resource_metadata(
            self.http,
            self.server_url,
            named=named,
            trace=self._trace,
            accept=lambda published: accepted_resource(self.options, self.record, published),
            needed=not choose_directions(self.options, self.record, ()).issuer,
        )
        self.resource = choose_resource(self.server_url, self.protected_resource)
        self._resource_asked = True
        return self.protected_resource

    def discover_from_error_response(self, response: requests.Response) -> ProtectedResourceMetadata | None:
        """Take the challenge of a 401 or 403 answer, then do as :meth:`discover_protected_resource`.

        Args:
            response: The answer of the MCP server.
        """
        self._challenge = select_challenge([response.headers.get("WWW-Authenticate", "")])
        return self.discover_protected_resource()

    def discover_authorization_server(self) -> AuthorizationServerMetadata:
        """Fetch what the authorization server says about itself, finding out which one it is first. RFC 8414.

        Raises:
            DiscoveryError: It cannot be found out.
            InsecureURLError: A URL may not be contacted.
        """
        if not self._resource_asked:
            self.discover_protected_resource()
        named = self.protected_resource.authorization_servers if self.protected_resource else ()
        wanted, client_id = self.options.issuer, self.options.client_id
        if wanted and client_id and named and not any(same_issuer(wanted, issuer) for issuer in named):
            raise wrong_issuer(client_id, wanted, named[0])
        known = (wanted, self.registration.issuer if self.registration else None, self.record.issuer)
        self.authorization_server = find_server(
            self.http,
            self.server_url,
            self.protected_resource,
            prefer=[issuer for issuer in known if issuer],
            told=choose_directions(self.options, self.record, named),
            recall=recall_none if self.record.issuer else self._acquaintance.recall,
            trace=self._trace,
        )
        self._concede(self.authorization_server)
        return self.authorization_server

    def _concede(self, server: AuthorizationServerMetadata) -> Switches:
        """Settle where the authorization server is met halfway, and with it the resource."""
        published = self.protected_resource
        self.concessions = choose_concessions(
            self.options, self.record, server.issuer, server_url=self.server_url, published=published
        )
        switches = self.concessions.switches
        known = None if self._resource_asked else self.record.resource  # endpoints spelled out: nobody was asked
        standard = known or choose_resource(self.server_url, published)
        self.resource = None if switches.no_resource else switches.resource or standard
        return switches

    @contextmanager
    def _reminded(self) -> Iterator[None]:
        """Let the hint of what fails name the issuer that is in use now, where a yes of the caller is for another."""
        try:
            yield
        except OAuthError as error:
            now = self.authorization_server.issuer if self.authorization_server else ""
            error.hint = self.concessions.remind(error.hint, issuer=now, before=self.record.issuer)
            raise

    def _hear_challenge(self, challenge: Challenge | None) -> None:
        """Take the challenge to answer; where nobody has heard one yet, ask the server for it."""
        if challenge is not None:
            self._challenge = challenge
        elif self._challenge is None and self.authorization_server is None:
            self._challenge = fetch_challenge(self.http, self.server_url) or Challenge()

    def _require_issuer(self, server: AuthorizationServerMetadata, *, hint: str = "Sign in again.") -> None:
        """Check that nothing of one authorization server goes to another."""
        bound = self.record.issuer or (self.registration.issuer if self.registration else None)
        if bound and not same_issuer(server.issuer, bound):
            raise MetadataMismatchError(
                f"The sign-in is one at {printable(bound)}, but the server now uses {printable(server.issuer)}; "
                "nothing was sent there.",
                hint=hint,
                url=server.issuer,
                expected=printable(bound),
                received=printable(server.issuer),
            )

    def _keep(self, record: ServerRecord) -> OAuthTokens:
        self.record, self.registration = record, record.registration
        assert record.tokens is not None  # noqa: S101  (every caller has just obtained some)
        return record.tokens

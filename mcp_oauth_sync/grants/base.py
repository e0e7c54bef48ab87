"""What a way of obtaining tokens is given, and what it gives back. RFC 6749 section 1.3."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import attrs

from ..models.client import ClientRegistration
from ..models.metadata import AuthorizationServerMetadata
from ..models.options import SignInOptions
from ..models.tokens import OAuthTokens
from ..prompts.base import Prompt
from ..protocol.transport import Transport


@attrs.frozen(kw_only=True)
class GrantContext:
    """Everything a grant may need.

    Attributes:
        http: The transport.
        server: The authorization server.
        server_url: What the sign-in is for, to be named to the person.
        resource: RFC 8707 resource; None sends none.
        scopes: Scopes to ask for; empty asks for none.
        prompt: How a person is asked.
        redirect_uri: The redirect to listen on; port 0 stands for any.
        exact_redirect: Whether only that port will do.
        identify: Gives our registration for the redirect that is really bound; ``fresh`` asks for a new one.
        doubtful: A registration from an earlier process that the server may have forgotten; None when there
            is none.
        options: The caller's choices.
    """

    http: Transport
    server: AuthorizationServerMetadata
    server_url: str
    resource: str | None
    scopes: tuple[str, ...]
    prompt: Prompt
    redirect_uri: str
    exact_redirect: bool
    identify: Callable[[str, bool], ClientRegistration]
    doubtful: ClientRegistration | None = None
    options: SignInOptions = attrs.field(factory=SignInOptions)


@attrs.frozen(kw_only=True)
class Obtained:
    """What a grant gives.

    Attributes:
        tokens: The tokens.
        registration: Who we were, with the authentication method that worked.
        redirect_uri: The redirect used; None for grants without one.
    """

    tokens: OAuthTokens
    registration: ClientRegistration
    redirect_uri: str | None = None


class Grant(ABC):
    """A way to obtain tokens.

    Attributes:
        name: Its name in messages and records.
    """

    name: str

    @abstractmethod
    def obtain(self, context: GrantContext) -> Obtained:
        """Obtain tokens.

        Raises:
            OAuthError: None came; the subclass says why.
        """

"""What a client asks to be. RFC 7591 section 2."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from .client import as_texts
from .secret import secret_members


@attrs.frozen(kw_only=True)
class ClientMetadata:
    """What we ask for when registering.

    Attributes:
        client_name: Shown to the person on the consent page.
        client_uri: A page about the program; None leaves it out.
        grant_types: Grants the client will use.
        response_types: Kinds of authorization response.
        application_type: "native" for what runs on a person's machine, "web" behind https; None follows the redirects.
        token_endpoint_auth_method: None lets the library choose what the server offers.
        scope: Scopes to register for, as on the wire; None registers for those about to be requested.
        extra: Further members sent as they are ("software_statement", "logo_uri", ...).

    RFC 7591 section 2; OpenID Connect Registration section 2 (``application_type``).
    """

    client_name: str = "mcp-oauth-sync"
    client_uri: str | None = None
    grant_types: tuple[str, ...] = attrs.field(default=("authorization_code", "refresh_token"), converter=as_texts)
    response_types: tuple[str, ...] = attrs.field(default=("code",), converter=as_texts)
    application_type: str | None = None
    token_endpoint_auth_method: str | None = None
    scope: str | None = None
    extra: Mapping[str, object] = attrs.field(factory=dict, repr=False, converter=secret_members)

"""The two metadata documents of discovery. RFC 9728 section 2, RFC 8414 section 2."""

from __future__ import annotations

import attrs

from .document import Document, flag, required_text, text, texts


@attrs.frozen(kw_only=True)
class ProtectedResourceMetadata:
    """What an MCP server says about itself.

    Attributes:
        resource: The resource identifier that tokens have to be made for.
        authorization_servers: Issuers that can make them, in the server's order.
        scopes_supported: Scopes for basic use; None when not said.
        dpop_signing_alg_values_supported: Algorithms of the proofs it takes; None when not said.
        dpop_bound_access_tokens_required: It takes sender-constrained tokens only.

    RFC 9728 section 2.
    """

    resource: str
    authorization_servers: tuple[str, ...] = ()
    scopes_supported: tuple[str, ...] | None = None
    dpop_signing_alg_values_supported: tuple[str, ...] | None = None
    dpop_bound_access_tokens_required: bool = False

    @classmethod
    def from_document(cls, document: Document) -> ProtectedResourceMetadata:
        """Check the types of a fetched document.

        Raises:
            MalformedDocument: ``resource`` is missing or a member has a wrong type.
        """
        return cls(
            resource=required_text(document, "resource"),
            authorization_servers=texts(document, "authorization_servers") or (),
            scopes_supported=texts(document, "scopes_supported"),
            dpop_signing_alg_values_supported=texts(document, "dpop_signing_alg_values_supported"),
            dpop_bound_access_tokens_required=flag(document, "dpop_bound_access_tokens_required"),
        )


@attrs.frozen(kw_only=True)
class AuthorizationServerMetadata:
    """What an authorization server says about itself. Endpoints are checked where they are used.

    Attributes:
        issuer: The issuer identifier, exactly as published.
        authorization_endpoint: Where the browser goes; None when not offered.
        token_endpoint: Where codes and refresh tokens go; None when not offered.
        registration_endpoint: RFC 7591; None when not offered.
        revocation_endpoint: RFC 7009; None when not offered.
        device_authorization_endpoint: RFC 8628; None when not offered.
        scopes_supported: Every scope it knows; None when not said.
        grant_types_supported: None when not said.
        code_challenge_methods_supported: PKCE methods; None when not said.
        token_endpoint_auth_methods_supported: None when not said, which by RFC 8414 means basic.
        token_endpoint_auth_signing_alg_values_supported: Algorithms of client assertions; None when not said.
        dpop_signing_alg_values_supported: Algorithms of the proofs it takes (RFC 9449); None when not said.
        authorization_response_iss_parameter_supported: RFC 9207 section 3.
        client_id_metadata_document_supported: Client-id metadata documents are understood.
        published: False for the default endpoints of a server that publishes no document.

    RFC 8414 section 2; OpenID Connect Discovery 1.0 section 3.
    """

    issuer: str
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    registration_endpoint: str | None = None
    revocation_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    scopes_supported: tuple[str, ...] | None = None
    grant_types_supported: tuple[str, ...] | None = None
    code_challenge_methods_supported: tuple[str, ...] | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] | None = None
    token_endpoint_auth_signing_alg_values_supported: tuple[str, ...] | None = None
    dpop_signing_alg_values_supported: tuple[str, ...] | None = None
    authorization_response_iss_parameter_supported: bool = False
    client_id_metadata_document_supported: bool = False
    published: bool = True

    @classmethod
    def from_document(cls, document: Document) -> AuthorizationServerMetadata:
        """Check the types of a fetched document.

        Raises:
            MalformedDocument: ``issuer`` is missing or a member has a wrong type.
        """
        return cls(
            issuer=required_text(document, "issuer"),
            authorization_endpoint=text(document, "authorization_endpoint"),
            token_endpoint=text(document, "token_endpoint"),
            registration_endpoint=text(document, "registration_endpoint"),
            revocation_endpoint=text(document, "revocation_endpoint"),
            device_authorization_endpoint=text(document, "device_authorization_endpoint"),
            scopes_supported=texts(document, "scopes_supported"),
            grant_types_supported=texts(document, "grant_types_supported"),
            code_challenge_methods_supported=texts(document, "code_challenge_methods_supported"),
            token_endpoint_auth_methods_supported=texts(document, "token_endpoint_auth_methods_supported"),
            token_endpoint_auth_signing_alg_values_supported=texts(
                document, "token_endpoint_auth_signing_alg_values_supported"
            ),
            dpop_signing_alg_values_supported=texts(document, "dpop_signing_alg_values_supported"),
            authorization_response_iss_parameter_supported=flag(
                document, "authorization_response_iss_parameter_supported"
            ),
            client_id_metadata_document_supported=flag(document, "client_id_metadata_document_supported"),
        )

    @property
    def guessed(self) -> bool:
        """Whether these are the default endpoints of a server that publishes nothing."""
        return not self.published and self == self.default_endpoints(self.issuer)

    @classmethod
    def default_endpoints(cls, base: str) -> AuthorizationServerMetadata:
        """Return the endpoints of a server without metadata, as MCP 2025-03-26 orders them.

        Args:
            base: The MCP server's origin.
        """
        return cls(
            issuer=base,
            authorization_endpoint=f"{base}/authorize",
            token_endpoint=f"{base}/token",
            registration_endpoint=f"{base}/register",
            code_challenge_methods_supported=("S256",),
            token_endpoint_auth_methods_supported=("none", "client_secret_post", "client_secret_basic"),
            published=False,
        )

    @classmethod
    def spelled_out(
        cls,
        authorization_url: str,
        token_url: str,
        *,
        issuer: str = "",
        registration_url: str | None = None,
        revocation_url: str | None = None,
    ) -> AuthorizationServerMetadata:
        """Return what a caller says of a server that publishes nothing. PKCE is taken for granted.

        Args:
            authorization_url: The authorization endpoint.
            token_url: The token endpoint.
            issuer: Expected in the redirect (RFC 9207); empty when unknown.
            registration_url: Where to register; None when that is not offered.
            revocation_url: Where to revoke; None when that is not offered.
        """
        return cls(
            issuer=issuer,
            authorization_endpoint=authorization_url,
            token_endpoint=token_url,
            registration_endpoint=registration_url,
            revocation_endpoint=revocation_url,
            code_challenge_methods_supported=("S256",),
            published=False,
        )

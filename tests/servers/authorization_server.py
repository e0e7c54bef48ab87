"""A strict OAuth 2.1 authorization server with a switch for each thing that goes wrong in the field.

Switches are plain attributes and can be changed at any time. Counters count what was granted (`requests()`
tells what was asked); `violations` lists what a correct client would not have done, each of it also refused.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import urlsplit

from . import authorize_endpoint, device_endpoint, registration_endpoint, token_endpoint
from .dpop import TokenBinder
from .ledger import Grant, Ledger
from .machines import Machines
from .messages import Exchange, Reply, html_reply, json_reply, merged
from .origin import Origin
from .strictness import Refusal, check_client_request, guarded

PATHS = {name: f"/{name}" for name in ("register", "authorize", "consent", "token", "revoke", "device", "enter")}


class AuthorizationServer(Origin):
    """One issuer, with its endpoints.

    Args:
        tls: Server side SSL context; None = plain http.
        issuer_path: "/tenant1" for an issuer with a path.
        serve_at: Which well-known documents exist: "oauth", "oidc", "oidc-appended".
        paths: Other paths for endpoints, e.g. {"token": "/oauth2/v1/token"}.
        port: 0 takes a free port.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        *,
        issuer_path: str = "",
        serve_at: Collection[str] = ("oauth",),
        paths: dict[str, str] | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(tls, port=port)
        self._become_authorization_server(issuer_path, serve_at, paths)

    def _become_authorization_server(
        self, issuer_path: str, serve_at: Collection[str], paths: dict[str, str] | None
    ) -> None:
        # Metadata
        self.issuer_path = issuer_path
        self.serve_at = set(serve_at)  # of "oauth", "oidc", "oidc-appended"
        self.paths = {**PATHS, **(paths or {})}
        self.metadata_overrides: dict[str, Any] = {}
        self.scopes_supported: Collection[str] | None = None
        self.iss_advertised = True
        # Registration
        self.registration_mode = "open"  # absent, forbidden, rate-limited, needs-token, loopback-refused
        self.initial_access_token = "initial-access-token-0123456789"
        self.retry_after = "1"
        self.registration_overrides: dict[str, Any] = {}
        self.offer_removal = False  # RFC 7592
        self.removals = 0
        self.secret_ttl: float | None = None
        self.clients: dict[str, dict[str, Any]] = {}
        self.client_documents: dict[str, dict[str, Any]] = {}  # client-id metadata documents, by URL
        self.document_ports = "any"  # of a documented loopback redirect; or exact, or any-if-documented-without
        self.forgotten: set[str] = set()
        self.require_registration = True
        self.unknown_client_status = 400  # 400 or 422 JSON, 500 HTML; at /authorize
        self.unknown_client_error = "invalid_client"  # at /token
        self.auth_methods: tuple[str, ...] = ("none", "client_secret_post", "client_secret_basic")
        # Authorization
        self.auto_consent = True
        self.decision = "allow"  # or "deny", or an error code
        self.port_free_redirects = False
        self.pkce_required = True
        self.resource_required = True
        self.reject_resource = False
        self.allowed_scopes: Collection[str] | None = None
        self.grant_scope: Callable[[str], str] | None = None  # requested scope -> granted scope, as on the wire
        self.iss_mode = "correct"  # absent, wrong, slash
        self.wrong_iss = "https://evil.example.com"
        self.before_redirect: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None
        # Tokens
        self.access_ttl: float | None = 3600
        self.code_ttl = 60.0
        self.token_overrides: dict[str, Any] = {}
        self.token_status = 200
        self.token_form = False
        self.issue_refresh = True
        self.refresh_needs_offline_access = False
        self.rotate = True
        self.omit_refresh_on_refresh = False
        self.refresh_error: tuple[str, int] | None = None
        self.refuse_early_refresh = False
        self.forgive_lost_answers = False  # a used refresh token works until one that it led to is used
        # Device codes
        self.offer_device_codes = False
        self.device_interval: Any = 5  # as sent; ABSENT leaves it out
        self.device_ttl = 900.0
        self.device_overrides: dict[str, Any] = {}
        self.device_slow_downs = 0  # so many questions are told to slow down
        self.devices: dict[str, device_endpoint.Device] = {}
        # Grants without a person
        self.machines = Machines(self)
        self.dpop = TokenBinder(self)
        # What happened
        self.registrations = self.authorizations = self.exchanges = 0
        self.refreshes = self.revocations = self.reuses = self.code_reuses = self.forgiven = 0
        self.device_authorizations = 0
        self.device_questions: list[float] = []  # when, by the clock of the ledger
        self.violations: list[str] = []
        self.ledger = Ledger()
        self.ledger.remember(self.initial_access_token)
        self.tickets: dict[str, Grant] = {}
        self.seen_once: set[str] = set()
        self._mount()

    def _mount(self) -> None:
        def locked(endpoint: Callable[[AuthorizationServer, Exchange], Reply]) -> Callable[[Exchange], Reply]:
            def handler(exchange: Exchange) -> Reply:
                with self.lock:
                    return endpoint(self, exchange)

            return handler

        def back(endpoint: Callable[[AuthorizationServer, Exchange], Reply]) -> Callable[[Exchange], Reply]:
            return guarded(locked(endpoint), self)

        self.route("GET", self.paths["authorize"], locked(authorize_endpoint.authorize))
        self.route("GET", self.paths["consent"], locked(authorize_endpoint.consent_form))
        self.route("POST", self.paths["consent"], locked(authorize_endpoint.consent_form))
        self.route("POST", self.paths["register"], back(registration_endpoint.register))
        self.route("GET", self.paths["enter"], locked(device_endpoint.enter_code))
        self.route("POST", self.paths["enter"], locked(device_endpoint.enter_code))
        self.route("POST", self.paths["device"], back(token_endpoint.authorize_device))
        self.route("POST", self.paths["token"], back(token_endpoint.token))
        self.route("POST", self.paths["revoke"], back(token_endpoint.revoke))
        root = {"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"}
        for path in root | set(self.well_knowns.values()):
            self.route("GET", path, back(AuthorizationServer._serve_metadata))

    # Metadata

    @property
    def issuer(self) -> str:
        """The issuer identifier, without a slash at the end."""
        return self.url + self.issuer_path

    @property
    def well_knowns(self) -> dict[str, str]:
        """The path of each metadata document. RFC 8414 section 3, OpenID Connect Discovery section 4."""
        return {
            "oauth": f"/.well-known/oauth-authorization-server{self.issuer_path}",
            "oidc": f"/.well-known/openid-configuration{self.issuer_path}",
            "oidc-appended": f"{self.issuer_path}/.well-known/openid-configuration",
        }

    def endpoint(self, name: str) -> str:
        """Return the URL of an endpoint: register, authorize, consent, token, revoke, device, enter."""
        return self.url + self.paths[name]

    def metadata(self) -> dict[str, Any]:
        """Return the metadata document as served."""
        document: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": self.endpoint("authorize"),
            "token_endpoint": self.endpoint("token"),
            "revocation_endpoint": self.endpoint("revoke"),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": list(self.auth_methods),
            "revocation_endpoint_auth_methods_supported": list(self.auth_methods),
        }
        if self.registration_mode != "absent":
            document["registration_endpoint"] = self.endpoint("register")
        if self.iss_advertised:
            document["authorization_response_iss_parameter_supported"] = True
        if self.scopes_supported is not None:
            document["scopes_supported"] = list(self.scopes_supported)
        if self.offer_device_codes:
            document["device_authorization_endpoint"] = self.endpoint("device")
            document["grant_types_supported"].append(device_endpoint.GRANT_TYPE)
        if self.client_documents:
            document["client_id_metadata_document_supported"] = True
        self.machines.describe(document)
        document.update(self.dpop.metadata())
        return merged(document, self.metadata_overrides)

    def _serve_metadata(self, exchange: Exchange) -> Reply:
        check_client_request(exchange)
        known = [name for name, path in self.well_knowns.items() if path == exchange.path]
        if not known:
            raise Refusal("not_found", "root metadata asked of an issuer with a path", status=404)
        if not self.serve_at & set(known):
            return html_reply("<!doctype html><title>404</title><h1>Not Found</h1>", 404)
        return json_reply(self.metadata())

    # Rules that several endpoints share

    def check_resource(self, exchange: Exchange) -> str | None:
        """Return the resource parameter, checked. RFC 8707 section 2."""
        resource = exchange.param("resource")
        if self.reject_resource and resource is not None:
            raise Refusal("invalid_target", "the resource parameter is not supported", violation=False)
        if resource is None:
            if self.resource_required and not self.reject_resource:
                raise Refusal("invalid_target", "missing resource")
            return None
        parts = urlsplit(resource)
        if not parts.scheme or not parts.netloc or "#" in resource:
            raise Refusal("invalid_target", "resource is no absolute URI without a fragment")
        return resource

    # For tests

    def add_client(self, client_id: str, secret: str | None = None, **metadata: Any) -> dict[str, Any]:
        """Register a client by hand; without `redirect_uris` any redirect URI is taken."""
        method = "none" if secret is None else "client_secret_basic"
        client: dict[str, Any] = {"client_id": client_id, "token_endpoint_auth_method": method}
        client["grant_types"] = ["authorization_code", "refresh_token"]
        if secret is not None:
            client["client_secret"] = self.ledger.remember(secret)
        self.clients[client_id] = {**client, **metadata}
        return self.clients[client_id]

    def forget_clients(self) -> None:
        """Lose every registration, as after a purge or a redeployment."""
        self.forgotten |= set(self.clients)
        self.clients.clear()

    def is_active(self, token: str) -> bool:
        """Whether an access token opens doors now."""
        return self.ledger.active(token) is not None

    def expire_all_access_tokens(self) -> None:
        """End the life of every access token issued so far; refresh tokens go on."""
        with self.lock:
            for entry in self.ledger.access.values():
                entry.expires_at = self.ledger.now()

    def advance(self, seconds: float) -> None:
        """Move this server's clock."""
        self.ledger.offset += seconds

    def revoke_family(self, token: str) -> None:
        """Revoke everything that came from the consent behind an access or refresh token."""
        grant = self.ledger.grant_of(token)
        if grant is None:
            raise KeyError("this server did not issue that token")
        grant.revoked = True

    def scope_of(self, token: str) -> str:
        """Return the scope of an access token, as on the wire."""
        return self.ledger.access[token].scope

    def resource_of(self, token: str) -> str | None:
        """Return the resource an access token is for."""
        return self.ledger.access[token].grant.resource

    @property
    def secrets(self) -> set[str]:
        """Every secret seen or issued here: codes, states, verifiers, tokens, client secrets."""
        return self.ledger.secrets

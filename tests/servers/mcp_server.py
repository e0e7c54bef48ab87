"""A protected MCP server: challenges, metadata, scopes, step-up as switches say. RFC 6750, RFC 9728."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from .authorization_server import AuthorizationServer
from .dpop import BoundResource, noted
from .messages import ABSENT, Exchange, Reply, html_reply, json_reply, merged, redirect_reply
from .origin import Origin
from .speech import speak
from .strictness import TRACKER, Refusal, check_client_request, guarded

WELL_KNOWN = "/.well-known/oauth-protected-resource"
CUSTOM = "/custom/metadata/location.json"
Challenge = str | Callable[[str], str] | None


class McpServer(Origin):
    """A protected resource that takes the tokens of one authorization server.

    POST and GET on `path` answer a valid token with what arrived, as JSON, or with a JSON-RPC result.
    """

    def __init__(
        self,
        authorization_server: AuthorizationServer,
        path: str = "/mcp",
        *,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(tls, port=port)
        self.violations: list[str] = []
        self._become_mcp_server(authorization_server, path)

    def _become_mcp_server(self, authorization_server: AuthorizationServer, path: str) -> None:
        self.authorization_server = authorization_server  # may be replaced: the migration of a server
        self.path = path
        # Metadata
        self.prm_at: set[str] = {"path"}  # of "path", "root", "custom"
        self.prm_overrides: dict[str, Any] = {}
        self.prm_scopes: Collection[str] | None = None
        self.authorization_servers: list[str] | None = None
        # Challenge
        self.challenge: Challenge = None
        """Template with {resource_metadata} and {scope}, or callable that gets the default; ABSENT = none."""
        self.challenge_headers: list[str] | None = None  # these header lines instead
        self.challenge_scope: str | None = None
        self.name_metadata_in_challenge = True
        # Access
        self.open = False
        self.required_scopes: Collection[str] = ()
        self.scope_for: dict[str, str] = {}  # JSON-RPC method, tool name or HTTP method -> scope
        self.always_403: bool | str = False  # a string is the scope the 403 asks for
        self.reject_all_tokens = False
        self.known_as: set[str] = set()  # further resource identifiers that a token may be for
        self.use_sse = False
        self.binding = BoundResource(self)
        # What happened
        self.tokens_seen: list[str | None] = []
        self.streaming = threading.Event()  # set when a stream has been opened
        self._release = threading.Event()
        self._known_servers: list[AuthorizationServer] = []
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            self.route(method, path, self._protected(self._serve))
        self.route("GET", f"{path}/stream", self._protected(self._hold))
        self.route("*", "/redirect", self._redirect)
        for known in {WELL_KNOWN, WELL_KNOWN + path, CUSTOM}:
            self.route("GET", known, guarded(self._serve_prm, self))

    # Addresses

    @property
    def mcp_url(self) -> str:
        """The URL of the MCP server."""
        return self.url + self.path

    @property
    def prm_paths(self) -> dict[str, str]:
        """The path of each place for the metadata. RFC 9728 section 3.1."""
        suffix = "" if self.path == "/" else self.path
        return {"path": WELL_KNOWN + suffix, "root": WELL_KNOWN, "custom": CUSTOM}

    @property
    def prm_url(self) -> str | None:
        """The metadata URL that the challenge names."""
        place = next((name for name in ("custom", "path", "root") if name in self.prm_at), None)
        return self.url + self.prm_paths[place] if place else None

    # Metadata

    def prm_document(self, place: str = "path") -> dict[str, Any]:
        """Return the document as served; the one at the root is about the origin (RFC 9728 section 3.3)."""
        servers = self.authorization_servers
        document: dict[str, Any] = {
            "resource": self.url if place == "root" and self.path != "/" else self.mcp_url,
            "authorization_servers": [self.authorization_server.issuer] if servers is None else servers,
            "bearer_methods_supported": ["header"],
        }
        if self.prm_scopes is not None:
            document["scopes_supported"] = list(self.prm_scopes)
        document.update(self.binding.metadata())
        return merged(document, self.prm_overrides)

    @property
    def resources(self) -> set[str]:
        """The resource identifiers that a token may be for."""
        served = [self.prm_document(place).get("resource") for place in self.prm_at]
        return {resource for resource in served if isinstance(resource, str)} | self.known_as or {self.mcp_url}

    def _serve_prm(self, exchange: Exchange) -> Reply:
        check_client_request(exchange)
        places = [name for name, path in self.prm_paths.items() if path == exchange.path]
        place = next((name for name in places if name in self.prm_at), None)
        if "path" in self.prm_at and "path" not in places and "root" in places:
            before = self.requests(self.prm_paths["path"])
            if not before or not before[-1].faults:
                raise Refusal("not_found", "root metadata asked though the path has its own", status=404)
        if place is None:
            return html_reply("<!doctype html><title>404</title><h1>Not Found</h1>", 404)
        return json_reply(self.prm_document(place))

    # Access

    def _protected(self, handler: Callable[[Exchange], Reply]) -> Callable[[Exchange], Reply]:
        def answer(exchange: Exchange) -> Reply:
            with self.lock:
                refused = None if self.open else self._refuse(exchange)
            if refused is not None:
                return refused
            answered = handler(exchange)
            answered.headers += self.binding.headers(refusal=False)
            return answered

        return answer

    def _refuse(self, exchange: Exchange) -> Reply | None:
        """Return the 401 or 403 for a request, None when it may pass."""
        self._check_manners(exchange)
        _, token = exchange.credentials
        self.tokens_seen.append(token)
        if (refusal := self.binding.refuse(exchange)) is not None:
            noted([refusal], exchange, self.violations)
            return self._challenged(exchange, 401, refusal.error, self.challenge_scope, refusal.headers)
        if token is None or self.reject_all_tokens or not self._is_good(token):
            return self._challenged(exchange, 401, "invalid_token", self.challenge_scope)
        granted = set(self.authorization_server.scope_of(token).split())
        if self.always_403:
            asked = self.always_403 if isinstance(self.always_403, str) else self.challenge_scope or "mcp:admin"
            return self._challenged(exchange, 403, "insufficient_scope", asked)
        needed = {*self.required_scopes, *self._scopes_for(exchange)}
        if not needed <= granted:
            return self._challenged(exchange, 403, "insufficient_scope", " ".join(sorted(needed)))
        return None

    def _check_manners(self, exchange: Exchange) -> None:
        note = None
        headers = exchange.headers.get_all("Authorization") or []
        if len(headers) > 1:
            note = "several Authorization headers"
        elif headers and exchange.credentials[0] not in ("bearer", *(["dpop"] if self.binding.offered else [])):
            note = f"Authorization by {headers[0].partition(' ')[0]}"
        elif "access_token" in exchange.query or "access_token" in exchange.form:
            note = "access_token in a query or form"
        elif TRACKER in exchange.headers.get("Cookie", ""):
            note = "a cookie of the authorization server"
        elif exchange.credentials[1] is not None and self._is_foreign(exchange.credentials[1]):
            note = "an access token that is not from this server's authorization server"
        if note is not None:
            self.violations.append(f"{exchange.method} {exchange.path}: {note}")

    def _is_foreign(self, token: str) -> bool:
        if self.authorization_server not in self._known_servers:
            self._known_servers.append(self.authorization_server)
        known = any(token in server.ledger.access for server in self._known_servers)
        return token.startswith("access-") and not known

    def _is_good(self, token: str) -> bool:
        """Whether the token is active and was issued for this server. RFC 8707 section 2."""
        server = self.authorization_server
        if not server.is_active(token):
            return False
        resource = server.resource_of(token)
        if resource is None:
            return server.reject_resource or not server.resource_required
        return resource in self.resources

    def _scopes_for(self, exchange: Exchange) -> list[str]:
        names: list[Any] = [exchange.method]
        try:
            message = exchange.json()
            names += [message.get("method"), (message.get("params") or {}).get("name")]
        except (ValueError, AttributeError):
            pass
        return [scope for name in names if name in self.scope_for for scope in self.scope_for[name].split()]

    def _challenged(
        self,
        exchange: Exchange,
        status: int,
        error: str,
        scope: str | None,
        headers: Iterable[tuple[str, str]] | None = None,
    ) -> Reply:
        text = f'Bearer error="{error}"'
        url = self.prm_url if self.name_metadata_in_challenge else None
        if url is not None:
            text += f', resource_metadata="{url}"'
        if scope is not None:
            text += f', scope="{scope}"'
        if callable(self.challenge):
            text = self.challenge(text)
        elif isinstance(self.challenge, str):
            text = self.challenge.format(resource_metadata=url or "", scope=scope or "")
        lines = self.binding.challenges(text, exchange, error) if self.challenge is not ABSENT else []
        lines = lines if self.challenge_headers is None else self.challenge_headers
        further = self.binding.headers(refusal=False) if headers is None else headers
        return json_reply({"error": error}, status, [*(("WWW-Authenticate", line) for line in lines), *further])

    # Routes

    def _serve(self, exchange: Exchange) -> Reply:
        return speak(exchange, sse=self.use_sse)

    def stream(self) -> threading.Event:
        """Return an event: streams opened from now on at `{path}/stream` stay open until it is set."""
        self._release = threading.Event()
        self.streaming.clear()
        return self._release

    def _hold(self, exchange: Exchange) -> Reply:
        release, stopping = self._release, self._machine.stopping if self._machine else threading.Event()

        def events() -> Iterator[bytes]:
            yield b"event: message\ndata: {}\n\n"
            self.streaming.set()
            while not release.wait(0.02) and not stopping.is_set():
                pass
            yield b"event: message\ndata: {}\n\n"

        return Reply(200, [("Content-Type", "text/event-stream")], chunks=events())

    def _redirect(self, exchange: Exchange) -> Reply:
        return redirect_reply(exchange.param("to") or "/", int(exchange.param("status") or 302))

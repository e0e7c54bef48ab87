"""The demo: a real MCP server with OAuth on this computer, made of the official SDK's own server parts.

Run as a child process::

    python -m mcp_oauth_sync.cli.demo_server PORT                            both servers in one process
    python -m mcp_oauth_sync.cli.demo_server PORT --role as                  the authorization server alone
    python -m mcp_oauth_sync.cli.demo_server PORT --role rs --issuer URL     the MCP server alone

It prints one line, ``READY URL``, once it listens, and ends on SIGTERM or when the pipe on its standard
input is closed, so it never outlives the program that started it.
"""

from __future__ import annotations

import argparse
import os
import socket
import ssl
import stat
import sys
import threading
from collections.abc import Sequence

import attrs
import uvicorn
from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.routes import create_auth_routes
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp

from .demo_notes import StepUp, add_notes_tools
from .demo_pages import consent
from .demo_provider import BASE_SCOPE, SCOPES, DemoProvider
from .demo_verifier import IntrospectionVerifier, introspection


@attrs.frozen(kw_only=True)
class Options:
    """How to run.

    Attributes:
        port: Port on 127.0.0.1; 0 takes a free one.
        role: ``both``, ``as`` (authorization server) or ``rs`` (MCP server).
        issuer: The authorization server of an ``rs``; None for the other roles.
        access_ttl: Lifetime of an access token in seconds.
        auto_consent: True answers every question with yes, without a page.
        event_streams: True answers in event streams instead of JSON.
        tls: Files of private key and certificate, or None for http.
        ca: File of the certificate authority that an ``rs`` trusts, or None for the system's.
    """

    port: int = 0
    role: str = "both"
    issuer: str | None = None
    access_ttl: int = 3600
    auto_consent: bool = False
    event_streams: bool = False
    tls: tuple[str, str] | None = None
    ca: str | None = None


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; a wrong one ends the process with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m mcp_oauth_sync.cli.demo_server",
        description="A real MCP server with OAuth on this computer, for demonstrations and tests.",
    )
    parser.add_argument("port", type=int, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--role", choices=("both", "as", "rs"), default="both", help="which half to run")
    parser.add_argument("--issuer", metavar="URL", help="authorization server that --role rs trusts")
    parser.add_argument("--access-ttl", type=int, default=3600, metavar="SECONDS", help="access token lifetime")
    parser.add_argument("--auto-consent", action="store_true", help="say yes without asking")
    parser.add_argument("--event-streams", action="store_true", help="answer in event streams instead of JSON")
    parser.add_argument("--tls", metavar="KEY,CERT", help="PEM files; serves https")
    parser.add_argument("--ca", metavar="FILE", help="PEM file that --role rs checks its issuer with")
    given = parser.parse_args(arguments)
    if (given.role == "rs") != (given.issuer is not None):
        parser.error("--role rs and --issuer go together")
    if given.access_ttl < 1:
        parser.error("--access-ttl must be at least 1")
    key, comma, cert = (given.tls or "").partition(",")
    if given.tls and not (key and cert):
        parser.error("--tls takes two files: KEY,CERT")
    return Options(
        port=given.port,
        role=given.role,
        issuer=given.issuer,
        access_ttl=given.access_ttl,
        auto_consent=given.auto_consent,
        event_streams=given.event_streams,
        tls=(key, cert) if comma else None,
        ca=given.ca,
    )


def build_app(options: Options, origin: str) -> ASGIApp:
    """Return the web application of a role.

    Args:
        options: How to run.
        origin: Where it will listen: scheme, host and port.
    """
    if options.role == "as":
        return _authorization_server(_provider(options, origin, resource=None))
    resource = f"{origin}/mcp"
    if options.issuer is None:
        provider = _provider(options, origin, resource=resource)
        server = MCPServer(
            "Demo notes", auth=_settings(origin, resource), auth_server_provider=provider, log_level="ERROR"
        )
        server.custom_route("/consent", methods=["GET", "POST"])(consent(provider))
    else:
        verifier: TokenVerifier = IntrospectionVerifier(
            options.issuer, tls=ssl.create_default_context(cafile=options.ca)
        )
        server = MCPServer(
            "Demo notes", auth=_settings(options.issuer, resource), token_verifier=verifier, log_level="ERROR"
        )
    add_notes_tools(server)
    app = server.streamable_http_app(stateless_http=True, json_response=not options.event_streams)
    # Last in the list is innermost: the SDK has authenticated the request before StepUp looks at it.
    metadata_url = f"{origin}/.well-known/oauth-protected-resource/mcp"
    app.user_middleware.append(Middleware(StepUp, metadata_url=metadata_url))
    return app


def _provider(options: Options, origin: str, *, resource: str | None) -> DemoProvider:
    return DemoProvider(origin, resource=resource, access_ttl=options.access_ttl, auto_consent=options.auto_consent)


def _settings(issuer: str, resource: str | None) -> AuthSettings:
    # From strings, by validation: a URL object would gain a slash, and issuers are compared letter by letter.
    return AuthSettings.model_validate(
        {
            "issuer_url": issuer,
            "resource_server_url": resource,
            "required_scopes": [BASE_SCOPE],
            "validate_token_resource": resource is not None,
            "client_registration_options": {
                "enabled": True,
                "valid_scopes": SCOPES,
                "default_scopes": SCOPES,
            },
            "revocation_options": {"enabled": True},
        }
    )


def _authorization_server(provider: DemoProvider) -> Starlette:
    settings = _settings(provider.issuer, None)
    routes = create_auth_routes(
        provider,
        settings.issuer_url,
        client_registration_options=settings.client_registration_options,
        revocation_options=settings.revocation_options,
    )
    routes.append(Route("/consent", consent(provider), methods=["GET", "POST"]))
    routes.append(Route("/introspect", introspection(provider), methods=["POST"]))
    return Starlette(routes=routes)


class _Server(uvicorn.Server):
    """A server that says when it listens and ends with the pipe it was given."""

    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        print("READY", self.ready, flush=True)

    def end_with_stdin(self) -> None:
        """Stop when standard input, if it is a pipe, is closed at its other end."""
        try:
            piped = stat.S_ISFIFO(os.fstat(0).st_mode)
        except OSError:
            return
        if piped:
            threading.Thread(target=self._watch_stdin, name="stdin", daemon=True).start()

    def _watch_stdin(self) -> None:
        while os.read(0, 4096):
            pass
        self.should_exit = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop.

    Args:
        arguments: The command line without the program's name; None takes the process's own.
    """
    options = read_options(arguments)
    listener = socket.create_server(("127.0.0.1", options.port))
    # Inherited by every connection. asyncio sets it where a socket names its protocol, which this one does not;
    # without it, the second half of each answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    origin = f"{'https' if options.tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
    key, cert = options.tls or (None, None)
    config = uvicorn.Config(
        build_app(options, origin),
        log_level="critical",
        access_log=False,
        server_header=False,
        ws="none",
        ssl_keyfile=key,
        ssl_certfile=cert,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, origin if options.role == "as" else f"{origin}/mcp")
    server.end_with_stdin()
    try:
        server.run([listener])
    except KeyboardInterrupt:
        return 130
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())

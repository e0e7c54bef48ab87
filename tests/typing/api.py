"""The public API as people call it: checked by mypy, never run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import requests
from typing_extensions import assert_type

import mcp_oauth_sync
from mcp_oauth_sync import (
    AuthorizationServerMetadata,
    BrowserPrompt,
    Callback,
    CallbackPrompt,
    ClientCredentialsGrant,
    ClientKey,
    ClientMetadata,
    ClientRegistration,
    ConsolePrompt,
    DeviceCodeGrant,
    DynamicClientRegistration,
    EnterpriseGrant,
    ExportKeyPair,
    JWTBearerGrant,
    Listener,
    MCPAuthorizationMetadata,
    MCPOAuthClient,
    MCPSession,
    NoPrompt,
    NotebookPrompt,
    OAuth,
    OAuthConfig,
    OAuthError,
    OAuthFlow,
    OAuthHandler,
    OAuthTokens,
    Prompt,
    ProtectedResourceMetadata,
    SecureTokenStore,
    ServerRecord,
    SignInOptions,
    StartedSignIn,
    Switches,
    TokenManager,
    TokenStoreBackend,
    TokenStoreFactory,
    __version__,
    exceptions,
    iter_events,
    parse_sse_json,
    parse_sse_response,
)
from mcp_oauth_sync.mcp import (
    BrokenOff,
    Completion,
    Content,
    Elicitation,
    ElicitationReply,
    Notification,
    Progress,
    PromptDefinition,
    PromptResult,
    Resource,
    ResourceContents,
    ResourceTemplate,
    ServerInfo,
    Tool,
    ToolResult,
)

URL = "https://mcp.example.com/mcp"


def requests_door() -> None:
    """Sign requests in."""
    session = requests.Session()
    session.auth = OAuth(URL)
    auth = OAuth(
        URL,
        name="work",
        scopes=["notes:read"],
        extra_scopes="notes:write notes:share",
        client_id="app",
        client_secret="secret",
        token_endpoint_auth_method="client_secret_basic",
        issuer="https://auth.example.com",
        client_id_metadata_url="https://example.com/client.json",
        client_metadata=ClientMetadata(client_name="My program", extra={"logo_uri": "https://example.com/logo.png"}),
        initial_access_token="token",
        authorize_params={"prompt": "consent"},
        token_params={"audience": "notes"},
        prompt=NoPrompt(),
        callback_port=8765,
        callback_host="localhost",
        offline_access=False,
        sign_in_timeout=60,
        oauth_headers={"https://auth.example.com": {"X-Key": "1"}},
        token_manager=TokenManager(backend=TokenStoreBackend.MEMORY),
        session=session,
    )
    assert_type(requests.get(URL, auth=auth), requests.Response)
    assert_type(auth.server_url, str)
    assert_type(auth.name, str)
    assert_type(auth.tokens, OAuthTokens | None)
    assert_type(auth.headers(), dict[str, str])
    assert_type(auth.headers("POST", URL), dict[str, str])
    assert_type(auth.take_nonce({"DPoP-Nonce": "n"}), bool)
    assert_type(auth.sign_in(), OAuthTokens)
    assert_type(auth.sign_in(["notes:read"]), OAuthTokens)
    started = auth.start_sign_in(["notes:read"], lifetime=60)
    assert_type(started, StartedSignIn)
    assert_type(StartedSignIn.from_dict(started.to_dict()).url, str)
    assert_type(auth.finish_sign_in("https://app.example.com/back?code=1&state=2"), OAuthTokens)
    pair = ExportKeyPair.generate()
    assert_type(ExportKeyPair.from_private(pair.private).public, str)
    sealed = auth.export_sign_in(public_key=pair.public, keep=True)
    assert_type(sealed, str)
    assert_type(auth.import_sign_in(sealed, private_key=pair.private, replace=True), str)
    manager = TokenManager()
    assert_type(manager.export_sign_in("work", password="secret", deliver=len), str)
    assert_type(manager.import_sign_in(sealed, name="work", password="secret", server_url=URL), str)
    assert_type(manager.receiving_key("work"), str)
    assert_type(manager.movable("work"), ServerRecord)
    assert_type(auth.sign_out(forget=True), bool)
    OAuth(URL, scopes="notes:read notes:write")
    OAuth(URL, resource=None, assume_pkce=True, allow_missing_iss=["https://auth.example.com"])
    OAuth(URL, resource="api://notes", expected_resource="https://notes.example.com", assume_pkce=())
    OAuth(URL, issuer="https://auth.example.com", metadata_url="https://auth.example.com/metadata.json")
    OAuth(server_url=URL, scopes=("notes:read",))
    OAuth(URL, callback_port=range(8765, 8770), callback_host=None, callback_bind="0.0.0.0")
    OAuth(URL, callback_port=[8765, 8766], redirect_uri="https://hub.example.com/proxy/8765/callback")
    OAuth(URL, redirect_uri="myapp://oauth/callback", client_metadata=ClientMetadata(application_type=None))


def many_servers(server_config: Mapping[str, object], config: OAuthConfig) -> None:
    """Keep the sign-ins of many servers."""
    handler = OAuthHandler(TokenManager(), options=SignInOptions(), prompt=BrowserPrompt(), session=requests.Session())
    OAuthHandler()
    assert_type(handler.ensure_authenticated_mcp("notes", URL, ["notes:read"]), OAuthTokens)
    assert_type(handler.ensure_authenticated("notes", config), OAuthTokens)
    headers = handler.prepare_headers_for_mcp_server("notes", URL, scopes=None, extra_headers={"X-Trace": "1"})
    handler.prepare_headers_for_mcp_server("notes", URL, method="POST", url=URL)
    assert_type(handler.take_nonce("notes", URL, headers), bool)
    assert_type(headers, dict[str, str])
    assert_type(handler.prepare_headers_with_oauth_config("notes", config, {"X-Trace": "1"}), dict[str, str])
    assert_type(handler.prepare_server_headers(server_config), dict[str, str])
    assert_type(handler.get_authorization_header("notes"), str | None)
    answer = handler.authenticated_request(
        "notes", URL, URL, method="POST", scopes=["a"], retry_on_401=False, headers={"A": "b"}, json={}, timeout=5.0
    )
    assert_type(answer, requests.Response)
    assert_type(handler.start_sign_in("notes", URL, ["notes:read"], lifetime=60), StartedSignIn)
    assert_type(handler.finish_sign_in("notes", "https://app.example.com/back?code=1&state=2"), OAuthTokens)
    assert_type(handler.clear_tokens("notes"), bool)
    assert_type(handler.logout("notes"), bool)
    assert_type(handler.logout("notes", URL), bool)


def step_by_step(response: requests.Response) -> None:
    """Go through a sign-in by hand."""
    client = MCPOAuthClient(
        URL, "http://127.0.0.1:8765/callback", options=SignInOptions(scopes="a b"), prompt=NoPrompt()
    )
    MCPOAuthClient(URL, authorization_url="https://a.example.com/authorize", token_url="https://a.example.com/token")
    assert_type(client.discover_protected_resource(), ProtectedResourceMetadata | None)
    assert_type(client.discover_protected_resource("https://mcp.example.com/prm"), ProtectedResourceMetadata | None)
    assert_type(client.discover_from_error_response(response), ProtectedResourceMetadata | None)
    assert_type(client.discover_authorization_server(), AuthorizationServerMetadata)
    assert_type(client.register_client("My program", ["http://127.0.0.1:8765/callback"]), ClientRegistration)
    assert_type(client.get_authorization_url(["notes:read"]), str)
    assert_type(client.read_authorization_response("http://127.0.0.1:8765/callback?code=c"), str)
    assert_type(client.exchange_code_for_token("code"), OAuthTokens)
    assert_type(client.authorize(["notes:read"]), OAuthTokens)
    assert_type(client.headers("POST", URL), dict[str, str])
    assert_type(client.take_nonce(response.headers), bool)
    assert_type(client.refresh_token(), OAuthTokens)
    assert_type(client.refresh_token("refresh token"), OAuthTokens)
    assert_type(client.revoke_token("token", "refresh_token"), bool)
    assert_type(client.protected_resource, ProtectedResourceMetadata | None)
    assert_type(client.authorization_server, AuthorizationServerMetadata | None)
    assert_type(client.registration, ClientRegistration | None)
    assert_type(client.resource, str | None)
    assert_type(client.record, ServerRecord)
    assert_type(client.tokens, OAuthTokens | None)
    assert_type(client.record.switches, Switches)
    assert_type(client.record.switches.names, tuple[str, ...])


def explicit_endpoints() -> None:
    """Sign in where nothing is published."""
    config = OAuthConfig(
        "https://auth.example.com/authorize",
        "https://auth.example.com/token",
        registration_url="https://auth.example.com/register",
        client_id="app",
        client_secret="secret",
        scopes=["notes:read"],
        redirect_uri="http://127.0.0.1/callback",
        use_pkce=True,
        extra_auth_params={"prompt": "consent"},
    )
    flow = OAuthFlow(config, prompt=CallbackPrompt(print))
    assert_type(flow.authorize(), OAuthTokens)
    assert_type(flow.refresh_token(), OAuthTokens)
    assert_type(flow.refresh_token("refresh token"), OAuthTokens)
    assert_type(flow.record, ServerRecord)


def tokens_and_stores(registration: ClientRegistration) -> None:
    """Keep tokens, and look at them."""
    tokens = OAuthTokens(access_token="a", token_type="Bearer", expires_in=3600, refresh_token="r", scope="notes:read")
    assert_type(tokens.get_authorization_header(), str)
    assert_type(tokens.is_expired(), bool)
    assert_type(tokens.bound, bool)
    assert_type(tokens.to_dict(), dict[str, object])
    assert_type(tokens.expires_at, float | None)
    assert_type(tokens.scopes, tuple[str, ...])
    manager = TokenManager(
        Path("secrets"), TokenStoreBackend.ENCRYPTED_FILE, password=os.environ["KEY"], namespace="app"
    )
    TokenManager("secrets", "encrypted_file")
    manager.save_tokens("notes", tokens)
    assert_type(manager.load_tokens("notes"), OAuthTokens | None)
    assert_type(manager.has_valid_tokens("notes"), bool)
    assert_type(manager.delete_tokens("notes"), bool)
    manager.save_client_registration("notes", registration)
    assert_type(manager.load_client_registration("notes"), ClientRegistration | None)
    assert_type(manager.delete_client_registration("notes"), bool)
    assert_type(manager.load_record("notes"), ServerRecord | None)
    manager.save_record("notes", ServerRecord(server_url=URL, tokens=tokens, registration=registration))
    assert_type(manager.delete_record("notes"), bool)
    with manager.exclusive("notes"):
        pass
    store = TokenStoreFactory.create(TokenStoreBackend.MEMORY)
    assert_type(store, SecureTokenStore)
    store.store_generic("key", "value", namespace="mine")
    assert_type(store.retrieve_generic("key"), str | None)
    assert_type(store.delete_generic("key"), bool)
    assert_type(store.retrieve_token("notes"), OAuthTokens | None)
    assert_type(store.has_token("notes"), bool)


class OwnStore(SecureTokenStore):
    """A store of somebody's own."""

    name = "a dictionary"

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        self.kept[namespace, key] = value

    def retrieve_generic(self, key: str, *, namespace: str = "generic") -> str | None:
        return self.kept.get((namespace, key))

    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        return [place for place in self.kept if namespace in (None, place[0])]

    def delete_generic(self, key: str, *, namespace: str = "generic") -> bool:
        return self.kept.pop((namespace, key), None) is not None


class OwnPrompt(Prompt):
    """A prompt of somebody's own."""

    def listen(self, callback: Callback, *, state: str) -> AbstractContextManager[Listener]:
        return CallbackPrompt(print).listen(callback, state=state)

    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        listener.deliver(input(f"{server_url}: open {url} and paste where it led: "))


def own_parts() -> None:
    """Use them."""
    OAuth(URL, prompt=OwnPrompt(), token_manager=TokenManager(store=OwnStore()))
    OAuth(URL, prompt=CallbackPrompt(lambda url: input(url)))
    OAuth(URL, prompt=CallbackPrompt(lambda url: None, show_code=lambda device: assert_type(device.user_code, str)))
    OAuth(URL, grant=DeviceCodeGrant())
    OAuth(URL, grant=DeviceCodeGrant(clock=lambda: 0.0, sleep=lambda seconds: None))
    OAuth(URL, prompt=ConsolePrompt(output=sys.stdout, accept_bare_code=True))
    OAuth(URL, prompt=BrowserPrompt(output=sys.stdout, accept_bare_code=True))
    OAuth(URL, prompt=NotebookPrompt(accept_bare_code=True))


def old_names(metadata: MCPAuthorizationMetadata, registration: DynamicClientRegistration) -> None:
    """Use the names of the async original."""
    assert_type(metadata, AuthorizationServerMetadata)
    assert_type(registration, ClientRegistration)
    assert_type(registration.client_id, str)


def programs(session: requests.Session) -> None:
    """Sign in without a person."""
    key = ClientKey(Path("key.pem"), algorithm="ES256", key_id="1", lifetime=60, password="secret")
    ClientKey("-----BEGIN PRIVATE KEY-----")
    ClientKey(b"-----BEGIN PRIVATE KEY-----")
    ClientKey(lambda: os.environ["KEY"])
    OAuth(URL, client_id="job", client_secret="secret", grant=ClientCredentialsGrant())
    OAuth(URL, client_id="job", client_key=key, issuer="https://auth.example.com", grant=ClientCredentialsGrant())
    OAuth(URL, grant=JWTBearerGrant(Path("/var/run/secrets/token")))
    OAuth(URL, grant=JWTBearerGrant("a.b.c"))
    OAuth(URL, grant=JWTBearerGrant(lambda audience: f"a JWT for {audience}"))
    EnterpriseGrant(identity_assertion="a.b.c", client_id="app", issuer="https://idp.example.com")
    grant = EnterpriseGrant(
        identity_assertion=lambda: os.environ["ID_TOKEN"],
        client_id="app",
        client_secret="secret",
        client_key=key,
        issuer="https://idp.example.com",
        token_endpoint="https://idp.example.com/token",
        assertion_type="saml2",
    )
    handler = OAuthHandler(options=SignInOptions(client_id="job", client_key=key), grant=grant)
    assert_type(handler.ensure_authenticated_mcp("notes", URL), OAuthTokens)
    OAuthFlow(OAuthConfig("https://a.example.com/a", "https://a.example.com/t", client_id="job"), grant=grant)
    try:
        session.get(URL)
    except exceptions.TokenExchangeError as error:
        assert_type(error.transient, bool)
        assert_type(error.retry_after, float | None)


def records_of_mcp(sent: Mapping[str, object]) -> str:
    """Read what an MCP server sent."""
    tool = Tool.from_document(sent)
    assert_type(tool.title, str | None)
    assert_type(Tool(name="search").name, str)
    result = assert_type(ToolResult.from_document(sent), ToolResult)
    assert_type(result.content, tuple[Content, ...])
    assert_type([piece.data for piece in result.content], list[bytes | None])
    assert_type(Resource.from_document(sent).size, int | None)
    assert_type(PromptDefinition.from_document(sent).arguments[0].required, bool)
    assert_type(Progress.from_document(sent).total, float | None)
    assert_type(ServerInfo.from_discover(sent, protocol_version="2026-07-28").name, str | None)
    return assert_type(result.raise_for_error(), ToolResult).text


def speaking_mcp(handler: OAuthHandler, session: requests.Session, change: Notification) -> None:
    """Use every method of a session."""

    def ask(asked: Elicitation) -> ElicitationReply:
        assert_type(asked.message, str)
        return dict.fromkeys(asked.schema, "x") if asked.mode == "form" else False

    MCPSession(URL)
    MCPSession(URL, auth=None)
    MCPSession(URL, auth=("user", "password"))
    with MCPSession(
        URL,
        auth=OAuth(URL),
        session=session,
        timeout=30,
        elicit=ask,
        on_log=lambda line: assert_type(line.level, str),
        log_level="debug",
        client_info={"name": "mine", "version": "1"},
        version="2025-11-25",
    ) as mcp:
        assert_type(mcp, MCPSession)
        assert_type(mcp.server, ServerInfo)
        assert_type(mcp.list_tools(), Iterator[Tool])
        assert_type(mcp.call_tool("search"), ToolResult)
        assert_type(mcp.call_tool("search", {"a": [1, None]}, on_progress=print, timeout=5), ToolResult)
        assert_type(mcp.list_resources(), Iterator[Resource])
        assert_type(mcp.list_resource_templates(), Iterator[ResourceTemplate])
        assert_type(mcp.read_resource("file:///x", timeout=5), tuple[ResourceContents, ...])
        assert_type(mcp.list_prompts(), Iterator[PromptDefinition])
        assert_type(mcp.get_prompt("ask", {"who": "me"}, timeout=5), PromptResult)
        assert_type(mcp.complete("who", "a", prompt="ask"), Completion)
        assert_type(mcp.complete("id", "1", resource_template="x:{id}", context={"who": "me"}), Completion)
        mcp.ping()
        changes = mcp.listen(tools=True, prompts=True, resources=True, uris=("file:///x",))
        assert_type(changes, Iterator[Notification])
        assert_type(change.uri, str | None)
        assert_type(mcp.agreed, bool)
        assert_type(mcp.dress({"jsonrpc": "2.0", "id": 1, "method": "x"})[1], dict[str, str])
        assert_type(mcp.improve({}, BrokenOff("x")), bool)
        mcp.close()
    assert_type(handler.mcp_session("notes", URL, timeout=5), MCPSession)


def event_streams(response: requests.Response) -> None:
    """Read what a server sends."""
    for event in iter_events(response, max_event=1000):
        assert_type(event.event, str)
        assert_type(event.data, str)
        assert_type(event.id, str | None)
        assert_type(event.retry, int | None)
    assert_type(parse_sse_json(response.iter_lines()), dict[str, Any])
    assert_type(parse_sse_json(response.text.splitlines()), dict[str, Any])
    assert_type(parse_sse_response(response.text), dict[str, Any])
    assert_type(parse_sse_response(response.content), dict[str, Any])


def failures(session: requests.Session) -> str | None:
    """Tell errors apart."""
    try:
        session.get(URL)
    except exceptions.ScopeRequiredError as error:
        assert_type(error.scopes, tuple[str, ...])
    except exceptions.DiscoveryError as error:
        assert_type(error.tried, tuple[str, ...])
    except exceptions.TokenRefreshError as error:
        assert_type(error.status, int | None)
        assert_type(error.error_description, str | None)
    except exceptions.TokenStorageError as error:
        assert_type(error.store, str | None)
    except exceptions.MCPTimeoutError as error:
        assert_type(error.status, int | None)
    except exceptions.MCPError as error:
        assert_type(error.code, int | None)
    except mcp_oauth_sync.OAuthError as error:
        assert_type(error.hint, str | None)
        return error.message
    except OAuthError:
        raise
    return __version__

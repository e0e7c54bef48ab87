"""What holds a secret shows fewer than eight of its characters, however it is printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import attrs
import pytest

from mcp_oauth_sync import (
    AuthorizationServerMetadata,
    ClientKey,
    ClientMetadata,
    ClientRegistration,
    DeviceAuthorization,
    EnterpriseGrant,
    ExportKeyPair,
    JWTBearerGrant,
    MCPOAuthClient,
    NoPrompt,
    OAuth,
    OAuthConfig,
    OAuthFlow,
    OAuthHandler,
    OAuthTokens,
    ServerRecord,
    SignInOptions,
    StartedSignIn,
    TokenManager,
    TokenStoreBackend,
)
from mcp_oauth_sync.authorizer import Authorizer
from mcp_oauth_sync.grants.base import GrantContext
from mcp_oauth_sync.models.parcel import Parcel
from mcp_oauth_sync.models.pending import PendingSignIn
from mcp_oauth_sync.models.secret import Secret
from mcp_oauth_sync.prompts.pasted import PastedLine, read_pasted
from mcp_oauth_sync.protocol.authorization import AuthorizationRequest, build_authorization_request
from mcp_oauth_sync.protocol.client_auth import build_client_authentication
from mcp_oauth_sync.protocol.dpop import Prover, build_key
from mcp_oauth_sync.protocol.presented import Presented, Provers
from mcp_oauth_sync.protocol.proofs import Proofs
from mcp_oauth_sync.protocol.reply import Reply
from mcp_oauth_sync.protocol.token_response import Granted, parse_token_response
from mcp_oauth_sync.protocol.transport import Transport
from mcp_oauth_sync.sign_in import SignIn
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.stores.memory import MemoryStore

from .canary import WINDOW

WORTH = "ZqXwJkVbYpLmRtGhNcDs0123456789"
#: The secrets of the tests below, of which eight characters in a row are never to be seen.
KINDS = ("Access", "Refresh", "Secret", "Manage", "Initial", "Password", "Code", "State", "Verifier", "Header", "Param")
VALUE = {kind: f"{kind[0]}{number}{WORTH[number:]}{WORTH[:number]}" for number, kind in enumerate(KINDS)}


KEY = build_key()
VALUE["Key"] = "".join(KEY.splitlines()[1:-1])[36:]  # what is before is the same in each of them


def shows(text: str, secrets: Iterable[str] = tuple(VALUE.values())) -> list[str]:
    """Return the pieces of secrets that can be read in a text."""
    pieces = {secret[at : at + WINDOW] for secret in secrets for at in range(len(secret) - WINDOW + 1)}
    return sorted({text[at : at + WINDOW] for at in range(len(text) - WINDOW + 1)} & pieces)


def tokens() -> OAuthTokens:
    return OAuthTokens(access_token=VALUE["Access"], refresh_token=VALUE["Refresh"], scope="notes", expires_in=60)


def registration() -> ClientRegistration:
    return ClientRegistration(
        client_id="known",
        client_secret=VALUE["Secret"],
        registration_access_token=VALUE["Manage"],
        token_endpoint_auth_method="client_secret_basic",
    )


def record() -> ServerRecord:
    return ServerRecord(
        server_url="https://mcp.example.com/mcp", registration=registration(), tokens=tokens(), dpop_key=KEY
    )


def options() -> SignInOptions:
    return SignInOptions(
        client_id="known",
        client_secret=VALUE["Secret"],
        initial_access_token=VALUE["Initial"],
        authorize_params={"login_hint": VALUE["Param"]},
        token_params={"assertion": VALUE["Param"]},
        client_metadata=ClientMetadata(extra={"software_statement": VALUE["Param"]}),
        oauth_headers={"https://login.example.com": {"X-Key": VALUE["Header"]}},
    )


SERVER = AuthorizationServerMetadata.spelled_out("https://login.example.com/a", "https://login.example.com/t")


def request_for_a_person() -> AuthorizationRequest:
    built = build_authorization_request(
        SERVER, client_id="known", redirect_uri="http://127.0.0.1/callback", state=Secret(VALUE["State"])
    )
    return attrs.evolve(built, verifier=Secret(VALUE["Verifier"]))


def pending() -> PendingSignIn:
    return PendingSignIn(
        server_url="https://mcp.example.com/mcp",
        issuer="https://login.example.com",
        issuer_advertised=True,
        redirect_uri="http://127.0.0.1/callback",
        state=VALUE["State"],
        verifier=VALUE["Verifier"],
        token_endpoint="https://login.example.com/t",
        registration=registration(),
        dpop_key=VALUE["Secret"],
        expires_at=1.0,
    )


def loaded_memory() -> MemoryStore:
    store = MemoryStore()
    store.store_generic("key", VALUE["Access"])
    return store


def pasted_line() -> PastedLine:
    line = PastedLine()
    for key in VALUE["Code"]:
        line.take(key)
    return line


def client() -> MCPOAuthClient:
    return MCPOAuthClient("https://mcp.example.com/mcp", options=options(), record=record())


HOLDERS: dict[str, Callable[[], Any]] = {
    "OAuthTokens": tokens,
    "ClientRegistration": registration,
    "ClientMetadata": lambda: options().client_metadata,
    "ServerRecord": record,
    "SignInOptions": options,
    "SignInOptions.preregistered": lambda: options().preregistered,
    "OAuthConfig": lambda: OAuthConfig(
        "https://login.example.com/a",
        "https://login.example.com/t",
        client_id="known",
        client_secret=VALUE["Secret"],
        extra_auth_params={"login_hint": VALUE["Param"]},
    ),
    "OAuth": lambda: OAuth(
        "https://mcp.example.com/mcp?key=" + VALUE["Param"],
        client_id="known",
        client_secret=VALUE["Secret"],
        token_params={"assertion": VALUE["Param"]},
        token_manager=TokenManager(store=loaded_memory()),
    ),
    "OAuthHandler": lambda: OAuthHandler(TokenManager(store=loaded_memory()), options=options()),
    "OAuthFlow": lambda: OAuthFlow(HOLDERS["OAuthConfig"](), record=record()),
    "MCPOAuthClient": client,
    "Authorizer": lambda: Authorizer(
        "https://mcp.example.com/mcp",
        manager=TokenManager(store=loaded_memory()),
        options=options(),
        http=Transport(headers_for=options().headers_for),
    ),
    "SignIn": lambda: SignIn(
        http=Transport(),
        server=SERVER,
        server_url="https://mcp.example.com",
        options=options(),
        saved=registration(),
        dpop_key=KEY,
    ),
    "GrantContext": lambda: context(),
    "AuthorizationRequest": request_for_a_person,
    "PendingSignIn": lambda: pending(),
    "ExportKeyPair": lambda: ExportKeyPair(public="a key for everybody", private=VALUE["Secret"]),
    "Parcel": lambda: Parcel(name="notes", exported_at=1.0, record=record()),
    "StartedSignIn": lambda: StartedSignIn(
        url=f"https://login.example.com/a?state={VALUE['State']}",
        server_url="https://mcp.example.com/mcp",
        expires_at=1.0,
    ),
    "DeviceAuthorization": lambda: DeviceAuthorization(
        device_code=VALUE["Code"], user_code="WDJB-MJHT", verification_uri="https://login.example.com/device"
    ),
    "Pasted": lambda: read_pasted(f"code={VALUE['Code']}&state={VALUE['State']}", state="another"),
    "Pasted, a code alone": lambda: read_pasted(VALUE["Code"], state=VALUE["State"], accept_bare_code=True),
    "PastedLine": lambda: pasted_line(),
    "PastedLine.text": lambda: pasted_line().text,
    "vars of a PastedLine": lambda: vars(pasted_line()),
    "Transport": lambda: Transport(headers_for=options().headers_for),
    "Reply": lambda: Reply(url="https://a.example.com", status=200, headers={"x": VALUE["Header"]}, body=answer()),
    "Reply.json_object": lambda: Reply(url="", status=200, headers={}, body=answer()).json_object(),
    "Reply.fields": lambda: Reply(
        url="", status=200, headers={}, body=f"access_token={VALUE['Access']}&code={VALUE['Code']}".encode()
    ).fields(),
    "parse_token_response": lambda: parse_token_response(json.loads(answer()), requested_scope=None, now=1.0),
    "Granted": lambda: Granted(tokens=tokens(), registration=registration()),
    "get_authorization_header": lambda: tokens().get_authorization_header(),
    "build_client_authentication": lambda: build_client_authentication(registration()),
    "build_client_authentication by post": lambda: build_client_authentication(
        attrs.evolve(registration(), token_endpoint_auth_method="client_secret_post")
    ),
    "Prover": lambda: Prover(KEY),
    "vars of a Prover": lambda: vars(Prover(KEY)),
    "a proof": lambda: Prover(KEY).build_proof("GET", "https://mcp.example.com", token=VALUE["Access"]),
    "Proofs": lambda: Proofs(dpop=Prover(KEY)),
    "Presented": lambda: Presented(f"DPoP {VALUE['Access']}", Prover(KEY)),
    "headers with a proof": lambda: Presented(f"DPoP {VALUE['Access']}", Prover(KEY)).headers("GET", "https://a.b"),
    "vars of Provers": lambda: [vars(made) for made in [Provers("x")] if made.of(record())],
    "ClientKey": lambda: ClientKey(VALUE["Secret"], password=VALUE["Password"]),
    "vars of a JWTBearerGrant": lambda: vars(JWTBearerGrant(VALUE["Code"])),
    "EnterpriseGrant": lambda: enterprise(),
    "vars of an EnterpriseGrant": lambda: vars(enterprise()),
    "MemoryStore": loaded_memory,
    "MemoryStore.retrieve_generic": lambda: loaded_memory().retrieve_generic("key"),
    "vars of a MemoryStore": lambda: vars(loaded_memory()),
    "EncryptedFileStore": lambda: EncryptedFileStore(Path("/nowhere"), password=VALUE["Password"]),
    "vars of an EncryptedFileStore": lambda: vars(EncryptedFileStore(Path("/nowhere"), password=VALUE["Password"])),
    "TokenManager": lambda: TokenManager("/nowhere", TokenStoreBackend.ENCRYPTED_FILE, password=VALUE["Password"]),
    "vars of a TokenManager": lambda: vars(TokenManager("/nowhere", password=VALUE["Password"])),
}


def enterprise() -> EnterpriseGrant:
    return EnterpriseGrant(
        identity_assertion=VALUE["Code"],
        client_id="app",
        client_secret=VALUE["Secret"],
        client_key=ClientKey(VALUE["Secret"], password=VALUE["Password"]),
        issuer="https://idp.example.com",
    )


def answer() -> bytes:
    members = {"access_token": "Access", "refresh_token": "Refresh", "client_secret": "Secret", "code": "Code"}
    return json.dumps({name: VALUE[kind] for name, kind in members.items()}).encode()


def context() -> GrantContext:
    fields = attrs.fields_dict(GrantContext)
    given: dict[str, Any] = {
        "http": Transport(),
        "server": SERVER,
        "server_url": "https://mcp.example.com/mcp",
        "resource": None,
        "scopes": (),
        "prompt": NoPrompt(),
        "redirect_uri": "http://127.0.0.1/callback",
        "exact_redirect": False,
        "identify": lambda redirect_uri, *, fresh=False: registration(),
        "callback": options().callback,
        "doubtful": registration(),
        "options": options(),
    }
    return GrantContext(**{name: value for name, value in given.items() if name in fields})


@pytest.mark.parametrize("name", HOLDERS)
def test_what_holds_a_secret_never_shows_it(name):
    holder = HOLDERS[name]()
    ways = [repr(holder), f"{[holder]}", f"{holder!r:>10}", "%r" % (holder,)]  # noqa: UP031
    if not isinstance(holder, str):
        ways += [str(holder), f"{holder}"]
    if attrs.has(type(holder)) and not isinstance(holder, Reply):  # what came over the wire is not for showing
        ways.append(repr(attrs.asdict(holder)))
    for shown in ways:
        assert shows(shown) == []


@pytest.mark.parametrize("make", [tokens, registration, record, pending], ids=lambda make: make.__name__)
def test_what_is_made_to_be_stored_can_be_looked_at(make):
    assert shows(repr(make().to_record())) == []


def test_a_secret_stays_one_when_it_is_stored_and_read_again():
    again = ServerRecord.from_json(record().to_json())
    assert again.tokens is not None
    assert again.tokens.access_token == VALUE["Access"]
    assert shows(repr(again.to_record())) == []


def test_the_pieces_are_found_where_they_are():
    assert shows(f"oops {VALUE['Access'][3:12]}") != []
    assert shows(f"fine {VALUE['Access'][3:10]}") == []

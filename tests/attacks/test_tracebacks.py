"""An error shows no secret: not in its words, and not in the local variables of any frame that it passed."""

from __future__ import annotations

import traceback
from pathlib import Path

import attrs
import pytest

from mcp_oauth_sync import MCPOAuthClient, OAuth, OAuthTokens, SignInOptions, TokenManager
from mcp_oauth_sync.exceptions import (
    AuthorizationError,
    DiscoveryError,
    OAuthError,
    RegistrationError,
    RevocationError,
    StoreCorruptError,
    TokenExchangeError,
    TokenRefreshError,
    TokenStorageError,
)
from mcp_oauth_sync.grants.refresh_token import renew
from mcp_oauth_sync.models.secret import Secret
from mcp_oauth_sync.protocol.revocation import revoke_token

from ..servers import Fault, cut, hang, lose_answer, reply, reset
from .stage import Stage, hurry, impatient
from .test_reprs import VALUE, shows

TESTS = str(Path(__file__).parents[1])
#: The ways to fail: by what the server says, and by what the network does.
FAILURES: dict[str, Fault] = {
    "refused": reply(400, {"error": "invalid_request", "error_description": "no"}),
    "broken": reply(200, b'{"access_token": 7, "client_id": 7}'),
    "unavailable": reply(503, b""),
    "reset": reset(),
    "cut": cut(30),
    "lost": lose_answer(),
    "hang": hang(),
}


def frames(error: BaseException) -> str:
    """Return the whole chain of an error with the local variables of every frame that is not a test's."""
    shown: list[str] = []
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        waiting += [current.__cause__, current.__context__]
        told = traceback.TracebackException.from_exception(current, capture_locals=True)
        shown += [f"{type(current).__name__}: {current!r} {current} {vars(current)!r}"]
        for frame in told.stack:
            if not frame.filename.startswith(TESTS):
                shown += [f"{frame.filename} {frame.name}: {name} = {value}" for name, value in frame.locals.items()]
    return "\n".join(shown)


def secrets_of(stage: Stage) -> set[str]:
    """Return every secret so far, without the first letters that tell what each one is."""
    return {secret[-24:] for secret in stage.server.secrets} | set(VALUE.values())


def shows_nothing(stage: Stage, error: BaseException) -> None:
    lines = frames(error).splitlines()
    known = secrets_of(stage)
    assert [line.partition(" = ")[0] for line in lines if shows(line, known)] == []


def careful(stage: Stage) -> dict[str, object]:
    """Return options full of secrets."""
    return {
        "initial_access_token": VALUE["Initial"],
        "authorize_params": {"login_hint": VALUE["Param"]},
        "token_params": {"key": VALUE["Param"]},
        "oauth_headers": {stage.server.url: {"X-Key": VALUE["Header"]}},
    }


@pytest.fixture
def confidential(stage) -> Stage:
    """A server that gives secrets to its clients, and wants a token before it does."""
    stage.server.registration_mode = "needs-token"
    stage.server.initial_access_token = VALUE["Initial"]
    stage.server.auth_methods = ("client_secret_post",)
    stage.server.registration_overrides = {"registration_access_token": VALUE["Manage"]}
    return stage


PLACES = {
    "server metadata": ("/.well-known/oauth-authorization-server", DiscoveryError),
    "registration": ("/register", RegistrationError),
    "token": ("/token", TokenExchangeError),
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("endpoint", PLACES)
def test_a_failed_sign_in_shows_no_secret(confidential, monkeypatch, endpoint, name):
    path, kind = PLACES[endpoint]
    confidential.server.fault(path, FAILURES[name])
    hurry(monkeypatch, path) if name == "hang" else None
    with pytest.raises(kind) as caught:
        confidential.call(confidential.auth(**careful(confidential)))
    shows_nothing(confidential, caught.value)


@pytest.mark.parametrize("name", FAILURES)
def test_a_failed_refresh_or_revocation_shows_no_secret(confidential, monkeypatch, name):
    options = SignInOptions(**careful(confidential))
    client = MCPOAuthClient(confidential.mcp.mcp_url, prompt=confidential.prompt(), options=options)
    client.authorize()
    for path in ("/token", "/revoke"):
        confidential.server.fault(path, FAILURES[name])
    hurry(monkeypatch, "/token") if name == "hang" else None
    monkeypatch.setitem(renew.__kwdefaults__, "backoff", ())
    with pytest.raises(TokenRefreshError) as caught:
        client.refresh_token()
    shows_nothing(confidential, caught.value)
    http = attrs.evolve(client.http, deadline=0.25) if name == "hang" else client.http
    if name not in ("broken", "cut"):  # a revocation's answer has no body
        endpoint = confidential.server.endpoint("revoke")
        with pytest.raises(RevocationError) as failed:
            revoke_token(http, endpoint, client.registration, client.tokens.refresh_token)
        shows_nothing(confidential, failed.value)


@pytest.mark.parametrize("name", ["refused", "unavailable", "reset"])
def test_a_refresh_that_fails_in_the_middle_of_a_request_shows_no_secret(confidential, monkeypatch, name):
    impatient(monkeypatch)
    auth = confidential.auth(**careful(confidential))
    assert confidential.call(auth).status_code == 200
    confidential.server.expire_all_access_tokens()
    confidential.server.fault("/token", FAILURES[name])
    confidential.answer = lambda url: "state=wrong"
    with pytest.raises(OAuthError) as caught:
        confidential.call(auth)
    shows_nothing(confidential, caught.value)


REDIRECTS = {
    "another state": lambda query: {**query, "state": "x" + query["state"]},
    "another issuer": lambda query: {**query, "iss": "https://evil.example.com"},
    "a refusal": lambda query: {**query, "error": "access_denied"},
    "no code": lambda query: {"state": query["state"], "iss": query["iss"]},
    "two codes": lambda query: {**query, "code": [query["code"], query["code"]]},
}


@pytest.mark.parametrize("name", REDIRECTS)
def test_a_failed_authorization_shows_no_secret(confidential, name):
    confidential.server.before_redirect = REDIRECTS[name]
    with pytest.raises(AuthorizationError) as caught:
        confidential.call(confidential.auth(**careful(confidential)))
    shows_nothing(confidential, caught.value)


def test_a_refused_redirect_that_was_pasted_shows_no_secret(stage):
    client = MCPOAuthClient(stage.mcp.mcp_url, "http://127.0.0.1:49152/callback")
    good = stage.person.redirect_only(client.get_authorization_url())
    for redirect in (good + "&state=again", good.replace("state=", "state=x"), good.replace("iss=", "iss=x")):
        with pytest.raises(AuthorizationError) as caught:
            client.read_authorization_response(Secret(redirect))
        shows_nothing(stage, caught.value)


def test_a_sign_in_that_nobody_completes_shows_no_secret(stage):
    stage.answer = lambda url: stage.person.redirect_only(url) and None
    with pytest.raises(AuthorizationError) as caught:
        stage.auth(sign_in_timeout=0.05).sign_in()
    shows_nothing(stage, caught.value)


def test_a_store_that_fails_shows_no_secret(stage, home):
    assert stage.call(stage.auth()).status_code == 200
    path = stage.manager.store.path(stage.mcp.mcp_url)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreCorruptError) as corrupt:
        OAuth(stage.mcp.mcp_url, token_manager=TokenManager(stage.folder)).headers()
    shows_nothing(stage, corrupt.value)
    with pytest.raises(StoreCorruptError) as sealed:
        TokenManager(stage.folder, password=VALUE["Password"]).load_record("neighbour")
    shows_nothing(stage, sealed.value)
    (home / "file").write_text("in the way")
    blocked = TokenManager(home / "file" / "store", password=VALUE["Password"])
    with pytest.raises(TokenStorageError) as failed:
        blocked.save_tokens("n", OAuthTokens(access_token=VALUE["Access"], refresh_token=VALUE["Refresh"]))
    shows_nothing(stage, failed.value)


def test_the_frames_of_an_error_are_really_looked_at(stage):
    made = compile("def leak(token):\n raise error('no')", "elsewhere.py", "exec")
    space: dict[str, object] = {"error": TokenExchangeError}
    exec(made, space)
    with pytest.raises(TokenExchangeError) as caught:
        space["leak"](VALUE["Access"])
    with pytest.raises(AssertionError):
        shows_nothing(stage, caught.value)

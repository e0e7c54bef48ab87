"""Who refreshes, who adopts what another one has got, and what is dead after a refusal; without any server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from mcp_oauth_sync import ClientRegistration, OAuthTokens, ServerRecord, TokenManager
from mcp_oauth_sync.authorizer import refresh as room
from mcp_oauth_sync.authorizer.held import Held
from mcp_oauth_sync.authorizer.refresh import dead, refresh, refresh_with_patience
from mcp_oauth_sync.exceptions import RefreshRejectedError, RegistrationError, TokenRefreshError
from mcp_oauth_sync.grants.patience import BACKOFF
from mcp_oauth_sync.models.client import DYNAMIC, PREREGISTERED
from mcp_oauth_sync.models.options import SignInOptions
from mcp_oauth_sync.protocol.transport import Transport
from mcp_oauth_sync.stores.memory import MemoryStore

URL, ISSUER = "https://mcp.example.com/mcp", "https://as.example.com"
CLIENT = ClientRegistration(client_id="a-client", issuer=ISSUER)
OPTIONS = SignInOptions()


def record(access: str = "old", *, left: float = 3600.0, refreshable: bool = True, **more: Any) -> ServerRecord:
    tokens = OAuthTokens(
        access_token=access,
        refresh_token="refresh" if refreshable else None,
        expires_in=3600.0,
        issued_at=time.time() - 3600.0 + left,
    )
    known = {"server_url": URL, "issuer": ISSUER, "token_endpoint": f"{ISSUER}/token", "registration": CLIENT}
    return ServerRecord(**{**known, "tokens": tokens, **more})


def rejected(error: str = "invalid_grant") -> RefreshRejectedError:
    return RefreshRejectedError("It is over.", error=error, status=400)


def failed(error: str | None = None, *, transient: bool) -> TokenRefreshError:
    failure = TokenRefreshError("Not now.", error=error, error_description="words", status=400)
    failure.transient = transient
    return failure


@pytest.fixture
def manager() -> TokenManager:
    return TokenManager(store=MemoryStore())


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no winner."""
    monkeypatch.setattr(room, "winner", lambda load, tokens: None)


@pytest.fixture
def http() -> Transport:
    return Transport()


class Server:
    """What is asked for new tokens in the place of a server."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, dict[str, Any]]] = []
        self.failure: Exception | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    def renew(self, http: Transport, known: ServerRecord, **options: Any) -> ServerRecord:
        self.asked.append((known.tokens and known.tokens.access_token, options))
        self.meanwhile()
        if self.failure is not None:
            raise self.failure
        return attrs.evolve(known, tokens=OAuthTokens(access_token="new", refresh_token="next", expires_in=3600.0))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(room, "renew", made.renew)
    return made


def holding(manager: TokenManager, kept: ServerRecord | None) -> Held:
    if kept is not None:
        manager.save_record(URL, kept)
    held = Held(manager, URL, None)
    held.load()
    return held


def use(held: Held, refused: str | None, http: Transport, **more: Any) -> tuple[str | None, bool]:
    renewal = refresh(held, refused, http, backoff=(), options=OPTIONS, **more)
    return renewal.header, renewal.adopted


# Who refreshes


@pytest.mark.parametrize("refused", [None, "Bearer old"])
def test_tokens_that_are_over_or_refused_are_refreshed_and_stored(
    manager: TokenManager, http: Transport, server: Server, refused: str | None
) -> None:
    held = holding(manager, record(left=3600.0 if refused else 10.0))
    assert use(held, refused, http) == ("Bearer new", False)
    kept = manager.load_record(URL)
    assert kept is not None
    assert (kept, kept.tokens and kept.tokens.access_token) == (held.record, "new")
    assert [asked for asked, _ in server.asked] == ["old"]


def test_what_goes_with_a_refresh_is_what_the_caller_chose(
    manager: TokenManager, http: Transport, server: Server
) -> None:
    held = holding(manager, record())
    options = SignInOptions(token_params={"audience": "x"}, dpop=True)
    refresh(held, "Bearer old", http, backoff=(1.0, 2.0), options=options)
    _, asked = server.asked[0]
    assert (asked["backoff"], asked["extra"]) == ((1.0, 2.0), {"audience": "x"})
    assert (asked["proofs"].issuer, asked["proofs"].insist, asked["proofs"].dpop) == (ISSUER, True, None)
    refresh(held, "Bearer new", http, backoff=(), options=SignInOptions(dpop=False))
    assert server.asked[1][1]["proofs"].insist is False


def test_tokens_that_are_good_are_not_refreshed_before_somebody_refuses_them(
    manager: TokenManager, http: Transport, server: Server
) -> None:
    held = holding(manager, record())
    assert use(held, None, http) == ("Bearer old", True)
    assert server.asked == []


def test_what_a_thread_of_ours_has_got_is_taken_without_asking_the_store(
    manager: TokenManager, http: Transport, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = holding(manager, record())
    held.save(record("newer"))
    monkeypatch.setattr(manager, "exclusive", None)
    assert use(held, "Bearer old", http) == ("Bearer newer", True)
    assert use(held, None, http) == ("Bearer newer", True)


def test_a_token_that_memory_alone_thinks_good_is_looked_up(
    manager: TokenManager, http: Transport, server: Server
) -> None:
    held = holding(manager, record(left=10.0))
    held.good_until = time.monotonic() + 1000
    assert use(held, None, http) == ("Bearer new", False)


def test_what_another_process_has_got_is_adopted_in_our_turn(
    manager: TokenManager, http: Transport, server: Server
) -> None:
    held = holding(manager, record())
    manager.save_record(URL, record("theirs"))
    assert use(held, "Bearer old", http) == ("Bearer theirs", True)
    assert server.asked == []


def test_what_another_process_has_let_expire_is_refreshed(
    manager: TokenManager, http: Transport, server: Server
) -> None:
    held = holding(manager, record())
    manager.save_record(URL, record("theirs", left=10.0))
    assert use(held, "Bearer old", http) == ("Bearer new", False)
    assert [asked for asked, _ in server.asked] == ["theirs"]


@pytest.mark.parametrize("kept", [None, record(tokens=None)])
def test_who_is_signed_out_meanwhile_has_nothing_to_refresh_with(
    manager: TokenManager, http: Transport, server: Server, kept: ServerRecord | None
) -> None:
    held = holding(manager, record())
    manager.delete_record(URL)
    if kept is not None:
        manager.save_record(URL, kept)
    assert use(held, "Bearer old", http) == (None, False)
    assert server.asked == []


# Without a refresh token


class Again:
    """A grant that needs no person."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, tuple[float, ...]]] = []

    def __call__(
        self, http: Transport, known: ServerRecord, *, backoff: tuple[float, ...], since: float
    ) -> ServerRecord:
        self.asked.append((since, backoff))
        return attrs.evolve(known, tokens=OAuthTokens(access_token="again"))


def test_tokens_without_a_refresh_token_are_obtained_again_where_no_person_is_needed(
    manager: TokenManager, http: Transport, server: Server
) -> None:
    again, before = Again(), time.monotonic()
    held = holding(manager, record(refreshable=False))
    assert use(held, "Bearer old", http, again=again) == ("Bearer again", False)
    (since, backoff), *more = again.asked
    assert (before <= since <= time.monotonic(), backoff, more) == (True, (), [])
    assert manager.load_record(URL) == held.record


@pytest.mark.parametrize("missing", ["token_endpoint", "issuer", None])
def test_they_are_not_where_a_person_is_needed_or_nobody_knows_where_to_ask(
    manager: TokenManager, http: Transport, server: Server, missing: str | None
) -> None:
    again = Again() if missing else None
    kept = record(refreshable=False)
    held = holding(manager, attrs.evolve(kept, **{missing: "" if missing == "issuer" else None}) if missing else kept)
    assert use(held, "Bearer old", http, again=again) == (None, False)
    assert manager.load_record(URL) == held.record
    assert again is None or again.asked == []


# After a refusal


def test_a_refresh_token_that_is_refused_ends_the_sign_in(
    manager: TokenManager, http: Transport, server: Server
) -> None:
    server.failure = rejected()
    held = holding(manager, record())
    with pytest.raises(RefreshRejectedError) as caught:
        use(held, "Bearer old", http)
    assert caught.value is server.failure
    kept = manager.load_record(URL)
    assert kept is not None
    assert (kept.tokens, kept.registration, held.header) == (None, CLIENT, None)


def test_who_takes_no_turns_and_was_quicker_keeps_what_they_have(
    manager: TokenManager, http: Transport, server: Server
) -> None:
    server.failure = rejected()
    server.meanwhile = lambda: manager.save_record(URL, record("theirs"))
    held = holding(manager, record())
    assert use(held, "Bearer old", http) == ("Bearer theirs", True)
    kept = manager.load_record(URL)
    assert kept is not None
    assert kept.tokens is not None
    assert kept.tokens.access_token == "theirs"


@pytest.mark.parametrize(("error", "waits"), [("invalid_grant", True), ("invalid_client", False)])
def test_a_winner_that_is_slow_to_store_is_waited_for_unless_the_client_itself_is_refused(
    manager: TokenManager, http: Transport, server: Server, monkeypatch: pytest.MonkeyPatch, error: str, waits: bool
) -> None:
    server.failure = rejected(error)
    held = holding(manager, record())

    def late(load: Callable[[], object], tokens: OAuthTokens | None) -> object:
        manager.save_record(URL, record("theirs"))
        return load()

    monkeypatch.setattr(room, "winner", late)
    if waits:
        assert use(held, "Bearer old", http) == ("Bearer theirs", True)
        return
    with pytest.raises(RefreshRejectedError):
        use(held, "Bearer old", http)


def test_a_refusal_ends_nothing_while_the_access_token_is_good(
    manager: TokenManager, http: Transport, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.failure = rejected()
    held = holding(manager, record(left=20.0))
    assert use(held, None, http) == ("Bearer old", False)
    assert manager.load_tokens(URL) is not None
    assert "refused to refresh early, the access token is still good: It is over." in caplog.text
    held = holding(manager, record(left=-1.0))
    with pytest.raises(RefreshRejectedError):
        use(held, None, http)
    assert manager.load_tokens(URL) is None


def test_after_a_refusal_tokens_are_obtained_again_where_no_person_is_needed(
    manager: TokenManager, http: Transport, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.failure = rejected()
    held = holding(manager, record())
    assert use(held, "Bearer old", http, again=Again()) == ("Bearer again", False)
    assert manager.load_record(URL) == held.record
    assert "It is over." in caplog.text


@pytest.mark.parametrize("source", [DYNAMIC, PREREGISTERED])
@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "unauthorized_client", None])
def test_a_client_that_is_not_known_any_more_is_forgotten_if_it_registered_itself(
    source: str, error: str | None
) -> None:
    client = attrs.evolve(CLIENT, source=source)
    left = dead(record(registration=client, dpop_key="a key"), error)
    forgotten = source == DYNAMIC and error in ("invalid_client", "unauthorized_client")
    assert left == attrs.evolve(record(), tokens=None, registration=None if forgotten else client, dpop_key=None)
    assert dead(record(registration=None), error).registration is None


# With patience


def patiently(held: Held, http: Transport, options: SignInOptions = OPTIONS) -> tuple[str | None, bool]:
    renewal = refresh_with_patience(held, "Bearer old", http, options=options)
    return renewal.header, renewal.adopted


def test_patience_is_what_it_is_called(manager: TokenManager, http: Transport, server: Server) -> None:
    again = Again()
    held = holding(manager, record())
    assert patiently(held, http) == ("Bearer new", False)
    assert server.asked[0][1]["backoff"] == BACKOFF
    held = holding(manager, record(refreshable=False))
    assert refresh_with_patience(held, "Bearer old", http, options=OPTIONS, again=again).header == "Bearer again"


def test_what_may_pass_is_an_error_and_what_only_a_person_can_help_is_nothing(
    manager: TokenManager, http: Transport, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    held = holding(manager, record())
    for error in (None, "invalid_client"):
        server.failure = failed(error, transient=True)
        with pytest.raises(TokenRefreshError, match="Not now"):
            patiently(held, http)
    assert caplog.text == ""
    server.failure = failed("invalid_scope", transient=False)
    assert patiently(held, http) == (None, False)
    assert "Not now." in caplog.text
    assert manager.load_tokens(URL) is not None


NOT_TAKEN = "invalid_client"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, True),
        ({"client_id": "a-client", "client_secret": "one"}, True),
        ({"client_id": "a-client", "client_secret": "two"}, False),
        ({"client_id": "another", "client_secret": "one"}, False),
        ({"client_id": "another"}, False),
    ],
)
def test_a_client_of_the_callers_own_that_is_not_taken_is_told(
    manager: TokenManager, http: Transport, server: Server, options: dict[str, Any], told: bool
) -> None:
    server.failure = failed(NOT_TAKEN, transient=False)
    client = attrs.evolve(CLIENT, client_secret="one", source=PREREGISTERED)
    held = holding(manager, record(registration=client))
    if not told:
        assert patiently(held, http, SignInOptions(**options)) == (None, False)
        return
    with pytest.raises(RegistrationError) as caught:
        patiently(held, http, SignInOptions(**options))
    refused = caught.value
    assert refused.message == f"{ISSUER} no longer accepts the pre-registered client 'a-client' (invalid_client)."
    assert (refused.issuer, refused.error, refused.error_description, refused.status) == (
        ISSUER,
        NOT_TAKEN,
        "words",
        400,
    )
    assert refused.__cause__ is server.failure


def test_a_client_that_registered_itself_is_registered_again(
    manager: TokenManager, http: Transport, server: Server
) -> None:
    server.failure = failed(NOT_TAKEN, transient=False)
    held = holding(manager, record(registration=attrs.evolve(CLIENT, source=DYNAMIC)))
    assert patiently(held, http) == (None, False)
    server.failure = rejected(NOT_TAKEN)
    assert patiently(held, http) == (None, False)
    assert manager.load_record(URL) == attrs.evolve(record(), tokens=None, registration=None)


def test_a_client_of_nobody_in_particular_is_told_without_its_server(
    manager: TokenManager, http: Transport, server: Server
) -> None:
    server.failure = failed(NOT_TAKEN, transient=False)
    held = holding(manager, record(registration=attrs.evolve(CLIENT, issuer=None)))
    with pytest.raises(RegistrationError, match=r"^The authorization server no longer accepts"):
        patiently(held, http)


def test_a_sign_in_that_is_gone_when_its_client_is_refused_is_nothing(
    manager: TokenManager, http: Transport, server: Server
) -> None:
    held = holding(manager, record())
    server.failure = failed(NOT_TAKEN, transient=False)

    def gone() -> None:
        manager.delete_record(URL)
        held.load()

    server.meanwhile = gone
    assert patiently(held, http) == (None, False)

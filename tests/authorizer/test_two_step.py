"""Finishing what was started: which answers end a sign-in, which leave it open, and what of it counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import attrs
import pytest

from mcp_oauth_sync import NoPrompt, OAuth, OAuthTokens, StartedSignIn, TokenManager
from mcp_oauth_sync.exceptions import (
    AccessDeniedError,
    AuthorizationError,
    AuthorizationTimeoutError,
    InsecureURLError,
    InvalidRedirectError,
    RegistrationRequiredError,
    TokenExchangeError,
    TokenStorageError,
    UnsavedTokensWarning,
)
from mcp_oauth_sync.grants.base import Grant, GrantContext, Obtained
from mcp_oauth_sync.models.pending import PendingSignIn
from mcp_oauth_sync.models.tokens import OAuthTokens as Tokens
from mcp_oauth_sync.stores.memory import MemoryStore
from tests.scene import Scene, paths, shift_clock
from tests.servers import Person, cut, html, lose_answer, reply, reset

APP = "https://app.example.com/oauth/back"


class Shelf(MemoryStore):
    """A store that can be made to fail at one thing."""

    fails = ""

    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        self._check(f"store {namespace}", key)
        super().store_generic(key, value, namespace=namespace)

    def retrieve_generic(self, key: str, *, namespace: str = "generic") -> str | None:
        self._check(f"retrieve {namespace}", key)
        return super().retrieve_generic(key, namespace=namespace)

    def delete_generic(self, key: str, *, namespace: str = "generic") -> bool:
        self._check(f"delete {namespace}", key)
        return super().delete_generic(key, namespace=namespace)

    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        self._check(f"list {namespace}", "*")
        return super().list_generic(namespace=namespace)

    def _check(self, what: str, key: str) -> None:
        if what == self.fails:
            raise TokenStorageError("The disk is gone.", store=self.name, name=key)


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def auth(scene: Scene, shelf: Shelf) -> OAuth:
    return scene.oauth(token_manager=TokenManager(store=shelf), prompt=NoPrompt())


def answer(scene: Scene, started: StartedSignIn) -> str:
    redirect = scene.person.redirect_only(started.url)
    assert redirect is not None
    return redirect


def changed(redirect: str, **parameters: str | None) -> str:
    """Return a redirect with other parameters; None leaves one out."""
    base, _, query = redirect.partition("?")
    kept = {name: values[0] for name, values in parse_qs(query).items()} | parameters
    return f"{base}?{urlencode({name: value for name, value in kept.items() if value is not None})}"


def asked(started: StartedSignIn) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(started.url).query).items()}


def is_open(shelf: Shelf) -> bool:
    return bool(shelf.list_generic(namespace="pending"))


def test_nobody_is_asked_and_nothing_listens(scene: Scene, auth: OAuth) -> None:
    started = auth.start_sign_in()
    assert asked(started)["redirect_uri"] == "http://127.0.0.1/callback"
    assert started.server_url == scene.url
    tokens = auth.finish_sign_in(answer(scene, started))
    assert auth.tokens == tokens
    assert scene.post(auth).status_code == 200
    assert scene.shown == []


def test_what_was_started_can_be_sent_anywhere_and_does_not_show_itself(auth: OAuth) -> None:
    started = auth.start_sign_in()
    assert StartedSignIn.from_dict(json.loads(json.dumps(started.to_dict()))) == started
    assert asked(started)["state"] not in repr(started)


@pytest.mark.parametrize("form", ["the whole address", "its query", "its query with the mark"])
def test_the_answer_may_be_the_address_or_its_query(scene: Scene, auth: OAuth, form: str) -> None:
    redirect = answer(scene, auth.start_sign_in())
    query = urlsplit(redirect).query
    given = {"the whole address": redirect, "its query": query, "its query with the mark": f"?{query}"}[form]
    assert scene.az.is_active(auth.finish_sign_in(given).access_token)


def test_the_challenge_of_the_server_says_which_scopes_to_ask_for(scene: Scene, auth: OAuth) -> None:
    scene.mcp.challenge_scope = "notes:read"
    assert asked(auth.start_sign_in())["scope"] == "notes:read"
    assert asked(auth.start_sign_in(["notes:write"]))["scope"] == "notes:write"
    assert paths(scene.mcp.log)[0] == "POST /mcp 401"


@pytest.mark.parametrize(
    "spoilt",
    [
        {"state": "a state of nobody's"},
        {"state": None},
        {"iss": "https://evil.example.com"},
        {"iss": None},
        {"code": None},
    ],
    ids=str,
)
def test_an_answer_that_is_not_its_own_leaves_it_open_for_the_real_one(
    scene: Scene, auth: OAuth, shelf: Shelf, spoilt: dict[str, str | None]
) -> None:
    redirect = answer(scene, auth.start_sign_in())
    kind = AuthorizationError if "code" in spoilt else InvalidRedirectError
    with pytest.raises(kind) as caught:
        auth.finish_sign_in(changed(redirect, **spoilt))
    assert caught.value.error is None
    assert caught.value.hint
    assert (is_open(shelf), scene.asked("/token")) == (True, [])
    assert scene.az.is_active(auth.finish_sign_in(redirect).access_token)


@pytest.mark.parametrize("text", ["", "   ", "code-alone", "?", "x" * 20_000, "state=a&state=b", "\ud800", "http://["])
def test_what_is_no_answer_at_all_is_refused(auth: OAuth, shelf: Shelf, text: str) -> None:
    auth.start_sign_in()
    with pytest.raises(InvalidRedirectError) as caught:
        auth.finish_sign_in(text)
    assert caught.value.hint
    assert is_open(shelf)


def test_an_error_with_a_wrong_issuer_is_neither_shown_nor_believed(scene: Scene, auth: OAuth, shelf: Shelf) -> None:
    scene.az.decision = "deny"
    redirect = answer(scene, auth.start_sign_in())
    with pytest.raises(InvalidRedirectError) as caught:
        auth.finish_sign_in(changed(redirect, iss="https://evil.example.com", error_description="boo"))
    assert "boo" not in str(caught.value)
    assert is_open(shelf)


@pytest.mark.parametrize(("decision", "kind"), [("deny", AccessDeniedError), ("server_error", AuthorizationError)])
def test_a_refusal_ends_it(
    scene: Scene, auth: OAuth, shelf: Shelf, decision: str, kind: type[AuthorizationError]
) -> None:
    scene.az.decision = decision
    redirect = answer(scene, auth.start_sign_in())
    with pytest.raises(kind) as caught:
        auth.finish_sign_in(redirect)
    assert caught.value.hint
    assert not is_open(shelf)
    with pytest.raises(InvalidRedirectError, match="no sign-in that is under way"):
        auth.finish_sign_in(redirect)
    assert scene.asked("/token") == []


def test_an_answer_that_comes_too_late_ends_it(
    scene: Scene, auth: OAuth, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    redirect = answer(scene, auth.start_sign_in(lifetime=60))
    shift_clock(monkeypatch, 61)
    with pytest.raises(AuthorizationTimeoutError, match="not finished in time") as caught:
        auth.finish_sign_in(redirect)
    assert caught.value.hint == "Start the sign-in again."
    assert (is_open(shelf), scene.asked("/token")) == (False, [])


def test_what_was_never_finished_is_swept_when_another_one_is_started(
    auth: OAuth, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth.start_sign_in(lifetime=60)
    kept = auth.start_sign_in(lifetime=600)
    assert len(shelf.list_generic(namespace="pending")) == 2
    shelf.store_generic("something else", "that is not ours", namespace="pending")
    shift_clock(monkeypatch, 100)
    auth.start_sign_in()
    keys = [key for _, key in shelf.list_generic(namespace="pending")]
    assert len(keys) == 3
    assert "something else" in keys
    assert auth._authorizer.held.manager.pending.find(asked(kept)["state"]) is not None


def test_leftovers_that_cannot_be_removed_keep_nobody_from_starting(
    auth: OAuth, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    auth.start_sign_in(lifetime=60)
    shift_clock(monkeypatch, 100)
    shelf.fails = "delete pending"
    auth.start_sign_in()
    assert "never finished is left" in caplog.text


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 31 * 86400.0])
def test_a_lifetime_that_is_none_is_refused_before_anything_is_sent(scene: Scene, auth: OAuth, seconds: float) -> None:
    with pytest.raises(ValueError, match="lifetime must be"):
        auth.start_sign_in(lifetime=seconds)
    assert (scene.mcp.log, scene.az.log) == ([], [])


@pytest.mark.parametrize(
    "fault", [reply(503), html(403), reset(), lose_answer(), cut(10)], ids=lambda fault: fault.name
)
def test_a_code_that_may_be_used_up_is_never_sent_again(scene: Scene, auth: OAuth, shelf: Shelf, fault: object) -> None:
    redirect = answer(scene, auth.start_sign_in())
    scene.az.fault("/token", fault)  # type: ignore[arg-type]
    with pytest.raises(TokenExchangeError) as caught:
        auth.finish_sign_in(redirect)
    assert "Start the sign-in again" in (caught.value.hint or "")
    assert not is_open(shelf)
    sent = len(scene.asked("/token"))
    with pytest.raises(InvalidRedirectError):
        auth.finish_sign_in(redirect)
    assert len(scene.asked("/token")) == sent


def test_it_is_finished_once(scene: Scene, auth: OAuth) -> None:
    redirect = answer(scene, auth.start_sign_in())
    first = auth.finish_sign_in(redirect)
    with pytest.raises(InvalidRedirectError):
        auth.finish_sign_in(redirect)
    assert scene.az.is_active(first.access_token), "the server has not seen the code twice"


def test_several_can_be_under_way_and_each_is_finished_by_its_own_answer(scene: Scene, auth: OAuth) -> None:
    first, second = auth.start_sign_in(["one"]), auth.start_sign_in(["two"])
    answers = [answer(scene, first), answer(scene, second)]
    assert auth.finish_sign_in(answers[1]).scope == "two"
    assert auth.finish_sign_in(answers[0]).scope == "one"


@pytest.mark.parametrize("at", ["list pending", "retrieve pending", "delete pending"])
def test_a_store_that_fails_loses_nothing(scene: Scene, auth: OAuth, shelf: Shelf, at: str) -> None:
    redirect = answer(scene, auth.start_sign_in())
    shelf.fails = at
    with pytest.raises(TokenStorageError, match="disk is gone"):
        auth.finish_sign_in(redirect)
    shelf.fails = ""
    assert scene.asked("/token") == []
    assert scene.az.is_active(auth.finish_sign_in(redirect).access_token)


def test_what_cannot_be_kept_is_not_started(auth: OAuth, shelf: Shelf) -> None:
    shelf.fails = "store pending"
    with pytest.raises(TokenStorageError, match="disk is gone"):
        auth.start_sign_in()


def test_tokens_that_cannot_be_stored_are_used_from_memory_with_a_warning(
    scene: Scene, auth: OAuth, shelf: Shelf
) -> None:
    redirect = answer(scene, auth.start_sign_in())
    shelf.fails = "store oauth"
    with pytest.warns(UnsavedTokensWarning):
        auth.finish_sign_in(redirect)
    assert scene.post(auth).status_code == 200


@pytest.mark.parametrize(
    "damage",
    [{"schema": 2}, {"schema": None}, {"verifier": 1}, {"registration": []}, {"expires_at": None}, None],
    ids=str,
)
def test_what_was_kept_and_cannot_be_read_is_left_alone(
    scene: Scene, auth: OAuth, shelf: Shelf, damage: dict[str, object] | None
) -> None:
    redirect = answer(scene, auth.start_sign_in())
    [(_, key)] = shelf.list_generic(namespace="pending")
    kept = shelf.retrieve_generic(key, namespace="pending") or ""
    spoilt = "[]" if damage is None else json.dumps({**json.loads(kept), **damage})
    shelf.store_generic(key, spoilt, namespace="pending")
    with pytest.raises(TokenStorageError):
        auth.finish_sign_in(redirect)
    assert shelf.retrieve_generic(key, namespace="pending") == spoilt


# What was started counts


def test_the_one_who_finishes_may_want_other_things_but_what_was_started_counts(scene: Scene, shelf: Shelf) -> None:
    manager = TokenManager(store=shelf)
    scene.az.add_client("app", "secret-of-the-app-0123456789", redirect_uris=[APP])
    starter = scene.oauth(
        token_manager=manager,
        prompt=NoPrompt(),
        client_id="app",
        client_secret="secret-of-the-app-0123456789",
        token_endpoint_auth_method="client_secret_basic",
        redirect_uri=APP,
        scopes="notes:read",
    )
    redirect = answer(scene, starter.start_sign_in())
    assert redirect.startswith(APP)
    finisher = scene.oauth(
        token_manager=manager,
        prompt=NoPrompt(),
        scopes="notes:write",
        callback_port=8765,
        resource=None,
        token_params={"tenant": "blue"},
    )
    assert finisher.finish_sign_in(redirect).scope == "notes:read"
    [sent] = scene.asked("/token")
    assert sent.form["tenant"] == ["blue"]
    assert (sent.form["redirect_uri"], sent.form["resource"]) == ([APP], [scene.url])
    record = manager.load_record(scene.url)
    assert record is not None
    assert record.registration is not None
    assert (record.registration.client_id, record.requested_scope) == ("app", "notes:read")
    assert scene.post(finisher).status_code == 200


def test_another_servers_answer_is_not_taken_and_its_sign_in_stays_open(
    scene: Scene, auth: OAuth, shelf: Shelf
) -> None:
    redirect = answer(scene, auth.start_sign_in())
    with Scene() as other:
        elsewhere = other.oauth(token_manager=TokenManager(store=shelf), prompt=NoPrompt())
        with pytest.raises(InvalidRedirectError, match="belongs to a sign-in at") as caught:
            elsewhere.finish_sign_in(redirect)
        assert scene.url in str(caught.value)
        assert (other.az.log, other.mcp.log) == ([], [])
    assert auth.finish_sign_in(redirect)


def test_another_profiles_answer_is_nobodys(scene: Scene, auth: OAuth, shelf: Shelf) -> None:
    redirect = answer(scene, auth.start_sign_in())
    work = scene.oauth(token_manager=TokenManager(store=shelf), profile="work")
    with pytest.raises(InvalidRedirectError, match="no sign-in that is under way"):
        work.finish_sign_in(redirect)
    assert auth.finish_sign_in(redirect)


def test_it_is_kept_under_the_name_it_was_started_with_and_found_by_its_url(scene: Scene, shelf: Shelf) -> None:
    manager = TokenManager(store=shelf)
    redirect = answer(scene, scene.oauth(token_manager=manager, name="work").start_sign_in())
    with pytest.raises(InvalidRedirectError, match="belongs to the sign-in 'work', not to 'home'"):
        scene.oauth(token_manager=manager, name="home").finish_sign_in(redirect)
    finisher = scene.oauth(token_manager=manager, prompt=NoPrompt())
    finisher.finish_sign_in(redirect)
    assert (manager.names(), finisher.name) == (["work"], "work")
    assert scene.oauth(token_manager=manager).name == "work"


def test_a_client_of_the_callers_own_gets_an_entry_of_its_own_whoever_finishes(scene: Scene, shelf: Shelf) -> None:
    manager = TokenManager(store=shelf)
    scene.sign_in(token_manager=manager)
    scene.az.add_client("app", redirect_uris=["http://127.0.0.1/callback"])
    own = scene.oauth(token_manager=manager, client_id="app")
    redirect = answer(scene, own.start_sign_in())
    finisher = scene.oauth(token_manager=manager, prompt=NoPrompt())
    tokens = finisher.finish_sign_in(redirect)
    assert manager.names() == [scene.url, f"{scene.url} client_id=app"]
    assert scene.oauth(token_manager=manager, client_id="app").tokens == tokens
    assert scene.oauth(token_manager=manager).tokens != tokens


def test_a_code_of_one_server_never_reaches_another_one(scene: Scene, auth: OAuth, shelf: Shelf) -> None:
    honest = answer(scene, auth.start_sign_in())
    with Scene() as evil:
        victim = evil.oauth(token_manager=TokenManager(store=shelf), prompt=NoPrompt())
        state = asked(victim.start_sign_in())["state"]
        with pytest.raises(InvalidRedirectError, match="iss differs"):
            victim.finish_sign_in(changed(honest, state=state))
        assert evil.asked("/token") == []
    assert scene.az.is_active(auth.finish_sign_in(honest).access_token)


def test_a_scheme_of_the_applications_own_needs_nobody_who_listens(scene: Scene, shelf: Shelf) -> None:
    scene.az.add_client("app", redirect_uris=["com.example.app:/back"])
    options = {"token_manager": TokenManager(store=shelf), "client_id": "app", "prompt": NoPrompt()}
    auth = scene.oauth(redirect_uri="com.example.app:/back", **options)
    redirect = answer(scene, auth.start_sign_in())
    assert redirect.startswith("com.example.app:/back?")
    assert scene.az.is_active(auth.finish_sign_in(redirect).access_token)


def test_a_port_that_the_saved_registration_knows_needs_no_new_one(scene: Scene) -> None:
    scene.sign_in()
    auth = scene.oauth(prompt=NoPrompt())
    started = auth.start_sign_in()
    assert asked(started)["redirect_uri"] == scene.record().redirect_uri
    auth.finish_sign_in(answer(scene, started))
    assert scene.asked("/register") == []


def test_a_registration_that_the_server_has_forgotten_is_replaced_before_anybody_is_sent_there(scene: Scene) -> None:
    scene.sign_in()
    scene.az.forget_clients()
    auth = scene.oauth(prompt=NoPrompt())
    assert auth.finish_sign_in(answer(scene, auth.start_sign_in()))
    assert len(scene.asked("/register")) == 1


@pytest.mark.parametrize("port", [8765, (8765, 8766)])
def test_a_port_of_the_callers_is_the_one_that_is_sent(scene: Scene, port: int | tuple[int, ...]) -> None:
    started = scene.oauth(callback_port=port).start_sign_in()
    assert asked(started)["redirect_uri"] == "http://127.0.0.1:8765/callback"


def test_a_sign_in_that_needs_a_client_by_hand_says_so_at_the_start(scene: Scene, auth: OAuth, shelf: Shelf) -> None:
    scene.az.registration_mode = "absent"
    with pytest.raises(RegistrationRequiredError, match="registers no clients"):
        auth.start_sign_in()
    assert not is_open(shelf)


def test_what_is_found_out_before_anything_is_sent_leaves_it_open(scene: Scene, auth: OAuth, shelf: Shelf) -> None:
    redirect = answer(scene, auth.start_sign_in())
    manager = TokenManager(store=shelf)
    pending = manager.pending.find(parse_qs(urlsplit(redirect).query)["state"][0])
    assert pending is not None
    manager.pending.save(attrs.evolve(pending, token_endpoint="http://as.example.com/token"))
    with pytest.raises(InsecureURLError):
        auth.finish_sign_in(redirect)
    assert is_open(shelf)
    manager.pending.save(pending)
    assert scene.az.is_active(auth.finish_sign_in(redirect).access_token)


def test_a_grant_without_a_browser_has_nothing_to_start(scene: Scene) -> None:
    class Voucher(Grant):
        name = "voucher"
        interactive = False

        def obtain(self, context: GrantContext) -> Obtained:
            return Obtained(tokens=Tokens(access_token="x"), registration=None)

    with pytest.raises(AuthorizationError, match="voucher sends nobody"):
        scene.oauth(grant=Voucher()).start_sign_in()
    assert scene.az.log == []


def test_after_a_decline_a_sign_in_that_was_finished_elsewhere_counts_at_once(scene: Scene) -> None:
    scene.az.auto_consent = False
    scene.person = Person("deny")
    auth = scene.oauth()
    with pytest.raises(AccessDeniedError):
        scene.post(auth)
    scene.person.join()
    scene.az.auto_consent = True
    redirect = answer(scene, auth.start_sign_in())
    assert auth.finish_sign_in(redirect)
    assert scene.post(auth).status_code == 200
    scene.az.revoke_family(scene.access_token)
    assert scene.post(auth).status_code == 200, "the person is asked again without a pause"


def test_by_hand_it_works_through_a_handler_as_well(scene: Scene) -> None:
    handler = scene.handler(prompt=NoPrompt())
    started = handler.start_sign_in("notes", scene.url, ["notes:read"])
    redirect = answer(scene, started)
    with pytest.raises(InvalidRedirectError, match="belongs to the sign-in 'notes'"):
        scene.handler().finish_sign_in("other", redirect)
    tokens = scene.handler(prompt=NoPrompt()).finish_sign_in("notes", redirect)
    assert handler.ensure_authenticated_mcp("notes", scene.url) == tokens
    answered = handler.authenticated_request(
        "notes", scene.url, scene.url, "POST", json={"jsonrpc": "2.0", "id": 1, "method": "ping"}
    )
    assert answered.status_code == 200
    with pytest.raises(InvalidRedirectError):
        handler.finish_sign_in("notes", "https://app.example.com/?code=1&state=unknown")


def test_a_server_that_does_not_name_itself_is_answered_too(scene: Scene, auth: OAuth) -> None:
    scene.az.iss_advertised, scene.az.iss_mode = False, "absent"
    assert auth.finish_sign_in(answer(scene, auth.start_sign_in()))


def test_the_record_of_what_was_started_comes_back_as_it_was(auth: OAuth, shelf: Shelf) -> None:
    auth.start_sign_in(["a", "b"])
    [(_, key)] = shelf.list_generic(namespace="pending")
    kept = shelf.retrieve_generic(key, namespace="pending") or ""
    pending = PendingSignIn.from_json(kept)
    assert pending.to_json() == kept
    assert pending.key == key
    for secret in (pending.state, pending.verifier):
        assert secret not in repr(pending) + key


def test_the_tokens_are_those_that_a_plain_sign_in_would_have_left(scene: Scene) -> None:
    auth = scene.oauth(prompt=NoPrompt())
    auth.finish_sign_in(answer(scene, auth.start_sign_in()))
    two_steps = scene.record()
    scene.oauth().sign_in()
    plain = scene.record()

    def comparable(record: object) -> object:
        return attrs.evolve(record, tokens=None, registration=None, redirect_uri=None)  # type: ignore[type-var]

    assert comparable(two_steps) == comparable(plain)
    assert isinstance(two_steps.tokens, OAuthTokens)

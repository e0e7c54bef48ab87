"""The sign-in in memory and in the store: kept when the store fails, and never mixed up with another's."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mcp_oauth_sync import NoPrompt, OAuth, OAuthTokens, TokenManager
from mcp_oauth_sync.exceptions import TokenStorageError, UnsavedTokensWarning
from mcp_oauth_sync.stores.memory import MemoryStore
from tests.failing_store import Failing
from tests.scene import Scene, never_wait, paths, shift_clock
from tests.servers import gate

HOUR, YEARS = 3600.0, 10 * 365 * 86400.0


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


@pytest.mark.parametrize("name", [None, "notes"])
def test_a_sign_in_that_cannot_be_stored_is_used_from_memory_with_a_warning(scene: Scene, name: str | None) -> None:
    store = Failing()
    auth = scene.oauth(token_manager=TokenManager(store=store), name=name)

    def fail() -> None:
        store.fails_reading = store.fails_writing = True

    scene.before_going = fail
    with pytest.warns(UnsavedTokensWarning, match="good but not stored"):
        assert scene.post(auth).status_code == 200
    assert scene.post(auth).status_code == 200
    assert len(scene.shown) == 1


def test_a_warning_that_is_an_error_to_the_caller_loses_no_tokens(scene: Scene) -> None:
    store = Failing()
    store.fails_writing = True
    auth = scene.oauth(token_manager=TokenManager(store=store))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UnsavedTokensWarning):
            scene.post(auth)
        assert scene.post(auth).status_code == 200
        scene.az.expire_all_access_tokens()
        with pytest.raises(UnsavedTokensWarning):
            scene.post(auth)
        assert scene.post(auth).status_code == 200
    assert (len(scene.shown), scene.az.refreshes) == (1, 1)


def test_tokens_that_could_not_be_stored_are_refreshed_and_stored_when_the_store_is_back(scene: Scene) -> None:
    store = Failing()
    store.fails_writing = True
    manager = TokenManager(store=store)
    auth = scene.oauth(token_manager=manager)
    with pytest.warns(UnsavedTokensWarning):
        scene.post(auth)
    scene.az.expire_all_access_tokens()
    store.fails_writing = False
    assert scene.post(auth).status_code == 200
    assert manager.load_tokens(scene.url) == auth.tokens
    assert (scene.az.refreshes, len(scene.shown)) == (1, 1)


def test_a_store_that_cannot_take_turns_is_found_out_before_anybody_is_asked(scene: Scene) -> None:
    store = Failing()
    store.fails_reading = True
    with pytest.raises(TokenStorageError, match="disk is gone"):
        scene.post(scene.oauth(token_manager=TokenManager(store=store)))
    assert (scene.shown, scene.az.log) == ([], [])


def test_a_name_given_to_another_server_is_refused_and_its_token_goes_nowhere(scene: Scene) -> None:
    scene.sign_in(name="notes")
    with Scene() as other:
        auth = OAuth(other.url, name="notes", prompt=other.prompt)
        for call in (lambda: other.post(auth), auth.headers, auth.sign_in):
            with pytest.raises(TokenStorageError, match="'notes' is one at") as caught:
                call()
            assert caught.value.name == "notes"
            assert "Choose another name" in (caught.value.hint or "")
        assert (other.mcp.log, other.shown) == ([], [])
    assert scene.post(scene.oauth(name="notes")).status_code == 200


def test_the_same_server_spelled_otherwise_keeps_its_name(scene: Scene) -> None:
    scene.sign_in(name="notes")
    for url in (scene.url + "/", scene.url + "?project=1"):
        auth = OAuth(url, name="notes", prompt=NoPrompt())
        assert auth.headers()["Authorization"].startswith("Bearer access-")


def test_two_names_for_one_server_never_share_tokens(scene: Scene) -> None:
    one, other = scene.oauth(name="work"), scene.oauth(name="home")
    assert [scene.post(auth).status_code for auth in (one, other)] == [200, 200]
    assert one.headers() != other.headers()
    one.sign_out()
    assert scene.post(scene.oauth(name="home", prompt=NoPrompt())).status_code == 200


def test_a_sign_in_under_a_name_is_found_by_the_servers_url(scene: Scene) -> None:
    scene.sign_in(name="notes")
    auth = scene.oauth(prompt=NoPrompt())
    assert scene.post(auth).status_code == 200
    assert auth.name == "notes"


def test_tokens_that_somebody_else_stored_are_used(scene: Scene) -> None:
    token = scene.sign_in().headers()["Authorization"].removeprefix("Bearer ")
    manager = TokenManager(store=MemoryStore())
    manager.save_tokens(scene.url, OAuthTokens(access_token=token))
    assert scene.post(scene.oauth(token_manager=manager, prompt=NoPrompt())).status_code == 200


def test_eight_threads_with_an_expired_token_refresh_once(scene: Scene) -> None:
    auth = scene.sign_in()
    scene.expire()
    auth = scene.oauth()
    release, arrived = threading.Event(), threading.Event()
    scene.az.fault("/token", gate(release, arrived=arrived))
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(scene.post, auth) for _ in range(8)]
        assert arrived.wait(10)
        release.set()
        assert [call.result().status_code for call in calls] == [200] * 8
    assert (scene.az.refreshes, scene.az.reuses, scene.shown) == (1, 0, [])
    assert paths(scene.mcp.log) == ["POST /mcp 200"] * 8


@pytest.mark.parametrize("shift", [HOUR, -HOUR, 2 * HOUR, -48 * HOUR, YEARS, -YEARS])
@pytest.mark.parametrize("when", ["while signed in", "before signing in"])
def test_a_clock_that_is_moved_costs_a_refresh_at_most(
    scene: Scene, shift: float, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_wait(monkeypatch)
    with monkeypatch.context() as moved:
        if when == "before signing in":
            shift_clock(moved, shift)
        running = scene.sign_in()
    if when == "while signed in":
        shift_clock(monkeypatch, shift)
    later = scene.oauth()
    for auth in (running, later, running, later):
        assert scene.post(auth).status_code == 200
    assert scene.az.refreshes <= 1
    scene.az.expire_all_access_tokens()
    for auth in (running, later, scene.oauth()):
        assert scene.post(auth).status_code == 200
    assert scene.az.refreshes <= 2
    assert (scene.shown, scene.az.reuses) == ([], 0)


@pytest.mark.parametrize(("lifetime", "leeway"), [(3600, 60), (300, 30), (10, 1)])
def test_the_leeway_is_a_tenth_of_the_lifetime_and_a_minute_at_most(scene: Scene, lifetime: int, leeway: int) -> None:
    scene.az.access_ttl = lifetime
    scene.sign_in()
    scene.age(lifetime - leeway - 0.9 * leeway)
    assert scene.post(scene.oauth()).status_code == 200
    assert scene.az.refreshes == 0
    scene.age(1.8 * leeway)
    assert scene.post(scene.oauth()).status_code == 200
    assert scene.az.refreshes == 1


def test_a_token_of_unknown_lifetime_is_used_until_it_is_refused_and_then_refreshed(scene: Scene) -> None:
    scene.az.access_ttl = None
    auth = scene.sign_in()
    scene.age(YEARS)
    assert scene.post(scene.oauth()).status_code == 200
    assert scene.az.log == []
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert (scene.az.refreshes, scene.shown) == (1, [])


@pytest.mark.parametrize("name", [None, "notion"], ids=["under its URL", "under a linked name"])
def test_a_fresh_process_opens_the_file_of_its_sign_in_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    scene.sign_in(**({"name": name} if name else {}))
    store = scene.manager.store
    retrieve, opened = store.retrieve_generic, []

    def watched(key: str, *, namespace: str) -> str | None:
        value = retrieve(key, namespace=namespace)
        if value is not None:
            opened.append((namespace, key))
        return value

    monkeypatch.setattr(store, "retrieve_generic", watched)
    assert scene.post(scene.oauth()).status_code == 200
    assert opened == ([("links", scene.url), ("oauth", name)] if name else [("oauth", scene.url)])

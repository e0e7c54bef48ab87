"""Many processes and threads, one sign-in: who loses a race, fails or dies costs nobody else anything."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import attrs
import pytest
import requests

from mcp_oauth_sync import NoPrompt, OAuthConfig, TokenManager
from mcp_oauth_sync.authorizer import held
from mcp_oauth_sync.exceptions import TokenStorageError, UnsavedTokensWarning
from mcp_oauth_sync.grants.refresh_token import renew
from mcp_oauth_sync.protocol.transport import Transport
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.stores.memory import MemoryStore
from tests.scene import YEAR, Scene
from tests.servers import gate, reply

from .fleet import Fleet, until


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


class CountingStore(MemoryStore):
    """Counts the turns that are asked for."""

    turns = 0

    def exclusive(self, key: str, **options: Any) -> AbstractContextManager[None]:
        self.turns += 1
        return super().exclusive(key, **options)


def test_the_threads_of_a_process_take_one_turn_at_the_store_together(scene: Scene) -> None:
    store = CountingStore()
    auth = scene.oauth(token_manager=TokenManager(store=store))
    assert scene.post(auth).status_code == 200
    scene.az.expire_all_access_tokens()
    store.turns = 0
    release = threading.Event()
    scene.az.fault("/token", gate(release), times=1)
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(scene.post, auth) for _ in range(8)]
        until(lambda: len(scene.mcp.tokens_seen) == 10)  # two of the sign-in, and eight refused
        release.set()
        assert [answer.result(30).status_code for answer in answers] == [200] * 8
    assert store.turns == 1
    assert scene.az.refreshes == 1


def test_who_has_the_turn_already_when_a_refresh_is_needed_gets_through(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "GATHERING", 0.1)
    auth = scene.sign_in()
    scene.az.expire_all_access_tokens()
    with ThreadPoolExecutor(1) as pool:
        with scene.manager.exclusive(scene.url):
            other = pool.submit(scene.post, auth)
            until(lambda: any(one._gathering.locked() for one in held._all))
            assert scene.post(auth).status_code == 200
        assert other.result(30).status_code == 200
    assert (scene.az.refreshes, scene.az.reuses) == (1, 0)


class FailingDisk(EncryptedFileStore):
    """Encrypted files on a disk that may be full, or broken altogether."""

    full = broken = False

    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        if self.full:
            raise TokenStorageError("No space left on device.", store=self.name)
        super().store_generic(key, value, namespace=namespace)

    def retrieve_generic(self, key: str, *, namespace: str = "generic") -> str | None:
        if self.broken:
            raise TokenStorageError("Input/output error.", store=self.name)
        return super().retrieve_generic(key, namespace=namespace)


@pytest.mark.parametrize("full", [False, True], ids=["with room again", "full for good"])
def test_tokens_that_could_not_be_stored_never_cost_others_their_sign_in(scene: Scene, full: bool) -> None:
    scene.sign_in()
    disk = FailingDisk(os.environ["MCP_OAUTH_SYNC_HOME"])
    unlucky = scene.oauth(prompt=NoPrompt(), token_manager=TokenManager(store=disk))
    disk.full = True
    scene.az.expire_all_access_tokens()
    with pytest.warns(UnsavedTokensWarning):
        assert scene.post(unlucky).status_code == 200
    scene.az.expire_all_access_tokens()
    assert scene.post(scene.oauth()).status_code == 200  # what is stored was used up: a person was asked
    assert len(scene.shown) == 1
    theirs = scene.record()
    disk.full = full
    assert scene.post(unlucky).status_code == 200
    assert scene.record() == theirs
    assert scene.az.is_active(scene.access_token)


def test_a_disk_that_breaks_altogether_keeps_nobody_from_signing_in_again(scene: Scene) -> None:
    scene.sign_in()
    disk = FailingDisk(os.environ["MCP_OAUTH_SYNC_HOME"])
    auth = scene.oauth(token_manager=TokenManager(store=disk))
    disk.full = True
    scene.az.expire_all_access_tokens()
    with pytest.warns(UnsavedTokensWarning):
        assert scene.post(auth).status_code == 200
    disk.broken = True
    scene.az.revoke_family(scene.access_token)
    with pytest.warns(UnsavedTokensWarning):
        assert scene.post(auth).status_code == 200
    assert len(scene.shown) == 1


def test_with_explicit_endpoints_too_the_loser_of_a_race_uses_the_winners_tokens(scene: Scene) -> None:
    scene.az.resource_required = False  # an OAuthConfig names no resource
    client = scene.az.add_client("a client")
    config = OAuthConfig(
        authorization_url=scene.az.endpoint("authorize"),
        token_url=scene.az.endpoint("token"),
        client_id=client["client_id"],
    )
    handler = scene.handler()
    handler.ensure_authenticated("server", config)
    scene.forget_log()
    record = scene.manager.load_record("server")
    assert record is not None
    assert record.tokens is not None
    scene.az.expire_all_access_tokens()
    old = attrs.evolve(record, tokens=attrs.evolve(record.tokens, issued_at=record.tokens.issued_at - YEAR))
    scene.manager.save_record("server", old)
    arrived, release = threading.Event(), threading.Event()
    scene.az.fault("/token", gate(release, arrived=arrived), reply(400, {"error": "invalid_grant"}), times=1)
    with ThreadPoolExecutor(1) as pool:
        loser = pool.submit(handler.ensure_authenticated, "server", config)
        assert arrived.wait(10)
        with requests.Session() as session:
            winner = renew(Transport(session=session), old)
        scene.manager.save_record("server", winner)
        release.set()
        assert loser.result(10) == winner.tokens
    assert scene.manager.load_record("server") == winner
    assert scene.shown == []


def test_a_process_killed_while_it_refreshes_holds_up_nobody(scene: Scene) -> None:
    scene.sign_in()
    scene.az.expire_all_access_tokens()
    arrived = threading.Event()
    scene.az.fault("/token", gate(threading.Event(), arrived=arrived), times=1)
    with Fleet(scene.url, 1) as fleet:
        fleet.tell(1)
        assert arrived.wait(30)
        fleet.kill(fleet.members[0])
        assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    assert (scene.az.refreshes, scene.az.reuses) == (1, 0)


def test_a_process_killed_while_it_asks_holds_up_nobody(scene: Scene) -> None:
    arrived = threading.Event()
    scene.az.fault("/authorize", gate(threading.Event(), arrived=arrived), times=1)
    with Fleet(scene.url, 1, "person") as fleet:
        fleet.tell(1)
        assert arrived.wait(30)
        fleet.kill(fleet.members[0])
        assert scene.post(scene.oauth()).status_code == 200
    assert len(scene.shown) == 1


def test_a_process_uses_what_another_one_got_although_its_own_token_was_refused(scene: Scene) -> None:
    one = scene.sign_in()
    other = scene.oauth(prompt=NoPrompt())
    assert scene.post(other).status_code == 200
    scene.az.expire_all_access_tokens()
    assert scene.post(one).status_code == 200
    assert scene.post(other).status_code == 200
    assert (scene.az.refreshes, scene.az.reuses) == (1, 0)


def test_what_another_one_got_may_have_expired_too_and_is_renewed_then(scene: Scene) -> None:
    one = scene.sign_in()
    other = scene.oauth(prompt=NoPrompt())
    assert scene.post(other).status_code == 200
    scene.az.expire_all_access_tokens()
    assert scene.post(one).status_code == 200
    scene.az.expire_all_access_tokens()
    response = scene.post(other)
    assert response.status_code == 200
    assert [old.status_code for old in response.history] == [401, 401]
    assert (scene.az.refreshes, scene.az.reuses) == (2, 0)


def test_a_dead_token_family_is_removed_once_and_one_sign_in_serves_everybody(scene: Scene) -> None:
    scene.sign_in()
    tokens = scene.record().tokens
    assert tokens is not None
    scene.az.revoke_family(tokens.access_token)
    with Fleet(scene.url, 2, "person") as fleet:
        fleet.tell(2)
        answers = fleet.answers()
    assert [answer.got for answer in answers] == [[200] * 2] * 2
    assert sum(answer.shown for answer in answers) == 1
    assert scene.az.registrations == 1
    assert scene.record().tokens != attrs.evolve(tokens)

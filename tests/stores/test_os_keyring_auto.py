"""The real keyring of a desktop when nobody chose a store, and sign-ins that live in it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_sync import NoPrompt, OAuthTokens, TokenManager, TokenStoreFactory
from mcp_oauth_sync.exceptions import StoreUnavailableError, TokenStorageError, UnsavedTokensWarning
from tests.real.secret_service import SecretService, keyring_daemon, secret_service
from tests.scene import Scene
from tests.servers import gate

from .processes import ROOT, environment

__all__ = ["keyring_daemon", "secret_service"]

pytestmark = pytest.mark.secret_service

TOKENS = OAuthTokens(access_token="at-of-these-tests", refresh_token="rt-of-these-tests")


@pytest.fixture(autouse=True)
def nobody_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MCP_OAUTH_SYNC_BACKEND")


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def a_later_process_says() -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tests.stores.keyring_child", "sign_ins"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_unlocked_keyring_is_taken_and_nothing_lies_in_files(
    secret_service: SecretService, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manager = TokenManager()
    manager.save_tokens("notion", TOKENS)
    assert manager.store.name == "the Secret Service keyring (mcp-oauth-sync)"
    assert list(secret_service.items()) == ["mcp-oauth-sync|oauth/notion"]
    assert list(home.rglob("*.enc")) == []
    assert a_later_process_says() == ["notion"]
    assert TokenStoreFactory.detect_backend() == "secret_service"
    assert warned(caplog) == []


def test_the_service_name_of_the_application_is_used(secret_service: SecretService) -> None:
    TokenManager(service_name="my-app").save_tokens("notion", TOKENS)
    assert list(secret_service.items()) == ["my-app|oauth/notion"]
    assert TokenManager(service_name="my-app").load_tokens("notion") == TOKENS
    assert TokenManager().load_tokens("notion") is None


def test_a_locked_keyring_gives_way_to_files_with_the_reason(
    secret_service: SecretService, caplog: pytest.LogCaptureFixture
) -> None:
    secret_service.lock()
    manager = TokenManager()
    manager.save_tokens("notion", TOKENS)
    assert "encrypted files" in manager.store.name
    (said,) = warned(caplog)
    assert "the Secret Service keyring (mcp-oauth-sync) is locked" in said
    secret_service.unlock()
    assert secret_service.items() == {}
    assert a_later_process_says() == ["notion"]  # where the first sign-in went


def test_a_stopped_keyring_gives_way_to_files_within_five_seconds(
    secret_service: SecretService, caplog: pytest.LogCaptureFixture
) -> None:
    secret_service.stop()
    manager = TokenManager()
    began = time.monotonic()
    with manager.exclusive("notion", purpose="sign-in"):
        taken = time.monotonic() - began
    assert taken < 6
    assert "encrypted files" in manager.store.name
    assert "did not answer" in warned(caplog)[0]
    manager.save_tokens("notion", TOKENS)
    assert manager.load_tokens("notion") == TOKENS


def test_a_process_without_the_session_is_told_where_the_sign_ins_are(
    secret_service: SecretService, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    TokenManager().save_tokens("notion", TOKENS)
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    kind, message, hint = a_later_process_says()
    assert kind == "StoreUnavailableError"
    assert "'secret_service'" in message
    assert "no D-Bus session" in message
    assert "MCP_OAUTH_SYNC_BACKEND=encrypted_file" in hint
    with pytest.raises(StoreUnavailableError, match="no D-Bus session"):
        TokenManager().save_tokens("linear", TOKENS)
    assert list(home.rglob("*.enc")) == []


def test_a_keyring_that_holds_sign_ins_and_is_locked_now_is_not_replaced(
    secret_service: SecretService, home: Path
) -> None:
    TokenManager().save_tokens("notion", TOKENS)
    secret_service.lock()
    for use in (
        lambda: TokenManager().load_tokens("notion"),
        lambda: TokenManager().save_tokens("notion", TOKENS),
        lambda: TokenManager().delete_tokens("notion"),
    ):
        with pytest.raises(TokenStorageError, match="is locked"):
            use()
    assert list(home.rglob("*.enc")) == []
    secret_service.unlock()
    assert TokenManager().load_tokens("notion") == TOKENS


def test_a_keyring_asked_for_by_name_is_taken_or_fails(secret_service: SecretService, home: Path) -> None:
    secret_service.lock()
    with pytest.raises(TokenStorageError, match="is locked"):
        TokenManager(backend="secret_service").save_tokens("notion", TOKENS)
    assert list(home.rglob("*.enc")) == []


# Sign-ins


def test_a_sign_in_is_kept_in_the_keyring_refreshed_there_and_removed_whole(
    secret_service: SecretService, scene: Scene, home: Path
) -> None:
    scene.sign_in()
    assert len(secret_service.items()) == 2, "the sign-in, and what is known of its authorization server"
    for _ in range(2):
        scene.expire()
        assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    assert (scene.az.refreshes, scene.az.reuses) == (2, 0)
    assert scene.shown == []
    assert TokenManager().names() == [scene.url]
    registry = TokenManager().registry
    assert registry is not None
    assert registry.list_tokens("oauth")[0]["metadata"]["server_url"] == scene.url
    assert TokenManager().delete_record(scene.url) is True
    assert secret_service.items() == {}
    assert TokenManager().names() == []
    assert registry.list_tokens() == []
    assert list(home.rglob("*.enc")) == []


def test_threads_that_find_an_expired_sign_in_refresh_it_once(secret_service: SecretService, scene: Scene) -> None:
    scene.sign_in()
    scene.expire()
    auths = [scene.oauth(prompt=NoPrompt()) for _ in range(6)]
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda auth=auth: statuses.append(scene.post(auth).status_code)) for auth in auths
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 6
    assert (scene.az.refreshes, scene.az.reuses) == (1, 0)


def test_a_keyring_locked_while_a_refresh_is_under_way_costs_nobody_the_sign_in(
    secret_service: SecretService, scene: Scene
) -> None:
    auth = scene.sign_in()
    scene.az.expire_all_access_tokens()
    arrived, release = threading.Event(), threading.Event()
    scene.az.fault("/token", gate(release, arrived=arrived), times=1)

    def lock() -> None:
        assert arrived.wait(10)
        secret_service.lock()
        release.set()

    locker = threading.Thread(target=lock)
    locker.start()
    with pytest.warns(UnsavedTokensWarning, match="is locked"):
        assert scene.post(auth).status_code == 200
    locker.join()
    assert scene.post(auth).status_code == 200
    secret_service.unlock()
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200  # stored again by now
    assert (scene.az.refreshes, scene.az.reuses) == (2, 0)
    assert scene.shown == []

"""Secrets that are no sign-ins through the token manager, and what it tells of the sign-ins it keeps."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mcp_oauth_sync import APIKeyToken, BasicAuthToken, BearerToken, OAuthTokens, ServerRecord, TokenManager
from mcp_oauth_sync.exceptions import StoreCorruptError, TokenStorageError
from mcp_oauth_sync.stores import SecureTokenStore
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.stores.memory import MemoryStore

KEY = APIKeyToken(provider="weather", key="the-key-of-the-weather")
RECORD = ServerRecord(
    server_url="https://mcp.example.com/mcp?project=1",
    issuer="https://login.example.com",
    tokens=OAuthTokens(access_token="at-of-these-tests", scope="notes:read"),
)
SHOWN = {"server_url": "https://mcp.example.com/mcp", "issuer": "https://login.example.com", "scope": "notes:read"}


class Indexed(EncryptedFileStore):
    """Stands for a store that notes its names in the index."""

    indexed = True


@pytest.fixture(params=[MemoryStore, EncryptedFileStore, Indexed])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> SecureTokenStore:
    made: SecureTokenStore = request.param() if request.param is MemoryStore else request.param(tmp_path / "store")
    return made


def test_each_kind_of_secret_comes_back_as_it_was(store: SecureTokenStore) -> None:
    manager = TokenManager(store=store)
    manager.save_secret(KEY.to_stored_token("weather"))
    manager.save_secret(BearerToken(token="a-token-made-elsewhere").to_stored_token("elsewhere"))
    manager.save_secret(BasicAuthToken(username="ada", password="difference").to_stored_token("engine"))
    weather, engine = manager.load_secret("weather"), manager.load_secret("engine")
    assert weather is not None
    assert engine is not None
    assert APIKeyToken.from_stored_token(weather) == KEY
    assert BasicAuthToken.from_stored_token(engine).password == "difference"
    with pytest.raises(ValueError, match=r"'engine' is of the kind 'basic_auth', not 'api_key'"):
        APIKeyToken.from_stored_token(engine)
    assert manager.load_secret("nothing of the kind") is None


def test_a_secret_is_gone_when_it_is_deleted(store: SecureTokenStore) -> None:
    manager = TokenManager(store=store)
    manager.save_secret(KEY.to_stored_token("weather"))
    assert [manager.delete_secret("weather") for _ in range(2)] == [True, False]
    assert manager.load_secret("weather") is None
    assert store.list_generic() == []
    registry = manager.registry
    assert registry is None or registry.list_tokens() == []


def test_secrets_and_sign_ins_of_one_name_and_of_two_profiles_are_apart(store: SecureTokenStore) -> None:
    manager = TokenManager(store=store)
    work = manager.in_profile("work")
    manager.save_record("weather", RECORD)
    manager.save_secret(KEY.to_stored_token("weather"))
    assert work.load_secret("weather") is None
    work.save_secret(BearerToken(token="the-token-at-work").to_stored_token("weather"))
    assert manager.load_secret("weather") == KEY.to_stored_token("weather")
    assert manager.load_record("weather") == RECORD
    assert (manager.names(), work.names()) == (["weather"], [])
    assert TokenManager(store=store, namespace="another app").load_secret("weather") is None


@pytest.mark.parametrize(
    ("junk", "kind", "said"),
    [("{", StoreCorruptError, "cannot be read"), ('{"schema":99}', TokenStorageError, "newer mcp-oauth-sync")],
)
def test_what_is_no_secret_of_ours_is_an_error_and_stays(
    store: SecureTokenStore, junk: str, kind: type[Exception], said: str
) -> None:
    manager = TokenManager(store=store)
    store.store_generic("weather", junk)
    with pytest.raises(kind, match=said) as caught:
        manager.load_secret("weather")
    assert type(caught.value) is kind
    assert store.retrieve_generic("weather") == junk


def test_the_sign_ins_are_listed_with_what_may_be_shown(store: SecureTokenStore) -> None:
    manager = TokenManager(store=store)
    for name in ("zebra", "ape"):
        manager.save_record(name, RECORD)
    manager.save_secret(KEY.to_stored_token("weather"))
    listed = manager.list_tokens()
    assert [entry["name"] for entry in listed] == manager.names() == ["ape", "zebra"]
    assert all(entry["metadata"] == SHOWN and entry["token_type"] == "oauth" for entry in listed)
    manager.delete_record("ape")
    assert [entry["name"] for entry in manager.list_tokens()] == ["zebra"]


def test_a_sign_in_that_cannot_be_read_is_listed_all_the_same(
    store: SecureTokenStore, caplog: pytest.LogCaptureFixture
) -> None:
    manager = TokenManager(store=store)
    store.store_generic("torn", "{", namespace="oauth")
    assert [(entry["name"], entry["metadata"]) for entry in manager.list_tokens()] == [("torn", {})]
    assert any("cannot be read" in record.getMessage() for record in caplog.records)


def test_an_index_that_cannot_be_written_loses_no_sign_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Indexed(tmp_path / "store")
    manager = TokenManager(store=store)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "registry").write_text("in the way")
    manager.save_record("notes", RECORD)
    assert manager.load_record("notes") == RECORD
    assert manager.delete_record("notes") is True
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == 2
    assert all("index" in line for line in said)

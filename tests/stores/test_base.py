"""What every store does alike: values by name and namespace, and sign-ins on top of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcp_oauth_sync import OAuthTokens
from mcp_oauth_sync.exceptions import StoreCorruptError, TokenStorageError
from mcp_oauth_sync.models.client import ClientRegistration
from mcp_oauth_sync.models.record import SCHEMA, ServerRecord
from mcp_oauth_sync.stores import SecureTokenStore
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.stores.memory import MemoryStore

RECORD = ServerRecord(
    server_url="https://mcp.example.com/mcp",
    issuer="https://as.example.com",
    resource="https://mcp.example.com/mcp",
    token_endpoint="https://as.example.com/token",
    revocation_endpoint="https://as.example.com/revoke",
    registration=ClientRegistration(client_id="c", issuer="https://as.example.com", client_secret="s3cret"),
    tokens=OAuthTokens(access_token="acc", refresh_token="ref", expires_in=3600, scope="a b", issued_at=1000.5),
    requested_scope="a b c",
    redirect_uri="http://127.0.0.1:4711/callback",
)


@pytest.fixture(params=["memory", "generated key", "password"])
def store(request: pytest.FixtureRequest, folder: Path, few_rounds: None) -> SecureTokenStore:
    if request.param == "memory":
        return MemoryStore()
    return EncryptedFileStore(folder, password="open sesame" if request.param == "password" else None)


@pytest.mark.parametrize("value", ["plain", "", "ä € 😀 \0\n", "\udc80 not UTF-8", "x" * 500_000])
def test_a_value_comes_back_as_it_was_kept(store: SecureTokenStore, value: str) -> None:
    store.store_generic("k", value)
    assert store.retrieve_generic("k") == value


def test_a_value_does_not_show_itself(store: SecureTokenStore) -> None:
    store.store_generic("k", "tok-canary")
    assert "canary" not in repr([store.retrieve_generic("k"), store])


def test_a_value_is_replaced_by_the_next(store: SecureTokenStore) -> None:
    store.store_generic("k", "one")
    store.store_generic("k", "two")
    assert store.retrieve_generic("k") == "two"


def test_what_was_never_kept_is_none_and_not_an_error(store: SecureTokenStore) -> None:
    assert store.retrieve_generic("k") is None
    assert store.retrieve_record("k") is None
    assert store.retrieve_token("k") is None
    assert store.has_token("k") is False
    assert store.delete_generic("k") is False
    assert store.delete_token("k") is False


def test_one_name_means_another_value_in_each_namespace(store: SecureTokenStore) -> None:
    spaces = ("oauth", "generic", "a", "A", "a/b", "../a", "oauth.d")
    for space in spaces:
        store.store_generic("k", f"in {space}", namespace=space)
    assert [store.retrieve_generic("k", namespace=space) for space in spaces] == [f"in {space}" for space in spaces]
    assert store.delete_generic("k", namespace="a") is True
    left = [space for space in spaces if store.retrieve_generic("k", namespace=space) is not None]
    assert left == [space for space in spaces if space != "a"]


def test_a_removed_value_is_gone_and_its_neighbours_stay(store: SecureTokenStore) -> None:
    store.store_generic("k", "one")
    store.store_generic("l", "two")
    assert store.delete_generic("k") is True
    assert store.delete_generic("k") is False
    assert (store.retrieve_generic("k"), store.retrieve_generic("l")) == (None, "two")


def test_a_sign_in_comes_back_whole(store: SecureTokenStore) -> None:
    store.store_record("notion", RECORD)
    assert store.retrieve_record("notion") == RECORD
    assert store.retrieve_token("notion") == RECORD.tokens
    assert store.has_token("notion") is True


def test_tokens_are_replaced_and_the_rest_of_the_sign_in_stays(store: SecureTokenStore) -> None:
    store.store_record("notion", RECORD)
    fresh = OAuthTokens(access_token="fresh", issued_at=2000)
    store.store_token("notion", fresh)
    kept = store.retrieve_record("notion")
    assert kept is not None
    assert (kept.tokens, kept.registration, kept.token_endpoint) == (fresh, RECORD.registration, RECORD.token_endpoint)


def test_a_registration_alone_is_no_token(store: SecureTokenStore) -> None:
    store.store_record("notion", ServerRecord(registration=RECORD.registration))
    assert store.has_token("notion") is False
    assert store.delete_token("notion") is True


def test_a_sign_in_of_a_newer_version_is_refused_and_left_alone(store: SecureTokenStore) -> None:
    newer = json.dumps({"schema": SCHEMA + 1, "tokens": {"kind": "of a new sort"}})
    store.store_generic("notion", newer, namespace="oauth")
    for use in (store.retrieve_record, store.retrieve_token, store.has_token):
        with pytest.raises(TokenStorageError, match="written by a newer mcp-oauth-sync") as caught:
            use("notion")
        assert type(caught.value) is TokenStorageError
        assert (caught.value.store, caught.value.name) == (store.name, "notion")
        assert "Upgrade" in (caught.value.hint or "")
    with pytest.raises(TokenStorageError, match="newer"):
        store.store_token("notion", OAuthTokens(access_token="fresh"))
    assert store.retrieve_generic("notion", namespace="oauth") == newer


def test_a_sign_in_of_this_version_with_members_from_elsewhere_is_read(store: SecureTokenStore) -> None:
    written = {**RECORD.to_record(), "added_later": {"x": [1]}}
    store.store_generic("notion", json.dumps(written), namespace="oauth")
    assert store.retrieve_record("notion") == RECORD


def test_the_oldest_schema_there_is_stays_readable(store: SecureTokenStore) -> None:
    oldest = '{"schema":1,"tokens":{"access_token":"acc","issued_at":5,"token_type":"Bearer"}}'
    store.store_generic("notion", oldest, namespace="oauth")
    assert store.retrieve_token("notion") == OAuthTokens(access_token="acc", issued_at=5)


@pytest.mark.parametrize(
    "written",
    [
        "no JSON",
        "[]",
        "{}",
        '{"schema":0}',
        '{"schema":"new"}',
        '{"schema":1.5}',
        '{"schema":1,"tokens":[]}',
        '{"schema":1,"tokens":{}}',
        '{"schema":1,"tokens":{"access_token":7}}',
        '{"schema":1,"registration":{"client_secret":"sec-canary"}}',
        '{"schema":1,"server_url":["tok-canary"]}',
    ],
)
def test_what_is_no_sign_in_is_a_damaged_entry_and_its_content_is_not_shown(
    store: SecureTokenStore, written: str
) -> None:
    store.store_generic("notion", written, namespace="oauth")
    with pytest.raises(StoreCorruptError, match="cannot be read") as caught:
        store.retrieve_record("notion")
    assert (caught.value.store, caught.value.name) == (store.name, "notion")
    assert "mcp-oauth-sync clear notion" in (caught.value.hint or "")
    assert "canary" not in f"{caught.value}{caught.value!r}{caught.value.__cause__!r}"
    assert store.retrieve_generic("notion", namespace="oauth") == written

"""Rules for sign-ins and other secrets with members: they come back whole, and damage is never taken for absence."""

from __future__ import annotations

import json

from ..exceptions import StoreCorruptError, TokenStorageError
from ..models.client import ClientRegistration
from ..models.credentials import APIKeyToken
from ..models.record import SCHEMA, ServerRecord
from ..models.stored import StoredToken
from ..models.tokens import OAuthTokens
from .base import Rules, require, require_equal, typed_error

_RECORD = ServerRecord(
    server_url="https://mcp.example.com/mcp",
    issuer="https://as.example.com",
    resource="https://mcp.example.com/mcp",
    token_endpoint="https://as.example.com/token",
    revocation_endpoint="https://as.example.com/revoke",
    registration=ClientRegistration(client_id="client", issuer="https://as.example.com", client_secret="c" * 64),
    tokens=OAuthTokens(
        access_token="a" * 3000, refresh_token="r" * 900, expires_in=3600, scope="x y", issued_at=1000.5
    ),
    requested_scope="x y z",
    redirect_uri="http://127.0.0.1:4711/callback",
)
_NEWER = json.dumps({"schema": SCHEMA + 1, "tokens": {"of": "a new sort"}})
_JUNK = (
    "",
    "no JSON",
    "[]",
    "{}",
    '{"schema":1,"tokens":7}',
    '{"schema":1,"tokens":{"access_token":[]}}',
    "\0",
    "null",
)


class RecordRules(Rules):
    """Rules for sign-ins and other secrets with members."""

    def test_a_sign_in_comes_back_whole(self) -> None:
        """With long tokens too; many of them side by side."""
        store, space = self.open_store(), self.space()
        require_equal(store.retrieve_record("n", namespace=space), None, "a sign-in that was never kept")
        for name in ("n", "https://mcp.example.com/mcp", "bare"):
            record = ServerRecord() if name == "bare" else _RECORD
            store.store_record(name, record, namespace=space)
            require(store.retrieve_record(name, namespace=space) == record, f"the sign-in {name!r} came back changed")

    def test_tokens_are_replaced_and_the_rest_of_the_sign_in_stays(self) -> None:
        """Registration and endpoints outlive a refresh."""
        store, name = self.open_store(), self.space()
        try:
            store.store_record(name, _RECORD)
            fresh = OAuthTokens(access_token="fresh", issued_at=2000.0)
            store.store_token(name, fresh)
            require(store.retrieve_token(name) == fresh, "the new tokens are not those that come back")
            kept = store.retrieve_record(name)
            require(kept is not None and kept.registration == _RECORD.registration, "the registration got lost")
            require(store.has_token(name) is True, "has_token() has to be True for tokens that are there")
        finally:
            gone = store.delete_token(name)
        require(gone is True, "delete_token() has to be True for a sign-in that was there")
        require(store.has_token(name) is False, "has_token() has to be False after delete_token()")

    def test_a_sign_in_of_a_newer_version_is_refused_and_left_alone(self) -> None:
        """An older installation beside a newer one destroys nothing."""
        store, space = self.open_store(), self.space()
        store.store_generic("n", _NEWER, namespace=space)
        with typed_error("reading a sign-in of a newer version") as caught:
            store.retrieve_record("n", namespace=space)
        require(not isinstance(caught[0], StoreCorruptError), "a newer sign-in must not be called damaged")
        found = store.retrieve_generic("n", namespace=space)
        require_equal(found, _NEWER, "a sign-in of a newer version, after reading it")

    def test_what_is_no_sign_in_is_a_damaged_entry_and_not_none(self) -> None:
        """None would mean signed out, and the next sign-in would replace what might be mended."""
        store, space = self.open_store(), self.space()
        for junk in _JUNK:
            store.store_generic("n", junk, namespace=space)
            with typed_error(f"reading a sign-in from {junk!r}", StoreCorruptError):
                store.retrieve_record("n", namespace=space)
            require_equal(store.retrieve_generic("n", namespace=space), junk, "a damaged sign-in, after reading it")

    def test_a_secret_of_another_kind_comes_back_whole(self) -> None:
        """A key, say, with what belongs to it."""
        store, space = self.open_store(), self.space()
        key = APIKeyToken(provider="weather", key="k" * 40, project_id="p-\u00e9-1")
        store.store_generic("n", key.to_stored_token("n").to_json(), namespace=space)
        found = store.retrieve_generic("n", namespace=space)
        require(found is not None, "a key that was kept is not found again")
        again = APIKeyToken.from_stored_token(StoredToken.from_json(found or ""))
        require(again == key, "a key came back changed")

    def test_a_failure_to_keep_leaves_the_old_value(self) -> None:
        """What cannot be kept at all is refused with a typed error, or kept; never half of it."""
        store, space = self.open_store(), self.space()
        store.store_generic("n", "old", namespace=space)
        huge = "0123456789abcdef" * 300_000
        try:
            store.store_generic("n", huge, namespace=space)
        except TokenStorageError:
            require_equal(store.retrieve_generic("n", namespace=space), "old", "the value after a refused save")
        else:
            require(store.retrieve_generic("n", namespace=space) == huge, "a value of 5 MB came back changed")

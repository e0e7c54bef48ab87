"""Taking a sign-in along: what leaves, what stays behind, what may arrive, and that no failure loses anything."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from mcp_oauth_sync import ClientRegistration, ExportKeyPair, OAuthTokens, ServerRecord, Switches, TokenManager
from mcp_oauth_sync.exceptions import InsecureURLError, OAuthError, StoreCorruptError, TokenStorageError
from mcp_oauth_sync.models.parcel import Parcel
from mcp_oauth_sync.stores import sealed_text
from mcp_oauth_sync.stores.memory import MemoryStore

from . import independent

PASSWORD = "correct horse battery staple"
RECORD = ServerRecord(
    server_url="https://mcp.example.com/mcp",
    issuer="https://as.example.com",
    resource="https://mcp.example.com/mcp",
    token_endpoint="https://as.example.com/token",
    revocation_endpoint="https://as.example.com/revoke",
    registration=ClientRegistration(
        client_id="app",
        client_secret="secret-of-this-test",
        issuer="https://as.example.com",
        token_endpoint_auth_method="client_secret_basic",
    ),
    tokens=OAuthTokens(
        access_token="at-of-this-test", refresh_token="rt-of-this-test", scope="notes", expires_in=3600.0
    ),
    requested_scope="notes",
    redirect_uri="http://127.0.0.1/callback",
    switches=Switches(assume_pkce=True),
    dpop_key="dpop-key-of-this-test",
)


class Shelf(MemoryStore):
    """A store that can be made to fail."""

    fails = ""

    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        if self.fails == f"store {namespace}":
            raise TokenStorageError("The disk is full.", store=self.name, name=key)
        super().store_generic(key, value, namespace=namespace)

    def delete_generic(self, key: str, *, namespace: str = "generic") -> bool:
        if self.fails == f"delete {namespace}":
            raise TokenStorageError("The disk is read-only.", store=self.name, name=key)
        return super().delete_generic(key, namespace=namespace)


@pytest.fixture
def here() -> TokenManager:
    """The machine that has the sign-in."""
    manager = TokenManager(store=Shelf())
    manager.save_record("notes", RECORD)
    manager.link(RECORD.server_url, "notes")
    return manager


@pytest.fixture
def there() -> TokenManager:
    """The machine that is to have it."""
    return TokenManager(store=Shelf())


@pytest.fixture(autouse=True)
def quick(few_rounds: None) -> None:
    """Derive keys from passwords quickly."""


def everything(manager: TokenManager) -> dict[tuple[str, str], str]:
    store = manager.store
    return {
        entry: store.retrieve_generic(entry[1], namespace=entry[0]) or ""
        for entry in store.list_generic(namespace=None)
    }


def sealed(**members: object) -> str:
    """Seal anything at all under the password: a good form with other members."""
    parcel = json.loads(Parcel(name="notes", exported_at=1.0, record=RECORD).to_json())
    return sealed_text.seal_with_password(PASSWORD)(json.dumps({**parcel, **members}))


# Leaving


def test_all_that_the_record_holds_is_sealed_and_no_more(here: TokenManager) -> None:
    text = here.export_sign_in("notes", password=PASSWORD)
    opened = independent.open_with_password(text, PASSWORD, rounds=10)
    assert set(opened) == {"schema", "name", "exported_at", "record"}
    assert (opened["schema"], opened["name"]) == (1, "notes")
    assert abs(opened["exported_at"] - time.time()) < 60
    assert ServerRecord.from_record(opened["record"]) == RECORD


def test_what_stays_behind_is_who_we_are_and_when_it_left(here: TokenManager) -> None:
    here.export_sign_in("notes", password=PASSWORD)
    left = here.load_record("notes")
    assert left is not None
    assert left.moved_at is not None
    assert left == attrs.evolve(RECORD, tokens=None, dpop_key=None, moved_at=left.moved_at)
    assert left.moved_on == time.strftime("%Y-%m-%d", time.localtime(left.moved_at))
    assert not any(secret in value for value in everything(here).values() for secret in ("at-of", "rt-of", "dpop-key"))
    assert (here.load_tokens("notes"), here.has_valid_tokens("notes")) == (None, False)


def test_with_keep_it_stays_and_the_log_says_what_that_means(
    here: TokenManager, caplog: pytest.LogCaptureFixture
) -> None:
    before = everything(here)
    here.export_sign_in("notes", password=PASSWORD, keep=True)
    assert everything(here) == before
    assert "if its server rotates refresh tokens" in caplog.text
    caplog.clear()
    assert RECORD.tokens is not None
    here.save_record("notes", attrs.evolve(RECORD, tokens=attrs.evolve(RECORD.tokens, refresh_token=None)))
    here.export_sign_in("notes", password=PASSWORD, keep=True)
    assert "rotates" not in caplog.text, "there is nothing to rotate"


def _signed_out(manager: TokenManager) -> None:
    manager.delete_tokens("notes")


def _moved(manager: TokenManager) -> None:
    manager.export_sign_in("notes", password=PASSWORD)


def _unreadable(manager: TokenManager) -> None:
    manager.store.store_generic("notes", "{", namespace="oauth")


def _newer(manager: TokenManager) -> None:
    manager.store.store_generic("notes", json.dumps({"schema": 99}), namespace="oauth")


def _huge(manager: TokenManager) -> None:
    manager.save_tokens("notes", OAuthTokens(access_token="x" * sealed_text.LONGEST))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda manager: manager.delete_record("notes"), "There is no sign-in called 'notes'"),
        (_signed_out, "is signed out"),
        (_moved, "was moved to another machine on 20"),
        (_unreadable, "cannot be read"),
        (_newer, "newer mcp-oauth-sync"),
        (_huge, "too large"),
    ],
)
def test_what_cannot_be_taken_along_is_left_as_it_is(
    here: TokenManager, spoil: Callable[[TokenManager], None], said: str
) -> None:
    spoil(here)
    before = everything(here)
    for options in ({}, {"keep": True}):
        with pytest.raises(TokenStorageError, match=said):
            here.export_sign_in("notes", password=PASSWORD, **options)  # type: ignore[arg-type]
    assert everything(here) == before


@pytest.mark.parametrize("given", [{}, {"password": PASSWORD, "public_key": ExportKeyPair.generate().public}])
def test_it_is_sealed_with_one_thing_exactly(here: TokenManager, given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="either a password or a public_key"):
        here.export_sign_in("notes", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [{"password": ""}, {"public_key": "x"}])
def test_what_can_seal_nothing_is_refused_before_anything_is_marked(here: TokenManager, given: dict[str, str]) -> None:
    before = everything(here)
    with pytest.raises(TokenStorageError):
        here.export_sign_in("notes", **given)  # type: ignore[arg-type]
    assert everything(here) == before


def test_a_mark_that_cannot_be_made_lets_nothing_out(here: TokenManager) -> None:
    shelf, delivered = here.store, []
    assert isinstance(shelf, Shelf)
    shelf.fails = "store oauth"
    with pytest.raises(TokenStorageError, match="disk is full"):
        here.export_sign_in("notes", password=PASSWORD, deliver=delivered.append)
    assert (delivered, here.load_record("notes")) == ([], RECORD)


@pytest.mark.parametrize("failure", [OSError("no room"), KeyboardInterrupt()])
def test_a_text_that_could_not_be_delivered_leaves_the_sign_in_here(here: TokenManager, failure: BaseException) -> None:
    def deliver(text: str) -> None:
        assert independent.open_with_password(text, PASSWORD, rounds=10)
        raise failure

    with pytest.raises(type(failure)):
        here.export_sign_in("notes", password=PASSWORD, deliver=deliver)
    assert here.load_record("notes") == RECORD
    with pytest.raises(type(failure)):
        here.export_sign_in("notes", password=PASSWORD, keep=True, deliver=deliver)
    assert here.load_record("notes") == RECORD


# Arriving


def test_it_arrives_whole_and_is_found_by_its_name_and_its_server(here: TokenManager, there: TokenManager) -> None:
    assert there.import_sign_in(here.export_sign_in("notes", password=PASSWORD), password=PASSWORD) == "notes"
    assert there.load_record("notes") == RECORD
    assert there.find(RECORD.server_url) == ("notes", RECORD)


def test_it_arrives_under_another_name_and_in_another_profile(here: TokenManager, there: TokenManager) -> None:
    work = there.in_profile("work")
    text = here.export_sign_in("notes", password=PASSWORD)
    assert work.import_sign_in(text, name="other", password=PASSWORD) == "other"
    assert (work.names(), there.names()) == (["other"], [])


def test_it_arrives_by_a_key_of_the_callers(here: TokenManager, there: TokenManager) -> None:
    pair = ExportKeyPair.generate()
    text = here.export_sign_in("notes", public_key=pair.public)
    assert independent.open_with_key(text, pair.private)["name"] == "notes"
    there.import_sign_in(text, private_key=pair.private)
    assert there.load_record("notes") == RECORD


@pytest.mark.parametrize("name", ["notes of the server", None])
def test_it_arrives_by_a_key_that_is_kept_until_then(here: TokenManager, there: TokenManager, name: str | None) -> None:
    public = there.receiving_key("notes of the server")
    there.receiving_key("another one")
    assert there.receiving_key("notes of the server") == public
    text = here.export_sign_in("notes", public_key=public)
    assert there.import_sign_in(text, name=name) == "notes of the server"
    assert there.load_record("notes of the server") == RECORD
    assert there.store.list_generic(namespace="keys") == [("keys", "another one")]
    with pytest.raises(TokenStorageError):
        there.import_sign_in(text, name=name)
    assert there.receiving_key("notes of the server") != public


def test_without_a_key_for_it_nothing_arrives(here: TokenManager, there: TokenManager) -> None:
    text = here.export_sign_in("notes", public_key=ExportKeyPair.generate().public)
    with pytest.raises(TokenStorageError, match="no key for it is kept here") as caught:
        there.import_sign_in(text)
    assert "mcp-oauth-sync receive" in (caught.value.hint or "")
    there.receiving_key("notes")
    with pytest.raises(StoreCorruptError, match="the key is another one"):
        there.import_sign_in(text)
    assert there.names() == []


def test_a_key_of_the_kept_ones_that_is_damaged_is_said_to_be(there: TokenManager) -> None:
    there.store.store_generic("notes", "junk", namespace="keys")
    with pytest.raises(TokenStorageError, match="no private key"):
        there.receiving_key("notes")


def test_importing_it_back_takes_the_mark_away(here: TokenManager) -> None:
    here.import_sign_in(here.export_sign_in("notes", password=PASSWORD), password=PASSWORD)
    assert here.load_record("notes") == RECORD


def test_importing_it_twice_changes_nothing(here: TokenManager, there: TokenManager) -> None:
    text = here.export_sign_in("notes", password=PASSWORD)
    for _ in range(2):
        there.import_sign_in(text, password=PASSWORD)
    assert there.load_record("notes") == RECORD


OTHERS = {
    "signed in at the same server": attrs.evolve(RECORD, tokens=OAuthTokens(access_token="another")),
    "signed in elsewhere": attrs.evolve(RECORD, server_url="https://other.example.com/mcp"),
    "signed out elsewhere": attrs.evolve(RECORD, server_url="https://other.example.com/mcp", tokens=None),
    "of another issuer": attrs.evolve(RECORD, issuer="https://other.example.com", tokens=None),
}


@pytest.mark.parametrize("taken", OTHERS)
def test_a_name_that_is_taken_is_given_up_only_when_the_caller_says_so(there: TokenManager, taken: str) -> None:
    there.save_record("notes", OTHERS[taken])
    before = everything(there)
    with pytest.raises(TokenStorageError, match="already; nothing was changed") as caught:
        there.import_sign_in(sealed(), password=PASSWORD)
    assert caught.value.name == "notes"
    assert everything(there) == before
    there.import_sign_in(sealed(), password=PASSWORD, replace=True)
    assert there.load_record("notes") == RECORD


def test_a_sign_in_that_ended_here_is_filled_again(there: TokenManager) -> None:
    there.save_record("notes", attrs.evolve(RECORD, tokens=None, registration=None))
    there.import_sign_in(sealed(), password=PASSWORD)
    assert there.load_record("notes") == RECORD


def test_what_is_there_and_cannot_be_read_is_not_overwritten(there: TokenManager) -> None:
    there.store.store_generic("notes", "{", namespace="oauth")
    with pytest.raises(StoreCorruptError):
        there.import_sign_in(sealed(), password=PASSWORD)
    assert there.store.retrieve_generic("notes", namespace="oauth") == "{"


def _record(**changes: Any) -> dict[str, Any]:
    return {"record": {**RECORD.to_record(), **changes}}


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (sealed, None, ""),
        (lambda: sealed(schema=2), TokenStorageError, "newer mcp-oauth-sync"),
        (lambda: sealed(**_record(schema=99)), TokenStorageError, "newer mcp-oauth-sync"),
        (lambda: sealed(schema="x"), StoreCorruptError, "no sign-in"),
        (lambda: sealed(schema=0), StoreCorruptError, "no sign-in"),
        (lambda: sealed(exported_at=None), StoreCorruptError, "no sign-in"),
        (lambda: sealed(record=[]), StoreCorruptError, "no sign-in"),
        (lambda: sealed(name=""), StoreCorruptError, "no sign-in"),
        (lambda: sealed(**_record(tokens=5)), StoreCorruptError, "no sign-in"),
        (lambda: sealed(**_record(tokens=None)), StoreCorruptError, "signed out"),
        (lambda: sealed_text.seal_with_password(PASSWORD)("[]"), StoreCorruptError, "no sign-in"),
        (lambda: sealed_text.seal_with_password(PASSWORD)("[" * 100_000), StoreCorruptError, "no sign-in"),
        (lambda: sealed()[:-1], StoreCorruptError, "cannot be opened"),
        (lambda: "hello", StoreCorruptError, "no sealed sign-in"),
        (lambda: sealed(**_record(server_url="http://mcp.example.com/mcp")), InsecureURLError, "MCP server URL"),
        (lambda: sealed(**_record(token_endpoint="http://as.example.com/token")), InsecureURLError, "token endpoint"),
        (lambda: sealed(**_record(token_endpoint="https://127.0.0.1/token")), InsecureURLError, "token endpoint"),
        (lambda: sealed(**_record(revocation_endpoint="javascript:x")), InsecureURLError, "revocation endpoint"),
        (lambda: sealed(**_record(issuer="ftp://as.example.com")), InsecureURLError, "issuer"),
        (
            lambda: sealed(**_record(switches={"metadata_url": "http://a.example.com"})),
            InsecureURLError,
            "metadata URL",
        ),
    ],
)
def test_what_is_no_sign_in_of_ours_changes_nothing(
    there: TokenManager, text: Callable[[], str], kind: type[OAuthError] | None, said: str
) -> None:
    if kind is None:
        there.import_sign_in(text(), password=PASSWORD)
        return
    with pytest.raises(kind, match=said) as caught:
        there.import_sign_in(text(), password=PASSWORD)
    assert caught.value.hint
    assert everything(there) == {}


def test_it_may_be_asked_to_be_for_one_server(there: TokenManager) -> None:
    with pytest.raises(TokenStorageError, match="not at https://other"):
        there.import_sign_in(sealed(), password=PASSWORD, server_url="https://other.example.com/mcp")
    there.import_sign_in(sealed(), password=PASSWORD, server_url=RECORD.server_url + "/")


def test_a_sign_in_from_explicit_endpoints_travels_too(there: TokenManager) -> None:
    local = attrs.evolve(RECORD, server_url="", issuer="", registration=None, token_endpoint="http://127.0.0.1:1/token")
    there.import_sign_in(sealed(record=local.to_record()), password=PASSWORD)
    assert there.load_record("notes") == local


def test_what_opens_it_is_one_thing_exactly(there: TokenManager) -> None:
    with pytest.raises(ValueError, match="either a password or a private_key"):
        there.import_sign_in(sealed(), password=PASSWORD, private_key="x")
    with pytest.raises(TokenStorageError, match="sealed with a password, and none was given"):
        there.import_sign_in(sealed())


def test_what_cannot_be_stored_has_not_arrived(there: TokenManager) -> None:
    shelf = there.store
    assert isinstance(shelf, Shelf)
    shelf.fails = "store oauth"
    with pytest.raises(TokenStorageError, match="disk is full"):
        there.import_sign_in(sealed(), password=PASSWORD)
    assert everything(there) == {}


@pytest.mark.parametrize("fails", ["store links", "delete keys"])
def test_what_is_only_tidying_up_does_not_undo_an_arrival(
    there: TokenManager, fails: str, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = there.store
    assert isinstance(shelf, Shelf)
    text = sealed_text.seal_to_key(there.receiving_key("notes"))(
        Parcel(name="notes", exported_at=1.0, record=RECORD).to_json()
    )
    shelf.fails = fails
    assert there.import_sign_in(text) == "notes"
    assert there.load_record("notes") == RECORD
    assert "The disk is" in caplog.text


def test_tokens_that_are_saved_by_hand_take_the_mark_away(here: TokenManager) -> None:
    here.export_sign_in("notes", password=PASSWORD)
    here.save_tokens("notes", OAuthTokens(access_token="new"))
    record = here.load_record("notes")
    assert record is not None
    assert record.moved_on is None


@pytest.mark.parametrize("at", [1e15, -1e15, 1e12])
def test_a_day_that_no_calendar_has_is_an_unknown_one(at: float) -> None:
    assert RECORD.moved(at).moved_on == "an unknown day"

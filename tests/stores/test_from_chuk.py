"""What chuk-mcp-client-oauth has left is read as it is, whatever state it is in, and nothing of it is changed."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import keyring
import keyring.backends.fail
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.SecretService import Keyring
from keyring.errors import KeyringLocked

from mcp_oauth_sync.exceptions import StoreUnavailableError, TokenStorageError
from mcp_oauth_sync.stores import chuk_keyring
from mcp_oauth_sync.stores.from_chuk import REDIRECT, ChukSignIn, ChukSignIns
from tests.real.secret_service import SecretService, keyring_daemon, secret_service

from .chuk_files import PASSWORD, SALT, stored_tokens, unpack, write_client, write_entry

__all__ = ["keyring_daemon", "secret_service"]


NONE_KEPT = "no tokens are kept for it, neither in the keyring nor in a file"


def right() -> str:
    return PASSWORD


def never() -> str:
    raise AssertionError("the password was asked for")


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have a keyring of their own."""
    monkeypatch.setattr(keyring.core, "_keyring_backend", keyring.backends.fail.Keyring())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "chuk_oauth"


class Ring(KeyringBackend):
    """A keyring with given entries."""

    priority = 1  # type: ignore[assignment]

    def __init__(self, entries: dict[str, str], failure: Exception | None = None) -> None:
        super().__init__()
        self.entries, self.failure, self.asked = entries, failure, list[tuple[str, str]]()

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.append((service, username))
        if self.failure is not None:
            raise self.failure
        return self.entries.get(username) if service == "chuk-oauth" else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AssertionError("it is changed")

    def delete_password(self, service: str, username: str) -> None:
        raise AssertionError("it is changed")


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ring]:
    def put(entries: dict[str, str], failure: Exception | None = None) -> Ring:
        made = Ring(entries, failure)
        monkeypatch.setattr(keyring.core, "_keyring_backend", made)
        return made

    return put


def taken(found: dict[str, ChukSignIn | TokenStorageError], name: str) -> ChukSignIn:
    left = found[name]
    assert isinstance(left, ChukSignIn), left
    return left


def refused(found: dict[str, ChukSignIn | TokenStorageError], name: str) -> str:
    left = found[name]
    assert isinstance(left, TokenStorageError)
    return left.message


def test_what_the_package_itself_has_written_is_read_under_its_own_names(folder: Path) -> None:
    found = ChukSignIns(unpack(folder), password=right).read()
    assert list(found) == ["a:b", "generic:weather", "my server (work)", "notes", "proof", "signed-out"]
    notes = taken(found, "notes")
    assert (notes.tokens.access_token, notes.tokens.refresh_token) == ("vector-at-1", "vector-rt-1")
    assert (notes.tokens.expires_at, notes.tokens.scope) == (1_760_003_600.0, "notes:read mcp")
    assert notes.registration is not None
    assert notes.registration.client_id == "vector-client-1"
    assert (notes.registration.issuer, notes.registration.source) == (None, "dynamic")
    assert (notes.registration.redirect_uris, notes.registration.token_endpoint_auth_method) == ((REDIRECT,), "none")
    work = taken(found, "my server (work)")
    assert (work.tokens.expires_at, work.tokens.refresh_token) == (None, None)
    assert work.registration is not None
    assert work.registration.client_secret == "vector-secret-2"
    assert work.registration.client_secret_expires_at == 1_760_009_000
    assert work.registration.token_endpoint_auth_method == "client_secret_post"
    assert taken(found, "a:b").registration is None
    assert "secret of another kind (bearer)" in refused(found, "generic:weather")
    assert "type that cannot be used alone: DPoP" in refused(found, "proof")
    assert "no tokens are kept" in refused(found, "signed-out")


def test_nothing_of_it_is_changed(folder: Path) -> None:
    unpack(folder)
    before = {path: (path.read_bytes(), path.stat()) for path in folder.rglob("*") if path.is_file()}
    ChukSignIns(folder, password=right).read(["another"])
    after = {path: (path.read_bytes(), path.stat()) for path in folder.rglob("*") if path.is_file()}
    assert {path: content for path, (content, _) in after.items()} == {path: c for path, (c, _) in before.items()}
    assert all(after[path][1].st_mtime_ns == stat.st_mtime_ns for path, (_, stat) in before.items())
    assert all(after[path][1].st_mode == stat.st_mode for path, (_, stat) in before.items())


def test_no_secret_shows_itself(folder: Path) -> None:
    found = ChukSignIns(unpack(folder), password=right).read()
    shown = repr(found) + "".join(str(left) for left in found.values())
    assert [secret for secret in ("-at-", "-rt-", "-secret-", "-key-") if f"vector{secret}" in shown] == []


def test_the_folder_of_the_tokens_does_as_well(folder: Path) -> None:
    unpack(folder)
    assert list(ChukSignIns(folder / "tokens", password=right).read()) == list(
        ChukSignIns(folder, password=right).read()
    )


def test_without_its_index_the_files_tell_the_names(folder: Path) -> None:
    unpack(folder)
    (folder / "token_registry.json").write_text("[")
    found = ChukSignIns(folder, password=right).read(["my server (work)"])
    assert "my_server__work_" in found
    assert "my server (work)" not in found
    assert taken(found, "my_server__work_").registration is not None


@pytest.mark.parametrize(
    "index", ["", "[]", "null", '{"a": 1, "b": {"type": "oauth"}, "c": {"type": "oauth", "name": 5}}']
)
def test_an_index_that_tells_nothing_costs_nothing(folder: Path, index: str) -> None:
    folder.mkdir()
    (folder / "token_registry.json").write_text(index)
    assert ChukSignIns(folder, password=never).read() == {}


def test_a_wrong_password_is_asked_for_once_and_leaves_every_file_closed(folder: Path) -> None:
    asked: list[int] = []

    def wrong() -> str:
        asked.append(1)
        return "something else"

    found = ChukSignIns(unpack(folder), password=wrong).read()
    assert "does not open with this password" in refused(found, "notes")
    assert "does not open with this password" in refused(found, "a:b")
    assert asked == [1]


def test_nobody_there_to_give_the_password_is_said_of_every_file(folder: Path) -> None:
    asked: list[int] = []

    def nobody() -> str:
        asked.append(1)
        raise TokenStorageError("nobody is there")

    found = ChukSignIns(unpack(folder), password=nobody).read()
    assert {refused(found, name) for name in ("notes", "a:b")} == {"nobody is there"}
    assert asked == [1]


@pytest.mark.parametrize("salt", [None, b""])
def test_without_the_salt_nothing_can_be_opened(folder: Path, salt: bytes | None) -> None:
    unpack(folder)
    (folder / "tokens" / ".salt").unlink()
    if salt is not None:
        (folder / "tokens" / ".salt").write_bytes(salt)
    assert ".salt is missing" in refused(ChukSignIns(folder, password=never).read(), "notes")


@pytest.mark.parametrize("damage", [b"", b"\xff\x00", b"gAAAA", b"x" * (1 << 21)])
def test_a_damaged_file_is_refused_and_the_others_are_read(folder: Path, damage: bytes) -> None:
    unpack(folder)
    (folder / "tokens" / "a:b.enc").write_bytes(damage)
    found = ChukSignIns(folder, password=right).read()
    assert refused(found, "a:b")
    assert taken(found, "notes")


@pytest.mark.parametrize(
    "stored", ["", "[]", "{}", '{"access_token": 5}', '{"access_token": "a", "expires_in": "soon"}', "[" * 9000]
)
def test_tokens_that_are_none_are_refused(folder: Path, stored: str) -> None:
    write_entry(folder, "odd", stored)
    assert "is damaged" in refused(ChukSignIns(folder, password=right).read(), "odd")


def test_a_time_of_issue_that_nobody_knows_makes_tokens_old(folder: Path) -> None:
    write_entry(folder, "old", stored_tokens("at", expires_in=3600))
    assert taken(ChukSignIns(folder, password=right).read(), "old").tokens.is_expired()


@pytest.mark.parametrize("client", ["", "{}", '{"client_id": 7}', "[]", '{"client_id": " "}'])
def test_a_client_that_is_none_is_as_good_as_none(folder: Path, client: str) -> None:
    write_entry(folder, "notes", stored_tokens("at"))
    (folder / "tokens" / "notes_client.json").write_text(client)
    assert taken(ChukSignIns(folder, password=right).read(), "notes").registration is None


def test_a_folder_or_a_pipe_in_place_of_a_file_is_left_alone(folder: Path) -> None:
    (folder / "tokens" / "odd.enc").mkdir(parents=True)
    os.mkfifo(folder / "tokens" / "piped.enc")  # to open it would be to wait for who writes
    found = ChukSignIns(folder, password=never).read()
    assert {refused(found, name) for name in ("odd", "piped")} == {NONE_KEPT}


def test_a_file_too_long_to_be_one_of_its_is_left_alone(folder: Path) -> None:
    write_entry(folder, "notes", stored_tokens("at"))
    write_client(folder, "notes", "client-1", "x" * (1 << 20))
    assert taken(ChukSignIns(folder, password=right).read(), "notes").registration is None


def test_a_file_without_a_name_is_nobodys(folder: Path) -> None:
    (folder / "tokens").mkdir(parents=True)
    for name in (".enc", "_client.json"):
        (folder / "tokens" / name).write_bytes(b"x")
    assert ChukSignIns(folder, password=never).read() == {}


# The keyring


def test_the_keyring_is_asked_for_every_name_by_its_mangled_form(folder: Path, ring: Callable[..., Ring]) -> None:
    entries = {"my_server__work_": stored_tokens("at-1"), "named": stored_tokens("at-2")}
    made = ring(entries)
    folder.mkdir()
    index = {"oauth:x": {"name": "my server (work)", "type": "oauth"}, "k": {"name": "key", "type": "api_key"}}
    (folder / "token_registry.json").write_text(json.dumps(index))
    found = ChukSignIns(folder, password=never).read(["named"])
    assert taken(found, "my server (work)").tokens.access_token == "at-1"
    assert taken(found, "named").tokens.access_token == "at-2"
    assert made.asked == [("chuk-oauth", "my_server__work_"), ("chuk-oauth", "named")]
    [entry] = chuk_keyring.read_entries("chuk-oauth", ["named", "nobody"]).values()
    assert "at-2" not in repr(entry)


def test_an_application_may_have_a_service_name_of_its_own(folder: Path, ring: Callable[..., Ring]) -> None:
    made = ring({"notes": stored_tokens("at")})
    assert "no tokens are kept" in refused(ChukSignIns(folder, password=never, service="app").read(["notes"]), "notes")
    assert made.asked == [("app", "notes")]


@pytest.mark.parametrize("newer", ["keyring", "file"])
def test_of_what_lies_in_two_places_the_newer_one_counts(folder: Path, ring: Callable[..., Ring], newer: str) -> None:
    in_ring, in_file = (2e9, 1e9) if newer == "keyring" else (1e9, 2e9)
    ring({"notes": stored_tokens("of the keyring", issued_at=in_ring)})
    write_entry(folder, "notes", stored_tokens("of the file", issued_at=in_file))
    assert taken(ChukSignIns(folder, password=right).read(), "notes").tokens.access_token == f"of the {newer}"


def test_what_can_be_read_in_one_place_does_without_the_other(folder: Path, ring: Callable[..., Ring]) -> None:
    write_entry(folder, "notes", stored_tokens("at"), password="nobody knows")
    ring({"notes": stored_tokens("at")})
    assert taken(ChukSignIns(folder, password=right).read(), "notes")
    write_entry(folder, "notes", stored_tokens("at"))
    ring({}, KeyringLocked())
    assert taken(ChukSignIns(folder, password=right).read(), "notes")


def test_a_locked_keyring_is_said_to_be_locked(folder: Path, ring: Callable[..., Ring]) -> None:
    ring({}, KeyringLocked("at-of-somebody"))
    found = ChukSignIns(folder, password=never).read(["notes"])
    assert refused(found, "notes") == "the keyring cannot be read: it is locked"


def test_where_there_is_no_keyring_nothing_is_said_about_it(folder: Path, ring: Callable[..., Ring]) -> None:
    ring({}, keyring.errors.NoKeyringError())
    assert "no tokens are kept" in refused(ChukSignIns(folder, password=never).read(["notes"]), "notes")


def test_a_keyring_that_hangs_is_given_up(
    folder: Path, ring: Callable[..., Ring], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, go = ring({}), threading.Event()
    monkeypatch.setattr(made, "get_password", lambda *_: go.wait(30) and None)
    monkeypatch.setattr(chuk_keyring, "_LIMIT", 0.05)
    try:
        found = ChukSignIns(folder, password=never).read(["notes"])
        assert refused(found, "notes") == "the keyring does not answer"
        assert isinstance(found["notes"], StoreUnavailableError)
    finally:
        go.set()


@pytest.mark.secret_service
def test_in_a_real_keyring_the_entry_is_found_and_stays(
    folder: Path, secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)  # it is chosen as in a fresh process
    kept = stored_tokens("at-of-the-real-keyring", refresh_token="rt-of-the-real-keyring", issued_at=1.0)
    Keyring().set_password("chuk-oauth", "notes", kept)
    (folder / "tokens").mkdir(parents=True)
    write_client(folder, "notes", "client-1")
    found = taken(ChukSignIns(folder, password=never).read(), "notes")
    assert found.tokens.refresh_token == "rt-of-the-real-keyring"
    assert found.registration is not None
    assert secret_service.items()["chuk-oauth|notes"] == kept


def test_what_the_tests_write_is_what_the_package_writes(folder: Path, tmp_path: Path) -> None:
    unpack(folder)
    ours = tmp_path / "ours"
    members = {"expires_in": 3600, "refresh_token": "vector-rt-1", "scope": "notes:read mcp", "issued_at": 1760000000.0}
    write_entry(ours, "notes", stored_tokens("vector-at-1", **members))
    assert len(SALT) == len((folder / "tokens" / ".salt").read_bytes())
    read = [taken(ChukSignIns(place, password=right).read(), "notes").tokens for place in (folder, ours)]
    assert read[0] == read[1]

"""Long values, and processes that end at any step of a save: what is read is the old value or the new one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_sync.exceptions import StoreCorruptError, TokenStorageError
from mcp_oauth_sync.stores.os_keyring.items import Backend
from mcp_oauth_sync.stores.os_keyring.systems import CredentialManagerStore, KeychainStore, KeyringStore

from .keyrings import EVERY, Killed, Life, PlainKeyring, macos, windows

SHORT, LONG, LONGER = "short", "L" * 1400, "M" * 2500
EMOJI = "\N{GRINNING FACE}" * 1500


@pytest.fixture
def life() -> Life:
    return Life()


@pytest.fixture(params=EVERY)
def keyring(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, life: Life) -> Iterator[Any]:
    backend, kept = EVERY[request.param](monkeypatch, life)
    yield backend, kept
    life.begins()


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the index in memory, as far as the disk is concerned: its machine does not go down in these tests."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    monkeypatch.setattr(logging.getLogger("filelock"), "disabled", True)


def store(backend: Backend) -> KeyringStore:
    """Open the store as a process that has just begun does."""
    return KeyringStore(backend=backend)


def texts(kept: dict[Any, Any]) -> list[str]:
    return [
        value["CredentialBlob"].decode("utf-16-le") if isinstance(value, dict) else value for value in kept.values()
    ]


@pytest.mark.parametrize(
    "value", [SHORT, "", LONG, EMOJI, "x\0y\n\N{ZERO WIDTH NO-BREAK SPACE}", "\udc80 \ud83d\ude00"]
)
def test_any_text_comes_back_from_any_keyring(keyring: Any, value: str) -> None:
    backend, kept = keyring
    store(backend).store_generic("k", value)
    assert store(backend).retrieve_generic("k") == value
    assert store(backend).delete_generic("k") is True
    assert kept == {}


def test_a_record_of_6_kilobytes_with_characters_of_two_units_keeps_within_the_limit_of_windows(
    monkeypatch: pytest.MonkeyPatch, life: Life
) -> None:
    backend, kept = windows(monkeypatch, life)
    kept_in = CredentialManagerStore(backend=backend)
    kept_in.store_generic("k", EMOJI)
    assert kept_in.retrieve_generic("k") == EMOJI
    assert len(kept) > 5
    assert max(len(text) for text in texts(kept)) == 1200
    assert backend.manager.longest == 2400


def test_a_short_value_is_one_item_without_copies_on_windows(monkeypatch: pytest.MonkeyPatch, life: Life) -> None:
    backend, kept = windows(monkeypatch, life)
    for value in ("first", "second", "third"):
        CredentialManagerStore(backend=backend).store_generic("k", value)
    assert [text.rpartition(" ")[2] for text in texts(kept)] == ["third"]


def test_a_value_is_one_item_on_macos_however_long_it_is(monkeypatch: pytest.MonkeyPatch, life: Life) -> None:
    backend, kept = macos(monkeypatch, life)
    for value in (LONG, LONGER):
        KeychainStore(backend=backend).store_generic("k", value)
    assert [text.rpartition(" ")[2] for text in texts(kept)] == [LONGER]


def test_names_that_differ_in_case_only_stay_apart_where_windows_would_take_them_for_one(
    monkeypatch: pytest.MonkeyPatch, life: Life
) -> None:
    backend, _ = windows(monkeypatch, life)
    kept_in = store(backend)
    kept_in.store_generic("Name", "one")
    kept_in.store_generic("name", "two")
    assert (kept_in.retrieve_generic("Name"), kept_in.retrieve_generic("name")) == ("one", "two")


@pytest.mark.parametrize(("old", "new"), [(None, SHORT), (None, LONG), (SHORT, LONG), (LONG, LONGER), (LONGER, SHORT)])
def test_a_save_cut_short_at_any_step_leaves_the_old_value_or_the_new_one(
    keyring: Any, life: Life, old: str | None, new: str
) -> None:
    backend, kept = keyring
    outcomes = set()
    for step in range(1000):
        kept.clear()
        life.begins()
        if old is not None:
            store(backend).store_generic("k", old)
        life.begins(ends_before=step)
        try:
            store(backend).store_generic("k", new)
        except Killed:
            pass
        else:
            break
        life.begins()
        found = store(backend).retrieve_generic("k")
        assert found in (old, new)
        outcomes.add(found)
        listed = store(backend).list_generic()
        assert listed == ([] if found is None else [("generic", "k")])
        again = "N" * (len(new) + 1300)
        store(backend).store_generic("k", again)
        assert store(backend).retrieve_generic("k") == again
        orphans = len(kept)
        store(backend).store_generic("k", again)
        assert len(kept) == orphans  # what the killed one left is gone by now
        assert store(backend).delete_generic("k") is True
        assert kept == {}
        assert store(backend).list_generic() == []
    life.begins()
    assert outcomes == {old, new}
    assert store(backend).retrieve_generic("k") == new


@pytest.mark.parametrize("old", [SHORT, LONG])
def test_a_removal_cut_short_at_any_step_leaves_the_value_or_nothing(keyring: Any, life: Life, old: str) -> None:
    backend, kept = keyring
    for step in range(1000):
        life.begins()
        store(backend).store_generic("k", "of yesterday")
        store(backend).store_generic("k", old)
        life.begins(ends_before=step)
        try:
            assert store(backend).delete_generic("k") is True
        except Killed:
            pass
        else:
            break
        life.begins()
        found = store(backend).retrieve_generic("k")
        assert found in (old, None)
        assert store(backend).list_generic() == ([] if found is None else [("generic", "k")])
        assert store(backend).delete_generic("k") is (found is not None)
        assert kept == {}
    life.begins()
    assert step > 2
    assert kept == {}
    assert store(backend).list_generic() == []


def test_a_save_that_fails_at_any_step_raises_or_keeps_the_new_value_and_never_less_than_the_old_one(
    monkeypatch: pytest.MonkeyPatch, keyring: Any, life: Life
) -> None:
    backend, kept = keyring
    begin = life.step

    def fail_once(at: int) -> None:
        def step() -> None:
            begin()
            if life.steps == at + 1:
                raise ConnectionResetError("gone for a moment")

        monkeypatch.setattr(life, "step", step)

    for at in range(1000):
        monkeypatch.setattr(life, "step", begin)
        kept.clear()
        store(backend).store_generic("k", LONG)
        life.begins()
        fail_once(at)
        raised = False
        try:
            store(backend).store_generic("k", LONGER)
        except TokenStorageError:
            raised = True
        beyond = life.steps <= at
        monkeypatch.setattr(life, "step", begin)
        found = store(backend).retrieve_generic("k")
        assert found in ((LONG, LONGER) if raised else (LONGER,))
        if beyond:
            break
    assert not raised


def test_a_part_that_is_missing_or_of_another_save_makes_the_value_count_as_missing(
    monkeypatch: pytest.MonkeyPatch, life: Life, caplog: pytest.LogCaptureFixture
) -> None:
    backend, kept = windows(monkeypatch, life)
    held = store(backend)
    held.store_generic("k", LONG)
    parts = [name for name in kept if "#" in name]
    whole = dict(kept)
    assert len(parts) == 2
    for name in parts:
        del kept[name]
        assert held.retrieve_generic("k") is None
        kept.update(whole)
    kept[parts[0]] = {**whole[parts[0]], "CredentialBlob": whole[parts[1]]["CredentialBlob"]}
    assert held.retrieve_generic("k") is None
    assert "incomplete" in caplog.text
    held.store_generic("k", SHORT)
    assert held.retrieve_generic("k") == SHORT
    assert len(kept) == 1


def test_a_value_that_is_replaced_while_its_parts_are_read_is_read_again(
    monkeypatch: pytest.MonkeyPatch, life: Life
) -> None:
    backend, _ = windows(monkeypatch, life)
    held, other = store(backend), store(backend)
    held.store_generic("k", LONG)
    begin = life.step

    def step() -> None:
        begin()
        if life.steps == 3:  # after the header and one part
            monkeypatch.setattr(life, "step", begin)
            from mcp_oauth_sync.stores.os_keyring import calls as keyring_calls

            with monkeypatch.context() as patch:  # another process, which queues elsewhere
                patch.setattr(keyring_calls, "_lines", {})
                other.store_generic("k", LONGER)

    life.begins()
    monkeypatch.setattr(life, "step", step)
    assert held.retrieve_generic("k") == LONGER


def test_a_value_that_looks_like_a_header_is_a_value(keyring: Any) -> None:
    backend, _ = keyring
    for value in (f"mcp-oauth-sync/1 parts a 1 {'0' * 64}", "mcp-oauth-sync/1 text x"):
        store(backend).store_generic("k", value)
        assert store(backend).retrieve_generic("k") == value


@pytest.mark.parametrize(
    "foreign", ["a password", "mcp-oauth-sync/2 text x", "mcp-oauth-sync/1 base64 ?", "mcp-oauth-sync/1 new x"]
)
def test_what_somebody_else_or_a_newer_version_wrote_is_told_and_left_alone(keyring: Any, foreign: str) -> None:
    backend, kept = keyring
    store(backend).store_generic("k", "ours")
    (name,) = kept
    kept[name] = (
        {**kept[name], "CredentialBlob": foreign.encode("utf-16-le")} if isinstance(kept[name], dict) else foreign
    )
    before = dict(kept)
    with pytest.raises(StoreCorruptError, match="'k'"):
        store(backend).retrieve_generic("k")
    with pytest.raises(StoreCorruptError, match="'k'"):
        store(backend).store_generic("k", "ours")
    assert kept == before
    assert store(backend).delete_generic("k") is True


def test_an_item_without_text_counts_as_missing_and_can_be_replaced(keyring: Any) -> None:
    backend, kept = keyring
    store(backend).store_generic("k", "ours")
    (name,) = kept
    kept[name] = {**kept[name], "CredentialBlob": b""} if isinstance(kept[name], dict) else ""
    assert store(backend).retrieve_generic("k") is None
    store(backend).store_generic("k", "ours")
    assert store(backend).retrieve_generic("k") == "ours"


def test_a_keyring_that_cuts_values_is_found_out_and_the_old_value_is_still_there() -> None:
    backend = PlainKeyring(cuts=100)
    store(backend).store_generic("k", SHORT)
    with pytest.raises(TokenStorageError, match="does not return what it was given"):
        store(backend).store_generic("k", "x" * 500)
    assert store(backend).retrieve_generic("k") == SHORT
    store(backend).store_generic("k", "other")
    assert store(backend).retrieve_generic("k") == "other"


def test_a_keyring_that_cuts_long_values_is_given_parts() -> None:
    backend = PlainKeyring(cuts=1300)
    for value in (LONG, LONGER):
        store(backend).store_generic("k", value)
        assert store(backend).retrieve_generic("k") == value
    assert store(backend).delete_generic("k") is True
    assert backend.kept == {}


@pytest.mark.parametrize("old", [None, SHORT])
def test_a_write_that_is_dropped_without_a_word_is_found_out(old: str | None) -> None:
    backend = PlainKeyring()
    if old is not None:
        store(backend).store_generic("k", old)
    backend.drops = True
    with pytest.raises(TokenStorageError, match="could not be stored"):
        store(backend).store_generic("k", LONG)
    assert store(backend).retrieve_generic("k") == old
    if old is not None:
        with pytest.raises(TokenStorageError, match="could not be removed"):
            store(backend).delete_generic("k")
        assert store(backend).list_generic() == [("generic", "k")]


def test_nothing_of_a_long_value_is_left_when_it_cannot_be_stored(home: Path) -> None:
    backend = PlainKeyring(refuses=1300)
    backend.set_password = _refuse_the_header(backend)  # type: ignore[method-assign]
    with pytest.raises(TokenStorageError):
        store(backend).store_generic("k", LONG)
    assert backend.kept == {}


def _refuse_the_header(backend: PlainKeyring) -> Any:
    take = backend.set_password

    def set_password(service: str, username: str, password: str) -> None:
        if " parts " in password:
            raise ValueError("no")
        take(service, username, password)

    return set_password

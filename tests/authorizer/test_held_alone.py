"""The sign-in in memory without any server: what is taken from the store, what is given to it, and what stays."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from mcp_oauth_sync import ClientRegistration, OAuthTokens, ServerRecord, TokenManager
from mcp_oauth_sync.authorizer import held as room
from mcp_oauth_sync.authorizer.held import NEVER, Held
from mcp_oauth_sync.authorizer.keeping import (
    forget_last_try,
    keep_for_next_try,
    keep_or_warn,
    require_ours,
    with_last_try,
)
from mcp_oauth_sync.exceptions import TokenStorageError, UnsavedTokensWarning
from mcp_oauth_sync.models.client import DYNAMIC

from ..failing_store import Failing
from ..rereading import read_again

URL, OTHER = "https://mcp.example.com/mcp", "https://other.example.com/mcp"
ISSUER = "https://as.example.com"


def signed_in(access: str = "access", *, client: str = "a-client", issuer: str = ISSUER, **more: Any) -> ServerRecord:
    tokens = OAuthTokens(access_token=access, refresh_token="refresh", expires_in=3600.0, scope="b c")
    registration = ClientRegistration(client_id=client, issuer=issuer)
    return ServerRecord(
        server_url=URL, issuer=issuer, tokens=tokens, registration=registration, requested_scope="a b", **more
    )


@pytest.fixture
def store() -> Failing:
    return Failing()


@pytest.fixture
def manager(store: Failing) -> TokenManager:
    return TokenManager(store=store)


def grant(name: str = "client_credentials", *, interactive: bool = False) -> Any:
    return SimpleNamespace(name=name, interactive=interactive, whose="somebody")


# What it is called


def test_without_a_name_it_is_called_by_the_url_or_by_what_is_linked_to_it(manager: TokenManager) -> None:
    assert Held(manager, URL, None).name == URL
    manager.save_record("notes", signed_in())
    manager.link(URL, "notes")
    assert Held(manager, URL, None).name == "notes"
    assert not Held(manager, URL, None).named


def test_a_name_that_was_chosen_stays(manager: TokenManager) -> None:
    manager.save_record(URL, signed_in())
    held = Held(manager, URL, "notes")
    assert (held.name, held.named, held.record) == ("notes", True, None)


def test_the_sign_in_of_another_client_or_issuer_is_let_alone_and_ours_has_a_name_of_its_own(
    manager: TokenManager,
) -> None:
    manager.save_record(URL, signed_in())
    for options, name in (
        ({"client_id": "a-client"}, URL),
        ({"issuer": ISSUER}, URL),
        ({"client_id": "another"}, f"{URL} client_id=another"),
        ({"issuer": "https://b.example.com"}, f"{URL} issuer=https://b.example.com"),
        ({"client_id": "a-client", "issuer": "https://b"}, f"{URL} client_id=a-client issuer=https://b"),
    ):
        held = Held(manager, URL, None, **options)
        assert held.name == name
        assert (held.record is None) is (name != URL)
    manager.save_record(f"{URL} client_id=another", signed_in("theirs", client="another"))
    assert Held(manager, URL, None, client_id="another").tokens == manager.load_tokens(f"{URL} client_id=another")


def test_one_that_does_not_say_whose_it_is_is_anybodys(manager: TokenManager) -> None:
    manager.save_record(URL, attrs.evolve(signed_in(), registration=None, issuer=""))
    assert Held(manager, URL, None, client_id="another", issuer="https://b").name == URL


def test_before_anybody_has_signed_in_it_is_called_by_the_url(manager: TokenManager) -> None:
    assert Held(manager, URL, None, client_id="a-client").name == URL
    assert Held(manager, URL, None, issuer=ISSUER).name == URL


def test_a_program_has_a_name_of_its_own_and_never_takes_the_sign_in_of_a_person(manager: TokenManager) -> None:
    manager.save_record(URL, signed_in())
    name = f"{URL} grant=client_credentials of=somebody"
    assert Held(manager, URL, None, grant=grant()).name == name
    held = Held(manager, URL, None, grant=grant())
    assert (held.load(), held.name, held.record) == (None, name, None)
    manager.save_record(name, signed_in("ours", grant="client_credentials"))
    assert Held(manager, URL, None, grant=grant()).tokens == manager.load_tokens(name)
    assert Held(manager, URL, None, grant=grant(interactive=True)).name == URL


def test_a_program_refuses_the_name_of_a_person(manager: TokenManager) -> None:
    manager.save_record("notes", signed_in())
    with pytest.raises(TokenStorageError, match="one of a person, not by client_credentials"):
        Held(manager, URL, "notes", grant=grant()).load()


def test_a_name_once_settled_does_not_change_with_the_store(manager: TokenManager, store: Failing) -> None:
    held, loaded, staying = (Held(manager, URL, None) for _ in range(3))
    held.settle_name()
    manager.save_record("notes", signed_in())
    manager.link(URL, "notes")
    loaded.load()
    store.fails_reading = True
    assert (held.name, loaded.name) == (URL, "notes")
    staying.stay_with("theirs", named=False)
    assert (staying.name, staying.named) == ("theirs", False)
    staying.stay_with("mine", named=True)
    staying.stay_with("mine", named=False)
    assert (staying.name, staying.named) == ("mine", True)


# What is held


def test_nothing_is_held_where_nobody_has_signed_in(manager: TokenManager) -> None:
    held = Held(manager, URL, None)
    assert (held.load(), held.record, held.tokens, held.header, held.scopes, held.good_until) == (
        *(None, None, None, None, ()),
        NEVER,
    )


def test_what_is_stored_is_held(manager: TokenManager) -> None:
    manager.save_record(URL, signed_in())
    held, before = Held(manager, URL, None), time.monotonic()
    assert held.scopes == ()
    assert held.load() == held.record == manager.load_record(URL)
    assert (held.header, held.scopes) == ("Bearer access", ("a", "b", "c"))
    assert before + 3600 - 60 - 30 < held.good_until <= time.monotonic() + 3600 - 60
    manager.delete_record(URL)
    assert held.record is not None
    assert (held.load(), held.header, held.good_until) == (None, None, NEVER)


def test_a_registration_without_tokens_is_held_and_nothing_is_presented(manager: TokenManager) -> None:
    manager.save_record(URL, attrs.evolve(signed_in(), tokens=None))
    held = Held(manager, URL, None)
    assert held.load() is not None
    assert (held.tokens, held.header, held.scopes, held.good_until) == (None, None, ("a", "b"), NEVER)


def test_tokens_that_are_not_bound_count_as_none_where_only_bound_ones_do(manager: TokenManager) -> None:
    manager.save_record(URL, signed_in())
    held = Held(manager, URL, None)
    held.bound_only = True
    record = held.load()
    assert record is not None
    assert (record.tokens, held.header, record.registration) == (None, None, signed_in().registration)


def test_what_is_saved_is_held_and_stored(manager: TokenManager) -> None:
    held = Held(manager, URL, None)
    held.save(signed_in())
    assert held.header == "Bearer access"
    assert manager.load_record(URL) == held.record


def test_what_cannot_be_stored_is_held_and_not_replaced(manager: TokenManager, store: Failing) -> None:
    manager.save_record(URL, signed_in("old"))
    held = Held(manager, URL, None)
    store.fails_writing = True
    with pytest.warns(UnsavedTokensWarning, match="The sign-in is good but not stored: The disk is full"):
        held.save(signed_in("new"))
    assert held.load() == held.record
    assert held.header == "Bearer new"
    assert held.load_instead() == manager.load_record(URL)
    assert held.header == "Bearer old"
    assert held.load() == manager.load_record(URL)


def test_what_could_not_be_stored_stays_while_the_store_is_away(manager: TokenManager, store: Failing) -> None:
    held = Held(manager, URL, "notes")
    store.fails_writing = store.fails_reading = True
    with pytest.warns(UnsavedTokensWarning):
        held.save(signed_in("new"))
    for _ in range(2):
        record = held.load_instead()
        assert record is not None
        assert held.header == "Bearer new"
    store.fails_writing = store.fails_reading = False
    assert held.load() is not None, "it is still what could not be stored"
    held.save(signed_in("newer"))
    store.fails_reading = True
    with pytest.raises(TokenStorageError, match="The disk is gone"):
        held.load_instead()


# Links


@pytest.mark.parametrize("name", [None, "notes"])
def test_only_a_name_that_was_chosen_is_linked_to_the_url(manager: TokenManager, name: str | None) -> None:
    held = Held(manager, URL, name)
    held.save(signed_in())
    held.stay_with(held.name, named=False)
    held.link()
    assert manager._linked(URL) == name


def test_a_name_that_was_found_is_not_linked(manager: TokenManager) -> None:
    held = Held(manager, URL, None)
    held.stay_with("notes", named=False)
    held.link()
    assert manager._linked(URL) is None


def test_what_is_not_stored_is_not_linked_and_a_link_that_fails_is_only_logged(
    manager: TokenManager, store: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    held = Held(manager, URL, "notes")
    held.save(signed_in())
    store.fails_writing = True
    held.link()
    assert "The disk is full" in caplog.text
    with pytest.warns(UnsavedTokensWarning):
        held.save(signed_in())
    caplog.clear()
    held.link()
    store.fails_writing = False
    held.link()
    assert (manager._linked(URL), caplog.text) == (None, "")


# The end of it


def test_dropping_tokens_keeps_the_client_and_forgetting_keeps_nothing(manager: TokenManager) -> None:
    held = Held(manager, URL, "notes")
    held.save(signed_in())
    held.link()
    for forget in (False, True):
        before = manager.load_record("notes")
        assert held.drop(forget=forget) == before
        assert (held._record, held.header) == (None, None)
        after = manager.load_record("notes")
        assert (after is None) is forget
        assert after is None or (after.tokens is None and after.registration is not None)
        assert manager._linked(URL) == (None if forget else "notes")
    assert held.drop(forget=True) is None


def test_dropping_what_was_never_stored_returns_it(manager: TokenManager, store: Failing) -> None:
    held = Held(manager, URL, "notes")
    store.fails_writing = True
    with pytest.warns(UnsavedTokensWarning):
        held.save(signed_in("new"))
    store.fails_writing = False
    dropped = held.drop(forget=False)
    assert dropped is not None
    assert dropped.tokens is not None
    manager.save_record("notes", signed_in("later"))
    assert held.load() == manager.load_record("notes")


def test_dropping_takes_a_turn(manager: TokenManager, monkeypatch: pytest.MonkeyPatch) -> None:
    held, turns, exclusive = Held(manager, URL, "notes"), [], manager.exclusive

    def noted(name: str) -> Any:
        turns.append(name)
        return exclusive(name)

    monkeypatch.setattr(manager, "exclusive", noted)
    held.drop(forget=False)
    assert turns[0] == "notes"


# Threads and forks


def test_threads_come_one_by_one_and_who_has_waited_for_long_goes_on(
    manager: TokenManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "GATHERING", 0.01)
    held = Held(manager, URL, None)
    with held.one_by_one():
        assert held._gathering.locked()
        with held.one_by_one():
            pass
        assert held._gathering.locked(), "who went on without it does not give it back"
    assert not held._gathering.locked()
    with pytest.raises(RuntimeError), held.one_by_one():
        raise RuntimeError
    assert not held._gathering.locked()


def test_a_forked_child_waits_for_no_thread_that_it_does_not_have(
    manager: TokenManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks: list[Callable[[], None]] = []
    monkeypatch.setattr(os, "register_at_fork", lambda *, after_in_child: hooks.append(after_in_child))
    again = read_again(room)
    held = again.Held(manager, URL, None)
    with held._guard, held._gathering:
        hooks[0]()
        assert not held._guard.locked()
        assert not held._gathering.locked()
        assert type(held._guard) is type(threading.Lock())


def test_the_room_loads_where_there_is_no_fork(manager: TokenManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "register_at_fork")
    assert read_again(room).Held(manager, URL, None).load() is None


# Whose it is, and what is kept of it


@pytest.mark.parametrize(
    ("server_url", "resource", "ours"),
    [
        (URL, None, True),
        ("", None, True),
        ("https://MCP.example.com/mcp/?x", None, True),
        (OTHER, None, False),
        (OTHER, URL, True),
        (OTHER, "https://mcp.example.com", True),
        (OTHER, OTHER, False),
        (OTHER, "https://mcp.example.com/other", False),
    ],
)
def test_a_name_that_was_given_to_another_server_is_refused(server_url: str, resource: str | None, ours: bool) -> None:
    record = attrs.evolve(signed_in(), server_url=server_url, resource=resource)
    if ours:
        require_ours(record, URL, "notes", store="a store")
        return
    with pytest.raises(TokenStorageError, match="The sign-in 'notes' is one at https://other") as caught:
        require_ours(record, URL, "notes", store="a store")
    assert (caught.value.store, caught.value.name) == ("a store", "notes")


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.WARNING):
        yield caplog


def test_whether_it_was_stored_is_told_and_why_it_was_not(
    manager: TokenManager, store: Failing, warned: pytest.LogCaptureFixture
) -> None:
    assert keep_or_warn(manager, "notes", signed_in()) is True
    store.fails_writing = True
    with pytest.warns(UnsavedTokensWarning, match="good but not stored"):
        assert keep_or_warn(manager, "notes", signed_in()) is False
    assert warned.text == ""
    assert keep_or_warn(manager, "notes", attrs.evolve(signed_in(), tokens=None)) is False
    assert "the sign-in that ended is still stored: The disk is full." in warned.text


# What a sign-in that has not succeeded leaves for the next one

SELF = ClientRegistration(client_id="self-made", issuer=ISSUER, source=DYNAMIC)


def test_what_we_were_registered_as_is_there_for_the_next_try_and_gone_when_it_succeeds(manager: TokenManager) -> None:
    assert with_last_try(manager, "notes", None, URL) is None
    keep_for_next_try(manager, "notes", SELF, None)
    assert with_last_try(manager, "notes", None, URL) == ServerRecord(server_url=URL, registration=SELF)
    signed_out = attrs.evolve(signed_in(), tokens=None, registration=None)
    assert with_last_try(manager, "notes", signed_out, URL) == attrs.evolve(signed_out, registration=SELF)
    known = signed_in()
    assert with_last_try(manager, "notes", known, URL) is known
    forget_last_try(manager, "notes")
    assert with_last_try(manager, "notes", signed_out, URL) == signed_out


def test_a_registration_that_is_known_already_is_not_kept_twice(manager: TokenManager) -> None:
    keep_for_next_try(manager, "notes", SELF, signed_in())
    assert manager.unfinished.load("notes") is None
    keep_for_next_try(manager, "notes", SELF, attrs.evolve(signed_in(), registration=None))
    assert manager.unfinished.load("notes") == SELF


def test_what_cannot_be_forgotten_does_no_harm(manager: TokenManager, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> bool:
        raise TokenStorageError("The disk is gone.")

    monkeypatch.setattr(manager.store, "delete_generic", refuse)
    forget_last_try(manager, "notes")

"""What may still be done in a Vault by who has lost the turn, or by who never took it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest

from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.stores.vault import lease as vault_lease

from ..real.openbao import Bao, bao, openbao_server
from .vault_hosts import SHORT, Hosts, hosts, later, ready, turn

__all__ = ["bao", "hosts", "openbao_server"]
pytestmark = pytest.mark.openbao


# A holder that was suspended


@pytest.mark.parametrize("read_before", [True, False])
@pytest.mark.parametrize("act", [("store", "stale"), ("delete",), ("read",)], ids=lambda words: words[0])
def test_a_suspended_holder_changes_nothing_after_the_turn_has_passed(
    bao: Bao, hosts: Hosts, act: tuple[str, ...], read_before: bool
) -> None:
    bao.store().store_generic("k", "old")
    one, other = hosts("one", lease=SHORT), hosts("other", lease=SHORT)
    ready(one, other)
    assert one.told("take", "refresh", "9") == "mine"
    if read_before:
        assert one.told("read") == "old"
    os.kill(one.process.pid, signal.SIGSTOP)
    assert other.told("take", "refresh", "60") == "mine"
    assert other.told("store", "fresh") == "None"
    os.kill(one.process.pid, signal.SIGCONT)
    assert one.told(*act) == "TurnLostError"
    assert other.told("leave") == "left"
    assert one.told(*act) == "TurnLostError"
    assert one.told("leave") == "left"
    assert bao.store().retrieve_generic("k") == "fresh"
    assert one.told("take", "refresh", "60") == "mine"
    assert one.told("store", "again") == "None"


def test_a_holder_that_was_suspended_while_nobody_wanted_the_turn_goes_on(
    bao: Bao, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bao.store()
    with store.exclusive("k", namespace="generic"):
        assert store.retrieve_generic("k") is None
        later(monkeypatch, 3600)
        store.store_generic("k", "v")
        assert store.retrieve_generic("k") == "v"


def test_a_turn_that_was_lost_does_not_end_the_turn_of_who_has_it(
    bao: Bao, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = hosts("one", lease=SHORT), hosts("other", lease=SHORT)
    ready(one, other)
    assert one.told("take", "refresh", "9") == "mine"
    os.kill(one.process.pid, signal.SIGSTOP)
    assert other.told("take", "refresh", "60") == "mine"
    os.kill(one.process.pid, signal.SIGCONT)
    assert one.told("leave") == "left"
    monkeypatch.setattr(vault_lease, "LEASE", 60.0)
    with pytest.raises(TokenStorageError, match="Another host"):
        turn(bao.store(), timeout=0.2)


# Whoever takes no turns


@pytest.mark.parametrize("act", ["store_generic", "delete_generic"])
def test_what_was_read_in_a_turn_is_replaced_only_if_it_is_still_there(bao: Bao, act: str) -> None:
    store, stranger = bao.store(), bao.store()
    store.store_generic("k", "old")
    write: Callable[[], object] = {
        "store_generic": lambda: store.store_generic("k", "stale"),
        "delete_generic": lambda: store.delete_generic("k"),
    }[act]
    with store.exclusive("k", namespace="generic"):
        assert store.retrieve_generic("k") == "old"
        thread = threading.Thread(target=lambda: stranger.store_generic("k", "newer"))
        thread.start()
        thread.join()
        with pytest.raises(TokenStorageError, match="written by somebody else during this turn"):
            write()
        assert store.retrieve_generic("k") == "newer"
        write()


def test_what_was_not_read_in_a_turn_is_replaced(bao: Bao) -> None:
    store = bao.store()
    store.store_generic("k", "old")
    with store.exclusive("k", namespace="generic", purpose="sign-in"):
        assert store.retrieve_generic("k") == "old"
        thread = threading.Thread(target=lambda: bao.store().store_generic("k", "newer"))
        thread.start()
        thread.join()
        with store.exclusive("k", namespace="generic"):  # what was read before is of no account in it
            store.store_generic("k", "signed in")
        store.store_generic("k", "and more")  # and what it wrote is known after it
    assert store.retrieve_generic("k") == "and more"


def test_an_entry_removed_and_made_again_is_not_taken_for_the_same(
    bao: Bao, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    bao.store().store_generic("k", "old")
    one, other = hosts("one", lease=SHORT), hosts("other", lease=SHORT)
    ready(one, other)
    assert one.told("take", "refresh", "9") == "mine"
    assert one.told("read") == "old"
    os.kill(one.process.pid, signal.SIGSTOP)
    assert other.told("take", "refresh", "60") == "mine"
    assert other.told("delete") == "True"
    assert other.told("store", "fresh") == "None"
    assert bao.metadata("generic/k")["current_version"] == 1
    os.kill(one.process.pid, signal.SIGCONT)
    assert one.told("store", "stale") == "TurnLostError"
    assert bao.store().retrieve_generic("k") == "fresh"

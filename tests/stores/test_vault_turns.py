"""Turns at an entry in a Vault: among threads, processes and hosts, also when their holder is gone."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.stores.vault.lease import TurnLostError

from ..real.openbao import Bao, bao, openbao_server
from ..real.vault_front import Front
from ..servers import lose_answer, reset
from .vault_hosts import SHORT, Hosts, hosts, later, ready, turn

__all__ = ["bao", "hosts", "openbao_server"]
pytestmark = pytest.mark.openbao


# Taking turns


def test_threads_that_take_turns_lose_no_step(bao: Bao) -> None:
    stores = [bao.store() for _ in range(3)]

    def step(number: int) -> None:
        store = stores[number % 3]
        with store.exclusive("k", namespace="generic"):
            store.store_generic("k", str(int(store.retrieve_generic("k") or 0) + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(step, range(48)))
    assert stores[0].retrieve_generic("k") == "48"


def test_threads_that_write_at_once_without_turns_all_get_their_write_done(bao: Bao) -> None:
    store = bao.store()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.store_generic("k", f"value {number}"), range(40)))
    assert bao.metadata("generic/k")["current_version"] == 40


def test_processes_of_two_hosts_lose_no_step(bao: Bao, hosts: Hosts) -> None:
    started = [hosts(home, "count", 8) for home in ("one", "one", "other", "other")]
    ready(*started)
    for host in started:
        host.go_on()
    assert [host.hears() for host in started] == ["done"] * 4
    assert bao.store().retrieve_generic("k") == "32"


def test_a_turn_of_one_host_is_waited_for_on_another(hosts: Hosts) -> None:
    one, other = hosts("one"), hosts("other")
    ready(one, other)
    assert one.told("take", "refresh", "9") == "mine"
    assert other.told("take", "refresh", "0.2") == "TokenStorageError"
    assert other.told("take", "sign-in", "9") == "mine"
    other.tell("take", "refresh", "30")
    assert one.told("leave") == "left"
    assert other.hears() == "mine"


def test_who_waits_too_long_is_told_which_host_is_busy(bao: Bao, hosts: Hosts) -> None:
    one = hosts("one")
    ready(one)
    assert one.told("take", "refresh", "9") == "mine"
    began = time.monotonic()
    with pytest.raises(TokenStorageError, match=r"Another host \(\S+ [0-9a-f]{24}\) has been busy with 'k'") as caught:
        turn(bao.store(), timeout=0.3)
    assert 0.3 <= time.monotonic() - began < 5
    assert caught.value.hint


def test_the_holder_may_enter_again_and_the_inner_end_gives_nothing_away(bao: Bao, hosts: Hosts) -> None:
    store, other = bao.store(), hosts("other")
    ready(other)
    with store.exclusive("k", namespace="generic"):
        with store.exclusive("k", namespace="generic"), bao.store().exclusive("k", namespace="generic"):
            store.store_generic("k", "inside")
        assert other.told("take", "refresh", "0.1") == "TokenStorageError"
        store.store_generic("k", "outside")
    assert other.told("take", "refresh", "30") == "mine"


def test_with_version_one_hosts_do_not_wait_but_processes_of_a_host_do(bao: Bao, hosts: Hosts) -> None:
    one, same, other = (hosts(home, mount=bao.old_mount) for home in ("one", "one", "other"))
    ready(one, same, other)
    assert one.told("take", "refresh", "9") == "mine"
    assert same.told("take", "refresh", "0.1") == "TokenStorageError"
    assert other.told("take", "refresh", "9") == "mine"


def test_without_a_folder_for_locks_leases_do(bao: Bao, hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_OAUTH_SYNC_HOME", "/proc/nobody/writes/here")
    store, other = bao.store(), hosts("other")
    ready(other)
    with store.exclusive("k", namespace="generic"):
        store.store_generic("k", "v")
        assert other.told("take", "refresh", "0.1") == "TokenStorageError"
    assert other.told("take", "refresh", "30") == "mine"
    with pytest.raises(TokenStorageError, match="lock file"):
        turn(bao.store(mount_point=bao.old_mount))


# A holder that is gone


def test_a_killed_process_holds_up_nobody_on_its_own_host(hosts: Hosts) -> None:
    one, same = hosts("one"), hosts("one")
    ready(one, same)
    assert one.told("take", "refresh", "9") == "mine"
    one.kill()
    assert same.told("take", "refresh", "20") == "mine"


def test_a_killed_process_holds_up_another_host_only_until_its_lease_is_over(hosts: Hosts) -> None:
    one, other = hosts("one", lease=SHORT), hosts("other", lease=SHORT)
    ready(one, other)
    assert one.told("take", "refresh", "9") == "mine"
    one.kill()
    began = time.monotonic()
    assert other.told("take", "refresh", "60") == "mine"
    assert time.monotonic() - began >= SHORT


def test_a_holder_that_works_for_long_keeps_its_turn(hosts: Hosts) -> None:
    one, other = hosts("one", lease=SHORT), hosts("other", lease=SHORT)
    ready(one, other)
    assert one.told("take", "sign-in", "9") == "mine"
    assert other.told("take", "sign-in", str(2.5 * SHORT)) == "TokenStorageError"
    assert one.told("store", "mine") == "None"


def test_a_host_that_looks_away_takes_nothing_over(bao: Bao, hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    one = hosts("one")
    ready(one)
    assert one.told("take", "refresh", "9") == "mine"
    later(monkeypatch, 1e6)  # that this host's clock says another time does not matter
    with pytest.raises(TokenStorageError, match="Another host"):
        turn(bao.store(), timeout=0.2)


# Forks, and answers that get lost


def test_a_forked_child_has_no_share_in_a_turn(bao: Bao, hosts: Hosts) -> None:
    process = hosts("one", "fork")
    assert [process.hears(), process.hears()] == [0, "still mine"]
    assert bao.store().retrieve_generic("other") == "child"


def test_a_lease_survives_the_loss_of_any_answer_about_it(bao: Bao, hosts: Hosts) -> None:
    other = hosts("other")
    ready(other)
    with Front(bao.server) as front:
        store = bao.store(url=front.url)
        front.fault("*", lose_answer(), times=1, method="POST")
        with store.exclusive("k", namespace="generic"):
            lease = next(exchange.path for exchange in front.requests(method="POST") if "=leases" in exchange.path)
            for fault in (lose_answer(), reset()):
                front.fault(lease, fault, times=1, method="POST")
                store.store_generic("k", fault.name)  # not read before: it is made sure that the turn is ours
                assert store.delete_generic("k") is True
            assert other.told("take", "refresh", "0.1") == "TokenStorageError"
            front.fault(lease, lose_answer(), times=1, method="POST")
    assert other.told("take", "refresh", "30") == "mine"


def test_a_lease_is_still_ours_when_nothing_was_heard_of_our_last_word(bao: Bao) -> None:
    with Front(bao.server) as front:
        store = bao.store(url=front.url)
        with store.exclusive("k", namespace="generic"):
            lease = next(exchange.path for exchange in front.requests(method="POST") if "=leases" in exchange.path)
            front.fault(lease, lose_answer())
            with pytest.raises(TokenStorageError):
                store.store_generic("k", "one")
            front.clear_faults()
            store.store_generic("k", "two")
        assert store.retrieve_generic("k") == "two"


def test_a_lease_that_an_administrator_removed_is_lost_and_can_be_taken_anew(
    bao: Bao, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bao.store()
    with store.exclusive("k", namespace="generic"):
        folder = f"{bao.mount}/metadata/mcp-oauth-sync/=leases"
        for name in bao.server.do("LIST", folder)["data"]["keys"]:
            bao.server.do("DELETE", f"{folder}/{name}")
        with pytest.raises(TurnLostError):
            store.store_generic("k", "v")
    with store.exclusive("k", namespace="generic"):
        store.store_generic("k", "v")

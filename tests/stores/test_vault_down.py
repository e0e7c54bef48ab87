"""A Vault that is down, sealed, slow, broken or not a Vault: told in time, and nothing is lost or given away."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mcp_oauth_sync import ServerRecord, TokenManager
from mcp_oauth_sync.exceptions import StoreCorruptError, StoreUnavailableError, TokenStorageError
from mcp_oauth_sync.stores.vault.store import VaultStore

from ..attacks.test_tracebacks import frames
from ..real.openbao import Bao, bao, free_port, openbao_server
from ..real.openbao_on_disk import OnDisk
from ..real.vault_front import Front, front
from ..servers import (
    Fault,
    cut,
    drip,
    hang,
    html,
    lose_answer,
    raw,
    reply,
    reset,
)
from .folders import snapshot
from .vault_acts import everything, refused

__all__ = ["bao", "front", "openbao_server"]
pytestmark = pytest.mark.openbao


def is_for_now(failure: TokenStorageError) -> bool:
    """Tell whether an error says that waiting may help."""
    return type(failure) is not StoreUnavailableError and "kept" in str(failure.hint)


# Down


def test_a_vault_that_is_down_is_told_quickly_and_nothing_else_is_used(home: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    began = time.monotonic()
    for act in everything(VaultStore(url=url, token="t")).values():
        failure = refused(act)
        assert is_for_now(failure)
        assert failure.message == (f"The Vault at {url} cannot be reached: the connection failed (ConnectionError).")
    manager = TokenManager(backend="vault", vault_url=url, vault_token="t")
    refused(lambda: manager.save_record("n", ServerRecord(server_url="https://mcp.example.com")))
    refused(lambda: manager.load_record("n"))
    assert time.monotonic() - began < 10
    assert snapshot(home) == {}


def test_a_turn_is_over_without_an_error_when_the_vault_went_away(bao: Bao) -> None:
    front = Front(bao.server)
    front.start()
    store = bao.store(url=front.url)
    with store.exclusive("k", namespace="generic"):
        front.stop()
        refused(lambda: store.retrieve_generic("k"))
    front.start()
    assert store.retrieve_generic("k") is None
    front.stop()


def test_a_sealed_vault_is_told_and_serves_again_when_it_is_unsealed(tmp_path: Path) -> None:
    with OnDisk(tmp_path) as server:
        store = VaultStore(url=server.url, token=server.token, timeout=20.0)
        store.store_generic("k", "v")
        server.seal()
        for act in everything(store).values():
            failure = refused(act)
            assert is_for_now(failure)
            assert "sealed" in failure.message
        server.unseal()
        assert store.retrieve_generic("k") == "v"


def test_what_was_stored_is_there_after_the_server_was_killed(tmp_path: Path) -> None:
    with OnDisk(tmp_path) as server:
        store = VaultStore(url=server.url, token=server.token, timeout=20.0)
        with store.exclusive("k", namespace="generic"):
            store.store_generic("k", "one")
            server.kill()
            assert is_for_now(refused(lambda: store.store_generic("k", "two")))
            server.restart()
            assert store.retrieve_generic("k") == "one"
            store.store_generic("k", "three")
        server.kill()
        server.restart()
        assert VaultStore(url=server.url, token=server.token, timeout=20.0).retrieve_generic("k") == "three"


@pytest.mark.parametrize("fault", [hang(), drip(0.05, "headers"), drip(0.05)], ids=["hang", "slow head", "slow body"])
def test_a_vault_that_hangs_ends_in_an_error_in_time(bao: Bao, front: Front, fault: Fault) -> None:
    store = bao.store(url=front.url, timeout=0.4)
    bao.store().store_generic("k", "old")
    store.retrieve_generic("k")
    front.fault("*", fault)
    for name, act in everything(store).items():
        began = time.monotonic()
        failure = refused(act)
        assert is_for_now(failure), name
        assert time.monotonic() - began < 4
    front.clear_faults()
    assert bao.store().retrieve_generic("k") == "old"


# Answers


@pytest.mark.parametrize("status", [412, 429, 500, 502, 503, 504, 507])
def test_an_answer_that_may_pass_is_told_as_such_and_everything_is_kept(bao: Bao, front: Front, status: int) -> None:
    store = bao.store(url=front.url)
    store.store_generic("k", "old")
    front.fault("*", reply(status, {"errors": ["no \x1b[31m time"]}))
    for act in everything(store).values():
        failure = refused(act)
        assert is_for_now(failure)
        assert f"HTTP {status} (no [31m time)" in failure.message
    front.clear_faults()
    assert store.retrieve_generic("k") == "old"


BROKEN: dict[str, Fault] = {
    "login page": html(),
    "login page for 404": html(404),
    "gateway's 403": html(403),
    "gateway's 401": html(401),
    "no JSON": reply(200, b"no"),
    "list": reply(200, []),
    "nothing in it": reply(200, {}),
    "another shape": reply(200, {"data": {"data": []}}),
    "no version": reply(200, {"data": {"data": {"value": "x"}, "metadata": {}}}),
    "cut": cut(20),
    "reset": reset(),
    "lost": lose_answer(),
    "not HTTP": raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "too large": reply(413, {"errors": ["too large"]}),
    "not allowed": reply(405, {"errors": []}),
    "bad request": reply(400, {"errors": ["upgrading"]}),
    "teapot": reply(418, {}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_answer_that_no_vault_gives_is_an_error_and_never_an_entry_that_is_missing(
    bao: Bao, front: Front, name: str
) -> None:
    store = bao.store(url=front.url, kv_version=2)
    bao.store().store_generic("k", "old")
    store.retrieve_generic("k")
    front.fault("*", BROKEN[name])
    acts = everything(store)
    if name in ("nothing in it", "another shape", "no version", "list"):
        del acts["list"]
    for act in acts.values():
        failure = refused(act)
        assert not isinstance(failure, StoreCorruptError)
        assert failure.message
        shown = frames(failure)
        assert bao.server.token not in shown
        assert "new value" not in shown
    front.clear_faults()
    assert bao.store().retrieve_generic("k") in (["old", "new value of the entry"] if name == "lost" else ["old"])


# A write whose answer was lost


@pytest.mark.parametrize(
    "fault", [lose_answer(), reset(), reply(502, {}), cut(10)], ids=["lost", "reset", "502", "cut"]
)
def test_a_write_whose_answer_is_lost_is_done_once_and_is_no_error(bao: Bao, front: Front, fault: Fault) -> None:
    store, path = bao.store(url=front.url), f"/v1/{bao.mount}/data/mcp-oauth-sync/generic/k"
    for number in (1, 2, 3):
        front.fault(path, fault, times=1, method="POST")
        store.store_generic("k", f"value {number}")
        assert store.retrieve_generic("k") == f"value {number}"
        assert bao.metadata("generic/k")["current_version"] == number


def test_a_write_that_finds_no_place_is_an_error(bao: Bao, front: Front) -> None:
    front.fault("*", reply(404, {"errors": []}), method="POST")
    for mount in (bao.mount, bao.old_mount):
        refused(lambda mount=mount: bao.store(url=front.url, mount_point=mount).store_generic("k", "v"))


def test_in_a_turn_a_write_that_may_have_been_done_can_be_repeated(bao: Bao, front: Front) -> None:
    store, path = bao.store(url=front.url), f"/v1/{bao.mount}/data/mcp-oauth-sync/generic/k"
    with store.exclusive("k", namespace="generic"):
        store.store_generic("k", "one")
        front.fault(path, lose_answer())
        refused(lambda: store.store_generic("k", "two"))
        front.clear_faults()
        store.store_generic("k", "three")
    assert store.retrieve_generic("k") == "three"


def test_a_connection_that_was_closed_meanwhile_is_made_again(bao: Bao, front: Front) -> None:
    store = bao.store(url=front.url)
    store.store_generic("k", "v")
    for act in everything(store).values():
        front.fault("*", reset(), times=1)
        act()

"""Tokens for a Vault: where they come from, that they last, and what is told when they do not."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mcp_oauth_sync.exceptions import StoreUnavailableError
from mcp_oauth_sync.stores.vault.store import VaultStore

from ..attacks.test_tracebacks import frames
from ..real.openbao import Bao, bao, openbao_server
from ..real.vault_front import Front, front
from .vault_child import Host

__all__ = ["bao", "front", "openbao_server"]
pytestmark = pytest.mark.openbao
LOGIN = "/v1/auth/approle/login"
ENDED = "has expired or was revoked"


def token_of(store: VaultStore) -> str:
    """Return the token that a store sends now."""
    return store._access._login.token()


# Where it comes from


def test_the_token_comes_from_the_environment(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", bao.server.url)
    monkeypatch.setenv("VAULT_TOKEN", f"{bao.server.token}\n")
    VaultStore(mount_point=bao.mount).store_generic("k", "v")
    assert bao.store().retrieve_generic("k") == "v"


def test_the_token_comes_from_where_the_command_line_has_left_it(bao: Bao, home: Path) -> None:
    token = "by-vault-login"  # too short a name for the canary, which looks through the files of the test
    bao.server.new_token(id=token)
    (home / ".vault-token").write_text(token)
    store = bao.store(token=None)
    store.store_generic("k", "v")
    bao.server.revoke(token)
    with pytest.raises(StoreUnavailableError, match=ENDED):
        store.retrieve_generic("k")
    bao.server.new_token(id="logged-in-anew")
    (home / ".vault-token").write_text("logged-in-anew")
    assert store.retrieve_generic("k") == "v"


def test_without_any_token_the_message_says_how_to_get_one(bao: Bao) -> None:
    with pytest.raises(StoreUnavailableError, match="no token") as caught:
        bao.store(token=None).retrieve_generic("k")
    assert "VAULT_TOKEN" in str(caught.value.hint)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "umläut", "nul\0"])
def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(StoreUnavailableError) as caught:
        VaultStore(url="http://127.0.0.1:9", token=token)
    assert token not in frames(caught.value)


# What it may not do, and when it ends


def test_what_a_policy_forbids_is_told_apart_from_a_token_that_ended(bao: Bao) -> None:
    token = bao.server.new_token(bao.policy(data="read"))
    store = bao.store(token=token)
    assert store.retrieve_generic("k") is None
    with pytest.raises(StoreUnavailableError, match="policy") as caught:
        store.store_generic("k", "v")
    assert f"create or update '{bao.mount}/data/mcp-oauth-sync/generic/k'" in caught.value.message
    with pytest.raises(StoreUnavailableError, match=r"policy.* list "):
        store.list_generic()
    bao.server.revoke(token)
    for act in (lambda: store.retrieve_generic("k"), lambda: store.store_generic("k", "v"), store.list_generic):
        with pytest.raises(StoreUnavailableError, match=ENDED) as caught:
            act()
        assert token not in str(caught.value)


def test_a_token_whose_time_is_over_is_told(bao: Bao) -> None:
    token = bao.server.new_token(bao.all_we_need(), ttl="1s", explicit_max_ttl="1s")
    store = bao.store(token=token)
    store.store_generic("k", "v")
    while bao.server.send("GET", "auth/token/lookup-self", token=token).status_code == 200:
        threading.Event().wait(0.02)
    with pytest.raises(StoreUnavailableError, match=ENDED):
        store.store_generic("k", "new")
    assert bao.store().retrieve_generic("k") == "v"


def test_a_wrong_token_is_told(bao: Bao) -> None:
    for token in ("wrong", "s.AAAAAAAAAAAAAAAAAAAAAAAA"):
        with pytest.raises(StoreUnavailableError, match=ENDED):
            bao.store(token=token).retrieve_generic("k")


def test_a_token_that_may_not_look_at_itself_works(bao: Bao) -> None:
    token = bao.server.new_token(bao.policy(data="read create update"), no_default_policy=True)
    store = bao.store(token=token, kv_version=2)
    store.store_generic("k", "v")
    assert store.retrieve_generic("k") == "v"
    with pytest.raises(StoreUnavailableError, match="policy"):
        store.list_generic()
    bao.server.revoke(token)
    with pytest.raises(StoreUnavailableError, match=ENDED):
        store.retrieve_generic("k")


# AppRole


def test_an_approle_logs_in_again_whenever_its_token_ends(bao: Bao, front: Front) -> None:
    role_id, role = bao.server.role(bao.all_we_need())
    store = bao.store(url=front.url, role_id=role_id, secret_id=bao.server.secret_id(role))
    store.store_generic("k", "v")
    for number in range(2):
        bao.server.revoke(token_of(store))
        store.store_generic("k", f"value {number}")
    assert store.retrieve_generic("k") == "value 1"
    assert len(front.requests(LOGIN)) == 3


def test_an_approle_without_a_secret_logs_in(bao: Bao) -> None:
    role_id, _ = bao.server.role(bao.all_we_need(), bind_secret_id=False, token_bound_cidrs=["127.0.0.1/32"])
    bao.store(role_id=role_id).store_generic("k", "v")


def test_a_secret_that_is_used_up_is_told_when_the_token_ends(bao: Bao) -> None:
    role_id, role = bao.server.role(bao.all_we_need(), secret_id_num_uses=1)
    secret_id = bao.server.secret_id(role)
    store = bao.store(role_id=role_id, secret_id=secret_id)
    store.store_generic("k", "v")
    bao.server.revoke(token_of(store))
    with pytest.raises(StoreUnavailableError, match="AppRole") as caught:
        store.store_generic("k", "new")
    assert "used up" in caught.value.message
    assert secret_id not in frames(caught.value)
    assert bao.store().retrieve_generic("k") == "v"


def test_an_approle_that_is_wrong_or_not_there_is_told(bao: Bao) -> None:
    role_id, role = bao.server.role(bao.all_we_need())
    for options in ({"role_id": role_id, "secret_id": "wrong"}, {"role_id": "wrong", "secret_id": "wrong"}):
        with pytest.raises(StoreUnavailableError, match="AppRole"):
            bao.store(**options).retrieve_generic("k")
    name = f"team-{bao.mount}"
    bao.server.do("POST", f"sys/namespaces/{name}")
    with pytest.raises(StoreUnavailableError, match="AppRole") as caught:
        bao.store(role_id=role_id, secret_id=bao.server.secret_id(role), namespace=name).retrieve_generic("k")
    assert "enabled" in str(caught.value.hint)
    bao.server.do("DELETE", f"sys/namespaces/{name}")


def test_a_given_token_is_used_before_the_approle(bao: Bao, front: Front) -> None:
    role_id, role = bao.server.role(bao.all_we_need())
    token = bao.server.new_token(bao.all_we_need())
    store = bao.store(url=front.url, token=token, role_id=role_id, secret_id=bao.server.secret_id(role))
    store.store_generic("k", "v")
    assert front.requests(LOGIN) == []
    bao.server.revoke(token)
    assert store.retrieve_generic("k") == "v"
    assert len(front.requests(LOGIN)) == 1


def test_many_threads_log_in_once(bao: Bao, front: Front) -> None:
    role_id, role = bao.server.role(bao.all_we_need())
    store = bao.store(url=front.url, role_id=role_id, secret_id=bao.server.secret_id(role))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: store.retrieve_generic("k"), range(16))) == [None] * 16
        assert len(front.requests(LOGIN)) == 1
        bao.server.revoke(token_of(store))
        assert list(pool.map(lambda _: store.retrieve_generic("k"), range(16))) == [None] * 16
    assert len(front.requests(LOGIN)) == 2


def test_a_forked_child_goes_on_with_the_token_on_a_connection_of_its_own(
    bao: Bao, front: Front, tmp_path: Path
) -> None:
    role_id, role = bao.server.role(bao.all_we_need(), secret_id_num_uses=1)
    with Host(tmp_path, (front.url, bao.server.token), "fork_clients", bao.mount, role_id) as process:
        process.tell(bao.server.secret_id(role))
        assert [process.hears(), process.hears()] == [0, 0]
        assert process.process.wait(20) == 0
    for kind in ("own", "theirs"):
        used = {
            who: {exchange.connection for exchange in front.log if exchange.path.endswith(f"/{kind}=20{who}")}
            for who in ("parent", "child")
        }
        assert used["parent"]
        assert used["child"]
        assert used["parent"] & used["child"] == set()

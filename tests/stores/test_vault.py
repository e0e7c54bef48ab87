"""The store in a Vault: what is kept there, what is gone, and what is told when it cannot be used like this."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from mcp_oauth_sync.exceptions import StoreCorruptError, StoreUnavailableError, TokenStorageError

from ..real.openbao import Bao, bao, openbao_server
from ..real.vault_front import Front, front
from ..servers import reply
from .vault_acts import everything

__all__ = ["bao", "front", "openbao_server"]
pytestmark = pytest.mark.openbao
LOCAL = "http://127.0.0.1:8200"


def left(bao: Bao, path: str) -> dict[str, Any]:
    """Return the versions of an entry that can still be read."""
    versions = bao.metadata(path)["versions"]
    return {number: told for number, told in versions.items() if not told["destroyed"] and not told["deletion_time"]}


# What stays


def test_only_the_newest_version_of_an_entry_can_be_read(bao: Bao) -> None:
    store = bao.store()
    for value in ("first", "second", "third"):
        store.store_generic("k", value)
    assert list(left(bao, "generic/k")) == ["3"]
    assert bao.metadata("generic/k")["max_versions"] == 1
    old = bao.server.send("GET", f"{bao.mount}/data/mcp-oauth-sync/generic/k?version=2")
    assert old.status_code == 404


def test_older_versions_that_somebody_else_left_are_gone_with_the_next_write(bao: Bao) -> None:
    path = f"{bao.mount}/data/mcp-oauth-sync/generic/k"
    for value in ("first", "second", "third"):
        bao.server.do("POST", path, {"data": {"value": value}})
    bao.store().store_generic("k", "fourth")
    assert list(left(bao, "generic/k")) == ["4"]


def test_a_removed_entry_is_gone_with_all_its_versions(bao: Bao) -> None:
    store = bao.store()
    for value in ("first", "second"):
        store.store_generic("k", value)
    assert store.delete_generic("k") is True
    assert bao.server.send("GET", f"{bao.mount}/metadata/mcp-oauth-sync/generic/k").status_code == 404
    assert store.retrieve_generic("k") is None
    assert store.delete_generic("k") is False


def test_without_the_right_to_limit_versions_older_ones_are_destroyed(bao: Bao) -> None:
    policy = bao.policy(data="create read update", destroy="update")
    store = bao.store(token=bao.server.new_token(policy))
    for value in ("first", "second", "third"):
        store.store_generic("k", value)
    assert list(left(bao, "generic/k")) == ["3"]


def test_without_any_right_over_versions_a_warning_says_so_once(bao: Bao, caplog: pytest.LogCaptureFixture) -> None:
    store = bao.store(token=bao.server.new_token(bao.policy(data="create read update")))
    with caplog.at_level(logging.WARNING, "mcp_oauth_sync"):
        for number in range(3):
            store.store_generic("k", f"value {number}")
            store.store_generic("other", f"value {number}")
    told = [record.getMessage() for record in caplog.records if record.name.startswith("mcp_oauth_sync")]
    assert [message.partition(".")[0] for message in told] == ["Older versions of secrets stay readable"]
    assert store.retrieve_generic("k") == "value 2"


def test_without_the_right_to_remove_an_entry_its_value_is_destroyed(bao: Bao) -> None:
    policy = bao.policy(data="create read update", metadata="create update list", destroy="update")
    store = bao.store(token=bao.server.new_token(policy))
    store.store_generic("k", "secret")
    assert store.delete_generic("k") is True
    assert left(bao, "generic/k") == {}
    assert store.retrieve_generic("k") is None
    store.store_generic("k", "again")
    assert store.retrieve_generic("k") == "again"


def test_without_any_right_to_remove_an_error_says_so_and_the_entry_stays(bao: Bao) -> None:
    store = bao.store(token=bao.server.new_token(bao.policy(data="create read update", metadata="create update")))
    store.store_generic("k", "secret")
    with pytest.raises(StoreUnavailableError, match="policy"):
        store.delete_generic("k")
    assert store.retrieve_generic("k") == "secret"


def test_the_documented_policy_is_enough_for_everything(bao: Bao) -> None:
    store = bao.store(token=bao.server.new_token(bao.all_we_need()))
    with store.exclusive("k", namespace="generic"):
        store.store_generic("k", "one")
        store.store_generic("k", "two")
        assert store.retrieve_generic("k") == "two"
    assert store.list_generic() == [("generic", "k")]
    assert list(left(bao, "generic/k")) == ["2"]
    assert store.delete_generic("k") is True


def test_an_entry_that_somebody_marked_as_deleted_is_none_and_can_be_written_again(bao: Bao) -> None:
    store = bao.store()
    store.store_generic("k", "old")
    bao.server.do("DELETE", f"{bao.mount}/data/mcp-oauth-sync/generic/k")
    assert store.retrieve_generic("k") is None
    store.store_generic("k", "new")
    assert store.retrieve_generic("k") == "new"
    bao.server.do("DELETE", f"{bao.mount}/data/mcp-oauth-sync/generic/k")
    assert store.delete_generic("k") is False
    assert store.list_generic() == []


@pytest.mark.parametrize("document", [{"other": "x"}, {"value": 7}, {"bytes": "\xff"}, {"bytes": "\u4e2d"}])
def test_what_somebody_else_wrote_is_damage_and_not_absence(bao: Bao, document: dict[str, Any]) -> None:
    bao.server.do("POST", f"{bao.mount}/data/mcp-oauth-sync/generic/k", {"data": document})
    with pytest.raises(StoreCorruptError) as caught:
        bao.store().retrieve_generic("k")
    assert caught.value.name == "k"
    kept = bao.server.do("GET", f"{bao.mount}/data/mcp-oauth-sync/generic/k")["data"]["data"]
    assert kept == document


# Where it lies


def test_an_entry_lies_where_the_documentation_says(bao: Bao) -> None:
    bao.store().store_generic("https://mcp.example.com/mcp", "v", namespace="oauth")
    found = bao.server.do("GET", f"{bao.mount}/data/mcp-oauth-sync/oauth/https=3a=2f=2fmcp.example.com=2fmcp")
    assert found["data"]["data"] == {"value": "v", "name": '["oauth", "https://mcp.example.com/mcp"]'}


def test_prefixes_keep_applications_apart(bao: Bao) -> None:
    one, other = bao.store(path_prefix="team one/app"), bao.store(path_prefix="team one/other")
    one.store_generic("k", "v")
    assert other.retrieve_generic("k") is None
    assert (one.list_generic(), other.list_generic()) == ([("generic", "k")], [])
    assert one.identity != other.identity


def test_namespaces_keep_teams_apart(bao: Bao) -> None:
    name = f"team-{bao.mount}"
    bao.server.do("POST", f"sys/namespaces/{name}")
    bao.server.mount("secret", 2, namespace=name)
    with_namespace = bao.store(namespace=f"{name}/", mount_point="secret")
    outside = bao.store(mount_point="secret")
    with_namespace.store_generic(name, "v")
    with with_namespace.exclusive(name):
        assert with_namespace.retrieve_generic(name) == "v"
    assert outside.retrieve_generic(name) is None
    assert with_namespace.identity != outside.identity
    bao.server.do("DELETE", f"sys/namespaces/{name}")


def test_hundreds_of_entries_are_listed_with_one_request_for_each_namespace(bao: Bao) -> None:
    for number in range(300):
        path = f"{bao.mount}/data/mcp-oauth-sync/oauth/server-{number}"
        bao.server.do("POST", path, {"data": {"value": "v"}})
    store = bao.store()
    store.store_generic("x" * 500, "v", namespace="long")
    store.store_generic("k", "v", namespace="y" * 500)
    wanted = {("oauth", f"server-{number}") for number in range(300)} | {("long", "x" * 500), ("y" * 500, "k")}
    listed = store.list_generic()
    assert (set(listed), len(listed)) == (wanted, 302)
    assert store.list_generic(namespace="y" * 500) == [("y" * 500, "k")]


def test_leases_are_no_entries_and_tell_no_names(bao: Bao) -> None:
    store = bao.store()
    with store.exclusive("https://mcp.example.com"), store.exclusive("https://mcp.example.com", purpose="sign-in"):
        assert store.list_generic() == []
    left = bao.server.do("LIST", f"{bao.mount}/metadata/mcp-oauth-sync/=leases")["data"]["keys"]
    assert sorted(name[32:] for name in left) == [".refresh", ".sign-in"]
    assert not any("example" in name for name in left)


# What is not there


@pytest.mark.parametrize("options", [{}, {"kv_version": 1}, {"kv_version": 2}])
@pytest.mark.parametrize("where", [{"mount_point": "nowhere"}, {"namespace": "nowhere"}])
def test_an_engine_that_is_missing_is_not_an_entry_that_is_missing(
    bao: Bao, where: dict[str, Any], options: dict[str, Any]
) -> None:
    store = bao.store(**where, **options)
    for act in (
        lambda: store.retrieve_generic("k"),
        lambda: store.store_generic("k", "v"),
        lambda: store.delete_generic("k"),
        lambda: store.list_generic(),
    ):
        with pytest.raises(StoreUnavailableError) as caught:
            act()
        assert "nowhere" in caught.value.message or "namespace" in caught.value.message
        assert caught.value.hint


def test_a_mount_point_that_is_no_kv_engine_is_refused(bao: Bao) -> None:
    for mount in ("cubbyhole", f"{bao.mount}/deeper"):
        with pytest.raises(StoreUnavailableError, match="no KV engine"):
            bao.store(mount_point=mount).retrieve_generic("k")


def test_the_wrong_version_of_an_engine_is_refused_and_nothing_is_written(bao: Bao) -> None:
    for version, mount in ((1, bao.mount), (2, bao.old_mount)):
        store = bao.store(mount_point=mount, kv_version=version)
        for act in everything(store).values():
            with pytest.raises(StoreUnavailableError, match=f"of version {3 - version}, not {version}"):
                act()
        kind = "metadata" if version == 1 else ""
        assert bao.server.send("LIST", f"{mount}/{kind}").status_code == 404


def test_the_wrong_version_is_noticed_by_who_may_not_ask_for_it(bao: Bao, front: Front) -> None:
    for version, mount in ((1, bao.mount), (2, bao.old_mount)):
        store = bao.store(url=front.url, mount_point=mount, kv_version=version)
        front.fault(f"/v1/sys/internal/ui/mounts/{mount}", reply(403, {"errors": ["1 error occurred: denied"]}))
        with pytest.raises(StoreUnavailableError, match=r"versioned|a write without a version"):
            store.store_generic("k", "v")
        with pytest.raises(StoreUnavailableError, match=r"versioned|without content"):
            store.retrieve_generic("k")


def test_the_first_entry_of_an_empty_engine_is_found_missing(bao: Bao) -> None:
    for mount in (bao.mount, bao.old_mount):
        store = bao.store(mount_point=mount)
        assert store.retrieve_generic("k") is None
        assert store.list_generic() == store.list_generic(namespace="oauth") == []


def test_an_entry_needs_a_name(bao: Bao) -> None:
    store = bao.store()
    for key, namespace in (("", "n"), ("k", "")):
        with pytest.raises(TokenStorageError):
            store.store_generic(key, "v", namespace=namespace)

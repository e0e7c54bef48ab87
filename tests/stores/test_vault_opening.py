"""How a store in a Vault is opened: arguments, settings, addresses, and what has to be there."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from mcp_oauth_sync.exceptions import StoreUnavailableError
from mcp_oauth_sync.stores.settings import StoreSettings
from mcp_oauth_sync.stores.vault.store import VaultStore

LOCAL = "http://127.0.0.1:8200"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"secret_id": "s"}, "role_id"),
        ({"role_id": "r", "login": print}, "login"),
        ({"client": object(), "token": "t"}, "client"),
        ({"client": object(), "namespace": "n"}, "client"),
        ({"kv_version": 3}, "kv_version"),
        ({"path_prefix": ""}, "path_prefix"),
        ({"path_prefix": "a/../b"}, "path_prefix"),
        ({"path_prefix": "a//b"}, "path_prefix"),
        ({"mount_point": "/"}, "mount_point"),
        ({"mount_point": "a\nb"}, "mount_point"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        VaultStore(**{**({} if "client" in options else {"url": LOCAL}), **options})


@pytest.mark.parametrize(
    "url",
    [
        "http://vault.example.com:8200",
        "http://user:pass@127.0.0.1:8200",
        "ftp://127.0.0.1",
        "vault.example.com",
        "unix:///run/vault.sock",
        "https://vault.example.com/?x=1",
        "https://vault.example.com/#x",
        "",
    ],
)
def test_an_address_that_no_token_may_be_sent_to_is_refused_at_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreUnavailableError):
        VaultStore(url=url, token="t")
    monkeypatch.setenv("VAULT_ADDR", url)
    monkeypatch.setenv("VAULT_TOKEN", "t")
    with pytest.raises(StoreUnavailableError):
        VaultStore()
    with pytest.raises(StoreUnavailableError):
        VaultStore.priority()


def test_the_address_of_a_callers_own_client_is_checked_too() -> None:
    import hvac

    with pytest.raises(StoreUnavailableError, match="not https"):
        VaultStore(client=hvac.Client(url="http://vault.example.com", token="t"))


def test_settings_are_the_arguments_with_a_prefix() -> None:
    config = {"vault_url": f"{LOCAL}/", "vault_token": "t", "vault_kv_version": "2", "vault_timeout": "2.5"}
    store = VaultStore.open(StoreSettings(config=config))
    assert store.identity == VaultStore(url=LOCAL, token="t").identity
    assert store.name == "the Vault at http://127.0.0.1:8200"
    for unknown in ("vault_colour", "url", "service_name"):
        with pytest.raises(ValueError, match=f"no setting '{unknown}'; it has vault_url"):
            VaultStore.open(StoreSettings(config={**config, unknown: "x"}))


def test_what_is_missing_is_told_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def reason() -> str:
        with pytest.raises(StoreUnavailableError) as caught:
            VaultStore.priority()
        return caught.value.message

    assert reason() == "VAULT_ADDR and VAULT_TOKEN are not set."
    monkeypatch.setenv("VAULT_ADDR", "https://vault.example.com")
    assert reason() == "VAULT_TOKEN is not set."
    monkeypatch.setenv("VAULT_TOKEN", "t")
    assert VaultStore.priority() == 90
    monkeypatch.setitem(sys.modules, "hvac", None)
    assert reason() == "The package hvac is not installed."
    with pytest.raises(StoreUnavailableError, match="hvac") as caught:
        VaultStore()
    assert "mcp-oauth-sync[vault]" in str(caught.value.hint)

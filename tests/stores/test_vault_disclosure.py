"""What a store in a Vault sends to whom, and what it shows of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hvac
import pytest

from mcp_oauth_sync.exceptions import StoreUnavailableError
from mcp_oauth_sync.stores.vault.store import VaultStore

from ..real.openbao import Bao, bao, free_port, openbao_server
from ..real.vault_front import Front, front
from ..servers import (
    Origin,
    json_reply,
    local_ca,
    redirect_to,
)
from .vault_acts import everything, refused

__all__ = ["bao", "front", "openbao_server"]
pytestmark = pytest.mark.openbao


@pytest.mark.parametrize("own_client", [False, True], ids=["our client", "their client"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed_with_the_token(bao: Bao, front: Front, status: int, own_client: bool) -> None:
    with Origin() as elsewhere:
        elsewhere.route("*", "/v1/x", lambda exchange: json_reply({"data": {}}))
        options: dict[str, Any] = {"url": front.url}
        if own_client:
            options = {"client": hvac.Client(url=front.url, token=bao.server.token)}
        store = bao.store(**options)
        store.store_generic("k", "v")
        front.fault("*", redirect_to(f"{elsewhere.url}/v1/x?token=y", status))
        for act in everything(store).values():
            failure = refused(act)
            assert type(failure) is StoreUnavailableError
            assert f"redirects to {elsewhere.url}/v1/x;" in failure.message
            assert failure.hint
        assert elsewhere.log == []


def test_a_redirect_is_not_followed_at_the_login_either(bao: Bao, front: Front) -> None:
    with Origin() as elsewhere:
        front.fault("*", redirect_to(f"{elsewhere.url}/v1/x", 307))
        for options in ({"role_id": "r", "secret_id": "s"}, {"token": "t"}):
            assert "redirects" in refused(lambda o=options: bao.store(url=front.url, **o).list_generic()).message
        assert elsewhere.log == []


def test_what_netrc_says_is_not_sent(bao: Bao, front: Front, home: Path) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login someone password something\n")
    for options in ({"url": front.url}, {"client": hvac.Client(url=front.url, token=bao.server.token)}):
        bao.store(**options).store_generic("k", "v")
    assert [exchange.headers["Authorization"] for exchange in front.log] == [None] * len(front.log)
    assert len(front.log) > 4


def test_a_certificate_of_a_private_authority_needs_its_name(
    bao: Bao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = local_ca(tmp_path)
    with Front(bao.server, ca.context) as front:
        failure = refused(lambda: bao.store(url=front.url).retrieve_generic("k"))
        assert "certificate" in failure.message
        assert "REQUESTS_CA_BUNDLE" in str(failure.hint)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca.ca_pem))
        bao.store(url=front.url).store_generic("k", "v")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
        assert "missing.pem" in refused(lambda: bao.store(url=front.url).retrieve_generic("k")).message


def test_the_proxy_of_the_environment_is_used(bao: Bao, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    assert "proxy" in refused(lambda: bao.store().retrieve_generic("k")).message
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert bao.store().retrieve_generic("k") is None


# What can be seen


def test_no_secret_is_in_what_a_store_shows_of_itself(bao: Bao) -> None:
    store = VaultStore(url=bao.server.url, token=bao.server.token, role_id="the role", secret_id="the secret id")
    store._access._login.token()
    shown = repr([vars(part) for part in (store, store._access, store._access._login, store._engine)])
    shown += repr([store, store.name, store.identity, store._access._login._means, store._access._login._pass])
    for secret in (bao.server.token, "the role", "the secret id"):
        assert secret not in shown

"""Signing in and refreshing with a Vault as the store, also while it is down."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest

from mcp_oauth_sync import NoPrompt, OAuth, TokenManager
from mcp_oauth_sync.exceptions import TokenStorageError, UnsavedTokensWarning
from mcp_oauth_sync.stores.vault.names import segment

from ..real.openbao import Bao, bao, openbao_server
from ..real.vault_front import Front, front
from ..scene import YEAR, Scene, shift_clock
from ..servers import reply

__all__ = ["bao", "front", "openbao_server"]
pytestmark = pytest.mark.openbao


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def manager(bao: Bao, front: Front) -> TokenManager:
    """Return what another host would use."""
    return TokenManager(
        backend="vault",
        vault_url=front.url,
        vault_token=bao.server.token,
        vault_mount_point=bao.mount,
        backend_config={"vault_timeout": 20.0},
    )


def grow_old(scene: Scene, kept: TokenManager) -> None:
    """End the life of the access token, by the server's clock and ours."""
    scene.az.expire_all_access_tokens()
    record = kept.load_record(scene.url)
    assert record is not None
    assert record.tokens is not None
    tokens = attrs.evolve(record.tokens, issued_at=record.tokens.issued_at - YEAR)
    kept.save_record(scene.url, attrs.evolve(record, tokens=tokens))


def test_a_sign_in_is_kept_in_the_vault_and_refreshed_from_another_host(scene: Scene, bao: Bao, front: Front) -> None:
    scene.sign_in(token_manager=manager(bao, front))
    assert bao.store().list_generic(namespace="oauth") == [("oauth", scene.url)]
    for refreshes in (1, 2):
        grow_old(scene, manager(bao, front))
        other = scene.oauth(token_manager=manager(bao, front), prompt=NoPrompt())
        assert scene.post(other).status_code == 200
        assert (scene.az.refreshes, scene.az.reuses) == (refreshes, 0)
    assert len(bao.metadata(f"oauth/{segment(scene.url)}")["versions"]) == 1


def test_signing_out_leaves_nothing_in_the_vault(scene: Scene, bao: Bao, front: Front) -> None:
    auth: OAuth = scene.sign_in(token_manager=manager(bao, front))
    auth.sign_out()
    assert manager(bao, front).load_tokens(scene.url) is None
    manager(bao, front).delete_record(scene.url)
    assert bao.store().list_generic() == []


def test_requests_go_on_while_the_vault_is_down(scene: Scene, bao: Bao, front: Front) -> None:
    auth = scene.sign_in(token_manager=manager(bao, front))
    front.stop()
    assert scene.post(auth).status_code == 200
    assert (scene.az.refreshes, scene.shown) == (0, [])
    front.start()


def test_a_token_due_for_renewal_still_serves_while_the_vault_is_down(
    scene: Scene, bao: Bao, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = scene.sign_in(token_manager=manager(bao, front))
    before = bao.store().retrieve_record(scene.url)
    front.stop()
    assert before is not None
    assert before.tokens is not None
    with monkeypatch.context() as later:
        shift_clock(later, before.tokens.seconds_left() - 5)
        auth._authorizer.held.good_until = 0.0
        assert scene.post(auth).status_code == 200
    assert (scene.az.refreshes, scene.shown) == (0, [])
    front.start()
    assert bao.store().retrieve_record(scene.url) == before


def test_a_vault_that_goes_down_during_a_refresh_loses_nobody_their_sign_in(
    scene: Scene, bao: Bao, front: Front
) -> None:
    auth = scene.sign_in(token_manager=manager(bao, front))
    scene.az.expire_all_access_tokens()
    entry = f"/v1/{bao.mount}/data/mcp-oauth-sync/oauth/{segment(scene.url)}"
    front.fault(entry, reply(503, {"errors": ["Vault is sealed"]}), method="POST")
    with pytest.warns(UnsavedTokensWarning, match="sealed"):
        assert scene.post(auth).status_code == 200
    assert scene.post(auth).status_code == 200
    assert (scene.az.refreshes, scene.az.reuses, scene.shown) == (1, 0, [])
    front.clear_faults()
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert (scene.az.refreshes, scene.az.reuses, scene.shown) == (2, 0, [])
    other = scene.oauth(token_manager=manager(bao, front), prompt=NoPrompt())
    assert scene.post(other).status_code == 200
    assert scene.az.refreshes == 2


def test_a_fresh_process_that_cannot_reach_the_vault_asks_nobody_to_sign_in(
    scene: Scene, bao: Bao, front: Front
) -> None:
    scene.sign_in(token_manager=manager(bao, front))
    front.stop()
    with pytest.raises(TokenStorageError, match="cannot be reached"):
        scene.post(scene.oauth(token_manager=manager(bao, front)))
    assert scene.shown == []
    front.start()

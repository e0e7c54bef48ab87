"""Tokens for a Vault are renewed in time, once, and not in vain."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mcp_oauth_sync.exceptions import StoreUnavailableError, TokenStorageError
from mcp_oauth_sync.stores.vault import login as vault_login
from mcp_oauth_sync.stores.vault.clock import seconds

from ..real.openbao import Bao, bao, openbao_server
from ..real.vault_front import Front, front
from ..servers import reply, reset

__all__ = ["bao", "front", "openbao_server"]
pytestmark = pytest.mark.openbao
LOOK, RENEW = "/v1/auth/token/lookup-self", "/v1/auth/token/renew-self"


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list of one number: by how many seconds it is later for tokens than it is."""
    shift = [0.0]
    monkeypatch.setattr(vault_login, "seconds", lambda: seconds() + shift[0])
    return shift


def test_a_token_is_renewed_when_a_third_of_its_time_is_left(bao: Bao, front: Front, later: list[float]) -> None:
    token = bao.server.new_token(bao.all_we_need(), period="90s")
    store = bao.store(url=front.url, token=token)
    for shift, renewals in ((0.0, 0), (50.0, 0), (65.0, 1), (100.0, 1), (130.0, 2)):
        later[0] = shift
        store.store_generic("k", str(shift))
        store.retrieve_generic("k")
        assert len(front.requests(RENEW)) == renewals
    assert len(front.requests(LOOK)) == 1


@pytest.mark.parametrize("options", [{"ttl": "90s", "renewable": False}, {"ttl": "90s", "explicit_max_ttl": "90s"}])
def test_a_token_that_gets_no_more_time_is_not_asked_about_again_and_again(
    bao: Bao, front: Front, later: list[float], options: dict[str, object]
) -> None:
    store = bao.store(url=front.url, token=bao.server.new_token(bao.all_we_need(), **options))
    store.store_generic("k", "v")
    later[0] = 70.0
    for _ in range(3):
        assert store.retrieve_generic("k") == "v"
    assert len(front.requests(RENEW)) == (1 if "explicit_max_ttl" in options else 0)


def test_a_renewal_that_fails_for_now_costs_nothing_and_is_tried_again_later(
    bao: Bao, front: Front, later: list[float]
) -> None:
    store = bao.store(url=front.url, token=bao.server.new_token(bao.all_we_need(), period="90s"))
    store.store_generic("k", "v")
    front.fault(RENEW, reset(), times=1)
    for shift, asked in ((61.0, 1), (62.0, 1), (75.0, 2)):
        later[0] = shift
        assert store.retrieve_generic("k") == "v"
        assert len(front.requests(RENEW)) == asked


def test_many_threads_renew_once(bao: Bao, front: Front, later: list[float]) -> None:
    store = bao.store(url=front.url, token=bao.server.new_token(bao.all_we_need(), period="90s"))
    store.store_generic("k", "v")
    later[0] = 70.0
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: store.retrieve_generic("k"), range(16))) == ["v"] * 16
    assert len(front.requests(RENEW)) == 1


def test_a_vault_that_cannot_be_asked_about_a_token_is_no_verdict_on_it(bao: Bao, front: Front) -> None:
    front.fault(LOOK, reply(503, {"errors": []}))
    with pytest.raises(TokenStorageError) as caught:
        bao.store(url=front.url).retrieve_generic("k")
    assert not isinstance(caught.value, StoreUnavailableError)

"""A token that ends on its way to the server is renewed; one that is refused while it is good leads to the person."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest

from mcp_oauth_sync import NoPrompt
from mcp_oauth_sync.authorizer import Attempts
from mcp_oauth_sync.exceptions import SignInRequiredError
from tests.scene import Scene
from tests.servers import Exchange, Fault, Reply


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        made.sign_in()
        yield made


def slept_on_the_way(scene: Scene, times: int) -> Fault:
    """Let so many requests with refreshed tokens arrive when the time of those is over, by both clocks."""
    left = [times]

    def before(_: object, exchange: Exchange) -> Reply | None:
        if scene.az.refreshes and left[0] and exchange.bearer == scene.access_token:
            left[0] -= 1
            scene.expire()
        return None

    scene.az.expire_all_access_tokens()
    return Fault("slept on the way", before=before)


@pytest.mark.parametrize("times", [1, 2])
def test_a_fresh_token_whose_time_was_over_when_it_arrived_is_renewed_and_nobody_is_asked(
    scene: Scene, times: int
) -> None:
    auth = scene.oauth(prompt=NoPrompt())
    scene.mcp.fault(scene.mcp.path, slept_on_the_way(scene, times))
    assert scene.post(auth).status_code == 200
    assert (scene.az.refreshes, scene.az.reuses) == (times + 1, 0)


def test_a_request_whose_tokens_never_arrive_in_time_ends_with_the_servers_answer(scene: Scene) -> None:
    auth = scene.oauth(prompt=NoPrompt())
    scene.mcp.fault(scene.mcp.path, slept_on_the_way(scene, 99))
    assert scene.post(auth).status_code == 401
    assert (scene.az.refreshes, scene.az.reuses) == (3, 0)


@pytest.mark.parametrize("lifetime", [3600, 0.5, 0, None])
def test_a_server_that_refuses_fresh_tokens_is_given_one_and_then_the_person_is_needed(
    scene: Scene, lifetime: float | None
) -> None:
    scene.az.access_ttl = lifetime
    scene.mcp.reject_all_tokens = True
    with pytest.raises(SignInRequiredError):
        scene.post(scene.oauth(prompt=NoPrompt()))
    assert scene.az.refreshes == 1


def test_what_somebody_else_got_meanwhile_is_taken_and_nothing_is_renewed_for_it(scene: Scene) -> None:
    auth = scene.oauth(prompt=NoPrompt())
    assert scene.post(auth).status_code == 200
    scene.az.expire_all_access_tokens()
    held = auth._authorizer.held
    seen: list[str] = []

    def before(_: object, exchange: Exchange) -> Reply | None:
        if scene.az.refreshes == 1 and not seen:
            seen.append(scene.access_token)
            scene.expire()
            assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
        return None

    scene.mcp.fault(scene.mcp.path, Fault("overtaken", before=before))
    assert scene.post(auth).status_code == 200
    assert (scene.az.refreshes, scene.az.reuses) == (2, 0)
    assert held.tokens == scene.record().tokens


@pytest.mark.parametrize(
    ("expires_in", "age", "helps"),
    [
        (3600, 0, (False, False)),
        (3600, 2, (True, False)),
        (60, 100, (True, True)),
        (1, 100, (True, True)),
        (0, 0, (False, False)),
        (None, 100, (False, False)),
    ],
    ids=["at once", "late", "too late", "a short life", "no life", "a life of unknown length"],
)
def test_a_fresh_token_that_is_refused_is_renewed_where_it_may_have_ended_on_its_way(
    scene: Scene, expires_in: float | None, age: float, helps: tuple[bool, bool]
) -> None:
    auth = scene.oauth(prompt=NoPrompt())
    assert scene.post(auth).status_code == 200
    tokens = scene.record().tokens
    assert tokens is not None
    scene.change_record(tokens=attrs.evolve(tokens, expires_in=expires_in, issued_at=tokens.issued_at - age))
    held, attempts = auth._authorizer.held, Attempts()
    rejected = held.header
    assert attempts.may_refresh(held, rejected)
    attempts.refreshed = True
    assert (attempts.may_refresh(held, rejected), attempts.may_refresh(held, rejected)) == helps


def test_who_has_signed_out_meanwhile_has_nothing_to_renew(scene: Scene) -> None:
    auth = scene.oauth(prompt=NoPrompt())
    assert scene.post(auth).status_code == 200
    held, attempts = auth._authorizer.held, Attempts()
    rejected, attempts.refreshed = held.header, True
    scene.manager.delete_tokens(scene.url)
    assert not attempts.may_refresh(held, rejected)

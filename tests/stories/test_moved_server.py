"""The MCP server moves to another authorization server: nothing of the old one ever reaches the new one."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote_plus

import pytest

from mcp_oauth_sync.exceptions import RegistrationError
from tests.scene import Scene, stored
from tests.servers import AuthorizationServer


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        made.az.auth_methods = ("client_secret_post",)
        yield made


@pytest.fixture
def new() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as made:
        yield made
        assert made.violations == []


def heard(server: AuthorizationServer) -> str:
    """Return everything that ever reached a server."""
    return "\n".join(unquote_plus(f"{sent.target} {sent.headers} {sent.body.decode('latin-1')}") for sent in server.log)


def assert_nothing_old(scene: Scene, new: AuthorizationServer) -> None:
    old = [*scene.az.secrets, *scene.az.clients]
    assert old
    assert [value for value in old if value in heard(new)] == []


def test_a_moved_server_leads_to_a_new_registration_and_one_sign_in(scene: Scene, new: AuthorizationServer) -> None:
    auth = scene.sign_in()
    scene.mcp.authorization_server = new
    response = scene.post(auth)
    assert response.status_code == 200
    assert (len(scene.shown), new.registrations) == (1, 1)
    assert scene.shown[0].startswith(new.endpoint("authorize"))
    assert_nothing_old(scene, new)
    assert scene.record().issuer == new.issuer
    scene.az.clear()
    new.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert auth.sign_out()
    assert scene.az.log == []  # from now on the new one renews and revokes
    assert_nothing_old(scene, new)


def test_a_client_of_the_callers_own_is_not_used_at_the_new_server(scene: Scene, new: AuthorizationServer) -> None:
    scene.az.add_client("the-app", "very secret")
    options = {"client_id": "the-app", "client_secret": "very secret"}
    auth = scene.sign_in(**options)
    new.add_client("the-app")  # even where somebody registered the same name
    scene.mcp.authorization_server = new
    for again in (auth, scene.oauth(**options), scene.oauth(**options, issuer=scene.az.issuer)):
        with pytest.raises(RegistrationError, match="belongs to") as caught:
            scene.post(again)
        assert "issuer=" in (caught.value.hint or "")
    assert (scene.shown, new.registrations) == ([], 0)
    assert all(".well-known" in sent.path for sent in new.log)
    assert_nothing_old(scene, new)


def test_of_several_authorization_servers_the_one_that_knows_us_is_taken(
    scene: Scene, new: AuthorizationServer
) -> None:
    auth = scene.sign_in()
    scene.mcp.authorization_servers = [new.issuer, scene.az.issuer]
    auth.sign_out()
    assert scene.post(auth).status_code == 200
    assert new.log == []
    assert scene.az.registrations == 1


def test_two_servers_with_one_store_get_tokens_of_their_own(scene: Scene) -> None:
    with Scene() as other:
        scene.sign_in()
        other.sign_in()
        for one in (scene, other):
            assert one.post(one.oauth()).status_code == 200
            assert [token in one.az.ledger.access for token in one.mcp.tokens_seen if token] == [True, True]


def test_a_second_server_of_a_known_authorization_server_has_a_sign_in_of_its_own(scene: Scene) -> None:
    scene.sign_in()
    before = stored()
    with Scene() as other:
        other.mcp.authorization_server = scene.az
        assert other.post(other.oauth()).status_code == 200
        assert other.access_token != scene.access_token
    assert {name: value for name, value in stored().items() if name in before} == before

"""The next day: another process, an expired token, and nobody has to sign in again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_oauth_sync import NoPrompt
from mcp_oauth_sync.exceptions import MetadataMismatchError, SignInRequiredError
from tests.scene import YEAR, Scene, paths
from tests.servers import AuthorizationServer

from .fleet import Fleet


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene(paths={"token": "/oauth2/api/v1/token"}) as made:
        yield made


def test_a_new_process_refreshes_at_the_stored_endpoint_and_fetches_no_metadata(scene: Scene) -> None:
    scene.sign_in()
    scene.expire()
    with Fleet(scene.url, 1) as fleet:
        fleet.tell(1)
        assert [answer.got for answer in fleet.answers()] == [[200]]
    assert paths(scene.az.log) == ["POST /oauth2/api/v1/token 200"]
    assert paths(scene.mcp.log) == ["POST /mcp 200"]


def test_a_token_refused_before_its_time_is_refreshed_once_and_the_request_repeated_once(scene: Scene) -> None:
    auth = scene.sign_in()
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert paths(scene.az.log) == ["POST /oauth2/api/v1/token 200"]
    assert paths(scene.mcp.log) == ["POST /mcp 401", "POST /mcp 200"]
    assert scene.shown == []


def test_a_confidential_client_refreshes_with_its_secret_the_next_day(scene: Scene) -> None:
    scene.az.auth_methods = ("client_secret_basic",)
    scene.sign_in()
    scene.expire()
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    assert paths(scene.az.log) == ["POST /oauth2/api/v1/token 200"]


def test_a_token_for_a_year_without_a_refresh_token_is_kept_and_used(scene: Scene) -> None:
    scene.az.issue_refresh, scene.az.access_ttl = False, YEAR
    scene.sign_in()
    scene.age(YEAR / 2)
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    assert scene.az.log == []


def test_without_a_refresh_token_an_expired_token_leads_to_one_sign_in(scene: Scene) -> None:
    scene.az.issue_refresh = False
    scene.sign_in()
    scene.expire()
    with pytest.raises(SignInRequiredError):
        scene.post(scene.oauth(prompt=NoPrompt()))
    assert scene.post(scene.oauth()).status_code == 200
    assert (len(scene.shown), scene.az.registrations) == (1, 1)


def test_an_endpoint_that_has_to_be_found_again_must_be_of_the_issuer_that_is_stored(scene: Scene) -> None:
    scene.sign_in()
    scene.change_record(token_endpoint=None)
    client = scene.client(record=scene.record())
    assert client.refresh_token().access_token != scene.access_token
    scene.forget_log()
    with AuthorizationServer() as other:
        scene.mcp.authorization_server = other
        client = scene.client(record=scene.record())
        with pytest.raises(MetadataMismatchError) as caught:
            client.refresh_token()
        assert (caught.value.expected, caught.value.received) == (scene.az.issuer, other.issuer)
        assert paths(other.log) == ["GET /.well-known/oauth-authorization-server 200"]
        assert other.violations == []


def test_no_endpoint_is_guessed_for_a_sign_in_that_names_none(scene: Scene) -> None:
    scene.sign_in()
    scene.change_record(token_endpoint=None)
    scene.expire()
    with pytest.raises(SignInRequiredError):
        scene.post(scene.oauth(prompt=NoPrompt()))
    assert scene.az.log == []
    assert paths(scene.mcp.log) == ["POST /mcp 401"]

"""Signing out: gone here whatever the server says, and revoked there, the refresh token first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mcp_oauth_sync import NoPrompt
from mcp_oauth_sync.exceptions import SignInRequiredError
from tests.scene import Scene, stored
from tests.servers import ABSENT, html, reply, reset


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def test_the_refresh_token_is_revoked_first_and_then_the_access_token(scene: Scene) -> None:
    auth = scene.sign_in()
    tokens = auth.tokens
    assert tokens is not None
    assert auth.sign_out() is True
    sent = [(x.param("token_type_hint"), x.param("token")) for x in scene.asked("/revoke")]
    assert sent == [("refresh_token", tokens.refresh_token), ("access_token", tokens.access_token)]
    assert not scene.az.is_active(tokens.access_token)
    assert auth.tokens is None
    with pytest.raises(SignInRequiredError):
        scene.post(scene.oauth(prompt=NoPrompt()))


def test_the_registration_stays_and_is_used_again(scene: Scene) -> None:
    auth = scene.sign_in()
    auth.sign_out()
    assert scene.record().tokens is None
    assert scene.post(auth).status_code == 200
    assert scene.az.registrations == 1


def test_forgetting_leaves_nothing_of_the_server(scene: Scene) -> None:
    auth = scene.sign_in(name="notes")
    assert auth.sign_out(forget=True) is True
    assert scene.manager.load_record("notes") is None
    assert scene.oauth().name == scene.url  # no link either
    assert [name for name in stored() if "notes" in name] == []


@pytest.mark.parametrize("fault", [reply(503), html(200), html(500), reset()], ids=["503", "page", "500", "reset"])
def test_a_server_that_does_not_revoke_keeps_nothing_here(scene: Scene, fault: Any) -> None:
    auth = scene.sign_in()
    scene.az.fault("/revoke", fault)
    confirmed = fault.name == "html 200"  # any 200 is a yes (RFC 7009 section 2.2)
    assert auth.sign_out() is confirmed
    assert len(scene.asked("/revoke")) == 2  # one that fails does not spare the other
    assert (auth.tokens, scene.record().tokens) == (None, None)


@pytest.mark.parametrize("endpoint", [ABSENT, "http://as.example.com/revoke"], ids=["none", "not https"])
def test_a_server_without_a_usable_revocation_endpoint_confirms_nothing(scene: Scene, endpoint: Any) -> None:
    scene.az.metadata_overrides = {"revocation_endpoint": endpoint}
    auth = scene.sign_in()
    assert auth.sign_out() is False
    assert (auth.tokens, scene.az.log) == (None, [])


def test_signing_out_twice_is_fine_and_asks_nobody(scene: Scene) -> None:
    auth = scene.sign_in()
    auth.sign_out()
    scene.forget_log()
    assert auth.sign_out() is False
    assert (scene.az.log, scene.mcp.log) == ([], [])


def test_another_process_notices_that_it_is_signed_out(scene: Scene) -> None:
    one, other = scene.sign_in(), scene.oauth(prompt=NoPrompt())
    assert scene.post(other).status_code == 200
    one.sign_out()
    with pytest.raises(SignInRequiredError):
        scene.post(other)

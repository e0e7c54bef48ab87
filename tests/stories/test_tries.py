"""Sign-ins that people decline, forget or break off take one registration, not one each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from mcp_oauth_sync import CallbackPrompt, ClientRegistration, MCPOAuthClient
from mcp_oauth_sync.exceptions import (
    AccessDeniedError,
    AuthorizationTimeoutError,
    InvalidRedirectError,
    TokenExchangeError,
    TokenStorageError,
)
from tests.scene import Scene, stored
from tests.servers import reply


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def kept(scene: Scene) -> list[str]:
    """Return the names for which a registration is kept without tokens."""
    return [key for _, key in scene.manager.store.list_generic(namespace="unfinished")]


def test_ten_sign_ins_that_are_declined_take_one_registration(scene: Scene) -> None:
    scene.az.decision = "deny"
    for _ in range(10):
        with pytest.raises(AccessDeniedError):
            scene.oauth().sign_in()
    assert scene.az.registrations == 1
    scene.az.decision = "allow"
    assert scene.oauth().sign_in()
    assert scene.az.registrations == 1
    assert kept(scene) == []


def test_sign_ins_that_nobody_finishes_take_one_registration(scene: Scene) -> None:
    for _ in range(3):
        with pytest.raises(AuthorizationTimeoutError):
            scene.oauth(prompt=CallbackPrompt(lambda _: None), sign_in_timeout=0.05).sign_in()
    assert (scene.az.registrations, kept(scene)) == (1, [scene.url])
    assert scene.manager.names() == []
    assert scene.oauth().sign_in()
    assert (scene.az.registrations, kept(scene)) == (1, [])
    registration = scene.record().registration
    assert registration is not None
    assert registration.client_id in scene.az.clients


def test_one_client_object_registers_once_too(scene: Scene) -> None:
    client = MCPOAuthClient(scene.url, prompt=scene.prompt)
    scene.az.decision = "deny"
    for _ in range(2):
        with pytest.raises(AccessDeniedError):
            client.authorize()
    assert (scene.az.registrations, stored()) == (1, {})


def test_sign_ins_in_two_steps_that_are_never_finished_take_one_registration(scene: Scene) -> None:
    for _ in range(5):
        started = scene.oauth().start_sign_in()
    assert (scene.az.registrations, kept(scene)) == (1, [scene.url])
    redirect = scene.person.redirect_only(started.url)
    assert redirect is not None
    assert scene.oauth().finish_sign_in(redirect)
    assert (scene.az.registrations, kept(scene)) == (1, [])


def test_a_registration_that_the_server_has_forgotten_meanwhile_is_made_anew(scene: Scene) -> None:
    scene.az.decision = "deny"
    with pytest.raises(AccessDeniedError):
        scene.oauth().sign_in()
    scene.az.forget_clients()
    scene.az.decision = "allow"
    assert scene.oauth().sign_in()
    assert (scene.az.registrations, kept(scene)) == (2, [])


def test_an_answer_that_is_refused_leaves_the_store_as_it_was(scene: Scene) -> None:
    scene.az.iss_mode = "wrong"
    with pytest.raises(InvalidRedirectError):
        scene.oauth().sign_in()
    assert kept(scene) == []
    scene.az.iss_mode = "correct"
    scene.az.fault("/token", reply(400), times=1)
    with pytest.raises(TokenExchangeError):
        scene.oauth().sign_in()
    assert kept(scene) == []


def test_a_client_of_the_callers_own_is_not_kept(scene: Scene) -> None:
    scene.manager.unfinished.save("notes", ClientRegistration(client_id="by hand"))
    scene.manager.unfinished.save("notes", None)
    assert kept(scene) == []


def test_removing_a_sign_in_removes_what_was_kept_for_its_next_try(scene: Scene) -> None:
    scene.az.decision = "deny"
    with pytest.raises(AccessDeniedError):
        scene.oauth(name="notes").sign_in()
    assert kept(scene) == ["notes"]
    assert scene.manager.delete_record("notes") is True
    assert kept(scene) == []


def test_what_cannot_be_kept_or_read_costs_a_registration_and_nothing_else(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.az.decision = "deny"

    store, names = type(scene.manager.store), ("store_generic", "retrieve_generic")
    true = {name: getattr(store, name) for name in names}

    def breaking(name: str) -> Any:
        def call(self: object, *words: Any, namespace: str) -> Any:
            if namespace == "unfinished":
                raise TokenStorageError("The store is away.")
            return true[name](self, *words, namespace=namespace)

        return call

    for name in names:
        with monkeypatch.context() as patch:
            patch.setattr(store, name, breaking(name))
            with pytest.raises(AccessDeniedError):
                scene.oauth().sign_in()
    assert scene.az.registrations == 2


def test_what_a_sign_in_is_registered_as_counts_before_what_was_left_of_a_try(scene: Scene) -> None:
    auth = scene.sign_in()
    auth.sign_out()
    record = scene.record()
    assert record.registration is not None
    scene.manager.unfinished.save(scene.url, attrs.evolve(record.registration, client_id="another"))
    assert auth.sign_in()
    assert scene.record().registration == record.registration

"""Whether a sign-in is bound to a key: what servers offer, what the caller wants, what is installed, how it is made."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any

import attrs
import jwt
import pytest

from mcp_oauth_sync import (
    ClientCredentialsGrant,
    ClientKey,
    Grant,
    GrantContext,
    JWTBearerGrant,
    NoPrompt,
    OAuthConfig,
    OAuthFlow,
    Obtained,
)
from mcp_oauth_sync.exceptions import AuthorizationError, SignInRequiredError
from tests.scene import Scene, paths
from tests.servers import Workload
from tests.servers.keys import private_pem, public_pem


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def test_nothing_is_bound_where_only_one_of_the_two_servers_offers_it(scene: Scene) -> None:
    scene.az.dpop.offered = True
    scene.sign_in()
    assert scene.record().dpop_key is None
    assert scene.az.dpop.keys == []
    scene.az.dpop.offered, scene.mcp.binding.offered = False, True
    scene.oauth().sign_in()
    assert scene.record().dpop_key is None


def test_the_metadata_of_the_resource_is_offer_enough(scene: Scene) -> None:
    scene.offer_binding()
    scene.mcp.binding.in_challenge = False
    scene.sign_in()
    assert scene.record().dpop_key is not None


def test_a_caller_who_does_not_want_it_gets_bearer_tokens(scene: Scene) -> None:
    scene.offer_binding()
    auth = scene.sign_in(dpop=False)
    assert scene.record().dpop_key is None
    assert scene.mcp.binding.keys == []
    scene.mcp.binding.only = True
    assert scene.post(auth).status_code == 401
    assert scene.az.dpop.keys == []


def test_a_caller_who_insists_gets_bound_tokens_though_the_resource_does_not_offer_them_aloud(scene: Scene) -> None:
    scene.offer_binding()
    scene.mcp.binding.in_challenge = scene.mcp.binding.in_metadata = False
    scene.sign_in(dpop=True)
    assert scene.record().dpop_key is not None


def test_a_caller_who_insists_does_not_use_what_is_stored_unbound_and_loses_nothing_of_it(scene: Scene) -> None:
    scene.sign_in()
    before = scene.record()
    scene.offer_binding()
    with pytest.raises(SignInRequiredError) as caught:
        scene.post(scene.oauth(prompt=NoPrompt(), dpop=True))
    assert str(caught.value.hint).endswith("--dpop")
    assert scene.record() == before
    assert paths(scene.asked("/token")) == []
    assert scene.post(scene.oauth(dpop=True)).status_code == 200
    assert scene.record().dpop_key is not None
    scene.forget_log()
    assert scene.post(scene.oauth(prompt=NoPrompt(), dpop=True)).status_code == 200
    scene.expire()
    assert scene.post(scene.oauth(prompt=NoPrompt(), dpop=True)).status_code == 200
    assert scene.az.refreshes == 1


def test_a_refresh_that_brings_a_bearer_token_is_not_repeated_where_the_caller_insists(scene: Scene) -> None:
    scene.offer_binding()
    scene.az.rotate = False
    scene.sign_in(dpop=True)
    scene.az.dpop.binds_access = False
    scene.expire()
    before = scene.record()
    assert scene.post(scene.oauth(prompt=NoPrompt(), dpop=False)).status_code == 200  # others may take it
    scene.change_record(tokens=before.tokens)
    scene.forget_log()
    with pytest.raises(SignInRequiredError):
        scene.post(scene.oauth(prompt=NoPrompt(), dpop=True))
    assert paths(scene.asked("/token")) == ["POST /token 200"] * 2, "early, and when the server had said 401"
    assert scene.record() == before


def test_without_the_extra_tokens_are_bearer_tokens_where_these_will_do(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.offer_binding()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "jwt", None)
        scene.sign_in()
    assert scene.record().dpop_key is None


def test_without_the_extra_nobody_is_asked_in_vain(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.offer_binding(only=True)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "jwt", None)
        with pytest.raises(AuthorizationError, match="takes only tokens that are bound to a key") as caught:
            scene.post(scene.oauth())
    assert caught.value.hint == "Run: pip install 'mcp-oauth-sync[jwt]'"
    assert scene.shown == []
    assert scene.post(scene.oauth()).status_code == 200


def test_a_bound_sign_in_waits_for_the_extra_and_is_kept(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.offer_binding()
    scene.sign_in()
    scene.expire()
    before = scene.record()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "jwt", None)
        with pytest.raises(AuthorizationError, match="needs a proof") as caught:
            scene.post(scene.oauth())
    assert caught.value.hint == "Run: pip install 'mcp-oauth-sync[jwt]'"
    assert scene.record() == before
    assert scene.shown == []
    assert scene.post(scene.oauth()).status_code == 200


def test_a_sign_in_in_two_steps_is_bound_to_the_key_it_was_started_with(scene: Scene) -> None:
    scene.offer_binding(only=True, nonces=True)
    started = scene.oauth(prompt=NoPrompt()).start_sign_in()
    redirect = scene.person.redirect_only(started.url)
    later = scene.oauth(prompt=NoPrompt())
    assert later.finish_sign_in(str(redirect)).bound
    assert scene.post(later).status_code == 200
    scene.expire()
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    assert len({*scene.az.dpop.keys, *scene.mcp.binding.keys}) == 1


def test_what_was_started_and_may_be_bound_keeps_its_key_for_the_refresh_token(scene: Scene) -> None:
    scene.offer_binding()
    scene.az.dpop.binds_access = False
    started = scene.oauth(prompt=NoPrompt()).start_sign_in()
    later = scene.oauth(prompt=NoPrompt())
    assert not later.finish_sign_in(str(scene.person.redirect_only(started.url))).bound
    scene.expire()
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200


def test_an_assertion_is_made_anew_beside_each_proof(scene: Scene) -> None:
    scene.offer_binding(nonces=True)
    kinds = ["authorization_code", "refresh_token"]
    scene.az.machines.add_client("app", public_key=public_pem(), grant_types=kinds)
    key = ClientKey(private_pem())
    auth = scene.oauth(client_id="app", client_key=key)
    assert scene.post(auth).status_code == 200
    assert paths(scene.asked("/token")) == ["POST /token 400", "POST /token 200"]
    names = {
        jwt.decode(exchange.form["client_assertion"][0], options={"verify_signature": False})["jti"]
        for exchange in scene.asked("/token")
    }
    assert len(names) == 2
    scene.expire()
    assert scene.post(scene.oauth(prompt=NoPrompt(), client_id="app", client_key=key)).status_code == 200


class Machine(Grant):
    """A grant without a person, as a caller may write one."""

    name = "machine"
    interactive = False
    grant_types = ("client_credentials",)

    def obtain(self, context: GrantContext) -> Obtained:
        return context.request_tokens(context.identify(None), {"grant_type": "client_credentials"}, what="the secret")


@pytest.mark.parametrize("kind", ["client credentials", "a workload's assertion", "a grant of the caller's own"])
def test_a_machines_tokens_are_bound_to_one_key_however_often_they_are_obtained(scene: Scene, kind: str) -> None:
    scene.offer_binding(only=True, nonces=True)
    options: dict[str, Any] = {"prompt": NoPrompt()}
    if kind == "a workload's assertion":
        workload = Workload()
        workload.trust(scene.az)
        options["grant"] = JWTBearerGrant(workload.assertion)
    else:
        options |= {"client_id": "machine", "client_secret": scene.az.ledger.new("secret")}
        options["grant"] = ClientCredentialsGrant() if kind == "client credentials" else Machine()
        scene.az.machines.add_client("machine", options["client_secret"])
        scene.az.auth_methods = ("client_secret_basic",)
    auth = scene.oauth(**options)
    assert scene.post(auth).status_code == 200
    for _ in range(2):
        scene.az.expire_all_access_tokens()
        record = scene.record(auth.name)
        assert record.tokens is not None
        old = attrs.evolve(record.tokens, issued_at=record.tokens.issued_at - 1e7)
        scene.manager.save_record(auth.name, attrs.evolve(record, tokens=old))
        assert scene.post(scene.oauth(**options)).status_code == 200
    assert scene.az.machines.tokens == 3
    assert len({*scene.az.dpop.keys, *scene.mcp.binding.keys}) == 1
    assert scene.shown == []


def test_another_door_refreshes_a_bound_sign_in_with_its_key(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.offer_binding()
    scene.az.resource_required = False
    scene.sign_in()
    record = scene.record()
    config = OAuthConfig(
        scene.az.endpoint("authorize"), scene.az.endpoint("token"), client_id=record.registration.client_id
    )
    caplog.set_level(logging.DEBUG)
    assert OAuthFlow(config, record=record).refresh_token().bound
    assert scene.az.refreshes == 1

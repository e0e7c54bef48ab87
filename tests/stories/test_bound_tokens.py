"""Tokens bound to a key from the first call on: later processes, expiry, nonces, step-up, threads, machines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import pytest
import requests

from mcp_oauth_sync import NoPrompt
from mcp_oauth_sync.exceptions import AuthorizationError, InsecureURLError, SignInRequiredError, TokenRefreshError
from tests.scene import PING, WRITE, Scene, paths
from tests.servers import reply

from .fleet import Fleet

MANY = 50


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        made.offer_binding()
        yield made


@pytest.fixture
def strict() -> Iterator[Scene]:
    """Both servers want nonces, and the MCP server takes no bearer tokens."""
    with Scene() as made:
        made.offer_binding(only=True, nonces=True)
        yield made


def keys(scene: Scene) -> list[str]:
    """Return the thumbprints of the keys that proofs were made with, each once, in order."""
    return list(dict.fromkeys([*scene.az.dpop.keys, *scene.mcp.binding.keys]))


def test_a_first_call_ends_with_tokens_bound_to_a_key_that_is_kept_with_them(scene: Scene) -> None:
    auth = scene.oauth()
    assert scene.post(auth).status_code == 200
    record = scene.record()
    assert auth.tokens is not None
    assert auth.tokens.bound
    assert str(record.dpop_key).startswith("-----BEGIN PRIVATE KEY-----")
    assert record.to_record()["schema"] == 2
    (key,) = keys(scene)
    assert scene.az.dpop.access == {scene.access_token: key}
    assert set(scene.az.dpop.refresh.values()) == {key}
    assert [exchange.query["dpop_jkt"] for exchange in scene.asked("/authorize")] == [[key]]
    assert paths(scene.mcp.requests("/mcp")) == ["POST /mcp 401", "POST /mcp 200"]


def test_nonces_cost_one_repetition_each_and_neither_a_code_nor_a_question(strict: Scene) -> None:
    auth = strict.oauth()
    answer = strict.post(auth)
    assert [earlier.status_code for earlier in answer.history] == [401, 401]
    assert paths(strict.asked("/token")) == ["POST /token 400", "POST /token 200"]
    first, second = strict.asked("/token")
    assert first.form == second.form
    assert (len(strict.shown), strict.az.exchanges, strict.az.code_reuses) == (1, 1, 0)
    strict.forget_log()
    assert strict.post(auth).status_code == 200
    assert paths(strict.mcp.log) == ["POST /mcp 200"], "the nonce is known now"


def test_a_later_process_uses_the_key_and_asks_nobody(strict: Scene) -> None:
    strict.sign_in()
    auth = strict.oauth(prompt=NoPrompt())
    assert strict.post(auth).status_code == 200
    assert paths(strict.mcp.log) == ["POST /mcp 401", "POST /mcp 200"], "the nonce is the server's to give"
    assert strict.az.log == []
    assert len(keys(strict)) == 1


def test_a_refresh_is_made_with_the_same_key_and_so_is_the_next_one(strict: Scene) -> None:
    strict.sign_in()
    for _ in range(2):
        strict.expire()
        assert strict.post(strict.oauth(prompt=NoPrompt())).status_code == 200
    assert (strict.az.refreshes, strict.az.reuses) == (2, 0)
    assert set(strict.az.dpop.access.values()) == set(keys(strict))
    assert len(keys(strict)) == 1


def test_a_token_refused_before_its_time_is_refreshed_with_the_nonce_that_came_with_the_refusal(strict: Scene) -> None:
    auth = strict.sign_in()
    strict.az.expire_all_access_tokens()
    strict.mcp.binding.forget_nonces()
    answer = strict.post(auth)
    assert answer.status_code == 200
    assert [earlier.status_code for earlier in answer.history] == [401, 401]
    assert (strict.az.refreshes, strict.shown) == (1, [])


def test_a_nonce_that_has_run_out_is_no_reason_to_refresh_or_to_ask_anybody(strict: Scene) -> None:
    auth = strict.sign_in()
    strict.mcp.binding.forget_nonces()
    answer = strict.post(auth)
    assert answer.status_code == 200
    assert paths(strict.mcp.log) == ["POST /mcp 401", "POST /mcp 200"]
    assert strict.az.log == []
    first, second = strict.mcp.log
    assert (first.body, first.headers["Authorization"]) == (second.body, second.headers["Authorization"])


def test_nonces_that_change_with_every_answer_cost_nothing_more(strict: Scene) -> None:
    strict.az.dpop.gives_nonces = strict.mcp.binding.gives_nonces = True
    auth = strict.oauth()
    answer = strict.post(auth)
    assert [earlier.status_code for earlier in answer.history] == [401], "the first refusal gave one already"
    for _ in range(7):
        assert strict.post(auth).history == []
    used = [claims["nonce"] for claims in strict.mcp.binding.proofs]
    assert len(set(used)) == len(used) == 8, "the newest one, each time"


def test_a_step_up_is_bound_to_a_new_key_and_the_old_one_is_not_used_any_more(strict: Scene) -> None:
    strict.mcp.scope_for = {"write_note": "notes:write"}
    auth = strict.sign_in(scopes=["notes:read"])
    (old,) = keys(strict)
    assert strict.post(auth, WRITE).status_code == 200
    _, new = keys(strict)
    assert strict.az.dpop.access[strict.access_token] == new != old
    assert len(strict.shown) == 1
    strict.forget_log()
    assert strict.post(auth, WRITE).history == []


def test_a_step_up_stays_bound_where_the_challenge_speaks_of_bearer_tokens_only(scene: Scene) -> None:
    scene.mcp.scope_for = {"write_note": "notes:write"}
    auth = scene.sign_in(scopes=["notes:read"])
    scene.mcp.binding.in_challenge = scene.mcp.binding.in_metadata = False
    assert scene.post(auth, WRITE).status_code == 200
    assert len(scene.shown) == 1
    assert scene.record().dpop_key is not None


def test_a_server_that_takes_no_bound_tokens_any_more_gets_bearer_tokens(scene: Scene) -> None:
    auth = scene.sign_in()
    scene.mcp.binding.offered = False
    scene.mcp.violations = Forgiving()
    assert scene.post(auth).status_code == 200
    assert scene.record().dpop_key is None
    assert scene.mcp.requests("/mcp")[-1].headers["Authorization"].startswith("Bearer ")
    assert scene.mcp.requests("/mcp")[-1].headers["DPoP"] is None


class Forgiving(list[str]):
    """Notes nothing: the server has changed its mind, and nobody could know."""

    def append(self, _: str) -> None:
        """Forget it."""


def test_fifty_threads_refresh_once_with_one_key(strict: Scene) -> None:
    strict.sign_in()
    strict.expire()
    auth = strict.oauth(prompt=NoPrompt())
    barrier = threading.Barrier(MANY, timeout=60)

    def call(_: int) -> int:
        barrier.wait()
        return strict.post(auth, timeout=60).status_code

    with ThreadPoolExecutor(MANY) as pool:
        assert list(pool.map(call, range(MANY))) == [200] * MANY
    assert (strict.az.refreshes, strict.az.reuses, strict.shown) == (1, 0, [])
    assert len(keys(strict)) == 1


def test_two_processes_refresh_once_with_one_key(strict: Scene) -> None:
    strict.sign_in()
    strict.expire()
    with Fleet(strict.url, 2) as fleet:
        fleet.tell(4, calls=2)
        assert [answer.got for answer in fleet.answers()] == [[200] * 8] * 2
    assert (strict.az.refreshes, strict.az.reuses) == (1, 0)
    assert len(keys(strict)) == 1


def test_tokens_and_key_of_whoever_signed_in_anew_are_adopted_together(strict: Scene) -> None:
    """Threads call while another program signs in again and again: a proof by another key would be noted."""
    auth, other = strict.sign_in(), strict.oauth()
    done = threading.Event()

    def call(_: int) -> set[int]:
        got = set()
        while not done.is_set():
            got.add(strict.post(auth, timeout=30).status_code)
        return got

    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(call, number) for number in range(4)]
        try:
            for _ in range(6):
                strict.az.expire_all_access_tokens()
                other.sign_in()
                assert strict.post(auth).status_code == 200
        finally:
            done.set()
        assert {status for each in calls for status in each.result(60)} == {200}
    assert len(keys(strict)) >= 7


def test_a_record_from_before_goes_on_as_a_bearer_token_until_the_server_takes_none(scene: Scene) -> None:
    scene.az.dpop.offered = scene.mcp.binding.offered = False
    auth = scene.sign_in()
    assert scene.record().to_record()["schema"] == 1
    scene.offer_binding()
    scene.expire()
    assert scene.post(auth).status_code == 200
    assert (scene.az.refreshes, keys(scene), scene.record().to_record()["schema"]) == (1, [], 1)
    scene.mcp.binding.only = True
    assert scene.post(auth).status_code == 200
    assert len(scene.shown) == 1
    assert scene.record().dpop_key is not None


def test_a_server_may_bind_the_refresh_token_alone(scene: Scene) -> None:
    scene.az.dpop.binds_access = False
    auth = scene.sign_in()
    assert auth.tokens is not None
    assert not auth.tokens.bound
    assert scene.mcp.binding.keys == []
    scene.expire()
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    assert (scene.az.refreshes, len(keys(scene))) == (1, 1)
    assert scene.mcp.requests("/mcp")[-1].headers["DPoP"] is None


def test_where_nothing_is_bound_no_key_is_kept(scene: Scene) -> None:
    scene.az.dpop.binds_access = scene.az.issue_refresh = False
    scene.sign_in()
    assert scene.record().dpop_key is None


def test_signing_out_revokes_without_a_proof_and_removes_the_key(scene: Scene) -> None:
    auth = scene.sign_in()
    assert auth.sign_out()
    assert scene.az.revocations == 2
    assert scene.record().dpop_key is None
    assert scene.record().registration is not None


def test_tokens_that_are_dead_for_good_take_their_key_along(scene: Scene) -> None:
    scene.sign_in()
    scene.az.revoke_family(scene.access_token)
    with pytest.raises(SignInRequiredError):
        scene.post(scene.oauth(prompt=NoPrompt()))
    assert (scene.record().tokens, scene.record().dpop_key) == (None, None)
    assert scene.record().registration is not None


def test_the_handler_signs_each_request_and_its_repetition(strict: Scene) -> None:
    handler = strict.handler()
    for _ in range(2):
        assert handler.authenticated_request("notes", strict.url, strict.url, "POST", json=PING).status_code == 200
    strict.az.expire_all_access_tokens()
    strict.mcp.binding.forget_nonces()
    answer = handler.authenticated_request("notes", strict.url, strict.url, "POST", json=PING)
    assert [earlier.status_code for earlier in answer.history] == [401, 401]
    assert (strict.az.refreshes, len(strict.shown), len(keys(strict))) == (1, 1, 1)


def test_the_handler_does_not_repeat_what_it_was_told_not_to(strict: Scene) -> None:
    handler = strict.handler()
    once: dict[str, Any] = {"method": "POST", "json": PING, "retry_on_401": False}
    with pytest.raises(requests.HTTPError):
        handler.authenticated_request("notes", strict.url, strict.url, **once)
    assert paths(strict.mcp.requests("/mcp")[1:]) == ["POST /mcp 401"]
    assert handler.authenticated_request("notes", strict.url, strict.url, **once).status_code == 200


@pytest.mark.parametrize("door", ["auth", "handler", "a described server"])
def test_headers_for_another_library_hold_a_proof_for_one_request(scene: Scene, door: str) -> None:
    scene.sign_in()
    auth, handler = scene.oauth(prompt=NoPrompt()), scene.handler(prompt=NoPrompt())

    def headers(method: str, url: str | None = None) -> dict[str, str]:
        if door == "auth":
            return auth.headers(method, url)
        if door == "handler":
            return handler.prepare_headers_for_mcp_server(
                scene.url, scene.url, None, {"dpop": "x"}, method=method, url=url
            )
        return handler.prepare_server_headers({"name": scene.url, "url": scene.url}, {"dpop": "x"}, method=method)

    first, second = headers("get"), headers("POST", scene.url + "?some=query#fragment")
    assert requests.get(scene.url, headers=first, timeout=10).status_code == 200
    assert requests.post(scene.url + "?some=query", headers=second, timeout=10).status_code == 200
    assert set(first) == {"Authorization", "DPoP"}
    assert scene.mcp.violations == []
    if door != "a described server":
        with pytest.raises(InsecureURLError, match="not on the origin"):
            headers("GET", "https://elsewhere.example.com/mcp")


@pytest.mark.parametrize("door", ["auth", "handler"])
def test_another_library_hands_in_the_nonce_it_was_given(strict: Scene, door: str) -> None:
    strict.sign_in()
    auth, handler = strict.oauth(prompt=NoPrompt()), strict.handler(prompt=NoPrompt())

    def call() -> requests.Response:
        given = (
            auth.headers("POST")
            if door == "auth"
            else handler.prepare_headers_for_mcp_server(strict.url, strict.url, method="POST")
        )
        return requests.post(strict.url, json=PING, headers=given, timeout=10)

    refused = call()
    assert refused.status_code == 401
    if door == "auth":
        assert not auth.take_nonce({})
        assert auth.take_nonce(dict(refused.headers))
    else:
        assert handler.take_nonce(strict.url, strict.url, refused.headers)
    assert call().status_code == 200


def test_a_client_without_tokens_has_no_headers_to_give(scene: Scene) -> None:
    with pytest.raises(AuthorizationError, match="holds no tokens"):
        scene.client().headers()
    with pytest.raises(InsecureURLError, match="not on the origin"):
        scene.client().headers("GET", "https://elsewhere.example.com")


def test_a_client_goes_through_it_step_by_step(strict: Scene) -> None:
    client = strict.client()
    refused = requests.post(strict.url, json=PING, timeout=10)
    client.discover_from_error_response(refused)
    url = client.get_authorization_url()
    redirect = strict.person.redirect_only(url)
    tokens = client.exchange_code_for_token(client.read_authorization_response(str(redirect)))
    assert tokens.bound
    first = requests.post(strict.url, json=PING, headers=client.headers("POST"), timeout=10)
    assert (first.status_code, "use_dpop_nonce" in first.headers["WWW-Authenticate"]) == (401, True)
    assert client.take_nonce(first.headers)
    assert requests.post(strict.url, json=PING, headers=client.headers("POST"), timeout=10).status_code == 200
    renewed = client.refresh_token()
    assert renewed.bound
    assert requests.post(strict.url, json=PING, headers=client.headers("POST"), timeout=10).status_code == 200
    assert client.revoke_token(renewed.access_token)
    assert len(keys(strict)) == 1
    again = strict.client(record=client.record)
    assert again.refresh_token().bound
    assert attrs.evolve(again.record, tokens=None) == attrs.evolve(client.record, tokens=None)


def test_a_refresh_whose_proofs_are_never_good_enough_keeps_everything(strict: Scene) -> None:
    strict.sign_in()
    strict.expire()
    before = strict.record()
    strict.az.dpop.never_content = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mcp_oauth_sync.authorizer.refresh.BACKOFF", ())
        with pytest.raises(TokenRefreshError) as caught:
            strict.post(strict.oauth())
    assert caught.value.transient
    assert strict.record() == before
    assert strict.shown == []
    assert len(strict.asked("/token")) == 4, "early, and again when the server said 401: two proofs each"
    strict.az.dpop.never_content = False
    assert strict.post(strict.oauth()).status_code == 200


def test_a_fault_of_the_network_costs_no_proof_its_freshness(scene: Scene) -> None:
    scene.sign_in()
    scene.expire()
    scene.az.fault("/token", reply(503), times=1)
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    assert scene.az.refreshes == 1

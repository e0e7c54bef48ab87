"""A sign-in without a person lives on by itself: one request per expiry, patience with faults, none with refusals."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mcp_oauth_sync import (
    ClientCredentialsGrant,
    ClientKey,
    EnterpriseGrant,
    JWTBearerGrant,
    NoPrompt,
    OAuth,
    OAuthConfig,
    OAuthFlow,
    OAuthHandler,
    SignInOptions,
)
from mcp_oauth_sync.authorizer import cool_down
from mcp_oauth_sync.exceptions import (
    AuthorizationError,
    MetadataMismatchError,
    RegistrationError,
    ScopeRequiredError,
    SignInRequiredError,
    TokenExchangeError,
    TokenStorageError,
)
from tests.scene import PING, WRITE, Scene, never_wait, paths, stored
from tests.servers import (
    AuthorizationServer,
    Fault,
    Workload,
    delay,
    gate,
    hang,
    html,
    lose_answer,
    redirect_to,
    reply,
    reset,
)
from tests.servers.keys import private_pem, public_pem

SECRET = "a-secret-of-the-job-Zq7XcV2bN9mK4jH6"
KNOWN: dict[str, Any] = {"client_id": "job", "client_secret": SECRET}
FAULTS = {
    "reset": reset(),
    "408": reply(408),
    "429": reply(429, "slow down", content_type="text/plain"),
    "500": reply(500, {"error": "server_error"}),
    "400 for now": reply(400, {"error": "temporarily_unavailable"}),
    "503 with a definitive error": reply(503, {"error": "invalid_client"}),
    "HTML 403": html(403),
    "HTML 200": html(200),
    "empty 200": reply(200),
    "redirect": redirect_to("https://elsewhere.example.com/token"),
    "lost answer": lose_answer(),
}


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        made.az.machines.add_client("job", SECRET)
        yield made


def job(scene: Scene, **more: Any) -> OAuth:
    return OAuth(scene.url, **{**KNOWN, "grant": ClientCredentialsGrant(), "prompt": NoPrompt(), **more})


@pytest.fixture
def auth(scene: Scene) -> OAuth:
    """A job that has signed in; the servers' logs are empty again."""
    made = job(scene)
    assert scene.post(made).status_code == 200
    scene.forget_log()
    return made


def token_requests(scene: Scene) -> int:
    return len(scene.asked("/token"))


# Living on


def test_an_expired_token_is_replaced_before_it_is_sent(scene: Scene, auth: OAuth) -> None:
    for _ in range(3):
        scene.expire_record(auth.name)
        assert scene.post(job(scene)).status_code == 200
    assert paths(scene.az.log) == ["POST /token 200"] * 3
    assert paths(scene.mcp.log) == ["POST /mcp 200"] * 3


def test_a_token_that_is_about_to_expire_is_replaced_in_time(scene: Scene, auth: OAuth) -> None:
    tokens = auth.tokens
    scene.age_record(auth.name, 3590)
    later = job(scene)
    assert scene.post(later).status_code == 200
    assert later.tokens != tokens
    assert token_requests(scene) == 1


def test_a_token_refused_before_its_time_costs_one_request_and_the_caller_sees_the_answer(
    scene: Scene, auth: OAuth
) -> None:
    scene.az.expire_all_access_tokens()
    answer = scene.post(auth)
    assert (answer.status_code, [old.status_code for old in answer.history]) == (200, [401])
    assert paths(scene.az.log) == ["POST /token 200"]
    assert paths(scene.mcp.log) == ["POST /mcp 401", "POST /mcp 200"]


def test_what_is_asked_for_again_is_what_was_asked_for(scene: Scene) -> None:
    scene.mcp.challenge_scope = "notes:read"
    auth = job(scene, token_params={"audience": "notes"})
    scene.post(auth)
    scene.az.expire_all_access_tokens()
    scene.post(auth)
    first, second = (
        {name: sent.param(name) for name in ("grant_type", "scope", "resource", "audience")}
        for sent in scene.asked("/token")
    )
    assert (
        first
        == second
        == {
            "grant_type": "client_credentials",
            "scope": "notes:read",
            "resource": scene.url,
            "audience": "notes",
        }
    )


def test_a_refresh_token_that_came_along_is_used_like_any(scene: Scene) -> None:
    scene.az.machines.gives_refresh_tokens = True
    auth = job(scene)
    scene.post(auth)
    for _ in range(2):
        scene.expire_record(auth.name)
        assert scene.post(job(scene)).status_code == 200
    assert (scene.az.refreshes, scene.az.machines.credentials, scene.az.reuses) == (2, 1, 0)


def test_a_refresh_token_that_is_dead_is_replaced_without_discovery_and_without_a_person(scene: Scene) -> None:
    scene.az.machines.gives_refresh_tokens = True
    auth = job(scene)
    scene.post(auth)
    scene.forget_log()
    scene.az.refresh_error = ("invalid_grant", 400)
    scene.expire_record(auth.name)
    assert scene.post(job(scene)).status_code == 200
    assert paths(scene.az.log) == ["POST /token 400", "POST /token 200"]


def test_a_secret_that_was_replaced_is_used_at_once(scene: Scene, auth: OAuth) -> None:
    scene.az.machines.gives_refresh_tokens = True
    auth.sign_in()
    scene.az.clients["job"]["client_secret"] = scene.az.ledger.remember("another-secret-Zq7XcV2bN9mK4jH6")
    scene.expire_record(auth.name)
    scene.az.fault("/token", reply(401, {"error": "invalid_client"}), times=2)  # the refresh, by both methods
    assert scene.post(job(scene, client_secret="another-secret-Zq7XcV2bN9mK4jH6")).status_code == 200
    registration = scene.record(auth.name).registration
    assert registration is not None
    assert registration.client_secret == "another-secret-Zq7XcV2bN9mK4jH6"


def test_eight_threads_with_an_expired_token_make_one_request(scene: Scene, auth: OAuth) -> None:
    scene.expire_record(auth.name)
    later = job(scene)
    release, arrived = threading.Event(), threading.Event()
    scene.az.fault("/token", gate(release, arrived=arrived))
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(scene.post, later) for _ in range(8)]
        assert arrived.wait(10)
        release.set()
        assert [call.result().status_code for call in calls] == [200] * 8
    assert token_requests(scene) == 1
    assert paths(scene.mcp.log) == ["POST /mcp 200"] * 8


def test_eight_threads_of_which_none_is_signed_in_make_one_request(scene: Scene) -> None:
    auth = job(scene)
    scene.az.fault("/token", delay(0.1))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: scene.post(auth).status_code, range(8))) == [200] * 8
    assert token_requests(scene) == 1


# Faults that will pass


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_will_pass_is_repeated_and_costs_nothing_that_is_stored(
    scene: Scene, auth: OAuth, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_wait(monkeypatch)
    scene.az.expire_all_access_tokens()
    before = stored()
    scene.az.fault("/token", fault)
    with pytest.raises(TokenExchangeError, match="token endpoint") as caught:
        scene.post(auth)
    assert caught.value.transient
    assert token_requests(scene) == 4
    assert stored() == before
    scene.az.clear_faults()
    assert scene.post(auth).status_code == 200  # at once: nothing keeps it from trying again


def test_a_fault_that_has_passed_by_the_third_repetition_is_not_seen_by_the_caller(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_wait(monkeypatch)
    scene.az.fault("/token", reply(503), times=3)
    assert scene.post(job(scene)).status_code == 200
    assert token_requests(scene) == 4


def test_a_server_that_wants_a_long_pause_is_left_alone(scene: Scene, auth: OAuth) -> None:
    scene.az.expire_all_access_tokens()
    scene.az.fault("/token", reply(429, headers=[("Retry-After", "3600")]))
    with pytest.raises(TokenExchangeError) as caught:
        scene.post(auth)
    assert caught.value.retry_after == 3600
    assert token_requests(scene) == 1
    with pytest.raises(TokenExchangeError) as again:
        scene.post(auth)
    assert "it is tried again in 300 s" in (again.value.hint or "")  # five minutes are long enough
    assert token_requests(scene) == 1
    scene.az.clear_faults()
    assert auth.sign_in().access_token


def test_a_token_that_is_still_good_is_used_when_no_other_one_can_be_had(scene: Scene, auth: OAuth) -> None:
    scene.age_record(auth.name, 3590)
    before = stored()
    for fault in (reset(), reply(400, {"error": "invalid_client"})):
        scene.az.fault("/token", fault)
        later = job(scene)
        assert scene.post(later).status_code == 200
        assert scene.post(later).status_code == 200
    assert stored() == before


def test_a_token_endpoint_that_hangs_ends_with_the_timeout_of_the_request(
    scene: Scene, auth: OAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_wait(monkeypatch, attempts=1)
    scene.az.expire_all_access_tokens()
    scene.az.fault("/token", hang())
    with pytest.raises(TokenExchangeError, match="no answer within the timeout"):
        scene.post(auth, timeout=(5, 0.3))


# Refusals


def test_a_refusal_is_not_repeated_until_the_cool_down_is_over(
    scene: Scene, auth: OAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.az.expire_all_access_tokens()
    scene.az.fault("/token", reply(400, {"error": "unauthorized_client"}))
    before = stored()
    for _ in range(4):
        with pytest.raises(TokenExchangeError) as caught:
            scene.post(auth)
        assert caught.value.error == "unauthorized_client"
        assert "check client_id" in (caught.value.hint or "")
    assert "it is tried again in " in (caught.value.hint or "")
    assert (token_requests(scene), stored()) == (1, before)
    scene.az.clear_faults()
    with pytest.raises(TokenExchangeError):
        scene.post(auth)
    monkeypatch.setattr(cool_down, "COOL_DOWN", 0.0)
    assert scene.post(auth).status_code == 200


def test_a_refusal_at_the_first_sign_in_is_not_repeated_either(scene: Scene) -> None:
    scene.az.fault("/token", reply(400, {"error": "unauthorized_client"}))
    auth = job(scene)
    before = stored()
    for _ in range(4):
        with pytest.raises(TokenExchangeError):
            scene.post(auth)
    assert (token_requests(scene), stored()) == (1, before)
    scene.az.clear_faults()
    assert auth.sign_in().access_token  # on purpose it is tried at once
    assert scene.post(auth).status_code == 200


def test_everybody_who_waited_shares_the_refusal(scene: Scene, auth: OAuth) -> None:
    scene.az.expire_all_access_tokens()
    release, arrived = threading.Event(), threading.Event()
    scene.az.fault("/token", gate(release, arrived=arrived), reply(400, {"error": "unauthorized_client"}))

    def call(_: int) -> type[Exception]:
        with pytest.raises(TokenExchangeError) as caught:
            scene.post(auth)
        return caught.type

    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(call, number) for number in range(8)]
        assert arrived.wait(10)
        release.set()
        assert {done.result() for done in calls} == {TokenExchangeError}
    assert token_requests(scene) == 1


def test_the_pause_of_a_program_doubles_up_to_five_minutes() -> None:
    pause = cool_down.CoolDown(unattended=True)
    waits = []
    for _ in range(8):
        pause.note(TokenExchangeError("no", status=400))
        waits.append(pause._pause)
    assert waits == [30.0, 60.0, 120.0, 240.0, 300.0, 300.0, 300.0, 300.0]


def test_a_server_that_refuses_even_fresh_tokens_is_not_answered_with_more_of_them(scene: Scene, auth: OAuth) -> None:
    scene.mcp.reject_all_tokens = True
    assert [scene.post(auth).status_code for _ in range(4)] == [401] * 4
    assert token_requests(scene) == 2  # one in place of the old one, one after looking anew where they come from
    scene.mcp.reject_all_tokens = False
    assert scene.post(auth).status_code == 200


# More scopes


def test_a_step_up_asks_the_token_endpoint_for_the_union_and_nothing_else(scene: Scene, auth: OAuth) -> None:
    scene.mcp.challenge_scope, scene.mcp.scope_for = "notes:read", {"tools/call": "notes:write"}
    auth.sign_in(["notes:read"])
    scene.forget_log()
    answer = scene.post(auth, WRITE)
    assert (answer.status_code, [old.status_code for old in answer.history]) == (200, [403])
    assert paths(scene.az.log) == ["POST /token 200"]
    assert paths(scene.mcp.log) == ["POST /mcp 403", "POST /mcp 200"]
    [asked] = scene.asked("/token")
    assert asked.param("scope") == "notes:read notes:write"
    scene.expire_record(auth.name)
    assert scene.post(job(scene), WRITE).status_code == 200
    assert scene.asked("/token")[-1].param("scope") == "notes:read notes:write"  # and it stays so


def test_scopes_that_are_not_given_are_an_error_that_names_them_and_the_rest_goes_on(scene: Scene, auth: OAuth) -> None:
    scene.mcp.scope_for = {"tools/call": "notes:write"}
    scene.az.allowed_scopes = {"notes:read"}
    before = stored()
    for _ in range(3):
        with pytest.raises(ScopeRequiredError, match="this program is not given them") as caught:
            scene.post(auth, WRITE)
        assert (caught.value.scopes, caught.value.error) == (("notes:write",), "invalid_scope")
        assert scene.az.issuer in (caught.value.hint or "")
    assert (token_requests(scene), stored()) == (1, before)
    assert scene.post(auth, PING).status_code == 200
    scene.az.expire_all_access_tokens()
    assert scene.post(auth, PING).status_code == 200  # a refused step-up keeps no renewal back


def test_a_step_up_that_fails_for_another_reason_says_so(scene: Scene, auth: OAuth) -> None:
    scene.mcp.scope_for = {"tools/call": "notes:write"}
    scene.az.fault("/token", reply(400, {"error": "unauthorized_client"}))
    with pytest.raises(TokenExchangeError) as caught:
        scene.post(auth, WRITE)
    assert caught.value.error == "unauthorized_client"
    assert scene.post(auth).status_code == 200


def test_a_server_that_never_has_enough_is_asked_once_per_set_of_scopes(scene: Scene, auth: OAuth) -> None:
    scene.mcp.always_403 = "notes:all"
    assert [scene.post(auth, WRITE).status_code for _ in range(3)] == [403] * 3
    assert token_requests(scene) == 1


def test_headers_that_cover_more_scopes_cost_one_request(scene: Scene) -> None:
    handler = OAuthHandler(options=SignInOptions(**KNOWN, scopes="notes:read"), grant=ClientCredentialsGrant())
    handler.ensure_authenticated_mcp("notes", scene.url)
    scene.forget_log()
    tokens = handler.ensure_authenticated_mcp("notes", scene.url, ["notes:write"])
    assert tokens.scope == "notes:read notes:write"
    assert paths(scene.az.log) == ["POST /token 200"]
    assert scene.mcp.log == []


# Whose it is


def test_a_persons_sign_in_and_a_programs_on_one_server_are_two(scene: Scene) -> None:
    person = scene.sign_in()
    program = job(scene)
    assert scene.post(program).status_code == 200
    assert (person.name, program.name) == (scene.url, f"{scene.url} grant=client_credentials client_id=job")
    assert person.headers() != program.headers()
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    program.sign_out(forget=True)
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200


def test_a_program_that_was_first_leaves_a_person_to_sign_in(scene: Scene, auth: OAuth) -> None:
    with pytest.raises(SignInRequiredError):
        scene.post(scene.oauth(prompt=NoPrompt()))
    with pytest.raises(SignInRequiredError):
        scene.post(scene.oauth(prompt=NoPrompt(), client_id="job"))
    assert auth.headers()


@pytest.mark.parametrize("grant", ["client_credentials", "jwt_bearer"])
def test_two_grants_and_two_clients_are_as_many_sign_ins(scene: Scene, auth: OAuth, grant: str) -> None:
    workload = Workload()
    workload.trust(scene.az)
    scene.az.machines.add_client("other", SECRET)
    by_assertion = JWTBearerGrant(workload.assertion(scene.az.issuer))
    other = {
        "client_credentials": job(scene, client_id="other"),
        "jwt_bearer": job(scene, grant=by_assertion),
    }[grant]
    assert scene.post(other).status_code == 200
    assert other.name != auth.name
    assert scene.az.machines.tokens == 2
    assert scene.record(other.name).grant == grant


def test_a_name_of_the_callers_own_is_its_name_and_is_not_found_by_the_url(scene: Scene) -> None:
    auth = job(scene, name="night")
    assert scene.post(auth).status_code == 200
    assert scene.manager.names() == ["night"]
    assert scene.post(job(scene, name="night")).status_code == 200
    assert scene.az.machines.credentials == 1
    with pytest.raises(SignInRequiredError):
        scene.post(scene.oauth(prompt=NoPrompt()))


def test_credentials_that_a_sign_in_by_hand_left_are_used_under_its_name(scene: Scene) -> None:
    job(scene, name="night").sign_in()
    scene.expire_record("night")
    assert scene.post(OAuth(scene.url, name="night", grant=ClientCredentialsGrant())).status_code == 200
    assert scene.az.machines.credentials == 2


def test_a_name_that_is_a_persons_is_refused_to_a_program(scene: Scene) -> None:
    person = scene.sign_in(name="notes")
    before = scene.record("notes")
    with pytest.raises(TokenStorageError, match="'notes' is one of a person, not by client_credentials") as caught:
        scene.post(job(scene, name="notes"))
    assert "Choose another name" in (caught.value.hint or "")
    assert (scene.record("notes"), scene.asked("/token")) == (before, [])
    assert scene.post(person).status_code == 200


def test_a_name_that_is_another_kind_of_programs_is_refused_too(scene: Scene) -> None:
    scene.post(job(scene, name="night"))
    with pytest.raises(TokenStorageError, match="'night' is one by client_credentials, not by jwt_bearer"):
        scene.post(job(scene, name="night", grant=JWTBearerGrant("a.b.c")))


def test_a_person_may_use_a_programs_tokens_by_its_name_but_is_not_asked_in_its_place(scene: Scene) -> None:
    scene.post(job(scene, name="night"))
    person = scene.oauth(name="night")
    assert scene.post(person).status_code == 200
    scene.expire_record("night")
    with pytest.raises(SignInRequiredError, match="is a program's") as caught:
        scene.post(scene.oauth(name="night"))
    assert "as a person all the same, run: mcp-oauth-sync auth night" in (caught.value.hint or "")
    assert scene.shown == []
    assert scene.post(job(scene, name="night")).status_code == 200
    assert person.sign_in().access_token  # on purpose
    assert scene.record("night").grant is None


def test_signing_out_revokes_and_the_next_call_signs_in_again(scene: Scene, auth: OAuth) -> None:
    tokens = auth.tokens
    assert tokens is not None
    assert auth.sign_out() is True
    assert not scene.az.is_active(tokens.access_token)
    assert auth.tokens is None
    assert scene.post(auth).status_code == 200


# Another authorization server


def test_credentials_are_bound_to_the_first_server_and_another_one_gets_nothing(scene: Scene, auth: OAuth) -> None:
    with AuthorizationServer() as other:
        other.machines.add_client("job", SECRET)
        scene.mcp.authorization_server = other
        before = stored()
        for _ in range(2):
            with pytest.raises(MetadataMismatchError, match=f"is one at {scene.az.issuer}.*nothing was sent") as caught:
                scene.post(auth)
            assert "issuer=" in (caught.value.hint or "")
        assert other.requests("/token") == []
        assert token_requests(scene) == 1  # the server that is known was asked once more
        assert set(stored()) == set(before)


def test_credentials_that_are_bound_by_hand_are_used_where_they_belong(scene: Scene, auth: OAuth) -> None:
    with AuthorizationServer() as other:
        other.machines.add_client("job", SECRET)
        old = scene.az
        scene.mcp.authorization_server = other
        moved = job(scene, issuer=other.issuer)
        assert scene.post(moved).status_code == 200
        assert other.machines.credentials == 1
        assert len(old.requests("/token")) == 0
        with pytest.raises(RegistrationError, match="belongs to"):
            scene.post(job(scene, issuer=old.issuer))
        assert other.machines.credentials == 1


# The handler


def test_a_handler_keeps_many_programs_by_name(scene: Scene) -> None:
    handler = OAuthHandler(options=SignInOptions(**KNOWN), grant=ClientCredentialsGrant())
    answer = handler.authenticated_request("notes", scene.url, scene.url, method="POST", json=PING, timeout=10)
    assert answer.status_code == 200
    scene.az.expire_all_access_tokens()
    again = handler.authenticated_request("notes", scene.url, scene.url, method="POST", json=PING, timeout=10)
    assert [old.status_code for old in again.history] == [401]
    assert scene.az.machines.credentials == 2
    assert handler.logout("notes") is True
    assert scene.az.revocations == 1
    with pytest.raises(SignInRequiredError):
        OAuthHandler(prompt=NoPrompt()).ensure_authenticated_mcp("notes", scene.url)


def test_an_assertion_for_another_server_does_not_stop_a_handler_from_serving_the_others(scene: Scene) -> None:
    workload = Workload()
    workload.trust(scene.az)
    handler = OAuthHandler(grant=JWTBearerGrant(workload.assertion(scene.az.issuer)))
    with Scene() as other:
        with pytest.raises(AuthorizationError, match="it was not sent"):
            handler.ensure_authenticated_mcp("other", other.url)
        assert handler.ensure_authenticated_mcp("notes", scene.url).access_token
        assert other.asked("/token") == []


def test_explicit_endpoints_are_served_by_the_grant_of_the_handler(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.az.resource_required = False
    config = OAuthConfig(scene.az.endpoint("authorize"), scene.az.endpoint("token"), scopes=["notes:read"], **KNOWN)
    handler = OAuthHandler(prompt=NoPrompt(), grant=ClientCredentialsGrant())
    tokens = handler.ensure_authenticated("plain", config)
    assert tokens.scope == "notes:read"
    assert handler.ensure_authenticated("plain", config) == tokens
    scene.expire_record("plain")
    fresh = handler.ensure_authenticated("plain", config)
    assert fresh.access_token != tokens.access_token
    assert paths(scene.az.log) == ["POST /token 200"] * 2
    flow = OAuthFlow(config, grant=ClientCredentialsGrant())
    assert flow.authorize().scope == "notes:read"


def test_a_function_is_told_the_token_endpoint_where_no_issuer_is_known(scene: Scene) -> None:
    workload, told = Workload(), []
    workload.trust(scene.az)
    scene.az.resource_required = False
    scene.az.machines.audience = scene.az.endpoint("token")

    def bring(audience: str) -> str:
        told.append(audience)
        return workload.assertion(audience)

    config = OAuthConfig(scene.az.endpoint("authorize"), scene.az.endpoint("token"), **KNOWN)
    assert OAuthFlow(config, grant=JWTBearerGrant(bring)).authorize().access_token
    assert told == [scene.az.endpoint("token")]


def test_a_grant_of_a_company_needs_to_know_the_issuer_that_it_is_for(scene: Scene) -> None:
    config = OAuthConfig(scene.az.endpoint("authorize"), scene.az.endpoint("token"), **KNOWN)
    grant = EnterpriseGrant(identity_assertion="a.b.c", client_id="app", issuer="https://idp.example.com")
    with pytest.raises(AuthorizationError, match="its issuer is not known"):
        OAuthFlow(config, grant=grant).authorize()


# Tokens bound to a key


def test_tokens_of_a_program_are_bound_to_a_key_where_both_servers_offer_it(scene: Scene) -> None:
    scene.offer_binding(nonces=True)
    scene.az.machines.add_client("keyed", public_key=public_pem())
    auth = job(scene, client_id="keyed", client_secret=None, client_key=ClientKey(private_pem()))
    assert scene.post(auth).status_code == 200
    key = scene.record(auth.name).dpop_key
    assert key is not None
    scene.expire_record(auth.name)
    later = job(scene, client_id="keyed", client_secret=None, client_key=ClientKey(private_pem()))
    assert scene.post(later).status_code == 200
    assert scene.record(auth.name).dpop_key == key
    assertions = [exchange.param("client_assertion") for exchange in scene.asked("/token")]
    assert len(set(assertions)) == len(assertions)  # a new one with each nonce


# The steps by themselves


def test_the_step_by_step_client_obtains_again_without_discovery(scene: Scene) -> None:
    client = scene.client(options=SignInOptions(**KNOWN), grant=ClientCredentialsGrant(), prompt=None)
    first = client.authorize(["notes:read"])
    scene.forget_log()
    again = client.obtain_again(ClientCredentialsGrant())
    assert (again.scope, again.access_token != first.access_token) == ("notes:read", True)
    assert paths(scene.az.log) == ["POST /token 200"]
    assert client.revoke_token(again.access_token) is True


def test_obtaining_again_needs_a_server_that_is_known(scene: Scene) -> None:
    client = scene.client(options=SignInOptions(**KNOWN))
    with pytest.raises(AuthorizationError, match="has no token endpoint"):
        client.obtain_again(ClientCredentialsGrant())

"""Signing in by a code: what is sent, when it is asked, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mcp_oauth_sync import CallbackPrompt, ClientKey, DeviceCodeGrant, NoPrompt, OAuth, Prompt, SignInOptions
from mcp_oauth_sync.exceptions import (
    AccessDeniedError,
    AuthorizationError,
    AuthorizationTimeoutError,
    InsecureURLError,
    SignInRequiredError,
    TokenExchangeError,
)
from mcp_oauth_sync.models.client import DYNAMIC
from tests.conftest import listening
from tests.scene import WRITE, paths, stored
from tests.servers import ABSENT, cut, html, reply, reset
from tests.servers.device_endpoint import GRANT_TYPE
from tests.servers.keys import private_pem, public_pem

from .by_code import ByCode


@pytest.fixture
def scene() -> Iterator[ByCode]:
    with ByCode() as made:
        yield made


# The way through


def test_a_person_with_a_phone_signs_in_and_no_browser_or_port_is_needed_here(scene: ByCode) -> None:
    ports: list[set[str]] = []
    before = listening()
    scene.screen.when_shown = lambda: ports.append(listening())
    scene.enters()
    assert scene.post(scene.oauth()).status_code == 200
    assert ports == [before]
    assert scene.screen.ends == [None]
    assert paths(scene.az.requests()) == [
        "GET /.well-known/oauth-authorization-server 200",
        "POST /register 201",
        "POST /device 200",
        "GET /enter 200",
        "POST /enter 200",
        "POST /enter 200",
        "POST /token 200",
    ]
    tokens = scene.record().tokens
    assert tokens is not None
    assert scene.az.is_active(tokens.access_token)
    assert tokens.refresh_token


def test_the_requests_name_client_scopes_and_resource_and_nothing_of_the_browsers_way(scene: ByCode) -> None:
    scene.mcp.challenge_scope = "notes:read"
    scene.enters()
    auth = scene.oauth(authorize_params={"audience": "notes"}, token_params={"tenant": "one"})
    assert scene.post(auth).status_code == 200
    registered = scene.asked("/register")[0].json()
    assert registered["grant_types"] == ["authorization_code", "refresh_token", GRANT_TYPE]
    [client_id] = scene.az.clients
    [started] = scene.asked("/device")
    assert started.form == {
        "client_id": [client_id],
        "scope": ["notes:read"],
        "resource": [scene.url],
        "audience": ["notes"],
    }
    [asked] = scene.asked("/token")
    assert asked.form == {
        "client_id": [client_id],
        "grant_type": [GRANT_TYPE],
        "device_code": [scene.screen.codes[0].device_code],
        "resource": [scene.url],
        "tenant": ["one"],
    }


def test_what_a_code_brought_is_kept_like_any_other_sign_in(scene: ByCode) -> None:
    scene.enters()
    scene.post(scene.oauth())
    record = scene.record()
    assert (record.issuer, record.resource, record.redirect_uri) == (scene.az.issuer, scene.url, None)
    assert record.registration is not None
    assert record.registration.source == DYNAMIC
    scene.expire()
    scene.forget_log()
    assert scene.post(OAuth(scene.url, prompt=NoPrompt())).status_code == 200
    assert paths(scene.az.requests()) == ["POST /token 200"]
    assert scene.asked("/token")[0].param("grant_type") == "refresh_token"


def test_a_server_without_an_authorization_endpoint_and_without_pkce_will_do(scene: ByCode) -> None:
    scene.az.metadata_overrides = {"authorization_endpoint": ABSENT, "code_challenge_methods_supported": ABSENT}
    scene.enters()
    assert scene.post(scene.oauth()).status_code == 200


def test_more_scopes_bring_a_second_code(scene: ByCode) -> None:
    scene.mcp.challenge_scope = "notes:read"
    scene.mcp.scope_for = {"write_note": "notes:write"}
    scene.enters()
    auth = scene.oauth()
    assert scene.post(auth).status_code == 200
    scene.enters()
    assert scene.post(auth, WRITE).status_code == 200
    assert len(scene.screen.codes) == 2
    assert [sent.param("scope") for sent in scene.asked("/device")] == ["notes:read", "notes:read notes:write"]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_the_client_authenticates_at_both_endpoints_as_it_was_registered(scene: ByCode, method: str) -> None:
    scene.az.auth_methods = (method,)
    scene.enters()
    assert scene.post(scene.oauth()).status_code == 200


def test_a_client_with_a_key_signs_an_assertion_for_each_request(scene: ByCode) -> None:
    grants = ["refresh_token", GRANT_TYPE]
    scene.az.machines.add_client("app", public_key=public_pem("P-256"), grant_types=grants)
    scene.az.auth_methods = ("private_key_jwt",)
    scene.enters(8)
    auth = scene.oauth(client_id="app", client_key=ClientKey(private_pem("P-256")))
    assert scene.post(auth).status_code == 200
    sent = [exchange.param("client_assertion") for exchange in (*scene.asked("/device"), *scene.asked("/token"))]
    assert len(set(sent)) == 3
    assert None not in sent


def test_tokens_are_bound_to_a_key_where_they_are_handed_out(scene: ByCode) -> None:
    scene.offer_binding(only=True, nonces=True)
    scene.enters(8)
    auth = scene.oauth()
    assert scene.post(auth).status_code == 200
    assert auth.tokens is not None
    assert auth.tokens.bound
    assert [exchange.headers.get_all("DPoP") for exchange in scene.asked("/device")] == [None]
    assert all(exchange.headers.get_all("DPoP") for exchange in scene.asked("/token"))
    assert scene.slept == [5, 5]


def test_proofs_that_are_refused_for_good_end_it_and_name_the_clock(scene: ByCode) -> None:
    scene.offer_binding()
    scene.az.fault("/token", reply(400, {"error": "invalid_dpop_proof"}))
    with pytest.raises(TokenExchangeError, match="invalid_dpop_proof") as caught:
        scene.post(scene.oauth())
    assert "clock" in (caught.value.hint or "")
    assert scene.slept == [5]


def test_another_method_is_tried_once_where_the_first_is_refused_and_kept_to(scene: ByCode) -> None:
    scene.az.auth_methods = ("client_secret_post",)
    scene.az.metadata_overrides = {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}
    scene.az.add_client(
        "by-hand",
        "a secret of many characters 0123",
        token_endpoint_auth_method="client_secret_post",
        grant_types=["refresh_token", GRANT_TYPE],
    )
    scene.enters(8)
    client = scene.oauth(client_id="by-hand", client_secret="a secret of many characters 0123")
    assert scene.post(client).status_code == 200
    assert [sent.status for sent in scene.asked("/device")] == [401, 200]
    assert [sent.status for sent in scene.asked("/token")] == [400, 200]
    scene.az.violations.clear()


def test_a_refusal_by_every_method_is_the_first_one(scene: ByCode) -> None:
    scene.az.auth_methods = ("client_secret_basic", "client_secret_post")
    scene.az.add_client("by-hand", "a secret of many characters 0123", token_endpoint_auth_method="unknown")
    with pytest.raises(AuthorizationError) as caught:
        scene.post(scene.oauth(client_id="by-hand", client_secret="another secret of many characters"))
    assert caught.value.error == "invalid_client"
    assert "register it for device codes" in (caught.value.hint or "")
    assert [sent.status for sent in scene.asked("/device")] == [401, 401]
    scene.az.violations.clear()


# Pauses


def test_questions_keep_the_interval_until_the_person_is_done(scene: ByCode) -> None:
    scene.az.device_interval = 7
    scene.enters(31)
    assert scene.post(scene.oauth()).status_code == 200
    assert scene.slept == [7] * 5
    assert all(7 <= gap < 8 for gap in scene.questions())


def test_a_server_that_names_no_interval_is_asked_every_five_seconds(scene: ByCode) -> None:
    scene.az.device_interval = ABSENT
    scene.enters(12)
    assert scene.post(scene.oauth()).status_code == 200
    assert scene.slept == [5] * 3


@pytest.mark.parametrize("interval", [0, -5, 0.001, "0"])
def test_a_server_that_names_no_pause_gets_no_more_than_fifteen_questions_in_twelve_seconds(
    scene: ByCode, interval: Any
) -> None:
    scene.az.device_interval = 0
    scene.az.device_overrides = {"interval": interval}
    scene.enters(12)
    assert scene.post(scene.oauth()).status_code == 200
    assert scene.now == 12
    assert 0 < len(scene.az.device_questions) <= 15


def test_being_told_to_slow_down_adds_five_seconds_to_every_later_pause(scene: ByCode) -> None:
    scene.az.device_slow_downs = 2
    scene.enters(40)
    assert scene.post(scene.oauth()).status_code == 200
    assert scene.slept == [5, 10, 15, 15]


@pytest.mark.parametrize("fault", [reset(), cut(20), html(502), reply(503), reply(429)], ids=lambda fault: fault.name)
def test_a_server_in_trouble_is_asked_half_as_often_each_time_and_as_before_when_it_is_well(
    scene: ByCode, fault: Any
) -> None:
    scene.az.fault("/token", fault, times=3)
    scene.enters(80)
    assert scene.post(scene.oauth()).status_code == 200
    assert scene.slept == [5, 10, 20, 40, 5]
    assert len(scene.screen.codes) == 1


@pytest.mark.parametrize(
    "answer",
    [reply(400, {"error": "temporarily_unavailable"}), reply(500, {"error": "server_error"})],
    ids=lambda fault: fault.name,
)
def test_a_server_that_says_it_is_in_trouble_is_believed(scene: ByCode, answer: Any) -> None:
    scene.az.fault("/token", answer, times=1)
    scene.enters()
    assert scene.post(scene.oauth()).status_code == 200
    assert scene.slept == [5, 10]


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [("3", 10), ("30", 30), ("3600", 60), ("-1", 10), ("soon", 10), ("99999999999999", 10)],
)
def test_retry_after_is_honoured_within_reason(scene: ByCode, retry_after: str, pause: float) -> None:
    scene.az.fault("/token", reply(503, headers=[("Retry-After", retry_after)]), times=1)
    scene.enters()
    assert scene.post(scene.oauth()).status_code == 200
    assert scene.slept == [5, pause]


def test_retry_after_beside_a_pending_answer_counts_once(scene: ByCode) -> None:
    pending = reply(400, {"error": "authorization_pending"}, headers=[("Retry-After", "20")])
    scene.az.fault("/token", pending, times=1)
    scene.enters(26)
    assert scene.post(scene.oauth()).status_code == 200
    assert scene.slept == [5, 20, 5]


def test_a_long_interval_is_not_shortened_by_the_bound_for_faults(scene: ByCode) -> None:
    scene.az.device_interval = 120
    scene.az.fault("/token", reset(), times=1)
    scene.enters()
    assert scene.post(scene.oauth(sign_in_timeout=900)).status_code == 200
    assert scene.slept == [120, 120]


def test_pending_answers_of_other_status_and_kind_are_understood(scene: ByCode) -> None:
    scene.az.fault("/token", reply(428, {"error": "authorization_pending"}), times=1)
    scene.az.fault("/token", reply(200, {"error": "authorization_pending"}), times=1)
    form = reply(200, "error=slow_down&interval=10", content_type="application/x-www-form-urlencoded")
    scene.az.fault("/token", form, times=1)
    scene.enters()
    assert scene.post(scene.oauth()).status_code == 200
    assert scene.slept == [5, 5, 5, 10]


# Ends


@pytest.mark.parametrize("error", ["deny", "authorization_declined"])
def test_a_person_who_says_no_ends_it_at_once(scene: ByCode, error: str) -> None:
    scene.at(6, lambda: setattr(next(iter(scene.az.devices.values())), "decision", error))
    with pytest.raises(AccessDeniedError, match="Access was denied") as caught:
        scene.post(scene.oauth())
    assert scene.slept == [5, 5]
    assert scene.screen.ends == [caught.value]
    assert caught.value.status == 400
    assert scene.manager.load_record(scene.url) is None  # the registration alone is kept, for the next try


def test_a_code_that_nobody_enters_ends_with_the_code(scene: ByCode) -> None:
    scene.az.device_ttl = 62.0
    with pytest.raises(AuthorizationTimeoutError, match="The code expired after 62 seconds") as caught:
        scene.post(scene.oauth())
    assert scene.now == 62
    assert "new code" in (caught.value.hint or "")
    assert isinstance(caught.value, TimeoutError)
    assert scene.screen.ends == [caught.value]


def test_the_wait_ends_with_the_callers_patience_when_that_is_shorter(scene: ByCode) -> None:
    with pytest.raises(AuthorizationTimeoutError, match="within 33 seconds") as caught:
        scene.post(scene.oauth(sign_in_timeout=33))
    assert scene.now == 33
    assert len(scene.az.device_questions) == 6
    assert scene.screen.codes[0].expires_in == 33, "the person is told"
    assert "sign_in_timeout=" in (caught.value.hint or "")


@pytest.mark.parametrize("error", ["expired_token", "code_expired"])
def test_a_server_that_ends_a_code_early_is_believed(scene: ByCode, error: str) -> None:
    scene.az.fault("/token", reply(400, {"error": error, "error_description": "too \x1b[2J late"}), times=1)
    with pytest.raises(AuthorizationTimeoutError, match="expired before it was entered") as caught:
        scene.post(scene.oauth())
    assert caught.value.error == error
    assert "\x1b" not in str(caught.value)
    assert scene.slept == [5]


def test_the_last_trouble_is_told_when_time_runs_out(scene: ByCode) -> None:
    scene.az.fault("/token", html(502))
    with pytest.raises(AuthorizationTimeoutError, match="HTTP 502") as caught:
        scene.post(scene.oauth(sign_in_timeout=60))
    assert "within 60 seconds" in caught.value.message
    assert scene.slept == [5, 10, 20, 25]


def test_a_machine_that_slept_past_the_end_asks_once_more_and_takes_the_answer(scene: ByCode) -> None:
    scene.at(5, lambda: setattr(scene, "now", 10_000.0))
    scene.enters(5)
    assert scene.post(scene.oauth()).status_code == 200


@pytest.mark.parametrize(
    ("answer", "words", "code"),
    [
        (reply(400, {"error": "invalid_grant"}), "did not accept the device code", "invalid_grant"),
        (reply(400, {"error": "unsupported_grant_type"}), "did not accept the device code", "unsupported_grant_type"),
        (html(404), "HTML page", None),
        (html(200), "HTML page", None),
        (reply(200, {"token_type": "Bearer"}), "'access_token' is missing", None),
        (reply(302, headers=[("Location", "https://elsewhere.example.com")]), "HTTP 302", None),
    ],
    ids=["grant", "kind", "404", "page", "no token", "redirect"],
)
def test_every_other_answer_ends_it_with_what_to_do(scene: ByCode, answer: Any, words: str, code: str | None) -> None:
    scene.az.fault("/token", answer)
    with pytest.raises(TokenExchangeError, match=words) as caught:
        scene.post(scene.oauth())
    assert caught.value.error == code
    assert "Start the sign-in again" in (caught.value.hint or "")
    assert scene.slept == [5]
    assert scene.screen.ends == [caught.value]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_whatever_breaks_off_the_wait_is_told_to_the_prompt_and_raised(
    scene: ByCode, stop: type[BaseException]
) -> None:
    def raising(seconds: float) -> None:
        raise stop

    auth = scene.oauth(grant=DeviceCodeGrant(sleep=raising))
    before = stored()
    with pytest.raises(stop):
        auth.sign_in()
    [end] = scene.screen.ends
    assert isinstance(end, AuthorizationError)
    assert "interrupted" in end.message
    assert stored() == before


# Nobody there, or no such way


def test_without_a_person_nothing_is_sent_and_the_command_for_a_code_is_named(scene: ByCode) -> None:
    with pytest.raises(SignInRequiredError) as caught:
        scene.post(scene.oauth(prompt=NoPrompt()))
    assert f"mcp-oauth-sync auth {scene.url} {scene.url} --device" in (caught.value.hint or "")
    assert scene.az.requests() == []


def test_step_by_step_too_nobody_is_registered_for_nobody(scene: ByCode) -> None:
    client = scene.client(prompt=NoPrompt(), grant=scene.grant)
    with pytest.raises(SignInRequiredError):
        client.authorize()
    assert scene.asked("/device") == scene.asked("/register") == []


def test_a_prompt_that_knows_no_codes_says_so(scene: ByCode) -> None:
    class Links(Prompt):
        def show(self, url: str, **_: Any) -> None:
            pytest.fail(url)

    with pytest.raises(AuthorizationError, match="Links cannot show a device code"):
        scene.post(scene.oauth(prompt=Links()))
    assert scene.asked("/token") == []


def test_a_server_without_the_endpoint_is_told_apart_before_anybody_registers(scene: ByCode) -> None:
    scene.az.offer_device_codes = False
    with pytest.raises(AuthorizationError, match="offers no sign-in by code") as caught:
        scene.post(scene.oauth())
    assert "Leave out grant=DeviceCodeGrant()" in (caught.value.hint or "")
    assert all(".well-known" in sent.path for sent in scene.az.requests())
    assert scene.screen.ends == []


def test_the_browsers_way_names_the_code_where_only_that_is_possible(scene: ByCode) -> None:
    scene.az.metadata_overrides = {"authorization_endpoint": ABSENT, "code_challenge_methods_supported": ABSENT}
    with pytest.raises(AuthorizationError, match="no authorization endpoint") as caught:
        scene.post(scene.oauth(grant=None))
    assert "pass grant=DeviceCodeGrant()" in (caught.value.hint or "")


@pytest.mark.parametrize("offered", [True, False])
def test_a_prompt_learns_whether_a_code_would_work_too(scene: ByCode, offered: bool) -> None:
    found: list[bool] = []
    scene.az.offer_device_codes = offered

    class Noting(Prompt):
        def show(self, url: str, *, listener: Any, server_url: str) -> None:
            found.append(listener.code_offered)
            scene.show(url)

    scene.az.auto_consent = True
    assert scene.post(scene.oauth(grant=None, prompt=Noting())).status_code == 200
    assert found == [offered]


# Registration


def test_a_registration_for_the_browsers_way_is_replaced_once(scene: ByCode) -> None:
    scene.az.auto_consent = True
    scene.sign_in(grant=None, prompt=CallbackPrompt(scene.show))
    browser_client = scene.record().registration
    scene.enters()
    scene.oauth().sign_in()
    assert paths(scene.asked("/device")) == ["POST /device 400", "POST /device 200"]
    assert len(scene.asked("/register")) == 1
    assert scene.record().registration != browser_client
    assert len(scene.screen.codes) == 1
    scene.enters()
    scene.oauth().sign_in()
    assert len(scene.asked("/register")) == 1


def test_a_registration_that_the_server_forgot_is_replaced_once(scene: ByCode) -> None:
    scene.enters()
    scene.post(scene.oauth())
    scene.az.forget_clients()
    scene.forget_log()
    scene.enters()
    scene.oauth().sign_in()
    assert paths(scene.asked("/device")) == ["POST /device 401", "POST /device 200"]
    assert len(scene.asked("/register")) == 1


def test_a_second_refusal_for_another_reason_is_the_one_that_is_told(scene: ByCode) -> None:
    scene.az.fault("/device", reply(401, {"error": "invalid_client"}), times=1)
    scene.az.fault("/device", reply(400, {"error": "invalid_scope"}), times=1)
    scene.az.add_client("by-hand", "a secret of many characters 0123", token_endpoint_auth_method="unknown")
    with pytest.raises(AuthorizationError, match="invalid_scope"):
        scene.post(scene.oauth(client_id="by-hand", client_secret="a secret of many characters 0123"))


def test_a_client_of_the_callers_own_that_may_not_use_codes_is_named(scene: ByCode) -> None:
    scene.az.add_client("by-hand")
    with pytest.raises(AuthorizationError, match="unauthorized_client") as caught:
        scene.post(scene.oauth(client_id="by-hand"))
    assert "register it for device codes" in (caught.value.hint or "")
    assert scene.asked("/register") == []
    assert len(scene.asked("/device")) == 1


# Hostile and broken answers

HOSTILE: dict[str, Any] = {
    "verification_uri": "javascript:alert('Zq7Xc')",
    "verification_uri_complete": "https://as.example.com@evil-Zq7Xc.example.com/",
    "user_code": "Zq7Xc\x1b[2J\x1b]0;title\x07",
}


@pytest.mark.parametrize("member", HOSTILE)
def test_nothing_hostile_is_shown_and_nothing_more_is_sent(scene: ByCode, member: str) -> None:
    scene.az.device_overrides = {member: HOSTILE[member]}
    before = stored()
    with pytest.raises(AuthorizationError, match=f"cannot be used: '{member}'") as caught:
        scene.post(scene.oauth())
    assert "Zq7Xc" not in f"{caught.value} {caught.value!r}"
    assert scene.screen.codes == scene.screen.ends == []
    assert scene.asked("/token") == []
    assert stored() == before


@pytest.mark.parametrize(
    ("fault", "words", "hint"),
    [
        (reset(), "device authorization endpoint .* could not be used", "try again"),
        (html(200), "gave no code: HTTP 200, an HTML page", None),
        (html(404), "HTTP 404", "it is not there"),
        (html(503), "HTTP 503", "try again"),
        (reply(400, {"error": "invalid_scope"}), "invalid_scope", "scopes="),
        (reply(400, {"error": "invalid_target"}), "invalid_target", "resource"),
        (reply(400, {"error": "access_denied", "error_description": "\x1b[2Jno"}), "access_denied", None),
        (reply(200, {"error": "invalid_request"}), "invalid_request", None),
        (reply(200, {}), "'verification_uri' is missing", "operator"),
        (reply(302, headers=[("Location", "https://elsewhere.example.com")]), "HTTP 302", None),
    ],
    ids=["reset", "page", "404", "503", "scope", "resource", "denied", "error in 200", "empty", "redirect"],
)
def test_an_endpoint_that_gives_no_code_is_a_typed_error(
    scene: ByCode, fault: Any, words: str, hint: str | None
) -> None:
    scene.az.fault("/device", fault)
    before = stored()
    with pytest.raises(AuthorizationError, match=words) as caught:
        scene.post(scene.oauth())
    assert "\x1b" not in str(caught.value)
    assert (hint or "") in (caught.value.hint or "")
    assert scene.asked("/token") == []
    assert stored() == before


@pytest.mark.parametrize("name", ["device_authorization_endpoint", "token_endpoint"])
@pytest.mark.parametrize("url", ["http://as.example.com/device", "javascript:alert(1)", "https://a@as.example.com/"])
def test_an_endpoint_that_may_not_be_contacted_is_refused_before_anybody_registers(
    scene: ByCode, name: str, url: str
) -> None:
    scene.az.metadata_overrides = {name: url}
    with pytest.raises(InsecureURLError):
        scene.post(scene.oauth())
    assert all(".well-known" in sent.path for sent in scene.az.requests())


def test_no_token_endpoint_is_an_error_before_anybody_registers(scene: ByCode) -> None:
    scene.az.metadata_overrides = {"token_endpoint": ABSENT}
    with pytest.raises(AuthorizationError, match="no token endpoint"):
        scene.post(scene.oauth())
    assert scene.asked("/register") == []


def test_a_narrow_choice_of_scopes_reaches_the_request(scene: ByCode) -> None:
    scene.enters()
    client = scene.client(prompt=scene.screen, grant=scene.grant, options=SignInOptions(scopes="a b"))
    assert client.authorize().scopes == ("a", "b")

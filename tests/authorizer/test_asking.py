"""Asking a person: once for everybody who waits, not again by itself, and never where nobody is."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_oauth_sync import NoPrompt, OAuth
from mcp_oauth_sync.authorizer import cool_down
from mcp_oauth_sync.exceptions import (
    AccessDeniedError,
    AuthorizationError,
    DiscoveryError,
    RegistrationError,
    RegistrationRequiredError,
    SignInRequiredError,
)
from tests.scene import YEAR, Scene, stored
from tests.servers import gate, reply


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def redirect_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["redirect_uri"][0]


def until(condition: Callable[[], bool]) -> None:
    """Wait for what has no event."""
    tick, deadline = threading.Event(), 400
    while not condition() and deadline:
        tick.wait(0.02)
        deadline -= 1
    assert condition()


def test_where_nobody_is_there_the_error_names_the_command_and_nothing_is_fetched(scene: Scene) -> None:
    before = stored()
    with pytest.raises(SignInRequiredError) as caught:
        scene.post(scene.oauth(prompt=NoPrompt()))
    assert caught.value.hint is not None
    assert f"mcp-oauth-sync auth {scene.url} {scene.url}" in caught.value.hint
    assert (scene.az.log, stored()) == ([], before)


def test_without_a_terminal_nobody_is_there(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    import webbrowser

    monkeypatch.setattr(webbrowser, "open", lambda url: pytest.fail("a browser was opened"))
    with pytest.raises(SignInRequiredError):
        scene.post(OAuth(scene.url))


def test_eight_threads_of_which_none_is_signed_in_ask_once_and_register_once(scene: Scene) -> None:
    auth = scene.oauth()
    scene.before_going = lambda: until(lambda: len(scene.mcp.requests(scene.mcp.path)) >= 8)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: scene.post(auth).status_code, range(8)))
    assert answers == [200] * 8
    assert (len(scene.shown), scene.az.registrations, scene.az.authorizations) == (1, 1, 1)


def test_everybody_who_waited_shares_the_no_and_nobody_asks_again(scene: Scene) -> None:
    scene.az.decision = "deny"
    auth = scene.oauth()
    scene.before_going = lambda: until(lambda: len(scene.mcp.requests(scene.mcp.path)) >= 8)

    def call(_: int) -> type[Exception]:
        with pytest.raises(AccessDeniedError) as caught:
            scene.post(auth)
        return caught.type

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, range(8))) == [AccessDeniedError] * 8
    assert len(scene.shown) == 1


def test_after_a_no_a_call_asks_again_only_when_told_to(scene: Scene) -> None:
    scene.az.decision = "deny"
    auth = scene.oauth()
    with pytest.raises(AccessDeniedError):
        scene.post(auth)
    with pytest.raises(AccessDeniedError) as caught:
        scene.post(auth)
    assert "Call sign_in() to be asked again" in (caught.value.hint or "")
    with pytest.raises(AccessDeniedError):
        auth.headers()
    assert len(scene.shown) == 1
    scene.az.decision = "allow"
    assert auth.sign_in().access_token
    assert scene.post(auth).status_code == 200
    assert len(scene.shown) == 2


def test_after_the_cool_down_a_call_asks_by_itself(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cool_down, "COOL_DOWN", 0.0)
    scene.az.decision = "deny"
    auth = scene.oauth()
    with pytest.raises(AccessDeniedError):
        scene.post(auth)
    scene.az.decision = "allow"
    assert scene.post(auth).status_code == 200
    assert len(scene.shown) == 2


def test_a_clock_that_is_set_neither_ends_the_cool_down_nor_prolongs_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = time.time
    scene.az.decision = "deny"
    auth = scene.oauth()
    with pytest.raises(AccessDeniedError):
        scene.post(auth)
    for years in (10, -10):
        monkeypatch.setattr(time, "time", lambda years=years: known() + years * YEAR)
        with pytest.raises(AccessDeniedError, match="asked"):
            scene.post(auth)
        assert len(scene.shown) == 1
    monkeypatch.setattr(cool_down, "COOL_DOWN", 0.0)
    scene.az.decision = "allow"
    assert scene.post(auth).status_code == 200
    assert len(scene.shown) == 2


def test_a_fault_before_anybody_was_asked_is_shared_with_those_who_wait_and_then_forgotten(scene: Scene) -> None:
    release, arrived = threading.Event(), threading.Event()
    scene.az.fault("/register", gate(release, arrived=arrived), reply(503))
    auth = scene.oauth()

    def call(_: int) -> type[Exception]:
        with pytest.raises(RegistrationError) as caught:
            scene.post(auth)
        return caught.type

    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(call, number) for number in range(4)]
        assert arrived.wait(10)
        until(lambda: len(scene.mcp.requests(scene.mcp.path)) >= 4)
        release.set()
        assert [done.result() for done in calls] == [RegistrationError] * 4
    assert len(scene.asked("/register")) == 1
    scene.az.clear_faults()
    assert scene.post(auth).status_code == 200  # no cool-down: no person was bothered


def test_signing_in_on_purpose_asks_although_the_tokens_are_good(scene: Scene) -> None:
    auth = scene.sign_in()
    before = scene.access_token
    tokens = auth.sign_in(["notes:read"])
    assert tokens.access_token != before
    assert parse_qs(urlsplit(scene.shown[0]).query)["scope"] == ["notes:read"]


def test_two_threads_that_sign_in_on_purpose_at_once_share_one_answer(scene: Scene) -> None:
    auth = scene.sign_in()
    started = threading.Barrier(2)
    release, arrived = threading.Event(), threading.Event()
    scene.az.fault("/token", gate(release, arrived=arrived))

    def sign_in(_: int) -> str:
        started.wait(10)
        return auth.sign_in().access_token

    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(sign_in, number) for number in range(2)]
        assert arrived.wait(10)
        release.set()
        assert len({call.result() for call in calls}) == 1
    assert len(scene.shown) == 1


def test_two_servers_sign_in_at_once_each_with_a_listener_of_its_own(scene: Scene) -> None:
    both = threading.Barrier(2)
    with Scene() as other:
        scenes = (scene, other)
        for one in scenes:
            one.before_going = lambda: both.wait(10)
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda one: one.post(one.oauth()).status_code, scenes))
        assert answers == [200, 200]
        assert redirect_of(scene.shown[0]) != redirect_of(other.shown[0])
        assert scene.access_token in scene.az.ledger.access
        assert other.access_token in other.az.ledger.access


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("::1", "[::1]")])
def test_the_callback_host_is_in_the_redirect_that_is_registered_sent_and_reached(
    scene: Scene, host: str, shown: str
) -> None:
    assert scene.post(scene.oauth(callback_host=host)).status_code == 200
    redirect = redirect_of(scene.shown[0])
    assert redirect.startswith(f"http://{shown}:")
    [registration] = scene.asked("/register")
    assert registration.json()["redirect_uris"] == [redirect]
    [exchange] = scene.asked("/token")
    assert exchange.param("redirect_uri") == redirect


def test_a_second_sign_in_listens_on_the_port_that_is_registered(scene: Scene) -> None:
    auth = scene.sign_in()
    first = scene.record().redirect_uri
    auth.sign_out()
    assert scene.post(scene.oauth()).status_code == 200
    assert redirect_of(scene.shown[0]) == first
    assert scene.az.registrations == 1


def test_when_the_registered_port_is_taken_another_one_is_registered(scene: Scene) -> None:
    auth = scene.sign_in()
    first = scene.record().redirect_uri
    auth.sign_out()
    with socket.create_server(("127.0.0.1", urlsplit(first or "").port or 0)):
        assert scene.post(scene.oauth()).status_code == 200
    second = redirect_of(scene.shown[0])
    assert second != first
    [registration] = scene.asked("/register")
    assert registration.json()["redirect_uris"] == [second]
    [exchange] = scene.asked("/token")
    assert exchange.param("redirect_uri") == second


def test_a_busy_port_that_was_asked_for_is_an_error_before_anybody_is_asked(scene: Scene) -> None:
    scene.az.add_client("app")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(AuthorizationError, match=f"port {port}") as caught:
            scene.post(scene.oauth(client_id="app", callback_port=port))
    assert "callback_port=" in (caught.value.hint or "")
    assert scene.shown == []


def test_ten_sign_ins_make_one_registration(scene: Scene) -> None:
    for _ in range(10):
        auth = scene.oauth()
        assert scene.post(auth).status_code == 200
        auth.sign_out()
    assert (scene.az.registrations, len(scene.shown)) == (1, 10)


def test_where_nobody_can_register_the_error_says_what_to_do_before_anything_listens_or_is_shown(scene: Scene) -> None:
    scene.az.registration_mode = "absent"
    before = stored()
    with socket.create_server(("127.0.0.1", 0)) as busy:  # a listener would be refused this port
        port = busy.getsockname()[1]
        with pytest.raises(RegistrationRequiredError) as caught:
            scene.post(scene.oauth(callback_port=port))
    assert caught.value.issuer == scene.az.issuer
    assert f"http://127.0.0.1:{port}/callback" in (caught.value.hint or "")
    assert "client_id=" in (caught.value.hint or "")
    assert (scene.shown, scene.asked("/authorize"), stored()) == ([], [], before)


def test_a_server_that_forbids_to_register_is_told_without_asking_anybody(scene: Scene) -> None:
    scene.az.registration_mode = "forbidden"
    before = stored()
    with pytest.raises(RegistrationRequiredError, match="HTTP 403, no JSON: 'Forbidden'") as caught:
        scene.post(scene.oauth())
    assert scene.az.endpoint("register") in caught.value.message
    assert "client_id=" in (caught.value.hint or "")
    assert (scene.shown, len(scene.asked("/register")), stored()) == ([], 1, before)


def test_a_server_that_registers_too_many_says_when_to_come_back(scene: Scene) -> None:
    scene.az.registration_mode, scene.az.retry_after = "rate-limited", "7"
    before = stored()
    with pytest.raises(RegistrationError) as caught:
        scene.post(scene.oauth())
    assert (caught.value.status, caught.value.issuer) == (429, scene.az.issuer)
    assert "in 7 seconds" in (caught.value.hint or "")
    assert (len(scene.asked("/register")), scene.shown, stored()) == (1, [], before)


def test_metadata_that_cannot_be_fetched_for_now_is_no_reason_to_guess_endpoints(scene: Scene) -> None:
    scene.mcp.fault(scene.mcp.prm_paths["path"], reply(503))
    auth = scene.oauth()
    for _ in range(2):
        with pytest.raises(DiscoveryError) as caught:
            scene.post(auth)
        assert caught.value.tried
    assert scene.az.log == []
    assert scene.shown == []


def test_a_server_that_refuses_the_address_a_caller_chose_is_not_asked_for_another(scene: Scene) -> None:
    scene.az.registration_mode = "loopback-refused"
    for chosen in ({"callback_host": "127.0.0.1"}, {"redirect_uri": "http://127.0.0.1/callback"}):
        with pytest.raises(RegistrationError) as caught:
            scene.oauth(**chosen).sign_in()
        assert "callback_host='localhost'" in (caught.value.hint or "")
    assert len(scene.asked("/register")) == 2
    assert scene.shown == []

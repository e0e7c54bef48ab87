"""Ctrl-C, a notebook's stop button or the end of a program at any stage of a refresh: it costs nobody a sign-in."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from mcp_oauth_sync import NoPrompt, OAuthConfig, OAuthFlow, interrupts
from mcp_oauth_sync.authorizer import refresh
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from tests.control_c import interrupting, press, pressed_after
from tests.scene import Scene
from tests.servers.faults import gate, reply


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


@pytest.fixture
def refreshing(scene: Scene) -> Scene:
    """A sign-in that is renewed at its next use."""
    scene.sign_in()
    scene.az.expire_all_access_tokens()
    return scene


@pytest.fixture
def config(scene: Scene) -> OAuthConfig:
    """Explicit endpoints, whose metadata nobody serves."""
    scene.az.resource_required = False
    scene.az.serve_at = set()
    scene.az.add_client("app")
    return OAuthConfig(scene.az.endpoint("authorize"), scene.az.endpoint("token"), client_id="app")


class Answer:
    """The answer of a token endpoint that is held up until Ctrl-C was pressed.

    Attributes:
        arrived: The request did.
        goes: The answer may.
    """

    def __init__(self, scene: Scene, *, acted: bool = True) -> None:
        self.arrived, self.goes = threading.Event(), threading.Event()
        scene.az.fault(scene.az.paths["token"], gate(self.goes, arrived=self.arrived, acted=acted), times=1)


def goes_on(scene: Scene) -> None:
    """A fresh process has what it needs, from one refresh in all."""
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    assert (scene.az.refreshes, scene.az.reuses, scene.shown) == (1, 0, [])


@pytest.mark.parametrize("acted", [False, True], ids=["before the server acted", "when it had acted"])
def test_while_the_answer_is_waited_for(refreshing: Scene, acted: bool) -> None:
    answer = Answer(refreshing, acted=acted)
    with interrupting(), pressed_after(answer.arrived, answer.goes.set):
        refreshing.post(refreshing.oauth())
    goes_on(refreshing)


def test_pressed_twice_as_some_do(refreshing: Scene) -> None:
    answer = Answer(refreshing)
    with interrupting(), pressed_after(answer.arrived, lambda: (press(), answer.goes.set())):
        refreshing.post(refreshing.oauth())
    goes_on(refreshing)


PROGRAM = """
import sys, requests
from mcp_oauth_sync import OAuth
requests.post(sys.argv[1], json={}, auth=OAuth(sys.argv[1]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
def test_a_program_that_is_told_to_end(refreshing: Scene, number: signal.Signals) -> None:
    answer = Answer(refreshing)
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, refreshing.url], stderr=subprocess.DEVNULL)
    try:
        assert answer.arrived.wait(60)
        program.send_signal(number)
        answer.goes.set()
        assert program.wait(60) == -number
    finally:
        program.kill()
        program.wait(60)
    goes_on(refreshing)


def test_while_the_new_tokens_are_written(refreshing: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = EncryptedFileStore.store_generic, []

    def interrupted(store: EncryptedFileStore, *positional: Any, **options: Any) -> None:
        press()
        write(store, *positional, **options)
        written.append(positional)

    with monkeypatch.context() as patch, interrupting():
        patch.setattr(EncryptedFileStore, "store_generic", interrupted)
        refreshing.post(refreshing.oauth())
    assert len(written) == 1
    goes_on(refreshing)


def test_where_no_answer_comes_it_ends_soon(refreshing: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "GRACE", 0.01)
    answer = Answer(refreshing, acted=False)
    with interrupting(), pressed_after(answer.arrived):
        refreshing.post(refreshing.oauth())
    goes_on(refreshing)


def test_between_two_attempts_it_ends_at_once(refreshing: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "BACKOFF", (9.0,))
    asleep, original = threading.Event(), interrupts.sleep

    def sleep(seconds: float) -> None:
        asleep.set()
        original(600)

    monkeypatch.setattr(interrupts, "sleep", sleep)
    refreshing.az.fault(refreshing.az.paths["token"], reply(503, ""), times=1)
    with interrupting(), pressed_after(asleep):
        refreshing.post(refreshing.oauth())
    goes_on(refreshing)


def test_a_client_that_is_driven_step_by_step_holds_what_came(scene: Scene) -> None:
    client = scene.client()
    old = client.authorize()
    scene.person.join()
    answer = Answer(scene)
    with interrupting(), pressed_after(answer.arrived, answer.goes.set):
        client.refresh_token()
    assert client.tokens is not None
    assert client.tokens.access_token != old.access_token
    assert client.refresh_token().refresh_token
    assert (scene.az.refreshes, scene.az.reuses) == (2, 0)


def test_a_flow_of_explicit_endpoints_holds_what_came(scene: Scene, config: OAuthConfig) -> None:
    flow = OAuthFlow(config, prompt=scene.prompt)
    old = flow.authorize()
    scene.person.join()
    answer = Answer(scene)
    with interrupting(), pressed_after(answer.arrived, answer.goes.set):
        flow.refresh_token()
    assert flow.record.tokens is not None
    assert flow.record.tokens.access_token != old.access_token
    assert flow.refresh_token().refresh_token
    assert (scene.az.refreshes, scene.az.reuses) == (2, 0)


def test_a_handler_with_explicit_endpoints_keeps_what_came(scene: Scene, config: OAuthConfig) -> None:
    scene.handler().ensure_authenticated("notes", config)
    scene.person.join()
    record = scene.manager.load_record("notes")
    assert record is not None
    assert record.tokens is not None
    scene.manager.save_record("notes", attrs.evolve(record, tokens=attrs.evolve(record.tokens, issued_at=1.0)))
    answer = Answer(scene)
    with interrupting(), pressed_after(answer.arrived, answer.goes.set):
        scene.handler().ensure_authenticated("notes", config)
    assert scene.handler(prompt=NoPrompt()).ensure_authenticated("notes", config).refresh_token
    assert (scene.az.refreshes, scene.az.reuses) == (1, 0)

"""Storms: of refused requests in one program, and of strangers at the door of the listener."""

from __future__ import annotations

import io
import threading
import webbrowser
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from mcp_oauth_sync import BrowserPrompt
from mcp_oauth_sync.prompts import loopback
from tests.scene import PING, Scene
from tests.servers import gate
from tests.stories.fleet import until

from . import storms

MANY = 50


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


@pytest.fixture
def opened(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Play the browser: a person follows what it is given."""
    addresses: list[str] = []

    def open_address(url: str, *_: Any, **__: Any) -> bool:
        addresses.append(url)
        scene.person.in_thread(url)
        return True

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", open_address)
    return addresses


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note each port that is listened on."""
    ports: list[int] = []

    class Noted(loopback._Server):
        def server_bind(self) -> None:
            super().server_bind()
            ports.append(self.server_port)

    monkeypatch.setattr(loopback, "_Server", Noted)
    return ports


def test_fifty_refused_requests_at_once_open_one_browser_and_one_listener(
    scene: Scene, opened: list[str], bound: list[int]
) -> None:
    release = threading.Event()
    scene.az.fault("/authorize", gate(release))  # nobody is signed in before all have been refused
    with requests.Session() as session, ThreadPoolExecutor(MANY) as pool:
        session.auth = scene.oauth(prompt=BrowserPrompt(output=io.StringIO()))
        answers = [pool.submit(session.post, scene.url, json=PING, timeout=60) for _ in range(MANY)]
        until(lambda: sum(exchange.status == 401 for exchange in scene.mcp.requests()) == MANY)
        release.set()
        assert [answer.result(60).status_code for answer in answers] == [200] * MANY
    assert len(opened) == len(bound) == 1
    assert (scene.az.registrations, scene.az.authorizations, scene.az.exchanges) == (1, 1, 1)


def test_a_second_storm_after_the_sign_in_has_died_opens_one_more(
    scene: Scene, opened: list[str], bound: list[int]
) -> None:
    with requests.Session() as session, ThreadPoolExecutor(MANY) as pool:
        session.auth = scene.oauth(prompt=BrowserPrompt(output=io.StringIO()))
        assert session.post(scene.url, json=PING, timeout=60).status_code == 200
        scene.az.revoke_family(scene.access_token)
        answers = [pool.submit(session.post, scene.url, json=PING, timeout=60) for _ in range(MANY)]
        assert [answer.result(60).status_code for answer in answers] == [200] * MANY
    assert len(opened) == len(bound) == 2
    assert (scene.az.registrations, scene.az.exchanges) == (1, 2)


def test_the_answer_is_taken_while_slow_connections_are_open_and_hostile_ones_keep_coming() -> None:
    siege = storms.besiege(slow=60, hostile=40)
    assert siege.status == 200
    assert siege.slow_left == 60
    assert siege.turned_away > 0
    assert siege.taken == 0

"""A sign-in in two steps: one process starts it, a person answers somewhere, another process finishes it, once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from mcp_oauth_sync import NoPrompt, OAuth
from mcp_oauth_sync.exceptions import InvalidRedirectError
from mcp_oauth_sync.stores import TokenManager, default_manager
from tests.scene import Scene

from .fleet import ROOT
from .web_app import WebApp


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


class Finisher:
    """A process as in `finisher.py`, loaded and waiting."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.stories.finisher"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def tell(self, url: str, redirect: str, **more: Any) -> None:
        """Let it finish a sign-in."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"url": url, "redirect": redirect, **more}) + "\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        """Return the next thing it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process has ended"
        return json.loads(line)

    def end(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@contextmanager
def finishers(number: int) -> Iterator[list[Finisher]]:
    """Start processes, and wait until all of them are ready."""
    started = [Finisher() for _ in range(number)]
    try:
        for one in started:
            assert one.hear() == "ready"
        yield started
    finally:
        for one in started:
            one.end()


def answer(scene: Scene, url: str) -> str:
    """Let the person answer in a browser of their own, and return where it ended."""
    redirect = scene.person.redirect_only(url)
    assert redirect is not None
    return redirect


def left() -> list[tuple[str, str]]:
    """Return what is left of started sign-ins in the default store."""
    return [entry for entry in default_manager().store.list_generic() if "pending" in entry[0]]


def test_another_process_finishes_it_and_everybody_uses_the_tokens(scene: Scene, store: str) -> None:
    waiting = scene.oauth(prompt=NoPrompt())
    started = scene.oauth(prompt=NoPrompt()).start_sign_in(["notes:read"])
    redirect = answer(scene, started.url)
    with finishers(1) as [other]:
        other.tell(scene.url, redirect)
        assert other.hear() == {"name": scene.url, "scope": "notes:read"}
    assert left() == []
    assert scene.post(waiting).status_code == 200
    record = scene.record()
    assert record.can_refresh()
    assert record.redirect_uri == "http://127.0.0.1/callback"
    assert (scene.az.exchanges, scene.shown) == (1, [])
    scene.expire()
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    with pytest.raises(InvalidRedirectError):
        scene.oauth().finish_sign_in(redirect)


def test_of_eight_processes_one_redeems_the_code_and_the_others_hear_why_not(scene: Scene) -> None:
    redirect = answer(scene, scene.oauth(prompt=NoPrompt()).start_sign_in().url)
    with finishers(8) as others:
        for other in others:
            other.tell(scene.url, redirect)
        heard = [other.hear() for other in others]
    assert sorted(map(str, heard))[:7] == ["InvalidRedirectError"] * 7
    assert (scene.az.exchanges, scene.az.code_reuses) == (1, 0)
    assert scene.az.is_active(scene.access_token)
    assert left() == []


def test_a_process_killed_before_the_code_goes_out_leaves_nothing_that_could_send_it(scene: Scene) -> None:
    redirect = answer(scene, scene.oauth(prompt=NoPrompt()).start_sign_in().url)
    with finishers(1) as [other]:
        other.tell(scene.url, redirect, stop=True)
        assert other.hear() == "taken"
        other.end()
        with pytest.raises(InvalidRedirectError, match="no sign-in that is under way"):
            scene.oauth(prompt=NoPrompt()).finish_sign_in(redirect)
    assert (scene.az.exchanges, left()) == (0, [])
    again = answer(scene, scene.oauth(prompt=NoPrompt()).start_sign_in().url)
    assert scene.oauth(prompt=NoPrompt()).finish_sign_in(again)


def test_with_a_password_nothing_of_it_can_be_read_in_the_files_meanwhile(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_OAUTH_SYNC_PASSWORD", "correct horse battery staple")
    started = scene.oauth(prompt=NoPrompt()).start_sign_in()  # the canary looks at the files when the test ends
    [(namespace, key)] = left()
    assert namespace == "pending"
    kept = default_manager().store.retrieve_generic(key, namespace=namespace)
    assert kept is not None
    assert json.loads(kept)["verifier"]
    redirect = answer(scene, started.url)
    with finishers(2) as [foreign, other]:
        foreign.tell(scene.url, redirect, options={"profile": "work"})
        assert foreign.hear() == "InvalidRedirectError"
        other.tell(scene.url, redirect)
        assert other.hear()["name"] == scene.url
    scene.oauth(prompt=NoPrompt()).start_sign_in()
    assert len(left()) == 1, "what is left for the canary to look at"


def test_a_sign_in_started_in_a_process_that_forgets_everything_is_finished_there(scene: Scene) -> None:
    manager = TokenManager(backend="memory")
    started = OAuth(scene.url, token_manager=manager, prompt=NoPrompt()).start_sign_in()
    tokens = OAuth(scene.url, token_manager=manager).finish_sign_in(answer(scene, started.url))
    assert scene.az.is_active(tokens.access_token)
    assert manager.store.list_generic(namespace="pending") == []


def test_a_web_application_starts_in_one_request_and_finishes_in_another(scene: Scene) -> None:
    with WebApp(scene.url) as app, requests.Session() as browser:
        first = browser.get(f"{app.url}/ping", timeout=10, allow_redirects=False)
        assert first.headers["Location"] == "/connect", "nobody is signed in, and no prompt is in the way"
        landed = browser.get(f"{app.url}/ping", timeout=10)
        assert (landed.status_code, landed.text) == (200, "pong")
        again = next(answer.url for answer in landed.history if "/back?" in answer.url)
        assert browser.get(again, timeout=10).status_code == 400, "the back button redeems nothing twice"
        assert browser.get(f"{app.url}/back?code=made-up&state=made-up", timeout=10).status_code == 400
        assert browser.get(f"{app.url}/ping", timeout=10).text == "pong"
        scene.az.decision = "deny"
        refused = browser.get(f"{app.url}/connect", timeout=10)
        assert (refused.status_code, "denied" in refused.text) == (400, True)
    assert (scene.az.exchanges, scene.az.registrations) == (1, 1)
    assert scene.record().redirect_uri == f"{app.url}/back"


def test_tokens_that_are_bound_to_a_key_are_finished_with_the_key_of_the_start() -> None:
    with Scene() as scene:
        scene.offer_binding(only=True, nonces=True)
        redirect = answer(scene, scene.oauth(prompt=NoPrompt()).start_sign_in().url)
        finisher = scene.oauth(prompt=NoPrompt())
        assert finisher.finish_sign_in(redirect).bound
        assert scene.post(finisher).status_code == 200
        scene.expire()
        assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
        assert len(set(scene.az.dpop.keys + scene.mcp.binding.keys)) == 1
        scene.oauth(prompt=NoPrompt()).start_sign_in()  # a key for the canary to look for

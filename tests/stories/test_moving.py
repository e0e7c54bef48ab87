"""A sign-in taken from the laptop to the server: it goes on there, and here it is over without a trace of a quarrel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_sync import ExportKeyPair, NoPrompt, OAuthConfig, TokenManager
from mcp_oauth_sync.exceptions import SignInRequiredError, TokenStorageError
from mcp_oauth_sync.stores import default_manager
from tests.scene import Scene
from tests.servers import gate

from .fleet import ROOT

PASSWORD = "correct horse battery staple"


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


class Machine:
    """A process as in `traveller.py`, with a home of its own or that of the test."""

    def __init__(self, url: str, home: Path | None) -> None:
        environment = {**os.environ, **({"MCP_OAUTH_SYNC_HOME": str(home)} if home else {})}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.stories.traveller", url],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, what: str, **arguments: Any) -> Any:
        """Have something done, and return what came of it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([what, arguments]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        """Tell it nothing any more."""
        self.process.communicate(timeout=60)


@pytest.fixture
def machine(scene: Scene, home: Path) -> Iterator[Callable[[str | None], Machine]]:
    """Start processes: on the machine of the test, or on another one with a name."""
    with ExitStack() as ends:

        def started(name: str | None) -> Machine:
            made = Machine(scene.url, home / name if name else None)
            ends.callback(made.end)
            return made

        yield started


def test_it_goes_on_there_and_nobody_uses_it_here_any_more(
    scene: Scene, machine: Callable[[str | None], Machine]
) -> None:
    scene.sign_in()
    here, bystander, there = machine(None), machine(None), machine("server")
    assert [here("post"), bystander("post")] == [200, 200]
    assert there("post")["error"] == "SignInRequiredError"
    sealed = here("export_sign_in", password=PASSWORD)
    assert there("import_sign_in", sealed=sealed, password=PASSWORD) == scene.url
    assert there("post") == 200
    scene.az.expire_all_access_tokens()
    assert there("post") == 200
    for process in (here, bystander, machine(None)):
        refusal = process("post")
        assert refusal["error"] == "SignInRequiredError"
        assert "was moved to another machine on 20" in refusal["message"]
        assert f"mcp-oauth-sync auth {scene.url}" in refusal["hint"]
    assert there("post") == 200
    assert (scene.az.refreshes, scene.az.reuses, scene.az.exchanges) == (1, 0, 1)
    assert scene.shown == []


def test_who_holds_it_in_memory_may_use_the_access_token_until_it_ends(
    scene: Scene, machine: Callable[[str | None], Machine]
) -> None:
    scene.sign_in()
    here, bystander = machine(None), machine(None)
    assert bystander("post") == 200
    here("export_sign_in", password=PASSWORD)
    assert here("post")["error"] == "SignInRequiredError", "who has exported it looks at once"
    assert bystander("post") == 200, "its access token is good on both machines"
    scene.az.expire_all_access_tokens()
    assert bystander("post")["error"] == "SignInRequiredError"
    assert scene.az.refreshes == 0


def test_signing_out_here_ends_nothing_there(scene: Scene, machine: Callable[[str | None], Machine]) -> None:
    scene.sign_in()
    here, there = machine(None), machine("server")
    there("import_sign_in", sealed=here("export_sign_in", password=PASSWORD), password=PASSWORD)
    assert here("sign_out") is False
    assert machine(None)("sign_out", forget=True) is False
    assert there("post") == 200
    assert scene.asked("/revoke") == []
    assert there("sign_out") is True


def test_who_signs_out_here_is_told_that_the_tokens_live_on(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    auth = scene.sign_in()
    auth.export_sign_in(password=PASSWORD)
    assert auth.sign_out() is False
    assert "its tokens live there, and were not revoked" in caplog.text
    assert scene.record().moved_on, "and it is still known that it has moved"


def test_it_comes_back_the_same_way(scene: Scene, machine: Callable[[str | None], Machine]) -> None:
    scene.sign_in()
    here, there = machine(None), machine("server")
    there("import_sign_in", sealed=here("export_sign_in", password=PASSWORD), password=PASSWORD)
    scene.az.expire_all_access_tokens()
    assert there("post") == 200
    here("import_sign_in", sealed=there("export_sign_in", password=PASSWORD), password=PASSWORD)
    scene.az.expire_all_access_tokens()
    assert here("post") == 200
    assert there("post")["error"] == "SignInRequiredError"
    assert (scene.az.refreshes, scene.az.reuses) == (2, 0)


def test_signing_in_anew_here_ends_nothing_there(scene: Scene, machine: Callable[[str | None], Machine]) -> None:
    scene.sign_in()
    here, there = machine(None), machine("server")
    there("import_sign_in", sealed=here("export_sign_in", password=PASSWORD), password=PASSWORD)
    assert scene.post(scene.oauth()).status_code == 200, "somebody is there: they are asked as ever"
    assert len(scene.shown) == 1
    scene.az.expire_all_access_tokens()
    assert [here("post"), there("post")] == [200, 200]
    assert (scene.az.reuses, scene.az.registrations) == (0, 1)


def test_a_client_with_a_secret_takes_it_along(scene: Scene, home: Path) -> None:
    scene.az.add_client("app", "secret-of-the-app-0123456789", redirect_uris=["http://127.0.0.1/callback"])
    scene.az.port_free_redirects = True
    auth = scene.sign_in(
        client_id="app",
        client_secret="secret-of-the-app-0123456789",
        token_endpoint_auth_method="client_secret_basic",
    )
    pair = ExportKeyPair.generate()
    other = TokenManager(home / "server")
    other.import_sign_in(auth.export_sign_in(public_key=pair.public), private_key=pair.private)
    scene.az.expire_all_access_tokens()
    there = scene.oauth(token_manager=other, prompt=NoPrompt())
    assert scene.post(there).status_code == 200
    [sent] = scene.asked("/token")
    assert sent.headers["Authorization"].startswith("Basic ")


def test_it_leaves_and_comes_back_through_every_kind_of_store(scene: Scene, store: str) -> None:
    auth = scene.sign_in()
    away = TokenManager(backend="memory")
    away.import_sign_in(auth.export_sign_in(public_key=away.receiving_key("away")), name="away")
    key = default_manager().receiving_key(scene.url)
    assert default_manager().import_sign_in(away.export_sign_in("away", public_key=key)) == scene.url
    scene.az.expire_all_access_tokens()
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    assert [entry for entry in default_manager().store.list_generic() if "keys" in entry[0]] == []
    with pytest.raises(TokenStorageError, match="was moved to another machine"):
        away.export_sign_in("away", password=PASSWORD)


def test_of_many_who_export_it_at_once_one_gets_it(scene: Scene) -> None:
    scene.sign_in()
    public = ExportKeyPair.generate().public

    def leave(_: int) -> str:
        try:
            return default_manager().export_sign_in(scene.url, public_key=public)
        except TokenStorageError as failure:
            return failure.message

    with ThreadPoolExecutor(8) as pool:
        told = sorted(pool.map(leave, range(8)))
    assert [text.startswith("mcp-oauth-sync.1.key.") for text in told].count(True) == 1
    assert sum("was moved" in text for text in told) == 7


def test_an_early_renewal_finds_out_that_it_has_moved(scene: Scene) -> None:
    auth = scene.sign_in()
    default_manager().export_sign_in(scene.url, password=PASSWORD)
    auth._authorizer.held.good_until = float("-inf")  # the time has come to renew it
    assert auth._authorizer.current() is None
    assert scene.asked("/token") == []


def test_a_refresh_under_way_is_waited_for_and_the_fresh_tokens_leave(scene: Scene, home: Path) -> None:
    auth = scene.sign_in()
    scene.az.expire_all_access_tokens()
    arrived, release = threading.Event(), threading.Event()
    scene.az.fault("/token", gate(release, arrived=arrived), times=1)
    with ThreadPoolExecutor(2) as pool:
        renewing = pool.submit(scene.post, auth)
        assert arrived.wait(10)
        leaving = pool.submit(default_manager().export_sign_in, scene.url, password=PASSWORD)
        release.set()
        assert renewing.result(30).status_code == 200
        sealed = leaving.result(30)
    other = TokenManager(home / "server")
    other.import_sign_in(sealed, password=PASSWORD)
    scene.az.expire_all_access_tokens()
    assert scene.post(scene.oauth(token_manager=other, prompt=NoPrompt())).status_code == 200
    assert (scene.az.refreshes, scene.az.reuses) == (2, 0)


def test_with_keep_both_go_on_where_the_server_does_not_rotate(scene: Scene, home: Path) -> None:
    scene.az.rotate = False
    auth = scene.sign_in()
    other = TokenManager(home / "server")
    other.import_sign_in(auth.export_sign_in(password=PASSWORD, keep=True), password=PASSWORD)
    scene.az.expire_all_access_tokens()
    assert scene.post(scene.oauth(token_manager=other, prompt=NoPrompt())).status_code == 200
    assert scene.post(auth).status_code == 200
    assert (scene.az.refreshes, scene.az.reuses) == (2, 0)


def test_another_servers_sign_in_is_not_taken_over(scene: Scene, home: Path) -> None:
    sealed = scene.sign_in().export_sign_in(password=PASSWORD)
    with Scene() as other:
        manager = TokenManager(home / "server")
        with pytest.raises(TokenStorageError, match="not at"):
            other.oauth(token_manager=manager).import_sign_in(sealed, password=PASSWORD)
        assert manager.names() == []


def test_a_sign_in_from_explicit_endpoints_says_that_it_has_moved(scene: Scene) -> None:
    scene.az.resource_required = False  # an OAuthConfig names no resource
    client = scene.az.add_client("a client")
    config = OAuthConfig(scene.az.endpoint("authorize"), scene.az.endpoint("token"), client_id=client["client_id"])
    scene.handler().ensure_authenticated("server", config)
    default_manager().export_sign_in("server", password=PASSWORD)
    with pytest.raises(SignInRequiredError, match="moved to another machine on 20") as caught:
        scene.handler(prompt=NoPrompt()).ensure_authenticated("server", config)
    assert "To sign in anew here" in (caught.value.hint or "")
    default_manager().delete_record("server")
    with pytest.raises(SignInRequiredError, match="nobody is there to ask"):
        scene.handler(prompt=NoPrompt()).ensure_authenticated("server", config)


def test_the_handler_sends_no_header_of_a_sign_in_that_has_moved(scene: Scene) -> None:
    handler = scene.handler()
    handler.ensure_authenticated_mcp("notes", scene.url)
    handler.token_manager.export_sign_in("notes", password=PASSWORD)
    assert handler.get_authorization_header("notes") is None
    assert handler.logout("notes") is False
    assert scene.asked("/revoke") == []


def test_the_key_that_tokens_are_bound_to_goes_along_and_does_not_stay(home: Path) -> None:
    with Scene() as scene:
        scene.offer_binding(only=True, nonces=True)
        auth = scene.sign_in()
        other = TokenManager(home / "server")
        other.import_sign_in(auth.export_sign_in(password=PASSWORD), password=PASSWORD)
        assert scene.record().dpop_key is None
        scene.az.expire_all_access_tokens()
        assert scene.post(scene.oauth(token_manager=other, prompt=NoPrompt())).status_code == 200
        assert len(set(scene.az.dpop.keys + scene.mcp.binding.keys)) == 1
        with pytest.raises(SignInRequiredError, match="moved to another machine"):
            scene.post(scene.oauth(prompt=NoPrompt()))

"""``auth NAME URL``: a person at a terminal signs in, declines, is too late, gives up, or is not there."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_oauth_sync.stores import default_manager
from tests.servers import Person

from .conftest import Scene
from .terminal import OBEYED, Terminal, run

Browser = Callable[[str], tuple[str, Path]]


def test_a_person_who_follows_the_printed_link_is_signed_in(scene: Scene) -> None:
    with Terminal("auth", "notes", scene.url, out=True) as terminal:
        scene.person(terminal.address())
        assert terminal.end() == 0
    assert f"Sign in to {scene.url}" in terminal.screen
    assert f"Signed in to {scene.url} as 'notes'; kept in encrypted files in {scene.store}." in terminal.words
    assert terminal.output == b""
    tokens = default_manager().load_tokens("notes")
    assert tokens is not None
    assert scene.az.is_active(tokens.access_token)
    assert tokens.access_token not in terminal.screen
    assert (scene.az.authorizations, scene.az.exchanges) == (1, 1)
    assert scene.person.page is not None
    assert "You are signed in" in scene.person.page.html


def test_the_named_browser_is_opened_once(scene: Scene, browser: Browser) -> None:
    variable, opened = browser("allow")
    with Terminal("auth", "notes", scene.url, environment={"BROWSER": variable}) as terminal:
        assert terminal.end() == 0
    [address] = opened.read_text().splitlines()
    assert address == terminal.address()
    assert "A browser window opens now." in terminal.screen
    assert scene.az.exchanges == 1


def test_scopes_client_and_port_reach_the_server(scene: Scene) -> None:
    scene.az.add_client("by-hand")
    scene.az.scopes_supported = ("notes:read", "notes:write")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    flags = ["--scopes", "notes:read notes:write", "--client-id", "by-hand", "--port", port]
    with Terminal("auth", "notes", scene.url, *flags) as terminal:
        scene.person(terminal.address())
        assert terminal.end() == 0
    asked = parse_qs(urlsplit(scene.person.visited[0]).query)
    assert asked["scope"] == ["notes:read notes:write"]
    assert asked["client_id"] == ["by-hand"]
    assert asked["redirect_uri"] == [f"http://127.0.0.1:{port}/callback"]
    assert scene.az.registrations == 0
    assert "\nGranted: notes:read notes:write\n" in terminal.screen


def test_a_person_who_says_no_ends_it_with_1_and_nothing_is_kept(scene: Scene) -> None:
    scene.az.auto_consent = False
    with Terminal("auth", "notes", scene.url) as terminal:
        Person("deny")(terminal.address())
        assert terminal.end() == 1
    assert "\nerror: " in terminal.screen
    assert "Traceback" not in terminal.screen
    assert scene.az.exchanges == 0
    assert default_manager().load_tokens("notes") is None


def test_ctrl_c_ends_it_within_a_second_with_130_and_leaves_nothing(scene: Scene) -> None:
    with Terminal("auth", "notes", scene.url) as terminal:
        redirect = urlsplit(parse_qs(urlsplit(terminal.address()).query)["redirect_uri"][0])
        terminal.read_until("Ctrl-C stops")
        terminal.press("\x03")
        assert terminal.end(within=2 * 1.0) == 130  # twice the second, for a machine that is busy
    assert terminal.screen.splitlines()[-1].endswith("interrupted")
    assert "Traceback" not in terminal.screen
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((redirect.hostname or "", redirect.port or 0), timeout=5)
    assert scene.az.exchanges == 0
    assert scene.files == {}


def test_a_person_who_takes_too_long_is_told_how_to_get_more_time(scene: Scene) -> None:
    with Terminal("auth", "notes", scene.url, "--timeout", "0.2") as terminal:
        assert terminal.end() == 1
    error, hint = terminal.screen.splitlines()[-2:]
    assert error == "error: Nobody completed the sign-in within 0.2 seconds."
    assert "--timeout" in hint
    assert "sign_in_timeout" not in hint
    assert default_manager().names() == []


def test_a_busy_port_is_an_error_that_names_the_flag(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with Terminal("auth", "notes", scene.url, "--port", str(port)) as terminal:
            assert terminal.end() == 1
    assert f"error: Cannot listen on 127.0.0.1 port {port}" in terminal.screen
    assert "--port" in terminal.screen.splitlines()[-1]
    assert scene.az.authorizations == 0


def test_without_a_terminal_nobody_is_asked_and_3_says_where_to_run_it(scene: Scene, browser: Browser) -> None:
    variable, opened = browser("allow")
    done = run("auth", "notes", scene.url, environment={"BROWSER": variable, "DISPLAY": ":0"})
    assert (done.status, done.out) == (3, "")
    error, hint = done.err.splitlines()
    assert error.startswith(f"error: A person has to sign in to {scene.url}")
    assert hint == "hint: Run this command in a terminal, where you can follow the link it prints."
    assert scene.quiet()
    assert not opened.exists()
    assert scene.files == {}


@pytest.mark.parametrize("error", ["access_denied", "server_error"])
def test_what_a_hostile_server_says_does_not_reach_the_terminal(scene: Scene, error: str) -> None:
    said = "\x1b[2J\x1b]0;title\x07\u202eno\r\nerror: your disk is full\x9b31m"
    scene.az.before_redirect = lambda answer: {
        "state": answer["state"],
        "iss": answer.get("iss"),
        "error": error,
        "error_description": said,
    }
    with Terminal("auth", "notes", scene.url) as terminal:
        scene.person(terminal.address())
        assert terminal.end() == 1
    assert OBEYED.findall(terminal.screen) == []
    assert "\nerror: your disk is full" not in terminal.screen
    assert len([line for line in terminal.screen.splitlines() if line.startswith("error: ")]) == 1


def test_a_hostile_scope_does_not_reach_the_terminal(scene: Scene) -> None:
    scene.az.token_overrides = {"scope": "notes\x1b[31m:read\x07"}
    with Terminal("auth", "notes", scene.url) as terminal:
        scene.person(terminal.address())
        assert terminal.end() == 0
    assert OBEYED.findall(terminal.screen) == []
    assert "Granted: notes" not in terminal.screen, "what is no scope counts as none named"


def test_a_server_that_is_not_there_is_an_error_with_every_address_tried(scene: Scene) -> None:
    scene.az.stop()
    with Terminal("auth", "notes", scene.url) as terminal:
        assert terminal.end() == 1
    assert terminal.screen.startswith("error: ")
    assert f"  tried {scene.az.url}/.well-known/oauth-authorization-server" in terminal.screen
    assert terminal.screen.splitlines()[-1].startswith("hint: ")
    assert scene.files == {}


def test_verbose_tells_each_step_and_no_secret(scene: Scene) -> None:
    with Terminal("auth", "notes", scene.url, "--verbose") as terminal:
        scene.person(terminal.address())
        assert terminal.end() == 0
    assert "/.well-known/oauth-protected-resource/mcp" in terminal.screen
    hidden = terminal.screen.replace(terminal.address(), "")  # the address itself carries the state
    assert [secret for secret in scene.az.secrets if secret in hidden] == []


def test_signing_in_again_replaces_the_sign_in_and_keeps_the_registration(scene: Scene) -> None:
    before = scene.sign_in()
    with Terminal("auth", "notes", scene.url) as terminal:
        scene.person(terminal.address())
        assert terminal.end() == 0
    tokens = default_manager().load_tokens("notes")
    assert tokens is not None
    assert tokens.access_token != before
    assert scene.az.requests("/register") == []


def test_it_can_be_run_as_a_module_from_any_folder(scene: Scene, tmp_path: Path) -> None:
    with Terminal("auth", "notes", scene.url, cwd=tmp_path) as terminal:
        scene.person(terminal.address())
        assert terminal.end() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["home"]

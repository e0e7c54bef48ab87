"""``auth NAME URL --device``: a person reads a code at the terminal and enters it elsewhere; or does not."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from mcp_oauth_sync.stores import default_manager
from tests.prompts.squares import square_in, square_of
from tests.servers import ABSENT, Person

from .conftest import Scene
from .terminal import OBEYED, Terminal, run

#: Seconds of the shortest pause that the client makes.
SOON = 1
WHOLE = {"TERM": "xterm-256color"}
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "device_code.py"


@pytest.fixture
def scene(scene: Scene) -> Scene:
    scene.az.offer_device_codes = True
    scene.az.device_interval = SOON
    return scene


def device_auth(scene: Scene, *flags: str, **environment: str) -> Terminal:
    return Terminal("auth", "notes", scene.url, "--device", *flags, environment=environment)


def code_in(terminal: Terminal) -> str:
    """Wait for the code and return it as a person types it who reads the line."""
    return terminal.read_until(r"(?m)^    ((?:\S )+\S)\n")[1].replace(" ", "")


def enter(terminal: Terminal, decision: str = "allow") -> None:
    Person(decision).enter(terminal.address(), code_in(terminal))


def test_a_person_who_enters_the_code_on_another_device_is_signed_in(scene: Scene) -> None:
    with device_auth(scene, **WHOLE) as terminal:
        terminal.read_until("Ctrl-C stops")
        enter(terminal)
        assert terminal.end() == 0
    assert f"Sign in to {scene.url}" in terminal.screen
    assert "The code was accepted.\n" in terminal.screen
    assert terminal.words.endswith(f"as 'notes'; kept in encrypted files in {scene.store}.")
    tokens = default_manager().load_tokens("notes")
    assert tokens is not None
    assert scene.az.is_active(tokens.access_token)
    assert scene.az.requests("/authorize") == []
    [asked] = scene.az.requests("/token")
    assert (asked.param("device_code") or "") not in terminal.screen
    [device] = scene.az.devices.values()
    complete = f"{scene.az.endpoint('enter')}?user_code={device.user_code}"
    assert square_in(terminal.screen) == square_of(complete)
    rest = terminal.screen.replace("\x1b[38;5;16;48;5;231m", "").replace("\x1b[0m", "")
    assert set(OBEYED.findall(rest)) <= {"\r"}  # the line about the time that is left


def test_a_simple_terminal_shows_the_same_without_the_square(scene: Scene) -> None:
    with device_auth(scene, TERM="dumb") as terminal:
        enter(terminal)
        assert terminal.end() == 0
    assert OBEYED.findall(terminal.screen) == []


def test_the_address_with_the_code_in_it_needs_no_typing(scene: Scene) -> None:
    with device_auth(scene) as terminal:
        Person().enter(terminal.read_until(r"(?m)^  (http\S+\?user_code=\S+)\n")[1], "")
        assert terminal.end() == 0


def test_a_browser_at_hand_opens_at_the_address_with_the_code_in_it(
    scene: Scene, browser: Callable[[str], tuple[str, Path]]
) -> None:
    variable, opened = browser("allow")
    with device_auth(scene, BROWSER=variable) as terminal:
        assert terminal.end() == 0
    assert "A browser window opens now." in terminal.screen
    [address] = opened.read_text().splitlines()
    [device] = scene.az.devices.values()
    assert address == f"{scene.az.endpoint('enter')}?user_code={device.user_code}"


def test_a_person_who_says_no_ends_it_with_1_and_nothing_is_kept(scene: Scene) -> None:
    with device_auth(scene) as terminal:
        enter(terminal, "deny")
        assert terminal.end() == 1
    assert re.search(r"[\n\r]error: Access was denied \(access_denied", terminal.screen)
    record = default_manager().load_record("notes")
    assert record is None or record.tokens is None  # the registration is kept for the next try


def test_a_code_that_expires_ends_it_with_1_and_says_how_to_go_on(scene: Scene) -> None:
    scene.az.device_ttl = SOON
    with device_auth(scene) as terminal:
        assert terminal.end() == 1
    error, hint = terminal.screen.splitlines()[-2:]
    assert error == "error: The code expired after 1 seconds, before it was entered."
    assert hint == "hint: Start the sign-in again; that brings a new code."


def test_a_person_who_takes_too_long_is_told_how_to_get_more_time(scene: Scene) -> None:
    with device_auth(scene, "--timeout", "0.2") as terminal:
        assert terminal.end() == 1
    error, hint = terminal.screen.splitlines()[-2:]
    assert error == "error: Nobody completed the sign-in within 0.2 seconds."
    assert "--timeout" in hint


def test_ctrl_c_ends_it_at_once_with_130_and_leaves_the_terminal_as_it_was(scene: Scene) -> None:
    scene.az.device_interval = 60
    with device_auth(scene, **WHOLE) as terminal:
        terminal.read_until("Ctrl-C stops")
        terminal.press("\x03")
        assert terminal.end(within=2 * 1.0) == 130  # twice the second, for a machine that is busy
    assert terminal.screen.splitlines()[-1].endswith("interrupted")
    assert "Traceback" not in terminal.screen
    assert terminal.screen.rindex("\x1b[0m") > terminal.screen.rindex("\x1b[38")
    assert scene.files == {}
    assert scene.az.requests("/token") == []


def test_nothing_hostile_reaches_the_terminal(scene: Scene) -> None:
    scene.az.device_overrides = {"user_code": "X\x1b[2J\u202e\nerror: your disk is full"}
    with device_auth(scene) as terminal:
        assert terminal.end() == 1
    assert OBEYED.findall(terminal.screen) == []
    assert "your disk is full" not in terminal.screen
    assert "error: The answer of the device authorization endpoint" in terminal.screen
    assert scene.files == {}


def test_a_server_without_codes_is_an_error_that_names_the_flag(scene: Scene) -> None:
    scene.az.offer_device_codes = False
    with device_auth(scene) as terminal:
        assert terminal.end() == 1
    assert "offers no sign-in by code" in terminal.words
    assert " hint: Leave out --device: " in terminal.words


def test_a_server_with_nothing_but_codes_is_an_error_that_names_the_flag(scene: Scene) -> None:
    scene.az.metadata_overrides = {"authorization_endpoint": ABSENT}
    with Terminal("auth", "notes", scene.url) as terminal:
        assert terminal.end() == 1
    assert terminal.screen.splitlines()[-1].endswith("pass --device.")


def test_where_no_browser_is_at_hand_the_code_is_offered(scene: Scene) -> None:
    with Terminal("auth", "notes", scene.url) as terminal:
        scene.person(terminal.address())
        assert terminal.end() == 0
    [line] = [line for line in terminal.screen.splitlines() if "--device" in line]
    assert line == "A code works too: mcp-oauth-sync auth ... --device, or grant=DeviceCodeGrant()."


def test_without_a_terminal_nobody_is_asked_and_3_says_where_to_run_it(scene: Scene) -> None:
    done = run("auth", "notes", scene.url, "--device")
    assert (done.status, done.out) == (3, "")
    assert done.err.splitlines()[1].startswith("hint: Run this command in a terminal")
    assert scene.quiet()
    assert scene.files == {}


def test_a_program_without_a_terminal_is_told_the_command(scene: Scene) -> None:
    program = (
        "from mcp_oauth_sync import DeviceCodeGrant, OAuth\n"
        f"OAuth({scene.url!r}, name='notes', grant=DeviceCodeGrant()).headers()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 1
    said = done.stderr.decode()
    assert f"SignInRequiredError: A person has to sign in to {scene.url}" in said
    assert f"Run: mcp-oauth-sync auth notes {scene.url} --device" in said
    assert scene.az.requests("/device") == []


def test_two_at_once_show_one_code_and_both_are_signed_in(scene: Scene) -> None:
    program = (
        "from mcp_oauth_sync import DeviceCodeGrant, OAuth\n"
        f"auth = OAuth({scene.url!r}, grant=DeviceCodeGrant())\n"
        "print('begins')\n"
        "print('has', len(auth.headers()))\n"
    )
    python = [sys.executable, "-c", program]
    with Terminal(program=python) as one:
        code = code_in(one)
        with Terminal(program=python) as another:
            another.read_until("begins")
            Person().enter(one.address(), code)
            assert (one.end(), another.end()) == (0, 0)
    assert scene.az.device_authorizations == 1
    assert another.screen == "begins\nhas 1\n"
    assert one.screen.endswith("has 1\n")


def test_the_example_runs_against_the_server_it_brings_along(tmp_path: Path) -> None:
    with Terminal(program=[sys.executable, str(EXAMPLE)], cwd=tmp_path) as terminal:
        page, code = terminal.address(), code_in(terminal)
        assert "not known" in requests.post(page, data={"user_code": "WRONG"}, timeout=10).text
        assert code in requests.get(f"{page}?user_code={code}", timeout=10).text
        assert "Done" in requests.post(page, data={"user_code": code.lower()}, timeout=10).text
        assert terminal.end() == 0
    accepted = "The code was accepted.\nThe server answered 401 200 in turn.\nSigned in, with a Bearer token.\n"
    assert accepted in terminal.screen


def test_the_example_runs_against_a_server_that_is_named(scene: Scene) -> None:
    with Terminal(scene.url, program=[sys.executable, str(EXAMPLE)]) as terminal:
        enter(terminal)
        assert terminal.end() == 0
    assert "Signed in, with a Bearer token." in terminal.screen
    assert default_manager().names() == []
    assert len(scene.az.requests("/revoke")) > 0
    scene.az.offer_device_codes = False
    with Terminal(scene.url, program=[sys.executable, str(EXAMPLE)]) as terminal:
        assert terminal.end() == 1
    assert "error: The authorization server" in terminal.screen

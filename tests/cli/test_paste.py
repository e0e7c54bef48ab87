"""``auth`` at a terminal whose browser is elsewhere: the answer is pasted, and the terminal is as it was in the end."""

from __future__ import annotations

import re
import socket
import sys
import termios
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_oauth_sync.stores import default_manager
from tests.servers import Person

from .conftest import Scene
from .terminal import COMMAND, OBEYED, PATIENCE, Terminal, run

READY = "What you paste is not shown"
SSH = {"SSH_CONNECTION": "198.51.100.7 50000 203.0.113.9 2222"}


def redirect_for(terminal: Terminal, person: Person | None = None) -> str:
    """Go where the screen says, and return the address at which a browser elsewhere ends."""
    terminal.read_until(READY)
    redirect = (person or Person()).redirect_only(terminal.address())
    assert redirect is not None
    return redirect


def hidden(terminal: Terminal) -> bool:
    """Whether what is typed is not shown now."""
    local = terminal.settings[3]
    assert isinstance(local, int)
    return not local & (termios.ECHO | termios.ICANON)


def quietly_shows(terminal: Terminal, redirect: str) -> list[str]:
    """Return the secrets of a redirect that can be read beside the address to open."""
    shown = terminal.screen.replace(terminal.address(), "")
    query = parse_qs(urlsplit(redirect).query)
    return [value for name in ("code", "state") for value in query.get(name, []) if value in shown]


FORMS = {
    "the address": lambda url: url,
    "the query": lambda url: urlsplit(url).query,
    "the query with its mark": lambda url: "?" + urlsplit(url).query,
    "path and query": lambda url: "/callback?" + urlsplit(url).query,
    "the address in a message": lambda url: f'  "<{url}>"  ',
    "the address as a terminal marks it": lambda url: f"\x1b[200~{url}\x1b[201~",
    "the address after a false start": lambda url: f"http://wrong\x15x\x7f{url}",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_each_form_of_the_answer_signs_in(scene: Scene, form: object) -> None:
    with Terminal("auth", "notes", scene.url) as terminal:
        before = terminal.settings
        redirect = redirect_for(terminal)
        assert hidden(terminal)
        pasted = form(redirect)  # type: ignore[operator]
        terminal.press(f"{pasted}\r")
        assert terminal.end() == 0
        assert terminal.settings == before
    assert re.search(r"Received \d+ characters\.\s*\nSigned in to ", terminal.screen)
    assert quietly_shows(terminal, redirect) == []
    assert OBEYED.findall(terminal.screen.replace("\r", "")) == []
    assert scene.az.exchanges == 1
    tokens = default_manager().load_tokens("notes")
    assert tokens is not None
    assert scene.az.is_active(tokens.access_token)


def test_an_answer_longer_than_a_line_of_a_terminal_arrives_whole(scene: Scene) -> None:
    scene.az.before_redirect = lambda answer: {**answer, "session_state": "x" * 6000}
    with Terminal("auth", "notes", scene.url) as terminal:
        redirect = redirect_for(terminal)
        assert len(redirect) > 6000
        terminal.press(redirect)
        terminal.read_until(f"{len(redirect)} characters so far. Press Enter")
        terminal.press("\r")
        assert terminal.end() == 0
    assert f"Received {len(redirect)} characters." in terminal.screen
    assert quietly_shows(terminal, redirect) == []


def test_the_browser_wins_while_the_terminal_is_read(scene: Scene) -> None:
    with Terminal("auth", "notes", scene.url) as terminal:
        before = terminal.settings
        terminal.read_until(READY)
        terminal.press("http://half an addr")
        terminal.read_until("19 characters so far")
        scene.person(terminal.address())
        assert terminal.end() == 0
        assert terminal.settings == before
    assert "\nSigned in to " in terminal.screen
    assert scene.person.page is not None
    assert "You are signed in" in scene.person.page.html


def test_an_answer_to_something_else_ends_it_and_nothing_is_exchanged(scene: Scene) -> None:
    with Terminal("auth", "notes", scene.url) as terminal:
        before = terminal.settings
        redirect = redirect_for(terminal)
        state = parse_qs(urlsplit(redirect).query)["state"][0]
        terminal.press(redirect.replace(state, "another-state-of-many-characters") + "\r")
        assert terminal.end() == 1
        assert terminal.settings == before
    assert "error: The redirect does not belong to this sign-in (state differs); it was not used." in terminal.words
    assert scene.az.requests("/token") == []
    assert scene.files == {}


def test_an_answer_of_another_issuer_ends_it_and_nothing_is_exchanged(scene: Scene) -> None:
    scene.az.iss_mode = "wrong"
    with Terminal("auth", "notes", scene.url) as terminal:
        terminal.press(redirect_for(terminal) + "\r")
        assert terminal.end() == 1
    assert "(iss differs)" in terminal.screen
    assert scene.az.requests("/token") == []


def test_a_refusal_can_be_pasted_too(scene: Scene) -> None:
    scene.az.auto_consent = False
    with Terminal("auth", "notes", scene.url) as terminal:
        terminal.press(redirect_for(terminal, Person("deny")) + "\r")
        assert terminal.end() == 1
    assert "error: Access was denied" in terminal.screen
    assert scene.az.exchanges == 0


def test_what_is_no_answer_gets_one_line_and_the_wait_goes_on(scene: Scene) -> None:
    with Terminal("auth", "notes", scene.url) as terminal:
        redirect = redirect_for(terminal)
        for wrong, said in {
            "This site can't be reached": "That is not it. Paste the whole address that the browser ends on.",
            terminal.address(): "That is the address to open.",
            redirect.partition("&")[0]: "A part of it is missing.",
            "x" * 17_000: "It is too long.",
        }.items():
            terminal.press(wrong + "\r")
            terminal.read_until(re.escape(said) + r"[^\n]*\n")
        terminal.press("\r\r")
        terminal.press(redirect + "\r")
        assert terminal.end() == 0
    assert terminal.screen.count("Received ") == 5
    assert scene.az.exchanges == 1


def test_a_timeout_leaves_the_terminal_as_it_was(scene: Scene) -> None:
    with Terminal("auth", "notes", scene.url, "--timeout", "0.3") as terminal:
        before = terminal.settings
        terminal.read_until(READY)
        assert terminal.end() == 1
        assert terminal.settings == before
    assert "within 0.3 seconds" in terminal.screen
    assert "--timeout gives more time" in terminal.screen


def test_ctrl_c_leaves_the_terminal_as_it_was(scene: Scene) -> None:
    with Terminal("auth", "notes", scene.url) as terminal:
        before = terminal.settings
        terminal.read_until("Ctrl-C stops")
        assert hidden(terminal)
        terminal.press("half an address")
        terminal.read_until("15 characters so far")
        terminal.press("\x03")
        assert terminal.end(within=2.0) == 130
        assert terminal.settings == before
    assert terminal.screen.splitlines()[-1] == "interrupted"
    assert "Traceback" not in terminal.screen


def test_ctrl_backslash_leaves_the_terminal_as_it_was(scene: Scene, tmp_path: Path) -> None:
    with Terminal("auth", "notes", scene.url, cwd=tmp_path) as terminal:
        before = terminal.settings
        terminal.read_until("Ctrl-C stops")
        terminal.press("\x1c")
        assert terminal.end() == -3
        assert terminal.settings == before


def test_who_stops_the_program_for_a_while_gets_a_usable_terminal_and_can_paste_afterwards(scene: Scene) -> None:
    with Terminal(program=["/bin/sh", "-i"], environment={"PS1": "shell> ", "ENV": ""}) as terminal:
        terminal.read_until("shell> ")
        before = terminal.settings
        terminal.press(f"exec 2>&1; {' '.join(COMMAND)} auth notes {scene.url}\n")
        terminal.read_until("Ctrl-C stops")
        assert hidden(terminal)
        terminal.press("\x1a")
        terminal.read_until("Stopped")
        assert terminal.settings == before
        terminal.press("echo still 'there'; fg\n")
        terminal.read_until("still there\n")
        deadline = time.monotonic() + PATIENCE
        while not hidden(terminal) and time.monotonic() < deadline:
            time.sleep(0.01)
        terminal.press(redirect_for(terminal) + "\r")
        terminal.read_until("Signed in to")
        terminal.read_until("(?s)Signed in to.*shell> ")
        assert terminal.settings == before
        terminal.press("exit\n")
        terminal.end()


def test_in_the_background_the_terminal_is_left_alone(scene: Scene) -> None:
    with Terminal(program=["/bin/sh", "-i"], environment={"PS1": "shell> ", "ENV": ""}) as terminal:
        terminal.read_until("shell> ")
        before = terminal.settings
        terminal.press(f"{' '.join(COMMAND)} auth notes {scene.url} &\n")
        terminal.read_until("Ctrl-C stops")
        assert terminal.settings == before
        assert READY not in terminal.screen
        terminal.press("echo still 'there'\n")
        terminal.read_until("still there\n")
        scene.person(terminal.address())
        terminal.read_until("Signed in to")
        terminal.press("exit\n")
        terminal.end()


# A code alone


def test_a_code_alone_is_taken_only_when_that_was_asked_for(scene: Scene) -> None:
    scene.az.iss_advertised = False
    with Terminal("auth", "notes", scene.url) as terminal:
        code = parse_qs(urlsplit(redirect_for(terminal)).query)["code"][0]
        terminal.press(f"{code}\r")
        terminal.read_until("That is not it. Paste the whole address")
        terminal.press("\x03")
        terminal.end()
    assert scene.az.requests("/token") == []
    with Terminal("auth", "notes", scene.url, "--accept-bare-code") as terminal:
        code = parse_qs(urlsplit(redirect_for(terminal)).query)["code"][0]
        terminal.press(f"{code}\r")
        assert terminal.end() == 0
    assert scene.az.exchanges == 1


def test_a_code_alone_is_not_enough_where_the_server_promises_to_name_itself(scene: Scene) -> None:
    with Terminal("auth", "notes", scene.url, "--no-browser", "--accept-bare-code") as terminal:
        code = parse_qs(urlsplit(redirect_for(terminal)).query)["code"][0]
        terminal.press(f"{code}\r")
        assert terminal.end() == 1
    assert "(iss) but did not" in terminal.screen
    assert "hint: A code alone does not say which server it is from: paste the whole address instead." in terminal.words
    assert scene.az.requests("/token") == []


# What is said


def test_over_ssh_the_command_that_brings_the_browser_back_is_printed(scene: Scene) -> None:
    environment = {**SSH, "LOGNAME": "me", "DISPLAY": ":0"}
    with Terminal("auth", "notes", scene.url, environment=environment) as terminal:
        address = terminal.address()
        port = urlsplit(parse_qs(urlsplit(address).query)["redirect_uri"][0]).port
        terminal.read_until("Ctrl-C stops")
        assert f"\n  ssh -N -L {port}:127.0.0.1:{port} -p 2222 me@203.0.113.9\n" in terminal.screen
        assert "A browser window opens" not in terminal.screen
        scene.person(address)
        assert terminal.end() == 0


def test_an_editor_that_names_its_browser_over_ssh_gets_it_opened(scene: Scene, browser: object) -> None:
    variable, opened = browser("allow")  # type: ignore[operator]
    with Terminal("auth", "notes", scene.url, environment={**SSH, "BROWSER": variable}) as terminal:
        assert terminal.end() == 0
    assert len(opened.read_text().splitlines()) == 1


def test_no_browser_opens_none_though_there_is_one(scene: Scene, browser: object) -> None:
    variable, opened = browser("allow")  # type: ignore[operator]
    with Terminal("auth", "notes", scene.url, "--no-browser", environment={"BROWSER": variable}) as terminal:
        terminal.press(redirect_for(terminal) + "\r")
        assert terminal.end() == 0
    assert not opened.exists()


def test_a_browser_is_opened_and_the_answer_may_be_pasted_all_the_same(scene: Scene, tmp_path: Path) -> None:
    ignored = f"{sys.executable} -c pass %s"
    with Terminal("auth", "notes", scene.url, environment={"BROWSER": ignored}) as terminal:
        redirect = redirect_for(terminal)
        assert "A browser window opens now." in terminal.screen
        terminal.press(redirect + "\r")
        assert terminal.end() == 0


def test_the_text_fits_a_terminal_of_eighty_columns(scene: Scene) -> None:
    with Terminal("auth", "notes", scene.url, environment={**SSH, "LOGNAME": "me"}) as terminal:
        terminal.read_until("Ctrl-C stops")
        text = terminal.screen.replace(terminal.address(), "")
        terminal.press("\x03")
        terminal.end()
    assert [line for line in text.splitlines() if len(line) > 80] == []


# Nothing to listen on


@pytest.mark.parametrize(
    ("redirect_uri", "kind"),
    [("myapp://oauth/callback", "native"), ("https://app.example.com/callback", "web")],
)
def test_a_redirect_that_nothing_listens_for_is_pasted(scene: Scene, redirect_uri: str, kind: str) -> None:
    with Terminal("auth", "notes", scene.url, "--redirect-uri", redirect_uri) as terminal:
        redirect = redirect_for(terminal)
        assert f"The browser ends on an address that begins with {redirect_uri}\n" in terminal.screen
        assert redirect.startswith(redirect_uri)
        terminal.press(redirect + "\r")
        assert terminal.end() == 0
    assert scene.az.requests("/register")[0].json()["application_type"] == kind
    assert scene.az.requests("/token")[0].param("redirect_uri") == redirect_uri


def test_without_a_terminal_it_fails_before_anything_is_registered_and_names_the_flag(scene: Scene) -> None:
    done = run("auth", "notes", scene.url, "--no-browser", "--redirect-uri", "myapp://callback")
    assert (done.status, done.out) == (1, "")
    error, hint = done.err.splitlines()
    assert error.startswith("error: The browser is to end on myapp://callback, which cannot be listened for here")
    assert "--port" in hint
    assert "callback_port" not in hint
    assert scene.az.requests("/register") == []


def test_no_browser_without_a_terminal_prints_the_address_and_waits_for_the_browser(scene: Scene) -> None:
    done = run("auth", "notes", scene.url, "--no-browser", "--timeout", "0.1")
    assert (done.status, done.out) == (1, "")
    assert "\n  http://127.0.0.1:" in done.err
    assert READY not in done.err


def test_host_bind_and_a_range_of_ports_reach_the_server(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        flags = ["--host", "localhost", "--bind", "127.0.0.1", "--port", f"{port}-{port + 20}"]
        with Terminal("auth", "notes", scene.url, *flags) as terminal:
            scene.person(terminal.address())
            assert terminal.end() == 0
    asked = urlsplit(parse_qs(urlsplit(scene.person.visited[0]).query)["redirect_uri"][0])
    assert asked.hostname == "localhost"
    assert port < (asked.port or 0) <= port + 20
    assert len(scene.az.requests("/register")[0].json()["redirect_uris"]) == 21


def test_a_redirect_that_anybody_could_receive_is_refused_at_once(scene: Scene) -> None:
    done = run("auth", "notes", scene.url, "--redirect-uri", "http://example.com/callback")
    assert (done.status, done.out) == (1, "")
    error, hint = done.err.splitlines()
    assert error == "error: The redirect URI 'http://example.com/callback' is refused: it is not https."
    assert "myapp://callback" in hint
    assert scene.quiet()
